//! What to do next, as text to paste.

use karp_core::disruption::ClusterState;
use karp_core::disruption::blockers::{Blocker, blockers};
use karp_core::model::PodDisruptionBudget;

use crate::report::{ClaimReport, DriftReport, PoolDrift};

/// At most so many lines.
const MOST: usize = 6;

/// The next steps: what holds nodes for good first, then budgets.
pub(crate) fn next(cluster: &ClusterState<'_>, report: &DriftReport) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |line: String| {
        if lines.len() < MOST && !lines.contains(&line) {
            lines.push(line);
        }
    };
    for claim in report.node_claims.iter().filter(|claim| claim.never) {
        unblock(cluster, claim).into_iter().for_each(&mut add);
    }
    report.node_pools.iter().filter(|pool| pool.drifted > 0).flat_map(budget).for_each(&mut add);
    lines
}

fn unblock(cluster: &ClusterState<'_>, claim: &ClaimReport) -> Vec<String> {
    let name = claim.node.as_deref().unwrap_or_default();
    let node = cluster.nodes.iter().find(|node| node.node.is_some_and(|node| node.metadata.name == name));
    let Some(node) = node else { return Vec::new() };
    blockers(cluster, node)
        .iter()
        .filter(|blocker| blocker.is_permanent() && !(claim.overridden && blocker.is_about_pods()))
        .filter_map(|blocker| match blocker {
            Blocker::SeveralPdbs { namespace, pdbs, .. } => {
                let broadest = broadest(cluster, namespace, pdbs)?;
                Some(format!("kubectl delete pdb {broadest} -n {namespace}"))
            }
            Blocker::Pdb { namespace, pdb, .. } => Some(format!("kubectl edit pdb {pdb} -n {namespace}")),
            Blocker::PodDoNotDisrupt { namespace, name, .. } => {
                Some(format!("kubectl annotate pod {name} -n {namespace} karpenter.sh/do-not-disrupt-"))
            }
            Blocker::NodeDoNotDisrupt => {
                Some(format!("kubectl annotate node {name} karpenter.sh/do-not-disrupt-"))
            }
            _ => None,
        })
        .collect()
}

/// Of several PDBs the one that counts most pods: the more particular one was likely meant.
fn broadest<'a>(
    cluster: &ClusterState<'_>,
    namespace: &str,
    names: &'a [compact_str::CompactString],
) -> Option<&'a str> {
    let expected = |name: &str| {
        let find =
            |pdb: &&PodDisruptionBudget| pdb.metadata.name == name && pdb.metadata.namespace == namespace;
        cluster
            .snapshot
            .objects
            .pod_disruption_budgets
            .iter()
            .find(find)
            .map_or(0, |pdb| pdb.status.expected_pods)
    };
    let broadest = names.iter().max_by_key(|name| (expected(name), std::cmp::Reverse(name.as_str())));
    broadest.map(|name| name.as_str())
}

fn budget(pool: &PoolDrift) -> Vec<String> {
    let name = &pool.name;
    if pool.reason == "none" && pool.drifted > 1 {
        return vec![format!(
            "kubectl patch nodepool {name} --type=json -p '[{{\"op\":\"add\",\"path\":\"/spec/disruption/budgets/-\",\"value\":{{\"nodes\":\"1\",\"reasons\":[\"Drifted\"]}}}}]'"
        )];
    }
    if pool.reason == "invalid" {
        return vec![format!(
            "kubectl edit nodepool {name}    (a budget that cannot be read allows nothing)"
        )];
    }
    let stuck: Vec<&str> =
        pool.in_use_by.iter().filter(|one| one.why == "NotReady").map(|one| one.node.as_str()).collect();
    if pool.allowed == Some(0) && pool.limit != Some(0) && !stuck.is_empty() {
        let mut lines: Vec<String> =
            vec![format!("kubectl describe node {}    (NotReady nodes use up the budget)", stuck.join(" "))];
        lines.push(format!(
            "kubectl edit nodepool {name}    (a budget of {} or more lets one go)",
            pool.in_use + 1
        ));
        return lines;
    }
    if pool.limit == Some(0) && pool.opens.is_none() {
        return vec![format!("kubectl edit nodepool {name}    (its budgets allow 0 for the next 7 days)")];
    }
    Vec::new()
}
