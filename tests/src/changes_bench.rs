//! The command `changes-bench`: how long the search for the smallest changes takes on a large cluster.
//!
//! The cluster is made up, the same each time: nodes of 20 NodePools with running pods, and a few owners whose
//! pending pods have no place, each for another cause. Instance types are the embedded ones of us-east-1. Only the
//! search is timed: not the reading, not the first simulation, not the analysis.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use karp_common::catalog::{ProviderOptions, choose_provider};
use karp_common::snapshot::Packing;
use karp_core::explain::changes::{ChangeSearch, SearchOptions};
use karp_core::explain::report::{Group, Verdict};
use karp_core::explain::{Analyst, Depth, groups_of, pending_pods};
use karp_core::model::Snapshot;
use karp_core::provider::CloudProvider;
use karp_core::sim::{Reuse, SolveOptions, solve};
use kubectl_karp_explain::{AT_ONCE, simulate_at_once};
use serde_json::{Value, json};

/// Time the search for smallest changes on a made-up cluster
#[derive(Debug, Clone, Parser)]
#[command(name = "changes-bench")]
pub struct Options {
    /// Nodes
    #[arg(long, default_value_t = 1000)]
    pub nodes: usize,
    /// NodePools
    #[arg(long, default_value_t = 20)]
    pub node_pools: usize,
    /// Running pods on each node
    #[arg(long, default_value_t = 10)]
    pub pods_per_node: usize,
    /// Pending pods that schedule, beside those that do not
    #[arg(long, default_value_t = 200)]
    pub pending: usize,
    /// Also print the changes found, to compare two builds
    #[arg(long)]
    pub changes: bool,
    /// Write the cluster into this file, for --from, and stop
    #[arg(long)]
    pub write: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When the output cannot be written.
pub fn main(options: &Options, out: &mut impl Write) -> Result<()> {
    let snapshot = cluster(options)?;
    if let Some(path) = &options.write {
        let file = std::fs::File::create(path)?;
        karp_common::snapshot::write(&snapshot, Packing::of(&path.to_string_lossy()), file)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        return Ok(());
    }
    let chosen = choose_provider(&snapshot, &ProviderOptions::at(snapshot.taken_at))
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let start = Instant::now();
    let solution = solve(&snapshot, &chosen.provider, &SolveOptions::guessed(&snapshot));
    let solved = start.elapsed();
    let start = Instant::now();
    let analyst = Analyst::new(&snapshot, &solution, chosen.provider.labels());
    let mut groups = groups_of(&analyst, &pending_pods(&snapshot), Depth::Grouped);
    let analysed = start.elapsed();
    writeln!(
        out,
        "{} nodes, {} NodePools, {} pods: solve {}, analysis {}",
        options.nodes,
        options.node_pools,
        snapshot.objects.pods.len(),
        milliseconds(solved),
        milliseconds(analysed)
    )?;
    let (guessed, reuse) = (SolveOptions::guessed(&snapshot), Reuse::default());
    let simulate =
        |edited: &[Snapshot]| simulate_at_once(edited, &snapshot, &chosen.provider, &guessed, &reuse);
    let start = Instant::now();
    let mut changes = ChangeSearch::new(&analyst, &simulate);
    let mut total = start.elapsed();
    for group in groups.iter_mut().filter(|group| group.verdict == Verdict::No) {
        let start = Instant::now();
        let spent = changes.search(group, SearchOptions { at_once: AT_ONCE, ..SearchOptions::default() });
        let took = start.elapsed();
        total += took;
        writeln!(out, "{:24} {:>10}  {spent} simulations", group.owner.words(), milliseconds(took))?;
        if options.changes {
            print_changes(group, out)?;
        }
    }
    writeln!(out, "search in all            {:>10}", milliseconds(total))?;
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn print_changes(group: &Group, out: &mut impl Write) -> io::Result<()> {
    for change in &group.changes {
        writeln!(out, "  {} {}: {:?}", change.rank, change.title, change.proof)?;
    }
    if let Some(note) = &group.changes_note {
        writeln!(out, "  {note}")?;
    }
    Ok(())
}

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

fn cluster(options: &Options) -> Result<Snapshot> {
    let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse()?);
    let objects = &mut snapshot.objects;
    objects.ec2_node_classes = serde_json::from_value(json!([node_class()]))?;
    objects.node_pools =
        serde_json::from_value(Value::Array((0..options.node_pools).map(node_pool).collect()))?;
    let nodes: Vec<(Value, Value)> =
        (0..options.nodes).map(|number| node(number, options.node_pools)).collect();
    objects.nodes = serde_json::from_value(nodes.iter().map(|(node, _)| node.clone()).collect())?;
    objects.node_claims = serde_json::from_value(nodes.into_iter().map(|(_, claim)| claim).collect())?;
    objects.daemon_sets = serde_json::from_value(
        (0..3)
            .map(|number| {
                json!({"metadata": {"name": format!("agent-{number}"), "namespace": "kube-system", "uid": format!("ds{number}")},
                    "spec": {"template": {"spec": {"tolerations": [{"operator": "Exists"}],
                        "containers": [{"name": "agent", "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}]}}}})
            })
            .collect(),
    )?;
    let mut pods: Vec<Value> = Vec::new();
    for node in 0..options.nodes {
        pods.extend((0..options.pods_per_node).map(|pod| running(node, pod)));
    }
    pods.extend((0..options.pending).map(|number| {
        pending(
            &format!("app-{}", number % 10),
            number,
            &json!({
        "containers": [{"name": "app", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}),
        )
    }));
    for (owner, replicas, spec) in misfits() {
        pods.extend((0..replicas).map(|number| pending(owner, number, &spec)));
    }
    objects.pods = serde_json::from_value(Value::Array(pods)).context("pods")?;
    share_specs(&mut snapshot);
    Ok(snapshot)
}

/// Equal specs are one, as a decoder leaves them.
fn share_specs(snapshot: &mut Snapshot) {
    let mut known: std::collections::HashMap<
        karp_core::model::PodSpec,
        std::sync::Arc<karp_core::model::PodSpec>,
    > = std::collections::HashMap::new();
    for pod in &mut snapshot.objects.pods {
        let shared = known.entry((*pod.spec).clone()).or_insert_with(|| std::sync::Arc::clone(&pod.spec));
        pod.spec = std::sync::Arc::clone(shared);
    }
}

/// Owners without a place, each for another cause.
fn misfits() -> Vec<(&'static str, usize, Value)> {
    let container = |cpu: &str| json!([{"name": "app", "resources": {"requests": {"cpu": cpu}}}]);
    vec![
        ("arch", 5, json!({"nodeSelector": {"kubernetes.io/arch": "s390x"}, "containers": container("1")})),
        ("team", 3, json!({"nodeSelector": {"team": "ml"}, "containers": container("1")})),
        ("large", 2, json!({"containers": container("500")})),
        (
            "zone",
            4,
            json!({"nodeSelector": {"topology.kubernetes.io/zone": "us-east-1d"}, "containers": container("2")}),
        ),
        (
            "gpu",
            1,
            json!({"containers": [{"name": "app", "resources": {
            "requests": {"cpu": "2", "nvidia.com/gpu": "4"}, "limits": {"nvidia.com/gpu": "4"}}}]}),
        ),
        (
            "spread",
            8,
            json!({"containers": container("1"), "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
             "minDomains": 5, "labelSelector": {"matchLabels": {"app": "spread"}}}]}),
        ),
    ]
}

fn condition(kind: &str) -> Value {
    json!({"type": kind, "status": "True", "lastTransitionTime": "2026-11-20T10:00:00Z"})
}

fn conditions(kinds: &[&str]) -> Vec<Value> {
    kinds.iter().map(|kind| condition(kind)).collect()
}

fn node_class() -> Value {
    let subnets: Vec<Value> = ZONES
        .iter()
        .zip(["use1-az1", "use1-az2", "use1-az4"])
        .map(|(zone, id)| json!({"id": zone, "zone": zone, "zoneID": id}))
        .collect();
    json!({"metadata": {"name": "default"}, "spec": {"amiSelectorTerms": [{"alias": "al2023@latest"}]},
        "status": {"subnets": subnets, "conditions": [condition("Ready")]}})
}

/// Every third is tainted, every fourth for one architecture, every fifth full.
fn node_pool(number: usize) -> Value {
    let mut requirements = vec![
        json!({"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}),
        json!({"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]}),
        json!({"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": [(number % 5).to_string()]}),
    ];
    if number.is_multiple_of(4) {
        requirements.push(json!({"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}));
    }
    let mut spec = json!({"weight": number % 7, "template": {"spec": {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
        "requirements": requirements}}});
    if number.is_multiple_of(3) {
        spec["template"]["spec"]["taints"] =
            json!([{"key": "team", "value": format!("t{number}"), "effect": "NoSchedule"}]);
    }
    if number.is_multiple_of(5) {
        spec["limits"] = json!({"cpu": "100"});
    }
    json!({"metadata": {"name": format!("pool-{number:02}"), "uid": format!("np{number}")}, "spec": spec,
        "status": {"conditions": conditions(&["ValidationSucceeded", "NodeClassReady", "Ready"])}})
}

fn node(number: usize, pools: usize) -> (Value, Value) {
    let name = format!("ip-10-0-{}-{}.ec2.internal", number / 250, number % 250);
    let claim = format!("pool-{:02}-{number:05}", number % pools);
    let pool = format!("pool-{:02}", number % pools);
    let arch = if (number % pools).is_multiple_of(4) { "arm64" } else { "amd64" };
    let instance_type = if arch == "arm64" { "c6g.2xlarge" } else { "c6a.2xlarge" };
    let labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/arch": arch, "kubernetes.io/os": "linux",
        "karpenter.sh/nodepool": pool, "karpenter.sh/capacity-type": "on-demand",
        "karpenter.sh/registered": "true", "karpenter.sh/initialized": "true",
        "node.kubernetes.io/instance-type": instance_type,
        "topology.kubernetes.io/zone": ZONES[number % 3]});
    let resources = json!({"cpu": "7910m", "memory": "14Gi", "ephemeral-storage": "17Gi", "pods": "58"});
    let taints = if (number % pools).is_multiple_of(3) {
        json!([{"key": "team", "value": format!("t{}", number % pools), "effect": "NoSchedule"}])
    } else {
        json!([])
    };
    let provider_id = format!("aws:///{}/i-{number:017}", ZONES[number % 3]);
    let reference = json!({"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"});
    (
        json!({"metadata": {"name": name, "uid": format!("n{number}"), "labels": labels},
            "spec": {"providerID": provider_id, "taints": taints},
            "status": {"capacity": resources, "allocatable": resources, "conditions": [condition("Ready")]}}),
        json!({"metadata": {"name": claim, "uid": format!("c{number}"), "labels": labels,
                "creationTimestamp": "2026-11-10T10:00:00Z"},
            "spec": {"nodeClassRef": reference, "taints": taints, "requirements": []},
            "status": {"providerID": provider_id, "nodeName": name, "capacity": resources, "allocatable": resources,
                "conditions": conditions(&["Launched", "Registered", "Initialized"])}}),
    )
}

/// The last pod of each node is large, so that nodes are nearly full.
fn running(node: usize, pod: usize) -> Value {
    let name = format!("ip-10-0-{}-{}.ec2.internal", node / 250, node % 250);
    let cpu = if pod == 0 { "4" } else { "400m" };
    json!({"metadata": {"name": format!("run-{node}-{pod}"), "namespace": "shop", "uid": format!("r{node}-{pod}"),
            "labels": {"app": format!("run-{}", pod)}},
        "spec": {"nodeName": name, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "512Mi"}}}]},
        "status": {"phase": "Running"}})
}

fn pending(owner: &str, number: usize, spec: &Value) -> Value {
    json!({"metadata": {"name": format!("{owner}-{number}"), "namespace": "shop", "uid": format!("{owner}-{number}"),
            "labels": {"app": owner}, "creationTimestamp": "2026-11-20T11:50:00Z", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner, "uid": owner, "controller": true}]},
        "spec": spec,
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}})
}
