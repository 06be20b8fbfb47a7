//! AF: pods that keep together, and pods that keep apart.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pods, Pool, node, pod, pods};
use super::world::{ARCH, HOST, World, Z1, Z2, Z3, ZONE};

fn pool() -> Pool {
    Pool::any_capacity("default")
}

fn world() -> World {
    World::of([pool()])
}

/// How each batch went, on one cluster.
fn batches(mut world: World, steps: impl IntoIterator<Item = Vec<Pods>>) -> String {
    steps.into_iter().map(|step| world.batch(step).said()).collect::<Vec<_>>().join(" / ")
}

pub(super) fn check(table: &mut Table) {
    together(table);
    softly(table);
    apart(table);
    followers(table);
    namespaces(table);
    quirks(table);
}

fn together(table: &mut Table) {
    for cpu in ["0.1", "2"] {
        let crowd = pods(9).cpu("1").app("crowd").apart(HOST, "crowd").apart(HOST, "db");
        let target = pod("1").app("db").apart(HOST, "crowd").named("target");
        let run = world().ask([crowd, target, pod(cpu).near(HOST, "db").named("follower")]);
        table.row("AF-01", run.said(), "new 11 on 10");
        table.row("AF-01", run.place("follower"), run.place("target"));
    }
    let chain = |order: [&str; 4]| {
        let link = |app: &str, to: &str| pod("0.1").app(app).near(HOST, to);
        [pod("0.1").app("db"), link("web", "db"), link("cache", "web"), link("ui", "cache")]
            .into_iter()
            .zip(order)
            .map(|(pods, cpu)| pods.cpu(cpu))
            .collect::<Vec<_>>()
    };
    for order in [["0.4", "0.3", "0.2", "0.1"], ["0.1", "0.2", "0.3", "0.4"], ["0.2", "0.4", "0.1", "0.3"]] {
        table.row("AF-01", world().ask(chain(order)).said(), "new 4 on 1");
    }

    let arm = || pod("1").select(ARCH, "arm64").spread(HOST);
    for (follower, archs) in [
        (pod("0.5").spread(HOST).near(ARCH, "web"), "arm64 2"),
        (pod("0.5").spread(HOST).apart(ARCH, "web"), "amd64 1, arm64 1"),
    ] {
        let mut world = world();
        let run = world.batch([arm(), follower]);
        table.row("AF-02", format!("{}: {}", run.said(), world.by(ARCH)), format!("new 2 on 2: {archs}"));
    }

    let own = |count| vec![pods(count).near(HOST, "web")];
    table.row("AF-03", world().ask(own(3)).said(), "new 3 on 1");
    table.row("AF-03", batches(world(), [own(10)]), "new 5 on 1, error 5");
    let mut full = world();
    full.batch(own(10));
    full.delete("Pod", |pod| pod["spec"]["nodeName"].is_null());
    table.row("AF-03", full.batch(own(10)).said(), "error 10");

    let mut elsewhere = world();
    elsewhere.batch([pods(1).near(HOST, "web").select(ZONE, Z1)]);
    let run = elsewhere.batch([pods(10).near(HOST, "web").need(ZONE, "In", &[Z2, Z3])]);
    table.row("AF-04", run.said(), "error 10");

    table.row("AF-05", world().ask([pods(3).near(ZONE, "web")]).said(), "new 3 on 1");
    let pinned = [pods(1).near(ZONE, "web").select(ZONE, Z2), pods(1).near(ZONE, "web").select(ZONE, Z3)];
    table.row("AF-05", world().ask(pinned).said(), "new 2 on 2");
    let one = || vec![pods(1).near(ZONE, "web")];
    table.row("AF-05", batches(world(), [one(), one()]), "new 1 on 1 / existing 1");
}

fn softly(table: &mut Table) {
    table.row("AF-06", world().ask([pods(1).preferred("podAffinity", HOST, "nobody")]).said(), "new 1 on 1");
    let both = pods(1).near(ZONE, "web").preferred("podAntiAffinity", ZONE, "web");
    table.row(
        "AF-06",
        batches(world(), [vec![pods(1).near(ZONE, "web")], vec![both]]),
        "new 1 on 1 / existing 1",
    );
    let against = pods(3).spread(HOST).preferred("podAffinity", HOST, "web");
    table.row("AF-06", world().ask([against]).said(), "new 3 on 3");
}

fn apart(table: &mut Table) {
    for (a, b) in [("1", "0.5"), ("0.5", "1")] {
        let run = world().ask([pod(a).app("a"), pod(b).apart(HOST, "a")]);
        table.row("AF-07", run.said(), "new 2 on 2");
    }

    let zones = [Z1, Z2, Z3];
    let pinned = || zones.map(|zone| pod("2").select(ZONE, zone)).to_vec();
    let hermit = || pod("1").app("hermit").apart(ZONE, "web");
    let counts = "counts = test-zone-1: 1, test-zone-2: 1, test-zone-3: 1";
    for others in [pinned(), vec![pod("2")]] {
        let run = world().ask(others.into_iter().chain([hermit()]));
        let hermit = run
            .solution
            .pods
            .iter()
            .map(|pod| run.place(&pod.name))
            .find(|place| place.contains("unsatisfiable"));
        table.row("AF-08", hermit.is_some_and(|text| text.contains(counts)), true);
    }

    let hermits = |hard: bool| {
        zones
            .map(|zone| {
                let one = pod("2").app("hermit").select(ZONE, zone);
                if hard { one.apart(ZONE, "web") } else { one.preferred("podAntiAffinity", ZONE, "web") }
            })
            .to_vec()
    };
    for (hard, place) in [(true, "new 3 on 3, error 1"), (false, "new 4 on 3")] {
        let run = world().ask(hermits(hard).into_iter().chain([pod("1")]));
        table.row("AF-09", run.said(), place);
    }
    table.row("AF-09", batches(world(), [hermits(true), vec![pod("1")]]), "new 3 on 3 / error 1");
    table.row("AF-09", batches(world(), [hermits(false), vec![pod("1")]]), "new 3 on 3 / existing 1");

    let mut world = world();
    table.row(
        "AF-10",
        world.batch([pod("2").app("hermit").apart(ZONE, "web"), pod("1")]).said(),
        "new 1 on 1, error 1",
    );
    table.row("AF-10", world.batch([]).said(), "new 1 on 1");
    let zones: std::collections::BTreeSet<String> =
        world.of_kind("Node").map(|node| node["metadata"]["labels"][ZONE].to_string()).collect();
    table.row("AF-10", zones.len(), 2);

    let own = || vec![pods(3).apart(ZONE, "web")];
    let mut world = self::world();
    let mut said = Vec::new();
    for _ in 0..4 {
        let run = world.batch(own());
        said.push(format!("{} of {}", run.solution.node_claims.len(), world.counts(ZONE)));
        world.delete("Pod", |pod| pod["spec"]["nodeName"].is_null());
    }
    table.row("AF-11", said.join(" / "), "1 of 1 / 1 of 1,1 / 1 of 1,1,1 / 0 of 1,1,1");
}

fn followers(table: &mut Table) {
    let ten = || pods(10).cpu("0.1").near(ZONE, "target");
    table.row("AF-12", world().ask([ten()]).said(), "error 10");
    let target = || pod("1").app("target").label("also", "counted");
    table.row(
        "AF-12",
        batches(world(), [vec![target(), ten()], vec![]]),
        "new 1 on 1, error 10 / new 6 on 2, existing 4",
    );
    let mut world = world();
    let run = world.batch([target().select(ZONE, Z2), ten()]);
    table.row("AF-12", format!("{} {}", run.said(), world.by(ZONE)), "new 11 on 3 zone-2 10");
}

fn namespaces(table: &mut Table) {
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let term = |extra: Value| {
        let mut term = json!({"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "db"}}});
        for (name, value) in extra.as_object().unwrap() {
            term[name] = value.clone();
        }
        json!([term])
    };
    let path = "spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    for (extra, said) in [
        (json!({}), "new 1 on 1, error 1"),
        (json!({"namespaces": ["other"]}), "new 2 on 1"),
        (json!({"namespaceSelector": {}}), "new 2 on 1"),
    ] {
        let mut world = world().add_all([namespace("default"), namespace("other")]);
        let db = pods(1).app("db").set("metadata/namespace", json!("other"));
        table.row("AF-13", world.ask([db, pods(1).set(path, term(extra))]).said(), said);
    }
}

fn quirks(table: &mut Table) {
    let run = world().ask([
        pods(1).app("owner").apart("unknown", "web").named("owner"),
        pods(2),
        pods(1).app("other").named("other"),
    ]);
    table.row("AF-14", format!("{}; {}", run.said(), run.place("other")), "new 1 on 1, error 3; new 0");

    for (order, said) in [([false, true], "new 1 on 1, error 1"), ([true, false], "new 2 on 2")] {
        let pools = [
            Pool::any_capacity("a-open").label("fl", "foo"),
            Pool::any_capacity("b-tainted").label("fl", "bar").taint("t", "", "NoSchedule"),
        ];
        let one = |tolerates: bool| {
            let one = pods(1).apart("fl", "web");
            if tolerates { one.tolerate("t", "") } else { one }
        };
        table.row("AF-15", World::of(pools).ask(order.map(one)).said(), said);
    }

    let mut world = world().add_all([node("far", &[(ZONE, "other-zone")]), node("near", &[(ZONE, Z1)])]);
    world.create([pod("16").app("guard").apart(ZONE, "web").on("near")]);
    table.row("AF-16", world.ask([pods(1)]).said(), "new 1 on 1");
    let mut unguarded = self::world().add_all([node("far", &[(ZONE, "other-zone")])]);
    table.row("AF-16", unguarded.ask([pods(1)]).said(), "existing 1");
}
