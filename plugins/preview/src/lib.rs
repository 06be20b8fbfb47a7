//! `kubectl karp preview`: the nodes Karpenter would launch, and what an edit would do to those that run.
//!
//! Reads a snapshot, applies what is not applied yet ([`edits`]), runs the scheduler of karp-core, and tells what comes
//! of it ([`render`], [`markdown`]). The report itself is `karp_core::preview`.

mod cli;
#[cfg(test)]
mod cli_tests;
mod edits;
mod exit;
mod foot;
mod markdown;
mod money;
mod next;
mod output;
mod render;
mod render_diff;
#[cfg(test)]
mod schema_test;
#[cfg(test)]
mod screens;
mod words;

use std::ffi::OsString;

use karp_common::catalog::{ChosenProvider, ProviderOptions, choose_provider, provider_options};
use karp_common::cli::{Watch, watched};
use karp_common::term::Out;
use karp_core::model::Snapshot;
use karp_core::preview::diff::{DiffInput, diff};
use karp_core::preview::{Preview, other_ends, preview, totals};
use karp_core::provider::CloudProvider;
use karp_core::report::{Error, ExitCode};
use karp_core::sim::{Solution, SolveOptions, solve};

use cli::Cli;
use edits::Edits;

/// The command as users type it.
const NAME: &str = "kubectl karp preview";

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, unreadable input, names that do not exist.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(mut cli) = karp_common::cli::parse::<Cli>(NAME, arguments.clone(), out)? else {
        return Ok(ExitCode::Done);
    };
    out.choose_color(cli.color);
    let namespace = cli.scope.namespace.as_deref();
    let source = cli.source.clone();
    let watch = Watch {
        on: cli.watch,
        source: &source,
        cluster: cli.cluster.options(namespace),
        with_times: matches!(cli.output, cli::Output::Table | cli::Output::Wide),
    };
    watched(&watch, out, |out| {
        let result = screen(&cli, &arguments, out);
        // Prices are refreshed for the first screen.
        cli.catalog.live_prices = false;
        result
    })
}

/// Reads, simulates, prints.
fn screen(cli: &Cli, arguments: &[OsString], out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let selector = cli.selectors.pods()?;
    let mut live = edits::read_live(cli, out)?;
    let mut edited = live.clone();
    let mut edits = edits::apply_all(cli, &mut edited, out)?;
    if !selector.is_everything() {
        edits::keep_selected(&selector, &mut live);
        edits.left_out = edits::keep_selected(&selector, &mut edited);
    }
    let report = report(cli, &live, &edited, &edits, out)?;
    output::print(&report, cli, arguments, out)?;
    Ok(exit::code(&report, &cli.fail_on))
}

/// A cluster with its provider and what the scheduler does with it.
struct Solved {
    chosen: ChosenProvider,
    solution: Solution,
}

fn solved(snapshot: &Snapshot, options: &ProviderOptions) -> Result<Solved, Error> {
    let chosen = choose_provider(snapshot, options)?;
    let solution = solve(snapshot, &chosen.provider, &SolveOptions::guessed(snapshot));
    Ok(Solved { chosen, solution })
}

fn report(
    cli: &Cli,
    live: &Snapshot,
    edited: &Snapshot,
    edits: &Edits,
    out: &mut Out<'_>,
) -> Result<Preview, Error> {
    let options = provider_options(edited, &cli.catalog, out)?;
    let after = solved(edited, &options)?;
    let profile = after.chosen.provider.labels();
    let mut report = preview(edited, &after.solution, profile);
    report.prices.extend(after.chosen.prices.clone());
    report.not_modelled.extend(after.chosen.notes.clone());
    report.not_modelled.extend(edits.notes.clone());
    report.unresolved.extend(edits.karpenter.unresolved.clone());
    let open = uncertainties(&report, edited, &after.chosen);
    report.unresolved.extend(open);
    if !report.unresolved.is_empty() {
        report.uncertain.push("edit".to_owned());
    }
    let assumed = SolveOptions::guessed(edited);
    if edits.left_out > 0 {
        report.uncertain.push("selected".to_owned());
        report.unresolved.push(words::left_out(edits.left_out));
    }
    let ends = other_ends(edited, &after.chosen.provider, &after.solution, &assumed);
    report.unresolved.extend(words::other_ends(&ends));
    if edits.any {
        let before = solved(live, &options)?;
        report.without_changes = Some(totals(live, &before.solution, before.chosen.provider.labels()));
        if cli.diff {
            report.diff = Some(diff(&DiffInput {
                live,
                live_provider: &before.chosen.provider,
                live_solution: &before.solution,
                edited,
                edited_provider: &after.chosen.provider,
                edited_solution: &after.solution,
                names: &edits.karpenter,
            }));
        }
    }
    Ok(report)
}

/// What makes the instance types of NodePools that get nodes less than certain. Prices have a line of their own.
fn uncertainties(report: &Preview, snapshot: &Snapshot, chosen: &ChosenProvider) -> Vec<String> {
    let Some(aws) = chosen.provider.as_aws() else { return Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    for pool in &snapshot.objects.node_pools {
        let gets_nodes = report.node_claims.iter().any(|node| node.node_pool == pool.metadata.name);
        let class = &pool.spec.template.spec.node_class_ref.name;
        for uncertainty in aws.uncertainties(class).iter().filter(|_| gets_nodes) {
            let line = format!("ec2nodeclass/{class}: {uncertainty}");
            if !uncertainty.topic().contains("prices") && !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}
