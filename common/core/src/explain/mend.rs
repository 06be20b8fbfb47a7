//! What mends something that is no change of a spec which can be simulated: NodeClaims that do not launch, NodePools
//! and NodeClasses that are not Ready. One `next:` each, with the command that shows or mends it.
//!
//! Reasons: karpenter: pkg/controllers/nodepool/readiness; aws: pkg/controllers/nodeclass, pkg/errors,
//! pkg/providers/instance.

use super::report::Next;
use super::why::WhyContext;
use crate::model::{Condition, Ec2NodeClass, NodeClaim, SelectorTerm, condition};

fn next(text: impl Into<String>, command: impl Into<String>) -> Next {
    Next { text: text.into(), command: command.into() }
}

/// What to do about a NodeClaim that does not launch, by the reason of its `Launched` condition.
pub(super) fn launch(name: &str, claim: Option<&NodeClaim>) -> Next {
    let launched = claim.and_then(|claim| condition(&claim.status.conditions, "Launched"));
    let reason = launched.and_then(|launched| launched.reason.as_deref()).unwrap_or_default();
    let message = launched.and_then(|launched| launched.message.as_deref()).unwrap_or_default();
    let describe = format!("kubectl describe nodeclaim/{name}");
    let class = claim.map(|claim| &claim.spec.node_class_ref).filter(|class| class.kind == "EC2NodeClass");
    let class = class.map(|class| class.name.as_str());
    match (cause_of(reason, message), class) {
        (LaunchTrouble::Denied, _) => next(
            "the launch is denied: look for the IAM policy or service control policy named in its condition",
            describe,
        ),
        (LaunchTrouble::SpotRole, _) => next(
            "the account has no service-linked role for spot: create it once",
            "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
        ),
        (LaunchTrouble::Quota, _) => next(
            "an EC2 quota of the account is used up: raise it, or allow other types",
            "aws service-quotas list-service-quotas --service-code ec2",
        ),
        (LaunchTrouble::Verification, _) => {
            next("AWS has not verified the account yet: wait, or ask AWS support", describe)
        }
        (LaunchTrouble::Addresses, Some(class)) => next(
            format!("the subnets of ec2nodeclass/{class} have no free addresses: let it select others too"),
            format!("kubectl edit ec2nodeclass/{class}"),
        ),
        (LaunchTrouble::Image, Some(class)) => next(
            format!("no image can be used: mend spec.amiSelectorTerms of ec2nodeclass/{class}"),
            format!("kubectl edit ec2nodeclass/{class}"),
        ),
        (LaunchTrouble::Class(field), Some(class)) => next(
            format!("mend spec.{field} of ec2nodeclass/{class}"),
            format!("kubectl edit ec2nodeclass/{class}"),
        ),
        (LaunchTrouble::ClassNotReady, Some(class)) => next(
            format!("see why ec2nodeclass/{class} is not Ready"),
            format!("kubectl describe ec2nodeclass/{class}"),
        ),
        _ => next("see what its launch says", describe),
    }
}

/// Kinds of launch errors that differ in what mends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LaunchTrouble {
    Denied,
    SpotRole,
    Quota,
    Verification,
    Addresses,
    Image,
    Class(&'static str),
    ClassNotReady,
    Other,
}

fn cause_of(reason: &str, message: &str) -> LaunchTrouble {
    let says = |text: &str| message.contains(text);
    match reason {
        "SpotSLRCreationFailed" => LaunchTrouble::SpotRole,
        "AMIAuthorizationFailure" | "InvalidAMIID" | "AMINotFound" => LaunchTrouble::Image,
        "FleetQuotaExceeded" | "SpotQuotaExceeded" | "VCPULimitExceeded" | "FreeTierIneligible" => {
            LaunchTrouble::Quota
        }
        "AccountPendingVerification" => LaunchTrouble::Verification,
        "InsufficientFreeAddressesInSubnet" => LaunchTrouble::Addresses,
        "SecurityGroupSubnetVPCMismatch" => LaunchTrouble::Class("securityGroupSelectorTerms"),
        "SubnetResolutionFailed" => LaunchTrouble::Class("subnetSelectorTerms"),
        "InstanceProfileNameInvalid" => LaunchTrouble::Class("role or spec.instanceProfile"),
        "UserDataSizeLimitExceeded" => LaunchTrouble::Class("userData"),
        "NodeClassReadinessUnknown" => LaunchTrouble::ClassNotReady,
        _ if says("ServiceLinkedRoleCreationNotPermitted") => LaunchTrouble::SpotRole,
        _ if says("UnauthorizedOperation") || says("AccessDenied") || reason.contains("Unauthorized") => {
            LaunchTrouble::Denied
        }
        _ if says("VcpuLimitExceeded") || says("MaxSpotInstanceCountExceeded") => LaunchTrouble::Quota,
        _ if says("InsufficientFreeAddressesInSubnet") => LaunchTrouble::Addresses,
        _ => LaunchTrouble::Other,
    }
}

/// The NodeClass of a NodePool and the condition that it fails.
pub(super) fn failing_class<'a>(
    pool: &str,
    context: WhyContext<'a>,
) -> Option<(&'a Ec2NodeClass, &'a Condition)> {
    let reference = &context.index.node_pools.get(pool)?.spec.template.spec.node_class_ref;
    let class = context.index.node_classes.get(reference.name.as_str()).copied();
    let class = class.filter(|_| reference.kind == "EC2NodeClass")?;
    let mut conditions = class.status.conditions.iter();
    let failing = conditions.find(|condition| condition.kind != "Ready" && condition.status != "True")?;
    Some((class, failing))
}

/// How to make a NodePool Ready: at its NodeClass where that is what fails.
pub(super) fn not_ready(pool: &str, context: WhyContext<'_>) -> Next {
    let object = context.index.node_pools.get(pool);
    if let Some((class, failing)) = failing_class(pool, context) {
        return class_not_ready(class, failing);
    }
    let failing = object.and_then(|object| {
        let mut conditions = object.status.conditions.iter();
        conditions.find(|condition| condition.kind != "Ready" && condition.status != "True")
    });
    let reference = object.map(|object| &object.spec.template.spec.node_class_ref);
    let class = reference.map(|reference| format!("{}/{}", reference.kind.to_lowercase(), reference.name));
    match (failing.and_then(|failing| failing.reason.as_deref()), class) {
        (Some("NodeClassNotFound"), Some(class)) => next(
            format!("{class} does not exist: create it, or let nodepool/{pool} name another"),
            format!("kubectl edit nodepool/{pool}"),
        ),
        (Some("NodeClassTerminating"), Some(class)) => next(
            format!("{class} is being deleted: let nodepool/{pool} name another"),
            format!("kubectl edit nodepool/{pool}"),
        ),
        (Some("NodePoolValidationFailed"), _) => next(
            format!("mend what its condition ValidationSucceeded names in nodepool/{pool}"),
            format!("kubectl describe nodepool/{pool}"),
        ),
        _ => next(
            format!("make nodepool/{pool} Ready: see its conditions"),
            format!("kubectl describe nodepool/{pool}"),
        ),
    }
}

fn class_not_ready(class: &Ec2NodeClass, failing: &Condition) -> Next {
    let name = &class.metadata.name;
    let (describe, edit) =
        (format!("kubectl describe ec2nodeclass/{name}"), format!("kubectl edit ec2nodeclass/{name}"));
    let selects = |field: &str, things: &str, terms: &[SelectorTerm]| {
        let tags = terms.iter().flat_map(|term| term.tags.iter());
        let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
        let tags = match tags.as_slice() {
            [] => String::new(),
            tags => format!(", or tag the {things} {}", tags.join(" or ")),
        };
        next(format!("let spec.{field} of ec2nodeclass/{name} match the {things}{tags}"), edit.clone())
    };
    let reason = failing.reason.as_deref().unwrap_or_default();
    match (failing.kind.as_str(), reason) {
        ("SubnetsReady", _) => selects("subnetSelectorTerms", "subnets", &class.spec.subnet_selector_terms),
        ("SecurityGroupsReady", _) => selects(
            "securityGroupSelectorTerms",
            "security groups",
            &class.spec.security_group_selector_terms,
        ),
        ("AMIsReady", "UnsupportedAlias") => next(
            format!(
                "the Kubernetes version has no images of the alias in spec.amiSelectorTerms of ec2nodeclass/{name}: use al2023 or bottlerocket"
            ),
            edit,
        ),
        ("AMIsReady", _) => {
            next(format!("let spec.amiSelectorTerms of ec2nodeclass/{name} find an image"), edit)
        }
        ("InstanceProfileReady", _) => next(
            format!(
                "Karpenter cannot make the instance profile of ec2nodeclass/{name}: check spec.role and its iam: permissions"
            ),
            describe,
        ),
        ("PlacementGroupReady", _) => next(
            format!("let spec.placementGroupSelector of ec2nodeclass/{name} find a placement group"),
            edit,
        ),
        ("ValidationSucceeded", reason) if reason.ends_with("AuthCheckFailed") => next(
            "EC2 denies a dry run of the launch: look for the IAM policy or service control policy named in its condition",
            describe,
        ),
        ("ValidationSucceeded", "TagValidationFailed") => {
            next(format!("take the reserved key out of spec.tags of ec2nodeclass/{name}"), edit)
        }
        ("ValidationSucceeded", "ClusterCIDRResolutionFailed") => {
            next("Karpenter may not ask EKS for the service CIDR: allow eks:DescribeCluster", describe)
        }
        ("ValidationSucceeded", reason) if reason.contains("KubeletConfiguration") => {
            next(format!("mend spec.kubelet of ec2nodeclass/{name}"), edit)
        }
        (kind, _) => next(format!("mend {kind} of ec2nodeclass/{name}"), describe),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_launch_error_has_its_own_remedy() {
        for (reason, message, text, command) in [
            ("Unauthorized", "", "service control policy", "kubectl describe nodeclaim/c"),
            (
                "LaunchFailed",
                "UnauthorizedOperation: You are not",
                "service control policy",
                "kubectl describe nodeclaim/c",
            ),
            (
                "SpotSLRCreationFailed",
                "",
                "service-linked role",
                "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
            ),
            ("VCPULimitExceeded", "", "quota", "aws service-quotas list-service-quotas --service-code ec2"),
            (
                "LaunchFailed",
                "VcpuLimitExceeded: 32",
                "quota",
                "aws service-quotas list-service-quotas --service-code ec2",
            ),
            ("AccountPendingVerification", "", "verified", "kubectl describe nodeclaim/c"),
            ("InsufficientFreeAddressesInSubnet", "", "free addresses", "kubectl edit ec2nodeclass/d"),
            (
                "AMIAuthorizationFailure",
                "Not authorized for images",
                "amiSelectorTerms",
                "kubectl edit ec2nodeclass/d",
            ),
            (
                "SecurityGroupSubnetVPCMismatch",
                "",
                "securityGroupSelectorTerms",
                "kubectl edit ec2nodeclass/d",
            ),
            ("InstanceProfileNameInvalid", "", "spec.role", "kubectl edit ec2nodeclass/d"),
            ("NodeClassReadinessUnknown", "", "not Ready", "kubectl describe ec2nodeclass/d"),
            ("AwaitingReconciliation", "", "see what its launch says", "kubectl describe nodeclaim/c"),
        ] {
            let claim: NodeClaim = serde_json::from_value(json!({"metadata": {"name": "c"},
                "spec": {"nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "d"}},
                "status": {"conditions": [
                    {"type": "Launched", "status": "Unknown", "reason": reason, "message": message}]}}))
            .unwrap();
            let found = launch("c", Some(&claim));
            assert!(found.text.contains(text), "{reason}: {}", found.text);
            assert_eq!(found.command, command, "{reason}");
        }
        assert_eq!(launch("c", None).command, "kubectl describe nodeclaim/c");
    }

    #[test]
    fn each_condition_of_a_node_class_has_its_own_remedy() {
        let class: Ec2NodeClass = serde_json::from_value(json!({"metadata": {"name": "d"}, "spec": {
            "subnetSelectorTerms": [{"tags": {"team": "a"}}]}}))
        .unwrap();
        for (kind, reason, text, command) in [
            ("SubnetsReady", "SubnetsNotFound", "or tag the subnets team=a", "kubectl edit ec2nodeclass/d"),
            (
                "SecurityGroupsReady",
                "SecurityGroupsNotFound",
                "match the security groups",
                "kubectl edit ec2nodeclass/d",
            ),
            ("AMIsReady", "AMINotFound", "find an image", "kubectl edit ec2nodeclass/d"),
            ("AMIsReady", "UnsupportedAlias", "use al2023", "kubectl edit ec2nodeclass/d"),
            ("InstanceProfileReady", "", "spec.role", "kubectl describe ec2nodeclass/d"),
            (
                "ValidationSucceeded",
                "CreateFleetAuthCheckFailed",
                "service control policy",
                "kubectl describe ec2nodeclass/d",
            ),
            ("ValidationSucceeded", "TagValidationFailed", "spec.tags", "kubectl edit ec2nodeclass/d"),
            (
                "ValidationSucceeded",
                "InvalidKubeletConfiguration",
                "spec.kubelet",
                "kubectl edit ec2nodeclass/d",
            ),
            (
                "ValidationSucceeded",
                "ClusterCIDRResolutionFailed",
                "eks:DescribeCluster",
                "kubectl describe ec2nodeclass/d",
            ),
            (
                "PlacementGroupReady",
                "PlacementGroupNotFound",
                "placementGroupSelector",
                "kubectl edit ec2nodeclass/d",
            ),
            ("Novel", "", "mend Novel", "kubectl describe ec2nodeclass/d"),
        ] {
            let failing: Condition =
                serde_json::from_value(json!({"type": kind, "status": "False", "reason": reason})).unwrap();
            let found = class_not_ready(&class, &failing);
            assert!(found.text.contains(text), "{kind} {reason}: {}", found.text);
            assert_eq!(found.command, command, "{kind} {reason}");
        }
    }
}
