//! `kubectl karp catalog`: EC2 instance types, offerings and prices, read into the local cache and shown.
//!
//! ```text
//! refresh ─► karp-aws ─► Catalog ─► cache (per account and region)
//! show ─► cache while fresh, else embedded ─► AL2023 node of each type ─► table, JSON, YAML, names
//! ```
//!
//! `explain` and `preview` read the same cache; they never link AWS.

mod cli;
mod filter;
mod refresh;
mod render;
mod show;
mod status;

use std::ffi::OsString;

use compact_str::CompactString;
use karp_aws::{Connection, IAM_POLICY};
use karp_common::catalog::cache_folder;
use karp_common::cli::parse;
use karp_common::term::Out;
use karp_core::report::{Error, ExitCode};

pub use cli::{AwsFlags, Cli, Verb};
pub use filter::Filter;
pub use show::{Row, rows};

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, AWS that does not answer, types that do not exist.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp catalog", arguments, out)? else { return Ok(ExitCode::Done) };
    cli.output.apply(out);
    match &cli.verb {
        None => status::run(&cli, out),
        Some(Verb::Refresh) => refresh::run(&cli, out),
        Some(Verb::Show(show)) => show::run(&cli, show, out),
        Some(Verb::IamPolicy) => {
            out.print(IAM_POLICY);
            Ok(ExitCode::Done)
        }
    }
}

/// The folder of the cache, from the environment.
pub(crate) fn folder() -> Option<std::path::PathBuf> {
    cache_folder(|name| std::env::var(name).ok())
}

/// Calls AWS to the end.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    karp_aws::block_on(future).map_err(|error| error.report(None))
}

/// The region: the flag, else what AWS's own configuration says.
pub(crate) fn region(flags: &AwsFlags) -> Result<CompactString, Error> {
    if let Some(region) = &flags.region {
        return Ok(region.as_str().into());
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(region) = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")) {
        return Ok(region.into());
    }
    let connection = block_on(Connection::open(&flags.options()))?;
    connection.map(|connection| connection.region).map_err(|error| error.report(flags.profile.as_deref()))
}
