//! Causes of drift, one for each NodePool of `pools::DRIFTING`.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::stage::{Stage, list};

const FOLDER: &str = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard";

/// Makes all of them; the controller is started anew, since it asks SSM once a day.
pub(crate) fn cause(stage: &mut Stage<'_>) -> Result<()> {
    let claims = stage.claims_of("subnet")?;
    let instance = stage.instance_of(claims.first().context("NodePool subnet has no NodeClaim")?)?;
    let kept = stage.aws.account["subnets"].as_array().into_iter().flatten();
    let kept: Vec<Value> = kept
        .filter(|subnet| subnet["id"] != instance["SubnetId"])
        .map(|subnet| json!({"id": subnet["id"]}))
        .collect();
    let relabelled = json!({"spec": {"template": {"metadata": {"labels": {"team": "web"}}}}});
    let hour: u32 = jiff::Timestamp::now().strftime("%H").to_string().parse()?;
    let closed = json!([
        {"nodes": "0", "schedule": format!("0 {hour} * * *"), "duration": "2h"},
        {"nodes": "50%"},
    ]);
    let edits = [
        ("nodepool", "label", relabelled.clone()),
        ("nodepool", "two-pdbs", relabelled.clone()),
        ("nodepool", "closed", relabelled),
        ("nodepool", "closed", json!({"spec": {"disruption": {"budgets": closed}}})),
        (
            "nodepool",
            "requirement",
            json!({"spec": {"template": {"spec": {"requirements": [
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]},
            ]}}}}),
        ),
        ("ec2nodeclass", "subnet", json!({"spec": {"subnetSelectorTerms": kept}})),
        (
            "ec2nodeclass",
            "group",
            json!({"spec": {"securityGroupSelectorTerms": [
                {"id": stage.aws.account["extraSecurityGroup"]},
            ]}}),
        ),
        (
            "ec2nodeclass",
            "class-edit",
            json!({"spec": {"tags": {"cost-centre": "42"}, "userData": "#!/bin/bash\necho new"}}),
        ),
    ];
    for (kind, name, patch) in edits {
        stage.kubectl.run(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()])?.success()?;
    }
    let pdb = |name: &str| {
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "two-pdbs"}}},
        })
    };
    stage.kubectl.apply(&list(vec![pdb("orders"), pdb("all-shop")]))?;
    recommend(stage, "v20261101")?;
    stage.aws.restart(stage.plane)
}

/// `recommended` holds the image of a release, as if AWS had just published it.
pub(crate) fn recommend(stage: &Stage<'_>, release: &str) -> Result<()> {
    let fixture = fs::read(stage.plane.folder().join("aws/ssm.json"))?;
    let parameters: Value = serde_json::from_slice(&fixture)?;
    let image =
        &parameters["*"][format!("{FOLDER}/amazon-eks-node-al2023-x86_64-standard-1.36-{release}/image_id")];
    ensure!(image.is_string(), "the fixture has no release {release}");
    let parameter = format!("{FOLDER}/recommended/image_id");
    stage.aws.api.control("ssm", &json!({"us-west-2": {parameter: image}})).map(|_| ())
}

/// Another version of the control plane: an alias that is pinned still has it in its path.
pub(crate) fn upgrade(stage: &mut Stage<'_>) -> Result<()> {
    let version = json!({"region": "us-west-2", "cluster": "workshop", "version": "1.37"});
    stage.aws.api.control("eks", &version)?;
    stage.aws.restart(stage.plane)
}
