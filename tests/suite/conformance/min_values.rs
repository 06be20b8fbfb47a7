//! MV: minValues. Instance types stand in one spot zone; two pods of 0.9 cpu that share a node only if it is big.

use karp_core::model::MinValuesPolicy;
use serde_json::{Value, json};

use super::Table;
use super::objects::{Pods, Pool, pods};
use super::types::{labelled, of_type, offered, offering};
use super::world::{ARCH, TYPE, World, Z1, Z2, Z3, ZONE};

const UNMET_TYPE: &str =
    "minValues requirement is not met for label(s) (label(s)=[node.kubernetes.io/instance-type])";

fn two() -> Pods {
    pods(2).cpu("0.9").memory("0.9Gi")
}

fn small(name: &str, size: u32) -> Value {
    offered(of_type(name, size, size, 5), vec![offering("spot", Z1, f64::from(size))])
}

/// Types 1, 2, 3 of generations 2, 3, 4.
fn generations() -> Vec<Value> {
    vec![
        labelled(small("1", 1), "gen", "2"),
        labelled(small("2", 1), "gen", "3"),
        labelled(small("3", 4), "gen", "4"),
    ]
}

fn pool() -> Pool {
    Pool::three_capacities("default")
}

/// One batch of two pods: how they went, and the types of the first NodeClaim.
fn went(pool: Pool, types: Vec<Value>) -> String {
    let run = World::of([pool]).with(types).ask([two()]);
    if run.solution.node_claims.is_empty() { run.said() } else { format!("{}: {}", run.said(), run.types(0)) }
}

pub(super) fn check(table: &mut Table) {
    let both = || vec![small("it1", 1), small("it2", 4)];
    table.row("MV-01", went(pool().needs_least(TYPE, "Exists", &[], Some(2)), both()), "new 2 on 2: it1 it2");
    let mut of_arms = both();
    of_arms[1]["architecture"] = json!("arm64");
    table.row(
        "MV-01",
        went(pool().needs_least(ARCH, "Exists", &[], Some(2)), of_arms),
        "new 2 on 2: it1 it2",
    );

    table.row(
        "MV-02",
        went(pool().needs_least("gen", "Gt", &["2"], Some(2)), generations()),
        "new 2 on 2: 2 3",
    );
    table.row(
        "MV-02",
        went(pool().needs_least("gen", "Lt", &["4"], Some(2)), generations()),
        "new 2 on 2: 1 2",
    );

    let two_types = || vec![labelled(small("1", 1), "gen", "2"), labelled(small("3", 4), "gen", "3")];
    let mut world = World::of([pool().needs_least("gen", "Exists", &[], Some(2))]).with(two_types());
    let run = world.ask([two().need("gen", "Gt", &["2"])]);
    table.row("MV-03", run.errors(), "minValues requirement is not met for label(s) (label(s)=[gen])");

    for (key, a, b, written) in [
        (TYPE, ("In", &["it1", "it2", "it3"][..]), ("NotIn", &["it3"][..]), "In it1 it2 minValues 2"),
        (TYPE, ("Exists", &[]), ("In", &["it1", "it2"]), "In it1 it2 minValues 2"),
        ("gen", ("Gt", &["0"]), ("Lt", &["9"]), "Gte 1 minValues 2, Lte 8 minValues 2"),
    ] {
        let pool = pool().needs_least(key, a.0, a.1, Some(1)).needs_least(key, b.0, b.1, Some(2));
        let types = vec![labelled(small("it1", 1), "gen", "1"), labelled(small("it2", 4), "gen", "2")];
        let run = World::of([pool]).with(types).ask([two()]);
        table.row(
            "MV-04",
            format!("{}: {}", run.said(), run.requirement(0, key)),
            format!("new 2 on 2: {written}"),
        );
    }

    let ten = || (0..10).map(|at| small(&format!("it{at}"), 4)).collect::<Vec<_>>();
    let run = World::of([pool().needs_least(TYPE, "Exists", &[], Some(11))]).with(ten()).ask([two()]);
    table.row("MV-05", run.errors(), "nodepool requirements filtered out all available instance types");
    let mut world = World::of([pool().needs_least(TYPE, "Exists", &[], Some(2))]).with(ten());
    world.settings.max_instance_types = 1;
    let run = world.ask([two()]);
    table.row("MV-05", run.said(), "error 2");
    table.row(
        "MV-05",
        run.errors(),
        format!(
            "pod didn\u{2019}t schedule because NodePool couldn\u{2019}t meet minValues requirements, \
             validating minValues, {UNMET_TYPE} (NodePool=default)"
        ),
    );

    let three = || World::of([pool().needs_least(TYPE, "Exists", &[], Some(3))]).with(both());
    table.row("MV-06", three().ask([two()]).said(), "error 2");
    let mut lowered = three();
    lowered.settings.min_values_policy = MinValuesPolicy::BestEffort;
    let run = lowered.ask([two()]);
    table.row("MV-06", run.requirement(0, TYPE), "In it1 it2 minValues 2");
    let relaxed = &run.object(0)["metadata"]["annotations"]["karpenter.sh/nodeclaim-min-values-relaxed"];
    table.row("MV-06", relaxed, "\"true\"");

    let demanding = Pool::three_capacities("demanding").weight(100).needs_least(TYPE, "Exists", &[], Some(3));
    let mut world = World::of([demanding, Pool::three_capacities("easy").weight(10)]).with(both());
    world.settings.min_values_policy = MinValuesPolicy::BestEffort;
    let run = world.ask([pods(1)]);
    table.row("MV-07", run.pools(), "demanding");

    let pinned = || {
        let pool = pool().needs_least(ZONE, "Exists", &[], Some(3));
        let offerings = [Z1, Z2, Z3].map(|zone| offering("spot", zone, 1.0)).to_vec();
        World::of([pool]).with(vec![offered(of_type("it1", 4, 4, 5), offerings)])
    };
    let run = pinned().before().ask([pods(1).select(ZONE, Z1)]);
    table.row("MV-08", run.requirement(0, ZONE), format!("In {Z1} minValues 3"));
    let run = pinned().ask([pods(1).select(ZONE, Z1)]);
    let text = "minValues requirement is not met for label(s) (label(s)=[topology.kubernetes.io/zone])";
    table.row("MV-08", run.errors(), text);
    table.row("V4", run.errors(), text);
    // A spread commits to one zone as well.
    table.row("V4", pinned().ask([pods(1).spread(ZONE)]).errors(), text);
    let mut lowered = pinned();
    lowered.settings.min_values_policy = MinValuesPolicy::BestEffort;
    let run = lowered.ask([pods(1).select(ZONE, Z1)]);
    table.row("V4", run.requirement(0, ZONE), format!("In {Z1} minValues 1"));
}
