//! The real AWS provider beside the EC2 double.

use std::time::Duration;

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, KarpenterAws, KarpenterAwsOptions, wait};
use serde_json::{Value, json};

const SPOT_POOL: &str = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: spot}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      - {key: kubernetes.io/arch, operator: In, values: [amd64]}
      - {key: karpenter.k8s.aws/instance-category, operator: In, values: [c, m, r]}
      - {key: karpenter.k8s.aws/instance-generation, operator: Gt, values: ['2']}
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec:
  containers:
  - {name: web, image: 'web:1', resources: {requests: {cpu: 500m, memory: 512Mi}}}
";

/// EC2NodeClass gets ready with its images, a NodeClaim is launched, its node joins, the pod runs.
pub(crate) fn the_aws_provider_launches_from_an_ec2_node_class(plane: &ControlPlane) -> Result<()> {
    let mut aws = KarpenterAws::start(plane, &KarpenterAwsOptions::default())?;
    let kubectl = plane.kubectl();
    kubectl.apply(&aws.node_class("default").to_string())?;
    kubectl.apply(SPOT_POOL)?;
    kubectl.run(&["wait", "--for=condition=Ready", "ec2nodeclass/default", "--timeout=90s"])?.success()?;
    let class = kubectl.get(&["ec2nodeclass", "default"])?;
    ensure!(length(&class["status"]["amis"]) == 5, "five AL2023 images, not {}", class["status"]["amis"]);
    ensure!(length(&class["status"]["subnets"]) == length(&aws.account["subnets"]), "{}", class["status"]);

    wait::until("the pod to run on an EC2 instance", Duration::from_secs(150), || {
        aws.karpenter.check()?;
        Ok((kubectl.get(&["pod", "web"])?["status"]["phase"] == "Running").then_some(()))
    })?;
    let claims = kubectl.get(&["nodeclaims"])?;
    let claim = &claims["items"][0];
    let types = claim["spec"]["requirements"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["key"] == "node.kubernetes.io/instance-type"))
        .map_or(0, |one| length(&one["values"]));
    ensure!(types > 100, "{types} candidate types: {claim}");
    ensure!(
        claim["status"]["providerID"].as_str().is_some_and(|id| id.starts_with("kwok-aws:///us-west-2")),
        "{claim}"
    );

    let calls = aws.api.control("calls", &json!({}))?;
    ensure!(calls["DescribeInstanceTypes"].as_u64() > Some(0), "{calls}");
    Ok(())
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}
