//! What holds for every run, whatever the input: nothing is overcommitted, hard terms and taints are kept, equal
//! input gives equal output in whatever order it comes.

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Outcome, Solution, SolveOptions, solve};
use crate::model::{
    AllowUndefined, Condition, LabelSelector, NodeClaimSpec, NodePool, Pod, PodAffinity, PodAffinityTerm,
    Quantity, Requirements, ResourceList, Snapshot, Taint, Toleration, TopologySpreadConstraint,
    tolerates_all,
};
use crate::provider::{CloudProvider, KwokProvider};

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// A pod in few numbers.
#[derive(Debug, Clone)]
struct Sketch {
    milli_cpu: i64,
    mebibytes: i64,
    app: u8,
    /// 0 = any zone.
    zone: u8,
    tolerates: bool,
    /// 0 none, 1 zone spread, 2 host spread, 3 host anti-affinity, 4 zone affinity, 5 soft zone spread.
    topology: u8,
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let sketch = (1i64..40, 1i64..40, 0u8..3, 0u8..5, any::<bool>(), 0u8..6).prop_map(
        |(cpu, memory, app, zone, tolerates, topology)| Sketch {
            milli_cpu: cpu * 100,
            mebibytes: memory * 128,
            app,
            zone,
            tolerates,
            topology,
        },
    );
    proptest::collection::vec(sketch, 1..40)
}

fn provider() -> KwokProvider {
    let types: Vec<serde_json::Value> = [(1, 2), (2, 4), (4, 8), (16, 64)]
        .into_iter()
        .map(|(cpu, memory)| {
            let offerings: Vec<serde_json::Value> = ["a", "b", "c"]
                .into_iter()
                .flat_map(|zone| ["spot", "on-demand"].map(|capacity_type| (zone, capacity_type)))
                .map(|(zone, capacity_type)| {
                    serde_json::json!({
                        "Price": f64::from(cpu) * if capacity_type == "spot" { 0.03 } else { 0.1 },
                        "Available": true,
                        "Requirements": [
                            {"key": ZONE, "operator": "In", "values": [zone]},
                            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": [capacity_type]},
                        ],
                    })
                })
                .collect();
            serde_json::json!({
                "name": format!("t-{cpu}"),
                "architecture": "amd64",
                "operatingSystems": ["linux"],
                "resources": {"cpu": cpu.to_string(), "memory": format!("{memory}Gi"), "pods": "10"},
                "offerings": offerings,
            })
        })
        .collect();
    KwokProvider::from_values(types).unwrap()
}

fn pool(name: &str, weight: i32, tainted: bool) -> NodePool {
    let mut pool = NodePool::default();
    pool.metadata.name = name.into();
    pool.spec.weight = Some(weight);
    pool.spec.limits = [("cpu", Quantity::from_units(60))].into_iter().collect();
    let taint = Taint { key: "team".into(), effect: "NoSchedule".into(), value: None, time_added: None };
    let mut spec =
        NodeClaimSpec { taints: tainted.then_some(taint).into_iter().collect(), ..Default::default() };
    spec.node_class_ref.group = "karpenter.kwok.sh".into();
    spec.node_class_ref.kind = "KWOKNodeClass".into();
    spec.node_class_ref.name = "default".into();
    pool.spec.template.spec = spec;
    pool.status.conditions = ["ValidationSucceeded", "NodeClassReady", "Ready"]
        .map(|kind| Condition { kind: kind.into(), status: "True".into(), ..Condition::default() })
        .to_vec();
    pool
}

fn pod(number: usize, sketch: &Sketch) -> Pod {
    let mut pod = Pod::default();
    let app = format!("app-{}", sketch.app);
    pod.metadata_mut().name = format!("p{number:02}").into();
    pod.metadata_mut().namespace = "default".into();
    pod.metadata_mut().uid = format!("uid-{number:02}").into();
    pod.metadata_mut().labels = [("app", app.as_str())].into_iter().collect();
    pod.status_mut().conditions = vec![Condition {
        kind: "PodScheduled".into(),
        status: "False".into(),
        reason: Some("Unschedulable".into()),
        ..Condition::default()
    }];
    let requests: ResourceList = [
        ("cpu", Quantity::from_milli(sketch.milli_cpu)),
        ("memory", Quantity::from_bytes(sketch.mebibytes << 20)),
    ]
    .into_iter()
    .collect();
    let selector =
        Some(LabelSelector { match_labels: pod.metadata.labels.clone(), match_expressions: Vec::new() });
    let spec = std::sync::Arc::make_mut(&mut pod.spec);
    spec.containers = vec![crate::model::Container {
        resources: crate::model::ResourceRequirements { requests, ..Default::default() },
        ..Default::default()
    }];
    if (1..=3).contains(&sketch.zone) {
        let zone = ["a", "b", "c"][usize::from(sketch.zone) - 1];
        spec.node_selector = [(ZONE, zone)].into_iter().collect();
    }
    if sketch.tolerates {
        spec.tolerations = vec![Toleration {
            key: Some("team".into()),
            operator: Some("Exists".into()),
            ..Toleration::default()
        }];
    }
    let spread = |key: &str, when: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: key.into(),
        when_unsatisfiable: when.into(),
        label_selector: selector.clone(),
        ..TopologySpreadConstraint::default()
    };
    let term = |key: &str| PodAffinity {
        required: vec![PodAffinityTerm {
            label_selector: selector.clone(),
            topology_key: key.into(),
            ..PodAffinityTerm::default()
        }],
        preferred: Vec::new(),
    };
    match sketch.topology {
        1 => spec.topology_spread_constraints = vec![spread(ZONE, "DoNotSchedule")],
        2 => spec.topology_spread_constraints = vec![spread(HOST, "DoNotSchedule")],
        3 => spec.affinity.get_or_insert_default().pod_anti_affinity = Some(term(HOST)),
        4 => spec.affinity.get_or_insert_default().pod_affinity = Some(term(ZONE)),
        5 => spec.topology_spread_constraints = vec![spread(ZONE, "ScheduleAnyway")],
        _ => {}
    }
    pod
}

fn snapshot(sketches: &[Sketch]) -> Snapshot {
    let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH);
    snapshot.objects.node_pools = vec![pool("plain", 1, false), pool("reserved-for-team", 10, true)];
    snapshot.objects.pods = sketches.iter().enumerate().map(|(number, sketch)| pod(number, sketch)).collect();
    snapshot
}

fn run(snapshot: &Snapshot) -> Solution {
    solve(snapshot, &provider(), &SolveOptions::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_node_is_overcommitted(sketches in sketches()) {
        let provider = provider();
        let solution = run(&snapshot(&sketches));
        for claim in &solution.node_claims {
            prop_assert!(!claim.instance_types.is_empty());
            for name in claim.instance_types.iter() {
                let of_type = provider.types().iter().find(|of_type| of_type.name == *name).unwrap();
                prop_assert!(claim.object.spec.resources.requests.fits(&of_type.allocatable()), "{name}");
            }
        }
    }

    #[test]
    fn taints_required_terms_and_host_anti_affinity_are_kept(sketches in sketches()) {
        let input = snapshot(&sketches);
        let (provider, solution) = (provider(), run(&input));
        let profile = provider.labels();
        for claim in &solution.node_claims {
            let pods: Vec<&Pod> =
                claim.pods.iter().map(|at| &input.objects.pods[solution.pods[*at].pod_index.unwrap()]).collect();
            for pod in &pods {
                prop_assert!(tolerates_all(&claim.object.spec.taints, &pod.spec.tolerations));
                let wanted = Requirements::from_labels(&pod.spec.node_selector, profile);
                let fits = claim.requirements.compatible(&wanted, AllowUndefined::WellKnown(profile));
                prop_assert!(fits.is_ok());
            }
            let alone = |pod: &&&Pod| {
                pod.spec.affinity.as_ref().is_some_and(|affinity| affinity.pod_anti_affinity.is_some())
            };
            for owner in pods.iter().filter(alone) {
                let same = pods.iter().filter(|pod| pod.metadata.labels == owner.metadata.labels);
                prop_assert_eq!(same.count(), 1);
            }
        }
    }

    /// The counts kept on the way beside a recount of where everything went. Without node selectors, so that every
    /// node counts (nodeAffinityPolicy honours them).
    #[test]
    fn counts_of_hosts_are_those_of_a_recount(sketches in sketches()) {
        let anywhere: Vec<Sketch> = sketches.into_iter().map(|sketch| Sketch { zone: 0, ..sketch }).collect();
        let input = snapshot(&anywhere);
        let solution = run(&input);
        for constraint in solution.topology.iter().filter(|constraint| constraint.key == HOST && !constraint.inverse) {
            let selector = constraint.selector.as_ref().unwrap();
            let selected = |at: &&usize| {
                selector.matches(&input.objects.pods[solution.pods[**at].pod_index.unwrap()].metadata.labels)
            };
            let mut recounted: Vec<i64> = solution
                .node_claims
                .iter()
                .map(|claim| claim.pods.iter().filter(selected).count() as i64)
                .filter(|count| *count > 0)
                .collect();
            let mut counted: Vec<i64> =
                constraint.domains.values().copied().filter(|count| *count > 0).collect();
            recounted.sort_unstable();
            counted.sort_unstable();
            prop_assert_eq!(counted, recounted);
        }
    }

    #[test]
    fn every_pod_is_decided_once_and_claims_know_their_pods(sketches in sketches()) {
        let solution = run(&snapshot(&sketches));
        prop_assert_eq!(solution.pods.len(), sketches.len());
        for (at, pod) in solution.pods.iter().enumerate() {
            let holders = solution.node_claims.iter().filter(|claim| claim.pods.contains(&at)).count();
            prop_assert_eq!(holders, usize::from(matches!(pod.outcome, Outcome::New { .. })));
        }
    }

    #[test]
    fn order_of_input_changes_nothing(sketches in sketches()) {
        let mut input = snapshot(&sketches);
        let before = format!("{:?}", run(&input));
        prop_assert_eq!(&before, &format!("{:?}", run(&input)), "the same input twice");
        input.objects.pods.reverse();
        input.objects.node_pools.reverse();
        let mut after = run(&input);
        let last = sketches.len() - 1;
        for pod in &mut after.pods {
            pod.pod_index = pod.pod_index.map(|at| last - at);
        }
        prop_assert_eq!(before, format!("{after:?}"));
    }
}

#[test]
fn an_empty_cluster_is_no_problem() {
    let solution = run(&Snapshot::empty(Timestamp::UNIX_EPOCH));
    assert!(solution.pods.is_empty() && solution.node_claims.is_empty());
}
