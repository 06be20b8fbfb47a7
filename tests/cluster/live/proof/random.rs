//! Composite scenarios from a seed: the same seed gives the same objects.

use serde_json::{Value, json};

use super::scenario::{Phase, Scenario};

const ZONES: [&str; 4] = ["test-zone-a", "test-zone-b", "test-zone-c", "test-zone-d"];
const ZONE: &str = "topology.kubernetes.io/zone";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The scenario of a seed: 1-3 NodePools, 0-2 nodes of a node group, 0-1 DaemonSets, 2-6 Deployments.
pub(crate) fn scenario(seed: u64) -> Scenario {
    let mut dice = Dice(seed);
    let mut surroundings = Vec::new();
    for number in 0..1 + dice.below(3) {
        surroundings.push(node_pool(&mut dice, number));
    }
    for number in 0..dice.below(3) {
        surroundings.push(tainted_node(&mut dice, number));
    }
    if dice.one_in(2) {
        surroundings.push(daemon_set(&mut dice));
    }
    let workloads: Vec<Value> = (0..2 + dice.below(5)).map(|number| deployment(&mut dice, number)).collect();
    Scenario {
        name: format!("random-{seed:02}"),
        environment: super::scenario::patience(),
        is_ready: true,
        is_in_flight: false,
        before: Phase::default(),
        batch: Phase { surroundings: list(surroundings), workloads: list(workloads) },
    }
}

fn list(items: Vec<Value>) -> String {
    if items.is_empty() {
        String::new()
    } else {
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }
}

fn node_pool(dice: &mut Dice, number: u64) -> Value {
    let mut requirements = vec![json!({"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]})];
    let mut require = |key: &str, operator: &str, values: &[&str]| {
        requirements.push(json!({"key": key, "operator": operator, "values": values}));
    };
    match dice.below(3) {
        0 => require("kubernetes.io/arch", "In", &["amd64"]),
        1 => require("kubernetes.io/arch", "In", &["amd64", "arm64"]),
        _ => {}
    }
    match dice.below(3) {
        0 => require("karpenter.sh/capacity-type", "In", &["spot"]),
        1 => require("karpenter.sh/capacity-type", "In", &["on-demand"]),
        _ => {}
    }
    match dice.below(3) {
        0 => require(ZONE, "In", &ZONES[..2]),
        1 => require(ZONE, "NotIn", &ZONES[3..]),
        _ => {}
    }
    match dice.below(3) {
        0 => require("karpenter.kwok.sh/instance-family", "In", &["c", "m"]),
        1 => require("karpenter.kwok.sh/instance-cpu", "Lt", &["17"]),
        _ => {}
    }
    let mut pool = json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": format!("pool-{number}")},
        "spec": {"template": {
            "metadata": {"labels": {"example.com/pool": format!("p{number}")}},
            "spec": {
                "requirements": requirements,
                "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            },
        }},
    });
    if dice.one_in(2) {
        pool["spec"]["weight"] = json!(1 + dice.below(100));
    }
    if dice.one_in(3) {
        pool["spec"]["limits"] = json!({"cpu": (4 + 4 * dice.below(6)).to_string()});
    }
    if dice.one_in(3) {
        pool["spec"]["template"]["spec"]["taints"] =
            json!([{"key": "example.com/dedicated", "value": "batch", "effect": "NoSchedule"}]);
    }
    pool
}

fn tainted_node(dice: &mut Dice, number: u64) -> Value {
    let name = format!("group-{number}");
    let resources = json!({"cpu": "4", "memory": "16Gi", "pods": "110"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", HOSTNAME: name,
                ZONE: dice.pick(&ZONES),
            },
        },
        "spec": {"taints": [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]},
        "status": {"capacity": resources, "allocatable": resources},
    })
}

fn daemon_set(dice: &mut Dice) -> Value {
    let tolerations = if dice.one_in(2) { json!([{"operator": "Exists"}]) } else { json!([]) };
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"tolerations": tolerations, "containers": [container("200m", "128Mi")]},
            },
        },
    })
}

fn deployment(dice: &mut Dice, number: u64) -> Value {
    let app = format!("app-{number}");
    let cpu = dice.pick(&["100m", "250m", "500m", "1", "1500m", "3"]);
    let memory = dice.pick(&["128Mi", "512Mi", "1Gi", "3Gi"]);
    let mut spec = json!({"containers": [container(cpu, memory)]});
    match dice.below(7) {
        0 => spec["nodeSelector"] = json!({ZONE: dice.pick(&ZONES)}),
        1 => spec["nodeSelector"] = json!({"kubernetes.io/arch": dice.pick(&["amd64", "arm64"])}),
        2 => spec["nodeSelector"] = json!({"karpenter.sh/capacity-type": dice.pick(&["spot", "on-demand"])}),
        3 => spec["nodeSelector"] = json!({"example.com/pool": format!("p{}", dice.below(4))}),
        _ => {}
    }
    if dice.one_in(2) {
        spec["tolerations"] = json!([{"key": "example.com/dedicated", "operator": "Exists"}]);
    }
    let selector = json!({"matchLabels": {"app": app}});
    match dice.below(7) {
        0 => spec["topologySpreadConstraints"] = json!([spread(ZONE, "DoNotSchedule", &selector)]),
        1 => spec["topologySpreadConstraints"] = json!([spread(HOSTNAME, "DoNotSchedule", &selector)]),
        2 => spec["topologySpreadConstraints"] = json!([spread(ZONE, "ScheduleAnyway", &selector)]),
        3 => spec["affinity"] = inter_pod("podAntiAffinity", HOSTNAME, &selector),
        4 => spec["affinity"] = inter_pod("podAffinity", ZONE, &selector),
        _ => {}
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app, "namespace": "default"},
        "spec": {
            "replicas": 1 + dice.below(4),
            "selector": selector,
            "template": {"metadata": {"labels": {"app": app}}, "spec": spec},
        },
    })
}

fn container(cpu: &str, memory: &str) -> Value {
    json!({"name": "app", "image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

fn spread(key: &str, when: &str, selector: &Value) -> Value {
    json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector})
}

fn inter_pod(kind: &str, key: &str, selector: &Value) -> Value {
    json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, "labelSelector": selector}]}})
}

/// SplitMix64: small, even, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn pick<'a>(&mut self, faces: &[&'a str]) -> &'a str {
        let position = usize::try_from(self.below(faces.len() as u64)).unwrap_or(0);
        faces[position]
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}
