//! Whether a NodeClaim that would be created can become an instance: each instance type needs an image.
//!
//! Scheduling does not look at images; the launch does. AWS provider: pkg/providers/amifamily
//! (`MapToInstanceTypes`), pkg/providers/instance.

use compact_str::CompactString;

use super::index::ObjectIndex;
use crate::model::{AllowUndefined, Ec2NodeClass, InstanceType, LabelProfile, Requirements};
use crate::sim::{NewNodeClaim, Solution};

/// Why a NodeClaim would never become a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoImage {
    /// NodeClass.
    pub node_class: CompactString,
    /// Images it resolved to, each with the labels it is for.
    pub images: Vec<String>,
    /// What the NodeClaim's types are: `arm64`.
    pub architectures: Vec<CompactString>,
    /// The first of its types.
    pub instance_type: CompactString,
}

/// The launch error of a new NodeClaim whose instance types no image of its EC2NodeClass fits. None where some
/// type has an image, or where images are not known.
pub fn no_image(
    claim: &NewNodeClaim,
    solution: &Solution,
    index: &ObjectIndex<'_>,
    profile: &LabelProfile,
) -> Option<NoImage> {
    let reference = &claim.object.spec.node_class_ref;
    if reference.kind != "EC2NodeClass" {
        return None;
    }
    let class = index.node_classes.get(reference.name.as_str())?;
    if class.status.amis.is_empty() {
        return None;
    }
    let pool = solution.node_pools.iter().find(|pool| pool.name == claim.node_pool)?;
    let types: Vec<&InstanceType> = claim
        .instance_types
        .iter()
        .filter_map(|name| pool.instance_types.iter().find(|known| known.name == *name))
        .collect();
    let images: Vec<Requirements> = images_of(class, profile);
    if types.is_empty() || types.iter().any(|kept| has_image(kept, &images)) {
        return None;
    }
    let arch = crate::model::label_key::ARCH;
    let mut architectures: Vec<CompactString> = types
        .iter()
        .filter_map(|kept| kept.requirements.get(arch))
        .flat_map(|requirement| requirement.values.iter().cloned())
        .collect();
    architectures.sort();
    architectures.dedup();
    let described = class.status.amis.iter().zip(&images).map(|(ami, requirements)| {
        let labels: Vec<String> = requirements.iter().map(super::words::wish).collect();
        format!("{} ({})", ami.id, labels.join(", "))
    });
    Some(NoImage {
        node_class: reference.name.clone(),
        images: described.collect(),
        architectures,
        instance_type: types[0].name.clone(),
    })
}

fn images_of(class: &Ec2NodeClass, profile: &LabelProfile) -> Vec<Requirements> {
    class.status.amis.iter().map(|ami| Requirements::from_specs(&ami.requirements, profile)).collect()
}

fn has_image(instance_type: &InstanceType, images: &[Requirements]) -> bool {
    images.iter().any(|image| instance_type.requirements.compatible(image, AllowUndefined::Nothing).is_ok())
}
