//! EN: nodes that exist or are coming up.

use karp_core::model::InstanceType;
use karp_core::provider::KwokProvider;
use serde_json::{Value, json};

use super::Table;
use super::objects::{Pool, daemon_set, node, pod, pods, put};
use super::types::{of_type, six};
use super::world::{ARCH, World, Z1, Z2, ZONE, managed};

fn world() -> World {
    World::of([Pool::three_capacities("default")])
}

/// An instance type of the fixture.
fn fixture(name: &str) -> InstanceType {
    let provider = KwokProvider::from_values(six()).unwrap();
    provider.types().iter().find(|one| one.name == name).unwrap().clone()
}

/// A node of the arm type with 15.9 cpu, in the first zone, and its NodeClaim.
fn running(name: &str, startup: Value) -> [Value; 2] {
    let labels = json!({ZONE: Z1, ARCH: "arm64", "node.kubernetes.io/instance-type": "arm-instance-type"});
    let class = json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
    let spec = json!({"nodeClassRef": class, "startupTaints": startup});
    managed(name, "default", labels, &fixture("arm-instance-type"), spec)
}

fn uninitialized([mut node, claim]: [Value; 2]) -> [Value; 2] {
    node["metadata"]["labels"].as_object_mut().unwrap().remove("karpenter.sh/initialized");
    [node, claim]
}

/// Its NodeClaim alone: launched, and no node yet.
fn launched(name: &str) -> Value {
    let [_, mut claim] = running(name, json!([]));
    for label in ["karpenter.sh/registered", "karpenter.sh/initialized"] {
        claim["metadata"]["labels"].as_object_mut().unwrap().remove(label);
    }
    claim
}

pub(super) fn check(table: &mut Table) {
    in_flight(table);
    taints(table);
    room(table);
    order(table);
}

fn in_flight(table: &mut Table) {
    let mut leaving = launched("n");
    put(&mut leaving, "metadata/deletionTimestamp", json!("2026-08-20T11:59:00Z"));
    for (claim, pod, said) in [
        (launched("n"), pod("1"), "existing 1"),
        (launched("n"), pod("1").select(ZONE, Z2), "new 1 on 1"),
        (launched("n"), pod("1").select(ARCH, "amd64"), "new 1 on 1"),
        (launched("n"), pods(6), "new 1 on 1, existing 5"),
        (leaving, pod("1"), "new 1 on 1"),
    ] {
        table.row("EN-01", world().add_all([claim]).ask([pod]).said(), said);
    }
}

fn taints(table: &mut Table) {
    let not_ready = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]);
    let startup = json!([{"key": "startup", "effect": "NoSchedule"}]);
    let other = json!([{"key": "other", "effect": "NoSchedule"}]);
    for (taints, is_initialized, said) in [
        (&not_ready, false, "existing 1"),
        (&startup, false, "existing 1"),
        (&other, false, "new 1 on 1"),
        (&not_ready, true, "new 1 on 1"),
        (&startup, true, "new 1 on 1"),
    ] {
        let pair = running("n", startup.clone());
        let mut pair = if is_initialized { pair } else { uninitialized(pair) };
        put(&mut pair[0], "spec/taints", taints.clone());
        table.row("EN-02", world().add_all(pair).ask([pod("1")]).said(), said);
    }

    let mut soft = node("n", &[]);
    put(&mut soft, "spec/taints", json!([{"key": "t", "effect": "PreferNoSchedule"}]));
    table.row("EN-09", world().add_all([soft]).ask([pods(1)]).said(), "new 1 on 1");
}

fn room(table: &mut Table) {
    let agent = || daemon_set("agent", json!({"cpu": "1"}));
    let without_pools = || World::of([Pool::three_capacities("default").limit("cpu", "0")]);
    for (is_bound, cpu, said) in [
        (false, "14.9", "existing 1"),
        (true, "14.9", "existing 1"),
        (false, "15.5", "error 1"),
        (true, "15.5", "error 1"),
    ] {
        let mut world = without_pools().add_all(running("n", json!([]))).add_all([agent()]);
        if is_bound {
            world.create([pod("1").app("agent").owner("apps/v1", "DaemonSet", "agent").on("n")]);
        }
        table.row("EN-03", world.ask([pod(cpu)]).said(), said);
    }

    let mut world = world().add_all([node("n", &[])]);
    table.row("EN-05", world.ask([pods(3).cpu("5")]).said(), "existing 3");
    let mut world = self::world().add_all([node("n", &[])]);
    table.row("EN-06", world.ask([pods(1).select(ZONE, Z1)]).said(), "new 1 on 1");

    let mut pair = uninitialized(running("n", json!([])));
    for (item, count) in pair.iter_mut().zip(["0", "2"]) {
        for list in ["capacity", "allocatable"] {
            item["status"][list]["fake.com/device"] = json!(count);
        }
    }
    let run = self::world().add_all(pair).ask([pods(1).request("fake.com/device", "1")]);
    table.row("EN-07", run.said(), "existing 1");

    let mut world = self::world().add_all([node("n", &[])]);
    world.create([pod("17").app("old").on("n")]);
    table.row("EN-08", world.ask([pods(1)]).said(), "new 1 on 1");
}

fn order(table: &mut Table) {
    let mut names: Vec<String> = (0..100).map(|at| format!("n{at:03}")).collect();
    let mut world = world();
    for name in &names {
        let pair = running(name, json!([]));
        world = world.add_all(if name == "n042" { pair } else { uninitialized(pair) });
    }
    table.row("EN-04", world.ask([pod("1").named("p")]).place("p"), "node n042");
    names.truncate(2);
    let mut world = self::world();
    for name in names.iter().rev() {
        world = world.add_all(running(name, json!([])));
    }
    table.row("EN-04", world.ask([pod("1").named("p")]).place("p"), "node n000");

    let mut of_four = of_type("four", 4, 16, 110);
    of_four["resources"]["cpu"] = json!("4350m");
    let mut world = self::world().with(vec![of_four]);
    for count in [3, 9, 1, 6, 2, 10, 4, 7, 5, 8] {
        world.batch([pods(count).cpu("1")]);
        let roomy = world
            .solve()
            .solution
            .existing_nodes
            .into_iter()
            .filter(|node| node.remaining.amount("cpu") >= "1".parse().unwrap());
        table.row("EN-10", roomy.count() <= 1, true);
    }
    table.row("EN-10", world.of_kind("Node").count(), 55_usize.div_ceil(4));
}
