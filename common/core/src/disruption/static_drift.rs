//! Drift of static NodePools: one for one, from the template, without a simulation.
//!
//! Mirrors karpenter: pkg/controllers/disruption/staticdrift.go, and
//! pkg/controllers/provisioning/scheduling/nodeclaimtemplate.go for the replacement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::{CompactString, format_compact};

use super::candidates::{Candidate, Recorder};
use super::cluster_state::ClusterState;
use super::command::{Decision, DisruptionCommand};
use crate::model::{
    AllowUndefined, LabelProfile, NODE_POOL_HASH_VERSION, NodeClaim, NodePool, OwnerReference, Requirement,
    Requirements, label_key, node_pool_hash, resource_name,
};
use crate::sim::NewNodeClaim;

/// Commands for the drifted nodes of static NodePools, by NodePool name.
pub(super) fn static_drift_commands<'a>(
    cluster: &ClusterState<'a>,
    budgets: &BTreeMap<CompactString, i64>,
    candidates: Vec<Candidate<'a>>,
    recorder: &mut Recorder,
) -> Vec<DisruptionCommand<'a>> {
    let mut by_pool: BTreeMap<&str, Vec<Candidate<'a>>> = BTreeMap::new();
    for candidate in candidates {
        by_pool.entry(candidate.node_pool.name()).or_default().push(candidate);
    }
    let terminate_first = cluster.snapshot.rules.tells_static_node_limit()
        && cluster.snapshot.controller.gate("TerminateFirstDrift");
    let mut commands = Vec::new();
    for (name, mut candidates) in by_pool {
        let budget = budgets.get(name).copied().unwrap_or_default();
        let pool = candidates[0].node_pool;
        let (running, held) = node_counts(cluster, name);
        // Scaling down comes first.
        if budget == 0 || running as i64 > pool.spec.replicas.unwrap_or_default() {
            continue;
        }
        let most = budget.min(candidates.len() as i64);
        if terminate_first && let Some(offered) = full_reservations(cluster, pool, &candidates[0]) {
            candidates.sort_by_key(|candidate| !holds_slot(cluster, candidate, &offered));
            candidates.truncate(most as usize);
            for candidate in candidates {
                if holds_slot(cluster, &candidate, &offered) {
                    commands.push(terminate(candidate));
                } else {
                    let text =
                        "static NodePool's capacity reservations are full and cannot stage a replacement";
                    recorder.publish_node(&candidate.node, "DisruptionBlocked", text);
                }
            }
            continue;
        }
        let granted = granted(pool, running + held, most);
        if granted > 0 {
            candidates.truncate(granted as usize);
            commands.extend(candidates.into_iter().map(|candidate| replace(cluster, candidate)));
        } else if terminate_first && pool.is_ready() && !pool.metadata.is_deleting() {
            candidates.truncate(most as usize);
            commands.extend(candidates.into_iter().map(terminate));
        } else if cluster.snapshot.rules.tells_static_node_limit() {
            for candidate in candidates.iter().take(most as usize) {
                let text = "static NodePool is at its node limit and cannot stage a replacement";
                recorder.publish_node(&candidate.node, "DisruptionBlocked", text);
            }
        }
    }
    commands
}

/// NodeClaims of a NodePool that run, and that are on their way out.
fn node_counts(cluster: &ClusterState<'_>, node_pool: &str) -> (usize, usize) {
    let leaving: BTreeSet<&str> = cluster
        .nodes
        .iter()
        .filter(|node| cluster.is_marked_for_deletion(node))
        .filter_map(|node| node.node_claim)
        .map(|claim| claim.metadata.name.as_str())
        .collect();
    let claims = cluster.snapshot.objects.node_claims.iter();
    let of_pool = claims.filter(|claim| claim.metadata.labels.get(label_key::NODE_POOL) == Some(node_pool));
    of_pool.fold((0, 0), |(running, out), claim| {
        if leaving.contains(claim.metadata.name.as_str()) { (running, out + 1) } else { (running + 1, out) }
    })
}

/// How many of the wanted nodes the NodePool's node limit leaves room for.
fn granted(pool: &NodePool, nodes: usize, wanted: i64) -> i64 {
    match pool.spec.limits.get(resource_name::NODES) {
        None => wanted,
        Some(limit) => wanted.min((limit.value() - nodes as i64).max(0)),
    }
}

/// The ids of available reservations, where every offering that fits the bare template is reserved and full.
fn full_reservations(
    cluster: &ClusterState<'_>,
    pool: &NodePool,
    candidate: &Candidate<'_>,
) -> Option<BTreeSet<String>> {
    let profile = cluster.provider.labels();
    let wanted = template_requirements(pool, profile);
    let undefined = AllowUndefined::WellKnown(profile);
    let mut offered = BTreeSet::new();
    let mut any = false;
    for instance_type in candidate.instance_types.iter() {
        if instance_type.requirements.intersects(&wanted).is_err() {
            continue;
        }
        for offering in &instance_type.offerings {
            if wanted.compatible(&offering.requirements, undefined).is_err() {
                continue;
            }
            if offering.capacity_type() != Some("reserved") || offering.is_launchable() {
                return None;
            }
            any = true;
            let id = offering.reservation_id(profile).filter(|_| offering.available);
            offered.extend(id.map(str::to_owned));
        }
    }
    any.then_some(offered)
}

fn holds_slot(cluster: &ClusterState<'_>, candidate: &Candidate<'_>, offered: &BTreeSet<String>) -> bool {
    let labels = candidate.node.labels();
    let key = cluster.provider.labels().reservation_id.as_deref().unwrap_or_default();
    labels.get(label_key::CAPACITY_TYPE) == Some("reserved")
        && labels.get(key).is_some_and(|id| offered.contains(id))
}

fn terminate(candidate: Candidate<'_>) -> DisruptionCommand<'_> {
    DisruptionCommand {
        decision: Decision::TerminateFirst,
        savings: candidate.price,
        candidates: vec![candidate],
        replacements: Vec::new(),
        replacement_pods: Vec::new(),
        placements: None,
    }
}

fn replace<'a>(cluster: &ClusterState<'a>, candidate: Candidate<'a>) -> DisruptionCommand<'a> {
    DisruptionCommand {
        decision: Decision::Replace,
        // The replacement lists no instance types, so the controller estimates its price as nothing.
        savings: candidate.price,
        replacements: vec![static_node_claim(candidate.node_pool, cluster.provider.labels())],
        replacement_pods: vec![Vec::new()],
        candidates: vec![candidate],
        placements: None,
    }
}

fn template_labels(pool: &NodePool) -> crate::model::Labels {
    let class = &pool.spec.template.spec.node_class_ref;
    let mut labels = pool.spec.template.metadata.labels.clone();
    labels.insert(label_key::NODE_POOL, pool.metadata.name.clone());
    labels.insert(format_compact!("{}/{}", class.group, class.kind.to_lowercase()), class.name.clone());
    labels
}

fn template_requirements(pool: &NodePool, profile: &LabelProfile) -> Requirements {
    let mut requirements = Requirements::from_specs(pool.spec.template.spec.requirements.iter(), profile);
    requirements.add_all(&Requirements::from_labels(&template_labels(pool), profile));
    requirements
}

/// A NodeClaim straight from the template of a static NodePool: the provider chooses the instance type.
fn static_node_claim(pool: &NodePool, profile: &LabelProfile) -> NewNodeClaim {
    let requirements = template_requirements(pool, profile);
    let mut object = NodeClaim { spec: pool.spec.template.spec.clone().into(), ..Default::default() };
    object.metadata_mut().generate_name = Some(format_compact!("{}-", pool.metadata.name));
    object.metadata_mut().annotations = pool.spec.template.metadata.annotations.clone();
    object.metadata_mut().annotations.insert(label_key::NODE_POOL_HASH, node_pool_hash(pool).to_string());
    object.metadata_mut().annotations.insert(label_key::NODE_POOL_HASH_VERSION, NODE_POOL_HASH_VERSION);
    object.metadata_mut().labels = template_labels(pool);
    for requirement in requirements.iter().filter(|one| custom(&one.key, profile)) {
        if let Some(value) = any_value(requirement) {
            object.metadata_mut().labels.insert(requirement.key.clone(), value);
        }
    }
    object.metadata_mut().owner_references = vec![OwnerReference {
        api_version: "karpenter.sh/v1".into(),
        kind: "NodePool".into(),
        name: pool.metadata.name.clone(),
        uid: pool.metadata.uid.clone(),
        controller: None,
        block_owner_deletion: Some(true),
    }]
    .into();
    object.spec_mut().requirements = requirements.iter().flat_map(Requirement::to_specs).collect();
    NewNodeClaim {
        node_pool: pool.metadata.name.clone(),
        pods: Vec::new(),
        instance_types: Arc::default(),
        prices: Arc::default(),
        fitting_type_count: 0,
        requirements: Arc::new(requirements),
        object,
        create_error: None,
    }
}

/// Neither well known nor restricted: the label gets a value before launch.
fn custom(key: &str, profile: &LabelProfile) -> bool {
    !profile.is_well_known(key) && !profile.restricted.contains(key)
}

/// The smallest of the values listed; the controller draws one of them.
fn any_value(requirement: &Requirement) -> Option<CompactString> {
    if requirement.complement { None } else { requirement.values.iter().next().cloned() }
}
