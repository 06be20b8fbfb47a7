//! The pod mix of Karpenter's own benchmark in any size: a fifth each generic, spread over zones, spread over
//! hosts, kept together in a zone, kept apart on hosts; 400 instance types of five offerings.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/scheduling_benchmark_test.go (`makeDiversePods`).

use anyhow::Result;
use karp_core::model::RuleSet;
use karp_core::provider::KwokProvider;
use serde_json::{Value, json};

use super::objects::{Numbers, conditions};
use super::scenario::Scenario;
use crate::vectors::scheduling::snapshot;

const TYPES: usize = 400;
const CPUS: [&str; 5] = ["100m", "250m", "500m", "1", "1500m"];
const MEMORIES: [&str; 6] = ["100Mi", "256Mi", "512Mi", "1Gi", "2Gi", "4Gi"];
const LETTERS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// So many pods.
pub(super) fn scenario(pods: usize) -> Result<Scenario> {
    let mut numbers = Numbers::new(42);
    let ready = conditions(&["NodeClassReady", "ValidationSucceeded", "Ready"]);
    let class = json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
    let mut objects = vec![
        json!({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "default", "uid": "default"},
            "spec": {"limits": {"cpu": "10M", "memory": "10000000Gi"},
                "template": {"spec": {"nodeClassRef": class, "requirements": []}}},
            "status": {"conditions": ready}}),
    ];
    objects.extend((0..pods).map(|at| pod(at, at * 5 / pods.max(1), &mut numbers)));
    let taken_at = "2026-08-20T12:00:00Z".parse()?;
    let snapshot = snapshot(&objects, Default::default(), RuleSet::V1_15, taken_at)?;
    let provider = KwokProvider::from_values((0..TYPES).map(instance_type).collect())?;
    Ok(Scenario { name: format!("diverse-{pods}"), snapshot, provider: Box::new(provider) })
}

fn pod(number: usize, kind: usize, numbers: &mut Numbers) -> Value {
    let labels = |key: &str, letter: &str| json!({key: letter});
    let selecting = |labels: &Value| json!({"matchLabels": labels});
    let spread = |key: &str, labels: &Value| {
        json!([{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": selecting(labels)}])
    };
    let term = |key: &str, labels: &Value| {
        json!({"requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": key, "labelSelector": selecting(labels)}]})
    };
    let own = labels("my-label", numbers.one_of(&LETTERS));
    let others = labels("my-label", numbers.one_of(&LETTERS));
    let together = labels("my-affinity", numbers.one_of(&LETTERS));
    let apart = labels("app", "nginx");
    let (name, labels, mut spec) = match kind {
        0 => ("generic", own, json!({})),
        1 => ("zonespread", own, json!({"topologySpreadConstraints": spread(ZONE, &others)})),
        2 => ("hostspread", own, json!({"topologySpreadConstraints": spread(HOST, &others)})),
        3 => ("affinity", together.clone(), json!({"affinity": {"podAffinity": term(ZONE, &together)}})),
        _ => ("anti", apart.clone(), json!({"affinity": {"podAntiAffinity": term(HOST, &apart)}})),
    };
    spec["containers"] = json!([{"name": "app", "resources": {"requests":
        {"cpu": numbers.one_of(&CPUS), "memory": numbers.one_of(&MEMORIES)}}}]);
    json!({
        "apiVersion": "v1", "kind": "Pod", "spec": spec,
        "metadata": {"name": format!("{name}-{number:06}"), "namespace": "default", "uid": numbers.uid(),
            "labels": labels, "creationTimestamp": "2026-08-20T11:00:00Z"},
        "status": {"phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
    })
}

fn instance_type(number: usize) -> Value {
    let size = number + 1;
    let price = size as f64 * 0.025 + size as f64 * 2.0 * 0.001;
    let places = [("spot", "a"), ("spot", "b"), ("on-demand", "a"), ("on-demand", "b"), ("on-demand", "c")];
    let offerings: Vec<Value> = places
        .into_iter()
        .map(|(capacity_type, zone)| {
            json!({"Price": price, "Available": true, "Requirements": [
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": [capacity_type]},
                {"key": ZONE, "operator": "In", "values": [format!("zone-{zone}")]},
            ]})
        })
        .collect();
    json!({
        "name": format!("fake-it-{number}"), "architecture": "amd64", "operatingSystems": ["linux"],
        "resources": {"cpu": size.to_string(), "memory": format!("{}Gi", size * 2), "pods": (size * 10).to_string()},
        "offerings": offerings,
    })
}

#[cfg(test)]
mod tests {
    use karp_core::sim::{Outcome, SolveOptions, solve};

    use super::*;

    #[test]
    fn every_pod_finds_a_place() {
        let Scenario { snapshot, provider, .. } = scenario(100).unwrap();
        let solution = solve(&snapshot, provider.as_ref(), &SolveOptions::default());
        let lost: Vec<_> =
            solution.pods.iter().filter(|pod| !matches!(pod.outcome, Outcome::New { .. })).collect();
        assert!(lost.is_empty(), "{} of 100, such as {:?}", lost.len(), lost.first());
    }
}
