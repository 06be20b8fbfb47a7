//! TS-16 to TS-25 and DC: node policies of spread, pods' own limits, quirks, and the controller's default spread.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pods, Pool, node, pod, pods, put};
use super::world::{CAPACITY, HOST, World, Z1, Z2, Z3, ZONE};

fn pool() -> Pool {
    Pool::any_capacity("default")
}

fn world() -> World {
    World::of([pool()])
}

pub(super) fn check(table: &mut Table) {
    policies(table);
    pods_limits(table);
    quirks(table);
    defaults(table);
}

/// Two nodes `foo` and `bar` that are full, and one NodePool `baz` of the spread key.
fn full_nodes(taint: bool, ours: &str) -> World {
    let pool = pool().label("fl", "baz").label("own", ours);
    let mut world = World::of([pool]);
    for name in ["foo", "bar"] {
        let mut one = node(name, &[("fl", name), ("own", "no")]);
        if taint {
            put(&mut one, "spec/taints", json!([{"key": "taint", "effect": "NoSchedule"}]));
        }
        world.add(one);
        world.create([pod("16").app("full").on(name)]);
    }
    world
}

fn policies(table: &mut Table) {
    let by_taints = |count: usize, policy: &str| {
        pods(count).cpu("10m").spread_so(json!({"topologyKey": "fl", "nodeTaintsPolicy": policy}))
    };
    for (policy, nodes, pools) in
        [("Ignore", "new 1 on 1, error 4", "new 1 on 1, error 1"), ("Honor", "new 5 on 1", "new 2 on 1")]
    {
        table.row("TS-16", full_nodes(true, "x").ask([by_taints(5, policy)]).said(), nodes);
        let two = [
            Pool::any_capacity("open").label("fl", "foo"),
            Pool::any_capacity("tainted").label("fl", "bar").taint("taint", "", "NoSchedule"),
        ];
        table.row("TS-16", World::of(two).ask([by_taints(2, policy)]).said(), pools);
    }
    let two = [
        Pool::any_capacity("a").needs("fl", "In", &["foo", "bar"]).taint("a", "", "NoSchedule"),
        Pool::any_capacity("b").needs("fl", "In", &["foo", "baz"]).taint("b", "", "NoSchedule"),
    ];
    let mut world = World::of(two);
    world.batch([by_taints(2, "Honor").tolerate("a", ""), by_taints(4, "Honor").tolerate("b", "")]);
    table.row("TS-17", world.by("fl"), "bar 1, baz 2, foo 3");

    for (policy, said) in [("Ignore", "new 1 on 1, error 4"), ("Honor", "new 5 on 1")] {
        let constraint = json!({"topologyKey": "fl", "nodeAffinityPolicy": policy});
        let run =
            full_nodes(false, "yes").ask([pods(5).cpu("10m").select("own", "yes").spread_so(constraint)]);
        table.row("TS-18", run.said(), said);
    }
}

fn zones(groups: impl IntoIterator<Item = Pods>) -> String {
    let mut world = world();
    world.batch(groups);
    world.by(ZONE)
}

fn pods_limits(table: &mut Table) {
    let spread = |count| pods(count).spread(ZONE);
    let got = zones([spread(5).select(ZONE, Z1), spread(10).select(ZONE, Z2)]);
    table.row("TS-19", got, "zone-1 5, zone-2 10");
    table.row("TS-19", zones([spread(10).need(ZONE, "In", &[Z1, Z2])]), "zone-1 5, zone-2 5");
    let got = zones([spread(6).prefer(1, ZONE, "In", &[Z1, Z2])]);
    table.row("TS-19", got, "zone-1 2, zone-2 2, zone-3 2");

    let mut world = world();
    world.batch([spread(6).need(ZONE, "In", &[Z1, Z2])]);
    table.row("TS-20", world.by(ZONE), "zone-1 3, zone-2 3");
    world.batch([spread(1).need(ZONE, "In", &[Z2, Z3])]);
    table.row("TS-20", world.by(ZONE), "zone-1 3, zone-2 3, zone-3 1");
    world.batch([spread(5)]);
    table.row("TS-20", world.by(ZONE), "zone-1 4, zone-2 4, zone-3 4");
    let spread = |count| pods(count).spread(CAPACITY);
    let mut world = self::world();
    world.batch([spread(3).need(CAPACITY, "In", &["spot"])]);
    world.batch([spread(1).need(CAPACITY, "In", &["spot", "on-demand"])]);
    table.row("TS-20", world.by(CAPACITY), "on-demand 1, spot 3");
    world.batch([spread(5)]);
    table.row("TS-20", world.counts(CAPACITY), "4,5");

    let mut world = self::world();
    let domains = || pods(1).spread_so(json!({"minDomains": 3}));
    world.batch([domains(), domains(), domains()]);
    let volume = super::volumes::zonal("v", Z1);
    world = world.add_all(volume);
    world.batch([domains().volume("v")]);
    table.row("TS-21", world.by(ZONE), "zone-1 2, zone-2 1, zone-3 1");
}

fn quirks(table: &mut Table) {
    let mut world = world();
    let run = world.batch([pods(3).spread(ZONE).select(CAPACITY, "spot")]);
    table.row("TS-22", world.by(ZONE), "zone-1 1, zone-2 1");
    let text = "no instance type had enough resources or had a required offering";
    table.row("TS-22", run.errors(), text);
    table.row("TS-22", run.error().contains("topology.kubernetes.io/zone In [test-zone-3]"), true);

    let two_zones = || World::of([pool().needs(ZONE, "In", &[Z1, Z2])]);
    let first = || pod("2").spread(ZONE).need(CAPACITY, "In", &["spot"]).need(ZONE, "In", &[Z2]);
    let second = || pod("1").spread(ZONE).need(CAPACITY, "In", &["on-demand"]).need(ZONE, "In", &[Z1, Z2]);
    for (batch, zones) in
        [(vec![first(), second()], "zone-1 3, zone-2 1"), (vec![second()], "zone-1 2, zone-2 1")]
    {
        let mut world = two_zones();
        world.batch([pods(2).need(CAPACITY, "In", &["on-demand"]).need(ZONE, "In", &[Z1])]);
        world.batch(batch);
        table.row("TS-23", world.by(ZONE), zones);
    }

    let capacities = &["spot", "on-demand"];
    let relaxed = pod("1").spread(ZONE).or("foo", "In", &["x"]).or(CAPACITY, "In", capacities);
    let plain = pod("1").spread(ZONE).or(CAPACITY, "In", capacities);
    for (last, zones) in [(relaxed, "zone-1 3, zone-2 1"), (plain, "zone-1 2, zone-2 2")] {
        let mut world = two_zones();
        world.batch([pods(1).select(ZONE, Z2)]);
        world.batch([pods(2).cpu("2").select(ZONE, Z1), last]);
        table.row("TS-24", world.by(ZONE), zones);
    }

    let mut world = World::of([pool().needs("team", "NotIn", &["x", "y"])]);
    let run = world.ask([pods(1).spread("team")]);
    table.row(
        "TS-25",
        format!("{} {}", run.said(), run.error().contains("counts = x: 0, y: 0")),
        "error 1 true",
    );
}

/// A cluster whose controller spreads pods over zones by default.
fn by_default(pool: Pool, fields: Value) -> World {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"});
    for (name, value) in fields.as_object().unwrap() {
        constraint[name] = value.clone();
    }
    let mut world = World::of([pool]);
    world.settings.default_spread_constraints = vec![serde_json::from_value(constraint).unwrap()];
    world
}

/// A ReplicaSet of pods with these labels, and some of its pods.
fn replicas(world: &mut World, name: &str, labels: &[(&str, &str)], count: usize) -> Pods {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    world.add(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"selector": {"matchLabels": labels}}}));
    pods(count).set("metadata/labels", json!(labels)).owner("apps/v1", "ReplicaSet", name)
}

fn defaults(table: &mut Table) {
    let web: &[(&str, &str)] = &[("app", "web")];
    for (own, zones) in [(false, "1,1,2"), (true, "4")] {
        let mut world = by_default(pool(), json!({}));
        let mut group = replicas(&mut world, "web", web, 4);
        if own {
            group = group.spread_so(json!({"topologyKey": HOST, "maxSkew": 4}));
        }
        world.batch([group]);
        table.row("DC-01", world.counts(ZONE), zones);
    }
    let mut world = world();
    let group = replicas(&mut world, "web", web, 4);
    world.batch([group]);
    table.row("DC-01", world.counts(ZONE), "4");

    let mut world = by_default(pool(), json!({}));
    world.batch([pods(4)]);
    table.row("DC-02", world.counts(ZONE), "4");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                         "spec": {"selector": {"app": "web"}}});
    let mut world = by_default(pool(), json!({})).add_all([service]);
    world.batch([pods(4).owner("batch/v1", "Job", "job")]);
    table.row("DC-02", world.counts(ZONE), "1,1,2");

    let mut world = by_default(pool(), json!({}));
    let one = replicas(&mut world, "one", &[("app", "web"), ("pod-template-hash", "1")], 3);
    let two = replicas(&mut world, "two", &[("app", "web"), ("pod-template-hash", "2")], 3);
    world.batch([one]);
    table.row("DC-03", world.counts(ZONE), "1,1,1");
    world.batch([two]);
    table.row("DC-03", world.counts(ZONE), "2,2,2");
    let mut world = by_default(pool().needs(ZONE, "In", &[Z1, Z2]), json!({}));
    let group = replicas(&mut world, "web", web, 2);
    world.batch([group.clone().select(ZONE, Z1)]);
    table.row("DC-03", world.by(ZONE), "zone-1 2");
    world.batch([group]);
    table.row("DC-03", world.by(ZONE), "zone-1 2, zone-2 2");

    for (how, zones) in [("DoNotSchedule", "1"), ("ScheduleAnyway", "3")] {
        let fields = json!({"minDomains": 3, "whenUnsatisfiable": how});
        let mut world = by_default(pool().needs(ZONE, "In", &[Z1]), fields);
        let group = replicas(&mut world, "web", web, 3);
        world.batch([group]);
        table.row("DC-04", world.counts(ZONE), zones);
    }
}
