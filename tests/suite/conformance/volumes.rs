//! VO: volumes that bind pods to zones, or fill a node.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pods, Pool, node, pods};
use super::types::fakes;
use super::world::{ARCH, HOST, TYPE, World, Z1, Z2, Z3, ZONE};

fn world() -> World {
    World::of([Pool::three_capacities("default")])
}

/// A StorageClass; zones = where its volumes may be.
fn class(name: &str, provisioner: &str, zones: &[&str]) -> Value {
    let mut class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer"});
    if !zones.is_empty() {
        class["allowedTopologies"] = json!([{"matchLabelExpressions": [{"key": ZONE, "values": zones}]}]);
    }
    class
}

fn claim(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
           "metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

/// A bound claim and its volume, which may be on nodes of these terms (each a list of expressions).
fn bound(name: &str, source: Value, terms: Value) -> [Value; 2] {
    let mut claim = claim(name, json!({"volumeName": name}));
    claim["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
    let terms: Vec<Value> =
        terms.as_array().unwrap().iter().map(|term| json!({"matchExpressions": term})).collect();
    let mut spec = source;
    spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": terms}});
    [claim, json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})]
}

fn within(key: &str, values: &[&str]) -> Value {
    json!({"key": key, "operator": "In", "values": values})
}

fn csi() -> Value {
    json!({"csi": {"driver": "fake.csi"}})
}

/// A bound claim whose volume is in one zone.
pub(super) fn zonal(name: &str, zone: &str) -> [Value; 2] {
    bound(name, csi(), json!([[within(ZONE, &[zone])]]))
}

/// A node with 16 cpus that attaches so many volumes of a driver.
fn attaching(driver: &str, count: usize) -> [Value; 2] {
    let drivers = json!([{"name": driver, "nodeID": "n", "allocatable": {"count": count}}]);
    let csi_node = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n"},
                          "spec": {"drivers": drivers}});
    [node("n", &[(ZONE, Z1)]), csi_node]
}

fn zones(mut world: World, batch: Vec<Pods>) -> String {
    let run = world.batch(batch);
    let zones = world.by(ZONE);
    if zones.is_empty() { run.said() } else { zones }
}

pub(super) fn check(table: &mut Table) {
    limits(table);
    topology(table);
    dropped(table);
}

fn limits(table: &mut Table) {
    let waiting = |name: &str| claim(name, json!({"storageClassName": "c"}));
    let mut world = world().add_all(attaching("fake.csi", 10)).add_all([class("c", "fake.csi", &[])]);
    for at in 0..12 {
        world.add(waiting(&format!("v{at}")));
    }
    let pairs = (0..6).map(|at| pods(1).volume(&format!("v{}", 2 * at)).volume(&format!("v{}", 2 * at + 1)));
    table.row("VO-01", world.ask(pairs).said(), "new 1 on 1, existing 5");
    let mut shared =
        self::world().add_all(attaching("fake.csi", 1)).add_all([class("c", "fake.csi", &[]), waiting("v")]);
    table.row("VO-01", shared.ask([pods(100).volume("v")]).said(), "existing 100");
    let mut nfs = self::world().add_all(attaching("fake.csi", 1));
    for at in 0..6 {
        let source = json!({"nfs": {"server": "s", "path": "/"}});
        nfs = nfs.add_all(bound(&format!("v{at}"), source, json!([])));
    }
    let each = (0..6).map(|at| pods(1).volume(&format!("v{at}")));
    table.row("VO-01", nfs.ask(each).said(), "existing 6");

    for translated in [true, false] {
        let mut world = self::world().add_all(attaching("ebs.csi.aws.com", 1));
        for name in ["v0", "v1"] {
            world = if translated {
                world.add_all([class("c", "kubernetes.io/aws-ebs", &[]), waiting(name)])
            } else {
                world.add_all(bound(name, json!({"awsElasticBlockStore": {"volumeID": "v"}}), json!([])))
            };
        }
        let run = world.ask([pods(1).volume("v0"), pods(1).volume("v1")]);
        table.row("VO-07", run.said(), "new 1 on 1, existing 1");
    }
}

fn topology(table: &mut Table) {
    let in_class =
        || world().add_all([class("c", "fake.csi", &[Z2, Z3]), claim("v", json!({"storageClassName": "c"}))]);
    let pod = |zones: &[&str]| pods(1).volume("v").need(ZONE, "In", zones);
    table.row("VO-02", zones(in_class(), vec![pod(&[Z1, Z3])]), "zone-3 1");
    table.row("VO-02", zones(in_class(), vec![pod(&[Z1])]), "error 1");
    let template =
        json!({"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "c"}}}});
    let ephemeral = pods(1).named("p").set("spec/volumes", json!([template])).need(ZONE, "In", &[Z1, Z3]);
    let made = claim("p-data", json!({"storageClassName": "c"}));
    table.row("VO-02", zones(in_class().add_all([made]), vec![ephemeral]), "zone-3 1");
    let bound_in_z3 = || world().add_all(zonal("v", Z3));
    table.row("VO-02", zones(bound_in_z3(), vec![pods(1).volume("v")]), "zone-3 1");
    let or = pods(1).volume("v").or(ZONE, "In", &[Z1]).or(ARCH, "In", &["amd64"]);
    table.row("VO-02", zones(bound_in_z3(), vec![or]), "zone-3 1");

    let either = json!([[within(ZONE, &[Z1])], [within(ZONE, &[Z2])]]);
    let world_of_two =
        ["a", "b"].iter().fold(world(), |world, name| world.add_all(bound(name, csi(), either.clone())));
    let apart = ["a", "b"].map(|name| pods(1).volume(name).apart(ZONE, "web"));
    table.row("VO-03", zones(world_of_two, apart.to_vec()), "zone-1 1, zone-2 1");

    let terms = json!([[within(HOST, &["gone"])], [within(ZONE, &["invalid"])]]);
    for (source, said) in [
        (json!({"local": {"path": "/"}}), "new 1 on 1"),
        (json!({"hostPath": {"path": "/"}}), "new 1 on 1"),
        (csi(), "error 1"),
    ] {
        let run = world().add_all(bound("v", source, terms.clone())).ask([pods(1).volume("v")]);
        table.row("VO-04", run.said(), said);
    }

    let special = |value: &str| within("special", &[value]);
    let first = json!([[special("required")], [special("optional")]]);
    let second =
        json!([[within(ZONE, &[Z1]), special("optional")], [within(ZONE, &[Z2]), special("required")]]);
    let mut world =
        world().with(fakes(5)).add_all(bound("a", csi(), first)).add_all(bound("b", csi(), second));
    let run = world.batch([pods(1).volume("a").volume("b")]);
    table.row(
        "VO-05",
        format!("{}; {}; {}", run.said(), world.by(ZONE), world.by(TYPE)),
        "new 1 on 1; zone-1 1; fake-it-4 1",
    );
    table.row("VO-05", run.requirement(0, "special"), "In optional");
}

fn dropped(table: &mut Table) {
    for class in [json!(""), Value::Null, json!("missing")] {
        let [mut bound, volume] = zonal("v", Z1);
        bound["spec"]["storageClassName"] = class.clone();
        let run = world().add_all([bound, volume]).ask([pods(1).volume("v")]);
        table.row("VO-06", run.said(), "new 1 on 1");
        let unbound = claim("v", json!({"storageClassName": class}));
        table.row("VO-06", world().add_all([unbound]).ask([pods(1).volume("v")]).said(), "ignored 1");
    }

    let waiting = || claim("v", json!({"storageClassName": "c"}));
    let deleting = json!("2026-08-20T11:59:00Z");
    let with = |mut item: Value, path: &str, value: Value| {
        super::objects::put(&mut item, path, value);
        item
    };
    let [bound, volume] = zonal("v", Z1);
    let mut unannotated = bound.clone();
    unannotated["metadata"].as_object_mut().unwrap().remove("annotations");
    for (items, words) in [
        (
            vec![with(class("c", "fake.csi", &[]), "volumeBindingMode", json!("Immediate")), waiting()],
            "immediate volume binding mode",
        ),
        (
            vec![with(bound.clone(), "metadata/deletionTimestamp", deleting.clone()), volume.clone()],
            "persistentvolumeclaim is being deleted",
        ),
        (
            vec![with(bound.clone(), "status/phase", json!("Lost")), volume.clone()],
            "bound to non-existent persistentvolume",
        ),
        (
            vec![bound.clone(), with(volume.clone(), "metadata/deletionTimestamp", deleting)],
            "persistentvolume is being deleted",
        ),
        (vec![unannotated, volume], "pvc is considered unbound because it does not contain annotation"),
        (vec![class("c", "refused.csi", &[]), waiting()], "provisioner is not supported"),
    ] {
        let mut world = world().add_all(items);
        world.unsupported_provisioner = Some("refused.csi");
        let run = world.ask([pods(1).volume("v")]);
        table.row("VO-06", format!("{} {}", run.said(), run.error().contains(words)), "ignored 1 true");
    }
    let mut world = world().add_all([class("c", "fake.csi", &[Z1]), waiting()]);
    world.unsupported_topology_key = Some(ZONE);
    let words = "storage class uses unsupported topology key";
    table.row("VO-06", world.ask([pods(1).volume("v")]).error().contains(words), true);
}
