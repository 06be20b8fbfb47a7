//! Changes on small clusters: what is proposed works when its patch is applied to the objects as the API server
//! would, and the whole is simulated again.

use serde_json::{Value, json};

use super::patch::apply;
use super::{ChangeSearch, SearchOptions};
use crate::explain::funnel_tests::provider;
use crate::explain::report::Group;
use crate::explain::{Analyst, Depth, groups_of, pending_pods};
use crate::model::{DaemonSet, NodePool, Pod, Snapshot, Workload};
use crate::provider::CloudProvider;
use crate::sim::{Outcome, SolveOptions, solve};

/// One NodePool and one Deployment with one pending pod.
struct Cluster {
    pool: Value,
    daemon_set: Option<Value>,
    pod_spec: Value,
    replicas: usize,
}

impl Cluster {
    fn new(pool_spec: Value, pod_spec: Value) -> Self {
        let ready: Vec<Value> = ["ValidationSucceeded", "NodeClassReady", "Ready"]
            .iter()
            .map(|kind| json!({"type": kind, "status": "True"}))
            .collect();
        let mut pool = json!({"metadata": {"name": "p"}, "spec": pool_spec, "status": {"conditions": ready}});
        pool["spec"]["template"]["spec"]["nodeClassRef"] =
            json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
        Self { pool, daemon_set: None, pod_spec, replicas: 1 }
    }

    fn deployment(&self) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "d"},
            "spec": {"template": {"spec": self.pod_spec}}})
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
        let objects = &mut snapshot.objects;
        objects.node_pools = vec![serde_json::from_value::<NodePool>(self.pool.clone()).unwrap()];
        objects.workloads = vec![serde_json::from_value::<Workload>(self.deployment()).unwrap()];
        objects.daemon_sets = self
            .daemon_set
            .iter()
            .map(|set| serde_json::from_value::<DaemonSet>(set.clone()).unwrap())
            .collect();
        objects.pods = (0..self.replicas)
            .map(|at| {
                serde_json::from_value::<Pod>(json!({
                    "metadata": {"name": format!("web-{at}"), "namespace": "shop", "uid": format!("u{at}"),
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d",
                            "controller": true}]},
                    "spec": self.pod_spec,
                    "status": {"phase": "Pending", "conditions": [
                        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}))
                .unwrap()
            })
            .collect();
        snapshot
    }

    fn group(&self) -> Group {
        let provider = provider();
        let snapshot = self.snapshot();
        let solve_options = SolveOptions::default();
        let solution = solve(&snapshot, &provider, &solve_options);
        let analyst = Analyst::new(&snapshot, &solution, provider.labels());
        let pods = pending_pods(&snapshot);
        let mut groups = groups_of(&analyst, &pods, Depth::Full);
        let mut group = groups.remove(0);
        let simulate = |edited: &[Snapshot]| {
            edited.iter().map(|edited| solve(edited, &provider, &solve_options)).collect()
        };
        let options = SearchOptions { changes: 9, at_once: 3, ..SearchOptions::default() };
        ChangeSearch::new(&analyst, &simulate).search(&mut group, options);
        group
    }

    /// The cluster after the first object's patch of a change.
    fn patched(&self, change: &crate::explain::report::Change) -> Cluster {
        let patch: super::JsonPatch = super::JsonPatch(
            change
                .patch
                .as_array()
                .unwrap()
                .iter()
                .map(|op| super::PatchOp {
                    op: match op["op"].as_str().unwrap() {
                        "test" => "test",
                        "add" => "add",
                        "replace" => "replace",
                        _ => "remove",
                    },
                    path: op["path"].as_str().unwrap().to_owned(),
                    value: op.get("value").cloned(),
                })
                .collect(),
        );
        let mut after = Cluster {
            pool: self.pool.clone(),
            daemon_set: self.daemon_set.clone(),
            pod_spec: self.pod_spec.clone(),
            replicas: self.replicas,
        };
        let applied = |object: &Value| {
            apply(object, &patch).unwrap_or_else(|| panic!("{} does not apply", change.title))
        };
        match change.edits[0].object.kind.as_str() {
            "NodePool" => after.pool = applied(&self.pool),
            "DaemonSet" => after.daemon_set = self.daemon_set.as_ref().map(applied),
            _ => after.pod_spec = applied(&self.deployment())["spec"]["template"]["spec"].clone(),
        }
        after
    }
}

fn container(cpu: &str) -> Value {
    json!([{"name": "main", "resources": {"requests": {"cpu": cpu}}}])
}

#[track_caller]
fn check(name: &str, cluster: &Cluster, expected: &[&str]) {
    let group = cluster.group();
    let titles: Vec<&str> = group.changes.iter().map(|change| change.title.as_str()).collect();
    assert_eq!(titles, expected, "{name}: {:?}", group.changes_note);
    for change in group
        .changes
        .iter()
        .filter(|change| change.edits.iter().all(|edit| edit.object == change.edits[0].object))
    {
        let after = cluster.patched(change);
        let solution = solve(&after.snapshot(), &provider(), &SolveOptions::default());
        for decision in &solution.pods {
            assert!(
                matches!(decision.outcome, Outcome::New { .. } | Outcome::Existing { .. }),
                "{name}: after {}: {:?}",
                change.title,
                decision.outcome
            );
        }
    }
}

#[test]
fn what_is_proposed_works_as_pasted() {
    let arm = json!({"template": {"spec": {"requirements": [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}}});
    let amd = json!({"containers": container("1"), "nodeSelector": {"kubernetes.io/arch": "amd64"}});
    check(
        "label",
        &Cluster::new(arm.clone(), amd),
        &[
            "nodepool/p: add amd64 to kubernetes.io/arch",
            "deploy/web: nodeSelector kubernetes.io/arch -> arm64",
            "deploy/web: drop nodeSelector kubernetes.io/arch",
        ],
    );
    let tainted =
        json!({"template": {"spec": {"taints": [{"key": "t", "value": "v", "effect": "NoSchedule"}]}}});
    check(
        "taint",
        &Cluster::new(tainted, json!({"containers": container("1")})),
        &["deploy/web: tolerate t=v:NoSchedule", "nodepool/p: drop taint t=v:NoSchedule"],
    );
    let limited = json!({"limits": {"cpu": "1"}, "template": {"spec": {}}});
    check(
        "limit",
        &Cluster::new(limited, json!({"containers": container("9")})),
        &["nodepool/p: limits.cpu 1 -> 16"],
    );
    let generation = json!({"template": {"spec": {"requirements": [
        {"key": "karpenter.kwok.sh/instance-cpu", "operator": "Lt", "values": ["8"]}]}}});
    check(
        "bound",
        &Cluster::new(generation, json!({"containers": container("3")})),
        &["nodepool/p: drop karpenter.kwok.sh/instance-cpu Lt 8", "deploy/web: cpu request 3 -> 1900m"],
    );
    let group = Cluster::new(
        json!({"template": {"spec": {"requirements": [
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}],
            "taints": [{"key": "t", "effect": "NoSchedule"}]}}}),
        json!({"containers": container("1"), "nodeSelector": {"kubernetes.io/arch": "amd64"}}),
    )
    .group();
    assert!(
        group.changes_note.as_deref().unwrap_or_default().contains("Two together"),
        "{:?}",
        group.changes_note
    );
    assert_eq!(group.changes[0].fields, 2);
}

#[test]
fn every_pod_of_the_answer_gets_a_place() {
    let mut cluster = Cluster::new(
        json!({"limits": {"cpu": "16"}, "template": {"spec": {}}}),
        json!({"containers": container("9")}),
    );
    cluster.replicas = 4;
    let group = cluster.group();
    assert_eq!((group.verdict, group.pods.len()), (crate::explain::report::Verdict::No, 3));
    let raised =
        group.changes.iter().find(|change| change.title.starts_with("nodepool/p: limits.cpu")).unwrap();
    assert_eq!(raised.title, "nodepool/p: limits.cpu 16 -> 64");
}

#[test]
fn a_daemon_set_in_the_way_can_give_way() {
    let mut cluster = Cluster::new(
        json!({"template": {"spec": {}}}),
        json!({"containers": [{"name": "main", "ports": [{"containerPort": 80, "hostPort": 9100}]}]}),
    );
    cluster.daemon_set = Some(json!({"metadata": {"name": "agent", "namespace": "kube-system", "uid": "ds"},
        "spec": {"template": {"spec": {"tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "agent", "ports": [{"containerPort": 9100, "hostPort": 9100}]}]}}}}));
    check(
        "host port",
        &cluster,
        &[
            "deploy/web: hostPort 9100 -> 9101",
            "deploy/web: no hostPort 9100",
            "daemonset/agent -n kube-system: hostPort 9100 -> 9101",
        ],
    );
}

/// Runs that share packed instance types answer as runs that pack for themselves, to the last field.
#[test]
fn what_runs_share_changes_no_answer() {
    let base = Cluster::new(
        json!({"limits": {"cpu": "64"}, "template": {"spec": {"requirements": [
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}}}),
        json!({"containers": container("2")}),
    );
    let variant = |pool: fn(&mut Value), pod_spec: Value, replicas: usize| {
        let mut cluster = Cluster { pool: base.pool.clone(), daemon_set: None, pod_spec, replicas };
        pool(&mut cluster.pool);
        cluster.snapshot()
    };
    let provider = provider();
    let options = SolveOptions::default();
    let reuse = crate::sim::Reuse::default();
    for (name, snapshot) in [
        ("the cluster itself", variant(|_| {}, json!({"containers": container("2")}), 3)),
        (
            "another architecture",
            variant(
                |pool| {
                    pool["spec"]["template"]["spec"]["requirements"][0]["values"] = json!(["arm64", "amd64"])
                },
                json!({"containers": container("2"), "nodeSelector": {"kubernetes.io/arch": "amd64"}}),
                2,
            ),
        ),
        (
            "another resource",
            variant(
                |_| {},
                json!({"containers": [{"name": "main", "resources": {"requests": {"cpu": "1", "x.com/y": "1"}}}]}),
                1,
            ),
        ),
        (
            "a NodePool that is not Ready",
            variant(|pool| pool["status"] = json!({}), json!({"containers": container("1")}), 1),
        ),
        (
            "a taint",
            variant(
                |pool| {
                    pool["spec"]["template"]["spec"]["taints"] = json!([{"key": "t", "effect": "NoSchedule"}])
                },
                json!({"containers": container("1")}),
                4,
            ),
        ),
        ("the cluster itself again", variant(|_| {}, json!({"containers": container("2")}), 3)),
    ] {
        let alone = solve(&snapshot, &provider, &options);
        let sharing = crate::sim::solve_reusing(&snapshot, &provider, &options, &reuse);
        assert_eq!(format!("{sharing:?}"), format!("{alone:?}"), "{name}");
    }
}
