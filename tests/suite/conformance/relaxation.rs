//! RX: terms and preferences that give way.

use karp_core::model::PreferencePolicy;
use serde_json::json;

use super::Table;
use super::objects::{Pods, Pool, pod, pods};
use super::world::{HOST, TYPE, World, Z1, Z2, Z3, ZONE};

fn world() -> World {
    World::of([Pool::three_capacities("default")])
}

/// Zones of the pods after one batch, else its errors.
fn zones(mut world: World, pods: Pods) -> String {
    let run = world.batch([pods]);
    let zones = world.by(ZONE);
    if zones.is_empty() { run.said() } else { zones }
}

pub(super) fn check(table: &mut Table) {
    table.row("RX-01", zones(world(), pods(1).need(ZONE, "In", &["invalid"])), "error 1");
    let four = ["invalid", "invalid", Z1, Z2].iter().fold(pods(1), |pod, zone| pod.or(ZONE, "In", &[zone]));
    table.row("RX-01", zones(world(), four), "zone-1 1");

    let two = pods(1).prefer(2, ZONE, "In", &["invalid"]).prefer(1, TYPE, "In", &["invalid"]);
    table.row("RX-02", world().ask([two]).said(), "new 1 on 1");
    let expressions = json!([
        {"key": ZONE, "operator": "In", "values": ["invalid"]},
        {"key": ZONE, "operator": "NotIn", "values": ["invalid"]},
    ]);
    let path = "spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution";
    let one = pods(1).set(path, json!([{"weight": 1, "preference": {"matchExpressions": expressions}}]));
    table.row("RX-02", world().ask([one]).said(), "new 1 on 1");

    let two_zones = World::of([Pool::three_capacities("default").needs(ZONE, "In", &[Z1, Z2])]);
    let three =
        pods(1).prefer(100, TYPE, "In", &[Z3]).prefer(50, ZONE, "In", &[Z2]).prefer(1, ZONE, "In", &[Z1]);
    table.row("RX-03", zones(two_zones, three), "zone-2 1");
    let against = pods(1).prefer(1, ZONE, "NotIn", &[Z3]).need(ZONE, "In", &[Z3]);
    table.row("RX-04", zones(world(), against), "zone-3 1");
    let first_term_goes = pods(1).or(ZONE, "In", &[Z1]).or(ZONE, "In", &[Z2]).prefer(1, ZONE, "In", &[Z2]);
    table.row("RX-05", zones(world(), first_term_goes), "zone-2 1");

    let soft = || Pool::three_capacities("soft").taint("team", "a", "PreferNoSchedule");
    let impossible = pods(1).prefer(2, ZONE, "In", &["x"]).prefer(1, ZONE, "In", &["y"]);
    let run = World::of([soft()]).ask([impossible]);
    table.row("RX-06", run.said(), "new 1 on 1");
    table.row("RX-06", &run.object(0)["spec"]["taints"][0]["effect"], "\"PreferNoSchedule\"");
    let run = World::of([soft().weight(100), Pool::three_capacities("plain")]).ask([pods(1)]);
    table.row("RX-07", run.pools(), "plain");

    for key in [ZONE, HOST] {
        let run = world().ask([pod("2"), pod("1").prefer(1, key, "In", &["value-1"])]);
        table.row("RX-08", run.said(), "new 2 on 1");
    }

    for soft in [
        pods(5).spread_softly(ZONE),
        pods(5).spread_softly(HOST),
        pods(5).preferred("podAntiAffinity", HOST, "web"),
    ] {
        let mut world = world();
        world.settings.preference_policy = PreferencePolicy::Ignore;
        table.row("RX-09", world.ask([soft]).said(), "new 5 on 1");
    }
    let mut all_soft = World::of([soft()]);
    all_soft.settings.preference_policy = PreferencePolicy::Ignore;
    table.row("RX-09", all_soft.ask([pods(1)]).said(), "new 1 on 1");

    for (policy, place) in [(PreferencePolicy::Ignore, "new 1"), (PreferencePolicy::Respect, "new 0")] {
        let mut world = world();
        world.settings.preference_policy = policy;
        let run = world.ask([
            pod("2").select(ZONE, Z1),
            pods(2).cpu("3").select(ZONE, Z2),
            pod("1").prefer(1, ZONE, "In", &[Z2]).named("last"),
        ]);
        table.row("RX-10", run.place("last"), place);
    }
}
