//! NC and NF: the NodeClaim that is created, and features behind a gate.

use karp_core::model::{NodePool, node_pool_hash};
use serde_json::{Value, json};

use super::Table;
use super::objects::{Pool, daemon_set_with, node_terms, pod, pods};
use super::types::{of_type, offered, offering};
use super::world::{POOL, TYPE, World, Z1};

fn pool() -> Pool {
    Pool::named("default")
}

pub(super) fn check(table: &mut Table) {
    created(table);
    hashes(table);
    gated(table);
    overlays(table);
}

fn created(table: &mut Table) {
    let terms = node_terms(&[("karpenter.sh/registered", "In", &["true"])]);
    let mut set = daemon_set_with("d", json!({"cpu": "1"}), "affinity", terms);
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({"karpenter.sh/initialized": "true"});
    for (world, cpu) in [(World::of([pool()]), "1"), (World::of([pool()]).add_all([set]), "2")] {
        let mut world = world;
        let run = world.ask([pod("1")]);
        table.row("NC-01", run.requirement(0, POOL), "In default");
        table.row(
            "NC-01",
            run.requirement(0, TYPE),
            if cpu == "1" {
                "In arm-instance-type default-instance-type gpu-vendor-b-instance-type gpu-vendor-instance-type \
                 single-pod-instance-type small-instance-type"
            } else {
                "In arm-instance-type default-instance-type gpu-vendor-b-instance-type gpu-vendor-instance-type"
            },
        );
        let hidden = ["kubernetes.io/hostname", "karpenter.sh/registered", "karpenter.sh/initialized"];
        table.row("NC-01", hidden.map(|key| run.requirement(0, key)).join(" "), "- - -");
        table.row("NC-01", &run.object(0)["spec"]["resources"]["requests"]["cpu"], json!(cpu));
    }

    let pool = pool()
        .needs("k2", "In", &["v"])
        .needs("k3", "NotIn", &["x"])
        .needs("k4", "Lt", &["4"])
        .needs("k5", "Gt", &["5"])
        .needs("k6", "Exists", &[])
        .needs("k7", "DoesNotExist", &[])
        .needs("node.kubernetes.io/windows-build", "NotIn", &["w"]);
    let labels = World::of([pool]).ask([pods(1)]).object(0)["metadata"]["labels"].clone();
    table.row("NC-02", &labels["k2"], "\"v\"");
    let some = ["k3", "k4", "k5", "k6"].map(|key| labels[key].is_string());
    table.row("NC-02", format!("{some:?}"), "[true, true, true, true]");
    let number = |key: &str| labels[key].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    table.row("NC-02", (0..4).contains(&number("k4")) && number("k5") > 5, true);
    table.row(
        "NC-02",
        format!("{} {}", labels["k7"], labels["node.kubernetes.io/windows-build"]),
        "null null",
    );

    let asking = pod("1").memory("1Mi").request("fake.com/vendor-a", "1");
    let run = World::of([self::pool()]).ask([asking]);
    table.row("NC-03", run.requests(0), r#"{"cpu":"1","fake.com/vendor-a":"1","memory":"1Mi","pods":"1"}"#);

    let graceful = self::pool().set(&["spec", "template", "spec", "terminationGracePeriod"], json!("1h0m0s"));
    for (pool, period) in [(self::pool(), json!(null)), (graceful, json!("1h0m0s"))] {
        let object = World::of([pool]).ask([pods(1)]).object(0);
        table.row("NC-04", &object["spec"]["terminationGracePeriod"], period);
        table.row(
            "NC-04",
            &object["metadata"]["ownerReferences"],
            r#"[{"apiVersion":"karpenter.sh/v1","kind":"NodePool","name":"default","uid":"uid-default","blockOwnerDeletion":true}]"#,
        );
    }
}

fn hashes(table: &mut Table) {
    let class = json!({"kind": "EC2NodeClass", "name": "default", "group": "karpenter.k8s.aws"});
    let spec = |more: Value| {
        let mut template = json!({"spec": {"nodeClassRef": class, "requirements": []}});
        for (part, fields) in more.as_object().unwrap() {
            for (name, value) in fields.as_object().unwrap() {
                template[part][name] = value.clone();
            }
        }
        template
    };
    let taints = |names: [(&str, &str, &str); 2]| {
        let one = |(key, value, effect): (&str, &str, &str)| {
            if value.is_empty() {
                json!({"key": key, "effect": effect})
            } else {
                json!({"key": key, "value": value, "effect": effect})
            }
        };
        json!(names.map(one))
    };
    let full = |taints: Value| {
        spec(json!({
            "metadata": {"labels": {"team": "a"}, "annotations": {"x": "y", "z": "w"}},
            "spec": {"expireAfter": "720h", "taints": taints, "terminationGracePeriod": "1h", "startupTaints":
                [{"key": "node.cilium.io/agent-not-ready", "value": "true", "effect": "NoExecute"}]},
        }))
    };
    let (gpu, spot) = (("dedicated", "gpu", "NoSchedule"), ("spot", "", "PreferNoSchedule"));
    for (template, hash) in [
        (spec(json!({"spec": {"expireAfter": "720h"}})), "6821555240594823858"),
        (spec(json!({"spec": {"expireAfter": "Never"}})), "17369979337536258260"),
        (
            spec(json!({"spec": {"expireAfter": "720h"}, "metadata": {"labels": {"team": "a"}}})),
            "1617844334411263980",
        ),
        (full(taints([gpu, spot])), "3575279660404259511"),
        (full(taints([spot, gpu])), "3575279660404259511"),
    ] {
        let pool: NodePool = serde_json::from_value(json!({"spec": {"template": template}})).unwrap();
        table.row("NC-05", node_pool_hash(&pool), hash);
    }
    // A snapshot holds one state of a NodePool: the hash written is of that one.
    let pool: NodePool = serde_json::from_value(pool().0).unwrap();
    let object = World::of([self::pool()]).ask([pods(1)]).object(0);
    let annotations = &object["metadata"]["annotations"];
    table.row("NC-05", &annotations["karpenter.sh/nodepool-hash"], json!(node_pool_hash(&pool).to_string()));
    table.row("NC-05", &annotations["karpenter.sh/nodepool-hash-version"], json!("v3"));
}

fn gated(table: &mut Table) {
    let claims = json!([{"name": "gpu", "resourceClaimName": "gpu"}]);
    let used = json!([{"name": "c", "resources": {"claims": [{"name": "gpu"}]}}]);
    let refusal = "pod has Dynamic Resource Allocation requirements that are not yet supported by Karpenter";
    let with_claims = |containers: &str| {
        let pod = pods(1).set("spec/resourceClaims", claims.clone());
        pod.set(&format!("spec/{containers}"), used.clone())
    };
    for containers in ["containers", "initContainers"] {
        let run = World::of([pool()]).ask([with_claims(containers)]);
        table.row(
            "NF-01",
            format!("{}, {} events: {}", run.said(), run.events(), run.error()),
            format!("error 1, 1 events: {refusal}"),
        );
    }
    let daemon = daemon_set_with("d", json!({"cpu": "10000"}), "resourceClaims", claims.clone());
    table.row("NF-01", World::of([pool()]).add_all([daemon]).ask([pods(1)]).said(), "new 1 on 1");
    // Device allocation itself is not modelled: the answer says so instead of guessing.
    let mut world = World::of([pool()]);
    world.settings.ignore_dra_requests = false;
    let run = world.ask([with_claims("containers").named("p")]);
    table.row("NF-02", run.place("p").starts_with("not modelled"), true);

    let buffer = json!({
        "apiVersion": "autoscaling.x-k8s.io/v1beta1", "kind": "CapacityBuffer",
        "metadata": {"name": "spare", "namespace": "default", "uid": "b"},
        "spec": {"podTemplateRef": {"name": "t"}, "replicas": 3},
        "status": {"replicas": 3, "podTemplateRef": {"name": "t"},
                   "conditions": [{"type": "ReadyForProvisioning", "status": "True"}]},
    });
    let container = json!({"name": "c", "resources": {"requests": {"cpu": "1"}}});
    let template = json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t", "namespace": "default"},
                          "template": {"spec": {"containers": [container]}}});
    let buffered = |buffer: Value, gate: bool| {
        let mut world = World::of([pool()]).add_all([buffer, template.clone()]);
        world.settings.feature_gates.insert("CapacityBuffer".into(), gate);
        world.ask([pod("1")])
    };
    let run = buffered(buffer.clone(), true);
    let names: Vec<&str> = run.solution.pods.iter().map(|pod| pod.name.as_str()).collect();
    table.row(
        "NF-04",
        format!("{}: {}", run.said(), names.join(" ")),
        "new 4 on 1: capacity-buffer-spare-1 capacity-buffer-spare-2 capacity-buffer-spare-3 p0001",
    );
    table.row("NF-04", buffered(buffer.clone(), false).said(), "new 1 on 1");
    // A buffer that no longer resolves has no pods.
    let mut lost = buffer;
    lost["status"]["conditions"][0]["status"] = json!("False");
    table.row("V10", buffered(lost, true).said(), "new 1 on 1");
}

/// Prices, in the order of launch, of a type that costs 10 under these overlays.
fn priced(overlays: &[(&str, Value)]) -> String {
    let cheap = offered(of_type("one", 4, 4, 5), vec![offering("spot", Z1, 10.0)]);
    let mut world = World::of([pool()]).with(vec![cheap]);
    world.settings.feature_gates.insert("NodeOverlay".into(), true);
    for (name, spec) in overlays {
        let mut spec = spec.clone();
        spec["requirements"] = json!([{"key": TYPE, "operator": "In", "values": ["one"]}]);
        world.add(
            json!({"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": name},
                         "spec": spec, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        );
    }
    let run = world.ask([pods(1)]);
    run.solution.node_claims[0].prices.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn overlays(table: &mut Table) {
    for (spec, price) in [
        (json!({"priceAdjustment": "-10%"}), "9"),
        (json!({"priceAdjustment": "+5"}), "15"),
        (json!({"priceAdjustment": "-200%"}), "0"),
        (json!({"price": "80.0"}), "80"),
    ] {
        table.row("NF-03", priced(&[("a", spec)]), price);
    }
    // Names descending: of equal weight the first in that order stays.
    let (a, b) = (json!({"price": "1"}), json!({"price": "2"}));
    table.row("NF-03", priced(&[("a", a.clone()), ("b", b.clone())]), "2");
    let (mut heavy, light) = (a, b);
    heavy["weight"] = json!(10);
    table.row("NF-03", priced(&[("a", heavy), ("b", light)]), "1");
}
