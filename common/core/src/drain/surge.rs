//! Placeholders: pods that ask for what the leaving pods ask, so that Karpenter makes room before they go.
//!
//! They carry none of the pod's labels (a controller would adopt them, a Service would send them traffic, a PDB would
//! count them), live in a namespace of their own, and have the lowest say: the pod that comes back takes their place
//! by preemption, and Karpenter does not provision for a pod that was promised a node that way.

use compact_str::CompactString;
use serde_json::{Value, json};

use super::journal::SURGE_LABEL;
use crate::model::{Pod, PodAffinityTerm, pod_requests};

/// PriorityClass of placeholders, and their namespace.
pub const SURGE_PRIORITY_CLASS: &str = "karp-surge";

/// Label by which placeholders of one owner know each other.
const OWNER_LABEL: &str = "karp/surge-for";

/// Name of the placeholder of a pod. It depends on the pod's uid alone, so that a second run does not make a second
/// one.
pub fn placeholder_name(pod_uid: &str) -> String {
    let short: String = pod_uid.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    format!("hold-{short}")
}

/// The placeholder of a pod on the node with this uid, by which whoever goes on or gives up finds it. `zones` are
/// those the pod's volumes can be reached from; empty = any.
pub fn placeholder(pod: &Pod, node_uid: &str, image: &str, zones: &[CompactString]) -> Value {
    let spec = &pod.spec;
    let owner = pod.metadata.controller().map_or_else(|| pod.metadata.uid.clone(), |owner| owner.uid.clone());
    let mut affinity = serde_json::Map::new();
    let node_affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    let mut node_affinity = node_affinity.map_or(json!({}), |found| json!(found));
    if !zones.is_empty() {
        let expression = json!({"key": crate::model::label_key::ZONE, "operator": "In", "values": zones});
        let required = &mut node_affinity["requiredDuringSchedulingIgnoredDuringExecution"];
        match required["nodeSelectorTerms"].as_array_mut() {
            Some(terms) if !terms.is_empty() => {
                for term in terms {
                    match term["matchExpressions"].as_array_mut() {
                        Some(all) => all.push(expression.clone()),
                        None => term["matchExpressions"] = json!([expression]),
                    }
                }
            }
            _ => *required = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]}),
        }
    }
    if node_affinity.as_object().is_some_and(|found| !found.is_empty()) {
        affinity.insert("nodeAffinity".into(), node_affinity);
    }
    let apart = spec.affinity.iter().filter_map(|affinity| affinity.pod_anti_affinity.as_ref());
    let apart: Vec<Value> = apart
        .flat_map(|anti| &anti.required)
        .filter(|term| selects_itself(term, pod))
        .map(|term| {
            json!({"topologyKey": term.topology_key, "labelSelector": {"matchLabels": {OWNER_LABEL: owner}}})
        })
        .collect();
    if !apart.is_empty() {
        affinity.insert(
            "podAntiAffinity".into(),
            json!({"requiredDuringSchedulingIgnoredDuringExecution": apart}),
        );
    }
    let spread: Vec<Value> = spec
        .topology_spread_constraints
        .iter()
        .filter(|constraint| crate::model::selects(constraint.label_selector.as_ref(), &pod.metadata.labels))
        .map(|constraint| {
            json!({"maxSkew": constraint.max_skew, "topologyKey": constraint.topology_key,
                "whenUnsatisfiable": constraint.when_unsatisfiable,
                "labelSelector": {"matchLabels": {OWNER_LABEL: owner}}})
        })
        .collect();
    let mut requests = json!(pod_requests(pod));
    if let Some(map) = requests.as_object_mut() {
        map.remove("pods");
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": placeholder_name(&pod.metadata.uid),
            "namespace": SURGE_PRIORITY_CLASS,
            "labels": {SURGE_LABEL: node_uid, OWNER_LABEL: owner},
            "annotations": {"karp/surge-pod": pod.key()},
        },
        "spec": {
            "priorityClassName": SURGE_PRIORITY_CLASS,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "nodeSelector": spec.node_selector,
            "tolerations": spec.tolerations,
            "affinity": affinity,
            "topologySpreadConstraints": spread,
            "containers": [{"name": "hold", "image": image, "resources": {"requests": requests.clone()}}],
        },
    })
}

fn selects_itself(term: &PodAffinityTerm, pod: &Pod) -> bool {
    crate::model::selects(term.label_selector.as_ref(), &pod.metadata.labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_asks_for_the_same_and_belongs_to_nobody() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-0", "namespace": "shop", "uid": "aaaa-bbbb", "labels": {"app": "web"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "sts",
                    "controller": true}]},
            "spec": {"nodeSelector": {"disk": "ssd"},
                "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}},
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}]}},
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "500m"}}},
                    {"name": "b", "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}}}]}
        }))
        .unwrap();
        let made = placeholder(&pod, "node-uid", "pause", &["us-east-1a".into()]);
        assert_eq!(made["metadata"]["name"], "hold-aaaabbbb");
        assert_eq!(made["metadata"]["labels"], json!({"karp/surge": "node-uid", "karp/surge-for": "sts"}));
        assert_eq!(made["spec"]["nodeSelector"], json!({"disk": "ssd"}));
        assert_eq!(
            made["spec"]["containers"][0]["resources"]["requests"],
            json!({"cpu": "750m", "memory": "1Gi"})
        );
        let affinity = &made["spec"]["affinity"];
        assert_eq!(
            affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
                [0]["matchExpressions"],
            json!([{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]}])
        );
        let apart = &affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        assert_eq!(apart.as_array().unwrap().len(), 1);
        assert_eq!(apart[0]["labelSelector"], json!({"matchLabels": {"karp/surge-for": "sts"}}));
    }
}
