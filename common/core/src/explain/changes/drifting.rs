//! NodeClaims that an edit would make drift: by the hash of their NodePool or NodeClass, which the controller writes
//! anew and compares, or because their labels no longer meet the NodePool's requirements.
//!
//! Karpenter: pkg/controllers/nodeclaim/disruption/drift.go; aws: pkg/cloudprovider/drift.go.

use std::collections::BTreeSet;

use super::candidate::{Candidate, ObjectEdit};
use crate::disruption::drift::{HashComparison, compare_hashes, node_pool_drift, requirements_drift};
use crate::disruption::drift_aws::NODE_CLASS_HASH;
use crate::explain::analysis::Analyst;
use crate::model::{
    Ec2NodeClass, LabelProfile, NodeClaim, NodePool, Snapshot, condition_is_true, label_key, node_pool_hash,
};
use crate::provider::aws::{NodeClassHashVersion, node_class_hash};

/// How many NodeClaims drift once the edits are made, and do not yet.
pub(super) fn drifting(analyst: &Analyst<'_>, edited: &Snapshot, candidate: &Candidate) -> usize {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let claims = &analyst.snapshot.objects.node_claims;
    for edit in &candidate.edits {
        match edit {
            ObjectEdit::Pod(_) | ObjectEdit::DaemonSet(..) => {}
            ObjectEdit::NodePool(name, _) => {
                let after = edited.objects.node_pools.iter().find(|pool| pool.metadata.name == name.name);
                let before = analyst.index.node_pools.get(name.name.as_str());
                let (Some(before), Some(after)) = (before, after) else { continue };
                let judge = PoolEdit::new(before, after, analyst.profile);
                let mine = claims.iter().filter(|claim| {
                    claim.metadata.labels.get(label_key::NODE_POOL) == Some(name.name.as_str())
                });
                names.extend(
                    mine.filter(|claim| judge.drifts(claim)).map(|claim| claim.metadata.name.as_str()),
                );
            }
            ObjectEdit::NodeClass(name, _) => {
                let mut classes = edited.objects.ec2_node_classes.iter();
                let after = classes.find(|class| class.metadata.name == name.name);
                let before = analyst.index.node_classes.get(name.name.as_str());
                let (Some(before), Some(after)) = (before, after) else { continue };
                let bundle = analyst.snapshot.controller.cluster_ca_bundle.as_deref().unwrap_or_default();
                if !class_hash_changes(before, after, bundle) {
                    continue;
                }
                let mine = claims.iter().filter(|claim| {
                    let reference = &claim.spec.node_class_ref;
                    reference.kind == "EC2NodeClass" && reference.name == name.name
                });
                let new = mine.filter(|claim| {
                    may_drift(claim) && newly_differs(claim, &before.metadata.annotations, NODE_CLASS_HASH)
                });
                names.extend(new.map(|claim| claim.metadata.name.as_str()));
            }
        }
    }
    names.len()
}

/// Claims that the controller looks at and has not called drifted yet.
fn may_drift(claim: &NodeClaim) -> bool {
    !claim.metadata.is_deleting() && !condition_is_true(&claim.status.conditions, "Drifted")
}

/// Whether a claim follows a new hash of its owner. Where an annotation is missing it counts as following: the
/// controller writes them before it compares.
fn newly_differs(claim: &NodeClaim, owner: &crate::model::Labels, key: &str) -> bool {
    match compare_hashes(&claim.metadata.annotations, owner, key) {
        HashComparison::Same | HashComparison::Missing => true,
        HashComparison::Different | HashComparison::OtherVersion { .. } => false,
    }
}

struct PoolEdit<'p> {
    before: &'p NodePool,
    after: &'p NodePool,
    profile: &'p LabelProfile,
    hash_changes: bool,
}

impl<'p> PoolEdit<'p> {
    fn new(before: &'p NodePool, after: &'p NodePool, profile: &'p LabelProfile) -> Self {
        Self { before, after, profile, hash_changes: node_pool_hash(before) != node_pool_hash(after) }
    }

    fn drifts(&self, claim: &NodeClaim) -> bool {
        let is_drifted = node_pool_drift(claim, self.before, self.profile).is_some()
            || requirements_drift(claim, self.before, self.profile).is_some();
        let by_hash = self.hash_changes
            && newly_differs(claim, &self.before.metadata.annotations, label_key::NODE_POOL_HASH);
        may_drift(claim)
            && !is_drifted
            && (by_hash || requirements_drift(claim, self.after, self.profile).is_some())
    }
}

fn class_hash_changes(before: &Ec2NodeClass, after: &Ec2NodeClass, bundle: &str) -> bool {
    let written = before.metadata.annotations.get(&format!("{NODE_CLASS_HASH}-version"));
    let version = written.and_then(NodeClassHashVersion::parse).unwrap_or(NodeClassHashVersion::V6);
    node_class_hash(&before.spec, bundle, version) != node_class_hash(&after.spec, bundle, version)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool(spec: serde_json::Value) -> NodePool {
        let mut pool: NodePool =
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"template": spec}})).unwrap();
        let hash = node_pool_hash(&pool).to_string();
        pool.metadata.annotations.insert(label_key::NODE_POOL_HASH, hash);
        pool.metadata.annotations.insert(label_key::NODE_POOL_HASH_VERSION, "v3");
        pool
    }

    /// A NodeClaim of the pool in zone `a`.
    fn claim(of: &NodePool) -> NodeClaim {
        let mut claim: NodeClaim = serde_json::from_value(json!({"metadata": {"name": "c", "labels": {
            "karpenter.sh/nodepool": "p", "topology.kubernetes.io/zone": "a"}}}))
        .unwrap();
        claim.metadata_mut().annotations = of.metadata.annotations.clone();
        claim
    }

    #[test]
    fn a_claim_drifts_by_hash_or_by_requirements_and_only_once() {
        let profile = LabelProfile::core();
        let zones = |values: &[&str]| {
            json!({"spec": {"requirements": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": values}]}})
        };
        let labelled = json!({"metadata": {"labels": {"team": "ml"}}, "spec": {"requirements": [
            {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]}});
        let before = pool(zones(&["a"]));
        for (name, after, drifts) in [
            ("a wider requirement", zones(&["a", "b"]), false),
            ("a requirement that its labels do not meet", zones(&["b"]), true),
            ("a label, which is part of the hash", labelled.clone(), true),
        ] {
            let after = pool(after);
            assert_eq!(PoolEdit::new(&before, &after, &profile).drifts(&claim(&before)), drifts, "{name}");
        }
        let after = pool(labelled);
        let judge = PoolEdit::new(&before, &after, &profile);
        let mut stale = claim(&before);
        stale.metadata_mut().annotations.insert(label_key::NODE_POOL_HASH, "1");
        assert!(!judge.drifts(&stale), "drifted already");
        let mut told = claim(&before);
        told.status_mut().conditions =
            serde_json::from_value(json!([{"type": "Drifted", "status": "True"}])).unwrap();
        assert!(!judge.drifts(&told), "the controller says so already");
        let mut bare = claim(&before);
        bare.metadata_mut().annotations = Default::default();
        assert!(judge.drifts(&bare), "hashes that a dump leaves out are written before they are compared");
    }
}
