//! `kubectl karp explain`: why a pod does or does not schedule, and the smallest change that alters it.
//!
//! Reads a snapshot, runs the scheduler of karp-core over the whole pending batch, and tells about the pods asked
//! for. The analysis itself is `karp_core::explain`; here are the flags ([`cli`]), what they select ([`select`]) and
//! the screens ([`render`]).

mod cli;
mod explain;
mod node_claim;
mod render;
#[cfg(test)]
mod schema_test;
#[cfg(test)]
mod screen_tests;
mod select;
#[cfg(test)]
mod selection_tests;
mod sort;

use std::ffi::OsString;

use karp_common::cli::{Watch, watched};
use karp_common::term::{Format, Out};
use karp_core::report::{Error, ExitCode};

use cli::Cli;

pub use explain::{AT_ONCE, simulate_at_once};

/// The command as users type it.
const NAME: &str = "kubectl karp explain";

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, unreadable input, unknown names.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(mut cli) = karp_common::cli::parse::<Cli>(NAME, arguments.clone(), out)? else {
        return Ok(ExitCode::Done);
    };
    cli.output.apply(out);
    let namespace = cli.scope.namespace.as_deref();
    let source = cli.source.clone();
    let watch = Watch {
        on: cli.output.watch,
        source: &source,
        cluster: cli.cluster.options(namespace),
        with_times: matches!(cli.output.output, Format::Table | Format::Wide),
    };
    watched(&watch, out, |out| {
        let result = explain::explain(&cli, &arguments, out);
        // Prices are refreshed for the first screen.
        cli.catalog.live_prices = false;
        result
    })
}
