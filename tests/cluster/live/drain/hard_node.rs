//! A node with everything that holds a drain up, planned and drained by us, and beside it by kubectl.

use std::time::Duration;

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, bulk, wait};
use serde_json::{Value, json};

use super::volumes::stateful_with_volume;
use super::workloads::{is_ready, left_on, namespace};
use super::{items, predictions, show};

fn deployment(name: &str, replicas: usize, edit: &Value) -> Value {
    let labels = json!({"app": name, "team": "shop"});
    let mut spec = json!({"terminationGracePeriodSeconds": 1,
        "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "10m"}}}]});
    for (key, value) in edit["spec"].as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let mut metadata = json!({"labels": labels});
    if edit["annotations"].is_object() {
        metadata["annotations"] = edit["annotations"].clone();
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": metadata, "spec": spec}}})
}

fn budget(name: &str, app: &str, rule: &Value) -> Value {
    let mut spec = rule.clone();
    spec["selector"] = json!({"matchLabels": {"app": app}});
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "shop"},
        "spec": spec})
}

/// Everything of the list, all on the one node there is.
fn everything(plane: &ControlPlane, node: &str) -> Result<()> {
    let kubectl = plane.kubectl();
    let none = json!({});
    let protected = json!({"annotations": {"karpenter.sh/do-not-disrupt": "true"}});
    let scratch = json!({"spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]}});
    let labels = json!({"app": "agent"});
    let daemon = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "agent", "image": "agent:1"}]}}}});
    let objects = vec![
        deployment("ledger", 1, &none),
        budget("ledger", "ledger", &json!({"minAvailable": 1})),
        deployment("orders", 2, &none),
        budget("orders", "orders", &json!({"maxUnavailable": 1})),
        budget("orders-chart", "orders", &json!({"maxUnavailable": 1})),
        deployment("report", 1, &protected),
        deployment("cache", 1, &scratch),
        deployment("web", 3, &none),
        budget("web", "web", &json!({"maxUnavailable": 1})),
        daemon,
    ];
    kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())?;
    kubectl.apply(&stateful_with_volume("db", "test-zone-a").to_string())?;
    let bare = bulk::pod("shop", "debug", "10m", "8Mi", Some(node));
    plane.run(bulk::create(&plane.client(), [bare]))?;
    // One pod of each but: two of orders, three of web.
    wait::until("all pods of the hard node to be Ready", Duration::from_secs(300), || {
        let pods = kubectl.get(&["pods", "-n", "shop"])?;
        let here = items(&pods).filter(|pod| pod["spec"]["nodeName"] == node && is_ready(pod)).count();
        let budgets = kubectl.get(&["pdb", "-n", "shop"])?;
        let known = items(&budgets).all(|one| one["status"]["expectedPods"].as_i64() > Some(0));
        Ok((here >= 11 && known).then_some(()))
    })
}

/// The plan names every blocker, a run changes nothing; with what the plan advises it goes through. kubectl on the same
/// node: which it cordons, and where it stops.
pub(super) fn a_node_with_everything(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let hard = bulk::node("hard", 0);
    plane.run(bulk::create(&plane.client(), [hard]))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success()?;
    namespace(plane)?;
    everything(plane, "hard")?;
    // From here on, what leaves has somewhere to go; node-0 and node-3 of the spare ones can reach the volume.
    plane.run(bulk::create(&plane.client(), (0..6).map(|n| bulk::node(&format!("spare-{n}"), n))))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success()?;

    predictions::compare(plane, &["hard"])?;
    let mut text = String::new();
    let mut run = |words: &[&str]| -> Result<karp_cluster::kubectl::Output> {
        let answer = kubectl.run(words)?;
        text.push_str(&format!("$ kubectl {}\n{}", words.join(" "), answer.text()));
        if !answer.stderr.trim().is_empty() {
            text.push_str(&format!("--- stderr\n{}", answer.stderr));
        }
        text.push_str(&format!(
            "--- exit {}\n\n",
            answer.code.map_or("signal".into(), |code| code.to_string())
        ));
        Ok(answer)
    };
    let refused = run(&["karp", "drain", "hard", "--yes"])?;
    ensure!(refused.code == Some(1), "{refused}");
    for words in [
        "pdb/ledger never allows (minAvailable 1): 1 of 1",
        "2 PDBs: orders, orders-chart",
        "do-not-disrupt",
        "DaemonSet pod (--ignore-daemonsets)",
        "emptyDir data (--delete-emptydir-data)",
        "no controller (--force)",
    ] {
        ensure!(refused.text().contains(words), "{words} is missing: {refused}");
    }
    let node = kubectl.get(&["node", "hard"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "a refused plan cordoned: {node}");

    let theirs = run(&["drain", "hard"])?;
    ensure!(theirs.code == Some(1), "{theirs}");
    let node = kubectl.get(&["node", "hard"])?;
    ensure!(node["spec"]["unschedulable"] == true, "kubectl cordons before it looks: {node}");
    run(&["uncordon", "hard"])?;
    // With its flags, kubectl asks until its time is over; a dry run shows that without taking the node apart.
    let allowed = ["--ignore-daemonsets", "--force", "--delete-emptydir-data"];
    let words: Vec<&str> =
        ["drain", "hard", "--dry-run=server", "--timeout=12s"].into_iter().chain(allowed).collect();
    let theirs = run(&words)?;
    ensure!(theirs.code == Some(1), "{theirs}");

    let allowed: Vec<&str> = allowed.into_iter().chain(["--override-do-not-disrupt"]).collect();
    let with =
        |words: &[&'static str]| -> Vec<&str> { words.iter().copied().chain(allowed.clone()).collect() };
    let dry = run(&with(&["karp", "drain", "hard", "--dry-run=client"]))?;
    ensure!(dry.code == Some(1) && dry.text().contains("2 PDBs: orders, orders-chart"), "{dry}");
    run(&["delete", "pdb", "orders-chart", "-n", "shop"])?;
    run(&["delete", "pdb", "ledger", "-n", "shop"])?;
    predictions::compare(plane, &[&["hard"][..], &allowed].concat())?;
    let done = run(&with(&["karp", "drain", "hard", "--yes"]))?;
    ensure!(done.code == Some(0), "{done}");
    ensure!(left_on(&kubectl, "hard")? == 1, "only the DaemonSet's pod stays: {done}");
    show(&kubectl, "hard-node", &text)
}
