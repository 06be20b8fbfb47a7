//! LB: labels that pods ask for.

use super::Table;
use super::objects::{Pool, pods};
use super::world::{ARCH, CAPACITY, OS, TYPE, World, Z1, Z2, Z3, ZONE};

pub(super) fn check(table: &mut Table) {
    let plain = || World::of([Pool::three_capacities("default")]);
    for (operator, values, said) in [
        ("In", &["v"][..], "error 1"),
        ("Exists", &[], "error 1"),
        ("NotIn", &["v"], "new 1 on 1"),
        ("DoesNotExist", &[], "new 1 on 1"),
    ] {
        table.row("LB-01", plain().ask([pods(1).need("unknown", operator, values)]).said(), said);
    }

    let labelled = || World::of([Pool::three_capacities("default").label("k", "v")]);
    for (operator, values, error) in [
        ("In", &["v"][..], ""),
        ("Exists", &[], ""),
        ("NotIn", &["w"], ""),
        ("In", &["w"], "incompatible requirements, key k, k In [w] not in k In [v]"),
        ("NotIn", &["v"], "incompatible requirements, key k, k NotIn [v] not in k In [v]"),
        ("DoesNotExist", &[], "incompatible requirements, key k, k DoesNotExist not in k In [v]"),
    ] {
        table.row("LB-02", labelled().ask([pods(1).need("k", operator, values)]).errors(), error);
    }

    let either = || World::of([Pool::three_capacities("default").needs("k", "In", &["v", "w"])]);
    for (a, b, said) in [
        (pods(1).need("k", "In", &["v"]), pods(1).need("k", "NotIn", &["w"]), "new 2 on 1: v 2"),
        (pods(1).need("k", "In", &["v"]), pods(1).need("k", "In", &["w"]), "new 2 on 2: v 1, w 1"),
        (pods(1).need("k", "In", &["v"]), pods(1).need("k", "Exists", &[]), "new 2 on 1: v 2"),
    ] {
        let mut world = either();
        let run = world.batch([a, b]);
        table.row("LB-03", format!("{}: {}", run.said(), world.by("k")), said);
    }

    for (operator, bound, launched) in [
        ("Gt", "8", "arm-instance-type 1"),
        ("Lt", "8", "small-instance-type 1"),
        ("Gte", "16", "arm-instance-type 1"),
        ("Lte", "2", "small-instance-type 1"),
    ] {
        let mut world = World::of([Pool::three_capacities("default").needs("integer", operator, &[bound])]);
        world.batch([pods(1)]);
        table.row("LB-04", world.by(TYPE), launched);
    }

    for zone in [Z3, "unknown"] {
        let mut world = World::of([Pool::three_capacities("default").needs(ZONE, "In", &[Z1, Z2])]);
        table.row("LB-05", world.ask([pods(1).select(ZONE, zone)]).said(), "error 1");
    }
    let mut world = plain();
    world.batch([pods(1)
        .select(ZONE, Z2)
        .need(TYPE, "In", &["default-instance-type", "arm-instance-type"])
        .need(ARCH, "In", &["amd64", "arm64"])
        .need(OS, "In", &["linux"])
        .prefer(2, CAPACITY, "In", &["on-demand"])]);
    let labels = [ZONE, TYPE, ARCH, OS, CAPACITY].map(|key| world.by(key)).join("; ");
    table.row("LB-05", labels, "zone-2 1; default-instance-type 1; amd64 1; linux 1; on-demand 1");
}
