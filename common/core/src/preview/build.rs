//! From the scheduler's solution to the report: nodes, places, totals.

use std::borrow::Cow;
use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};

use super::launch::{Launch, launch};
use super::limits::limit_uses;
use super::price::PriceRange;
use super::report::{Landing, OneOf, PlannedNode, PodName, Preview, Summary, Unplaced};
use crate::explain::report::{Explanation, Group, OutcomeWord, Verdict};
use crate::explain::{Analyst, Depth, ObjectIndex, explain, no_image, pending_pods};
use crate::model::{LabelProfile, Pod, ResourceList, Snapshot, resource_name};
use crate::sim::pods::{is_owned_by_daemon_set, is_owned_by_node};
use crate::sim::{NewNodeClaim, NotConsidered, Outcome, PodDecision, Solution, Synced, Unsynced};

/// A solution with what its NodeClaims become.
#[derive(Debug)]
struct Planned<'a> {
    solution: &'a Solution,
    launches: Vec<Launched>,
}

/// What a NodeClaim becomes, or why no node comes of it.
pub type Launched = Result<Option<Launch>, String>;

/// What each NodeClaim of a solution becomes; aligned with [`Solution::node_claims`].
pub fn launches(snapshot: &Snapshot, solution: &Solution, profile: &LabelProfile) -> Vec<Launched> {
    let index = ObjectIndex::new(snapshot);
    let one = |claim: &NewNodeClaim| -> Launched {
        if let Some(error) = &claim.create_error {
            return Err(error.clone());
        }
        if let Some(missing) = no_image(claim, solution, &index, profile) {
            return Err(format!(
                "ec2nodeclass/{} has no image for {}",
                missing.node_class, missing.instance_type
            ));
        }
        match solution.node_pools.iter().find(|pool| pool.name == claim.node_pool) {
            Some(pool) => launch(claim, pool, snapshot, profile),
            None => Ok(None),
        }
    };
    solution.node_claims.iter().map(one).collect()
}

impl<'a> Planned<'a> {
    fn new(snapshot: &Snapshot, solution: &'a Solution, profile: &LabelProfile) -> Self {
        Self { solution, launches: launches(snapshot, solution, profile) }
    }

    fn launch(&self, position: usize) -> Option<&Launch> {
        self.launches.get(position)?.as_ref().ok()?.as_ref()
    }

    fn error(&self, position: usize) -> Option<&String> {
        self.launches.get(position)?.as_ref().err()
    }

    /// Whether a decision gives the pod a place to run.
    fn is_placed(&self, decision: &PodDecision) -> bool {
        match decision.outcome {
            Outcome::Existing { .. } => true,
            Outcome::New { node_claim } => self.error(node_claim).is_none(),
            _ => false,
        }
    }
}

/// The report of a solution of this snapshot.
pub fn preview(snapshot: &Snapshot, solution: &Solution, profile: &LabelProfile) -> Preview {
    let planned = Planned::new(snapshot, solution, profile);
    let explanation = explain_unplaced(snapshot, &planned, profile);
    let node_claims = planned_nodes(&planned);
    let existing = landings(solution);
    let pending = explanation.groups.iter().map(|group| unplaced(group, &planned)).collect::<Vec<_>>();
    let mut summary = summary(&planned, &node_claims, &existing);
    if summary.stands_still.is_some() {
        summary.pods = pending.iter().map(|group| group.pods.len()).sum();
        summary.pending = summary.pods;
    }
    Preview {
        taken_at: explanation.taken_at,
        taken_at_guessed: explanation.taken_at_guessed,
        karpenter: explanation.karpenter,
        summary,
        without_changes: None,
        limits: limit_uses(snapshot, solution, &planned.launches),
        uncertain: uncertain(&node_claims, solution),
        node_claims,
        existing,
        pending,
        diff: None,
        prices: explanation.prices,
        gaps: explanation.gaps,
        not_modelled: explanation.not_modelled,
        unresolved: Vec::new(),
    }
}

/// The totals of a solution alone.
pub fn totals(snapshot: &Snapshot, solution: &Solution, profile: &LabelProfile) -> Summary {
    let planned = Planned::new(snapshot, solution, profile);
    summary(&planned, &planned_nodes(&planned), &landings(solution))
}

/// Whether a decision is about load that a preview counts: a DaemonSet's or a Node's own pod is none.
fn is_load(decision: &PodDecision) -> bool {
    !matches!(
        decision.outcome,
        Outcome::NotConsidered(NotConsidered::DaemonSetPod | NotConsidered::StaticPod)
    )
}

/// Why pods have no place. Pods of nodes that go are taken for what they will be: unbound.
fn explain_unplaced(snapshot: &Snapshot, planned: &Planned<'_>, profile: &LabelProfile) -> Explanation {
    let solution = planned.solution;
    let homeless: Vec<usize> = solution
        .pods
        .iter()
        .filter(|decision| is_load(decision) && !planned.is_placed(decision))
        .filter_map(|decision| decision.pod_index)
        .collect();
    let is_bound =
        |index: &usize| snapshot.objects.pods.get(*index).is_some_and(|pod| pod.node_name.is_some());
    let mut snapshot = Cow::Borrowed(snapshot);
    if homeless.iter().any(is_bound) {
        let pods = &mut snapshot.to_mut().objects.pods;
        for index in &homeless {
            if let Some(pod) = pods.get_mut(*index) {
                pod.node_name = None;
            }
        }
    }
    let pods: Vec<&Pod> = match solution.synced {
        Synced::Yes => homeless.iter().filter_map(|index| snapshot.objects.pods.get(*index)).collect(),
        Synced::Waiting(_) => {
            let all = pending_pods(&snapshot).into_iter();
            all.filter(|pod| !is_owned_by_daemon_set(pod) && !is_owned_by_node(pod)).collect()
        }
    };
    explain(&Analyst::new(&snapshot, solution, profile), &pods, Depth::Grouped)
}

/// A group of pods without a place. Where the scheduler has one for them, the launch is what fails.
fn unplaced(group: &Group, planned: &Planned<'_>) -> Unplaced {
    let mut unplaced = Unplaced::from(group);
    if matches!(group.outcome, OutcomeWord::New | OutcomeWord::Existing) {
        let first = group.pods.first();
        let decision = planned.solution.pods.iter().find(|decision| {
            first.is_some_and(|pod| (&pod.namespace, &pod.name) == (&decision.namespace, &decision.name))
        });
        let error = decision.and_then(|decision| match decision.outcome {
            Outcome::New { node_claim } => planned.error(node_claim),
            _ => None,
        });
        unplaced.verdict = Verdict::No;
        unplaced.outcome = OutcomeWord::LaunchFails;
        unplaced.reasons = error.map(|error| format!("the launch fails: {error}")).into_iter().collect();
    }
    unplaced
}

/// Words of what stays open.
fn uncertain(node_claims: &[PlannedNode], solution: &Solution) -> Vec<String> {
    let said = [
        ("ec2-choice", node_claims.iter().any(|node| node.is_open)),
        ("one-of", !solution.choices.is_empty()),
    ];
    said.into_iter().filter(|(_, holds)| *holds).map(|(word, _)| word.to_owned()).collect()
}

fn planned_nodes(planned: &Planned<'_>) -> Vec<PlannedNode> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (position, claim) in planned.solution.node_claims.iter().enumerate() {
        let number = numbers.entry(claim.node_pool.as_str()).or_default();
        *number += 1;
        nodes.push(planned_node(planned, claim, position, *number));
    }
    nodes
}

fn planned_node(planned: &Planned<'_>, claim: &NewNodeClaim, position: usize, number: usize) -> PlannedNode {
    let launch = planned.launch(position);
    let requests = claim.object.spec.resources.requests.clone();
    let allocatable = launch.map(|launch| launch.allocatable.clone()).unwrap_or_default();
    PlannedNode {
        name: format!("{}-{number}", claim.node_pool),
        node_pool: claim.node_pool.clone(),
        capacity_types: launch.map(|launch| launch.capacity_type.clone()).into_iter().collect(),
        zones: launch.map(|launch| launch.zones.clone()).unwrap_or_default(),
        instance_types: claim.instance_types.to_vec(),
        asked_types: launch.map_or(0, |launch| launch.asked_types),
        is_open: launch.is_some_and(|launch| launch.is_open),
        used: used_share(&requests, &allocatable),
        requests,
        allocatable,
        price_per_hour: launch.map_or(PriceRange::UNKNOWN, |launch| launch.price),
        pods: pod_names(planned.solution, &claim.pods),
        one_of: ties(planned.solution, &claim.pods),
        launch_error: planned.error(position).cloned(),
        object: claim.object.clone(),
    }
}

/// The fuller of cpu and memory.
fn used_share(requests: &ResourceList, allocatable: &ResourceList) -> Option<f64> {
    [resource_name::CPU, resource_name::MEMORY]
        .into_iter()
        .filter_map(|name| {
            let has = allocatable.get(name).filter(|has| !has.is_zero())?;
            Some(requests.amount(name).as_f64() / has.as_f64())
        })
        .reduce(f64::max)
}

fn pod_names(solution: &Solution, positions: &[usize]) -> Vec<PodName> {
    positions
        .iter()
        .filter_map(|position| solution.pods.get(*position))
        .map(|decision| PodName { namespace: decision.namespace.clone(), name: decision.name.clone() })
        .collect()
}

/// Ties met while these pods were placed, each once.
fn ties(solution: &Solution, positions: &[usize]) -> Vec<OneOf> {
    let mut ties: Vec<OneOf> = Vec::new();
    for choice in
        solution.choices.iter().filter(|choice| !choice.turned_away && positions.contains(&choice.pod))
    {
        let tie = OneOf { key: choice.key.clone(), values: choice.values.clone() };
        if !ties.contains(&tie) {
            ties.push(tie);
        }
    }
    ties
}

fn landings(solution: &Solution) -> Vec<Landing> {
    solution
        .existing_nodes
        .iter()
        .filter(|node| !node.pods.is_empty())
        .map(|node| Landing {
            node: node.name.clone(),
            node_pool: node.node_pool.clone(),
            pods: pod_names(solution, &node.pods),
            remaining: node.remaining.clone(),
        })
        .collect()
}

fn summary(planned: &Planned<'_>, node_claims: &[PlannedNode], existing: &[Landing]) -> Summary {
    let load: Vec<&PodDecision> = planned.solution.pods.iter().filter(|decision| is_load(decision)).collect();
    let placed = load.iter().filter(|decision| planned.is_placed(decision)).count();
    let on_existing_nodes =
        load.iter().filter(|decision| matches!(decision.outcome, Outcome::Existing { .. })).count();
    let launched: Vec<&PlannedNode> = node_claims.iter().filter(|node| node.launch_error.is_none()).collect();
    Summary {
        pods: load.len(),
        new_nodes: launched.len(),
        on_new_nodes: placed - on_existing_nodes,
        existing_nodes: existing.len(),
        on_existing_nodes,
        placed,
        pending: load.len() - placed,
        stands_still: stands_still(&planned.solution.synced),
        price_per_hour: launched
            .iter()
            .fold(PriceRange::NOTHING, |total, node| total.plus(node.price_per_hour)),
    }
}

/// Why the controller would not run the loop.
fn stands_still(synced: &Synced) -> Option<String> {
    let Synced::Waiting(causes) = synced else { return None };
    let names: Vec<CompactString> = causes
        .iter()
        .map(|cause| match cause {
            Unsynced::NodeClaimNotLaunched { node_claim } => format_compact!("nodeclaim/{node_claim}"),
        })
        .collect();
    Some(format!("{} not launched", names.join(", ")))
}
