//! What to do next, as text to paste.

use karp_core::disruption::ClusterState;
use karp_core::disruption::blockers::{Blocker, blockers};
use karp_core::model::PodDisruptionBudget;

use crate::changes::Edit;
use crate::report::{ClaimReport, DriftReport, PoolDrift};

/// At most so many steps.
const MOST: usize = 6;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// The command to paste.
    pub(crate) command: String,
    /// What it edits, where that is known in full: such a step can be tried on a copy of the cluster.
    pub(crate) edit: Option<Edit>,
}

/// The next steps: what holds nodes for good first, then budgets.
pub(crate) fn next(cluster: &ClusterState<'_>, report: &DriftReport) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut add = |step: Step| {
        if steps.len() < MOST && !steps.contains(&step) {
            steps.push(step);
        }
    };
    for claim in report.node_claims.iter().filter(|claim| claim.never) {
        unblock(cluster, claim).into_iter().for_each(&mut add);
    }
    report.node_pools.iter().filter(|pool| pool.drifted > 0).flat_map(budget).for_each(&mut add);
    steps
}

fn step(command: String, edit: impl Into<Option<Edit>>) -> Step {
    Step { command, edit: edit.into() }
}

fn unblock(cluster: &ClusterState<'_>, claim: &ClaimReport) -> Vec<Step> {
    let name = claim.node.as_deref().unwrap_or_default();
    let node = cluster.nodes.iter().find(|node| node.node.is_some_and(|node| node.metadata.name == name));
    let Some(node) = node else { return Vec::new() };
    blockers(cluster, node)
        .iter()
        .filter(|blocker| blocker.is_permanent() && !(claim.overridden && blocker.is_about_pods()))
        .filter_map(|blocker| match blocker {
            Blocker::SeveralPdbs { namespace, pdbs, .. } => {
                let broadest = broadest(cluster, namespace, pdbs)?;
                let edit = Edit::DeletePdb { namespace: namespace.clone(), name: broadest.into() };
                Some(step(format!("kubectl delete pdb {broadest} -n {namespace}"), edit))
            }
            Blocker::Pdb { namespace, pdb, .. } => {
                Some(step(format!("kubectl edit pdb {pdb} -n {namespace}"), None))
            }
            Blocker::PodDoNotDisrupt { namespace, name, .. } => {
                let command =
                    format!("kubectl annotate pod {name} -n {namespace} karpenter.sh/do-not-disrupt-");
                let edit = Edit::ReleasePod { namespace: namespace.clone(), name: name.clone() };
                Some(step(command, edit))
            }
            Blocker::NodeDoNotDisrupt => {
                let command = format!("kubectl annotate node {name} karpenter.sh/do-not-disrupt-");
                Some(step(command, Edit::ReleaseNode { name: name.into() }))
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

fn budget(pool: &PoolDrift) -> Vec<Step> {
    let name = &pool.name;
    if pool.reason == "none" && pool.drifted > 1 {
        let edit = Edit::AddBudget { node_pool: name.clone() };
        let patch = edit.patch().unwrap_or_default();
        return vec![step(format!("kubectl patch nodepool {name} --type=json -p '{patch}'"), edit)];
    }
    if pool.reason == "invalid" {
        let command =
            format!("kubectl edit nodepool {name}    (a budget that cannot be read allows nothing)");
        return vec![step(command, None)];
    }
    let stuck: Vec<&str> =
        pool.in_use_by.iter().filter(|one| one.why == "NotReady").map(|one| one.node.as_str()).collect();
    if pool.allowed == Some(0) && pool.limit != Some(0) && !stuck.is_empty() {
        let nodes = stuck.join(" ");
        let see = format!("kubectl describe node {nodes}    (NotReady nodes use up the budget)");
        let needed = pool.in_use + 1;
        let raise = format!("kubectl edit nodepool {name}    (a budget of {needed} or more lets one go)");
        let edit = Edit::RaiseBudgets { node_pool: name.clone(), nodes: needed };
        return vec![step(see, None), step(raise, edit)];
    }
    if pool.limit == Some(0) && pool.opens.is_none() {
        let command = format!("kubectl edit nodepool {name}    (its budgets allow 0 for the next 7 days)");
        return vec![step(command, None)];
    }
    Vec::new()
}
