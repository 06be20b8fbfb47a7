//! RE: what a pod asks for, and what a type has.

use serde_json::{Value, json};

use super::Table;
use super::objects::{Pods, Pool, pod, pods};
use super::types::{of_type, offering, six};
use super::world::{TYPE, World, Z1};

fn world() -> World {
    let more = [(10, 4), (11, 5), (12, 6)].map(|(cpu, memory)| of_type(&format!("it-{cpu}"), cpu, memory, 5));
    World::of([Pool::named("default")]).with(six().into_iter().chain(more).collect())
}

fn container(name: &str, cpu: &str, memory: &str) -> Value {
    json!({"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

fn sidecar(cpu: &str, memory: &str) -> Value {
    let mut one = container("sidecar", cpu, memory);
    one["restartPolicy"] = json!("Always");
    one
}

fn built(init: Vec<Value>, main: Value) -> Pods {
    pods(1).set("spec/initContainers", json!(init)).set("spec/containers", json!([main]))
}

fn launched(pod: Pods) -> String {
    let mut world = world();
    let run = world.batch([pod]);
    let types = world.by(TYPE);
    if types.is_empty() { run.said() } else { types }
}

pub(super) fn check(table: &mut Table) {
    let init = |cpu: &str, memory: &str| container("init", cpu, memory);
    for pod in [
        built(vec![init("10", "4Gi"), sidecar("4.9", "2.9Gi")], container("c", "6", "2Gi")),
        built(vec![sidecar("4.9", "2.9Gi"), init("5", "1Gi")], container("c", "6", "2Gi")),
        built(vec![sidecar("4.9", "2.9Gi"), init("6", "2Gi")], container("c", "5", "1Gi")),
    ] {
        let run = world().ask([pod.clone()]);
        let requests = &run.solution.node_claims[0].object.spec.resources.requests;
        let rounded = |resource: &str| (requests.amount(resource).as_f64() * 10.0).round() / 10.0;
        let gibibytes = (requests.amount("memory").as_f64() / f64::from(1u32 << 30) * 10.0).round() / 10.0;
        table.row("RE-01", format!("{} {gibibytes}", rounded("cpu")), "10.9 4.9");
        table.row("RE-01", launched(pod), "it-11 1");
    }

    let whole = pods(1)
        .set("spec/containers", json!([container("a", "8", "3Gi"), container("b", "8", "3Gi")]))
        .set("spec/resources", json!({"requests": {"cpu": "9.9", "memory": "3.9Gi"}}));
    table.row("RE-02", launched(whole), "it-10 1");

    let start = |cpu: &str, memory: &str| built(vec![init(cpu, memory)], container("c", "1", "1Gi"));
    table.row("RE-03", launched(start("2", "1Gi")), "default-instance-type 1");
    table.row("RE-03", launched(start("1", "1Ti")), "error 1");
    table.row(
        "RE-03",
        launched(pod("1").set("spec/overhead", json!({"cpu": "2"}))),
        "default-instance-type 1",
    );

    let resized = |condition: Option<Value>| {
        let status = json!([{"name": "c", "allocatedResources": {"cpu": "6"}, "resources": {"requests": {"cpu": "3"}}}]);
        let mut pod = pod("8").set("status/containerStatuses", status);
        if let Some(condition) = condition {
            pod.object["status"]["conditions"].as_array_mut().unwrap().push(condition);
        }
        pod
    };
    let requests = |pod: Pods| world().ask([pod]).requests(0);
    table.row("RE-04", requests(resized(None).cpu("2")), r#"{"cpu":"6","pods":"1"}"#);
    let infeasible = json!({"type": "PodResizePending", "status": "True", "reason": "Infeasible"});
    table.row("RE-04", requests(resized(Some(infeasible))), r#"{"cpu":"6","pods":"1"}"#);
    table.row("RE-04", requests(resized(None)), r#"{"cpu":"8","pods":"1"}"#);

    let mut huge = of_type("huge", 4, 20, 5);
    huge["resources"]["hugepages-2Mi"] = json!("15Gi");
    huge["overhead"] = json!({"kubeReserved": {"memory": "1Gi"}});
    for (memory, said) in [("4Gi", "new 1 on 1"), ("4.1Gi", "error 1")] {
        let run = World::of([Pool::named("default")]).with(vec![huge.clone()]).ask([pods(1).memory(memory)]);
        table.row("RE-05", run.said(), said);
    }
    for (available, went) in [(true, "special"), (false, "error 1")] {
        let mut special = of_type("special", 4, 4, 5);
        let mut slots = offering("on-demand", Z1, 1.0);
        slots["CapacityOverride"] = json!({"test.com/extended-slots": "4"});
        slots["Available"] = json!(available);
        special["offerings"].as_array_mut().unwrap().push(slots);
        let types = vec![of_type("plain", 4, 4, 5), special];
        let pod = pods(1).request("test.com/extended-slots", "2");
        let run = World::of([Pool::named("default")]).with(types).ask([pod]);
        let got = if run.solution.node_claims.is_empty() { run.said() } else { run.types(0) };
        table.row("RE-05", got, went);
    }
}
