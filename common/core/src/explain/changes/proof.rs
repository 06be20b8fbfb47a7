//! Proof: what a change leads to, read from the simulation of the whole batch on the edited snapshot.

use super::candidate::{Candidate, Subject};
use super::drifting::drifting;
use crate::explain::analysis::Analyst;
use crate::explain::index::ObjectIndex;
use crate::explain::launch;
use crate::explain::place;
use crate::explain::report::{Proof, Verdict};
use crate::model::{LabelProfile, Snapshot, label_key};
use crate::sim::{NewNodeClaim, Outcome, PodDecision, Solution, Synced};

/// What the simulation of a candidate, applied to a snapshot, gives. None where some of the pods it is for still have no
/// place.
pub(super) fn prove(
    analyst: &Analyst<'_>,
    candidate: &Candidate,
    subject: &Subject<'_>,
    edited: &Snapshot,
    solution: &Solution,
) -> Option<Proof> {
    if solution.synced != Synced::Yes {
        return None;
    }
    let index = ObjectIndex::of_node_classes(edited);
    let placed = |position: usize| {
        let decision = decision_of(edited, solution, position)?;
        has_place(decision, solution, &index, analyst.profile).then_some(decision)
    };
    let first = placed(*subject.pods.first()?)?;
    if subject.pods.iter().any(|position| placed(*position).is_none()) {
        return None;
    }
    let (moved_pods, pending_pods) = others(analyst, solution, subject);
    let mut proof = Proof {
        verdict: Verdict::Yes,
        node_pool: None,
        node: None,
        instance_types: Vec::new(),
        instance_type_count: 0,
        zones: Vec::new(),
        capacity_types: Vec::new(),
        price_per_hour: None,
        drifted_nodes: drifting(analyst, edited, candidate),
        moved_pods,
        pending_pods,
    };
    match &first.outcome {
        Outcome::Existing { node } => proof.node = Some(node.clone()),
        Outcome::New { node_claim } => {
            let place =
                place::of_claim(solution.node_claims.get(*node_claim)?, solution, &index, analyst.profile);
            proof.node_pool = place.node_pool;
            proof.instance_types = place.instance_types;
            proof.instance_type_count = place.instance_type_count;
            proof.zones = place.zones;
            proof.capacity_types = place.capacity_types;
            proof.price_per_hour = place.price_per_hour;
        }
        _ => return None,
    }
    Some(proof)
}

fn decision_of<'s>(snapshot: &Snapshot, solution: &'s Solution, position: usize) -> Option<&'s PodDecision> {
    let metadata = &snapshot.objects.pods.get(position)?.metadata;
    let key = (&metadata.namespace, &metadata.name);
    let at =
        solution.pods.binary_search_by(|decision| (&decision.namespace, &decision.name).cmp(&key)).ok()?;
    solution.pods.get(at)
}

/// Whether a pod gets a node that will really come up.
fn has_place(
    decision: &PodDecision,
    solution: &Solution,
    index: &ObjectIndex<'_>,
    profile: &LabelProfile,
) -> bool {
    match &decision.outcome {
        Outcome::Existing { .. } => true,
        Outcome::New { node_claim } => solution.node_claims.get(*node_claim).is_some_and(|claim| {
            claim.create_error.is_none() && launch::no_image(claim, solution, index, profile).is_none()
        }),
        _ => false,
    }
}

/// Other pods that would go elsewhere, and those that would lose their place.
fn others(analyst: &Analyst<'_>, after: &Solution, subject: &Subject<'_>) -> (usize, usize) {
    let (mut moved, mut lost) = (0, 0);
    for before in &analyst.solution.pods {
        if before.pod_index.is_some_and(|position| subject.siblings.contains(&position)) {
            continue;
        }
        let key = (&before.namespace, &before.name);
        let at = after.pods.binary_search_by(|known| (&known.namespace, &known.name).cmp(&key));
        let then = at.ok().and_then(|at| after.pods.get(at)).map(|decision| &decision.outcome);
        let now_pool = |outcome: &Outcome, solution: &Solution| match outcome {
            Outcome::New { node_claim } => {
                solution.node_claims.get(*node_claim).map(|claim| claim.node_pool.clone())
            }
            _ => None,
        };
        // A pod whose node would be bought in another way is not where it was either.
        let keeps_capacity = |now: &Outcome, then: &Outcome| match (now, then) {
            (Outcome::New { node_claim: now }, Outcome::New { node_claim: then }) => {
                let (now, then) = (analyst.solution.node_claims.get(*now), after.node_claims.get(*then));
                let of = |claim: Option<&NewNodeClaim>| {
                    let key = label_key::CAPACITY_TYPE;
                    let requirement = claim?.object.spec.requirements.iter().find(|spec| spec.key == key)?;
                    Some(requirement.values.clone())
                };
                of(now).is_none_or(|now| {
                    of(then).is_none_or(|then| now.iter().all(|value| then.contains(value)))
                })
            }
            _ => true,
        };
        match (&before.outcome, then) {
            (Outcome::Existing { node }, Some(Outcome::Existing { node: then })) if node == then => {}
            (Outcome::New { .. }, Some(other @ Outcome::New { .. }))
                if now_pool(&before.outcome, analyst.solution) == now_pool(other, after)
                    && keeps_capacity(&before.outcome, other) => {}
            (
                Outcome::Existing { .. } | Outcome::New { .. },
                Some(Outcome::Existing { .. } | Outcome::New { .. }),
            ) => moved += 1,
            (Outcome::Existing { .. } | Outcome::New { .. }, _) => lost += 1,
            _ => {}
        }
    }
    (moved, lost)
}
