//! Nothing is overcommitted, and every hard term is kept.

use std::collections::{BTreeMap, BTreeSet};

use karp_core::model::{
    AllowUndefined, Labels, NodeSelectorTerm, Pod, PodAffinityTerm, Requirement, RequirementSpec,
    Requirements, ResourceList, Taint, pod_requests, tolerates_all,
};
use karp_core::provider::CloudProvider;
use karp_core::sim::Outcome;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

use super::{NODES, ZONES, bare, sketches, world};
use crate::conformance::objects::pods;
use crate::conformance::run::Run;
use crate::conformance::world::{HOST, World, ZONE};

/// A node after the run, new or not.
struct Place<'a> {
    labels: Requirements,
    is_new: bool,
    taints: &'a [Taint],
    /// Those that were there before.
    before: Vec<&'a Pod>,
    placed: Vec<&'a Pod>,
}

impl Place<'_> {
    fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.before.iter().chain(&self.placed).copied()
    }

    /// Values it may still have for a key.
    fn values(&self, key: &str) -> BTreeSet<String> {
        let all: BTreeSet<String> = ZONES.iter().map(ToString::to_string).collect();
        match self.labels.get(key) {
            Some(one) if !one.complement => one.values.iter().map(ToString::to_string).collect(),
            Some(one) => all.into_iter().filter(|value| one.has(value)).collect(),
            None => all,
        }
    }
}

fn places<'a>(world: &World, run: &'a Run) -> BTreeMap<String, Place<'a>> {
    let input = &run.snapshot.objects.pods;
    let of = |positions: &[usize]| -> Vec<&'a Pod> {
        positions.iter().filter_map(|at| run.solution.pods[*at].pod_index).map(|at| &input[at]).collect()
    };
    let mut places = BTreeMap::new();
    for (position, claim) in run.solution.node_claims.iter().enumerate() {
        let mut labels = Requirements::clone(&claim.requirements);
        labels.add(Requirement::allow(HOST, [format!("new-{position}")]));
        let place = Place {
            labels,
            is_new: true,
            taints: &claim.object.spec.taints,
            before: Vec::new(),
            placed: of(&claim.pods),
        };
        places.insert(format!("new-{position}"), place);
    }
    let provider = world.provider();
    for node in &run.solution.existing_nodes {
        let before = input.iter().filter(|pod| pod.node_name.as_ref() == Some(&node.name)).collect();
        let labels: Labels = node.labels().clone();
        let place = Place {
            labels: Requirements::from_labels(&labels, provider.labels()),
            is_new: false,
            taints: &node.taints,
            before,
            placed: of(&node.pods),
        };
        places.insert(node.name.to_string(), place);
    }
    places
}

fn total<'a>(pods: impl Iterator<Item = &'a Pod>) -> ResourceList {
    let mut total = ResourceList::new();
    for pod in pods {
        total.add(&pod_requests(pod));
    }
    total
}

fn expressions(term: &NodeSelectorTerm) -> Vec<RequirementSpec> {
    let one = |expression: &karp_core::model::SelectorExpression| RequirementSpec {
        key: expression.key.clone(),
        operator: expression.operator.clone(),
        values: expression.values.to_vec(),
        min_values: None,
    };
    term.match_expressions.iter().map(one).collect()
}

fn selects(term: &PodAffinityTerm, pod: &Pod) -> bool {
    let selector = term.label_selector.as_ref().unwrap();
    selector.match_labels.iter().all(|(key, value)| pod.metadata.labels.get(key) == Some(value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_node_is_overcommitted(sketches in sketches()) {
        let world = world(&sketches);
        let run = world.solve();
        for claim in &run.solution.node_claims {
            let placed = claim.pods.iter().filter_map(|at| run.solution.pods[*at].pod_index);
            let asked = total(placed.map(|at| &run.snapshot.objects.pods[at]));
            prop_assert_eq!(asked.json_text(), claim.object.spec.resources.requests.json_text());
            prop_assert!(!claim.instance_types.is_empty());
            for name in claim.instance_types.iter() {
                let provider = world.provider();
                let of_type = provider.kwok.types().iter().find(|one| one.name == *name).unwrap();
                prop_assert!(asked.fits(&of_type.allocatable()), "{name}");
            }
        }
        for (name, place) in places(&world, &run).iter().filter(|(_, place)| !place.is_new) {
            let node = run.snapshot.objects.nodes.iter().find(|node| node.metadata.name == name.as_str()).unwrap();
            let all = total(place.pods());
            prop_assert!(place.placed.is_empty() || all.fits(&node.status.allocatable), "{name}: {}", all.json_text());
        }
    }

    #[test]
    fn taints_and_node_terms_are_kept(sketches in sketches()) {
        let world = world(&sketches);
        let run = world.solve();
        let provider = world.provider();
        for (name, place) in places(&world, &run) {
            let open = if place.is_new { AllowUndefined::WellKnown(provider.labels()) } else { AllowUndefined::Nothing };
            for pod in &place.placed {
                prop_assert!(tolerates_all(place.taints, &pod.spec.tolerations), "{name}");
                let selector = Requirements::from_labels(&pod.spec.node_selector, provider.labels());
                prop_assert!(place.labels.compatible(&selector, open).is_ok(), "{name}");
                let terms = pod.spec.affinity.as_ref().and_then(|all| all.node_affinity.as_ref()?.required.as_ref());
                let holds = terms.is_none_or(|terms| terms.node_selector_terms.iter().any(|term| {
                    let wanted = Requirements::from_specs(&expressions(term), provider.labels());
                    place.labels.compatible(&wanted, open).is_ok()
                }));
                prop_assert!(holds, "{name}");
            }
        }
    }

    #[test]
    fn pods_keep_apart_and_together_where_they_must(sketches in sketches()) {
        let world = world(&sketches);
        let run = world.solve();
        let places = places(&world, &run);
        for (name, place) in &places {
            for owner in &place.placed {
                let Some(affinity) = &owner.spec.affinity else { continue };
                for term in affinity.pod_anti_affinity.iter().flat_map(|all| &all.required) {
                    let mine = place.values(&term.topology_key);
                    for (other, there) in &places {
                        let overlaps = !mine.is_disjoint(&there.values(&term.topology_key));
                        let selected = there.pods().find(|pod| {
                            pod.metadata.name != owner.metadata.name && selects(term, pod)
                        });
                        prop_assert!(!(overlaps && selected.is_some()), "{} on {name}, {other}", owner.metadata.name);
                    }
                }
                for term in affinity.pod_affinity.iter().flat_map(|all| &all.required) {
                    let mine = place.values(&term.topology_key);
                    let together = places.values().any(|there| {
                        !mine.is_disjoint(&there.values(&term.topology_key)) && there.pods().any(|pod| selects(term, pod))
                    });
                    prop_assert!(together, "{} on {name}", owner.metadata.name);
                }
            }
        }
    }

    /// Nobody who is already there is landed beside against their will.
    #[test]
    fn running_pods_keep_newcomers_away(sketches in sketches()) {
        let world = world(&sketches);
        let run = world.solve();
        let places = places(&world, &run);
        for there in places.values() {
            for owner in &there.before {
                let Some(affinity) = &owner.spec.affinity else { continue };
                for term in affinity.pod_anti_affinity.iter().flat_map(|all| &all.required) {
                    for (name, place) in &places {
                        let overlaps = !there.values(&term.topology_key).is_disjoint(&place.values(&term.topology_key));
                        prop_assert!(!(overlaps && place.placed.iter().any(|pod| selects(term, pod))), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn spread_is_kept(
        running in proptest::collection::vec(0..NODES.len(), 0..8),
        count in 1usize..14,
        skew in 1u32..4,
        cpu in 1u32..30,
    ) {
        let mut world = bare();
        world.create(running.iter().map(|at| pods(1).on(NODES[*at].0)));
        let cpu = format!("{}m", cpu * 100);
        world.create([pods(count).cpu(&cpu).spread_so(json!({"topologyKey": ZONE, "maxSkew": skew}))]);
        let run = world.solve();
        let mut counts: BTreeMap<String, (usize, bool)> =
            ZONES.map(|zone| (zone.to_owned(), (0, false))).into_iter().collect();
        for place in places(&world, &run).values() {
            let zones = place.values(ZONE);
            if place.pods().next().is_none() {
                continue;
            }
            prop_assert_eq!(zones.len(), 1);
            let counted = counts.get_mut(zones.first().unwrap()).unwrap();
            counted.0 += place.pods().count();
            counted.1 |= !place.placed.is_empty();
        }
        let least = counts.values().map(|(count, _)| *count).min().unwrap();
        for (zone, (count, is_chosen)) in &counts {
            prop_assert!(!is_chosen || count - least <= skew as usize, "{zone} {count}, least {least}");
        }
    }
}

#[test]
fn every_outcome_is_met() {
    // The generator must reach what the properties are about.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let sketches = sketches().new_tree(&mut runner).unwrap().current();
        for pod in &world(&sketches).solve().solution.pods {
            seen.insert(match pod.outcome {
                Outcome::New { .. } => "new",
                Outcome::Existing { .. } => "existing",
                Outcome::Error { .. } => "error",
                _ => "other",
            });
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["error", "existing", "new"]);
}
