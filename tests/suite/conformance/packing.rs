//! PK: packing, and which instance types are left.

use serde_json::json;

use super::Table;
use super::objects::{Pool, node, pod, pods};
use super::types::{fakes, of_type, offered, offering};
use super::world::{ARCH, CAPACITY, OS, TYPE, World, Z1, Z2, ZONE};

const NO_TYPE: &str = "nodepool requirements filtered out all available instance types";

fn world() -> World {
    World::of([Pool::three_capacities("default")])
}

pub(super) fn check(table: &mut Table) {
    sizes(table);
    choice(table);
    ports_and_taints(table);
}

fn sizes(table: &mut Table) {
    let aged = |name: &str, cpu: &str, memory: &str, second: u32, priority: i32| {
        pod(cpu)
            .memory(memory)
            .named(name)
            .set("metadata/creationTimestamp", json!(format!("2026-08-20T11:00:{second:02}Z")))
            .set("spec/priority", json!(priority))
    };
    let run = world().ask([
        aged("new", "1", "2Gi", 9, 1000),
        aged("old", "1", "2Gi", 1, 0),
        aged("wide", "1", "4Gi", 9, 500),
        aged("big", "2", "1Gi", 9, -5),
    ]);
    let order: Vec<&str> =
        run.solution.node_claims[0].pods.iter().map(|at| run.solution.pods[*at].name.as_str()).collect();
    table.row("PK-01", order.join(" "), "big wide old new");

    for (batch, launched) in [
        (pods(1).memory("100M"), "small-instance-type 1"),
        (pods(1).memory("2000M"), "small-instance-type 1"),
        (pods(5).memory("10M"), "small-instance-type 5"),
        (pods(25).cpu("1m").select(ARCH, "amd64"), "small-instance-type 25"),
    ] {
        let mut world = world();
        let run = world.batch([batch.clone()]);
        table.row("PK-02", world.by(TYPE), launched);
        table.row("PK-02", run.solution.node_claims.len(), batch.count.div_ceil(5));
    }

    let big = || pods(40).memory("1.8G").select(ARCH, "amd64");
    let mut alone = world();
    alone.batch([big()]);
    table.row(
        "PK-03",
        format!("{} on {}", alone.by(TYPE), alone.of_kind("Node").count()),
        "default-instance-type 40 on 20",
    );
    let mut filled = world();
    let run = filled.batch([big(), pods(20).memory("400M").select(ARCH, "amd64")]);
    table.row(
        "PK-03",
        format!("{} on {}", filled.by(TYPE), filled.of_kind("Node").count()),
        "default-instance-type 60 on 20",
    );
    table.row("PK-03", run.sizes(), ["3"; 20].join(","));

    let mut two = world().with(fakes(5));
    two.batch([pod("4.5"), pod("1")]);
    table.row("PK-04", two.by(TYPE), "fake-it-1 1, fake-it-4 1");
    table.row("PK-05", world().ask([pods(1).request("foo.com/weird", "0")]).said(), "new 1 on 1");
}

fn choice(table: &mut Table) {
    let priced = |name: &str, size: u32, price: f64| {
        offered(of_type(name, size, size, 5), vec![offering("spot", Z1, price)])
    };
    let types = vec![priced("small", 1, 2.0), priced("medium", 2, 3.0), priced("large", 4, 1.0)];
    let run = world().with(types).ask([pod("10m")]);
    table.row("PK-06", run.types(0), "large small medium");

    for (a, b) in [
        (pods(1).request("fake.com/vendor-a", "1"), pods(1).request("fake.com/vendor-b", "1")),
        (pods(1).select(ARCH, "amd64"), pods(1).select(ARCH, "arm64")),
        (pods(1).select(ZONE, Z1), pods(1).select(ZONE, Z2)),
        (pods(1).select(TYPE, "small-instance-type"), pods(1).select(TYPE, "default-instance-type")),
    ] {
        table.row("PK-07", world().ask([a, b]).said(), "new 2 on 2");
    }
    table.row("PK-07", world().ask([pods(1).select(OS, "ios")]).types(0), "arm-instance-type");

    let both = |name: &str, on_demand: f64, spot: f64| {
        let offerings = vec![offering("on-demand", Z1, on_demand), offering("spot", Z1, spot)];
        offered(of_type(name, 2, 2, 5), offerings)
    };
    let pool = Pool::named("default").needs(CAPACITY, "In", &["on-demand"]);
    let run = World::of([pool]).with(vec![both("it2", 1.3, 0.1), both("it1", 1.0, 0.2)]).ask([pods(1)]);
    table.row("PK-08", run.types(0), "it1 it2");

    let others = "fake-it-0 fake-it-1 fake-it-2 fake-it-3";
    for (key, operator, values, types) in [
        ("size", "In", &["large"][..], "fake-it-4"),
        ("special", "Exists", &[], "fake-it-4"),
        ("size", "In", &["small"], others),
        ("special", "DoesNotExist", &[], others),
    ] {
        let run = world().with(fakes(5)).ask([pods(1).need(key, operator, values)]);
        table.row("PK-09", run.types(0), types);
    }

    let pool = || Pool::three_capacities("default");
    for pool in [
        pool().needs(TYPE, "In", &["unknown"]),
        pool().needs(ARCH, "In", &["unknown"]),
        pool().needs(ARCH, "In", &["amd64"]).needs(ARCH, "In", &["arm64"]),
        pool().needs(ZONE, "In", &["unknown"]),
    ] {
        let run = World::of([pool]).ask([pods(2), pods(1).select(ZONE, Z1)]);
        table.row("PK-11", format!("{}: {}", run.said(), run.errors()), format!("error 3: {NO_TYPE}"));
    }
}

fn ports_and_taints(table: &mut Table) {
    table.row("PK-10", world().ask([pods(2).host_port(8080)]).said(), "new 2 on 2");
    let mut taken = world().add_all([node("n", &[])]);
    taken.create([pods(1).host_port(8080).on("n")]);
    table.row("PK-10", taken.ask([pods(1).host_port(8080)]).said(), "new 1 on 1");
    table.row("PK-10", taken.ask([pods(1).host_port(8081)]).said(), "new 1 on 1, existing 1");

    let tainted = || Pool::three_capacities("default").taint("team", "a", "NoSchedule");
    for (pod, said) in [
        (pods(1).tolerate("team", ""), "new 1 on 1"),
        (pods(1).tolerate("team", "a"), "new 1 on 1"),
        (pods(1), "error 1"),
        (pods(1).tolerate("other", ""), "error 1"),
        (pods(1).set("spec/tolerations", json!([{"key": "team", "operator": "Equal"}])), "error 1"),
    ] {
        table.row("PK-12", World::of([tainted()]).ask([pod]).said(), said);
    }
    let taints = json!([{"key": "startup", "value": "x", "effect": "NoSchedule"}]);
    let starting =
        Pool::three_capacities("default").set(&["spec", "template", "spec", "startupTaints"], taints);
    table.row("PK-12", World::of([starting]).ask([pods(1)]).said(), "new 1 on 1");
}
