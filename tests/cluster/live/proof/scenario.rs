//! A scenario is a YAML file of `scenarios/`: add a file, get a test.
//!
//! Head comments: `# about:` what it is for; `# env: NAME=VALUE …` settings of the controller;
//! `# unready` where a NodePool is meant not to get ready; `# in-flight` where the nodes of the first
//! phase have been launched and have not joined. A line `# then` parts what happens before
//! (Karpenter acts on it, and its pods must run) from the batch that is compared; without one all of
//! the file is the batch. Of the batch, what is no workload is created first, so that NodePools are
//! ready when the pods appear. A KWOKNodeClass `default` exists always.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// One scenario, parsed no further than needed: kubectl reads the YAML.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Name of the file without its ending.
    pub(crate) name: String,
    /// Settings of the controller.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether its NodePools get ready.
    pub(crate) is_ready: bool,
    /// Whether nodes of the first phase are still on their way when the batch comes.
    pub(crate) is_in_flight: bool,
    /// What exists before the batch.
    pub(crate) before: Phase,
    /// The batch.
    pub(crate) batch: Phase,
}

/// Objects that are created together, as YAML text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase {
    /// NodePools, Nodes, StorageClasses, …
    pub(crate) surroundings: String,
    /// Pods and the controllers that make pods.
    pub(crate) workloads: String,
}

const WORKLOADS: [&str; 6] = ["Pod", "Deployment", "StatefulSet", "Job", "ReplicaSet", "CapacityBuffer"];

/// Seeds of the random scenarios. Raise the end to play more.
const SEEDS: std::ops::Range<u64> = 1..21;

/// All scenarios: the files by name, then the random ones.
pub(crate) fn all() -> Result<Vec<Scenario>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut scenarios = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            scenarios.push(Scenario::parse(name, &fs::read_to_string(&path)?));
        }
    }
    scenarios.sort_by(|one, other| one.name.cmp(&other.name));
    scenarios.extend(SEEDS.map(super::random::scenario));
    Ok(scenarios)
}

/// Settings of every scenario: a batch stays open for longer than a second, or a busy machine parts it.
pub(super) fn patience() -> BTreeMap<String, String> {
    let settings = [("BATCH_IDLE_DURATION", "3s"), ("BATCH_MAX_DURATION", "20s")];
    settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

impl Scenario {
    /// Reads the head comments and parts the objects.
    pub(crate) fn parse(name: String, text: &str) -> Self {
        let head = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(key)).map(str::trim)
        };
        let mut environment = patience();
        let own = head("env:").unwrap_or_default().split_whitespace();
        let own = own.filter_map(|pair| pair.split_once('='));
        environment.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let (before, batch) = text.split_once("\n# then").unwrap_or(("", text));
        Self {
            name,
            environment,
            is_ready: head("unready").is_none(),
            is_in_flight: head("in-flight").is_some(),
            before: Phase::parse(before),
            batch: Phase::parse(batch),
        }
    }
}

impl Phase {
    fn parse(text: &str) -> Self {
        let mut phase = Self::default();
        for document in text
            .split("\n---")
            .filter(|document| document.contains("\nkind:") || document.starts_with("kind:"))
        {
            let kind =
                document.lines().find_map(|line| line.strip_prefix("kind:")).unwrap_or_default().trim();
            let target =
                if WORKLOADS.contains(&kind) { &mut phase.workloads } else { &mut phase.surroundings };
            target.push_str("---\n");
            target.push_str(document.trim_start_matches(|letter| letter != '\n'));
            target.push('\n');
        }
        phase
    }
}
