//! Runs the commands in process, as a pipe sees them.

use std::ffi::OsString;
use std::path::Path;

use jiff::Timestamp;
use karp_common::term::{Out, Style};
use karp_core::report::{Error, ExitCode};

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
    let verb: Verb = match verb.as_str() {
        "drain" => kubectl_karp_drain::run,
        "drift" => kubectl_karp_drift::run,
        "explain" => kubectl_karp_explain::run,
        _ => return None,
    };
    let (mut out, captured) = Out::captured(Style::PIPE, Timestamp::UNIX_EPOCH);
    let code = karp_common::cli::run(rest.iter().map(OsString::from).collect(), &mut out, verb);
    Some(Output { stdout: captured.stdout(), stderr: captured.stderr(), exit: code.into() })
}

/// A verb's own `run`.
type Verb = fn(Vec<OsString>, &mut Out<'_>) -> Result<ExitCode, Error>;

/// The table and the JSON form of a case's command.
pub(super) fn outputs(case: &Case, folder: &Path) -> Option<[Output; 2]> {
    let from = folder.join("cluster.yaml").display().to_string();
    let words = |format: &[&str]| -> Vec<String> {
        let source = ["--from", &from, "--at", &case.taken_at, "--karpenter", &case.karpenter];
        case.words().into_iter().chain(source.iter().chain(format).map(|word| (*word).to_owned())).collect()
    };
    Some([run_cli(&words(&[]))?, run_cli(&words(&["-o", "json"]))?])
}
