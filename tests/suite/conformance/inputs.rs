//! IN: which pods and NodePools a loop takes.

use karp_core::sim::Synced;
use serde_json::json;

use super::Table;
use super::objects::{Pool, node, pod, pods};
use super::world::{CAPACITY, HOST, POOL, World};

fn world() -> World {
    World::of([Pool::named("default")])
}

pub(super) fn check(table: &mut Table) {
    considered(table);
    validated(table);
    pools(table);
    rescheduled(table);
}

fn considered(table: &mut Table) {
    let gated =
        pods(1).set("status/conditions", json!([{"type": "PodScheduled", "reason": "SchedulingGated"}]));
    table.row("IN-01", world().ask([gated]).said(), "passed over 1");
    let leaving = pods(1).set("metadata/deletionTimestamp", json!("2026-08-20T11:59:00Z"));
    table.row("IN-01", world().ask([leaving]).said(), "new 1 on 1");
    let not_ours = [
        pods(1).set("status/nominatedNodeName", json!("n")),
        pods(1).owner("apps/v1", "DaemonSet", "agent"),
        pods(1).owner("v1", "Node", "n"),
    ];
    table.row("IN-02", world().ask(not_ours).said(), "passed over 3");
}

fn validated(table: &mut Table) {
    for key in [HOST, "karpenter.sh/test", "foo.karpenter.sh/test", "karpenter.sh/initialized"] {
        let mut world = world().add_all([node("n", &[(key, "n")])]);
        let run = world.ask([pods(1).select(key, "n")]);
        let text = format!("ignoring pod, using label {key} is not allowed as it might interfere");
        table.row("IN-03", run.error().starts_with(&text), true);
        table.row("IN-03", run.said(), "ignored 1");
        let softly = self::world().ask([pods(1).prefer(1, key, "In", &["n"])]);
        table.row("IN-03", softly.said(), "new 1 on 1");
    }
    for key in ["kubernetes.io/test", "subdomain.k8s.io/test"] {
        let mut world = World::of([Pool::named("default").label(key, "v")]);
        world.batch([pods(1).select(key, "v")]);
        table.row("IN-04", world.by(key), "v 1");
    }
    let by_field = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]);
    let path = "spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let run = world().ask([pods(1).set(path, by_field)]);
    table.row("IN-05", run.error(), "ignoring pod, node selector term with matchFields is not supported");
    for away in [pods(1).need(POOL, "DoesNotExist", &[]), pods(1).select(POOL, "a").need(POOL, "In", &["b"])]
    {
        let run = world().ask([away]);
        table.row("IN-06", format!("{}, {} events", run.said(), run.events()), "ignored 1, 0 events");
    }
    let run = world().ask([pods(1).volume("gone"), pods(1)]);
    table.row("IN-07", run.said(), "new 1 on 1, ignored 1");
    table.row(
        "IN-07",
        run.error(),
        "ignoring pod, getting persistent volume claim, persistentvolumeclaims \"gone\" not found \
         (PersistentVolumeClaim=gone)",
    );
}

fn pools(table: &mut Table) {
    let conditions = json!([{"type": "Ready", "status": "False"}]);
    let deleting = json!("2026-08-20T11:59:00Z");
    for pool in [
        Pool::named("default").set(&["status", "conditions"], conditions),
        Pool::named("default").set(&["metadata", "deletionTimestamp"], deleting),
    ] {
        let run = World::of([pool]).ask([pods(1)]);
        table.row(
            "IN-08",
            format!("{}, {} events", run.errors(), run.events()),
            "no dynamic nodepools found, 0 events",
        );
    }
    let fixed = Pool::named("z-static").set(&["spec", "replicas"], json!(1));
    table.row("IN-08", World::of([Pool::named("default"), fixed]).ask([pods(1)]).pools(), "default");
    // Windows close in time, and a snapshot is one moment: all unbound pods are one batch. What is read is how
    // long the controller waits.
    let settings = world().settings;
    table.row("IN-09", format!("{} {}", settings.batch_idle_seconds, settings.batch_max_seconds), "1 10");
    table.row("IN-09", world().ask([pods(2), pods(1)]).said(), "new 3 on 1");
    let launching = json!({"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": {"name": "c"},
        "spec": {"nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}}});
    let run = world().add_all([launching]).ask([pods(1)]);
    table.row("IN-12", matches!(run.solution.synced, Synced::Waiting(_)), true);
    table.row("IN-12", run.said(), "");
}

/// A node that is being deleted, with these pods on it.
fn deleting(on_it: Vec<super::objects::Pods>) -> World {
    let mut world = world();
    world.batch([pod("1").app("first").select(CAPACITY, "spot")]);
    world.delete("Pod", |_| true);
    let node = world.of_kind("Node").next().unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    world.change("NodeClaim", |claim| claim["metadata"]["deletionTimestamp"] = json!("2026-08-20T11:59:00Z"));
    world.create(on_it.into_iter().map(|pods| pods.on(&node)));
    world
}

fn rescheduled(table: &mut Table) {
    let leaving = || pods(1).set("metadata/deletionTimestamp", json!("2026-08-20T11:59:00Z"));
    table.row("IN-10", deleting(vec![pods(1)]).solve().said(), "new 1 on 1");
    table.row("IN-10", deleting(vec![pods(1).owner("apps/v1", "DaemonSet", "d")]).solve().said(), "");
    table.row("IN-10", deleting(vec![leaving().owner("apps/v1", "ReplicaSet", "r")]).solve().said(), "");
    let of_set = leaving().owner("apps/v1", "StatefulSet", "s");
    table.row("IN-10", deleting(vec![of_set]).solve().said(), "new 1 on 1");
    let mut world = deleting(vec![pods(1)]);
    world.change("Pod", |pod| pod["status"]["phase"] = json!("Succeeded"));
    table.row("IN-10", world.solve().said(), "");

    let budget = |name: &str, rule: serde_json::Value| {
        let mut spec = rule;
        spec["selector"] = json!({"matchLabels": {"app": "web"}});
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
               "metadata": {"name": name, "namespace": "default"}, "spec": spec})
    };
    let open = json!({"maxUnavailable": 1});
    for (budgets, said) in [
        (vec![budget("a", json!({"maxUnavailable": 0}))], ""),
        (vec![budget("a", json!({"maxUnavailable": "0%"}))], ""),
        (vec![budget("a", json!({"minAvailable": "100%"}))], ""),
        (vec![budget("a", open.clone()), budget("b", open.clone())], ""),
        (vec![budget("a", open)], "new 1 on 1"),
    ] {
        table.row("IN-11", deleting(vec![pods(1)]).add_all(budgets).solve().said(), said);
    }
}
