//! How long it takes: rounds of PDBs, tiers of a node.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::Planner;
use crate::drain::landing::Landing;
use crate::drain::report::{LandsOn, PlannedNode, PlannedPod, PodAction, PodPdb};
use crate::drain::timing::{NEW_NODE_SECONDS, RestartTimes};

impl Planner<'_> {
    /// One budget serves all nodes of the plan: so many pods at a time, in so many rounds.
    pub(super) fn settle_rounds(&self, planned: &mut [PlannedNode]) {
        let mut queues: BTreeMap<(CompactString, CompactString), Vec<&mut PlannedPod>> = BTreeMap::new();
        for pod in planned.iter_mut().flat_map(|node| &mut node.pods) {
            let goes = matches!(pod.action, PodAction::Evict | PodAction::Wait);
            let counted = pod.predicted.as_ref().is_some_and(|answer| matches!(answer.status, 201 | 429));
            if let [pdb] = &pod.pdbs[..]
                && goes
                && counted
                && !pdb.stale
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
                    pod.cause.clear();
                    let rounds_words = if rounds == 1 { String::new() } else { format!(": {rounds} rounds") };
                    pod.why = format!("pdb/{name} allows {allowed}{rounds_words}");
                }
            }
        }
    }

    /// Tiers go one after the other; in a tier the slowest PDB decides.
    pub(super) fn node_seconds(&self, node: &PlannedNode, landing: &Landing) -> i64 {
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
