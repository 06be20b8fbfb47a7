//! `snapshot --anonymize` keeps every answer: on each recorded scenario the simulator, and on each real report the
//! command, says about the anonymous cluster what it says about the real one, name by name; and no name is left.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use karp_common::snapshot::{Input, Packing, SnapshotOptions, read, write};
use karp_common::term::{Out, Style};
use karp_core::anonymize::{Names, anonymize, names_of};
use karp_core::model::{RuleSet, Snapshot};
use karp_core::provider::{CloudProvider, KwokProvider, aws};
use karp_core::sim::{SolveOptions, solve};
use karp_tests::cases::{Case, run_cli};
use karp_tests::vectors::Document;
use karp_tests::vectors::files::walk;
use karp_tests::vectors::scheduling::{ScenarioInputs, answer};
use serde_json::Value;

use crate::in_package;

#[test]
fn anonymous_clusters_get_the_same_answers() -> Result<()> {
    let (mut compared, mut failures) = (0, Vec::new());
    for path in walk(&in_package("vectors/scheduling"))? {
        let document = Document::read(&path)?;
        for scenario in document.list("scenarios") {
            let name = scenario["name"].as_str().unwrap_or_default().to_owned();
            let Ok(inputs) = ScenarioInputs::new(scenario, document.folder(), None) else { continue };
            let snapshot = inputs.snapshot(RuleSet::V1_15)?;
            if let Err(error) = compare_solutions(&snapshot, &inputs.provider) {
                failures.push(format!("{name}: {error:#}"));
            }
            compared += 1;
        }
    }
    ensure!(failures.is_empty(), "{} of {compared}:\n{}", failures.len(), failures.join("\n"));
    ensure!(compared > 600, "only {compared} scenarios were compared");
    Ok(())
}

fn compare_solutions(snapshot: &Snapshot, provider: &KwokProvider) -> Result<()> {
    let names = names_of(snapshot, provider.labels());
    let (anonymous, replaced) = anonymize(snapshot, provider.labels());
    no_name_left(&anonymous, &names)?;
    let words = words_of(provider, snapshot);
    let real = renamed(&answer_of(snapshot, provider), "", &names, &words);
    let ours = without_hashes(&answer_of(&anonymous, provider));
    match replaced.not_kept.as_slice() {
        [] => same(&real, &ours),
        [lost] if lost.contains("guesses") => same(&without_guesses(&real), &without_guesses(&ours)),
        lost => bail!("{lost:?}"),
    }
}

/// What is no name although it may look like one: values of the provider's own labels by key, and instance types.
type Words = BTreeSet<(String, String)>;

/// Those of a provider: `c` is an instance family, `c-4x-amd64-linux` a type.
fn words_of(provider: &KwokProvider, snapshot: &Snapshot) -> Words {
    let mut words = Words::new();
    for pool in &snapshot.objects.node_pools {
        let Ok(types) = provider.instance_types(pool) else { continue };
        for one in types.iter() {
            for field in ["instanceTypes", "node.kubernetes.io/instance-type"] {
                words.insert((field.to_owned(), one.name.to_string()));
            }
            let offered = one.offerings.iter().map(|offering| &offering.requirements);
            for requirement in std::iter::once(&one.requirements).chain(offered).flat_map(|all| all.iter()) {
                for spec in requirement.to_specs() {
                    for value in &spec.values {
                        words.insert((spec.key.to_string(), value.to_string()));
                    }
                }
            }
        }
    }
    words
}

/// Without Karpenter's guesses at what a misspelt label was meant to be.
fn without_guesses(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text.clone();
            while let Some(start) = text.find(" (typo of ") {
                let end = text[start..].find("?)").map_or(text.len(), |end| start + end + 2);
                text.replace_range(start..end, "");
            }
            text.into()
        }
        Value::Array(list) => list.iter().map(without_guesses).collect(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), without_guesses(value)));
            entries.collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn answer_of(snapshot: &Snapshot, provider: &KwokProvider) -> Value {
    answer(&solve(snapshot, provider, &SolveOptions::guessed(snapshot)), false)
}

#[test]
fn anonymous_reports_get_the_same_answers() -> Result<()> {
    let folders = std::fs::read_dir(in_package("cases"))?;
    let mut folders: Vec<_> = folders.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    let mut failures = Vec::new();
    for folder in folders.into_iter().filter(|folder| folder.join("case.json").is_file()) {
        if let Err(error) = compare_reports(&folder).with_context(|| folder.display().to_string()) {
            failures.push(format!("{error:#}"));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn compare_reports(folder: &Path) -> Result<()> {
    let case = Case::read(folder)?;
    let (mut out, _) = Out::captured(Style::PIPE, jiff::Timestamp::UNIX_EPOCH);
    let input = Input {
        from: vec![folder.join("cluster.yaml").display().to_string()],
        options: SnapshotOptions { at: case.taken_at.parse().ok(), karpenter: Some(case.karpenter.clone()) },
        ..Input::default()
    };
    let snapshot = read(&input, &mut out).map_err(|error| anyhow::anyhow!("{error}"))?;
    let profile = aws::label_profile();
    let names = names_of(&snapshot, &profile);
    let (anonymous, replaced) = anonymize(&snapshot, &profile);
    ensure!(replaced.not_kept.is_empty(), "{:?}", replaced.not_kept);
    no_name_left(&anonymous, &names)?;
    // A verb that does not exist yet has no answer to keep.
    let Some(real) = report(&case, &snapshot, |word| word.to_owned())? else { return Ok(()) };
    let ours = report(&case, &anonymous, |word| names.names_in(word))?.context("no answer")?;
    same(&renamed(&real, "", &names, &Words::new()), &without_hashes(&ours))
}

/// What the command of a case prints as JSON about a snapshot.
fn report(case: &Case, snapshot: &Snapshot, argument: impl Fn(&str) -> String) -> Result<Option<Value>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cluster.json");
    let opened = std::fs::File::create(&file)?;
    write(snapshot, Packing::Plain, opened).map_err(|error| anyhow::anyhow!("{error}"))?;
    let words = case.words().into_iter().enumerate().map(|(at, word)| {
        // The verb and flags are no names.
        if at == 0 || word.starts_with('-') { word } else { argument(&word) }
    });
    let path = file.display().to_string();
    let more = ["--from", &path, "--karpenter", &case.karpenter, "-o", "json"].map(str::to_owned);
    let Some(output) = run_cli(&words.chain(more).collect::<Vec<_>>()) else { return Ok(None) };
    let text = output.stdout.replace(&path, "FILE");
    serde_json::from_str(&text).map(Some).with_context(|| format!("{text}{}", output.stderr))
}

fn same(real: &Value, anonymous: &Value) -> Result<()> {
    let differences = karp_tests::vectors::compare::differences(real, anonymous);
    let first: Vec<String> = differences.iter().take(3).map(|one| format!("{one:?}")).collect();
    ensure!(differences.is_empty(), "{} differences: {}", differences.len(), first.join("; "));
    Ok(())
}

/// Annotations with hashes: the hash of an object with other names is another one.
const HASHES: [&str; 2] = ["karpenter.sh/nodepool-hash", "karpenter.k8s.aws/ec2nodeclass-hash"];

fn without_hashes(value: &Value) -> Value {
    renamed(value, "", &Names::default(), &Words::new())
}

/// The answer with every name replaced. `field` is the field that the value stands in, or its label.
fn renamed(value: &Value, field: &str, names: &Names, words: &Words) -> Value {
    match value {
        Value::String(text) if words.contains(&(field.to_owned(), text.clone())) => value.clone(),
        Value::String(text) => names.names_in(text).into(),
        Value::Array(list) => list.iter().map(|item| renamed(item, field, names, words)).collect(),
        Value::Object(map) => {
            let label = map.get("key").and_then(Value::as_str);
            let entries = map.iter().filter(|(key, _)| !HASHES.contains(&key.as_str()));
            entries
                .map(|(key, value)| {
                    let value = match (key.as_str(), label) {
                        // Words of the API.
                        ("outcome" | "verdict" | "kind" | "apiVersion", _) => value.clone(),
                        ("values" | "value", Some(label)) => renamed(value, label, names, words),
                        _ => renamed(value, key, names, words),
                    };
                    // Other keys are fields.
                    let is_label = matches!(field, "labels" | "annotations");
                    (if is_label { names.names_in(key) } else { key.clone() }, value)
                })
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

/// Every name that was replaced is gone from the file.
fn no_name_left(anonymous: &Snapshot, names: &Names) -> Result<()> {
    let mut bytes = Vec::new();
    write(anonymous, Packing::Plain, &mut bytes).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut texts = BTreeSet::new();
    collect_texts("", &serde_json::from_slice(&bytes)?, &mut texts);
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let stands_in = |text: &str, name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let ends = |letter: Option<char>| !letter.is_some_and(is_word);
            ends(text[..at].chars().next_back()) && ends(text[at + name.len()..].chars().next())
        })
    };
    for name in names.known().filter(|name| names.name(name) != **name) {
        let left = texts.iter().find(|text| stands_in(text, name));
        ensure!(left.is_none(), "{name} is still there: {left:?}");
    }
    Ok(())
}

/// Texts of a document that are not words of the API: values, and keys of labels.
fn collect_texts(field: &str, value: &Value, texts: &mut BTreeSet<String>) {
    const API: [&str; 8] =
        ["apiVersion", "kind", "group", "apiGroup", "operator", "effect", "reportingComponent", "component"];
    const LABELS: [&str; 6] = ["labels", "annotations", "matchLabels", "nodeSelector", "selector", "tags"];
    match value {
        Value::String(text) if !API.contains(&field) => {
            texts.insert(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|one| collect_texts(field, one, texts)),
        Value::Object(map) => {
            for (key, value) in map {
                if LABELS.contains(&field) && value.is_string() {
                    texts.insert(key.clone());
                }
                collect_texts(key, value, texts);
            }
        }
        _ => {}
    }
}
