//! The conditions `Drifted` and `Consolidatable` of NodeClaims as the controller would write them now.
//!
//! Mirrors karpenter: pkg/controllers/nodepool/hash/controller.go (one run over every NodePool) and
//! pkg/controllers/nodeclaim/disruption (then one run over every NodeClaim).

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;

use super::drift::{instance_type_drift, is_evaluated, node_pool_drift, requirements_drift};
use crate::model::{
    Condition, GoDuration, NODE_POOL_HASH_VERSION, NodeClaim, NodePool, Snapshot, condition,
    condition_is_true, label_key, node_pool_hash, parse_nillable,
};
use crate::provider::CloudProvider;

/// What one round of both controllers leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// Managed NodePools by name: hash and version as annotated afterwards.
    pub node_pools: BTreeMap<CompactString, (String, String)>,
    /// Every NodeClaim by name.
    pub node_claims: BTreeMap<CompactString, ClaimConditions>,
}

/// A NodeClaim afterwards.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClaimConditions {
    /// Its NodePool hash annotation.
    pub hash: Option<String>,
    /// Condition `Drifted`.
    pub drifted: Option<Condition>,
    /// Condition `Consolidatable`.
    pub consolidatable: Option<Condition>,
    /// Why the NodeClaim was left as it was.
    pub error: Option<String>,
}

/// One round. `provider_drift` is the cloud provider's own check: a reason, nothing, or an error.
pub fn conditions(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    reserved_labels: &[&str],
    provider_drift: &dyn Fn(&NodeClaim) -> Result<Option<String>, String>,
) -> Conditions {
    let mut pools: Vec<NodePool> = snapshot
        .objects
        .node_pools
        .iter()
        .filter(|pool| provider.supports_node_class(&pool.spec.template.spec.node_class_ref))
        .cloned()
        .collect();
    let mut claims = snapshot.objects.node_claims.clone();
    for pool in &mut pools {
        stamp_hashes(pool, &mut claims);
    }
    let mut result = Conditions { node_pools: BTreeMap::new(), node_claims: BTreeMap::new() };
    for pool in &pools {
        let annotation = |key: &str| pool.metadata.annotations.get(key).unwrap_or_default().to_owned();
        let hash = (annotation(label_key::NODE_POOL_HASH), annotation(label_key::NODE_POOL_HASH_VERSION));
        result.node_pools.insert(pool.metadata.name.clone(), hash);
    }
    for claim in &claims {
        let mut after = ClaimConditions {
            hash: claim.metadata.annotations.get(label_key::NODE_POOL_HASH).map(str::to_owned),
            drifted: condition(&claim.status.conditions, "Drifted").cloned(),
            consolidatable: condition(&claim.status.conditions, "Consolidatable").cloned(),
            error: None,
        };
        let pool_name = claim.metadata.labels.get(label_key::NODE_POOL);
        let pool = snapshot_pool(&pools, &snapshot.objects.node_pools, pool_name);
        let managed = provider.supports_node_class(&claim.spec.node_class_ref);
        if let Some(pool) = pool.filter(|_| managed && !claim.metadata.is_deleting()) {
            let now = snapshot.taken_at;
            let reason = first_reason(claim, pool, provider, reserved_labels, provider_drift, now);
            match reason {
                Ok(reason) => after.drifted = drifted(claim, reason, now),
                Err(problem) => after.error = Some(problem),
            }
            if !pool.is_static() {
                after.consolidatable = consolidatable(claim, pool, now);
            }
        }
        result.node_claims.insert(claim.metadata.name.clone(), after);
    }
    result
}

/// The NodePool of a NodeClaim, with its new hash where it is managed.
fn snapshot_pool<'a>(
    managed: &'a [NodePool],
    all: &'a [NodePool],
    name: Option<&str>,
) -> Option<&'a NodePool> {
    let name = name?;
    managed.iter().chain(all).find(|pool| pool.name() == name)
}

/// Writes the live hash on a NodePool. Where its version changes, NodeClaims of another version take over the
/// new hash too, unless they are drifted already.
fn stamp_hashes(pool: &mut NodePool, claims: &mut [NodeClaim]) {
    let hash = node_pool_hash(pool).to_string();
    let annotations = &mut pool.metadata.annotations;
    if annotations.get(label_key::NODE_POOL_HASH_VERSION) != Some(NODE_POOL_HASH_VERSION) {
        let of_pool = |claim: &&mut NodeClaim| {
            claim.metadata.labels.get(label_key::NODE_POOL) == Some(pool.metadata.name.as_str())
        };
        for claim in claims.iter_mut().filter(of_pool) {
            let is_drifted = condition(&claim.status.conditions, "Drifted").is_some();
            let mine = &mut claim.metadata_mut().annotations;
            if mine.get(label_key::NODE_POOL_HASH_VERSION) == Some(NODE_POOL_HASH_VERSION) {
                continue;
            }
            mine.insert(label_key::NODE_POOL_HASH_VERSION, NODE_POOL_HASH_VERSION);
            if !is_drifted {
                mine.insert(label_key::NODE_POOL_HASH, hash.as_str());
            }
        }
    }
    annotations.insert(label_key::NODE_POOL_HASH, hash);
    annotations.insert(label_key::NODE_POOL_HASH_VERSION, NODE_POOL_HASH_VERSION);
}

/// The reason at which the controller stops; nothing also where the NodeClaim has not launched.
fn first_reason(
    claim: &NodeClaim,
    pool: &NodePool,
    provider: &dyn CloudProvider,
    reserved_labels: &[&str],
    provider_drift: &dyn Fn(&NodeClaim) -> Result<Option<String>, String>,
    now: Timestamp,
) -> Result<Option<String>, String> {
    if !is_evaluated(claim) {
        return Ok(None);
    }
    let profile = provider.labels();
    let own = node_pool_drift(claim, pool, profile).or_else(|| requirements_drift(claim, pool, profile));
    if let Some(drift) = own {
        return Ok(Some(drift.reason.name().to_owned()));
    }
    let old = claim
        .metadata
        .creation_timestamp
        .is_some_and(|created| GoDuration::between(created, now) > GoDuration::from_seconds(3600));
    if old {
        let types = provider.instance_types(pool).map_err(|error| error.to_string())?;
        if let Some(drift) = instance_type_drift(claim, &types, profile, reserved_labels, now) {
            return Ok(Some(drift.reason.name().to_owned()));
        }
    }
    Ok(provider_drift(claim)?.filter(|reason| !reason.is_empty()))
}

/// A condition set to `True`; the time of an earlier `True` stays, whatever its reason was.
fn set_true(before: Option<&Condition>, kind: &str, reason: &str, now: Timestamp) -> Condition {
    let since =
        before.filter(|before| before.status == "True").and_then(|before| before.last_transition_time);
    Condition {
        kind: kind.into(),
        status: "True".into(),
        reason: Some(reason.into()),
        message: Some(reason.into()),
        last_transition_time: Some(since.unwrap_or(now)),
        observed_generation: None,
    }
}

fn drifted(claim: &NodeClaim, reason: Option<String>, now: Timestamp) -> Option<Condition> {
    let before = condition(&claim.status.conditions, "Drifted");
    reason.map(|reason| set_true(before, "Drifted", &reason, now))
}

/// Quiet for `consolidateAfter` since the last pod came or went, else since it was initialized.
fn consolidatable(claim: &NodeClaim, pool: &NodePool, now: Timestamp) -> Option<Condition> {
    let before = condition(&claim.status.conditions, "Consolidatable");
    let after = pool.spec.disruption.consolidate_after.as_deref().unwrap_or("0s");
    let quiet = match parse_nillable(after) {
        Ok(None) => return None,
        Ok(Some(quiet)) => quiet,
        // The API server refuses such a value; nothing is known of what would become of it.
        Err(_) => return before.cloned(),
    };
    if !condition_is_true(&claim.status.conditions, "Initialized") {
        return None;
    }
    if quiet != GoDuration::ZERO
        && quiet_since(claim).is_none_or(|since| GoDuration::between(since, now) < quiet)
    {
        return None;
    }
    Some(set_true(before, "Consolidatable", "Consolidatable", now))
}

/// When the quiet of a node began.
pub fn quiet_since(claim: &NodeClaim) -> Option<Timestamp> {
    claim
        .status
        .last_pod_event_time
        .or_else(|| condition(&claim.status.conditions, "Initialized")?.last_transition_time)
}
