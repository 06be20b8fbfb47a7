//! Fields behind a NodeClassDrift.

use super::*;
use crate::model::Condition;

const LAUNCHED: &str = "2026-11-25T10:00:00Z";

fn claim() -> NodeClaim {
    let mut claim = NodeClaim::default();
    claim.status_mut().provider_id = "aws:///us-west-2a/i-1".into();
    claim.status_mut().conditions = vec![Condition {
        kind: "Launched".into(),
        status: "True".into(),
        last_transition_time: Some(LAUNCHED.parse().unwrap()),
        ..Condition::default()
    }];
    claim.metadata_mut().annotations =
        [(NODE_CLASS_HASH, "1"), ("karpenter.k8s.aws/ec2nodeclass-hash-version", "v6")].into_iter().collect();
    claim
}

/// An EC2NodeClass that somebody wrote at a moment.
fn class(written: &str) -> Ec2NodeClass {
    let mut class: Ec2NodeClass = serde_json::from_value(serde_json::json!({
        "metadata": {
            "name": "default",
            "managedFields": [{
                "apiVersion": "karpenter.k8s.aws/v1",
                "manager": "kubectl",
                "time": written,
                "fieldsV1": {"f:spec": {
                    "f:tags": {"f:team": {}, "f:cost": {}},
                    "f:userData": {},
                    "f:amiSelectorTerms": {},
                }},
            }],
        },
        "spec": {"tags": {"team": "shop", "cost": "42"}, "userData": "x"},
    }))
    .unwrap();
    class.metadata.annotations = claim().metadata.annotations.clone();
    class.metadata.annotations.insert(NODE_CLASS_HASH, "2");
    class
}

fn fields(class: &Ec2NodeClass, facts: Option<&AwsFacts>) -> Vec<(String, Option<String>, bool)> {
    let found = aws_drift(&claim(), class, facts, &LabelProfile::core());
    let drift = found.drifts.into_iter().find(|drift| drift.reason == DriftReason::NodeClassDrift).unwrap();
    drift.fields.into_iter().map(|field| (field.field, field.has, field.possibly)).collect()
}

#[test]
fn without_ec2_what_was_written_after_the_launch_is_possible() {
    let possible = |path: &str| (path.to_owned(), None, true);
    let expected = [possible("spec.tags.cost"), possible("spec.tags.team"), possible("spec.userData")];
    assert_eq!(fields(&class("2026-11-25T11:00:00Z"), None), expected);
    assert!(fields(&class("2026-11-25T09:00:00Z"), None).is_empty());
}

#[test]
fn what_the_instance_shows_is_certain_and_what_it_shows_to_be_equal_is_left_out() {
    let tags = [("team", "shop"), ("cost", "7")].into_iter().collect();
    let instance = Ec2Instance { tags, ..Ec2Instance::default() };
    let facts =
        AwsFacts { instances: [("i-1".into(), instance)].into_iter().collect(), ..AwsFacts::default() };
    let expected = [
        ("spec.tags.cost".to_owned(), Some("7".to_owned()), false),
        ("spec.userData".to_owned(), None, true),
    ];
    assert_eq!(fields(&class("2026-11-25T11:00:00Z"), Some(&facts)), expected);
}

#[test]
fn a_subnet_that_was_removed_could_be_replaced_by_any_that_is_left() {
    let wanted = |left: &[&str]| {
        let subnets: Vec<_> =
            left.iter().map(|id| serde_json::json!({"id": id, "zone": "us-west-2b"})).collect();
        let class: Ec2NodeClass =
            serde_json::from_value(serde_json::json!({"status": {"subnets": subnets}})).unwrap();
        let instance =
            Ec2Instance { subnet_id: "subnet-a".into(), zone: "us-west-2a".into(), ..Ec2Instance::default() };
        let facts =
            AwsFacts { instances: [("i-1".into(), instance)].into_iter().collect(), ..AwsFacts::default() };
        let found = aws_drift(&claim(), &class, Some(&facts), &LabelProfile::core());
        let drift = found.drifts.into_iter().find(|drift| drift.reason == DriftReason::SubnetDrift);
        drift.and_then(|drift| drift.fields[0].wants.clone())
    };
    assert_eq!(wanted(&["subnet-b"]).as_deref(), Some("subnet-b"));
    assert_eq!(wanted(&["subnet-b", "subnet-c"]).as_deref(), Some("one of subnet-b subnet-c"));
    assert_eq!(wanted(&["subnet-a", "subnet-c"]), None);
}
