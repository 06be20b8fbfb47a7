//! Whether a saved plan still holds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::report::{DrainPlan, PodAction};

/// Why a plan does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Staleness {
    /// A node of the plan is gone.
    #[error("node/{0} is gone")]
    NodeGone(String),
    /// A node of that name is another one.
    #[error("node/{0} was replaced")]
    NodeReplaced(String),
    /// The NodeClaim of a node is another one, or gone.
    #[error("the NodeClaim of node/{0} was replaced")]
    NodeClaimReplaced(String),
    /// A pod of that name is another one.
    #[error("pod/{1} -n {0} was replaced")]
    PodReplaced(String, String),
    /// A pod came to a node of the plan.
    #[error("pod/{1} -n {0} came to node/{2}")]
    PodCame(String, String, String),
    /// The document is no plan.
    #[error("{0}")]
    NoPlan(String),
}

/// What has changed since a plan was saved; `now` is a plan of the same nodes with the same options. Pods that are
/// gone are no change: the plan may have been applied in part.
pub fn staleness(saved: &Value, now: &DrainPlan) -> Option<Staleness> {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let list = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
    let nodes = list(saved, "nodes");
    if nodes.is_empty() {
        return Some(Staleness::NoPlan("it names no node".into()));
    }
    for node in &nodes {
        let name = text(node, "name");
        let Some(found) = now.nodes.iter().find(|found| found.name == name) else {
            return Some(Staleness::NodeGone(name));
        };
        if found.uid != text(node, "uid") {
            return Some(Staleness::NodeReplaced(name));
        }
        if found.node_claim_uid.as_deref().unwrap_or_default() != text(node, "nodeClaimUid") {
            return Some(Staleness::NodeClaimReplaced(name));
        }
        let saved_pods: BTreeMap<(String, String), String> = list(node, "pods")
            .iter()
            .map(|pod| ((text(pod, "namespace"), text(pod, "name")), text(pod, "uid")))
            .collect();
        for pod in found.pods.iter().filter(|pod| pod.action != PodAction::Skip) {
            let key = (pod.namespace.to_string(), pod.name.to_string());
            match saved_pods.get(&key) {
                None => return Some(Staleness::PodCame(key.0, key.1, name)),
                Some(uid) if *uid != pod.uid => return Some(Staleness::PodReplaced(key.0, key.1)),
                Some(_) => {}
            }
        }
    }
    None
}
