//! Scheduling vectors: one scheduling loop of the provisioner, for two rule sets.
//!
//! A tree holds scenarios recorded with the rules `main-2026-08` and, in its folder `v1.15`, answers that
//! differ there, new scenarios with both answers, and variants of others with different instance types. Any
//! file of it is enough: the rest is found by walking up to the folder that holds `v1.15`.

mod answer;
mod inputs;
mod normalise;
mod tree;

use std::sync::Arc;

use anyhow::{Context, Result};
use karp_core::model::RuleSet;
use karp_core::sim;
use serde_json::Value;

use super::documents::text;
use super::{Document, Family, Job, JobKey, Options, RULE_SETS, Verdict, compare};
use inputs::Inputs;
use tree::Tree;

pub use answer::{answer, node_claim_answer};
pub use inputs::{Inputs as ScenarioInputs, snapshot};
pub(super) use normalise::claims as normalise_claims;

/// The kind.
#[derive(Debug)]
pub struct Scheduling;

impl Family for Scheduling {
    fn recognises(&self, document: &Document) -> bool {
        document.any_answer(|answer| answer.get("synced").is_some() && answer.get("pods").is_some())
    }

    fn jobs(&self, document: &Document, options: &Options) -> Result<Vec<Job>> {
        let tree = Tree::of(document);
        let mut jobs = Vec::new();
        for entry in document.list("answers").iter().chain(document.list("scenarios")) {
            let name = text(entry, "name");
            if !options.wants_name(name) {
                continue;
            }
            let answers: Vec<(RuleSet, &Value)> = RULE_SETS
                .into_iter()
                .filter(|rules| options.wants_rules(*rules))
                .filter_map(|rules| Some((rules, tree.answer(document, entry, rules)?)))
                .collect();
            if answers.is_empty() {
                continue;
            }
            let inputs = tree
                .inputs(document, entry)
                .with_context(|| format!("scenario {name} of {}", document.path.display()))?;
            let inputs = Arc::new(inputs);
            for (rules, entry) in answers {
                jobs.push(job(&tree, document, entry, name, rules, Arc::clone(&inputs)));
            }
        }
        Ok(jobs)
    }
}

/// `entry` holds the answer for these rules.
fn job(
    tree: &Tree,
    document: &Document,
    entry: &Value,
    name: &str,
    rules: RuleSet,
    inputs: Arc<Inputs>,
) -> Job {
    let old = (rules == RuleSet::Main202608).then(|| entry.get("answer_v1_14")).flatten();
    let recorded = old.or(entry.get("answer")).cloned().unwrap_or_default();
    let varies =
        entry.get("varies").map(|what| what.as_str().map_or_else(|| what.to_string(), str::to_owned));
    Job {
        key: JobKey { inputs: tree.key(document), name: name.to_owned(), rules },
        group: group(name),
        source: document.path.clone(),
        varies,
        run: Box::new(move || verdict(&inputs, recorded, rules)),
    }
}

/// The group of a name: what stands before the first `-`.
fn group(name: &str) -> String {
    name.split('-').next().unwrap_or(name).to_owned()
}

fn verdict(inputs: &Inputs, recorded: Value, rules: RuleSet) -> Verdict {
    let snapshot = match inputs.snapshot(rules) {
        Ok(snapshot) => snapshot,
        Err(error) => return Verdict::Disagree(vec![compare::Difference::failure(format!("{error:#}"))]),
    };
    let solution = match crate::solving::solve(&snapshot, &*inputs.provider) {
        Ok(solution) => solution,
        Err(missing) => return Verdict::NotModelled(missing),
    };
    let missing = solution.pods.iter().find_map(|pod| match &pod.outcome {
        sim::Outcome::NotModelled(missing) => Some(missing.feature.clone()),
        _ => None,
    });
    if let Some(missing) = missing {
        return Verdict::NotModelled(missing);
    }
    let ours = answer(&solution, snapshot.controller.gate("NodeOverlay"));
    let (recorded, ours) = normalise::both(recorded, ours);
    let differences = compare::differences(&recorded, &ours);
    if differences.is_empty() { Verdict::Agree } else { Verdict::Disagree(differences) }
}
