//! What AWS must be asked for the whole answer.

use compact_str::CompactString;
use karp_core::model::{AwsQuestions, NodeClaim, Snapshot, instance_id};

use crate::drift::DriftOptions;
use crate::images::kubernetes;
use crate::preview::wanted_parameters;
use crate::versions::minor;

/// What AWS must be asked for the whole answer.
pub fn questions(snapshot: &Snapshot, options: &DriftOptions) -> AwsQuestions {
    let objects = &snapshot.objects;
    let claims: Vec<&NodeClaim> = objects
        .node_claims
        .iter()
        .filter(|claim| options.target.as_ref().is_none_or(|target| target.holds(claim)))
        .collect();
    let instances = claims.iter().filter_map(|claim| instance_id(&claim.status.provider_id));
    let classes = &objects.ec2_node_classes;
    let listed = classes.iter().flat_map(|class| class.status.amis.iter().map(|ami| ami.id.clone()));
    let running =
        claims.iter().map(|claim| claim.status.image_id.clone()).filter(|id| id.starts_with("ami-"));
    let own = classes.iter().flat_map(|class| &class.spec.ami_selector_terms);
    let own = own.filter_map(|term| term.ssm_parameter.as_ref().map(ToString::to_string));
    let mut parameters: Vec<String> = own.collect();
    for version in options.ami_preview.iter().cloned().chain(versions(snapshot)) {
        parameters.extend(wanted_parameters(classes, &version));
    }
    let placement_groups = classes.iter().filter_map(|class| {
        let selector = class.spec.placement_group_selector.as_ref()?;
        let wanted = selector.id.clone().or_else(|| selector.name.clone())?;
        Some((class.metadata.name.clone(), wanted))
    });
    let sorted = |ids: &mut dyn Iterator<Item = CompactString>| {
        let mut ids: Vec<CompactString> = ids.collect();
        ids.sort();
        ids.dedup();
        ids
    };
    AwsQuestions {
        instances: sorted(&mut instances.map(CompactString::from)),
        images: sorted(&mut listed.chain(running)),
        parameters: sorted(&mut parameters.into_iter().map(CompactString::from)),
        subnets: sorted(
            &mut classes.iter().flat_map(|class| class.status.subnets.iter().map(|subnet| subnet.id.clone())),
        ),
        security_groups: sorted(
            &mut classes
                .iter()
                .flat_map(|class| class.status.security_groups.iter().map(|group| group.id.clone())),
        ),
        placement_groups: placement_groups.collect(),
    }
}

/// Kubernetes versions that aliases resolve by: the API server's, and what images of EC2NodeClasses are named after
/// (EKS may be ahead of what its API server says).
fn versions(snapshot: &Snapshot) -> Vec<String> {
    let listed = snapshot.objects.ec2_node_classes.iter().flat_map(|class| &class.status.amis);
    let listed = listed.filter_map(|ami| ami.name.as_deref().and_then(kubernetes));
    let mut versions: Vec<String> =
        listed.chain(snapshot.server_version.as_deref().and_then(minor)).collect();
    versions.sort();
    versions.dedup();
    versions
}
