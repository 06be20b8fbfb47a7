//! RV: capacity reservations. Types large, medium and small; a unit of each reservation is there once.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pool, pods};
use super::types::{of_type, reserved};
use super::world::{CAPACITY, HOST, POOL, TYPE, World, ZONE};

const ID: &str = "karpenter.kwok.sh/reservation-id";

/// A type with these reservations beside its other offerings, all of them in the first zone.
pub(super) fn with_reservations(name: &str, cpu: u32, reservations: &[(&str, u32)]) -> Value {
    let mut one = of_type(name, cpu, cpu, 5);
    for (id, count) in reservations {
        one["offerings"].as_array_mut().unwrap().push(reserved(id, *count, f64::from(cpu) / 1e6));
    }
    one
}

fn apart(count: usize) -> super::objects::Pods {
    pods(count).cpu("1").apart(HOST, "web")
}

/// What a batch launched, and how it went.
fn step(world: &mut World, groups: Vec<super::objects::Pods>) -> String {
    let before: Vec<String> = names(world);
    let run = world.batch(groups);
    let new: Vec<String> = world
        .of_kind("Node")
        .filter(|node| !before.iter().any(|name| node["metadata"]["name"] == name.as_str()))
        .map(|node| {
            let label = |key: &str| node["metadata"]["labels"][key].as_str().unwrap_or_default().to_owned();
            let reserved = if label(CAPACITY) == "reserved" { "reserved" } else { "other" };
            format!("{} {reserved}", label(TYPE))
        })
        .collect();
    format!("{}: {}", run.said(), new.join(", "))
}

fn names(world: &World) -> Vec<String> {
    world.of_kind("Node").map(|node| node["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

pub(super) fn check(table: &mut Table) {
    let pool = || Pool::three_capacities("default");
    let types = vec![
        with_reservations("large", 6, &[]),
        with_reservations("medium", 3, &[("r-medium", 1)]),
        with_reservations("small", 2, &[("r-small", 1)]),
    ];
    let mut world = World::of([pool()]).with(types);
    table.row("RV-01", step(&mut world, vec![pods(3).cpu("1.8")]), "new 1 on 1, deferred 2: small reserved");
    table.row("RV-01", step(&mut world, vec![]), "new 1 on 1, deferred 1: medium reserved");
    table.row("RV-01", step(&mut world, vec![]), "new 1 on 1: small other");

    let small = |reservations: &[(&str, u32)]| vec![with_reservations("small", 2, reservations)];
    let of_pool = |name: &str| apart(1).select(POOL, name);
    let mut sharing =
        World::of([Pool::three_capacities("a"), Pool::three_capacities("b")]).with(small(&[("r", 1)]));
    let run = sharing.ask([of_pool("a"), of_pool("b")]);
    table.row(
        "RV-02",
        format!("{}, {} events", run.said(), run.events()),
        "new 1 on 1, deferred 1, 0 events",
    );
    let own = |name: &str, id: &str| Pool::three_capacities(name).needs(ID, "In", &[id]);
    let mut distinct = World::of([own("a", "r1"), own("b", "r2")]).with(small(&[("r1", 1), ("r2", 1)]));
    table.row("RV-02", distinct.ask([of_pool("a"), of_pool("b")]).said(), "new 2 on 2");

    let mut world = World::of([pool()]).with(small(&[("r1", 1), ("r2", 2)]));
    let four: Vec<String> = [apart(4), apart(0), apart(0)].map(|pods| step(&mut world, vec![pods])).to_vec();
    table.row(
        "RV-03",
        four.join(" / "),
        "new 2 on 2, deferred 2: small reserved, small reserved / new 1 on 1, deferred 1: small reserved / \
         new 1 on 1: small other",
    );

    for prefers in [false, true] {
        let weight = |pool: Pool, weight| if prefers { pool } else { pool.weight(weight) };
        let pools = [weight(own("np-1", "r1"), 100), weight(own("np-2", "r2"), 50)];
        let mut world = World::of(pools).with(small(&[("r1", 1), ("r2", 1)]));
        let pods = || if prefers { apart(2).prefer(1, POOL, "In", &["np-1"]) } else { apart(2) };
        table.row("RV-04", step(&mut world, vec![pods()]), "new 1 on 1, deferred 1: small reserved");
        table.row("RV-04", step(&mut world, vec![]), "new 1 on 1: small other");
        let pools: Vec<&Value> =
            world.of_kind("Node").map(|node| &node["metadata"]["labels"][POOL]).collect();
        table.row("RV-04", json!(pools), r#"["np-1","np-1"]"#);
    }

    let mut world = World::of([pool()]).with(small(&[("r", 1)]));
    let run =
        world.ask([pods(2).cpu("0.5").select(CAPACITY, "reserved").select(TYPE, "small").near(ZONE, "web")]);
    table.row("RV-05", run.said(), "new 2 on 1");
    table.row(
        "RV-05",
        format!("{}, {}", run.requirement(0, CAPACITY), run.requirement(0, ID)),
        "In reserved, In r",
    );
}
