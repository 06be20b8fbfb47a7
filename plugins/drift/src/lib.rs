//! `kubectl karp drift`: what is drifted, by which field, and when it will roll.
//!
//! ```text
//! arguments ─► Snapshot, provider, AWS facts ─► drift() ─► DriftReport ─► text, JSON, YAML, names
//! ```
//!
//! [`drift()`] is pure. Without AWS everything is told that the cluster itself tells, and the missing part is named.

mod advice;
mod aws;
mod changes;
mod claim;
mod cli;
mod drift;
mod edge;
mod found;
mod groups;
mod images;
mod moved;
mod older;
mod pool;
mod preview;
mod questions;
mod render;
pub mod report;
mod sort;
mod target;
#[cfg(test)]
mod tests;
mod versions;
mod words;

use std::ffi::OsString;

use karp_common::cli::{Watch, parse, watched};
use karp_common::term::{Format, Out, document};
use karp_core::report::{Error, ExitCode};

use sort::SortBy;

pub use cli::Cli;
pub use drift::{AwsAnswer, DriftOptions, drift};
pub use questions::questions;
pub use render::{RenderOptions, render};
pub use target::Target;

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, unreadable input, unknown objects.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp drift", arguments, out)? else { return Ok(ExitCode::Done) };
    cli.output.apply(out);
    let watch = Watch {
        on: cli.output.watch,
        source: &cli.source,
        cluster: cli.cluster.options(None),
        with_times: matches!(cli.output.output, Format::Table | Format::Wide),
    };
    watched(&watch, out, |out| screen(&cli, out))
}

/// One look at the cluster, printed.
fn screen(cli: &Cli, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let target = cli.target.as_deref().map(Target::parse).transpose()?;
    let ami_preview = edge::preview_version(cli.ami_preview.as_deref())?;
    let options = DriftOptions { target, ami_preview, older_classes: edge::older_classes(cli, out)? };
    let sort = cli.sort.sort_by.as_deref().map(SortBy::parse).transpose()?;
    let snapshot = edge::snapshot(cli, out)?;
    if let Some(target) = &options.target {
        target.check(&snapshot)?;
    }
    let (provider, notes) = edge::provider(cli, &snapshot, out)?;
    let aws = aws::ask(cli, &snapshot, &options, out);
    let mut report = drift(&snapshot, provider.as_ref(), &aws, &options);
    report.uncertain.extend(notes);
    if let Some(sort) = sort {
        sort.apply(&mut report);
    }
    print(&report, cli, out)?;
    Ok(if report.summary.drifted > 0 { ExitCode::Findings } else { ExitCode::Done })
}

fn print(report: &report::DriftReport, cli: &Cli, out: &mut Out<'_>) -> Result<(), Error> {
    let text = match cli.output.output {
        Format::Json => document("Drift", report, false)?,
        Format::Yaml => document("Drift", report, true)?,
        Format::Name => {
            let drifted = report.node_claims.iter().filter(|claim| !claim.reasons.is_empty());
            drifted.map(|claim| format!("nodeclaim/{}\n", claim.name)).collect()
        }
        format => render(
            report,
            &RenderOptions {
                style: out.style,
                time_zone: out.time_zone.clone(),
                wide: format == Format::Wide,
                all: cli.all,
                no_headers: cli.output.no_headers,
            },
        ),
    };
    out.print(&text);
    Ok(())
}
