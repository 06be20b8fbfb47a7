//! Kinds of vectors whose comparison is not written yet: every scenario is counted as not modelled.

use karp_core::model::RuleSet;

use super::documents::text;
use super::{Document, Family, Job, JobKey, Options, Verdict};

/// The AWS provider: launch, drift, nodes.
pub(super) const AWS: Pending = Pending {
    group: "aws",
    what: "the AWS provider's drift",
    rules: &[RuleSet::V1_15],
    recognises: |document| {
        document.any_answer(|answer| answer.get("synced").is_none()) || !document.list("nodes").is_empty()
    },
};

/// A kind that is only counted.
pub(super) struct Pending {
    group: &'static str,
    what: &'static str,
    rules: &'static [RuleSet],
    recognises: fn(&Document) -> bool,
}

impl Family for Pending {
    fn recognises(&self, document: &Document) -> bool {
        (self.recognises)(document)
    }

    fn jobs(&self, document: &Document, options: &Options) -> anyhow::Result<Vec<Job>> {
        let entries = document.list("scenarios").iter().chain(document.list("nodes"));
        let names: Vec<String> = entries
            .enumerate()
            .map(|(position, entry)| match text(entry, "name") {
                "" => format!("number {}", position + 1),
                name => name.to_owned(),
            })
            .collect();
        let mut jobs = Vec::new();
        for name in names.into_iter().filter(|name| options.wants_name(name)) {
            for rules in self.rules.iter().copied().filter(|rules| options.wants_rules(*rules)) {
                let what = self.what;
                jobs.push(Job {
                    key: JobKey { inputs: document.path.clone(), name: name.clone(), rules },
                    group: self.group.to_owned(),
                    source: document.path.clone(),
                    varies: None,
                    run: Box::new(move || Verdict::NotModelled(what.to_owned())),
                });
            }
        }
        Ok(jobs)
    }
}
