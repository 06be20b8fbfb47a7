//! Candidates from causes: what could lift each cause that some NodePool or node names.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::candidate::{Candidate, ObjectEdit, Subject};
use super::of_pool::{PoolContext, lower_request};
use super::pod_edit::PodEdit;
use crate::explain::analysis::Analyst;
use crate::explain::cause::Cause;
use crate::explain::demand::{Demand, Source};
use crate::explain::funnel::{PoolFunnel, PoolIndex};
use crate::explain::nodes::{NodeFacts, failures};
use crate::model::{Pod, Taint, label_key};
use crate::sim::Outcome;

/// What to try.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// One edit each.
    pub(super) singles: Vec<Candidate>,
    /// Two edits each, for when no single one helps.
    pub(super) pairs: Vec<Candidate>,
    /// Single edits that are ruled out without a simulation.
    pub(super) ruled_out: Vec<ObjectEdit>,
    /// Kinds of edits that were considered, in words.
    pub(super) kinds: Vec<&'static str>,
}

impl Candidates {
    fn single(&mut self, edit: ObjectEdit) {
        /// The same edit of one NodePool after the other teaches nothing more.
        const ALIKE: usize = 6;
        let alike = self.singles.iter().filter(|known| known.edits[0].is_alike(&edit)).count();
        let candidate = Candidate::single(edit);
        if alike < ALIKE && !self.singles.contains(&candidate) {
            self.singles.push(candidate);
        }
    }

    fn pair(&mut self, first: &ObjectEdit, second: &ObjectEdit) {
        let candidate = Candidate { edits: vec![first.clone(), second.clone()] };
        if first != second && !self.pairs.contains(&candidate) {
            self.pairs.push(candidate);
        }
    }
}

/// All candidates for the first pod of a subject.
pub(super) fn candidates(analyst: &Analyst<'_>, subject: &Subject<'_>) -> Candidates {
    let mut all = Candidates {
        kinds: vec!["tolerations", "selectors", "affinity", "requests", "limits", "NodePool requirements"],
        ..Candidates::default()
    };
    let first = subject.pods.first().and_then(|position| analyst.snapshot.objects.pods.get(*position));
    let Some(pod) = first else { return all };
    match analyst.decision(pod).map(|decision| &decision.outcome) {
        Some(Outcome::Ignored { .. }) => restricted_labels(analyst, pod, &mut all),
        Some(Outcome::New { node_claim }) => image_changes(analyst, pod, *node_claim, &mut all),
        Some(Outcome::Error { .. }) => {
            let (demand, funnels) = analyst.demand_and_funnels(pod);
            for (pool, funnel) in analyst.pools().iter().zip(&funnels) {
                of_pool(analyst, subject, pool, funnel, &demand, &mut all);
            }
            of_nodes(analyst, &demand, &mut all);
        }
        _ => {}
    }
    all
}

fn of_pool(
    analyst: &Analyst<'_>,
    subject: &Subject<'_>,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    all: &mut Candidates,
) {
    let context = PoolContext { analyst, subject, pool, funnel, demand };
    for alternative in &funnel.stopped_by {
        match alternative.as_slice() {
            [one] => context.edits_for(one).into_iter().for_each(|edit| all.single(edit)),
            [one, other] => {
                // A domain or a type may lift both. What lifts one cause only is no help here; where it is enough,
                // it is the one cause there and comes from there.
                let (first, second) = (context.edits_for(one), context.edits_for(other));
                for a in first.iter().take(3) {
                    for b in second.iter().take(3) {
                        all.pair(a, b);
                    }
                }
                for edit in first.into_iter().chain(second) {
                    if !edit.lifts_one_cause() {
                        all.single(edit);
                    } else if !all.ruled_out.contains(&edit) {
                        all.ruled_out.push(edit);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What would let the pod onto the existing nodes that fail nothing else.
fn of_nodes(analyst: &Analyst<'_>, demand: &Demand<'_>, all: &mut Candidates) {
    const CANDIDATES: usize = 4;
    let facts = NodeFacts {
        soft_taints_tolerated: analyst.soft_taints_tolerated(),
        index: &analyst.index,
        snapshot: analyst.snapshot,
        profile: analyst.profile,
    };
    let mut nearest: Vec<(Cause, i128, ObjectEdit)> = Vec::new();
    for node in &analyst.solution.existing_nodes {
        let failing = failures(demand, node, analyst.solution, &facts);
        let [only] = failing.as_slice() else { continue };
        let edit = match &only.cause {
            Cause::Resource(name) => {
                let short = demand.requests.amount(name) - node.remaining.amount(name);
                lower_request(demand.pod, name, short).map(ObjectEdit::Pod)
            }
            // Nodes outside Karpenter are tainted on purpose: system nodes are nobody's room.
            Cause::Taint if node.node_pool.is_some() => {
                let taints: Vec<&Taint> =
                    crate::model::untolerated(&node.taints, demand.tolerations()).collect();
                let own = |taint: &&Taint| {
                    !taint.key.starts_with("node.kubernetes.io/") && !taint.key.starts_with("karpenter.sh/")
                };
                match taints.as_slice() {
                    [taint] if own(taint) => Some(ObjectEdit::Pod(PodEdit::Tolerate((*taint).clone()))),
                    _ => None,
                }
            }
            Cause::Label(key) => own_wish_edit(demand, key),
            _ => None,
        };
        let Some(edit) = edit else { continue };
        match nearest.iter_mut().find(|(cause, _, _)| *cause == only.cause) {
            Some(known) if known.1 <= only.distance => {}
            Some(known) => *known = (only.cause.clone(), only.distance, edit),
            None => nearest.push((only.cause.clone(), only.distance, edit)),
        }
    }
    nearest.into_iter().take(CANDIDATES).for_each(|(_, _, edit)| all.single(edit));
}

fn own_wish_edit(demand: &Demand<'_>, key: &str) -> Option<ObjectEdit> {
    let source = demand.wishes_about(key).map(|wish| &wish.source).next()?;
    match source {
        Source::NodeSelector => Some(ObjectEdit::Pod(PodEdit::DropSelector(key.into()))),
        Source::NodeAffinity => Some(ObjectEdit::Pod(PodEdit::DropAffinity(key.into()))),
        Source::Volume(_) | Source::NodePool => None,
    }
}

/// What makes a refused pod acceptable: its expressions on restricted labels go, and those on capacity types that
/// do not exist.
fn restricted_labels(analyst: &Analyst<'_>, pod: &Pod, all: &mut Candidates) {
    let profile = analyst.profile;
    let unknown_capacity = pod
        .spec
        .node_selector
        .get(label_key::CAPACITY_TYPE)
        .filter(|value| !["spot", "on-demand", "reserved"].contains(value));
    if unknown_capacity.is_some() {
        for value in ["on-demand", "spot"] {
            all.single(ObjectEdit::Pod(PodEdit::ReplaceSelector {
                key: label_key::CAPACITY_TYPE.into(),
                new_key: label_key::CAPACITY_TYPE.into(),
                value: value.into(),
            }));
        }
    }
    let restricted = |key: &str| {
        let key = profile.normalize(key);
        profile.is_restricted(key) || key == label_key::CAPACITY_TYPE
    };
    for (key, _) in pod.spec.node_selector.iter().filter(|(key, _)| restricted(key)) {
        all.single(ObjectEdit::Pod(PodEdit::DropSelector(profile.normalize(key).into())));
    }
    let terms = crate::explain::demand::required_terms(&pod.spec);
    // Who asks not to run on Karpenter's nodes is refused as well.
    let refused = |expression: &&crate::model::SelectorExpression| {
        let avoids = expression.key == label_key::NODE_POOL && expression.operator == "DoesNotExist";
        avoids || restricted(&expression.key)
    };
    for expression in terms.iter().flat_map(|term| &term.match_expressions).filter(refused) {
        all.single(ObjectEdit::Pod(PodEdit::DropAffinity(profile.normalize(&expression.key).into())));
    }
}

/// What makes a NodeClaim launch for which there is no image: types of an architecture that has one.
fn image_changes(analyst: &Analyst<'_>, pod: &Pod, claim: usize, all: &mut Candidates) {
    let Some(claim) = analyst.solution.node_claims.get(claim) else { return };
    let missing = crate::explain::launch::no_image(claim, analyst.solution, &analyst.index, analyst.profile);
    let Some(missing) = missing else { return };
    let key = label_key::ARCH;
    let Some(class) = analyst.index.node_classes.get(missing.node_class.as_str()) else { return };
    let available: BTreeSet<CompactString> = class
        .status
        .amis
        .iter()
        .flat_map(|ami| ami.requirements.iter().filter(|spec| spec.key == key))
        .flat_map(|spec| spec.values.iter().cloned())
        .collect();
    let demand = Demand::new(pod, 0, &analyst.index, analyst.solution, analyst.profile);
    let sources: BTreeSet<&Source> = demand.wishes_about(key).map(|wish| &wish.source).collect();
    if sources.contains(&Source::NodeSelector) {
        for value in available {
            all.single(ObjectEdit::Pod(PodEdit::ReplaceSelector {
                key: key.into(),
                new_key: key.into(),
                value,
            }));
        }
        all.single(ObjectEdit::Pod(PodEdit::DropSelector(key.into())));
    }
    if sources.contains(&Source::NodeAffinity) {
        all.single(ObjectEdit::Pod(PodEdit::DropAffinity(key.into())));
    }
}
