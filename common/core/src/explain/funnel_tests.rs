//! What the funnel says of small NodePools, without a scheduler: states are made by hand.

use serde_json::{Value, json};

use super::demand::Demand;
use super::funnel::{PoolFunnel, PoolIndex, Rules};
use super::index::ObjectIndex;
use super::why::{WhyContext, whys};
use crate::model::{
    AllowUndefined, LabelProfile, Labels, MinValuesPolicy, NodePool, Pod, Requirement, Requirements, RuleSet,
    Snapshot, label_key,
};
use crate::provider::{CloudProvider, KwokProvider};
use crate::sim::{DaemonGroup, NodePoolState, PoolEligibility, Solution, Synced};

/// Four types: two amd64 sizes, one arm64, all in three zones; no spot in zone c.
pub(super) fn provider() -> KwokProvider {
    let offering = |zone: &str, capacity: &str, price: f64| {
        json!({"Price": price, "Available": true, "Requirements": [
            {"key": label_key::CAPACITY_TYPE, "operator": "In", "values": [capacity]},
            {"key": label_key::ZONE, "operator": "In", "values": [zone]}]})
    };
    let kind = |name: &str, arch: &str, cpu: &str, memory: &str, price: f64| {
        json!({"name": name, "architecture": arch, "operatingSystems": ["linux"],
            "resources": {"cpu": cpu, "memory": memory, "ephemeral-storage": "20Gi", "pods": "110"},
            "offerings": [offering("a", "spot", price / 2.0), offering("b", "spot", price / 2.0),
                offering("a", "on-demand", price), offering("b", "on-demand", price), offering("c", "on-demand", price)]})
    };
    KwokProvider::from_values(vec![
        kind("small-2x", "amd64", "2", "8Gi", 0.1),
        kind("big-16x", "amd64", "16", "64Gi", 0.8),
        kind("arm-8x", "arm64", "8", "32Gi", 0.3),
    ])
    .unwrap()
}

struct World {
    snapshot: Snapshot,
    solution: Solution,
    profile: LabelProfile,
}

/// One NodePool with this spec, this much of its limits used, and one DaemonSet that asks 200m everywhere.
fn world(spec: Value, used_cpu: &str) -> World {
    let provider = provider();
    let profile = provider.labels().clone();
    let pool: NodePool = serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).unwrap();
    let mut requirements = Requirements::from_specs(&pool.spec.template.spec.requirements, &profile);
    requirements.add_all(&Requirements::from_labels(&pool.spec.template.metadata.labels, &profile));
    requirements.add(Requirement::allow(label_key::NODE_POOL, ["p"]));
    let types = provider.types().clone();
    let fits = |at: &usize| {
        let kept = &types[*at];
        kept.requirements.intersects(&requirements).is_ok()
            && kept.offerings.iter().any(|offering| {
                requirements.compatible(&offering.requirements, AllowUndefined::WellKnown(&profile)).is_ok()
            })
    };
    let template_types: Vec<usize> = (0..types.len()).filter(fits).collect();
    let mut limits_after = pool.spec.limits.clone();
    if !limits_after.is_empty() {
        limits_after.subtract(&[("cpu", used_cpu.parse().unwrap())].into_iter().collect());
    }
    let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
    snapshot.objects.daemon_sets = serde_json::from_value(json!([{"metadata": {"name": "agent", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "agent", "resources": {"requests": {"cpu": "200m"}},
            "ports": [{"hostPort": 9100}]}]}}}}]))
    .unwrap();
    let overhead: crate::model::ResourceList =
        [("cpu", "200m".parse().unwrap()), ("pods", "1".parse().unwrap())].into_iter().collect();
    let state = NodePoolState {
        name: "p".into(),
        weight: 0,
        eligibility: if template_types.is_empty() {
            PoolEligibility::FilteredOut { by_min_values: false }
        } else {
            PoolEligibility::Eligible
        },
        requirements,
        labels: Labels::default(),
        taints: pool.spec.template.spec.taints.to_vec(),
        daemon_groups: vec![DaemonGroup {
            types: template_types.clone(),
            overhead: overhead.clone(),
            daemon_sets: vec![("kube-system/agent".to_owned(), overhead)],
        }],
        instance_types: types,
        template_types,
        limits_before: limits_after.clone(),
        limits_after,
    };
    snapshot.objects.node_pools = vec![pool];
    let solution = Solution {
        synced: Synced::Yes,
        pods: Vec::new(),
        node_claims: Vec::new(),
        existing_nodes: Vec::new(),
        node_pools: vec![state],
        topology: Vec::new(),
        choices: Vec::new(),
    };
    World { snapshot, solution, profile }
}

/// `TYPES REQS FIT OFFERS LIMITS MINVALUES STOPPED-BY`, and the why lines.
fn ask(world: &World, pod: Value) -> (String, Vec<String>, PoolFunnel) {
    let pod: Pod =
        serde_json::from_value(json!({"metadata": {"name": "x", "namespace": "default"}, "spec": pod}))
            .unwrap();
    let index = ObjectIndex::new(&world.snapshot);
    let rules =
        Rules { profile: &world.profile, rules: RuleSet::V1_15, min_values_policy: MinValuesPolicy::Strict };
    let pool = PoolIndex::new(&world.solution.node_pools[0], &index, rules);
    let demand = Demand::new(&pod, 0, &index, &world.solution, &world.profile);
    let funnel = pool.funnel(&demand, rules);
    let mut row = vec![funnel.types.to_string()];
    row.extend(funnel.stages.iter().map(|stage| stage.left.map_or("-".to_owned(), |left| left.to_string())));
    row.push(funnel.stopped_by_text());
    let context = WhyContext { index: &index, profile: &world.profile };
    let texts = whys(&pool, &funnel, &demand, context).into_iter().map(|why| why.text).collect();
    (row.join(" "), texts, funnel)
}

fn asks(cpu: &str) -> Value {
    json!([{"name": "main", "resources": {"requests": {"cpu": cpu}}}])
}

#[test]
fn rows_of_the_matrix() {
    let open = || world(json!({"template": {"spec": {}}}), "0");
    let arm = || {
        world(
            json!({"template": {"spec": {"requirements": [
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}}}),
            "0",
        )
    };
    let amd = json!({"kubernetes.io/arch": "amd64"});
    for (name, world, pod, row, why) in [
        ("fits", open(), json!({"containers": asks("1")}), "3 3 3 3 3 3 -", None),
        (
            "one label: it alone stops",
            arm(),
            json!({"containers": asks("1"), "nodeSelector": amd}),
            "1 0 - - - - arch",
            Some("pod nodeSelector arch=amd64, NodePool p has [arm64]"),
        ),
        (
            "two causes are needed together",
            arm(),
            json!({"containers": asks("9"), "nodeSelector": amd}),
            "1 0 - - - - arch+cpu",
            Some("pod nodeSelector arch=amd64, NodePool p has [arm64]"),
        ),
        (
            "three causes",
            world(
                json!({"template": {"spec": {"taints": [{"key": "t", "effect": "NoSchedule"}], "requirements": [
                {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}}}),
                "0",
            ),
            json!({"containers": asks("9"), "nodeSelector": amd}),
            "1 0 - - - - 3 causes",
            None,
        ),
        (
            "a taint leaves the counts standing",
            world(
                json!({"template": {"spec": {"taints": [{"key": "t", "value": "v", "effect": "NoSchedule"}]}}}),
                "0",
            ),
            json!({"containers": asks("1")}),
            "3 3 3 3 3 3 taint",
            Some("pod does not tolerate t=v:NoSchedule"),
        ),
        (
            "the last filter is not the only guilty one",
            world(json!({"limits": {"cpu": "20"}, "template": {"spec": {}}}), "12"),
            json!({"containers": asks("9")}),
            "3 3 1 1 0 - limits/cpu",
            Some("limit cpu 20, in use 12, 8 left; smallest type that fits has 16 (big-16x)"),
        ),
        (
            "resources with DaemonSets, nearest type",
            open(),
            json!({"containers": asks("15800m")}),
            "3 3 0 - - - cpu",
            Some("asks 15800m cpu + 200m of 1 DaemonSet = 16; nearest big-16x has 15900m, short 100m"),
        ),
        (
            "a resource that no type has",
            open(),
            json!({"containers": [{"name": "main", "resources": {"requests": {"nvidia.com/gpu": "4"}}}]}),
            "3 3 0 - - - nvidia.com/gpu",
            Some("asks 4 nvidia.com/gpu, no type of NodePool p has any"),
        ),
        (
            "no offering: either wish may go",
            open(),
            json!({"containers": asks("1"), "nodeSelector": {
                "karpenter.sh/capacity-type": "spot", "topology.kubernetes.io/zone": "c"}}),
            "3 3 3 0 - - capacity-type/zone",
            Some("pod nodeSelector capacity-type=spot, NodePool p has [on-demand spot]"),
        ),
        (
            "a custom label nobody defines",
            open(),
            json!({"containers": asks("1"), "nodeSelector": {"name": "x"}}),
            "3 0 - - - - name",
            Some("pod nodeSelector name=x, NodePool p has no label name"),
        ),
        (
            "a host port of a DaemonSet",
            open(),
            json!({"containers": [{"name": "main", "ports": [{"hostPort": 9100, "containerPort": 80}]}]}),
            "3 3 0 - - - host-port",
            Some(
                "hostPort 9100 (TCP) is taken by daemonset/agent -n kube-system on every node of NodePool p",
            ),
        ),
        (
            "minValues over what is left",
            world(
                json!({"template": {"spec": {"requirements": [
                {"key": "node.kubernetes.io/instance-type", "operator": "Exists", "minValues": 2}]}}}),
                "0",
            ),
            json!({"containers": asks("9")}),
            "3 3 1 1 1 0 minValues/cpu",
            None,
        ),
        (
            "requirements of the NodePool itself leave nothing",
            world(
                json!({"template": {"spec": {"requirements": [
                {"key": "kubernetes.io/arch", "operator": "In", "values": ["s390x"]}]}}}),
                "0",
            ),
            json!({"containers": asks("1")}),
            "0 - - - - - arch",
            Some("its own requirements leave no type: arch In [s390x]"),
        ),
        (
            "a node limit used up",
            world(json!({"limits": {"nodes": "0"}, "template": {"spec": {}}}), "0"),
            json!({"containers": asks("1")}),
            "3 3 3 3 0 - limits",
            Some("limit nodes 0, in use 0, 0 left"),
        ),
    ] {
        let (found, texts, _) = ask(&world, pod);
        assert_eq!(found, row, "{name}: {texts:?}");
        if let Some(why) = why {
            assert_eq!(texts.first().map(String::as_str), Some(why), "{name}");
        }
    }
}

#[test]
fn min_values_is_told_with_both_numbers() {
    let world = world(
        json!({"template": {"spec": {"requirements": [
        {"key": "node.kubernetes.io/instance-type", "operator": "Exists", "minValues": 2}]}}}),
        "0",
    );
    let (_, texts, funnel) = ask(&world, json!({"containers": asks("9")}));
    assert!(texts.contains(
        &"minValues 2 of node.kubernetes.io/instance-type, only 1 type can take the pod".to_owned()
    ));
    assert_eq!(funnel.values_left["node.kubernetes.io/instance-type"], 1);
}

/// WITHOUT counts types left when only that stage is taken away.
#[test]
fn without_counts_are_independent_of_the_order() {
    let world = world(json!({"limits": {"cpu": "20"}, "template": {"spec": {}}}), "12");
    let pod = json!({"containers": asks("9"), "nodeSelector": {"kubernetes.io/arch": "amd64"}});
    let (_, _, funnel) = ask(&world, pod);
    let without: Vec<usize> = funnel.stages.iter().map(|stage| stage.without).collect();
    assert_eq!(without, [0, 1, 0, 1, 0]);
}
