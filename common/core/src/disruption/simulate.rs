//! What would become of the pods of nodes that go: the scheduler run again without those nodes.
//!
//! Mirrors karpenter: pkg/controllers/disruption/helpers.go (`SimulateScheduling`,
//! `SimulateSchedulingWithReservedFallback`). Pods that do-not-disrupt or a fully blocking PDB holds are left out:
//! no capacity is prepared for them.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidate;
use super::cluster_state::ClusterState;
use super::command::{Place, Placement};
use crate::model::label_key;
use crate::sim::pods::is_provisionable;
use crate::sim::{Outcome, PoolEligibility, ReservedMode, Solution, SolveOptions, Synced, solve};

/// Pods named in one event.
const MAX_ERRORS: usize = 5;

/// A run of the scheduler without some nodes.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// What the scheduler decided.
    pub solution: Solution,
    /// Where every pod of it went, by namespace and name. A pod on a node that is not yet initialized counts as
    /// not placed, unless its own node is being deleted already.
    pub placements: Vec<Placement>,
    /// Pods that run now and would not be placed, with the controller's words, by namespace and name.
    pub failures: Vec<(String, String)>,
}

impl Simulation {
    /// Whether every pod that runs now has a place. Pods that are pending already may stay so.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }

    /// The controller's sentence about the failures.
    pub fn failure_text(&self) -> String {
        let mut text = "Not all pods would schedule, ".to_owned();
        for (pod, error) in self.failures.iter().take(MAX_ERRORS) {
            text.push_str(&format!("{pod} => {error} "));
        }
        // The controller says so as soon as it has named five, also where none is left.
        if self.failures.len() >= MAX_ERRORS {
            text.push_str(&format!(" and {} other(s)", self.failures.len() - MAX_ERRORS));
        }
        text
    }

    /// The sum of what the new nodes cost at least, US dollars an hour; nothing where that is not known.
    pub fn price(&self) -> f64 {
        let cheapest = |prices: &[f64]| prices.first().copied().filter(|price| price.is_finite());
        self.solution.node_claims.iter().filter_map(|claim| cheapest(&claim.prices)).sum()
    }

    /// Names of the pods on each new node, sorted.
    pub fn claim_pods(&self) -> Vec<Vec<String>> {
        let name = |at: &usize| {
            let pod = &self.solution.pods[*at];
            format!("{}/{}", pod.namespace, pod.name)
        };
        let claims = self.solution.node_claims.iter();
        claims
            .map(|claim| {
                let mut names: Vec<String> = claim.pods.iter().map(name).collect();
                names.sort();
                names
            })
            .collect()
    }
}

/// Runs the scheduler without these candidates.
///
/// # Errors
/// In the controller's words: there is no NodePool to build on.
pub fn simulate(
    cluster: &ClusterState<'_>,
    candidates: &[&Candidate<'_>],
    reserved: ReservedMode,
    credit: Option<&str>,
) -> Result<Simulation, String> {
    let mut options = SolveOptions { reserved, ..SolveOptions::default() };
    let names = candidates.iter().map(|candidate| candidate.node.name().into());
    options.marked_for_deletion = cluster.memory.in_command.iter().cloned().chain(names).collect();
    options.reservation_credit = credit.map(Into::into);
    let solution = solve(cluster.snapshot, cluster.provider, &options);
    let is_built_on = |eligibility: &PoolEligibility| {
        !matches!(
            eligibility,
            PoolEligibility::ForeignNodeClass
                | PoolEligibility::Static
                | PoolEligibility::NotReady
                | PoolEligibility::Deleting
        )
    };
    if solution.synced == Synced::Yes
        && !solution.node_pools.iter().any(|pool| is_built_on(&pool.eligibility))
    {
        return Err("creating scheduler, no nodepools found".to_owned());
    }
    Ok(read(cluster, candidates, solution))
}

fn read(cluster: &ClusterState<'_>, candidates: &[&Candidate<'_>], solution: Solution) -> Simulation {
    let leaving: BTreeSet<&str> = cluster
        .nodes
        .iter()
        .filter(|node| cluster.is_marked_for_deletion(node))
        .filter_map(|node| node.node)
        .map(|node| node.metadata.name.as_str())
        .collect();
    let candidates: BTreeSet<&str> = candidates.iter().map(|candidate| candidate.node.name()).collect();
    let uninitialized: BTreeMap<&str, String> = solution
        .existing_nodes
        .iter()
        .filter(|node| !node.initialized)
        .map(|node| (node.name.as_str(), uninitialized_text(cluster, &node.name)))
        .collect();
    let (mut placements, mut failures) = (Vec::new(), Vec::new());
    for decision in &solution.pods {
        let pod = decision.pod_index.and_then(|at| cluster.snapshot.objects.pods.get(at));
        let own_node = pod.and_then(|pod| pod.node_name.as_deref()).unwrap_or_default();
        let is_leaving = leaving.contains(own_node) && !candidates.contains(own_node);
        let name = format!("{}/{}", decision.namespace, decision.name);
        let place = match &decision.outcome {
            Outcome::Existing { node } => match uninitialized.get(node.as_str()) {
                Some(text) if !is_leaving => Place::Error(text.clone()),
                _ => Place::Node(node.to_string()),
            },
            Outcome::New { node_claim } => Place::Replacement(*node_claim),
            Outcome::Error { error } | Outcome::Deferred { error } => Place::Error(error.clone()),
            // These are not looked at in a simulation.
            Outcome::Ignored { .. } | Outcome::NotConsidered(_) => continue,
            Outcome::NotModelled(missing) => Place::Error(format!("not modelled: {}", missing.feature)),
        };
        if let Place::Error(error) = &place
            && pod.is_some_and(|pod| !is_provisionable(pod))
        {
            failures.push((name.clone(), error.clone()));
        }
        placements.push(Placement { pod: name, place });
    }
    Simulation { solution, placements, failures }
}

/// `would schedule against uninitialized nodeclaim/c, node/n`.
fn uninitialized_text(cluster: &ClusterState<'_>, name: &str) -> String {
    let node = cluster.nodes.iter().find(|node| node.name() == name);
    let claim =
        node.and_then(|node| node.node_claim).map(|claim| format!("nodeclaim/{}", claim.metadata.name));
    let node = node.and_then(|node| node.node).map(|node| format!("node/{}", node.metadata.name));
    let objects: Vec<String> = claim.into_iter().chain(node).collect();
    format!("would schedule against uninitialized {}", objects.join(", "))
}

/// A simulation that succeeded, and whether the node must go before its replacement can come.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The simulation to go by.
    pub simulation: Simulation,
    /// Only its own reservation slot, once freed, serves its pods.
    pub terminate_first: bool,
}

/// Simulates for one candidate; where that fails, a gate is on and the candidate sits in a reservation, once more
/// as if its slot were free already. The first simulation where neither succeeds.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_with_own_slot(
    cluster: &ClusterState<'_>,
    candidate: &Candidate<'_>,
    gate: &str,
) -> Result<Prepared, String> {
    let first = simulate(cluster, &[candidate], ReservedMode::Fallback, None)?;
    let labels = candidate.node.labels();
    let key = cluster.provider.labels().reservation_id.as_deref().unwrap_or_default();
    let slot = labels.get(key).filter(|id| !id.is_empty());
    let may_terminate_first = cluster.snapshot.rules.tells_static_node_limit()
        && cluster.snapshot.controller.gate(gate)
        && labels.get(label_key::CAPACITY_TYPE) == Some("reserved");
    if !first.is_success()
        && let Some(slot) = slot.filter(|_| may_terminate_first)
    {
        let second = simulate(cluster, &[candidate], ReservedMode::Strict, Some(slot))?;
        if second.is_success() {
            return Ok(Prepared { simulation: second, terminate_first: true });
        }
    }
    Ok(Prepared { simulation: first, terminate_first: false })
}
