//! LM: limits, and which NodePool comes first.

use karp_core::provider::KwokProvider;
use serde_json::json;

use super::Table;
use super::objects::{Pool, pod, pods};
use super::types::of_type;
use super::world::{HOST, POOL, World, managed};

const OVER: &str = "all available instance types exceed limits for nodepool (NodePool=default)";

fn limited(resource: &str, quantity: &str) -> World {
    World::of([Pool::named("default").limit(resource, quantity)])
}

/// Pods that keep away from each other's nodes.
fn apart(count: usize, cpu: &str) -> super::objects::Pods {
    pods(count).cpu(cpu).apart(HOST, "web")
}

pub(super) fn check(table: &mut Table) {
    let huge = KwokProvider::from_values(vec![of_type("huge", 100, 100, 5)]).unwrap();
    let spec = json!({"taints": [{"key": "full", "effect": "NoSchedule"}],
        "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}});
    let running = managed("n", "default", json!({}), &huge.types()[0], spec);
    let run = limited("cpu", "20").add_all(running).ask([pods(1)]);
    table.row("LM-01", run.errors(), OVER);

    let mut world = limited("cpu", "2");
    table.row("LM-02", world.batch([pod("1.75")]).said(), "new 1 on 1");
    table.row("LM-02", world.batch([pod("1.75")]).errors(), OVER);
    table.row("LM-02", limited("cpu", "2").ask([pod("2.1")]).said(), "error 1");

    table.row("LM-03", limited("cpu", "3").ask([apart(2, "1.5")]).said(), "new 1 on 1, error 1");
    let run = limited("pods", "1").ask([pods(1).request("fake.com/vendor-a", "1")]);
    table.row("LM-03", run.said(), "error 1");

    let exhausted = "node limits have been exhausted for nodepool (NodePool=default)";
    let mut world = limited("nodes", "2");
    table.row("LM-04", world.batch([apart(1, "1")]).said(), "new 1 on 1");
    table.row("LM-04", world.batch([apart(1, "1")]).said(), "new 1 on 1");
    table.row("LM-04", world.batch([apart(1, "1")]).errors(), exhausted);
    table.row("LM-04", limited("nodes", "2").ask([apart(3, "1")]).said(), "new 3 on 3");
    table.row("LM-04", limited("nodes", "0").ask([pods(1)]).errors(), exhausted);

    let run = limited("cpu", "20").ask([apart(3, "1.5")]);
    table.row("LM-05", format!("{}: {}", run.said(), run.errors()), format!("new 2 on 2, error 1: {OVER}"));
    let has_arm = [0, 1].map(|claim| run.types(claim).contains("arm-instance-type"));
    table.row("LM-05", format!("{has_arm:?}"), "[true, false]");

    let weighted =
        || World::of([Pool::named("unset"), Pool::named("ten").weight(10), Pool::named("twenty").weight(20)]);
    table.row("LM-06", weighted().ask([pods(1)]).pools(), "twenty");
    table.row("LM-06", weighted().ask([pods(1).select(POOL, "ten")]).pools(), "ten");
    let equal = [Pool::named("a").weight(5), Pool::named("b").weight(5)];
    table.row("LM-06", World::of(equal).ask([pods(1)]).pools(), "b");
}
