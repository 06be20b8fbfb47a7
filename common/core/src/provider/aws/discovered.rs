//! Discovered memory: what running nodes of a type have replaces the computed figure.
//!
//! The controller remembers, per instance type and set of images, the least memory a registered node reported,
//! for nodes that run the image the NodeClass has now. Nodes already gone are remembered too (60 days, until a
//! restart); those cannot be seen from outside. AWS provider: pkg/providers/instancetype/instancetype.go
//! (`UpdateInstanceTypeCapacityFromNode`).

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::class::{ClassFacts, ClassView};
use super::images::Images;
use super::labels;
use crate::model::{
    Catalog, Ec2NodeClass, Quantity, RuleSet, Snapshot, label_key, resource_name, state_nodes,
};

/// Least memory of registered nodes by instance type, for a NodeClass.
pub(super) fn discovered_memory(
    snapshot: &Snapshot,
    catalog: &Catalog,
    class: &Ec2NodeClass,
) -> BTreeMap<CompactString, Quantity> {
    let mut least: BTreeMap<CompactString, Quantity> = BTreeMap::new();
    if class.status.amis.is_empty() {
        return least;
    }
    let profile = labels::label_profile();
    let images = Images::of(class, &profile);
    // Labels of a type do not depend on memory, so a view without any will do.
    let facts = ClassFacts {
        placement_group: None,
        reservation_counts: &BTreeMap::new(),
        discovered_memory: Default::default(),
    };
    let view = ClassView::new(class, &snapshot.controller, RuleSet::default(), Vec::new(), &facts);
    let mut current: BTreeMap<CompactString, Option<CompactString>> = BTreeMap::new();
    for state in state_nodes(snapshot) {
        let (Some(node), Some(claim)) = (state.node, state.node_claim) else {
            continue;
        };
        let labels = &node.metadata.labels;
        let (Some("true"), Some(name)) =
            (labels.get(label_key::REGISTERED), labels.get(label_key::INSTANCE_TYPE))
        else {
            continue;
        };
        if !shares_images(snapshot, class, &claim.spec.node_class_ref.name) {
            continue;
        }
        let image = current.entry(name.into()).or_insert_with(|| {
            let requirements = labels::requirements(catalog.entry(name)?, &view, &catalog.region);
            images.for_type(&requirements).map(|ami| ami.id.clone())
        });
        let memory = node.status.capacity.get(resource_name::MEMORY);
        if let Some(memory) = memory.filter(|_| image.as_ref() == Some(&claim.status.image_id)) {
            let entry = least.entry(name.into()).or_insert(memory);
            *entry = (*entry).min(memory);
        }
    }
    least
}

/// Whether a NodeClass has the same images: what is learnt is shared between such NodeClasses.
fn shares_images(snapshot: &Snapshot, class: &Ec2NodeClass, name: &str) -> bool {
    name == class.metadata.name
        || snapshot
            .objects
            .ec2_node_classes
            .iter()
            .any(|other| other.metadata.name == name && other.status.amis == class.status.amis)
}
