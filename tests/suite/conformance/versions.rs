//! V1 to V11: what 1.15 changed in scheduling, against the rules before it. V4 has its rows with minValues, V10 with
//! capacity buffers.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pool, pod, pods, put};
use super::reserved::with_reservations;
use super::types::{of_type, offered, offering, reserved};
use super::volumes::zonal;
use super::world::{CAPACITY, World, Z1, ZONE, managed};

fn world() -> World {
    World::of([Pool::three_capacities("default")])
}

/// A type that attaches so many volumes of the driver `fake.csi`.
fn attaching(name: &str, count: u32) -> Value {
    let mut one = of_type(name, 4, 4, 20);
    one["volumeAttachmentLimits"] = json!({"fake.csi": count});
    one
}

/// With bound volumes `v0` and on in the first zone.
fn with_volumes(world: World, count: usize) -> World {
    (0..count).fold(world, |world, at| world.add_all(zonal(&format!("v{at}"), Z1)))
}

/// Pods with a volume each.
fn each(count: usize) -> Vec<super::objects::Pods> {
    (0..count).map(|at| pods(1).volume(&format!("v{at}"))).collect()
}

pub(super) fn check(table: &mut Table) {
    volumes(table);
    reservations(table);
    rebooting(table);

    // V11: predictions of a VerticalPodAutoscaler are read by nobody.
    let vpa = json!({"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "v", "namespace": "default"}, "spec": {"targetRef": {"kind": "Pod", "name": "p0001"}},
        "status": {"recommendation": {"containerRecommendations": [{"containerName": "c", "target": {"cpu": "9"}}]}}});
    let run = world().add_all([vpa]).ask([pod("1")]);
    table.row("V11", run.requests(0), r#"{"cpu":"1","pods":"1"}"#);
}

fn volumes(table: &mut Table) {
    let two = || with_volumes(world().with(vec![attaching("one", 1)]), 2);
    table.row("V1", two().ask(each(2)).said(), "new 2 on 2");
    table.row("V1", two().before().ask(each(2)).said(), "new 2 on 1");
    let both = two().ask([pods(1).volume("v0").volume("v1")]);
    let text = "would exceed volume limit for all instance type options (provisioner=fake.csi, volume-count=2, volume-limit=1)";
    table.row("V1", both.errors(), text);
    let mut mixed = with_volumes(world().with(vec![attaching("one", 1), attaching("two", 2)]), 2);
    let run = mixed.ask([pods(1).volume("v0").volume("v1")]);
    table.row("V1", run.types(0), "two");

    let driver = |allocatable: Value| {
        let mut driver = json!({"name": "fake.csi", "nodeID": "n"});
        driver["allocatable"] = allocatable;
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n"}, "spec": {"drivers": [driver]}})
    };
    let on_node = |items: Vec<Value>| {
        let world = world().with(vec![attaching("one", 1)]);
        let of_type =
            karp_core::provider::KwokProvider::from_values(world.types.clone()).unwrap().types()[0].clone();
        let class = json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
        let labels = json!({ZONE: Z1, CAPACITY: "spot", "node.kubernetes.io/instance-type": "one"});
        let pair = managed("n", "default", labels, &of_type, json!({"nodeClassRef": class}));
        with_volumes(world, 3).add_all(pair).add_all(items)
    };
    for (items, now, before) in [
        (vec![driver(json!({}))], "existing 3", "new 3 on 1"),
        (vec![driver(json!({"count": 2}))], "new 1 on 1, existing 2", "new 1 on 1, existing 2"),
        (vec![], "new 2 on 2, existing 1", "existing 3"),
    ] {
        table.row("V2", on_node(items.clone()).ask(each(3)).said(), now);
        table.row("V2", on_node(items).before().ask(each(3)).said(), before);
    }

    // The pod of a deleting node is not validated: its lost volume is met when it is placed.
    let deleting = || {
        let mut world = with_volumes(world(), 1);
        world.batch([pod("1")]);
        let name = world.of_kind("Node").next().unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
        world.delete("Pod", |_| true);
        world.delete("PersistentVolume", |_| true);
        world.change("NodeClaim", |claim| {
            put(claim, "metadata/deletionTimestamp", json!("2026-08-20T11:59:00Z"))
        });
        world.create([pods(1).volume("v0").on(&name)]);
        world
    };
    table.row("V3", deleting().solve().error(), "persistentvolumes \"v0\" not found");
    table.row("V3", deleting().before().solve().said(), "new 1 on 1");

    let overlaid = |mut world: World| {
        world.settings.feature_gates.insert("NodeOverlay".into(), true);
        let requirements =
            json!([{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["one"]}]);
        world.add_all([
            json!({"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": "o"},
            "spec": {"requirements": requirements, "capacity": {"example.com/x": "1"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        ])
    };
    table.row("V9", overlaid(two()).ask(each(2)).said(), "new 2 on 2");
}

fn reservations(table: &mut Table) {
    let small = |count| with_reservations("small", 2, &[("r", count)]);
    // Full, and therefore not launched: neither its price nor its capacity type is in the NodeClaim.
    let dear = offered(of_type("dear", 2, 2, 5), vec![offering("on-demand", Z1, 9.0), reserved("r", 0, 0.1)]);
    let fair = offered(of_type("fair", 2, 2, 5), vec![offering("on-demand", Z1, 2.0)]);
    let run = world().with(vec![dear, fair]).ask([pods(1)]);
    table.row("V5", format!("{}; {}", run.types(0), run.requirement(0, CAPACITY)), "fair dear; In on-demand");

    // A full reservation beside on-demand and spot is no reason to wait.
    table.row("V6", world().with(vec![small(0)]).ask([pods(1)]).said(), "new 1 on 1");
    table.row("V6", world().before().with(vec![small(0)]).ask([pods(1)]).said(), "deferred 1");
    let run = world().with(vec![small(0)]).ask([pods(1).select(CAPACITY, "reserved")]);
    let text = "all compatible reserved offerings are full and no on-demand or spot fallback is available";
    table.row("V6", format!("{}: {}", run.said(), run.error()), format!("deferred 1: {text}"));
    let run = world().with(vec![small(1)]).ask([pods(2).cpu("1.5")]);
    let text = "one or more instance types with compatible reserved offerings are available, but could not be reserved";
    table.row("V6", format!("{}: {}", run.said(), run.error()), format!("new 1 on 1, deferred 1: {text}"));

    let pools = || {
        World::of([
            Pool::named("reserved").weight(100).needs(CAPACITY, "In", &["reserved"]),
            Pool::named("on-demand").weight(10).needs(CAPACITY, "In", &["on-demand"]),
        ])
    };
    let run = pools().with(vec![small(0)]).ask([pods(1)]);
    table.row("V7", format!("{}, {} events", run.said(), run.events()), "deferred 1, 0 events");
    let mut fallback = pools().with(vec![small(0)]);
    fallback.options.reserved = karp_core::sim::ReservedMode::Fallback;
    table.row("V7", fallback.ask([pods(1)]).pools(), "on-demand");
}

fn rebooting(table: &mut Table) {
    let taint = json!([{"key": "karpenter.sh/rebooting", "effect": "NoSchedule"}]);
    let reboot = |condition: &str| {
        let mut world = world();
        world.batch([pod("1")]);
        world.delete("Pod", |_| true);
        world.change("Node", |node| put(node, "spec/taints", taint.clone()));
        world.change("NodeClaim", |claim| {
            put(claim, "status/conditions", json!([{"type": "Rebooting", "status": condition}]));
        });
        world
    };
    table.row("V8", reboot("True").ask([pod("1")]).said(), "existing 1");
    table.row("V8", reboot("False").ask([pod("1")]).said(), "new 1 on 1");
    table.row("V8", reboot("True").before().ask([pod("1")]).said(), "new 1 on 1");
}
