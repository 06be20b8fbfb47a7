//! Recorded answers of the real controllers, and how ours compare with them.
//!
//! ```text
//! PATHs ─► files (walk, read) ─► Family (parse, one Job per scenario × rule set) ─► Verdict ─► Score
//! ```
//!
//! A [`Family`] is a kind of vector: a parser and a comparer. Adding one means a module that implements the
//! trait and a line in [`FAMILIES`]. Nothing here knows the name of a scenario or a file.

mod aws;
mod aws_drift;
mod cli;
pub mod compare;
pub mod disruption;
pub mod documents;
pub mod files;
pub mod scheduling;
mod score;

use std::path::PathBuf;

use karp_core::model::RuleSet;

pub use cli::{Options, Run, main, run};
pub use documents::Document;
pub use score::{Count, Score};

/// The kinds of vectors that are known, tried in this order.
pub const FAMILIES: &[&dyn Family] =
    &[&scheduling::Scheduling, &disruption::Disruption, &aws_drift::AwsDrift, &aws::Launch, &aws::Nodes];

/// A kind of vector.
pub trait Family: Sync {
    /// Whether the document is of this kind.
    fn recognises(&self, document: &Document) -> bool;

    /// One job per scenario and rule set that `options` ask for. The same scenario reached by two files must
    /// have equal keys: it counts once.
    ///
    /// # Errors
    /// When the document, or a file it refers to, cannot be read: a fault of the vectors, not of our answers.
    fn jobs(&self, document: &Document, options: &Options) -> anyhow::Result<Vec<Job>>;
}

/// One scenario under one rule set, ready to be run.
pub struct Job {
    /// What makes it one: where its inputs are, its name, its rules.
    pub key: JobKey,
    /// Group it is counted in.
    pub group: String,
    /// File that holds the answer.
    pub source: PathBuf,
    /// In what the controller's own runs differed; none = stable.
    pub varies: Option<String>,
    /// Computes our answer and compares.
    pub run: Box<dyn FnOnce() -> Verdict + Send>,
}

/// What makes a job one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// Folder or file that holds the inputs.
    pub inputs: PathBuf,
    /// Name of the scenario.
    pub name: String,
    /// Rules.
    pub rules: RuleSet,
}

/// How our answer compares with the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Equal in everything.
    Agree,
    /// Not equal: what differs.
    Disagree(Vec<compare::Difference>),
    /// Something the scenario needs is missing here.
    NotModelled(String),
}

/// Rule sets for which answers were recorded.
pub const RULE_SETS: [RuleSet; 2] = [RuleSet::Main202608, RuleSet::V1_15];
