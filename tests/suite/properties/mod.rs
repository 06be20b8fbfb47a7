//! What holds for every run of the scheduler, whatever the cluster: nothing is overcommitted, hard terms are kept,
//! and neither the order of the input nor the names of instance types change an answer.

mod kept;
mod order;
mod twin;

use proptest::prelude::*;
use serde_json::json;

use crate::conformance::objects::{Pods, Pool, node, pods, put};
use crate::conformance::types::{of_type, offered, offering};
use crate::conformance::world::{CAPACITY, HOST, World, Z1, Z2, Z3, ZONE};

const ZONES: [&str; 3] = [Z1, Z2, Z3];
const APPS: [&str; 3] = ["web", "api", "job"];

/// A pod in few numbers.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    milli_cpu: u32,
    mebibytes: u32,
    app: usize,
    /// Which node terms: 0 none, 1 to 3 a zone by selector, 4 two zones, 5 one of two terms, 6 spot.
    place: u8,
    tolerates: bool,
    /// Which constraint on other pods: 0 none, 1 zone spread, 2 host spread, 3 host anti-affinity,
    /// 4 zone anti-affinity, 5 zone affinity, 6 host affinity, 7 soft zone spread, 8 soft host anti-affinity.
    topology: u8,
    /// The app which that constraint selects.
    other: usize,
    /// Runs already, on one of the nodes.
    bound: Option<usize>,
}

impl Sketch {
    fn pods(&self) -> Pods {
        let mut pod = pods(1)
            .app(APPS[self.app])
            .cpu(&format!("{}m", self.milli_cpu))
            .memory(&format!("{}Mi", self.mebibytes));
        pod = match self.place {
            0 => pod,
            1..=3 => pod.select(ZONE, ZONES[usize::from(self.place) - 1]),
            4 => pod.need(ZONE, "In", &[Z1, Z2]),
            5 => pod.or(ZONE, "In", &["nowhere"]).or(ZONE, "In", &[Z2, Z3]),
            _ => pod.select(CAPACITY, "spot"),
        };
        if self.tolerates {
            pod = pod.tolerate("team", "");
        }
        let other = APPS[self.other];
        let spread = |pod: Pods, key: &str| {
            let selector = json!({"matchLabels": {"app": other}});
            pod.spread_so(json!({"topologyKey": key, "labelSelector": selector}))
        };
        pod = match self.topology {
            0 => pod,
            1 => spread(pod, ZONE),
            2 => spread(pod, HOST),
            3 => pod.apart(HOST, other),
            4 => pod.apart(ZONE, other),
            5 => pod.near(ZONE, other),
            6 => pod.near(HOST, other),
            7 => pod.spread_softly(ZONE),
            _ => pod.preferred("podAntiAffinity", HOST, other),
        };
        match self.bound {
            Some(node) => pod.on(NODES[node].0),
            None => pod,
        }
    }
}

/// Nodes that are there: name, zone, taint.
const NODES: [(&str, &str, bool); 3] = [("n1", Z1, false), ("n2", Z2, false), ("n3", Z2, true)];

pub(crate) fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let bound = prop_oneof![4 => Just(None), 1 => (0..NODES.len()).prop_map(Some)];
    let sketch = (1u32..40, 1u32..40, 0..APPS.len(), 0u8..7, any::<bool>(), 0u8..9, 0..APPS.len(), bound)
        .prop_map(|(cpu, memory, app, place, tolerates, topology, other, bound)| Sketch {
            milli_cpu: cpu * 100,
            mebibytes: memory * 64,
            app,
            place,
            tolerates,
            topology,
            other,
            bound,
        });
    proptest::collection::vec(sketch, 1..24)
}

/// Two NodePools, one of them tainted, nodes with some room, and the pods.
pub(crate) fn world(sketches: &[Sketch]) -> World {
    let mut world = bare();
    world.create(sketches.iter().map(Sketch::pods));
    world
}

fn bare() -> World {
    let pools = [
        Pool::three_capacities("plain").weight(1).limit("cpu", "60"),
        Pool::three_capacities("team").weight(10).taint("team", "", "NoSchedule"),
    ];
    let mut world = World::of(pools).with(types("t"));
    for (name, zone, tainted) in NODES {
        let mut one = node(name, &[(ZONE, zone)]);
        if tainted {
            put(&mut one, "spec/taints", json!([{"key": "team", "effect": "NoSchedule"}]));
        }
        // Bound pods may exceed it: then it takes nothing more.
        let room = json!({"cpu": "4", "memory": "4Gi", "pods": "8"});
        put(&mut one, "status", json!({"capacity": room, "allocatable": room}));
        world.add(one);
    }
    world
}

/// Instance types; only the big ones have spot offerings, and only in two zones.
fn types(prefix: &str) -> Vec<serde_json::Value> {
    [(1, 2), (2, 4), (4, 8), (16, 64)]
        .map(|(cpu, memory)| {
            let price = f64::from(cpu);
            let on_demand = ZONES.map(|zone| offering("on-demand", zone, price));
            let spot = [Z1, Z2].map(|zone| offering("spot", zone, price / 3.0));
            let spot = spot.into_iter().filter(|_| cpu > 1);
            offered(
                of_type(&format!("{prefix}-{cpu}"), cpu, memory, 10),
                on_demand.into_iter().chain(spot).collect(),
            )
        })
        .to_vec()
}
