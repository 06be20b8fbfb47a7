//! Sentences for what blocks a node.

use karp_core::disruption::ClusterState;
use karp_core::disruption::blockers::Blocker;
use karp_core::disruption::budgets::InUse;
use karp_core::disruption::eviction::PdbTrouble;
use karp_core::model::PodDisruptionBudget;

/// Why a node uses up budget.
pub(crate) fn in_use(why: InUse) -> &'static str {
    match why {
        InUse::Deleting => "deleting",
        InUse::Rebooting => "rebooting",
        InUse::NotReady => "NotReady",
    }
}

/// One blocker, naming its object: `pod/orders-0 -n shop has 2 PDBs (all-shop, orders): never evicted`.
pub(crate) fn blocker(cluster: &ClusterState<'_>, blocker: &Blocker) -> String {
    match blocker {
        Blocker::InCommand => "a running disruption command holds it".into(),
        Blocker::NotManaged => "it is not managed by Karpenter".into(),
        Blocker::NoNode => "it has no Node yet".into(),
        Blocker::Rebooting => "it is being rebooted".into(),
        Blocker::Deleting => "its deletion has begun".into(),
        Blocker::NotInitialized { nor_registered: true } => "it is neither registered nor initialized".into(),
        Blocker::NotInitialized { nor_registered: false } => "it is not initialized".into(),
        Blocker::Nominated => "a pending pod was just planned onto it".into(),
        Blocker::NodeDoNotDisrupt => "the node is annotated karpenter.sh/do-not-disrupt=true".into(),
        Blocker::NoNodePoolLabel => "it has no label karpenter.sh/nodepool".into(),
        Blocker::NodePoolNotFound { node_pool } => {
            format!("nodepool/{node_pool} is gone, or has no instance types")
        }
        Blocker::PodDoNotDisrupt { namespace, name, until: Some(_), value } => {
            format!("pod/{name} -n {namespace} is annotated do-not-disrupt={value}")
        }
        Blocker::PodDoNotDisrupt { namespace, name, value, .. } if value == "true" => {
            format!("pod/{name} -n {namespace} is annotated do-not-disrupt=true")
        }
        Blocker::PodDoNotDisrupt { namespace, name, value, .. } => {
            format!("pod/{name} -n {namespace} is annotated do-not-disrupt={value} and has not started")
        }
        Blocker::Pdb { namespace, pod, pdb, trouble, healthy: (current, desired) } => {
            let find = |one: &&PodDisruptionBudget| {
                one.metadata.name == *pdb && one.metadata.namespace == *namespace
            };
            let object = cluster.snapshot.objects.pod_disruption_budgets.iter().find(find);
            format!(
                "pod/{pod} -n {namespace}: pdb/{pdb} allows 0 ({})",
                trouble_text(*trouble, object, *current, *desired)
            )
        }
        Blocker::SeveralPdbs { namespace, pod, pdbs } => {
            format!("pod/{pod} -n {namespace} has {} PDBs ({}): never evicted", pdbs.len(), pdbs.join(", "))
        }
    }
}

fn trouble_text(
    trouble: Option<PdbTrouble>,
    pdb: Option<&PodDisruptionBudget>,
    current: i32,
    desired: i32,
) -> String {
    let bound = pdb.map(|pdb| match (&pdb.spec.min_available, &pdb.spec.max_unavailable) {
        (Some(min), _) => format!("minAvailable {min}"),
        (_, Some(max)) => format!("maxUnavailable {max}"),
        _ => "no bound".to_owned(),
    });
    let bound = bound.unwrap_or_default();
    match trouble {
        Some(PdbTrouble::SpecForbids) => format!("{bound}: never"),
        Some(PdbTrouble::WantsAll) => {
            format!("{bound} of {} pods: never", pdb.map_or(0, |pdb| pdb.status.expected_pods))
        }
        Some(PdbTrouble::SyncFailed) => "it cannot be computed, SyncFailed: never".into(),
        Some(PdbTrouble::CountsNone) => "it counts no pod: never".into(),
        Some(PdbTrouble::Stale) => "its status is being recomputed".into(),
        Some(PdbTrouble::TooFewHealthy) => format!("{current} of {desired} healthy"),
        Some(PdbTrouble::InUse) | None => format!("in use: {current} healthy, {desired} needed"),
    }
}
