//! Whether a NodeClaim that would be created can become an instance: each instance type needs an image.
//!
//! Scheduling does not look at images; the launch does. AWS provider: pkg/providers/amifamily
//! (`MapToInstanceTypes`), pkg/providers/instance.

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::index::ObjectIndex;
use crate::model::{InstanceType, LabelProfile, Requirements};
use crate::provider::aws::Images;
use crate::sim::{NewNodeClaim, NodePoolState, Solution};

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
    let known = by_name(pool);
    let types: Vec<&InstanceType> =
        claim.instance_types.iter().filter_map(|name| known.get(name.as_str()).copied()).collect();
    let images = Images::of(class, profile);
    if types.is_empty() || types.iter().any(|kept| images.for_type(&kept.requirements).is_some()) {
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
    let described = class.status.amis.iter().map(|ami| {
        let requirements = Requirements::from_specs(&ami.requirements, profile);
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

fn by_name(pool: &NodePoolState) -> FxHashMap<&str, &InstanceType> {
    pool.instance_types.iter().map(|known| (known.name.as_str(), known)).collect()
}

/// Types of a NodeClaim that some image of its EC2NodeClass fits, in launch order; all of them where images are
/// not known, or where none fits.
pub(super) fn launchable_types<'c>(
    claim: &'c NewNodeClaim,
    solution: &Solution,
    index: &ObjectIndex<'_>,
    profile: &LabelProfile,
) -> Vec<&'c CompactString> {
    let all = || claim.instance_types.iter().collect::<Vec<_>>();
    let reference = &claim.object.spec.node_class_ref;
    let class = index.node_classes.get(reference.name.as_str());
    let class = class.filter(|class| reference.kind == "EC2NodeClass" && !class.status.amis.is_empty());
    let pool = solution.node_pools.iter().find(|pool| pool.name == claim.node_pool);
    let (Some(class), Some(pool)) = (class, pool) else { return all() };
    let images = Images::of(class, profile);
    let known = by_name(pool);
    let fits = |name: &&CompactString| {
        known.get(name.as_str()).is_none_or(|known| images.for_type(&known.requirements).is_some())
    };
    let fitting: Vec<&CompactString> = claim.instance_types.iter().filter(fits).collect();
    if fitting.is_empty() { all() } else { fitting }
}
