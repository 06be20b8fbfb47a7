//! AWS vectors: what the real AWS controller launched for which pods, and how it models instance types.
//!
//! `launch.json` is compared from the pods to the request to EC2 and the NodeClaim after it, `nodes.json` from an
//! instance type to labels, capacity and allocatable. The account they were recorded in stands in `data` beside
//! them, its instance types are those of the embedded catalog. Ties in price are free, as the controller leaves
//! them to chance; nothing else is.

mod account;
mod fleet;
mod launch;
mod nodes;
mod round;

use anyhow::Result;
use karp_core::model::RuleSet;
use serde_json::Value;

use super::documents::text;
use super::{Document, Family, Job, JobKey, Options, Verdict};
use account::Account;

/// Launch scenarios: names `AL-nn`.
#[derive(Debug)]
pub(super) struct Launch;

/// One node per entry.
#[derive(Debug)]
pub(super) struct Nodes;

impl Family for Launch {
    fn recognises(&self, document: &Document) -> bool {
        document.any_answer(|answer| answer.get("nodeClaims").is_some() && answer.get("synced").is_none())
    }

    fn jobs(&self, document: &Document, options: &Options) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for scenario in document.list("scenarios") {
            let name = text(scenario, "name");
            if options.wants_name(name) && options.wants_rules(RuleSet::V1_15) {
                let varies = scenario.get("varies").map(Value::to_string);
                let account = Account::of(document.folder(), "launch")?;
                let owned = scenario.clone();
                let run = Box::new(move || verdict(launch::differences(&account, &owned)));
                jobs.push(job(document, name.to_owned(), "AL", varies, run));
            }
        }
        Ok(jobs)
    }
}

impl Family for Nodes {
    fn recognises(&self, document: &Document) -> bool {
        !document.list("nodes").is_empty() && !document.list("nodeClasses").is_empty()
    }

    fn jobs(&self, document: &Document, options: &Options) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for node in document.list("nodes") {
            let name = format!("{} {}", text(node, "nodeClass"), text(node, "instanceType"));
            if options.wants_name(&name) && options.wants_rules(RuleSet::V1_15) {
                let account = Account::of(document.folder(), "launch")?;
                let (node, classes) = (node.clone(), document.list("nodeClasses").to_vec());
                let run = Box::new(move || verdict(nodes::differences(&account, &classes, &node)));
                jobs.push(job(document, name, "nodes", None, run));
            }
        }
        Ok(jobs)
    }
}

fn job(
    document: &Document,
    name: String,
    group: &str,
    varies: Option<String>,
    run: Box<dyn FnOnce() -> Verdict + Send>,
) -> Job {
    Job {
        key: JobKey { inputs: document.path.clone(), name, rules: RuleSet::V1_15 },
        group: group.to_owned(),
        source: document.path.clone(),
        varies,
        run,
    }
}

fn verdict(differences: Result<Vec<super::compare::Difference>>) -> Verdict {
    match differences {
        Ok(differences) if differences.is_empty() => Verdict::Agree,
        Ok(differences) => Verdict::Disagree(differences),
        Err(error) => Verdict::Disagree(vec![super::compare::Difference::failure(format!("{error:#}"))]),
    }
}
