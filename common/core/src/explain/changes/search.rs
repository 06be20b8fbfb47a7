//! The search: candidates from causes, each simulated, the proven ones ranked.

use std::cmp::Ordering;

use super::candidate::{Candidate, Subject};
use super::from_causes::{Candidates, candidates};
use super::proof::prove;
use crate::explain::analysis::Analyst;
use crate::explain::owners::owner_of;
use crate::explain::report::{Change, Edit, Group, Proof};
use crate::model::Snapshot;
use crate::sim::Solution;

/// Runs the scheduler over an edited snapshot.
pub type Simulate<'s> = dyn Fn(&Snapshot) -> Solution + 's;

/// A candidate, its fields, and what it leads to.
type Proven = (Candidate, Vec<Edit>, Proof);

/// How far to search.
#[derive(Debug, Clone, Copy)]
pub struct SearchOptions {
    /// How many changes to report.
    pub changes: usize,
    /// How many simulations to spend on one group.
    pub simulations: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { changes: 3, simulations: 64 }
    }
}

/// Looks for changes that give every pod of a group a place, and writes them into it.
pub fn search(analyst: &Analyst<'_>, group: &mut Group, simulate: &Simulate<'_>, options: SearchOptions) {
    if options.changes == 0 {
        return;
    }
    let Some(subject) = subject_of(analyst, group) else { return };
    let Candidates { singles, pairs, kinds } = candidates(analyst, &subject);
    let mut spent = 0;
    let mut proven: Vec<Proven> = Vec::new();
    let mut tried = 0;
    for candidate in singles {
        if spent >= options.simulations {
            break;
        }
        spent += 1;
        tried += 1;
        proven.extend(prove_and_price(analyst, candidate, &subject, simulate));
    }
    let no_single = proven.is_empty();
    if no_single {
        for candidate in pairs {
            if spent >= options.simulations {
                break;
            }
            spent += 1;
            proven.extend(prove_and_price(analyst, candidate, &subject, simulate));
        }
    }
    proven.sort_by(rank);
    if no_single && tried > 0 {
        let list = kinds.join(", ");
        let more = if proven.is_empty() { "" } else { " Two together:" };
        group.changes_note = Some(format!("No single change found among {list} ({tried} tried).{more}"));
    }
    group.changes = proven
        .into_iter()
        .take(options.changes)
        .enumerate()
        .map(|(position, (candidate, edits, proof))| {
            change(analyst, &subject, position + 1, &candidate, edits, proof)
        })
        .collect();
}

fn subject_of<'a>(analyst: &Analyst<'a>, group: &Group) -> Option<Subject<'a>> {
    let pods = &analyst.snapshot.objects.pods;
    let position_of = |namespace: &str, name: &str| {
        let known = analyst.solution.pods.binary_search_by(|decision| {
            (decision.namespace.as_str(), decision.name.as_str()).cmp(&(namespace, name))
        });
        known.ok().and_then(|at| analyst.solution.pods.get(at)).and_then(|decision| decision.pod_index)
    };
    let first = group.pods.first()?;
    let owner = owner_of(pods.get(position_of(&first.namespace, &first.name)?)?, &analyst.index);
    // Groups join owners; a change is for the pods of the first one.
    let mine: Vec<usize> = group
        .pods
        .iter()
        .filter_map(|pod| position_of(&pod.namespace, &pod.name))
        .filter(|position| {
            pods.get(*position).is_some_and(|pod| owner_of(pod, &analyst.index).name == owner.name)
        })
        .collect();
    let siblings = pods
        .iter()
        .enumerate()
        .filter(|(_, pod)| pod.node_name.is_none() && pod.metadata.namespace == owner.name.namespace)
        .filter(|(_, pod)| owner_of(pod, &analyst.index).name == owner.name)
        .map(|(position, _)| position)
        .collect();
    Some(Subject { owner, pods: mine, siblings })
}

fn prove_and_price(
    analyst: &Analyst<'_>,
    candidate: Candidate,
    subject: &Subject<'_>,
    simulate: &Simulate<'_>,
) -> Option<Proven> {
    let edits: Vec<Edit> = candidate.edits.iter().flat_map(|edit| edit.fields(analyst, subject)).collect();
    if edits.is_empty() {
        return None;
    }
    let proof = prove(analyst, &candidate, subject, simulate)?;
    Some((candidate, edits, proof))
}

/// Fewest fields; then room given before wishes cut; then fewest side effects on other pods; then the cheaper
/// result; then fewest nodes that drift.
fn rank(a: &Proven, b: &Proven) -> Ordering {
    let price = |proof: &Proof| match (&proof.node, proof.price_per_hour.and_then(|price| price.usd)) {
        (Some(_), _) => 0.0,
        (None, Some(usd)) => usd,
        (None, None) => f64::INFINITY,
    };
    a.1.len()
        .cmp(&b.1.len())
        .then(b.0.gives_room().cmp(&a.0.gives_room()))
        .then(a.2.pending_pods.cmp(&b.2.pending_pods))
        .then(price(&a.2).total_cmp(&price(&b.2)))
        .then(a.2.drifted_nodes.cmp(&b.2.drifted_nodes))
        .then(a.2.moved_pods.cmp(&b.2.moved_pods))
}

fn change(
    analyst: &Analyst<'_>,
    subject: &Subject<'_>,
    rank: usize,
    candidate: &Candidate,
    edits: Vec<Edit>,
    proof: Proof,
) -> Change {
    let titles: Vec<String> = candidate.edits.iter().map(|edit| edit.title(analyst, subject)).collect();
    let patches: Vec<serde_json::Value> = candidate
        .edits
        .iter()
        .filter_map(|edit| serde_json::to_value(edit.patch(analyst, subject)?).ok())
        .collect();
    let mut remarks: Vec<String> = Vec::new();
    for remark in candidate.edits.iter().flat_map(|edit| edit.remarks(analyst, subject)) {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    Change {
        rank,
        target: candidate.edits.first().map(|edit| edit.object(subject).words()).unwrap_or_default(),
        title: titles.join("; "),
        fields: edits.len(),
        edits,
        patch: patches.into_iter().next().unwrap_or_default(),
        commands: candidate.edits.iter().filter_map(|edit| edit.command(analyst, subject)).collect(),
        remarks,
        proof,
    }
}
