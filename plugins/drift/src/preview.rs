//! `--ami-preview`: what the images of each EC2NodeClass become when the control plane has another version.

use karp_core::disruption::ClusterState;
use karp_core::disruption::claim_drift::node_class;
use karp_core::model::{AllowUndefined, AwsFacts, Ec2NodeClass, NodeClaim, Requirements};
use karp_core::provider::aws::{AliasError, AliasParameter, alias_parameters};

use crate::report::{AmiPreview, ClassPreview, ParameterPreview};

/// What would become of every EC2NodeClass.
pub(crate) fn ami_preview(cluster: &ClusterState<'_>, facts: Option<&AwsFacts>, version: &str) -> AmiPreview {
    let version = version.trim_start_matches('v').to_owned();
    let mut classes: Vec<&Ec2NodeClass> = cluster.snapshot.objects.ec2_node_classes.iter().collect();
    classes.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let node_classes = classes.into_iter().map(|class| of_class(cluster, facts, class, &version)).collect();
    AmiPreview { version, node_classes }
}

/// Names of the SSM parameters that a preview needs, for the edge to read.
pub(crate) fn wanted_parameters(classes: &[Ec2NodeClass], version: &str) -> Vec<String> {
    let version = version.trim_start_matches('v');
    let aliases = classes
        .iter()
        .flat_map(|class| &class.spec.ami_selector_terms)
        .filter_map(|term| term.alias.as_deref());
    let mut names: Vec<String> = aliases
        .filter_map(|alias| alias_parameters(alias, version).ok())
        .flatten()
        .map(|parameter| parameter.name)
        .collect();
    names.sort();
    names.dedup();
    names
}

fn of_class(
    cluster: &ClusterState<'_>,
    facts: Option<&AwsFacts>,
    class: &Ec2NodeClass,
    version: &str,
) -> ClassPreview {
    let members = members(cluster, class);
    let mut preview = ClassPreview {
        name: class.metadata.name.clone(),
        kind: "stays",
        selected_by: selected_by(class),
        would_drift: 0,
        without_image: 0,
        parameters: Vec::new(),
    };
    let Some(alias) = class.spec.ami_selector_terms.iter().find_map(|term| term.alias.as_deref()) else {
        return preview;
    };
    let parameters = match alias_parameters(alias, version) {
        Ok(parameters) => parameters,
        Err(AliasError::Unsupported { .. }) => {
            preview.kind = "refused";
            preview.without_image = members.len();
            return preview;
        }
        Err(AliasError::Unknown(_)) => return preview,
    };
    preview.kind = "follows";
    for parameter in &parameters {
        let read = facts.and_then(|facts| facts.parameters.get(parameter.name.as_str()));
        let image = read.and_then(|read| read.value.clone());
        let state = match read {
            None => "not-read",
            Some(_) if image.is_none() => "missing",
            Some(_) => "found",
        };
        let takers: Vec<&&NodeClaim> =
            members.iter().filter(|claim| serves(cluster, parameter, claim)).collect();
        match state {
            // The path has the version in it, so the image is another one whatever the date of the alias.
            "found" => {
                preview.would_drift +=
                    takers.iter().filter(|claim| Some(&claim.status.image_id) != image.as_ref()).count();
            }
            "missing" => preview.without_image += takers.len(),
            _ => {}
        }
        preview.parameters.push(ParameterPreview {
            name: parameter.name.clone(),
            serves: parameter.serves.clone(),
            image,
            state,
            claims: takers.len(),
        });
    }
    preview
}

/// NodeClaims of an EC2NodeClass that stay.
pub(crate) fn members<'a>(cluster: &ClusterState<'a>, class: &Ec2NodeClass) -> Vec<&'a NodeClaim> {
    let own = |claim: &&NodeClaim| {
        node_class(cluster, claim).is_some_and(|own| own.metadata.name == class.metadata.name)
    };
    let claims = cluster.snapshot.objects.node_claims.iter();
    claims.filter(|claim| !claim.metadata.is_deleting()).filter(own).collect()
}

/// Whether a NodeClaim takes the image of a parameter.
pub(crate) fn serves(cluster: &ClusterState<'_>, parameter: &AliasParameter, claim: &NodeClaim) -> bool {
    let profile = cluster.provider.labels();
    let labels = Requirements::from_labels(&claim.metadata.labels, profile);
    parameter.requirements.iter().any(|specs| {
        let wanted = Requirements::from_specs(specs.iter(), profile);
        labels.compatible(&wanted, AllowUndefined::Nothing).is_ok()
    })
}

/// What selects the images: the alias, or the kinds of terms.
fn selected_by(class: &Ec2NodeClass) -> String {
    let mut all: Vec<String> = class
        .spec
        .ami_selector_terms
        .iter()
        .map(|term| match (&term.alias, &term.id, &term.ssm_parameter, &term.name) {
            (Some(alias), ..) => alias.to_string(),
            (_, Some(id), ..) => format!("id {id}"),
            (_, _, Some(parameter), _) => format!("ssmParameter {parameter}"),
            (_, _, _, Some(name)) => format!("name {name}"),
            _ => "tags".to_owned(),
        })
        .collect();
    all.dedup();
    all.join(", ")
}
