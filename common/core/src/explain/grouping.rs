//! Grouping: pods of one owner that fare alike are looked at once, and owners with the same cause and source join.

use std::hash::{Hash, Hasher};

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHasher};

use super::analysis::{Analyst, Depth};
use super::owners::owner_of;
use super::report::{Group, ObjectName, OwnerCount, Summary, Verdict};
use crate::model::Pod;
use crate::sim::{NotConsidered, Outcome};

/// What makes two pods fare alike: owner, spec, labels and kind of outcome. Pods with volumes stand alone.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Class {
    owner: ObjectName,
    spec: u64,
    outcome: OutcomeClass,
    alone: Option<CompactString>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum OutcomeClass {
    Existing,
    New(CompactString, Option<String>),
    Error(Option<CompactString>),
    NotConsidered(NotConsidered),
    Other(u8),
    Undecided(bool),
}

/// The answers for many pods, worst verdict first, biggest group first.
pub fn groups_of(analyst: &Analyst<'_>, pods: &[&Pod], depth: Depth) -> Vec<Group> {
    let mut order: Vec<(Class, Vec<&Pod>)> = Vec::new();
    let mut known: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
    for pod in pods {
        let class = class_of(analyst, pod);
        let mut hasher = FxHasher::default();
        class.hash(&mut hasher);
        let candidates = known.entry(hasher.finish()).or_default();
        match candidates.iter().find(|at| order[**at].0 == class) {
            Some(at) => order[*at].1.push(pod),
            None => {
                candidates.push(order.len());
                order.push((class, vec![pod]));
            }
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for (_, members) in order {
        let Some(first) = members.first() else { continue };
        // The pod of the snapshot, not of the argument list: analyses borrow from the snapshot.
        let Some(pod) = analyst.pod(first) else { continue };
        let mut group = analyst.analyse(pod, depth);
        fill_members(analyst, &mut group, &members);
        match groups.iter_mut().find(|known| joins(known, &group)) {
            Some(known) => join(known, group),
            None => groups.push(group),
        }
    }
    groups.sort_by(|a, b| {
        a.verdict.cmp(&b.verdict).then(b.pods.len().cmp(&a.pods.len())).then_with(|| a.owner.cmp(&b.owner))
    });
    for group in &mut groups {
        group.owners.sort_by(|a, b| b.pod_count.cmp(&a.pod_count).then_with(|| a.owner.cmp(&b.owner)));
    }
    groups
}

fn class_of(analyst: &Analyst<'_>, pod: &Pod) -> Class {
    let mut hasher = FxHasher::default();
    pod.spec.hash(&mut hasher);
    pod.metadata.labels.hash(&mut hasher);
    let outcome = match analyst.decision(pod).map(|decision| &decision.outcome) {
        Some(Outcome::Existing { .. }) => OutcomeClass::Existing,
        Some(Outcome::New { node_claim }) => {
            let claim = analyst.solution.node_claims.get(*node_claim);
            OutcomeClass::New(
                claim.map(|claim| claim.node_pool.clone()).unwrap_or_default(),
                claim.and_then(|claim| claim.create_error.clone()),
            )
        }
        // Pods of a StatefulSet may meet different errors although their specs are equal.
        Some(Outcome::Error { .. }) => OutcomeClass::Error(None),
        Some(Outcome::NotConsidered(why)) => OutcomeClass::NotConsidered(*why),
        Some(Outcome::Deferred { .. }) => OutcomeClass::Other(1),
        Some(Outcome::Ignored { .. }) => OutcomeClass::Other(2),
        Some(Outcome::NotModelled(_)) => OutcomeClass::Other(3),
        None => OutcomeClass::Undecided(pod.node_name.is_some()),
    };
    let has_claims = pod
        .spec
        .volumes
        .iter()
        .any(|volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some());
    let alone = (has_claims || pod.node_name.is_some()).then(|| pod.metadata.name.clone());
    Class { owner: owner_of(pod, &analyst.index).name, spec: hasher.finish(), outcome, alone }
}

fn fill_members(analyst: &Analyst<'_>, group: &mut Group, members: &[&Pod]) {
    let now = analyst.snapshot.taken_at.as_second();
    group.pods = members
        .iter()
        .map(|pod| super::report::PodName {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            age_seconds: pod.metadata.creation_timestamp.map(|since| (now - since.as_second()).max(0)),
        })
        .collect();
    group.owners = vec![OwnerCount { owner: group.owner.clone(), pod_count: members.len() }];
    let claims: std::collections::BTreeSet<usize> = members
        .iter()
        .filter_map(|pod| match analyst.decision(pod).map(|decision| &decision.outcome) {
            Some(Outcome::New { node_claim }) => Some(*node_claim),
            _ => None,
        })
        .collect();
    let mut nodes: Vec<&CompactString> = members
        .iter()
        .filter_map(|pod| match analyst.decision(pod).map(|decision| &decision.outcome) {
            Some(Outcome::Existing { node }) => Some(node),
            _ => None,
        })
        .collect();
    nodes.sort();
    nodes.dedup();
    let Some(place) = &mut group.place else { return };
    if !claims.is_empty() {
        place.new_nodes = claims.len();
    }
    if nodes.len() > 1 {
        group.headline = format!("on {} existing nodes", nodes.len());
    }
}

/// Whether two groups are one on the screen: same answer, same cause, same words, same namespace.
fn joins(known: &Group, other: &Group) -> bool {
    known.verdict != Verdict::Yes
        && known.verdict == other.verdict
        && known.outcome == other.outcome
        && known.cause == other.cause
        && known.owner.namespace == other.owner.namespace
        && known.headline == other.headline
        && known.evidence == other.evidence
}

fn join(known: &mut Group, other: Group) {
    known.pods.extend(other.pods);
    for count in other.owners {
        match known.owners.iter_mut().find(|mine| mine.owner == count.owner) {
            Some(mine) => mine.pod_count += count.pod_count,
            None => known.owners.push(count),
        }
    }
}

/// Counts over all groups.
pub fn summary_of(groups: &[Group]) -> Summary {
    let mut summary = Summary::default();
    for group in groups {
        let pods = group.pods.len();
        summary.pods += pods;
        match group.verdict {
            Verdict::Yes => summary.yes += pods,
            Verdict::No => summary.no += pods,
            Verdict::Wait => summary.wait += pods,
            Verdict::Unknown => summary.unknown += pods,
        }
    }
    summary
}
