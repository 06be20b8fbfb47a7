//! What the drains of these tests work on: nodes that KWOK plays, and workloads with PDBs.

use std::time::Duration;

use anyhow::{Context, Result};
use karp_cluster::{ControlPlane, Kubectl, SLOW_STOP, bulk, wait};
use serde_json::{Value, json};

use super::items;

/// How long nodes and pods may take to be Ready: seconds on a free machine, minutes beside two builds.
const READY_LIMIT: Duration = Duration::from_secs(300);

/// Workloads with PDBs that leave one or two pods free; some StatefulSets among them. Two to five pods each, so many
/// times.
pub(super) fn workloads(count: usize, times: usize) -> Value {
    let mut all = Vec::new();
    for number in 0..count {
        let name = format!("app-{number}");
        let replicas = (2 + number % 4) * times;
        let stateful = number % 5 == 4;
        let labels = json!({"app": name});
        let mut spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {SLOW_STOP: ""}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "50m"}}}],
                },
            },
        });
        if stateful {
            spec["serviceName"] = json!(name);
            spec["podManagementPolicy"] = json!("Parallel");
        }
        let kind = if stateful { "StatefulSet" } else { "Deployment" };
        all.push(json!({"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec}));
        all.push(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"minAvailable": replicas - 1 - usize::from(number % 7 == 6 && replicas > 2),
                "selector": {"matchLabels": labels}}}));
    }
    json!({"apiVersion": "v1", "kind": "List", "items": all})
}

/// Pods of so many workloads.
pub(super) fn pods_of(count: usize, times: usize) -> usize {
    (0..count).map(|number| (2 + number % 4) * times).sum()
}

/// Makes the namespace and waits until pods can be made in it: without its service account admission refuses them, and
/// their controllers come back later and later.
pub(super) fn namespace(plane: &ControlPlane) -> Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    plane.run(bulk::create(&plane.client(), [namespace])).context("namespace/shop")?;
    plane.wait_for_service_account("shop")
}

/// So many Ready nodes `node-0`, `node-1`, …, and so many workloads, all Ready; the number of their pods.
pub(super) fn lay_out(plane: &ControlPlane, nodes: usize, apps: usize) -> Result<usize> {
    lay_out_times(plane, nodes, apps, 1)
}

/// The same with so many times the pods.
pub(super) fn lay_out_times(plane: &ControlPlane, nodes: usize, apps: usize, times: usize) -> Result<usize> {
    let all = (0..nodes).map(|number| bulk::node(&format!("node-{number}"), number));
    plane.run(bulk::create(&plane.client(), all))?;
    let kubectl = plane.kubectl();
    let limit = format!("--timeout={}s", READY_LIMIT.as_secs());
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", &limit])?.success()?;
    namespace(plane)?;
    kubectl.apply(&workloads(apps, times).to_string())?;
    let total = pods_of(apps, times);
    all_ready(&kubectl, total)?;
    Ok(total)
}

/// Waits until so many pods are Ready and every PDB allows something.
pub(super) fn all_ready(kubectl: &Kubectl, total: usize) -> Result<()> {
    let (mut ready, mut closed) = (0, Vec::new());
    let waited = wait::until("all pods to be Ready and all PDBs to know it", READY_LIMIT, || {
        let pods = kubectl.get(&["pods", "-n", "shop"])?;
        ready = items(&pods).filter(|pod| is_ready(pod)).count();
        let budgets = kubectl.get(&["pdb", "-n", "shop"])?;
        closed = items(&budgets)
            .filter(|one| one["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) <= 0)
            .map(|one| one["metadata"]["name"].to_string())
            .collect();
        Ok((ready == total && closed.is_empty()).then_some(()))
    });
    waited.with_context(|| format!("{ready} of {total} pods are Ready, PDBs that allow nothing: {closed:?}"))
}

/// Ready, and not on its way out.
pub(super) fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
        && pod["metadata"]["deletionTimestamp"].is_null()
}

/// Pods of the workloads that are bound to a node.
pub(super) fn left_on(kubectl: &Kubectl, node: &str) -> Result<usize> {
    let selector = format!("spec.nodeName={node}");
    Ok(items(&kubectl.get(&["pods", "-n", "shop", "--field-selector", &selector])?).count())
}
