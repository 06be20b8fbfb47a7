//! From a snapshot to a plan.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::advice;
use super::filter::{DaemonSets, filter};
use super::landing::{self, Landing, Lands, Simulate};
use super::options::DrainOptions;
use super::refusal::{BlockedBy, Refusal};
use super::report::{
    DrainPlan, LandsOn, PlanVerdict, PlannedNode, PlannedPod, PodAction, PodPdb, PodVolume, Predicted, Then,
};
use super::termination;
use super::timing::{NEW_NODE_SECONDS, RestartTimes};
use crate::disruption::eviction::{EvictionAnswer, EvictionTier, Ledger, PdbTrouble, grace_seconds};
use crate::disruption::pdb::PdbLimits;
use crate::explain::{ObjectIndex, owner_of};
use crate::model::{LabelProfile, Pod, PodDisruptionBudget, Snapshot, StateNode, label_key, state_nodes};

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
        Some(PlannedNode {
            name: node.metadata.name.clone(),
            uid: node.metadata.uid.clone(),
            node_claim: claim.map(|claim| claim.metadata.name.clone()),
            node_claim_uid: claim.map(|claim| claim.metadata.uid.clone()),
            node_pool: node.metadata.labels.get(label_key::NODE_POOL).map(Into::into),
            cordoned: node.spec.unschedulable,
            price_usd_per_hour: None,
            termination,
            pods: pods.into_iter().map(|pod| self.pod(pod, ledger)).collect(),
            seconds: 0,
        })
    }

    fn pod(&self, pod: &Pod, ledger: &mut Ledger<'a>) -> PlannedPod {
        let now = self.snapshot.taken_at;
        let filtered = filter(pod, self.options, &self.daemon_sets, now);
        let matching = self.limits.matching(pod);
        let mut planned = PlannedPod {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            owner: owner_of(pod, &self.index).name,
            action: PodAction::Evict,
            code: None,
            blocked_by: Vec::new(),
            why: String::new(),
            pdbs: matching.iter().map(|pdb| pod_pdb(pdb)).collect(),
            predicted: None,
            round: 1,
            rounds: 1,
            grace_seconds: self.options.grace_seconds.unwrap_or_else(|| grace_seconds(pod)),
            lands_on: None,
            tier: EvictionTier::of(pod) as u8 + 1,
            volumes: self.volumes(pod),
            warning: filtered.warning,
        };
        if let Some(skip) = filtered.skip {
            planned.action = PodAction::Skip;
            planned.why = skip.words().to_owned();
            return planned;
        }
        let mut refusals = filtered.refusals;
        let mut wait = None;
        if !self.options.disable_eviction {
            let answer = if refusals.is_empty() { ledger.evict(pod) } else { ledger.ask(pod) };
            planned.predicted = Some(Predicted { status: answer.status(), message: answer.message() });
            match outlook(&answer) {
                Outlook::Never(Refusal::PdbNever { trouble: PdbTrouble::WantsAll, .. })
                    if self.will_have_more(pod, &matching) =>
                {
                    wait = Some(later_words(matching[0]));
                }
                Outlook::Never(refusal) => refusals.insert(0, refusal),
                Outlook::Later(words) => wait = Some(words),
                Outlook::Now(words) => planned.why = words,
            }
        }
        if pod.is_terminal() {
            planned.why = "finished".into();
        } else if let Some(at) = pod.metadata.deletion_timestamp {
            let left = (at.as_second() - now.as_second()).max(0);
            wait = Some(format!("terminating, {left}s of {}s left", planned.grace_seconds));
        }
        if let Some(words) = wait {
            planned.action = PodAction::Wait;
            planned.why = words;
        }
        refuse(&mut planned, &refusals);
        planned
    }

    /// A PDB that counts pods looks as if it wanted all of them while one is being made again: its workload knows
    /// how many there will be.
    fn will_have_more(&self, pod: &Pod, pdbs: &[&PodDisruptionBudget]) -> bool {
        let needed = match pdbs {
            [pdb] => i64::from(pdb.status.desired_healthy),
            _ => return false,
        };
        let replicas = owner_of(pod, &self.index).workload.and_then(|workload| workload.spec.replicas);
        replicas.is_some_and(|replicas| replicas > needed)
    }

    fn volumes(&self, pod: &Pod) -> Vec<PodVolume> {
        let claims = pod.spec.volumes.iter().filter_map(|volume| {
            let own = format!("{}-{}", pod.metadata.name, volume.name);
            match (&volume.persistent_volume_claim, &volume.ephemeral) {
                (Some(source), _) => Some(source.claim_name.to_string()),
                (None, Some(_)) => Some(own),
                _ => None,
            }
        });
        claims
            .filter_map(|name| {
                let claim = self.index.claims.get(&(pod.metadata.namespace.as_str(), name.as_str()))?;
                let volume = self.index.volumes.get(claim.spec.volume_name.as_str())?;
                let terms =
                    volume.spec.node_affinity.iter().filter_map(|affinity| affinity.required.as_ref());
                let zones: BTreeSet<CompactString> = terms
                    .flat_map(|required| &required.node_selector_terms)
                    .flat_map(|term| &term.match_expressions)
                    .filter(|expression| {
                        expression.key == label_key::ZONE || expression.key.ends_with("/zone")
                    })
                    .flat_map(|expression| expression.values.iter().cloned())
                    .collect();
                Some(PodVolume {
                    claim: claim.metadata.name.clone(),
                    volume: volume.metadata.name.clone(),
                    zones: zones.into_iter().collect(),
                    local: volume.spec.local.is_some() || volume.spec.host_path.is_some(),
                })
            })
            .collect()
    }

    /// Fills in where pods come up again; pods without a place refuse.
    fn land(
        &self,
        planned: &mut [PlannedNode],
        simulate: Option<&Simulate<'_>>,
        profile: &LabelProfile,
    ) -> Landing {
        let Some(simulate) = simulate else { return Landing::default() };
        let targets: BTreeSet<CompactString> = planned.iter().map(|node| node.name.clone()).collect();
        let targets: BTreeSet<&str> = targets.iter().map(CompactString::as_str).collect();
        let leaving: BTreeSet<CompactString> = planned
            .iter()
            .flat_map(|node| &node.pods)
            .filter(|pod| pod.action != PodAction::Skip && !is_daemon(pod))
            .map(|pod| pod.uid.clone())
            .collect();
        let drained =
            landing::as_drained(self.snapshot, &targets, |pod| leaving.contains(pod.metadata.uid.as_str()));
        let moved: BTreeSet<&str> = leaving.iter().map(CompactString::as_str).collect();
        let landing = landing::read(&simulate(&drained), &moved, &self.index, profile);
        for pod in planned.iter_mut().flat_map(|node| &mut node.pods) {
            if !leaving.contains(&pod.uid) || pod.why == "finished" {
                continue;
            }
            if pod.owner.kind == "Pod" {
                pod.lands_on = Some(LandsOn::Nowhere { nowhere: true });
                continue;
            }
            match landing.pods.get(&pod.uid) {
                Some(Lands::On(place)) => pod.lands_on = Some(place.clone()),
                Some(Lands::Nowhere(error)) => {
                    pod.lands_on = Some(LandsOn::Nowhere { nowhere: true });
                    if !self.options.allow_pending {
                        refuse(pod, &[Refusal::NoPlace { error: error.clone() }]);
                    }
                }
                Some(Lands::Unknown) | None => {}
            }
            if pod.why.is_empty() && !pod.volumes.is_empty() {
                pod.why = moves(&pod.volumes);
            }
        }
        landing
    }

    /// One budget serves all nodes of the plan: so many pods at a time, in so many rounds.
    fn settle_rounds(&self, planned: &mut [PlannedNode]) {
        let mut queues: BTreeMap<(CompactString, CompactString), Vec<&mut PlannedPod>> = BTreeMap::new();
        for pod in planned.iter_mut().flat_map(|node| &mut node.pods) {
            let goes = matches!(pod.action, PodAction::Evict | PodAction::Wait);
            let counted = pod.predicted.as_ref().is_some_and(|answer| matches!(answer.status, 201 | 429));
            if let [pdb] = &pod.pdbs[..]
                && goes
                && counted
                && pod.why != "finished"
                && !pod.why.starts_with("not Ready")
                && !pod.why.starts_with("terminating")
            {
                queues.entry((pod.namespace.clone(), pdb.name.clone())).or_default().push(pod);
            }
        }
        for ((_, name), pods) in queues {
            let allowed = pods.first().and_then(|pod| pod.pdbs.first()).map_or(0, |pdb| pdb.allowed);
            let at_once = usize::try_from(allowed).unwrap_or(0).max(1);
            let rounds = pods.len().div_ceil(at_once);
            for (position, pod) in pods.into_iter().enumerate() {
                pod.round = position / at_once + 1;
                pod.rounds = rounds;
                // A pod of a later round is not stuck: it goes when its turn comes.
                if allowed > 0 {
                    pod.action = PodAction::Evict;
                    let rounds_words = if rounds == 1 { String::new() } else { format!(": {rounds} rounds") };
                    pod.why = format!("pdb/{name} allows {allowed}{rounds_words}");
                }
            }
        }
    }

    /// Tiers go one after the other; in a tier the slowest PDB decides.
    fn node_seconds(&self, node: &PlannedNode, landing: &Landing) -> i64 {
        let new_node = |pod: &PlannedPod| match &pod.lands_on {
            Some(LandsOn::NewNode { .. }) if !landing.new_nodes.is_empty() => NEW_NODE_SECONDS,
            _ => 0,
        };
        let mut tiers: BTreeMap<u8, BTreeMap<&str, (i64, i64)>> = BTreeMap::new();
        for pod in node.pods.iter().filter(|pod| matches!(pod.action, PodAction::Evict | PodAction::Wait)) {
            let (queue, round) = match &pod.pdbs[..] {
                [pdb] => (pdb.name.as_str(), self.restart_of(pod, pdb)),
                _ => ("", RestartTimes::other()),
            };
            let stop = pod.grace_seconds.min(30);
            let entry = tiers.entry(pod.tier).or_default().entry(queue).or_default();
            entry.0 = if queue.is_empty() { 1 } else { entry.0.max(i64::try_from(pod.rounds).unwrap_or(1)) };
            entry.1 = entry.1.max(stop + round + new_node(pod));
        }
        let slowest = |tier: &BTreeMap<&str, (i64, i64)>| {
            tier.values().map(|(rounds, seconds)| rounds * seconds).max().unwrap_or(0)
        };
        tiers.values().map(slowest).sum()
    }

    fn restart_of(&self, pod: &PlannedPod, pdb: &PodPdb) -> i64 {
        let found = self.snapshot.objects.pod_disruption_budgets.iter().find(|candidate| {
            candidate.metadata.namespace == pod.namespace && candidate.metadata.name == pdb.name
        });
        found.map_or_else(RestartTimes::other, |pdb| self.restarts.of(pdb))
    }
}

fn is_daemon(pod: &PlannedPod) -> bool {
    pod.owner.kind == "DaemonSet"
}

/// Adds refusals to a pod.
fn refuse(pod: &mut PlannedPod, refusals: &[Refusal]) {
    if refusals.is_empty() {
        return;
    }
    pod.action = PodAction::Refuse;
    pod.blocked_by.extend(refusals.iter().map(BlockedBy::from));
    pod.code = pod.blocked_by.first().map(|first| first.code);
    let words: Vec<&str> = pod.blocked_by.iter().map(|blocked| blocked.why.as_str()).collect();
    pod.why = words.join("; ");
}

/// What an answer means for a drain.
enum Outlook {
    Now(String),
    Later(String),
    Never(Refusal),
}

fn outlook(answer: &EvictionAnswer<'_>) -> Outlook {
    match answer {
        EvictionAnswer::Unchecked | EvictionAnswer::Unprotected | EvictionAnswer::Counted(_) => {
            Outlook::Now(String::new())
        }
        EvictionAnswer::UnhealthyPasses(pdb) => {
            Outlook::Now(format!("not Ready, pdb/{} lets it go", pdb.metadata.name))
        }
        EvictionAnswer::SeveralPdbs(pdbs) => Outlook::Never(Refusal::SeveralPdbs {
            pdbs: pdbs.iter().map(|pdb| pdb.metadata.name.clone()).collect(),
        }),
        EvictionAnswer::StatusBroken(pdb) => {
            Outlook::Never(Refusal::PdbBroken { pdb: pdb.metadata.name.clone() })
        }
        EvictionAnswer::StatusStale(pdb) => {
            Outlook::Later(format!("pdb/{}: its status is older than its spec", pdb.metadata.name))
        }
        EvictionAnswer::UsedUp(pdb) => {
            let healthy = (pdb.status.current_healthy, pdb.status.desired_healthy);
            match PdbTrouble::of(pdb) {
                Some(trouble) if trouble.is_permanent() => Outlook::Never(Refusal::PdbNever {
                    pdb: pdb.metadata.name.clone(),
                    trouble,
                    rule: rule(pdb),
                    healthy,
                }),
                _ => Outlook::Later(later_words(pdb)),
            }
        }
    }
}

/// `pdb/cart allows 0: 2 of 2`.
fn later_words(pdb: &PodDisruptionBudget) -> String {
    let status = &pdb.status;
    format!(
        "pdb/{} allows {}: {} of {}",
        pdb.metadata.name, status.disruptions_allowed, status.current_healthy, status.desired_healthy
    )
}

fn pod_pdb(pdb: &PodDisruptionBudget) -> PodPdb {
    PodPdb {
        name: pdb.metadata.name.clone(),
        allowed: pdb.status.disruptions_allowed,
        healthy: pdb.status.current_healthy,
        needed: pdb.status.desired_healthy,
        rule: rule(pdb),
    }
}

/// `minAvailable 2`, `maxUnavailable 1`.
fn rule(pdb: &PodDisruptionBudget) -> String {
    match (&pdb.spec.min_available, &pdb.spec.max_unavailable) {
        (Some(bound), _) => format!("minAvailable {bound}"),
        (None, Some(bound)) => format!("maxUnavailable {bound}"),
        (None, None) => "minAvailable 1".into(),
    }
}

fn moves(volumes: &[PodVolume]) -> String {
    let zones: BTreeSet<&str> =
        volumes.iter().flat_map(|volume| &volume.zones).map(CompactString::as_str).collect();
    let noun = if volumes.len() == 1 { "volume moves" } else { "volumes move" };
    if volumes.iter().any(|volume| volume.local) {
        return "its volume is a disk of this node".into();
    }
    match zones.is_empty() {
        true => noun.to_owned(),
        false => format!("{noun} ({})", zones.into_iter().collect::<Vec<_>>().join(", ")),
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
