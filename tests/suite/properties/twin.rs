//! The obvious, slow way to the same answer, for what the simulator does fast: which instance types are left on a
//! NodeClaim, and how many pods a topology constraint counts where.

use std::collections::BTreeMap;

use compact_str::CompactString;
use karp_core::model::{AllowUndefined, InstanceType, Pod, Requirements, ResourceList, selects};
use karp_core::provider::CloudProvider;
use karp_core::sim::{NewNodeClaim, Outcome, TopologyConstraint, TopologyKind};
use proptest::prelude::*;

use super::{sketches, world};
use crate::conformance::run::Run;
use crate::conformance::world::{HOST, World};

/// One type after the other, by the rules as they are written.
fn left(world: &World, claim: &NewNodeClaim) -> Vec<CompactString> {
    let provider = world.provider();
    let open = AllowUndefined::WellKnown(provider.labels());
    let wanted: &Requirements = &claim.requirements;
    let requests: &ResourceList = &claim.object.spec.resources.requests;
    let is_left = |one: &&InstanceType| {
        one.requirements.intersects(wanted).is_ok()
            && requests.fits(&one.allocatable())
            && one
                .offerings
                .iter()
                .any(|offering| offering.available && wanted.compatible(&offering.requirements, open).is_ok())
    };
    let mut names: Vec<CompactString> =
        provider.kwok.types().iter().filter(is_left).map(|one| one.name.clone()).collect();
    names.sort();
    names
}

/// Pods that a constraint selects, by value of its key: at least those that are on a node or ask for the value
/// themselves, at most those whose NodeClaim ends with it alone. Between them are pods that joined a NodeClaim before
/// it was narrowed to one value: the controller does not count those.
fn counted(run: &Run, key: &str, constraint: &TopologyConstraint) -> BTreeMap<CompactString, (i64, i64)> {
    let is_selected = |pod: &Pod| {
        constraint.namespaces.contains(&pod.metadata.namespace)
            && constraint.selector.is_some()
            && selects(constraint.selector.as_ref(), &pod.metadata.labels)
    };
    let on_node = |name: &str| {
        let node = run.snapshot.objects.nodes.iter().find(|node| node.metadata.name == name);
        node.and_then(|node| node.metadata.labels.get(key)).map(CompactString::from)
    };
    let mut counts: BTreeMap<CompactString, (i64, i64)> = BTreeMap::new();
    let mut add = |domain: Option<CompactString>, is_certain: bool| {
        if let Some(domain) = domain {
            let (least, most) = counts.entry(domain).or_default();
            *least += i64::from(is_certain);
            *most += 1;
        }
    };
    for decision in &run.solution.pods {
        let pod = &run.snapshot.objects.pods[decision.pod_index.unwrap()];
        match &decision.outcome {
            _ if !is_selected(pod) => {}
            Outcome::Existing { node } => add(on_node(node), true),
            Outcome::New { node_claim } => {
                let requirement = run.solution.node_claims[*node_claim].requirements.get(key);
                let single = requirement.filter(|one| !one.complement && one.values.len() == 1);
                add(
                    single.and_then(|one| one.values.first().cloned()),
                    pod.spec.node_selector.get(key).is_some(),
                );
            }
            _ => {}
        }
    }
    for pod in run.snapshot.objects.pods.iter().filter(|pod| is_selected(pod)) {
        add(pod.node_name.as_deref().and_then(on_node), true);
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_types_left_are_those_that_the_rules_leave(sketches in sketches()) {
        let mut world = world(&sketches);
        // Without limits: those leave out types when a NodeClaim is opened, whatever comes later.
        world.change("NodePool", |pool| {
            pool["spec"].as_object_mut().unwrap().remove("limits");
        });
        let run = world.solve();
        for claim in &run.solution.node_claims {
            let mut names = claim.instance_types.to_vec();
            names.sort();
            prop_assert_eq!(names, left(&world, claim));
        }
    }

    #[test]
    fn affinity_counts_are_those_of_a_plain_count(sketches in sketches()) {
        let run = world(&sketches).solve();
        for constraint in run.solution.topology.iter().filter(|one| one.kind == TopologyKind::Affinity) {
            let counts = counted(&run, &constraint.key, constraint);
            for (domain, got) in &constraint.domains {
                // Of hosts, a new node's name is not in the answer.
                let (least, most) = counts.get(domain).copied().unwrap_or_default();
                let is_new = constraint.key == HOST && !counts.contains_key(domain);
                prop_assert!(is_new || (least..=most).contains(got), "{} {} {} {} {}", constraint.key, domain, least, got, most);
            }
            prop_assert!(counts.iter().all(|(domain, (least, _))| *least == 0 || constraint.domains.contains_key(domain)));
        }
    }
}
