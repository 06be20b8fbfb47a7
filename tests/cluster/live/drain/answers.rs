//! A node with a pod for every answer that an eviction can get; the plan predicts each of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Kubectl, bulk, wait};
use serde_json::{Value, json};

use super::workloads::{is_ready, namespace};
use super::{items, predictions};

/// A workload of so many pods, and the rules of the PDBs that select it.
struct App {
    name: &'static str,
    replicas: usize,
    rules: &'static [&'static str],
    /// One of its pods is not Ready.
    is_sick: bool,
}

const fn app(name: &'static str, replicas: usize, rules: &'static [&'static str]) -> App {
    App { name, replicas, rules, is_sick: false }
}

const fn sick(name: &'static str, replicas: usize, rules: &'static [&'static str]) -> App {
    App { name, replicas, rules, is_sick: true }
}

const APPS: [App; 9] = [
    app("free", 1, &[]),
    app("open", 3, &[r#"{"maxUnavailable": 1}"#]),
    app("share", 4, &[r#"{"maxUnavailable": "30%"}"#]),
    app("all", 2, &[r#"{"minAvailable": "100%"}"#]),
    app("none", 1, &[r#"{"maxUnavailable": 0}"#]),
    app("twice", 2, &[r#"{"maxUnavailable": 1}"#, r#"{"minAvailable": 1}"#]),
    sick("below", 2, &[r#"{"minAvailable": 2}"#]),
    sick("enough", 3, &[r#"{"minAvailable": 2}"#]),
    sick("lenient", 2, &[r#"{"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}"#]),
];

fn deployment(app: &App) -> Value {
    let labels = json!({"app": app.name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": app.name, "namespace": "shop"},
        "spec": {"replicas": app.replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]}}}})
}

fn budget(app: &str, number: usize, rule: &str) -> Result<Value> {
    let mut spec: Value = serde_json::from_str(rule)?;
    spec["selector"] = json!({"matchLabels": {"app": app}});
    Ok(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": format!("{app}-{number}"), "namespace": "shop"}, "spec": spec}))
}

fn bare(name: &str, app: &str) -> Value {
    let mut pod = bulk::pod("shop", name, "10m", "8Mi", Some("node-0"));
    pod["metadata"]["labels"] = json!({"app": app});
    pod
}

/// Sets the status of a pod as its kubelet would; KWOK leaves it so.
fn report(kubectl: &Kubectl, pod: &str, status: &Value) -> Result<()> {
    let patch = json!({"status": status}).to_string();
    let words = ["patch", "pod", pod, "-n", "shop", "--subresource=status", "--type=merge", "-p", &patch];
    kubectl.run(&words)?.success().map(|_| ())
}

/// Pods without a PDB, with an open, used up, impossible or second one, not Ready under both policies, without a
/// controller, and finished.
pub(super) fn every_kind_of_answer_is_predicted(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    plane.run(bulk::create(&plane.client(), [bulk::node("node-0", 0)]))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success()?;
    namespace(plane)?;
    let mut objects: Vec<Value> = APPS.iter().map(deployment).collect();
    for app in &APPS {
        for (number, rule) in app.rules.iter().enumerate() {
            objects.push(budget(app.name, number, rule)?);
        }
    }
    // A share of pods without a controller cannot be counted; a number can.
    objects.extend([
        budget("loose", 0, r#"{"maxUnavailable": 1}"#)?,
        budget("counted", 0, r#"{"minAvailable": 1}"#)?,
    ]);
    objects.push(budget("over", 0, r#"{"minAvailable": 2}"#)?);
    objects.extend([bare("loose-a", "loose"), bare("counted-a", "counted"), bare("counted-b", "counted")]);
    objects.extend([bare("finished", "over"), bare("left", "over")]);
    kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())?;
    let total = APPS.iter().map(|app| app.replicas).sum::<usize>() + 5;
    ready(&kubectl, total)?;

    let pods = kubectl.get(&["pods", "-n", "shop"])?;
    for app in APPS.iter().filter(|app| app.is_sick) {
        let pod = items(&pods).find(|pod| pod["metadata"]["labels"]["app"] == app.name).context("a pod")?;
        let name = pod["metadata"]["name"].as_str().context("name")?;
        report(&kubectl, name, &json!({"conditions": [{"type": "Ready", "status": "False"}]}))?;
    }
    report(&kubectl, "finished", &json!({"phase": "Succeeded", "conditions": []}))?;
    wait::until("the PDBs to know who is not Ready", Duration::from_secs(60), || {
        let budgets = kubectl.get(&["pdb", "-n", "shop"])?;
        let healthy = |name: &str| {
            let mut found = items(&budgets).filter(|one| one["metadata"]["name"] == name);
            found.next().and_then(|one| one["status"]["currentHealthy"].as_i64())
        };
        let known = [("below-0", 1), ("enough-0", 2), ("lenient-0", 1), ("over-0", 1), ("counted-0", 2)];
        Ok(known.iter().all(|(name, count)| healthy(name) == Some(*count)).then_some(()))
    })?;

    let answers = predictions::compare(plane, &["node-0"])?;
    ensure!(answers.values().sum::<usize>() == total, "{answers:?}");
    ensure!(answers.keys().copied().collect::<Vec<_>>() == [201, 429, 500], "{answers:?}");
    Ok(())
}

fn ready(kubectl: &Kubectl, total: usize) -> Result<()> {
    wait::until("all pods to be Ready", Duration::from_secs(300), || {
        let pods = kubectl.get(&["pods", "-n", "shop"])?;
        Ok((items(&pods).filter(|pod| is_ready(pod)).count() == total).then_some(()))
    })
}
