//! Twenty NodePools over all EC2 types of a region, and pods that only some of them may serve.

use anyhow::Result;
use karp_core::model::RuleSet;
use serde_json::{Value, json};

use super::cluster::with_ec2;
use super::objects::{Numbers, Owner, ZONES, node_class, node_pool};
use super::scenario::Scenario;
use crate::vectors::scheduling::snapshot;

const POOLS: usize = 20;
const OWNERS: usize = 60;

/// So many pending pods, no node.
pub(super) fn scenario(pods: usize) -> Result<Scenario> {
    let mut numbers = Numbers::new(7);
    let mut objects = vec![node_class()];
    objects.extend((0..POOLS).map(pool));
    let owners: Vec<Owner> = (0..OWNERS).map(|at| owner(at, &mut numbers)).collect();
    objects.extend((0..pods).map(|pod| owners[pod % OWNERS].pod(pod, None, &mut numbers)));
    let taken_at = "2026-08-20T12:00:00Z".parse()?;
    let snapshot = snapshot(&objects, Default::default(), RuleSet::V1_15, taken_at)?;
    with_ec2(format!("pools-{pods}"), snapshot)
}

/// Half of them tainted for a team; some of one architecture, one capacity type, or bounded size.
fn pool(number: usize) -> Value {
    let mut requirements = vec![match number % 3 {
        0 => json!({"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}),
        1 => json!({"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}),
        _ => {
            json!({"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]})
        }
    }];
    match number % 4 {
        0 => requirements
            .push(json!({"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]})),
        1 => requirements
            .push(json!({"key": "karpenter.k8s.aws/instance-cpu", "operator": "Lt", "values": ["33"]})),
        _ => {}
    }
    let taint = json!([{"key": "team", "value": format!("t{}", number % 6), "effect": "NoSchedule"}]);
    let taints = if number.is_multiple_of(2) { taint } else { json!([]) };
    node_pool(&format!("pool-{number:02}"), 1 + number, &Value::Array(requirements), &taints)
}

fn owner(number: usize, numbers: &mut Numbers) -> Owner {
    let name = format!("app-{number}");
    let mut demands = json!({});
    if !number.is_multiple_of(3) {
        demands["tolerations"] =
            json!([{"key": "team", "operator": "Equal", "value": format!("t{}", number % 6)}]);
    }
    if number.is_multiple_of(5) {
        demands["nodeSelector"] = json!({"topology.kubernetes.io/zone": ZONES[number % 3]});
    }
    if number % 4 == 1 {
        let key = if number % 8 == 1 { "topology.kubernetes.io/zone" } else { "kubernetes.io/hostname" };
        demands["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": key,
            "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": name}}}]);
    }
    Owner {
        namespace: "default".into(),
        name,
        kind: "ReplicaSet",
        cpu: numbers.one_of(&["250m", "500m", "1", "2", "4"]).into(),
        memory: numbers.one_of(&["256Mi", "1Gi", "2Gi", "8Gi"]).into(),
        demands,
    }
}
