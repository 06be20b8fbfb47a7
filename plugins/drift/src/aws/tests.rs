//! The screen with what AWS says, given as a value.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use karp_common::snapshot::{Input, read};
use karp_common::term::{Out, Style};
use karp_core::model::AwsFacts;
use karp_core::provider::UnknownProvider;
use serde_json::json;

use crate::{AwsAnswer, DriftOptions, RenderOptions, drift, questions, render};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/two-node-pools.yaml");
const PARAMETER: &str =
    "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/arm64/standard/recommended/image_id";

fn snapshot() -> karp_core::model::Snapshot {
    let (mut out, _) = Out::captured(Style::plain(80), Timestamp::UNIX_EPOCH);
    let mut input = Input { from: vec![FIXTURE.to_owned()], ..Input::default() };
    input.options.at = Some("2026-11-25T13:20:00Z".parse().unwrap());
    read(&input, &mut out).unwrap()
}

/// The screen as one line of words: how it wraps is tested elsewhere.
fn screen(facts: AwsFacts) -> String {
    let aws = AwsAnswer { facts: Some(facts), not_read: Vec::new() };
    let report = drift(&snapshot(), &UnknownProvider::new("no catalog"), &aws, &DriftOptions::default());
    let style = Style::plain(80);
    let options =
        RenderOptions { style, time_zone: TimeZone::UTC, wide: false, all: false, no_headers: false };
    render(&report, &options).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn facts() -> AwsFacts {
    let instance = |image: &str, subnet: &str, group: &str| json!({"imageId": image, "zone": "us-east-1a", "subnetId": subnet, "securityGroups": [group]});
    let (old, new) = ("ami-0b6c1d5f8a2e47c91", "ami-0d93e7a14c58b02f6");
    serde_json::from_value(json!({
        "instances": {
            "i-ondemanda1": instance(new, "subnet-a", "sg-1"),
            "i-ondemanda2": instance(new, "subnet-z", "sg-1"),
            "i-spotb1": instance(old, "subnet-a", "sg-1"),
            "i-spotb2": instance(old, "subnet-a", "sg-9"),
            "i-spotb3": instance(old, "subnet-a", "sg-1"),
            "i-spotb4": instance(old, "subnet-a", "sg-1"),
        },
        "images": {
            old: {"name": "amazon-eks-node-al2023-arm64-standard-1.33-v20261021", "createdAt": "2026-10-21T13:20:00Z"},
            "ami-1": {"name": "amazon-eks-node-al2023-arm64-standard-1.33-v20261124"},
        },
        "parameters": {PARAMETER: {"value": new}},
        "subnets": {"subnet-a": {"name": "private-a"}, "subnet-z": {"name": "retired"}},
        "securityGroups": {"sg-1": "nodes", "sg-9": "legacy"},
    }))
    .unwrap()
}

#[test]
fn images_groups_and_subnets_by_id_and_name() {
    let screen = screen(facts());
    for part in [
        "6 of 6 NodeClaims are drifted; 1 can never roll.",
        "has ami-0b6c1d5f8a2e47c91 al2023 arm64 v20261021 1.33 35d",
        "wants ami-0d93e7a14c58b02f6 al2023 arm64 v20261118 1.33",
        &format!("SSM {PARAMETER}"),
        "SecurityGroupDrift: 1 of NodePool spot, ec2nodeclass/default \
         status.securityGroups: has sg-9 (legacy), wants sg-1 (nodes)",
        "SubnetDrift: 1 of NodePool on-demand, ec2nodeclass/default \
         status.subnets: has subnet-z (retired), wants subnet-a (private-a)",
    ] {
        assert!(screen.contains(part), "{part:?} is not in {screen}");
    }
    assert!(!screen.contains("not read") && !screen.contains("moved:"), "{screen}");
}

#[test]
fn the_parameter_of_the_alias_is_named_not_another_one_of_the_same_image() {
    let mut facts = facts();
    let dated = PARAMETER.replace("recommended", "amazon-eks-node-al2023-arm64-standard-1.33-v20261118");
    let image = facts.parameters[PARAMETER].clone();
    facts.parameters.insert(dated.as_str().into(), image);
    let screen = screen(facts);
    assert!(screen.contains(&format!("SSM {PARAMETER}")) && !screen.contains(&dated), "{screen}");
}

#[test]
fn an_alias_that_moved_is_drift_to_come() {
    let mut facts = facts();
    facts.parameters.insert(PARAMETER.into(), karp_core::model::SsmParameter { value: Some("ami-1".into()) });
    let screen = screen(facts);
    let expected = "moved: ec2nodeclass/default, alias al2023@latest, standard arm64: SSM holds ami-1 \
                    (al2023 arm64 v20261124) now; Karpenter sees it within a day, then 6 NodeClaims drift";
    assert!(screen.contains(expected), "{screen}");
}

#[test]
fn what_is_asked_is_what_the_answer_needs() {
    let options = DriftOptions { ami_preview: Some("1.34".to_owned()), ..DriftOptions::default() };
    let asked = questions(&snapshot(), &options);
    assert_eq!(asked.instances.len(), 6);
    assert_eq!(asked.images, ["ami-0b6c1d5f8a2e47c91", "ami-0d93e7a14c58b02f6"]);
    assert_eq!((asked.subnets.len(), asked.security_groups.len()), (1, 1));
    assert!(asked.parameters.iter().any(|name| name == PARAMETER), "{:?}", asked.parameters);
    assert!(asked.parameters.iter().any(|name| name.contains("/1.34/")), "{:?}", asked.parameters);
}
