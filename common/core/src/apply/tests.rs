//! What applying, scaling and taking out do to a snapshot.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::{DaemonSet, NodePool, Pod, PriorityClass, Snapshot, Workload};

fn snapshot() -> Snapshot {
    Snapshot::empty("2026-11-25T13:20:00Z".parse().unwrap())
}

fn decode<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn deployment(replicas: Option<i64>, cpu: &str) -> Workload {
    decode(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "web", "resources": {"limits": {"cpu": cpu, "memory": "1Gi"}, "requests": {"memory": "512Mi"}}}]}}},
    }))
}

fn files(workloads: Vec<Workload>) -> Objects {
    Objects { workloads, ..Objects::default() }
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot.objects.pods.iter().map(Pod::key).collect()
}

#[test]
fn a_deployment_becomes_pods_that_wait() {
    let mut snapshot = snapshot();
    let applied = apply(&mut snapshot, files(vec![deployment(Some(3), "2")]), "shop");
    assert_eq!(applied.new_pods.len(), 3);
    assert_eq!(applied.notes, ["not applied to pods of files: LimitRange, admission webhooks"]);
    let pods = &snapshot.objects.pods;
    assert!(pods.iter().all(|pod| pod.is_marked_unschedulable() && pod.metadata.namespace == "shop"));
    assert!(Arc::ptr_eq(&pods[0].spec, &pods[2].spec));
    assert_eq!(pods[0].metadata.creation_timestamp, Some(snapshot.taken_at));
    let resources = &pods[0].spec.containers[0].resources;
    assert_eq!(resources.requests.json_text(), r#"{"cpu":"2","memory":"512Mi"}"#);
    assert_eq!((pods[0].spec.priority, pods[0].spec.tolerations.len()), (Some(0), 2));
    let owner = pods[0].metadata.controller().unwrap();
    assert_eq!(owner.kind, "ReplicaSet");
    let replica_set =
        snapshot.objects.workloads.iter().find(|workload| workload.kind == "ReplicaSet").unwrap();
    assert_eq!(replica_set.metadata.controller().unwrap().name, "web");
    assert_eq!(replica_set.metadata.uid, owner.uid);
    assert!(pods[0].metadata.labels.get("pod-template-hash").is_some());
    // The same input gives the same names and uids.
    let mut again = self::snapshot();
    apply(&mut again, files(vec![deployment(Some(3), "2")]), "shop");
    assert_eq!(again.objects, snapshot.objects);
}

#[test]
fn the_same_template_only_grows_or_shrinks() {
    let mut snapshot = snapshot();
    apply(&mut snapshot, files(vec![deployment(Some(2), "2")]), "default");
    let before = names(&snapshot);
    assert_eq!(apply(&mut snapshot, files(vec![deployment(None, "2")]), "default").new_pods, []);
    assert_eq!(names(&snapshot), before);
    assert_eq!(apply(&mut snapshot, files(vec![deployment(Some(5), "2")]), "default").new_pods.len(), 3);
    apply(&mut snapshot, files(vec![deployment(Some(1), "2")]), "default");
    assert_eq!(snapshot.objects.pods.len(), 1);
    let applied = apply(&mut snapshot, files(vec![deployment(Some(1), "3")]), "default");
    assert_eq!(
        applied.notes[0],
        "deployment/web -n default gets a new template: its 1 pods are taken as replaced at once, not rolled"
    );
    assert_eq!(snapshot.objects.pods.len(), 1);
}

#[test]
fn a_stateful_set_gets_its_claims() {
    let mut snapshot = snapshot();
    snapshot.objects.storage_classes.push(decode(json!({
        "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}})));
    let set: Workload = decode(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "x"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "db"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}}));
    apply(&mut snapshot, files(vec![set]), "default");
    assert_eq!(names(&snapshot), ["x/db-0", "x/db-1"]);
    let claims: Vec<_> = snapshot
        .objects
        .persistent_volume_claims
        .iter()
        .map(|claim| (claim.metadata.name.as_str(), claim.spec.storage_class_name.as_deref()))
        .collect();
    assert_eq!(claims, [("data-db-0", Some("gp3")), ("data-db-1", Some("gp3"))]);
    let volume = &snapshot.objects.pods[1].spec.volumes[0];
    assert_eq!(volume.persistent_volume_claim.as_ref().unwrap().claim_name, "data-db-1");
}

#[test]
fn jobs_run_at_most_as_many_pods_as_they_need() {
    for (spec, pods) in [
        (json!({}), 1),
        (json!({"parallelism": 4, "completions": 2}), 2),
        (json!({"parallelism": 3}), 3),
        (json!({"parallelism": 3, "suspend": true}), 0),
    ] {
        let mut spec = spec;
        spec["template"] = json!({"spec": {"containers": [{"name": "job"}]}});
        let job: Workload =
            decode(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}));
        let mut snapshot = snapshot();
        apply(&mut snapshot, files(vec![job]), "default");
        assert_eq!(snapshot.objects.pods.len(), pods, "{spec}");
    }
    let cron: Workload = decode(json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
        "spec": {"jobTemplate": {"spec": {"parallelism": 2, "template": {"spec": {"containers": [{"name": "job"}]}}}}}}));
    let mut snapshot = snapshot();
    let applied = apply(&mut snapshot, files(vec![cron]), "default");
    assert_eq!(snapshot.objects.pods.len(), 2);
    assert!(applied.notes[0].starts_with("cronjob/c -n default"), "{:?}", applied.notes);
}

#[test]
fn priority_comes_from_the_class() {
    let class = |name: &str, value: i32, default: bool| -> PriorityClass {
        decode(json!({"metadata": {"name": name}, "value": value, "globalDefault": default}))
    };
    for (asked, priority, notes) in [
        (None, 5, 1),
        (Some("high"), 1000, 1),
        (Some("system-node-critical"), 2_000_001_000, 1),
        (Some("nowhere"), 0, 2),
    ] {
        let mut snapshot = snapshot();
        snapshot.objects.priority_classes = vec![class("high", 1000, false), class("usual", 5, true)];
        let pod: Pod = decode(json!({"metadata": {"name": "p"}, "spec": {"priorityClassName": asked}}));
        let applied = apply(&mut snapshot, Objects { pods: vec![pod], ..Objects::default() }, "default");
        assert_eq!(snapshot.objects.pods[0].spec.priority, Some(priority), "{asked:?}");
        assert_eq!(applied.notes.len(), notes, "{asked:?} {:?}", applied.notes);
    }
}

#[test]
fn own_tolerations_are_kept_and_label_keys_merged() {
    let pod: Pod = decode(json!({"metadata": {"name": "p", "labels": {"app": "a"}}, "spec": {
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {}, "matchLabelKeys": ["app"]}]}}}}));
    let mut snapshot = snapshot();
    apply(&mut snapshot, Objects { pods: vec![pod], ..Objects::default() }, "default");
    let spec = &snapshot.objects.pods[0].spec;
    assert_eq!(spec.tolerations.len(), 2);
    let term = &spec.affinity.as_ref().unwrap().pod_anti_affinity.as_ref().unwrap().required[0];
    let expression = &term.label_selector.as_ref().unwrap().match_expressions[0];
    assert_eq!((expression.key.as_str(), expression.values[0].as_str()), ("app", "a"));
}

#[test]
fn objects_replace_those_of_the_same_name_and_pools_keep_their_status() {
    let mut snapshot = snapshot();
    let pool = |weight: i32, ready: bool| -> NodePool {
        let conditions = if ready { json!([{"type": "Ready", "status": "False"}]) } else { json!([]) };
        decode(
            json!({"metadata": {"name": "spot"}, "spec": {"weight": weight}, "status": {"conditions": conditions}}),
        )
    };
    snapshot.objects.node_pools.push(pool(1, true));
    let daemon_set: DaemonSet =
        decode(json!({"metadata": {"name": "agent"}, "spec": {"template": {"spec": {}}}}));
    let new = NodePool { metadata: decode(json!({"name": "new"})), ..NodePool::default() };
    let files = Objects {
        node_pools: vec![pool(9, false), new],
        daemon_sets: vec![daemon_set],
        ..Objects::default()
    };
    let applied = apply(&mut snapshot, files, "default");
    assert_eq!(applied.notes, ["nodepool/new is new: taken as Ready"]);
    assert_eq!(
        (snapshot.objects.node_pools[0].weight(), snapshot.objects.node_pools[0].is_ready()),
        (9, false)
    );
    assert!(snapshot.objects.node_pools[1].is_ready());
    assert_eq!((snapshot.objects.daemon_sets.len(), snapshot.objects.pods.len()), (1, 0));
}

#[test]
fn scaling_takes_waiting_pods_first() {
    let mut snapshot = snapshot();
    apply(&mut snapshot, files(vec![deployment(Some(3), "2")]), "default");
    snapshot.objects.pods[2].node_name = Some("node-1".into());
    let running = snapshot.objects.pods[2].key();
    scale(&mut snapshot, "Deployment", "default", "web", 1).unwrap();
    assert_eq!(names(&snapshot), [running]);
    assert_eq!(scale(&mut snapshot, "Deployment", "default", "web", 4).unwrap().new_pods.len(), 3);
    assert_eq!(
        scale(&mut snapshot, "Deployment", "default", "wbe", 1).unwrap_err().to_string(),
        "Deployment \"wbe\" not found in namespace \"default\""
    );
}

#[test]
fn pods_of_a_node_that_is_gone_come_back() {
    let mut snapshot = snapshot();
    snapshot
        .objects
        .nodes
        .push(decode(json!({"metadata": {"name": "n"}, "spec": {"providerID": "aws:///a/i-1"}})));
    snapshot.objects.node_claims.push(decode(
        json!({"metadata": {"name": "c"}, "spec": {"nodeClassRef": {}}, "status": {"providerID": "aws:///a/i-1"}}),
    ));
    for (name, owner) in [("web", "ReplicaSet"), ("agent", "DaemonSet")] {
        snapshot
            .objects
            .pods
            .push(decode(json!({"metadata": {"name": name, "ownerReferences": [{"kind": owner}]},
            "spec": {"nodeName": "n"}, "status": {"phase": "Running"}})));
    }
    let back = without_node(&mut snapshot, "n").unwrap();
    assert_eq!(back, [("".into(), "web".into())]);
    assert!(
        snapshot.objects.pods[0].is_marked_unschedulable() && snapshot.objects.pods[0].node_name.is_none()
    );
    assert!(snapshot.objects.nodes.is_empty() && snapshot.objects.node_claims.is_empty());
    assert_eq!(without_node(&mut snapshot, "n").unwrap_err().to_string(), "nodes \"n\" not found");
}
