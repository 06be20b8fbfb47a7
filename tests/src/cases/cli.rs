//! The command `cases`: runs every case below the paths and prints how it ended.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

use super::{Case, Verdict, check};

/// Run the commands of cases and check their answers by the matching rules
///
/// Exits 0 when none fails, 1 when one does, 2 when there is no case or one cannot be read.
#[derive(Debug, Clone, Parser)]
#[command(name = "cases")]
pub struct Options {
    /// Folders of cases, or of one case
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Run only cases whose name begins so
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Print why cases fail
    #[arg(long)]
    pub diff: bool,
}

/// One case that ran.
#[derive(Debug)]
pub struct Run {
    /// The case.
    pub case: Case,
    /// How it ended.
    pub verdict: Verdict,
}

/// How many passed, failed, or have no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Passed.
    pub pass: usize,
    /// Failed.
    pub fail: usize,
    /// Without a command.
    pub not_yet: usize,
}

impl Count {
    /// Counts one.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::Fail(_) => self.fail += 1,
            Verdict::NotYet(_) => self.not_yet += 1,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "pass {}  fail {}  not yet {}", self.pass, self.fail, self.not_yet)
    }
}

/// Runs every case below the paths, by name.
///
/// # Errors
/// When a case cannot be read, naming the file.
pub fn run(options: &Options) -> Result<Vec<Run>> {
    let mut folders = Vec::new();
    for path in &options.paths {
        find(path, &mut folders)?;
    }
    folders.sort();
    folders.dedup();
    let mut runs = Vec::new();
    for folder in folders {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only.as_str())) {
            let (case, verdict) = check(&folder)?;
            runs.push(Run { case, verdict });
        }
    }
    Ok(runs)
}

fn find(path: &Path, folders: &mut Vec<PathBuf>) -> Result<()> {
    if path.ends_with("case.json") {
        folders.extend(path.parent().map(Path::to_owned));
        return Ok(());
    }
    if path.join("case.json").is_file() {
        folders.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
        if entry.is_dir() {
            find(&entry, folders)?;
        }
    }
    Ok(())
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
        writeln!(stderr, "error: no case found")?;
        return Ok(2);
    }
    let mut count = Count::default();
    for Run { case, verdict } in &runs {
        count.add(verdict);
        match verdict {
            Verdict::Pass => writeln!(stdout, "pass     {}", case.id)?,
            Verdict::NotYet(why) => writeln!(stdout, "not yet  {}: {why}", case.id)?,
            Verdict::Fail(failures) => {
                writeln!(stdout, "fail     {}: {} reasons", case.id, failures.len())?;
                let shown = failures.iter().filter(|_| options.diff);
                shown.into_iter().try_for_each(|failure| writeln!(stdout, "         {failure}"))?;
            }
        }
    }
    writeln!(stdout, "{count}")?;
    Ok(u8::from(count.fail > 0))
}
