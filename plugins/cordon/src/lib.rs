//! `kubectl karp cordon`: both verbs of this pair live in [`karp_common::cordon`].

use std::ffi::OsString;

use karp_common::cordon::{self, Way};
use karp_common::term::Out;
use karp_core::report::{Error, ExitCode};

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    cordon::command(Way::Cordon)
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, an object that is not there, a cluster that does not answer or does not allow it.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    cordon::run(Way::Cordon, arguments, out)
}
