//! Drift that only the AWS provider sees: NodeClass, image, security groups, subnet, reservation, placement group.
//!
//! Mirrors aws: pkg/cloudprovider/drift.go. Image, subnet and groups are compared with the NodeClass' status, not
//! its spec. The provider computes all four instance checks before it answers, so an error in one (no subnets
//! resolved, say) hides the others, and the controller leaves its condition as it was.

use super::drift::{Drift, DriftReason, FieldDrift, HashComparison, compare_hashes};
use crate::model::{
    AllowUndefined, Ami, AwsFacts, BlockDeviceMapping, Ec2Instance, Ec2NodeClass, LabelProfile, NodeClaim,
    Requirements, condition, label_key,
};

/// Annotation: hash of the EC2NodeClass.
pub const NODE_CLASS_HASH: &str = "karpenter.k8s.aws/ec2nodeclass-hash";
const PLACEMENT_GROUP_ID: &str = "karpenter.k8s.aws/placement-group-id";
const RESERVATION_ID: &str = "karpenter.k8s.aws/capacity-reservation-id";

/// What was found for one NodeClaim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AwsDrift {
    /// Reasons, in the provider's order.
    pub drifts: Vec<Drift>,
    /// Reasons that could not be looked at, and why.
    pub unchecked: Vec<(DriftReason, String)>,
    /// The provider's error: it answers nothing, and the controller leaves its condition as it was.
    pub error: Option<String>,
}

impl AwsDrift {
    /// What the provider answers: the first reason, nothing, or its error. A NodeClass that was edited is told
    /// before anything else is looked at.
    ///
    /// # Errors
    /// The provider's own.
    pub fn answer(&self) -> Result<Option<DriftReason>, String> {
        let first = self.drifts.first().map(|drift| drift.reason);
        match &self.error {
            Some(error) if first != Some(DriftReason::NodeClassDrift) => Err(error.clone()),
            _ => Ok(first),
        }
    }
}

/// Compares a NodeClaim and its instance with the NodeClass. Without facts, what only EC2 knows is unchecked.
pub fn aws_drift(
    claim: &NodeClaim,
    class: &Ec2NodeClass,
    facts: Option<&AwsFacts>,
    profile: &LabelProfile,
) -> AwsDrift {
    let mut found = AwsDrift::default();
    let instance = facts.and_then(|facts| facts.instance(&claim.status.provider_id));
    match compare_hashes(&claim.metadata.annotations, &class.metadata.annotations, NODE_CLASS_HASH) {
        HashComparison::Same | HashComparison::Missing => {}
        HashComparison::Different => found.drifts.push(Drift {
            reason: DriftReason::NodeClassDrift,
            fields: node_class_fields(claim, class, instance),
        }),
        HashComparison::OtherVersion { claim, owner } => found.unchecked.push((
            DriftReason::NodeClassDrift,
            format!("hash version {claim} on the NodeClaim, {owner} on the NodeClass"),
        )),
    }
    image_drift(claim, class, profile, &mut found);
    instance_drift(claim, class, facts, instance, &mut found);
    found.drifts.sort_by_key(|drift| drift.reason);
    found
}

/// The image an instance with these labels would get: the first of the status whose requirements the labels meet.
/// The labels of a launched NodeClaim are those of its type.
pub fn wanted_image<'a>(
    claim: &NodeClaim,
    class: &'a Ec2NodeClass,
    profile: &LabelProfile,
) -> Option<&'a Ami> {
    let labels = Requirements::from_labels(&claim.metadata.labels, profile);
    class.status.amis.iter().find(|ami| {
        let wanted = Requirements::from_specs(ami.requirements.iter(), profile);
        labels.compatible(&wanted, AllowUndefined::Nothing).is_ok()
    })
}

fn image_drift(claim: &NodeClaim, class: &Ec2NodeClass, profile: &LabelProfile, found: &mut AwsDrift) {
    let mut fail = |problem: &str| {
        found.unchecked.push((DriftReason::AmiDrift, problem.to_owned()));
        found.error.get_or_insert_with(|| problem.to_owned());
    };
    if claim.metadata.labels.get(label_key::INSTANCE_TYPE).is_none() {
        return fail("finding node instance type");
    }
    if class.status.amis.is_empty() {
        return fail("no amis exist given constraints");
    }
    let has = claim.status.image_id.as_str();
    if has.is_empty() {
        return fail("status.imageID of the NodeClaim is empty");
    }
    let wanted = wanted_image(claim, class, profile).map(|ami| ami.id.as_str());
    if wanted != Some(has) {
        let field = FieldDrift::new("status.imageID", Some(has.to_owned()), wanted.map(str::to_owned));
        found.drifts.push(Drift { reason: DriftReason::AmiDrift, fields: vec![field] });
    }
}

fn instance_drift(
    claim: &NodeClaim,
    class: &Ec2NodeClass,
    facts: Option<&AwsFacts>,
    instance: Option<&Ec2Instance>,
    found: &mut AwsDrift,
) {
    placement_group_drift(claim, class, facts, found);
    let reserved = claim.metadata.labels.get(label_key::CAPACITY_TYPE) == Some("reserved");
    let mut of_instance = vec![DriftReason::SecurityGroupDrift, DriftReason::SubnetDrift];
    of_instance.extend(reserved.then_some(DriftReason::CapacityReservationDrift));
    let Some(instance) = instance else {
        let why = match facts {
            None => "EC2 not read".to_owned(),
            Some(facts) => match facts.gap("ec2:DescribeInstances") {
                Some(gap) => gap.reason.clone(),
                None => "the instance was not found".to_owned(),
            },
        };
        found.unchecked.extend(of_instance.into_iter().map(|reason| (reason, why.clone())));
        return;
    };
    let status = &class.status;
    if status.security_groups.is_empty() {
        let problem = "no security groups are present in the status".to_owned();
        found.unchecked.push((DriftReason::SecurityGroupDrift, problem.clone()));
        found.error.get_or_insert(problem);
    } else {
        let sorted = |mut ids: Vec<&str>| {
            ids.sort_unstable();
            ids.dedup();
            ids.join(" ")
        };
        let has = sorted(instance.security_groups.iter().map(|id| id.as_str()).collect());
        let wants = sorted(status.security_groups.iter().map(|group| group.id.as_str()).collect());
        if has != wants {
            let field = FieldDrift::new("status.securityGroups", Some(has), Some(wants));
            found.drifts.push(Drift { reason: DriftReason::SecurityGroupDrift, fields: vec![field] });
        }
    }
    if status.subnets.is_empty() {
        let problem = "no subnets are present in the status".to_owned();
        found.unchecked.push((DriftReason::SubnetDrift, problem.clone()));
        found.error.get_or_insert(problem);
    } else if !status.subnets.iter().any(|subnet| subnet.id == instance.subnet_id) {
        let ids: Vec<&str> = status.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
        let wants = match ids[..] {
            [only] => only.to_owned(),
            _ => format!("one of {}", ids.join(" ")),
        };
        let field = FieldDrift::new("status.subnets", Some(instance.subnet_id.to_string()), Some(wants));
        found.drifts.push(Drift { reason: DriftReason::SubnetDrift, fields: vec![field] });
    }
    if let Some(id) = instance.capacity_reservation_id.as_ref().filter(|_| reserved)
        && !status.capacity_reservations.iter().any(|reservation| reservation.id == *id)
    {
        let field = FieldDrift::new("status.capacityReservations", Some(id.to_string()), None);
        found.drifts.push(Drift { reason: DriftReason::CapacityReservationDrift, fields: vec![field] });
    }
}

/// The label the NodeClaim was launched with against the group its NodeClass resolves to; nothing on either side
/// is equal.
fn placement_group_drift(
    claim: &NodeClaim,
    class: &Ec2NodeClass,
    facts: Option<&AwsFacts>,
    found: &mut AwsDrift,
) {
    let has = claim.metadata.labels.get(PLACEMENT_GROUP_ID);
    let selector = class.spec.placement_group_selector.as_ref();
    let wants = match selector {
        None => None,
        Some(selector) => {
            let by_id = selector.id.as_deref();
            let read = facts.and_then(|facts| facts.placement_groups.get(&class.metadata.name));
            match by_id.or(read.map(|id| id.as_str())) {
                Some(id) => Some(id),
                None => {
                    let why = "the placement group was not read".to_owned();
                    return found.unchecked.push((DriftReason::PlacementGroupDrift, why));
                }
            }
        }
    };
    if has != wants {
        let text = |id: Option<&str>| id.map(str::to_owned);
        let field = FieldDrift::new("spec.placementGroupSelector", text(has), text(wants));
        found.drifts.push(Drift { reason: DriftReason::PlacementGroupDrift, fields: vec![field] });
    }
}

/// Fields behind a NodeClassDrift. The hash is one-way: certain is what the running instance shows; possible is
/// what was written after the launch, but for fields in which the instance is seen to be as wanted.
fn node_class_fields(
    claim: &NodeClaim,
    class: &Ec2NodeClass,
    instance: Option<&Ec2Instance>,
) -> Vec<FieldDrift> {
    let seen = instance.map(|instance| visible_fields(instance, class)).unwrap_or_default();
    let (equal, mut fields): (Vec<FieldDrift>, Vec<FieldDrift>) =
        seen.into_iter().partition(|field| field.has == field.wants);
    let launched = condition(&claim.status.conditions, "Launched")
        .and_then(|launched| launched.last_transition_time)
        .or(claim.metadata.creation_timestamp);
    let Some(launched) = launched else { return fields };
    let covers =
        |path: &str, field: &FieldDrift| field.field == path || field.field.starts_with(&format!("{path}."));
    for written in class.metadata.managed_fields.written_after(launched) {
        let path = &written.path;
        let top = path.split('.').nth(1).unwrap_or_default();
        let is_equal = equal.iter().any(|field| field.field == *path);
        let differs = fields.iter().any(|field| !field.possibly && covers(path, field));
        if NOT_HASHED.contains(&top) || is_equal || differs {
            continue;
        }
        let mut field = FieldDrift::new(path.clone(), None, None);
        field.possibly = true;
        fields.push(field);
    }
    fields
}

/// Fields of the spec that are no part of the hash.
pub(super) const NOT_HASHED: [&str; 6] = [
    "subnetSelectorTerms",
    "securityGroupSelectorTerms",
    "capacityReservationSelectorTerms",
    "amiSelectorTerms",
    "ipPrefixCount",
    "",
];

/// Fields of the NodeClass in which the running instance visibly differs. User data and kubelet settings cannot be
/// seen on an instance.
pub fn instance_differences(instance: &Ec2Instance, class: &Ec2NodeClass) -> Vec<FieldDrift> {
    let mut fields = visible_fields(instance, class);
    fields.retain(|field| field.has != field.wants);
    fields
}

/// Fields of the NodeClass that can be seen on the running instance, equal or not.
fn visible_fields(instance: &Ec2Instance, class: &Ec2NodeClass) -> Vec<FieldDrift> {
    let mut fields = Vec::new();
    let mut see = |field: &str, has: Option<String>, wants: Option<String>| {
        if wants.is_some() && has.is_some() {
            fields.push(FieldDrift::new(field, has, wants));
        }
    };
    let text = |value: Option<&str>| value.map(str::to_owned);
    if let (Some(has), Some(wants)) = (&instance.metadata_options, &class.spec.metadata_options) {
        let path = |name: &str| format!("spec.metadataOptions.{name}");
        see(&path("httpEndpoint"), text(has.http_endpoint.as_deref()), text(wants.http_endpoint.as_deref()));
        see(
            &path("httpProtocolIPv6"),
            text(has.http_protocol_ipv6.as_deref()),
            text(wants.http_protocol_ipv6.as_deref()),
        );
        let number = |value: Option<i64>| value.map(|value| value.to_string());
        see(
            &path("httpPutResponseHopLimit"),
            number(has.http_put_response_hop_limit),
            number(wants.http_put_response_hop_limit),
        );
        see(&path("httpTokens"), text(has.http_tokens.as_deref()), text(wants.http_tokens.as_deref()));
    }
    let flag = |value: Option<bool>| value.map(|value| value.to_string());
    see(
        "spec.detailedMonitoring",
        flag(instance.detailed_monitoring),
        Some(class.spec.detailed_monitoring.unwrap_or_default().to_string()),
    );
    see(
        "spec.instanceProfile",
        text(instance.instance_profile.as_deref()),
        text(class.spec.instance_profile.as_deref()),
    );
    for (key, wanted) in class.spec.tags.iter() {
        let has = instance.tags.get(key);
        fields.push(FieldDrift::new(format!("spec.tags.{key}"), text(has), Some(wanted.to_owned())));
    }
    for mapping in class.spec.block_device_mappings.iter() {
        volume_fields(instance, mapping, &mut fields);
    }
    fields
}

fn volume_fields(instance: &Ec2Instance, mapping: &BlockDeviceMapping, fields: &mut Vec<FieldDrift>) {
    let (Some(device), Some(ebs)) = (mapping.device_name.as_deref(), &mapping.ebs) else { return };
    let path = |name: &str| format!("spec.blockDeviceMappings.{device}.{name}");
    let Some(volume) = instance.volumes.get(device) else {
        if !instance.volumes.is_empty() {
            let wants = ebs.volume_size.map(|size| size.to_string());
            fields.push(FieldDrift::new(path("ebs.volumeSize"), None, wants));
        }
        return;
    };
    let mut compare = |name: &str, has: Option<String>, wants: Option<String>| {
        if has.is_some() && wants.is_some() {
            fields.push(FieldDrift::new(path(name), has, wants));
        }
    };
    // EC2 counts whole GiB; Karpenter rounds the wish up.
    const GIB: i64 = 1 << 30;
    let wanted_gib = ebs.volume_size.map(|size| (size.value() + GIB - 1) / GIB);
    let wanted_size = ebs.volume_size.map(|size| size.to_string());
    let size = volume.size_gib.map(|gib| format!("{gib}Gi"));
    compare(
        "ebs.volumeSize",
        if volume.size_gib == wanted_gib { wanted_size.clone() } else { size },
        wanted_size.clone(),
    );
    let text = |value: Option<&str>| value.map(str::to_owned);
    compare("ebs.volumeType", text(volume.volume_type.as_deref()), text(ebs.volume_type.as_deref()));
    let number = |value: Option<i64>| value.map(|value| value.to_string());
    compare("ebs.iops", number(volume.iops), number(ebs.iops));
    compare("ebs.throughput", number(volume.throughput), number(ebs.throughput));
    let flag = |value: Option<bool>| value.map(|value| value.to_string());
    compare("ebs.encrypted", flag(volume.encrypted), flag(ebs.encrypted));
}

/// Labels of reserved NodeClaims that the instance type check passes over.
pub const RESERVED_LABELS: [&str; 2] = [RESERVATION_ID, "karpenter.k8s.aws/capacity-reservation-type"];

#[cfg(test)]
mod tests;
