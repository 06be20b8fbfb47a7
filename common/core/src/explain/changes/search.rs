//! The search: candidates from causes, each simulated, the proven ones ranked.

use std::cmp::Ordering;

use super::candidate::{Candidate, Subject, Undo, patch_of};
use super::command::{command, remarks};
use super::from_causes::{Candidates, candidates};
use super::proof::prove;
use crate::explain::analysis::Analyst;
use crate::explain::owners::owner_of;
use crate::explain::report::{Change, Edit, Group, Proof};
use crate::model::Snapshot;
use crate::sim::Solution;

/// Runs the scheduler over edited snapshots, at most [`SearchOptions::at_once`], each for itself; the answers in their
/// order.
pub type Simulate<'s> = dyn Fn(&[Snapshot]) -> Vec<Solution> + 's;

/// A candidate and the fields it changes.
struct Planned {
    candidate: Candidate,
    edits: Vec<Edit>,
}

impl Planned {
    /// What of the rank is known before any simulation: fewest fields, then room given before wishes cut.
    fn tier(&self) -> (usize, bool) {
        (self.edits.len(), !self.candidate.gives_room())
    }
}

/// A candidate and what it leads to.
type Proven = (Planned, Proof);

/// How far to search.
#[derive(Debug, Clone, Copy)]
pub struct SearchOptions {
    /// How many changes to report.
    pub changes: usize,
    /// How many simulations to spend on one group.
    pub simulations: usize,
    /// How many are asked for at once: what is found does not depend on it.
    pub at_once: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { changes: 3, simulations: 64, at_once: 1 }
    }
}

/// Looks for changes of answers about one cluster.
///
/// Cost: a simulation of the whole batch for each candidate, and one copy of the cluster for each of those that are
/// simulated at once: an edit is made in place and put back. Candidates are tried in the order of what is known of their rank beforehand; once a
/// tier has given as many changes as are wanted, none of a later tier can come before them.
pub struct ChangeSearch<'s, 'a> {
    analyst: &'s Analyst<'a>,
    simulate: &'s Simulate<'s>,
    /// Copies of the cluster, all alike between searches.
    working: Vec<Snapshot>,
}

impl<'s, 'a> ChangeSearch<'s, 'a> {
    /// Copies nothing yet.
    pub fn new(analyst: &'s Analyst<'a>, simulate: &'s Simulate<'s>) -> Self {
        Self { analyst, simulate, working: Vec::new() }
    }

    /// Looks for changes that give every pod of a group a place, and writes them into it. Returns how many
    /// simulations that took.
    pub fn search(&mut self, group: &mut Group, options: SearchOptions) -> usize {
        if options.changes == 0 {
            return 0;
        }
        let Some(subject) = subject_of(self.analyst, group) else { return 0 };
        let Candidates { singles, pairs, ruled_out, kinds } = candidates(self.analyst, &subject);
        let mut spent = 0;
        let mut proven = self.prove_all(singles, &subject, options, &mut spent);
        let tried = spent + ruled_out.len();
        let no_single = proven.is_empty();
        if no_single {
            proven = self.prove_all(pairs, &subject, options, &mut spent);
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
            .map(|(position, (planned, proof))| change(self.analyst, &subject, position + 1, planned, proof))
            .collect();
        spent
    }

    /// Simulates candidates, best tier first, until the budget or the need is met.
    fn prove_all(
        &mut self,
        candidates: Vec<Candidate>,
        subject: &Subject<'_>,
        options: SearchOptions,
        spent: &mut usize,
    ) -> Vec<Proven> {
        let mut planned: Vec<Planned> = candidates
            .into_iter()
            .map(|candidate| {
                let edits =
                    candidate.edits.iter().flat_map(|edit| edit.fields(self.analyst, subject)).collect();
                Planned { candidate, edits }
            })
            // What the object has not got cannot be edited.
            .filter(|planned| !planned.edits.is_empty())
            .collect();
        planned.sort_by_key(Planned::tier);
        let mut proven: Vec<Proven> = Vec::new();
        let mut tier = None;
        let mut planned = planned.into_iter().peekable();
        while let Some(first) = planned.peek() {
            let is_new_tier = tier.is_some_and(|tier| tier != first.tier());
            if *spent >= options.simulations || is_new_tier && proven.len() >= options.changes {
                break;
            }
            let of_tier = first.tier();
            tier = Some(of_tier);
            let most = options.at_once.max(1).min(options.simulations - *spent);
            let batch: Vec<Planned> =
                std::iter::from_fn(|| planned.next_if(|next| next.tier() == of_tier)).take(most).collect();
            *spent += batch.len();
            proven.extend(self.prove_batch(batch, subject));
        }
        proven
    }

    /// Simulates candidates at once, each on a copy of its own.
    fn prove_batch(&mut self, batch: Vec<Planned>, subject: &Subject<'_>) -> Vec<Proven> {
        while self.working.len() < batch.len() {
            self.working.push(self.analyst.snapshot.clone());
        }
        let working = &mut self.working[..batch.len()];
        let undo: Vec<Vec<Undo>> = batch
            .iter()
            .zip(working.iter_mut())
            .map(|(planned, edited)| planned.candidate.apply(edited, subject, self.analyst.profile))
            .collect();
        let solutions = (self.simulate)(working);
        let mut proven = Vec::new();
        for (((planned, undo), edited), solution) in batch.into_iter().zip(undo).zip(working).zip(solutions) {
            let proof = prove(self.analyst, &planned.candidate, subject, edited, &solution);
            Undo::all(undo, edited);
            proven.extend(proof.map(|proof| (planned, proof)));
        }
        proven
    }
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

/// Fewest fields; then room given before wishes cut; then fewest side effects on other pods; then the cheaper
/// result; then fewest nodes that drift.
fn rank(a: &Proven, b: &Proven) -> Ordering {
    let price = |proof: &Proof| match (&proof.node, proof.price_per_hour.and_then(|price| price.usd)) {
        (Some(_), _) => 0.0,
        (None, Some(usd)) => usd,
        (None, None) => f64::INFINITY,
    };
    a.0.tier()
        .cmp(&b.0.tier())
        .then(a.1.pending_pods.cmp(&b.1.pending_pods))
        .then(price(&a.1).total_cmp(&price(&b.1)))
        .then(a.1.drifted_nodes.cmp(&b.1.drifted_nodes))
        .then(a.1.moved_pods.cmp(&b.1.moved_pods))
}

fn change(
    analyst: &Analyst<'_>,
    subject: &Subject<'_>,
    rank: usize,
    planned: Planned,
    proof: Proof,
) -> Change {
    let Planned { candidate, edits } = planned;
    let titles: Vec<String> = candidate.edits.iter().map(|edit| edit.title(analyst, subject)).collect();
    let objects = candidate.by_object(subject);
    let patch =
        objects.first().and_then(|edits| serde_json::to_value(patch_of(edits, analyst, subject)?).ok());
    let mut to_mind: Vec<String> = Vec::new();
    for remark in candidate.edits.iter().flat_map(|edit| remarks(edit, analyst, subject)) {
        if !to_mind.contains(&remark) {
            to_mind.push(remark);
        }
    }
    Change {
        rank,
        target: candidate.edits.first().map(|edit| edit.object(subject).words()).unwrap_or_default(),
        title: titles.join("; "),
        fields: edits.len(),
        edits,
        patch: patch.unwrap_or_default(),
        commands: objects.iter().filter_map(|edits| command(edits, analyst, subject)).collect(),
        remarks: to_mind,
        proof,
    }
}
