//! kubectl drain and ours on twin nodes of one cluster: what they print, how long they take, what the workloads feel.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, Kubectl, bulk};
use serde_json::{Value, json};

use super::watcher::Watcher;
use super::workloads::{all_ready, left_on, namespace};
use super::{items, predictions, show};

/// Workloads with one pod on each twin.
const PAIRS: usize = 5;

/// Pods on each twin of the workload whose PDB lets one go at a time.
const SERIAL: usize = 4;

/// Spreads evenly over nodes that take pods; cordoned ones do not count.
fn workload(name: &str, replicas: usize, needed: usize) -> [Value; 2] {
    let labels = json!({"app": name});
    let spread = json!([{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
        "nodeTaintsPolicy": "Honor", "labelSelector": {"matchLabels": labels}}]);
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 2, "topologySpreadConstraints": spread,
                "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "20m"}}}]}}}});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"minAvailable": needed, "selector": {"matchLabels": labels}}});
    [deployment, budget]
}

/// Nodes `NAME-0`, `NAME-1`, …, Ready.
fn nodes(plane: &ControlPlane, name: &str, count: usize) -> Result<()> {
    plane.run(bulk::create(&plane.client(), (0..count).map(|n| bulk::node(&format!("{name}-{n}"), n))))?;
    let kubectl = plane.kubectl();
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success().map(|_| ())
}

/// Drains one twin, and tells how that went.
fn drained(plane: &ControlPlane, words: &[&str], total: usize) -> Result<String> {
    let kubectl = plane.kubectl();
    let watcher = Watcher::start(plane);
    let start = Instant::now();
    let answer = kubectl.run(words)?;
    let seconds = start.elapsed().as_secs_f64();
    all_ready(&kubectl, total)?;
    let seen = watcher.end()?;
    seen.is_whole()?;
    ensure!(answer.code == Some(0), "{answer}");
    let (most, area) = seen.missing(total);
    let mut text = format!("$ kubectl {}\n{}", words.join(" "), answer.text());
    let _ = writeln!(text, "--- stderr\n{}", answer.stderr.trim_end());
    let _ = writeln!(
        text,
        "--- {seconds:.1} s; of {total} pods at most {most} not Ready, {area:.1} pod seconds; {} looks, 0 violations\n",
        seen.looks
    );
    Ok(text)
}

/// Twin nodes with the same pods: one drained by kubectl, one by us; neither breaks a PDB.
pub(super) fn twin_nodes_drained_by_both(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    nodes(plane, "twin", 2)?;
    namespace(plane)?;
    let mut objects: Vec<Value> = (0..PAIRS).flat_map(|n| workload(&format!("pair-{n}"), 2, 1)).collect();
    objects.extend(workload("serial", 2 * SERIAL, 2 * SERIAL - 1));
    kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())?;
    let total = 2 * (PAIRS + SERIAL);
    all_ready(&kubectl, total)?;
    for twin in ["twin-0", "twin-1"] {
        ensure!(left_on(&kubectl, twin)? == PAIRS + SERIAL, "the twins differ: {}", placed(&kubectl)?);
    }
    nodes(plane, "spare", 4)?;
    predictions::compare(plane, &["twin-0", "twin-1", "--ignore-daemonsets"])?;
    let theirs = drained(plane, &["drain", "twin-0", "--ignore-daemonsets"], total)?;
    let ours = drained(plane, &["karp", "drain", "twin-1", "--ignore-daemonsets", "--yes"], total)?;
    for twin in ["twin-0", "twin-1"] {
        ensure!(left_on(&kubectl, twin)? == 0, "{theirs}\n{ours}");
    }
    show(&kubectl, "beside-kubectl", &format!("{theirs}{ours}"))
}

fn placed(kubectl: &Kubectl) -> Result<String> {
    let pods = kubectl.get(&["pods", "-n", "shop"])?;
    let lines = items(&pods).map(|pod| format!("{} {}", pod["metadata"]["name"], pod["spec"]["nodeName"]));
    Ok(lines.collect::<Vec<_>>().join(", "))
}
