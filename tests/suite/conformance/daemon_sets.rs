//! DS: DaemonSets that take room. One of 2 cpu and 2Gi beside a pod of 1 cpu and 1Gi: counted, it needs the default
//! type; ignored, the small one does.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pods, Pool, daemon_set, daemon_set_with, node, node_terms, pod, pods};
use super::types;
use super::world::{TYPE, World, Z1, ZONE};

const COUNTED: &str = "default-instance-type 1";
const IGNORED: &str = "small-instance-type 1";

fn two() -> Value {
    json!({"cpu": "2", "memory": "2Gi"})
}

fn one() -> Pods {
    pod("1").memory("1Gi")
}

fn launched(pool: Pool, set: Value, pod: Pods) -> String {
    let mut world = World::of([pool]).add_all([set]);
    world.batch([pod]);
    world.by(TYPE)
}

pub(super) fn check(table: &mut Table) {
    counted(table);
    overhead(table);
    quirks(table);
}

fn counted(table: &mut Table) {
    let pool = || Pool::named("default");
    let startup = json!([{"key": "s", "effect": "NoSchedule"}]);
    for (pool, launch) in [
        (pool(), COUNTED),
        (pool().set(&["spec", "template", "spec", "startupTaints"], startup), COUNTED),
        (pool().taint("t", "v", "NoSchedule"), IGNORED),
        (pool().taint("t", "v", "PreferNoSchedule"), COUNTED),
    ] {
        table.row("DS-01", launched(pool, daemon_set("d", two()), one().tolerate("t", "")), launch);
    }

    let preferring = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1,
        "preference": {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["x"]}]}}]}});
    for (path, value, launch) in [
        ("nodeSelector", json!({"node": "invalid"}), IGNORED),
        ("affinity", node_terms(&[(TYPE, "In", &["non-existent"])]), IGNORED),
        ("nodeSelector", json!({"custom": "yes"}), COUNTED),
        ("affinity", node_terms(&[("foo", "NotIn", &["bar"])]), COUNTED),
        ("affinity", preferring, COUNTED),
        ("affinity", node_terms(&[("foo", "In", &["bar"]), ("custom", "In", &["yes"])]), COUNTED),
    ] {
        let set = daemon_set_with("d", two(), path, value);
        table.row("DS-02", launched(pool().label("custom", "yes"), set, one()), launch);
    }
}

fn by_size(size: &str, cpu: &str) -> Value {
    daemon_set_with(size, json!({"cpu": cpu}), "nodeSelector", json!({"size": size}))
}

fn overhead(table: &mut Table) {
    let world = || World::of([Pool::named("default")]);
    let mut both = world().add_all([by_size("small", "1"), by_size("large", "10")]);
    both.batch([pod("0.5")]);
    table.row("DS-03", both.by(TYPE), IGNORED);

    let limits = json!([{"name": "c", "resources": {"limits": {"cpu": "10000"}}}]);
    for set in [
        daemon_set("d", json!({"cpu": "10000"})),
        daemon_set_with("d", json!({}), "containers", limits.clone()),
        daemon_set_with("d", json!({}), "initContainers", limits),
    ] {
        table.row("DS-04", world().add_all([set]).ask([pods(1)]).said(), "error 1");
    }

    let mut template = daemon_set_with(
        "d",
        json!({"cpu": "4", "memory": "4Gi"}),
        "affinity",
        node_terms(&[("foo", "In", &["bar"])]),
    );
    template["metadata"]["uid"] = json!("d");
    let by_name = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]);
    let live = pod("2").memory("2Gi").app("d").owner("apps/v1", "DaemonSet", "d").set(
        "spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
        by_name,
    );
    for (foo, launch) in [("bar", COUNTED), ("other", IGNORED)] {
        let mut world = World::of([Pool::named("default").label("foo", foo)]).add_all([template.clone()]);
        world.batch([live.clone(), one()]);
        table.row("DS-05", world.by(TYPE), launch);
    }

    let port =
        json!([{"name": "c", "ports": [{"containerPort": 8080, "hostPort": 8080, "protocol": "TCP"}]}]);
    let everywhere = daemon_set_with("d", json!({}), "containers", port);
    let mut on_large = everywhere.clone();
    on_large["spec"]["template"]["spec"]["nodeSelector"] = json!({"size": "large"});
    table.row("DS-06", world().add_all([everywhere]).ask([pods(1).host_port(8080)]).said(), "error 1");
    let run = world().add_all([on_large]).ask([pods(1).host_port(8080).select("size", "small")]);
    table.row("DS-06", run.said(), "new 1 on 1");

    let set = daemon_set("d", json!({"cpu": "1", "memory": "1Mi"}));
    let run = world().add_all([set]).ask([pods(2).cpu("1").memory("1Mi")]);
    table.row("DS-07", run.requests(0), r#"{"cpu":"3","memory":"3Mi","pods":"3"}"#);
    table.row("DS-07", run.said(), "new 2 on 1");
}

fn quirks(table: &mut Table) {
    let in_zone = daemon_set_with("d", json!({"cpu": "100"}), "affinity", node_terms(&[(ZONE, "In", &[Z1])]));
    let mut world = World::of([Pool::named("default")]).add_all([in_zone, node("n", &[])]);
    table.row("DS-08", world.ask([pods(2).cpu("10")]).said(), "existing 1, error 1");

    let terms = node_terms(&[("size", "In", &["small"]), ("size", "In", &["large"])]);
    for (of_type, said) in [("single-pod-instance-type", "new 1 on 1"), ("default-instance-type", "error 1")]
    {
        let set = daemon_set_with("d", json!({"cpu": "1"}), "affinity", terms.clone());
        let run = World::of([Pool::named("default")]).add_all([set]).ask([pod("3.5").select(TYPE, of_type)]);
        table.row("DS-09", run.said(), said);
    }

    // Which group is last decides; ours is the order of the provider's list.
    let mut reversed = types::six();
    reversed.reverse();
    reversed.retain(|one| one["name"] != "single-pod-instance-type");
    for (types, requests) in
        [(types::six(), r#"{"cpu":"500m","pods":"1"}"#), (reversed, r#"{"cpu":"1500m","pods":"2"}"#)]
    {
        let run = World::of([Pool::named("default")])
            .with(types)
            .add_all([by_size("small", "1")])
            .ask([pod("0.5")]);
        table.row("DS-10", run.requests(0), requests);
    }
}
