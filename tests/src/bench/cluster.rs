//! A large cluster: nodes full of running pods of many owners, and pods that wait.

use anyhow::Result;
use karp_core::model::{RuleSet, Snapshot};
use karp_core::provider::aws::{AwsProvider, ProviderFacts};
use serde_json::{Value, json};

use super::objects::{Numbers, Owner, REGION, machine, node_class, node_pool};
use super::scenario::Scenario;
use crate::vectors::scheduling::snapshot;

/// Pods of DaemonSets on every node.
const DAEMON_SETS: usize = 2;
/// Pods of one Deployment, about.
const REPLICAS: usize = 50;
const TAKEN_AT: &str = "2026-08-20T12:00:00Z";

/// How large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub nodes: usize,
    pub running: usize,
    pub pending: usize,
}

impl Default for Size {
    fn default() -> Self {
        Size { nodes: 5_000, running: 50_000, pending: 2_000 }
    }
}

impl Size {
    pub(super) fn times(self, times: usize) -> Self {
        Size { nodes: self.nodes * times, running: self.running * times, pending: self.pending * times }
    }
}

/// Every object of it, one at a time.
pub(super) fn objects(size: Size, take: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    let mut numbers = Numbers::new(42);
    take(node_class())?;
    let amd64 = json!([{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]);
    take(node_pool("general", 10, &amd64, &json!([])))?;
    take(node_pool("spare", 1, &json!([]), &json!([])))?;
    let daemons: Vec<Owner> = (0..DAEMON_SETS)
        .map(|at| owner(format!("agent-{at}"), "DaemonSet", "100m", "128Mi", Value::Null))
        .collect();
    for daemon in &daemons {
        let template = daemon.pod(0, None, &mut numbers);
        take(json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": daemon.name, "namespace": daemon.namespace, "uid": format!("uid-{}", daemon.name)},
            "spec": {"template": {"metadata": {"labels": {"app": daemon.name}}, "spec": template["spec"]}},
        }))?;
    }
    let per_node = size.running / size.nodes.max(1);
    let deployments: Vec<Owner> = (0..size.running.div_ceil(REPLICAS).max(1)).map(deployment).collect();
    let mut pods = 0;
    for node in 0..size.nodes {
        let both = machine(node, if node.is_multiple_of(5) { "spare" } else { "general" });
        let name = both[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        both.into_iter().try_for_each(&mut *take)?;
        for on_node in 0..per_node {
            let owner = match daemons.get(on_node) {
                Some(daemon) => daemon,
                None => &deployments[(node * per_node + on_node) % deployments.len()],
            };
            pods += 1;
            take(owner.pod(pods, Some(&name), &mut numbers))?;
        }
    }
    let waiting: Vec<Owner> = (0..size.pending.div_ceil(REPLICAS)).map(waiting).collect();
    for pod in 0..size.pending {
        take(waiting[pod % waiting.len()].pod(pods + pod + 1, None, &mut numbers))?;
    }
    Ok(())
}

fn owner(name: String, kind: &'static str, cpu: &str, memory: &str, demands: Value) -> Owner {
    let namespace = format!("team-{}", name.len() % 7);
    Owner { namespace, name, kind, cpu: cpu.into(), memory: memory.into(), demands }
}

/// One whose pods run: most ask for nothing but room.
fn deployment(number: usize) -> Owner {
    let demands = match number % 10 {
        0 => json!({"topologySpreadConstraints": [spread("topology.kubernetes.io/zone", number, "run")]}),
        1 => json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": format!("run-{number}")}}}]}}}),
        _ => Value::Null,
    };
    owner(format!("run-{number}"), "ReplicaSet", "1500m", "5Gi", demands)
}

/// One whose pods wait: plain, spread over zones or hosts, kept apart, bound to a zone, arm64, or too large.
fn waiting(number: usize) -> Owner {
    let app = format!("wait-{number}");
    let selector = json!({"matchLabels": {"app": app}});
    let (cpu, demands) = match number % 8 {
        0 => (
            "2",
            json!({"topologySpreadConstraints": [spread("topology.kubernetes.io/zone", number, "wait")]}),
        ),
        1 => ("1", json!({"topologySpreadConstraints": [spread("kubernetes.io/hostname", number, "wait")]})),
        2 => (
            "1",
            json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]}}}),
        ),
        3 => ("3", json!({"nodeSelector": {"topology.kubernetes.io/zone": "us-west-2b"}})),
        4 => ("2", json!({"nodeSelector": {"kubernetes.io/arch": "arm64"}})),
        5 => (
            "2",
            json!({"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
            [{"weight": 5, "podAffinityTerm": {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": selector}}]}}}),
        ),
        6 => ("1000", Value::Null),
        _ => ("4", Value::Null),
    };
    owner(app, "ReplicaSet", cpu, "4Gi", demands)
}

fn spread(key: &str, number: usize, prefix: &str) -> Value {
    json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": format!("{prefix}-{number}")}}})
}

/// The cluster as a scenario, with the EC2 types that are built in.
pub(super) fn scenario(size: Size) -> Result<Scenario> {
    let mut cluster = Snapshot::empty(TAKEN_AT.parse()?);
    // One object at a time: the JSON of all of them is a hundred times the size of what is kept.
    let mut specs = karp_core::model::SharedSpecs::default();
    objects(size, &mut |object| {
        let mut one = snapshot(&[object], Default::default(), RuleSet::V1_15, cluster.taken_at)?.objects;
        one.pods.iter_mut().for_each(|pod| {
            specs.share(pod);
        });
        cluster.objects.pods.append(&mut one.pods);
        cluster.objects.nodes.append(&mut one.nodes);
        cluster.objects.node_claims.append(&mut one.node_claims);
        cluster.objects.node_pools.append(&mut one.node_pools);
        cluster.objects.daemon_sets.append(&mut one.daemon_sets);
        cluster.objects.ec2_node_classes.append(&mut one.ec2_node_classes);
        Ok(())
    })?;
    with_ec2(format!("cluster-{}", size.nodes), cluster)
}

/// A snapshot with the provider of AWS over the built-in types.
pub(super) fn with_ec2(name: String, mut snapshot: Snapshot) -> Result<Scenario> {
    snapshot.rules = RuleSet::V1_15;
    let catalog = std::sync::Arc::new(karp_common::catalog::embedded(REGION)?);
    let provider = AwsProvider::new(&snapshot, catalog, &ProviderFacts::default());
    Ok(Scenario { name, snapshot, provider: Box::new(provider) })
}
