//! Flags and lines of the command.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use karp_core::model::PreferencePolicy;

use super::measure::{Measured, measure};
use super::scenario::{Generated, Scenario};
use super::{cluster, dump};
use crate::vectors::files;

/// Time the simulator on recorded and generated inputs
///
/// Prints a line per input: name, pods, NodeClaims, milliseconds (median), pods per second, peak memory.
#[derive(Debug, Clone, Parser)]
#[command(name = "solve-bench")]
pub struct Options {
    /// Files or folders, plain, .gz or .zst
    #[arg(required_unless_present_any = ["generated", "write_dump"])]
    pub paths: Vec<PathBuf>,
    /// Inputs to make
    #[arg(long, value_enum, value_delimiter = ',')]
    pub generated: Vec<Generated>,
    /// Runs of which the median is taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Preference policy, in place of the file's: Respect or Ignore
    #[arg(long, value_parser = policy)]
    pub preference_policy: Option<PreferencePolicy>,
    /// Also measure with twice the pods and print how the time grew
    #[arg(long)]
    pub growth: bool,
    /// Write the generated cluster as `kubectl get -o json` would; .zst is packed
    #[arg(long, value_name = "FILE")]
    pub write_dump: Option<PathBuf>,
}

fn policy(text: &str) -> Result<PreferencePolicy, String> {
    match text {
        "Respect" => Ok(PreferencePolicy::Respect),
        "Ignore" => Ok(PreferencePolicy::Ignore),
        _ => Err("Respect or Ignore".to_owned()),
    }
}

/// The whole command; the exit code.
///
/// # Errors
/// When output cannot be written.
pub fn main(options: &Options, stdout: &mut dyn Write, stderr: &mut dyn Write) -> io::Result<u8> {
    match run(options, stdout) {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast::<io::Error>() {
            Ok(error) => Err(error),
            Err(error) => {
                writeln!(stderr, "error: {error:#}")?;
                Ok(2)
            }
        },
    }
}

fn run(options: &Options, stdout: &mut dyn Write) -> Result<()> {
    if let Some(path) = &options.write_dump {
        let bytes = dump::write(path, cluster::Size::default())?;
        writeln!(stdout, "{}: {bytes} bytes of JSON", path.display())?;
    }
    let mut files = Vec::new();
    for path in &options.paths {
        files.extend(files::walk(path)?);
    }
    ensure!(options.paths.is_empty() || !files.is_empty(), "no scenario found");
    for path in &files {
        for scenario in Scenario::of_file(path)? {
            report(options, scenario, |scenario| Ok(scenario.with_pods_doubled()), stdout)?;
        }
    }
    for generated in &options.generated {
        report(options, generated.scenario(1)?, |_| generated.scenario(2), stdout)?;
    }
    Ok(())
}

/// Measures one input, prints its line; `double` makes it twice as large.
fn report(
    options: &Options,
    mut scenario: Scenario,
    double: impl FnOnce(Scenario) -> Result<Scenario>,
    stdout: &mut dyn Write,
) -> Result<()> {
    let settle = |scenario: &mut Scenario| {
        if let Some(policy) = options.preference_policy {
            scenario.snapshot.controller.preference_policy = policy;
        }
    };
    settle(&mut scenario);
    let once = measure(&scenario, options.runs)?;
    write!(stdout, "{}", line(&once))?;
    if options.growth {
        stdout.flush()?;
        let mut doubled = double(scenario)?;
        settle(&mut doubled);
        let twice = measure(&doubled, options.runs)?;
        let growth = twice.median.as_secs_f64() / once.median.as_secs_f64();
        write!(stdout, "  x{growth:.2} at 2n")?;
    }
    Ok(writeln!(stdout)?)
}

fn line(one: &Measured) -> String {
    let milliseconds = one.median.as_secs_f64() * 1000.0;
    let peak = one.peak_bytes.map_or("?".to_owned(), |bytes| (bytes >> 20).to_string());
    let (name, pods, claims, rate) = (&one.name, one.pod_count, one.node_claim_count, one.rate());
    let unplaced = match one.unplaced_count {
        0 => String::new(),
        count => format!("  ({count} pods without a place)"),
    };
    format!(
        "{name:<18}  {pods:>6} pods  {claims:>5} NodeClaims  {milliseconds:>8.1} ms  {rate:>9.0} pods/s  \
         {peak:>5} MiB{unplaced}"
    )
}
