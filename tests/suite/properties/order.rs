//! Equal input gives equal output, in whatever order it comes and whatever instance types are called.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Sketch, sketches, types, world};
use crate::conformance::run::Run;

/// Everything of an answer but where in the input a pod stood.
fn text(run: &mut Run) -> String {
    for pod in &mut run.solution.pods {
        pod.pod_index = None;
    }
    format!("{:#?}", run.solution)
}

/// Pods with their outcomes, and the objects that would be created.
fn answer(run: &Run) -> String {
    let pods: Vec<String> = run
        .solution
        .pods
        .iter()
        .map(|pod| format!("{} {:?} {:?}", pod.name, pod.outcome, pod.event))
        .collect();
    let claims: Vec<Value> = run
        .solution
        .node_claims
        .iter()
        .map(|claim| json!([claim.object, claim.instance_types, claim.prices, claim.pods]))
        .collect();
    format!("{}\n{}", pods.join("\n"), json!(claims))
}

fn renamed(sketches: &[Sketch], prefix: &str) -> Run {
    world(sketches).with(types(prefix)).solve()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_input_gives_the_same_bytes(sketches in sketches()) {
        let world = world(&sketches);
        prop_assert_eq!(text(&mut world.solve()), text(&mut world.solve()));
    }

    #[test]
    fn the_order_of_objects_changes_nothing(sketches in sketches(), order in any::<u64>()) {
        let world = world(&sketches);
        let mut shuffled: Vec<(u64, Value)> = world.items().into_iter().enumerate().map(|(at, item)| {
            let at = at as u64 + 1;
            (order.wrapping_mul(at * at + 0x9e37_79b9).rotate_left(17).wrapping_mul(at | 1), item)
        }).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled = shuffled.into_iter().map(|(_, item)| item).collect();
        prop_assert_eq!(text(&mut world.solve()), text(&mut world.solve_in_order(shuffled)));
    }

    /// `zz` keeps the order in which the names stand, among each other and in the list.
    #[test]
    fn names_of_instance_types_are_only_names(sketches in sketches()) {
        let other = answer(&renamed(&sketches, "zz")).replace("\"zz-", "\"t-");
        prop_assert_eq!(answer(&renamed(&sketches, "t")), other);
    }
}
