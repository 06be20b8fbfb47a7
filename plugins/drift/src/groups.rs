//! The same drift of several NodeClaims, told once.

use std::collections::BTreeMap;

use compact_str::CompactString;
use karp_core::disruption::ClusterState;
use karp_core::disruption::claim_drift::node_class;
use karp_core::disruption::drift::DriftReason;
use karp_core::model::{AwsFacts, Ec2NodeClass};
use karp_core::provider::aws::alias_parameters;

use crate::images::image_facts;
use crate::report::{ClaimReport, DriftGroup, ImageReport, ReasonReport};
use crate::versions::minor;

/// NodeClaims of one NodePool with the same reason and fields. Images are compared apart: their fields differ by
/// architecture but are one story.
pub(crate) fn groups(
    cluster: &ClusterState<'_>,
    claims: &[ClaimReport],
    facts: Option<&AwsFacts>,
) -> Vec<DriftGroup> {
    type Key<'a> = (&'static str, &'a str, Vec<&'a ReasonReport>);
    let mut found: Vec<(Key<'_>, Vec<&ClaimReport>)> = Vec::new();
    for claim in claims {
        let mut names: Vec<&'static str> = claim.reasons.iter().map(|reason| reason.reason).collect();
        names.dedup();
        for name in names {
            let fields: Vec<&ReasonReport> = claim
                .reasons
                .iter()
                .filter(|reason| reason.reason == name && reason.field.is_some())
                .filter(|_| name != DriftReason::AmiDrift.name())
                .collect();
            let key = (name, claim.node_pool.as_deref().unwrap_or_default(), fields);
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, members)) => members.push(claim),
                None => found.push((key, vec![claim])),
            }
        }
    }
    found.sort_by_key(|((reason, pool, _), members)| {
        (std::cmp::Reverse(members.len()), DriftReason::parse(reason), pool.to_string())
    });
    found
        .into_iter()
        .map(|((reason, pool, fields), members)| {
            let of_class = DriftReason::parse(reason) >= Some(DriftReason::NodeClassDrift);
            let object = members.first().and_then(|member| {
                cluster.snapshot.objects.node_claims.iter().find(|claim| claim.metadata.name == member.name)
            });
            let class = object.filter(|_| of_class).and_then(|claim| node_class(cluster, claim));
            let alias = class
                .filter(|_| reason == DriftReason::AmiDrift.name())
                .and_then(|class| class.spec.ami_selector_terms.iter().find_map(|term| term.alias.clone()));
            let is_image = reason == DriftReason::AmiDrift.name();
            DriftGroup {
                reason,
                node_pool: pool.into(),
                node_class: class.map(|class| format!("ec2nodeclass/{}", class.metadata.name)),
                pin: alias.as_deref().map(pin),
                alias,
                claims: members.iter().map(|member| member.name.clone()).collect(),
                fields: fields.into_iter().cloned().collect(),
                images: if is_image { images(cluster, class, &members, facts) } else { Vec::new() },
            }
        })
        .collect()
}

/// Images that NodeClaims of AMIDrift have and want, most frequent first.
fn images(
    cluster: &ClusterState<'_>,
    class: Option<&Ec2NodeClass>,
    members: &[&ClaimReport],
    facts: Option<&AwsFacts>,
) -> Vec<ImageReport> {
    let mut rows = Vec::new();
    for side in ["has", "wants"] {
        let mut counts: BTreeMap<Option<CompactString>, Vec<&ClaimReport>> = BTreeMap::new();
        for member in members {
            let of_image = |reason: &&ReasonReport| reason.reason == DriftReason::AmiDrift.name();
            for reason in member.reasons.iter().filter(of_image).filter(|reason| reason.field.is_some()) {
                let value = if side == "has" { &reason.has } else { &reason.wants };
                counts.entry(value.as_deref().map(Into::into)).or_default().push(member);
            }
        }
        let mut sorted: Vec<(Option<CompactString>, Vec<&ClaimReport>)> = counts.into_iter().collect();
        sorted.sort_by_key(|(_, claims)| std::cmp::Reverse(claims.len()));
        for (id, claims) in sorted {
            let known = id.as_deref().map(|id| image_facts(id, cluster.snapshot, facts)).unwrap_or_default();
            let kubelet = claims.iter().find_map(|claim| claim.kubelet.as_deref()).and_then(minor);
            let parameter = id.as_deref().zip(class).zip(facts).and_then(|((id, class), facts)| {
                let server = cluster.snapshot.server_version.as_deref().and_then(minor);
                parameter_of(facts, class, known.kubernetes.as_deref().or(server.as_deref())?, id)
            });
            rows.push(ImageReport {
                side,
                name: known.name,
                kubernetes: known.kubernetes.or(kubelet.filter(|_| side == "has")),
                created: known.created,
                parameter,
                claims: claims.len(),
                id,
            });
        }
    }
    rows
}

/// What an alias follows besides the control plane's version.
fn pin(alias: &str) -> &'static str {
    if alias.ends_with("@latest") { "latest" } else { "pinned" }
}

/// The SSM parameter by which an EC2NodeClass comes to an image. Others may hold the same image.
fn parameter_of(facts: &AwsFacts, class: &Ec2NodeClass, version: &str, image: &str) -> Option<CompactString> {
    let of_alias = |alias: &CompactString| alias_parameters(alias, version).unwrap_or_default();
    let names = class.spec.ami_selector_terms.iter().flat_map(|term| {
        let own = term.ssm_parameter.clone();
        own.into_iter().chain(term.alias.iter().flat_map(of_alias).map(|parameter| parameter.name.into()))
    });
    let holds = |name: &CompactString| {
        facts.parameters.get(name).is_some_and(|read| read.value.as_deref() == Some(image))
    };
    names.into_iter().find(holds)
}

/// Names of what the fields of subnets and security groups name by id.
pub(crate) fn names(groups: &[DriftGroup], facts: &AwsFacts) -> BTreeMap<CompactString, CompactString> {
    let fields = groups.iter().flat_map(|group| &group.fields);
    let ids = fields.flat_map(|field| field.has.iter().chain(&field.wants)).flat_map(|text| text.split(' '));
    let name = |id: &str| {
        let subnet = facts.subnets.get(id).and_then(|subnet| subnet.name.clone());
        subnet.or_else(|| facts.security_groups.get(id).cloned()).filter(|name| !name.is_empty())
    };
    ids.filter_map(|id| Some((id.into(), name(id)?))).collect()
}
