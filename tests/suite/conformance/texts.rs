//! ER: the words of a refusal.

use serde_json::json;

use super::Table;
use super::objects::{Pool, daemon_set_with, pod, pods};
use super::types;
use super::world::{ARCH, CAPACITY, TYPE, World, Z3, ZONE};

const NOTHING: &str =
    "no instance type met the scheduling requirements or had enough resources or had a required offering";
const TOO_SMALL: &str = "no instance type has enough resources";
const NOT_BOTH: &str = "no instance type met the scheduling requirements or had enough resources";

fn world() -> World {
    World::of([Pool::three_capacities("default")])
}

pub(super) fn check(table: &mut Table) {
    for (line, pod, text) in [
        ("ER-01", pods(1).memory("2Ti"), TOO_SMALL),
        ("ER-01", pods(1).request("fake.com/vendor-a", "1").request("fake.com/vendor-b", "1"), TOO_SMALL),
        ("ER-02", pods(1).select(ZONE, "invalid"), NOTHING),
        ("ER-02", pods(1).select(TYPE, "unknown"), "no instance type met all requirements"),
        (
            "ER-03",
            pods(1).select(CAPACITY, "spot").select(ZONE, Z3),
            "no instance type had enough resources or had a required offering",
        ),
        (
            "ER-04",
            pod("10").select(ARCH, "amd64"),
            "no instance type which had enough resources and the required offering met the scheduling requirements",
        ),
        ("ER-04", pod("100").select(ARCH, "x"), NOT_BOTH),
        (
            "ER-07",
            pods(1).need("foo", "Exists", &[]),
            "incompatible requirements, label \"foo\" does not have known values",
        ),
    ] {
        table.row(line, world().ask([pod]).errors(), text);
    }

    let sold_out = || {
        let mut types = types::six();
        for offering in types[4]["offerings"].as_array_mut().unwrap() {
            offering["Available"] = json!(false);
        }
        world().with(types)
    };
    table.row("ER-05", sold_out().ask([pod("10")]).errors(), TOO_SMALL);
    table.row("ER-05", sold_out().ask([pod("10").select(ARCH, "arm64")]).errors(), NOT_BOTH);

    let run = world().ask([pod("1M")]);
    table.row("ER-06", run.errors(), TOO_SMALL);
    let end = r#"resources={"cpu":"1M","pods":"1"} (CPU request >= 1 Million, m vs M typo?)"#;
    table.row("ER-06", run.error().ends_with(end), true);

    let tainted = || World::of([Pool::three_capacities("default").taint("foo", "bar", "NoSchedule")]);
    table.row("ER-07", tainted().ask([pods(1)]).error(), "did not tolerate taint (taint=foo=bar:NoSchedule)");
    let text = "incompatible requirements, label \"foo\" does not have known values";
    let mut two = World::of([Pool::three_capacities("a"), Pool::three_capacities("b")]);
    table.row("ER-07", two.ask([pods(1).need("foo", "Exists", &[])]).error(), format!("{text}; {text}"));

    let daemon = |size: &str, cpu: &str| {
        daemon_set_with(size, json!({"cpu": cpu}), "nodeSelector", json!({"size": size}))
    };
    let run = world().add_all([daemon("small", "1"), daemon("large", "10")]).ask([pod("50")]);
    table.row("ER-08", run.errors(), TOO_SMALL);
    let end = r#"resources=min={"cpu":"51","pods":"2"}, max={"cpu":"60","pods":"2"}"#;
    table.row("ER-08", run.error().ends_with(end), true);

    let containers =
        json!([{"name": "c", "ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}]);
    let everywhere = daemon_set_with("proxy", json!({}), "containers", containers);
    let run = world().add_all([everywhere]).ask([pods(1).host_port(80)]);
    table.row("ER-09", run.errors(), NOTHING);
}
