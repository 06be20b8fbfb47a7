//! Why a NodeClaim differs from what would be made today: every reason of the controller, field by field.
//!
//! Mirrors karpenter: pkg/controllers/nodeclaim/disruption/drift.go, and for AWS aws: pkg/cloudprovider/drift.go
//! ([`super::drift_aws`]). The controller stops at the first reason; here all are found, in its order, so that
//! the first is the controller's.

use std::fmt;

use jiff::Timestamp;

use crate::model::{
    AllowUndefined, GoDuration, InstanceType, LabelProfile, Labels, NodeClaim, NodePool, Requirement,
    RequirementSpec, Requirements, Taint, condition_is_true, label_key,
};

/// Why, in the controller's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DriftReason {
    /// The template of its NodePool was edited.
    NodePoolDrifted,
    /// Its labels no longer meet its NodePool's requirements.
    RequirementsDrifted,
    /// Its instance type, or every offering like its own, is gone.
    InstanceTypeNotFound,
    /// Its NodeClass was edited.
    NodeClassDrift,
    /// It runs another image than its instance type would get.
    AmiDrift,
    /// It is in other security groups.
    SecurityGroupDrift,
    /// It is in a subnet that is no longer selected.
    SubnetDrift,
    /// It runs in a reservation that is no longer selected.
    CapacityReservationDrift,
    /// It is in another placement group.
    PlacementGroupDrift,
}

impl DriftReason {
    /// All of them, in the controller's order.
    pub const ALL: [DriftReason; 9] = [
        DriftReason::NodePoolDrifted,
        DriftReason::RequirementsDrifted,
        DriftReason::InstanceTypeNotFound,
        DriftReason::NodeClassDrift,
        DriftReason::AmiDrift,
        DriftReason::SecurityGroupDrift,
        DriftReason::SubnetDrift,
        DriftReason::CapacityReservationDrift,
        DriftReason::PlacementGroupDrift,
    ];

    /// As the `Drifted` condition spells it.
    pub const fn name(self) -> &'static str {
        match self {
            DriftReason::NodePoolDrifted => "NodePoolDrifted",
            DriftReason::RequirementsDrifted => "RequirementsDrifted",
            DriftReason::InstanceTypeNotFound => "InstanceTypeNotFound",
            DriftReason::NodeClassDrift => "NodeClassDrift",
            DriftReason::AmiDrift => "AMIDrift",
            DriftReason::SecurityGroupDrift => "SecurityGroupDrift",
            DriftReason::SubnetDrift => "SubnetDrift",
            DriftReason::CapacityReservationDrift => "CapacityReservationDrift",
            DriftReason::PlacementGroupDrift => "PlacementGroupDrift",
        }
    }

    /// By the name in a condition.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for DriftReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldDrift {
    /// Path in the object that says what is wanted: `spec.template.metadata.labels.team`.
    pub field: String,
    /// What the NodeClaim or instance has; none = nothing.
    pub has: Option<String>,
    /// What is wanted; none = nothing.
    pub wants: Option<String>,
    /// Whether it is only likely to be the field.
    pub possibly: bool,
}

impl FieldDrift {
    pub(super) fn new(field: impl Into<String>, has: Option<String>, wants: Option<String>) -> Self {
        Self { field: field.into(), has, wants, possibly: false }
    }
}

/// One reason, with the fields behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Why.
    pub reason: DriftReason,
    /// What differs; empty where the controller says so and the field cannot be seen from here.
    pub fields: Vec<FieldDrift>,
}

/// Annotations of hash comparisons; both must carry both, and versions must be equal, for hashes to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashComparison<'a> {
    /// Equal.
    Same,
    /// Different.
    Different,
    /// An annotation is missing: the controller compares nothing.
    Missing,
    /// Versions differ: the controller compares nothing.
    OtherVersion {
        /// Version on the NodeClaim.
        claim: &'a str,
        /// Version on the other object.
        owner: &'a str,
    },
}

/// Compares the hash annotations of a NodeClaim and its NodePool or NodeClass.
pub fn compare_hashes<'a>(claim: &'a Labels, owner: &'a Labels, key: &str) -> HashComparison<'a> {
    let version_key = format!("{key}-version");
    let get = |from: &'a Labels, key: &str| from.get(key);
    let (Some(mine), Some(my_version), Some(theirs), Some(their_version)) =
        (get(claim, key), get(claim, &version_key), get(owner, key), get(owner, &version_key))
    else {
        return HashComparison::Missing;
    };
    if my_version != their_version {
        HashComparison::OtherVersion { claim: my_version, owner: their_version }
    } else if mine == theirs {
        HashComparison::Same
    } else {
        HashComparison::Different
    }
}

/// The template was edited since the NodeClaim was made.
pub fn node_pool_drift(claim: &NodeClaim, pool: &NodePool, profile: &LabelProfile) -> Option<Drift> {
    let (mine, theirs) = (&claim.metadata.annotations, &pool.metadata.annotations);
    (compare_hashes(mine, theirs, label_key::NODE_POOL_HASH) == HashComparison::Different).then(|| Drift {
        reason: DriftReason::NodePoolDrifted,
        fields: template_differences(claim, pool, profile),
    })
}

/// Every hashed field of the template in which the NodeClaim differs. A label or annotation that the template
/// no longer has is likely one that was taken out, where nothing else explains it on the NodeClaim.
pub fn template_differences(claim: &NodeClaim, pool: &NodePool, profile: &LabelProfile) -> Vec<FieldDrift> {
    let template = &pool.spec.template;
    let mut fields = Vec::new();
    let path = "spec.template.metadata";
    let (labels, annotations) = (&template.metadata.labels, &template.metadata.annotations);
    map_differences(&format!("{path}.labels"), &claim.metadata.labels, labels, &mut fields, |key| {
        profile.is_well_known(key)
            || profile.is_restricted(key)
            || key.contains("kubernetes.io/")
            || key.contains("karpenter")
            || key.starts_with("topology.k8s.aws/")
            || template.spec.requirements.iter().any(|requirement| requirement.key == key)
            || claim.spec.requirements.iter().any(|requirement| requirement.key == key)
    });
    let own = |key: &str| key.contains("karpenter");
    map_differences(
        &format!("{path}.annotations"),
        &claim.metadata.annotations,
        annotations,
        &mut fields,
        own,
    );
    let path = "spec.template.spec";
    taint_differences(&format!("{path}.taints"), &claim.spec.taints, &template.spec.taints, &mut fields);
    taint_differences(
        &format!("{path}.startupTaints"),
        &claim.spec.startup_taints,
        &template.spec.startup_taints,
        &mut fields,
    );
    let (mine, wanted) = (&claim.spec.node_class_ref, &template.spec.node_class_ref);
    for (name, has, wants) in [
        ("group", &mine.group, &wanted.group),
        ("kind", &mine.kind, &wanted.kind),
        ("name", &mine.name, &wanted.name),
    ] {
        if has != wants {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            fields.push(FieldDrift::new(format!("{path}.nodeClassRef.{name}"), text(has), text(wants)));
        }
    }
    for (name, has, wants) in [
        ("expireAfter", &claim.spec.expire_after, &template.spec.expire_after),
        (
            "terminationGracePeriod",
            &claim.spec.termination_grace_period,
            &template.spec.termination_grace_period,
        ),
    ] {
        // `60m` and `1h` are the same; `Never` and nothing too.
        let value = |text: &Option<compact_str::CompactString>| {
            text.as_deref().and_then(|text| text.parse::<GoDuration>().ok())
        };
        if value(has) != value(wants) {
            let text = |text: &Option<compact_str::CompactString>| text.as_deref().map(str::to_owned);
            fields.push(FieldDrift::new(format!("{path}.{name}"), text(has), text(wants)));
        }
    }
    fields
}

/// Keys the template wants and the NodeClaim has otherwise or not at all; and keys that only the NodeClaim has,
/// unless `explained`, as likely removals.
fn map_differences(
    path: &str,
    has: &Labels,
    wants: &Labels,
    fields: &mut Vec<FieldDrift>,
    explained: impl Fn(&str) -> bool,
) {
    for (key, wanted) in wants.iter() {
        let mine = has.get(key);
        if mine != Some(wanted) {
            fields.push(FieldDrift::new(
                format!("{path}.{key}"),
                mine.map(str::to_owned),
                Some(wanted.to_owned()),
            ));
        }
    }
    for (key, value) in has.iter().filter(|(key, _)| wants.get(key).is_none() && !explained(key)) {
        let mut field = FieldDrift::new(format!("{path}.{key}"), Some(value.to_owned()), None);
        field.possibly = true;
        fields.push(field);
    }
}

fn taint_differences(path: &str, has: &[Taint], wants: &[Taint], fields: &mut Vec<FieldDrift>) {
    let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect && a.value() == b.value();
    for taint in wants.iter().filter(|wanted| !has.iter().any(|mine| same(mine, wanted))) {
        let mine = has.iter().find(|mine| mine.key == taint.key).map(ToString::to_string);
        fields.push(FieldDrift::new(path, mine, Some(taint.to_string())));
    }
    for taint in has.iter().filter(|mine| !wants.iter().any(|wanted| wanted.key == mine.key)) {
        fields.push(FieldDrift::new(path, Some(taint.to_string()), None));
    }
}

/// Its labels no longer meet the NodePool's requirements. Labels only: the NodeClaim's own requirements and
/// minValues do not matter.
pub fn requirements_drift(claim: &NodeClaim, pool: &NodePool, profile: &LabelProfile) -> Option<Drift> {
    let labels = Requirements::from_labels(&claim.metadata.labels, profile);
    let wanted = Requirements::from_specs(pool.spec.template.spec.requirements.iter(), profile);
    if labels.compatible(&wanted, AllowUndefined::Nothing).is_ok() {
        return None;
    }
    let fields = wanted
        .iter()
        .filter(|requirement| {
            let alone: Requirements = [(*requirement).clone()].into_iter().collect();
            labels.compatible(&alone, AllowUndefined::Nothing).is_err()
        })
        .map(|requirement| {
            let key = requirement.key.as_str();
            let has = claim
                .metadata
                .labels
                .iter()
                .find(|(label, _)| profile.normalize(label) == key)
                .map(|(_, value)| value.to_owned());
            FieldDrift::new(
                format!("spec.template.spec.requirements.{key}"),
                has,
                Some(wanted_text(pool, requirement, profile)),
            )
        })
        .collect();
    Some(Drift { reason: DriftReason::RequirementsDrifted, fields })
}

/// What the NodePool says of a key, as it is written there: `In [c m]`.
fn wanted_text(pool: &NodePool, requirement: &Requirement, profile: &LabelProfile) -> String {
    let written: Vec<String> = pool
        .spec
        .template
        .spec
        .requirements
        .iter()
        .filter(|spec| profile.normalize(&spec.key) == requirement.key)
        .map(|spec: &RequirementSpec| {
            if spec.values.is_empty() {
                spec.operator.to_string()
            } else {
                format!("{} [{}]", spec.operator, spec.values.join(" "))
            }
        })
        .collect();
    written.join(" and ")
}

/// A NodeClaim younger than this is not checked against the list of instance types.
const INSTANCE_TYPE_AGE: GoDuration = GoDuration::from_seconds(3600);

/// Its instance type, or every offering compatible with its labels, is gone (available or not does not matter).
/// `reserved_labels`: keys that are passed over for reserved NodeClaims, besides their capacity type.
pub fn instance_type_drift(
    claim: &NodeClaim,
    types: &[InstanceType],
    profile: &LabelProfile,
    reserved_labels: &[&str],
    now: Timestamp,
) -> Option<Drift> {
    let created = claim.metadata.creation_timestamp?;
    if GoDuration::between(created, now) <= INSTANCE_TYPE_AGE {
        return None;
    }
    let drift = |field: &str, has: &str| {
        let field = FieldDrift::new(format!("metadata.labels.{field}"), Some(has.to_owned()), None);
        Some(Drift { reason: DriftReason::InstanceTypeNotFound, fields: vec![field] })
    };
    let labels = &claim.metadata.labels;
    let name = labels.get(label_key::INSTANCE_TYPE).unwrap_or_default();
    let Some(instance_type) = types.iter().find(|candidate| candidate.name == name) else {
        return drift(label_key::INSTANCE_TYPE, name);
    };
    let mut wanted = Requirements::from_labels(labels, profile);
    if labels.get(label_key::CAPACITY_TYPE) == Some("reserved") {
        wanted.set(Requirement::allow(label_key::CAPACITY_TYPE, ["reserved", "on-demand"]));
        reserved_labels.iter().for_each(|key| {
            wanted.remove(key);
        });
    }
    let offered = instance_type.offerings.iter().any(|offering| {
        wanted.compatible(&offering.requirements, AllowUndefined::WellKnown(profile)).is_ok()
    });
    if offered {
        return None;
    }
    let zone = labels.get(label_key::ZONE).unwrap_or_default();
    let zone_offered = instance_type.offerings.iter().any(|offering| offering.zone() == Some(zone));
    match labels.get(label_key::CAPACITY_TYPE) {
        Some(capacity_type) if zone_offered => drift(label_key::CAPACITY_TYPE, capacity_type),
        _ => drift(label_key::ZONE, zone),
    }
}

/// Whether the controller looks at this NodeClaim at all.
pub fn is_evaluated(claim: &NodeClaim) -> bool {
    !claim.metadata.is_deleting() && condition_is_true(&claim.status.conditions, "Launched")
}

#[cfg(test)]
mod tests;
