//! From a snapshot to a plan: per node, per pod ([`pod`]: filters, [`budgets`], volumes), then over all of them where
//! pods land ([`places`]) and how long it takes ([`rounds`]).

mod budgets;
mod places;
mod pod;
mod rounds;
#[cfg(test)]
mod tests;

use compact_str::CompactString;

use pod::ends_by_itself;

use super::advice;
use super::filter::DaemonSets;
use super::landing::Simulate;
use super::options::DrainOptions;
use super::report::{DrainPlan, PlanVerdict, PlannedNode, PodAction, Then};
use super::termination;
use super::timing::RestartTimes;
use crate::disruption::eviction::{EvictionTier, Ledger, forced_at};
use crate::disruption::pdb::PdbLimits;
use crate::explain::ObjectIndex;
use crate::model::{LabelProfile, Pod, Snapshot, StateNode, label_key, state_nodes};

/// Plans the drain of these nodes, in this order; names that do not exist are left out. `simulate` is the scheduler;
/// without one, places are not told. `profile` are the provider's labels.
pub fn plan(
    snapshot: &Snapshot,
    nodes: &[CompactString],
    options: &DrainOptions,
    simulate: Option<&Simulate<'_>>,
    profile: &LabelProfile,
) -> DrainPlan {
    let mut plan = draft(snapshot, nodes, options, simulate, profile);
    plan.changes = advice::changes(snapshot, &plan, &|snapshot, options| {
        draft(snapshot, nodes, options, simulate, profile)
    });
    plan
}

/// A plan without advice.
fn draft(
    snapshot: &Snapshot,
    nodes: &[CompactString],
    options: &DrainOptions,
    simulate: Option<&Simulate<'_>>,
    profile: &LabelProfile,
) -> DrainPlan {
    let limits = PdbLimits::new(snapshot);
    let planner = Planner {
        snapshot,
        options,
        index: ObjectIndex::new(snapshot),
        daemon_sets: DaemonSets::of(snapshot),
        machines: state_nodes(snapshot),
        restarts: RestartTimes::measured(snapshot),
        limits: &limits,
    };
    let mut ledger = Ledger::new(&limits);
    let mut planned: Vec<PlannedNode> =
        nodes.iter().filter_map(|name| planner.node(name, &mut ledger)).collect();
    let landing = planner.land(&mut planned, simulate, profile);
    planner.settle_rounds(&mut planned);
    for node in &mut planned {
        node.seconds = planner.node_seconds(node, &landing);
        node.pods.sort_by(|a, b| (a.action, &a.namespace, &a.name).cmp(&(b.action, &b.namespace, &b.name)));
    }
    let refused = planned.iter().any(|node| node.count(PodAction::Refuse) > 0);
    let window = options.max_unavailable.max(1);
    let seconds =
        planned.chunks(window).map(|wave| wave.iter().map(|node| node.seconds).max().unwrap_or(0)).sum();
    let mut uncertain = landing.uncertain;
    if simulate.is_none() {
        uncertain.push("places: no scheduler was asked".into());
    }
    let pdb_gap = snapshot.gap("poddisruptionbudgets");
    if let Some(gap) = pdb_gap {
        uncertain.push(format!(
            "PDBs not read ({}): the API server will refuse where it must; times unknown",
            gap.reason
        ));
    }
    DrainPlan {
        id: identity(&planned),
        taken_at: snapshot.taken_at,
        verdict: if refused { PlanVerdict::Refused } else { PlanVerdict::Go },
        nodes: planned,
        new_node_claims: landing.new_nodes,
        seconds,
        then: if options.delete_nodeclaim { Then::NodeClaimDeleted } else { Then::Cordoned },
        changes: Vec::new(),
        options: options.clone(),
        gaps: snapshot.gaps.clone(),
        not_modelled: landing.not_modelled,
        uncertain,
    }
}

struct Planner<'a> {
    snapshot: &'a Snapshot,
    options: &'a DrainOptions,
    index: ObjectIndex<'a>,
    daemon_sets: DaemonSets,
    machines: Vec<StateNode<'a>>,
    restarts: RestartTimes,
    limits: &'a PdbLimits<'a>,
}

impl<'a> Planner<'a> {
    fn node(&self, name: &str, ledger: &mut Ledger<'a>) -> Option<PlannedNode> {
        let node = *self.index.nodes.get(name)?;
        let machine = self
            .machines
            .iter()
            .find(|machine| machine.node.is_some_and(|found| found.metadata.name == node.metadata.name));
        let claim = machine.and_then(|machine| machine.node_claim);
        let mut pods: Vec<&Pod> = self.index.pods_by_node.get(name).cloned().unwrap_or_default();
        pods.sort_by_key(|pod| (EvictionTier::of(pod), &pod.metadata.namespace, &pod.metadata.name));
        let termination =
            machine.and_then(|machine| termination::of(machine, &pods, ledger, self.snapshot.taken_at));
        let deadline = termination.as_ref().and_then(|termination| termination.deadline);
        let plan_pod = |pod: &Pod, ledger: &mut Ledger<'a>| {
            let mut planned = self.pod(pod, ledger);
            if let Some(deadline) = deadline {
                ends_by_itself(&mut planned, forced_at(pod, deadline));
            }
            planned
        };
        Some(PlannedNode {
            name: node.metadata.name.clone(),
            uid: node.metadata.uid.clone(),
            node_claim: claim.map(|claim| claim.metadata.name.clone()),
            node_claim_uid: claim.map(|claim| claim.metadata.uid.clone()),
            node_pool: node.metadata.labels.get(label_key::NODE_POOL).map(Into::into),
            cordoned: node.spec.unschedulable,
            price_usd_per_hour: None,
            termination,
            pods: pods.into_iter().map(|pod| plan_pod(pod, ledger)).collect(),
            seconds: 0,
        })
    }
}

/// A short name that changes with the nodes and the pods that would go.
fn identity(nodes: &[PlannedNode]) -> String {
    let words = nodes.iter().flat_map(|node| {
        let pods = node.pods.iter().filter(|pod| pod.action != PodAction::Skip).map(|pod| pod.uid.as_str());
        std::iter::once(node.uid.as_str()).chain(pods)
    });
    // FNV-1a: no secret, only a name.
    let hash =
        words.flat_map(|word| word.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("d-{:04x}", hash >> 48)
}
