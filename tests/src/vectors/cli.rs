//! The command `vectors`: reads PATHs, runs every job, prints differences and the score.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow};
use clap::Parser;
use karp_core::model::RuleSet;

use super::{Document, FAMILIES, Job, JobKey, RULE_SETS, Score, Verdict, files};

/// Compare our answers with recorded answers of the real controllers
///
/// Exits 0 when none disagrees, 1 when one does, 2 when there is no scenario or a file cannot be read.
#[derive(Debug, Clone, Parser)]
#[command(name = "vectors")]
pub struct Options {
    /// Files or folders, plain, .gz or .zst
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Rules to check, main-2026-08 or 1.15; default both
    #[arg(long, value_parser = rule_set)]
    pub rules: Option<RuleSet>,
    /// Run only scenarios of this name; a * at the end stands for the rest
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Print every difference
    #[arg(long)]
    pub diff: bool,
}

fn rule_set(text: &str) -> Result<RuleSet, String> {
    let known = RULE_SETS.into_iter().find(|rules| rules.name() == text);
    known.ok_or_else(|| format!("known are {}", RULE_SETS.map(RuleSet::name).join(" and ")))
}

impl Options {
    /// All scenarios below these paths, both rule sets.
    pub fn all(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { paths: paths.into_iter().collect(), rules: None, only: Vec::new(), diff: false }
    }

    /// Whether scenarios of this name are asked for.
    pub fn wants_name(&self, name: &str) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|only| match only.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == only,
            })
    }

    /// Whether these rules are asked for.
    pub fn wants_rules(&self, rules: RuleSet) -> bool {
        self.rules.is_none_or(|only| only == rules)
    }
}

/// One job that ran.
#[derive(Debug)]
pub struct Run {
    /// What it was.
    pub key: JobKey,
    /// Group it counts in.
    pub group: String,
    /// File that holds the answer.
    pub source: PathBuf,
    /// In what the controller's own runs differed; none = stable.
    pub varies: Option<String>,
    /// How it compares.
    pub verdict: Verdict,
}

/// Runs every scenario below the paths, files in parallel; the order of the result is that of the files.
///
/// # Errors
/// When a file cannot be read, naming it.
pub fn run(options: &Options) -> Result<Vec<Run>> {
    let mut paths = Vec::new();
    for path in &options.paths {
        for file in files::walk(path)? {
            if !paths.contains(&file) {
                paths.push(file);
            }
        }
    }
    let (next, seen) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let worker = || -> Result<Vec<(usize, Vec<Run>)>> {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(at) else { return Ok(done) };
            let document = Document::read(path)?;
            let family = FAMILIES.iter().find(|family| family.recognises(&document));
            let jobs = family.map_or(Ok(Vec::new()), |family| family.jobs(&document, options))?;
            drop(document);
            let new = |job: &Job| seen.lock().is_ok_and(|mut seen| seen.insert(job.key.clone()));
            done.push((at, jobs.into_iter().filter(|job| new(job)).map(finish).collect()));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len().max(1));
    let mut runs = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for thread in threads {
            runs.extend(thread.join().map_err(|_| anyhow!("a scenario made the runner panic"))??);
        }
        Ok(())
    })?;
    runs.sort_by_key(|(at, _)| *at);
    Ok(runs.into_iter().flat_map(|(_, runs)| runs).collect())
}

fn finish(job: Job) -> Run {
    Run { verdict: (job.run)(), key: job.key, group: job.group, source: job.source, varies: job.varies }
}

/// The whole command; the exit code.
///
/// # Errors
/// When output cannot be written.
pub fn main(options: &Options, stdout: &mut dyn Write, stderr: &mut dyn Write) -> io::Result<u8> {
    let runs = match run(options) {
        Ok(runs) => runs,
        Err(error) => {
            writeln!(stderr, "error: {error:#}")?;
            return Ok(2);
        }
    };
    if runs.is_empty() {
        writeln!(stderr, "error: no scenario found")?;
        return Ok(2);
    }
    let mut score = Score::default();
    for run in &runs {
        score.add(&run.group, &run.verdict);
        print(run, options, stdout)?;
    }
    writeln!(stdout, "{score}")?;
    Ok(u8::from(score.total.disagree > 0))
}

fn print(run: &Run, options: &Options, stdout: &mut dyn Write) -> io::Result<()> {
    let name = format!("{} [{}] in {}", run.key.name, run.key.rules, files::plain_name(&run.source));
    match &run.verdict {
        Verdict::Disagree(differences) => {
            let varies =
                run.varies.as_ref().map_or(String::new(), |what| format!(", controller varies: {what}"));
            writeln!(stdout, "disagree  {name}: {} differences{varies}", differences.len())?;
            if options.diff {
                differences.iter().try_for_each(|difference| writeln!(stdout, "{difference}"))?;
            }
        }
        Verdict::NotModelled(what) if options.diff || !options.only.is_empty() => {
            writeln!(stdout, "not modelled  {name}: {what}")?;
        }
        Verdict::Agree if !options.only.is_empty() => writeln!(stdout, "agree  {name}")?,
        _ => {}
    }
    Ok(())
}
