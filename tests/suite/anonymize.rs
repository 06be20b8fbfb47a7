//! `snapshot --anonymize` keeps every answer: on each recorded scenario the simulator says about the anonymous cluster
//! what it says about the real one, name by name.

use anyhow::{Context, Result, ensure};
use karp_core::anonymize::{Names, anonymize, names_of};
use karp_core::model::{RuleSet, Snapshot};
use karp_core::provider::{CloudProvider, KwokProvider};
use karp_core::sim::{SolveOptions, solve};
use karp_tests::vectors::Document;
use karp_tests::vectors::files::walk;
use karp_tests::vectors::scheduling::{ScenarioInputs, answer};
use serde_json::Value;

use crate::in_package;

#[test]
fn anonymous_clusters_get_the_same_answers() -> Result<()> {
    let mut compared = 0;
    for path in walk(&in_package("vectors/scheduling"))? {
        let document = Document::read(&path)?;
        for scenario in document.list("scenarios") {
            let name = scenario["name"].as_str().unwrap_or_default().to_owned();
            let Ok(inputs) = ScenarioInputs::new(scenario, document.folder(), None) else { continue };
            let snapshot = inputs.snapshot(RuleSet::V1_15)?;
            compare(&snapshot, &inputs.provider).with_context(|| name)?;
            compared += 1;
        }
    }
    ensure!(compared > 600, "only {compared} scenarios were compared");
    Ok(())
}

fn compare(snapshot: &Snapshot, provider: &KwokProvider) -> Result<()> {
    let names = names_of(snapshot, provider.labels());
    let (anonymous, _) = anonymize(snapshot, provider.labels());
    let real = renamed(&answer_of(snapshot, provider), &names);
    let anonymous = answer_of(&anonymous, provider);
    ensure!(without_hints(&real) == without_hints(&anonymous), "renamed {real:#}\nanonymous {anonymous:#}");
    Ok(())
}

fn answer_of(snapshot: &Snapshot, provider: &KwokProvider) -> Value {
    answer(&solve(snapshot, provider, &SolveOptions::guessed(snapshot)), false)
}

/// Annotation with the hash of a NodePool.
const HASH: &str = "karpenter.sh/nodepool-hash";

/// The answer with every name replaced; keys are names only where they are keys of labels.
fn renamed(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) => names.text(text).into(),
        Value::Array(list) => list.iter().map(|item| renamed(item, names)).collect(),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                let renamed_keys = matches!(key.as_str(), "labels" | "annotations");
                let value = match value {
                    Value::Object(inner) if renamed_keys => inner
                        .iter()
                        // The hash of a NodePool with other names is another one.
                        .filter(|(key, _)| *key != HASH)
                        .map(|(key, value)| (names.name(key).to_string(), renamed(value, names)))
                        .collect::<serde_json::Map<_, _>>()
                        .into(),
                    _ if key == "outcome" => value.clone(),
                    value => renamed(value, names),
                };
                (key.clone(), value)
            };
            map.iter().map(entry).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Karpenter guesses what a misspelt label was meant to be by its letters, which are not the same any more.
fn without_hints(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text.clone();
            while let Some(start) = text.find(" (typo of ") {
                let end = text[start..].find("?)").map_or(text.len(), |end| start + end + 2);
                text.replace_range(start..end, "");
            }
            text.into()
        }
        Value::Array(list) => list.iter().map(without_hints).collect(),
        Value::Object(map) => {
            let entries = map.iter().filter(|(key, _)| *key != HASH);
            entries
                .map(|(key, value)| (key.clone(), without_hints(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}
