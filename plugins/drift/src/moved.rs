//! Aliases that have moved in SSM while the EC2NodeClass still lists the image before: drift to come.

use karp_core::disruption::ClusterState;
use karp_core::model::{AwsFacts, Ec2NodeClass, RequirementSpec};
use karp_core::provider::aws::alias_parameters;

use crate::images::{image_facts, kubernetes};
use crate::preview::{members, serves};
use crate::report::MovedImage;
use crate::versions::minor;

/// What moved, of every EC2NodeClass.
pub(crate) fn moved_images(cluster: &ClusterState<'_>, facts: &AwsFacts) -> Vec<MovedImage> {
    let classes = cluster.snapshot.objects.ec2_node_classes.iter();
    classes.flat_map(|class| of_class(cluster, facts, class)).collect()
}

fn of_class(cluster: &ClusterState<'_>, facts: &AwsFacts, class: &Ec2NodeClass) -> Vec<MovedImage> {
    let amis = &class.status.amis;
    let alias = class.spec.ami_selector_terms.iter().find_map(|term| term.alias.clone());
    // The version that the controller went by is in the names of the images it found.
    let listed = amis.iter().find_map(|ami| ami.name.as_deref().and_then(kubernetes));
    let version = listed.or_else(|| cluster.snapshot.server_version.as_deref().and_then(minor));
    let (Some(alias), Some(version), false) = (alias, version, amis.is_empty()) else { return Vec::new() };
    let claims = members(cluster, class);
    let mut moved = Vec::new();
    for parameter in alias_parameters(&alias, &version).unwrap_or_default() {
        let read = facts.parameters.get(parameter.name.as_str());
        let Some(image) = read.and_then(|read| read.value.clone()) else { continue };
        if amis.iter().any(|ami| ami.id == image) {
            continue;
        }
        let takers: Vec<_> = claims.iter().filter(|claim| serves(cluster, &parameter, claim)).collect();
        let listed =
            amis.iter().find(|ami| parameter.requirements.iter().any(|some| same(some, &ami.requirements)));
        moved.push(MovedImage {
            node_class: class.metadata.name.clone(),
            alias: alias.clone(),
            parameter: parameter.name.as_str().into(),
            serves: parameter.serves,
            has: listed.map(|ami| ami.id.clone()),
            name: image_facts(&image, cluster.snapshot, Some(facts)).name,
            claims: takers.iter().filter(|claim| claim.status.image_id != image).count(),
            wants: image,
        });
    }
    moved
}

/// The same requirements, in whatever order.
fn same(a: &[RequirementSpec], b: &[RequirementSpec]) -> bool {
    a.len() == b.len() && a.iter().all(|one| b.contains(one))
}
