//! The command `solve-bench`: times scheduling alone, from pods to NodeClaims, as Karpenter's own benchmark does.
//!
//! A file holds one scenario without an answer, or a list of them. Reading, decoding and instance types are done
//! before the clock starts.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use karp_core::model::{PreferencePolicy, RuleSet};
use karp_core::sim::{Outcome, Solution};
use serde_json::Value;

use crate::solving::solve;
use crate::vectors::documents::text;
use crate::vectors::files;
use crate::vectors::scheduling::ScenarioInputs;

/// Time the simulator on benchmark inputs
///
/// Prints a line a file: name, pods, NodeClaims, milliseconds (median).
#[derive(Debug, Clone, Parser)]
#[command(name = "solve-bench")]
pub struct Options {
    /// Files or folders, plain, .gz or .zst
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Runs of which the median is taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Preference policy, in place of the file's: Respect or Ignore
    #[arg(long, value_parser = policy)]
    pub preference_policy: Option<PreferencePolicy>,
}

fn policy(text: &str) -> Result<PreferencePolicy, String> {
    match text {
        "Respect" => Ok(PreferencePolicy::Respect),
        "Ignore" => Ok(PreferencePolicy::Ignore),
        _ => Err("Respect or Ignore".to_owned()),
    }
}

/// One measured scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Pods that were to be scheduled.
    pub pod_count: usize,
    /// NodeClaims that were opened.
    pub node_claim_count: usize,
    /// Pods without a place.
    pub unplaced_count: usize,
    /// Median of the runs.
    pub median: Duration,
}

/// Measures every scenario of a file.
///
/// # Errors
/// When the file cannot be read, or something it needs is missing.
pub fn measure(path: &Path, options: &Options) -> Result<Vec<Measured>> {
    let document = files::read_json(path)?;
    let whole = std::slice::from_ref(&document);
    let scenarios = document.get("scenarios").and_then(Value::as_array).map_or(whole, Vec::as_slice);
    let folder = path.parent().unwrap_or(Path::new("."));
    scenarios
        .iter()
        .map(|scenario| {
            let name = match text(scenario, "name") {
                "" => files::plain_name(path),
                name => name.to_owned(),
            };
            one(scenario, folder, name, options).with_context(|| path.display().to_string())
        })
        .collect()
}

fn one(scenario: &Value, folder: &Path, name: String, options: &Options) -> Result<Measured> {
    let inputs = ScenarioInputs::new(scenario, folder, None)?;
    let mut snapshot = inputs.snapshot(RuleSet::V1_15)?;
    if let Some(policy) = options.preference_policy {
        snapshot.controller.preference_policy = policy;
    }
    let mut times = Vec::new();
    let mut last: Option<Solution> = None;
    for _ in 0..options.runs {
        // Freed outside the clock, as the benchmark of the controller does not time its garbage collector.
        drop(last.take());
        let start = Instant::now();
        let solution =
            solve(&snapshot, &*inputs.provider).map_err(|missing| anyhow!("missing: {missing}"))?;
        times.push(start.elapsed());
        last = Some(solution);
    }
    let solution = last.context("no run was asked for")?;
    times.sort();
    let is_placed = |outcome: &Outcome| matches!(outcome, Outcome::New { .. } | Outcome::Existing { .. });
    Ok(Measured {
        name,
        pod_count: solution.pods.len(),
        node_claim_count: solution.node_claims.len(),
        unplaced_count: solution.pods.iter().filter(|pod| !is_placed(&pod.outcome)).count(),
        median: times[times.len() / 2],
    })
}

/// The whole command; the exit code.
///
/// # Errors
/// When output cannot be written.
pub fn main(options: &Options, stdout: &mut dyn Write, stderr: &mut dyn Write) -> io::Result<u8> {
    let measured = || -> Result<Vec<Measured>> {
        let mut files = Vec::new();
        for path in &options.paths {
            files.extend(files::walk(path)?);
        }
        ensure!(!files.is_empty(), "no scenario found");
        let all: Result<Vec<Vec<Measured>>> = files.iter().map(|path| measure(path, options)).collect();
        Ok(all?.into_iter().flatten().collect())
    };
    match measured() {
        Err(error) => {
            writeln!(stderr, "error: {error:#}")?;
            Ok(2)
        }
        Ok(all) => {
            let width = all.iter().map(|one| one.name.len()).max().unwrap_or_default();
            for one in &all {
                let unplaced = match one.unplaced_count {
                    0 => String::new(),
                    count => format!("  ({count} pods without a place)"),
                };
                let milliseconds = one.median.as_secs_f64() * 1000.0;
                let (name, pods, claims) = (&one.name, one.pod_count, one.node_claim_count);
                writeln!(
                    stdout,
                    "{name:width$}  {pods:>6} pods  {claims:>5} NodeClaims  {milliseconds:>9.1} ms{unplaced}"
                )?;
            }
            Ok(0)
        }
    }
}
