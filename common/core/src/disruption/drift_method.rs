//! Drift of dynamic NodePools: one node a pass, empty ones first, then those drifted longest.
//!
//! Mirrors karpenter: pkg/controllers/disruption/drift.go.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::candidates::{Candidate, Recorder};
use super::cluster_state::ClusterState;
use super::command::{Decision, DisruptionCommand};
use super::simulate::{Prepared, Simulation, simulate_with_own_slot};

/// Candidates in the order in which drift takes them: without pods first, then by the time they drifted. Equal
/// times keep the order of provider ids.
pub fn drift_order(candidates: &mut [Candidate<'_>]) {
    candidates.sort_by_key(|candidate| (!candidate.pods.is_empty(), candidate.drifted_since()));
}

/// The one command of a pass.
///
/// # Errors
/// The method's error, in the controller's words.
pub(super) fn drift_commands<'a>(
    cluster: &ClusterState<'a>,
    budgets: &BTreeMap<CompactString, i64>,
    mut candidates: Vec<Candidate<'a>>,
    recorder: &mut Recorder,
) -> Result<Vec<DisruptionCommand<'a>>, String> {
    drift_order(&mut candidates);
    for candidate in candidates {
        if budgets.get(candidate.node_pool.name()).is_none_or(|left| *left == 0) {
            continue;
        }
        // The simulation asks for the annotations of all pods that must move.
        candidate.pods.iter().for_each(|pod| recorder.publish_do_not_disrupt(pod, cluster.now()));
        let Prepared { simulation, terminate_first } =
            simulate_with_own_slot(cluster, &candidate, "TerminateFirstDrift")?;
        if !simulation.is_success() {
            recorder.publish_node(&candidate.node, "DisruptionBlocked", simulation.failure_text());
            continue;
        }
        return Ok(vec![command(candidate, simulation, terminate_first)]);
    }
    Ok(Vec::new())
}

fn command(candidate: Candidate<'_>, simulation: Simulation, terminate_first: bool) -> DisruptionCommand<'_> {
    let decision = match simulation.solution.node_claims.is_empty() {
        true => Decision::Delete,
        false if terminate_first => Decision::TerminateFirst,
        false => Decision::Replace,
    };
    let replaces = decision == Decision::Replace;
    let savings = candidate.price - if replaces { simulation.price() } else { 0.0 };
    let replacement_pods = if replaces { simulation.claim_pods() } else { Vec::new() };
    DisruptionCommand {
        decision,
        candidates: vec![candidate],
        replacements: if replaces { simulation.solution.node_claims } else { Vec::new() },
        replacement_pods,
        placements: Some(simulation.placements),
        savings,
    }
}
