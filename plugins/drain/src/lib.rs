//! `kubectl karp drain`: empty nodes without breaking a PodDisruptionBudget.
//!
//! ```text
//! arguments ─► Snapshot ─► plan() ─► screen, question ─► Stepper ─► writes, until done
//! ```
//!
//! The plan is pure (`karp_core::drain`); with `--from` or `--dry-run=client` it is all there is.

mod apply;
mod attachments;
mod cli;
mod confirm;
mod dry_run;
mod edge;
mod live;
mod render;
mod room;
mod saved;
#[cfg(test)]
mod screens;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsString;

use compact_str::CompactString;
use karp_common::cli::parse;
use karp_common::cluster::Writer;
use karp_common::term::{Format, Out, document};
use karp_core::drain::report::{PlanVerdict, PodAction};
use karp_core::drain::{Allowed, DaemonSets, DrainOptions, SURGE_PRIORITY_CLASS, came_since, nodes_named};
use karp_core::model::{Node, Snapshot};
use karp_core::report::{Error, ExitCode};

pub use cli::{Cli, DryRun};
pub use render::{RenderOptions, render};

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, unreadable input, unknown objects, an unreachable cluster.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp drain", arguments, out)? else { return Ok(ExitCode::Done) };
    cli.output.apply(out);
    let is_file = !cli.source.from.is_empty();
    if is_file && (cli.plan.is_some() || cli.abort) {
        return Err(Error::usage("--plan and --abort need a cluster, not --from"));
    }
    let only_plan = is_file || cli.dry_run != DryRun::None;
    if !only_plan && !matches!(cli.output.output, Format::Table | Format::Wide) {
        return Err(Error::usage("-o json, yaml and name print a plan, they do not carry it out")
            .hint("add --dry-run=client, then: kubectl karp drain --plan FILE"));
    }
    if cli.abort {
        return abort(&cli, out);
    }
    let saved = cli.plan.as_deref().map(saved::read).transpose()?;
    let snapshot = karp_common::snapshot::read(&cli.source.input(&cli.cluster, None), out)?;
    if !is_file {
        edge::must_be_known(&snapshot)?;
    }
    let mut nodes: Vec<CompactString> = match &saved {
        Some(saved) => saved.nodes.clone(),
        None => nodes_named(&snapshot.objects.nodes, &cli.targets, cli.selector.as_deref())?,
    };
    if saved.is_none() {
        leave_out_newer(&snapshot, &mut nodes, &cli, out);
    }
    let options = match &saved {
        Some(saved) => saved.options.clone(),
        None => cli.options(nodes.len())?,
    };
    let planned = edge::planned(&cli, &snapshot, &nodes, &options, out)?;
    if let Some(saved) = &saved {
        saved.check(&planned.plan)?;
    }
    show(&planned, &cli, out)?;
    if planned.plan.verdict == PlanVerdict::Refused {
        return Ok(ExitCode::Findings);
    }
    if is_file {
        return Ok(ExitCode::Done);
    }
    match cli.dry_run {
        DryRun::Client => return Ok(ExitCode::Done),
        DryRun::Server => {
            return dry_run::run(&planned.plan, &Writer::open(&cli.cluster.options(None))?, out);
        }
        DryRun::None => {}
    }
    confirm::confirm(&planned.plan, cli.yes, out)?;
    for warning in warnings(&planned.plan, &options) {
        out.warn(&warning);
    }
    let writer = Writer::open(&cli.cluster.options(None))?.with_pages_of(cli.chunk_size);
    let mut ready = BTreeMap::new();
    live::count_ready(&snapshot.objects.pods, &mut ready);
    let mut cluster = live::Live::new(&writer, &planned.plan, &cli.surge_image);
    let ended = apply::apply(&planned.plan, DaemonSets::of(&snapshot), ready, &mut cluster, out);
    if cluster.attachments_unknown() {
        out.warn("VolumeAttachments may not be read: whether volumes are detached was not looked at");
    }
    ended
}

/// Goes on with the nodes of an unfinished drain, not with those that came because of it.
fn leave_out_newer(snapshot: &Snapshot, nodes: &mut Vec<CompactString>, cli: &Cli, out: &mut Out<'_>) {
    let newer = came_since(&snapshot.objects.nodes, nodes, &cli.targets);
    if newer.is_empty() {
        return;
    }
    nodes.retain(|name| !newer.contains(name));
    out.warn(&format!(
        "an unfinished drain goes on; left out, for they came since it began: {} (name them to drain them, too)",
        newer.join(", ")
    ));
}

/// kubectl's warnings, one per kind.
fn warnings(plan: &karp_core::drain::DrainPlan, options: &DrainOptions) -> Vec<String> {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for pod in plan.pods() {
        let ignored = pod.action == PodAction::Skip && pod.owner.kind == "DaemonSet";
        let kind = if ignored && options.ignore_daemonsets {
            Some("ignoring DaemonSet-managed Pods")
        } else {
            pod.warning.map(Allowed::warning)
        };
        if let Some(kind) = kind {
            kinds.entry(kind).or_default().push(format!("{}/{}", pod.namespace, pod.name));
        }
    }
    kinds.into_iter().map(|(kind, pods)| format!("{kind}: {}", pods.join(", "))).collect()
}

fn abort(cli: &Cli, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let writer = Writer::open(&cli.cluster.options(None))?;
    let all: Vec<Node> = writer.list("/api/v1/nodes")?;
    let nodes = nodes_named(&all, &cli.targets, cli.selector.as_deref())?;
    let named = |node: &&Node| nodes.contains(&node.metadata.name);
    let uids = all.iter().filter(named).map(|node| node.metadata.uid.clone()).collect();
    let (mut late, mut undone) = (false, false);
    for name in &nodes {
        let done = match live::abort(&writer, name)? {
            live::Aborted::Uncordoned => "uncordoned",
            live::Aborted::LeftCordoned => "stays cordoned, as before the drain",
            live::Aborted::NothingToUndo => "was not being drained by kubectl karp",
            live::Aborted::TooLate => {
                late = true;
                "is being taken out by Karpenter: its NodeClaim was deleted"
            }
        };
        undone |= done.starts_with("uncordoned") || done.starts_with("stays");
        out.line(&format!("node/{name} {done}"));
    }
    let left = room::give_back(&writer, &uids);
    if left > 0 {
        out.warn(&format!("{left} placeholders are left in namespace {SURGE_PRIORITY_CLASS}"));
    }
    if undone {
        out.line("Pods that were evicted stay where they are now.");
    }
    Ok(if late { ExitCode::HalfWay } else { ExitCode::Done })
}

fn show(planned: &edge::Planned, cli: &Cli, out: &mut Out<'_>) -> Result<(), Error> {
    let plan = &planned.plan;
    let text = match cli.output.output {
        Format::Json => document("DrainPlan", plan, false)?,
        Format::Yaml => document("DrainPlan", plan, true)?,
        Format::Name => plan
            .pods()
            .filter(|pod| pod.action == PodAction::Refuse)
            .map(|pod| format!("pod/{}\n", pod.name))
            .collect(),
        format => render(
            plan,
            &RenderOptions {
                style: out.style,
                time_zone: out.time_zone.clone(),
                wide: format == Format::Wide,
                all: cli.all,
                no_headers: cli.output.no_headers,
                prices: planned.prices.clone(),
            },
        ),
    };
    out.print(&text);
    out.flush();
    Ok(())
}
