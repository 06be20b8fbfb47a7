//! Situations from real reports, and whether a command's answer is right by the matching rules.
//!
//! ```text
//! case.json + cluster.yaml ─► command (table, JSON) ─► Report ─► verdict, facts, causes, changes ─► Pass
//! ```
//!
//! The rules are written down in `tests/cases/README.md`; each module is one of its sections. A command that does
//! not exist is never a pass. Nothing here knows a case by name.

mod case;
mod causes;
mod changes;
mod cli;
mod cluster;
mod command;
mod edits;
mod facts;
mod kinds;
mod quantities;
mod report;
mod screen;
mod spelling;
mod tree;
mod verdicts;

use std::path::Path;

use anyhow::Result;

pub use case::Case;
pub use cli::{Count, Options, Run, main, run};
pub use command::{Output, run_cli};

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything passes.
    Pass,
    /// What does not, a sentence each.
    Fail(Vec<String>),
    /// The command does not exist.
    NotYet(String),
}

/// Runs a case.
///
/// # Errors
/// When the case itself cannot be read.
pub fn check(folder: &Path) -> Result<(Case, Verdict)> {
    let case = Case::read(folder)?;
    let cluster = cluster::Cluster::read(&folder.join("cluster.yaml"))?;
    let Some(output) = command::outputs(&case, folder) else {
        let verb = case.verb().to_owned();
        return Ok((case, Verdict::NotYet(format!("there is no command {verb}"))));
    };
    let verdict = match report::Report::new(&case, &cluster, &output) {
        Err(failure) => Verdict::Fail(vec![failure]),
        Ok(report) => {
            let mut failures = verdicts::failures(&case, &cluster, &report);
            failures.extend(facts::failures(&case, &cluster, &report));
            failures.extend(causes::failures(&case, &report));
            failures.extend(changes::failures(&case, &cluster, &report));
            if failures.is_empty() { Verdict::Pass } else { Verdict::Fail(failures) }
        }
    };
    Ok((case, verdict))
}
