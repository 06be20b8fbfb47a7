//! Which kinds a dump lacks so that an answer is weaker for it.
//!
//! A dump does not say which kinds were asked for. That it holds no object of a kind is a gap only where the rest
//! speaks of such objects, or where hardly any cluster is without them.

use karp_core::model::{Gap, LabelSelector, Objects, PodAffinity};

/// Adds the gaps of a dump. `known_empty` are plurals of which an empty list was read, `sources` names for the
/// reason.
pub(super) fn add(objects: &Objects, known_empty: &[String], sources: &[String], gaps: &mut Vec<Gap>) {
    let names: Vec<&str> = sources.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
    let reason = format!("none in {}", if names.is_empty() { "the input".into() } else { names.join(", ") });
    for (plural, is_missing) in missing(objects) {
        let is_known = known_empty.iter().any(|known| known == plural);
        if is_missing && !is_known && !gaps.iter().any(|gap| gap.kind == plural) {
            gaps.push(Gap { kind: plural.into(), reason: reason.clone() });
        }
    }
}

/// Kinds and whether they are missed.
fn missing(objects: &Objects) -> [(&'static str, bool); 10] {
    let claims_used = objects
        .pods
        .iter()
        .any(|pod| pod.spec.volumes.iter().any(|volume| volume.persistent_volume_claim.is_some()));
    let claims = &objects.persistent_volume_claims;
    let bound = claims.iter().any(|claim| !claim.spec.volume_name.is_empty());
    let class_named = claims.iter().any(|claim| {
        claim.spec.volume_name.is_empty()
            && claim.spec.storage_class_name.as_ref().is_some_and(|name| !name.is_empty())
    });
    let uses_node_class = |ec2: bool| {
        objects.node_pools.iter().any(|pool| {
            let reference = &pool.spec.template.spec.node_class_ref;
            !reference.name.is_empty() && (reference.kind == "EC2NodeClass") == ec2
        })
    };
    let owned_nodes =
        objects.nodes.iter().any(|node| node.metadata.labels.get("karpenter.sh/nodepool").is_some());
    [
        ("nodes", objects.nodes.is_empty()),
        ("pods", objects.pods.is_empty()),
        ("daemonsets", objects.daemon_sets.is_empty()),
        ("nodepools", objects.node_pools.is_empty()),
        ("nodeclaims", owned_nodes && objects.node_claims.is_empty()),
        ("ec2nodeclasses", uses_node_class(true) && objects.ec2_node_classes.is_empty()),
        ("persistentvolumeclaims", claims_used && claims.is_empty()),
        ("persistentvolumes", bound && objects.persistent_volumes.is_empty()),
        ("storageclasses", class_named && objects.storage_classes.is_empty()),
        ("namespaces", objects.namespaces.is_empty() && selects_namespaces(objects)),
    ]
}

/// Whether some pod's affinity chooses namespaces by their labels.
fn selects_namespaces(objects: &Objects) -> bool {
    let chooses = |affinity: &Option<PodAffinity>| {
        affinity.as_ref().is_some_and(|affinity| {
            let soft = affinity.preferred.iter().map(|soft| &soft.pod_affinity_term);
            affinity.required.iter().chain(soft).any(|term| {
                // An empty selector is every namespace: their labels do not matter.
                term.namespace_selector.as_ref().is_some_and(|selector| *selector != LabelSelector::default())
            })
        })
    };
    objects
        .pods
        .iter()
        .filter_map(|pod| pod.spec.affinity.as_ref())
        .any(|affinity| chooses(&affinity.pod_affinity) || chooses(&affinity.pod_anti_affinity))
}
