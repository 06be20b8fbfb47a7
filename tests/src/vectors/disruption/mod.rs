//! Disruption vectors: one pass of the disruption controller, and the conditions of NodeClaims.
//!
//! What is compared depends on the group: `staticDrift` and `drift` complete for DR and SD; candidates, budgets
//! and the events of budgets of every method for BU; everything for CD. Other groups need consolidation.

mod answer;
mod conditions;
mod scope;

use anyhow::{Context, Result};
use karp_core::disruption::methods::{evaluate, is_synced};
use karp_core::disruption::{ClusterState, ControllerMemory, candidates::Method, housekeeping};
use karp_core::model::RuleSet;
use serde_json::{Value, json};

use super::documents::text;
use super::scheduling::{ScenarioInputs, normalise_claims};
use super::{Document, Family, Job, JobKey, Options, RULE_SETS, Verdict, compare};
use scope::Scope;

/// The kind.
#[derive(Debug)]
pub struct Disruption;

impl Family for Disruption {
    fn recognises(&self, document: &Document) -> bool {
        document.any_answer(|answer| answer.get("methods").or(answer.get("nodePools")).is_some())
    }

    fn jobs(&self, document: &Document, options: &Options) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for scenario in document.list("scenarios") {
            let name = text(scenario, "name");
            if !options.wants_name(name) {
                continue;
            }
            let place = || format!("scenario {name} of {}", document.path.display());
            let inputs = ScenarioInputs::new(scenario, document.folder(), None).with_context(place)?;
            let inputs = std::sync::Arc::new(inputs);
            for rules in RULE_SETS.into_iter().filter(|rules| options.wants_rules(*rules)) {
                let old = (rules == RuleSet::Main202608).then(|| scenario.get("answer_v1_14")).flatten();
                let recorded = old.or(scenario.get("answer")).cloned().unwrap_or_default();
                let (inputs, scenario) = (inputs.clone(), scenario.clone());
                let group = name.split('-').next().unwrap_or(name).to_owned();
                let varies = scenario.get("varies");
                jobs.push(Job {
                    key: JobKey { inputs: document.path.clone(), name: name.to_owned(), rules },
                    group: group.clone(),
                    source: document.path.clone(),
                    varies: varies.map(|what| what.as_str().map_or_else(|| what.to_string(), str::to_owned)),
                    run: Box::new(move || verdict(&inputs, &scenario, recorded, &group, rules)),
                });
            }
        }
        Ok(jobs)
    }
}

fn verdict(
    inputs: &ScenarioInputs,
    scenario: &Value,
    recorded: Value,
    group: &str,
    rules: RuleSet,
) -> Verdict {
    let snapshot = match inputs.snapshot(rules) {
        Ok(snapshot) => snapshot,
        Err(error) => return Verdict::Disagree(vec![compare::Difference::failure(format!("{error:#}"))]),
    };
    if recorded.get("nodePools").is_some() {
        let ours = conditions::answer(&snapshot, &*inputs.provider, scenario);
        return agree_or(compare::differences(&recorded, &ours));
    }
    let Some(scope) = Scope::of_group(group) else {
        return Verdict::NotModelled("consolidation".into());
    };
    let nominated = scenario.get("nominated").and_then(Value::as_array).into_iter().flatten();
    let memory = ControllerMemory {
        nominated: nominated.filter_map(|name| name.as_str().map(Into::into)).collect(),
        ..Default::default()
    };
    let snapshot = housekeeping(&snapshot, &memory);
    let cluster = ClusterState::new(&snapshot, &*inputs.provider, memory);
    let ours = if is_synced(&cluster) {
        let methods = Method::ALL.map(|method| evaluate(&cluster, method));
        if methods.iter().any(|method| scope.is_whole(method.method) && method.commands.is_none()) {
            return Verdict::NotModelled("the simulation of commands".into());
        }
        let methods = methods.map(|method| answer::method(&method));
        json!({"synced": true, "methods": methods})
    } else {
        json!({"synced": false, "methods": []})
    };
    let (mut recorded, mut ours) = (scope.narrow(recorded), scope.narrow(ours));
    normalise_claims(&mut recorded, &mut ours);
    agree_or(compare::differences(&recorded, &ours))
}

fn agree_or(differences: Vec<compare::Difference>) -> Verdict {
    if differences.is_empty() { Verdict::Agree } else { Verdict::Disagree(differences) }
}
