//! NodeClaims with everything found about them, and the order in which drifted ones roll.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use karp_core::disruption::ClusterState;
use karp_core::disruption::blockers::{Blocker, DisruptionClass, blockers, overrides_pods};
use karp_core::disruption::claim_drift::{ClaimDrift, claim_drift};
use karp_core::model::{AwsFacts, Ec2NodeClass, NodeClaim, StateNode, condition, label_key};
use karp_core::sim::pods::is_reschedulable;

use crate::older::name_fields;
use crate::target::Target;

/// One NodeClaim with everything found about it.
pub(crate) struct Found<'a> {
    /// Its reasons.
    pub(crate) drift: ClaimDrift<'a>,
    /// Its node.
    pub(crate) node: Option<StateNode<'a>>,
    /// What is in the way, where it is drifted.
    pub(crate) blockers: Vec<Blocker>,
    /// Whether its terminationGracePeriod passes what pods are in the way.
    pub(crate) overridden: bool,
}

impl Found<'_> {
    /// Name of its NodePool.
    pub(crate) fn pool(&self) -> &str {
        self.drift.claim.metadata.labels.get(label_key::NODE_POOL).unwrap_or_default()
    }

    /// Blockers that count: those of pods do not where a terminationGracePeriod passes them.
    pub(crate) fn counting(&self) -> impl Iterator<Item = &Blocker> {
        self.blockers.iter().filter(|blocker| !(self.overridden && blocker.is_about_pods()))
    }

    /// Whether it can never roll as things are.
    pub(crate) fn never(&self) -> bool {
        self.drift.is_drifted() && self.counting().any(Blocker::is_permanent)
    }
}

pub(crate) fn find<'a>(
    cluster: &ClusterState<'a>,
    claim: &'a NodeClaim,
    facts: Option<&AwsFacts>,
    older: &[Ec2NodeClass],
) -> Found<'a> {
    let mut drift = claim_drift(cluster, claim, facts);
    name_fields(cluster, &mut drift, older);
    let id = claim.status.provider_id.as_str();
    let node = cluster.nodes.iter().find(|node| !id.is_empty() && node.provider_id == id).copied();
    let blockers = match &node {
        Some(node) if drift.is_drifted() => blockers(cluster, node),
        None if drift.is_drifted() => vec![Blocker::NoNode],
        _ => Vec::new(),
    };
    let overridden = node.is_some_and(|node| overrides_pods(&node, DisruptionClass::Eventual));
    Found { drift, node, blockers, overridden }
}

/// NodeClaims by NodePool; only the NodePools that the target touches.
pub(crate) fn by_pool<'a, 'f>(
    all: &'f [Found<'a>],
    target: Option<&Target>,
) -> BTreeMap<&'f str, Vec<&'f Found<'a>>> {
    let mut pools: BTreeMap<&str, Vec<&Found<'a>>> = BTreeMap::new();
    for found in all {
        pools.entry(found.pool()).or_default().push(found);
    }
    pools.retain(|_, members| {
        target.is_none_or(|target| members.iter().any(|found| target.holds(found.drift.claim)))
    });
    pools
}

/// When a blocker ends by itself; none = that cannot be known.
pub(crate) fn ends_at(blocker: &Blocker) -> Option<Timestamp> {
    match blocker {
        Blocker::PodDoNotDisrupt { until, .. } => *until,
        _ => None,
    }
}

/// Without pods first, then by the time the controller called it drifted; those it has not called so yet last.
pub(crate) fn roll_order(
    cluster: &ClusterState<'_>,
    found: &Found<'_>,
) -> (bool, bool, Option<Timestamp>, CompactString) {
    let pods = found.node.map(|node| cluster.pods(&node).iter().any(|pod| is_reschedulable(pod)));
    let since = drifted_since(found);
    (pods.unwrap_or_default(), since.is_none(), since, found.drift.claim.metadata.name.clone())
}

pub(crate) fn drifted_since(found: &Found<'_>) -> Option<Timestamp> {
    let drifted = condition(&found.drift.claim.status.conditions, "Drifted")?;
    drifted.last_transition_time.filter(|_| drifted.status == "True")
}
