//! From flags to the report and its screen.

use std::ffi::OsString;
use std::panic::resume_unwind;
use std::thread;

use karp_common::catalog::{ChosenProvider, Provider, choose_provider, provider_options};
use karp_common::cli::{for_same_cluster, repeated_flags};
use karp_common::snapshot;
use karp_common::term::{Format, Out, document};
use karp_core::explain::changes::{ChangeSearch, SearchOptions};
use karp_core::explain::report::{Explanation, OutcomeWord, Verdict};
use karp_core::explain::{Analyst, Depth, explain as explain_pods};
use karp_core::model::{Pod, Snapshot};
use karp_core::provider::CloudProvider;
use karp_core::provider::aws::ProviderFacts;
use karp_core::report::{Error, ExitCode};
use karp_core::sim::{Reuse, Solution, SolveOptions, solve_reusing};

use crate::cli::Cli;
use crate::render::{self, View};
use crate::select::{Scope, Selection, select};
use crate::sort::SortBy;

/// Reads, simulates, prints.
pub(crate) fn explain(cli: &Cli, arguments: &[OsString], out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let sort = cli.sort.sort_by.as_deref().map(SortBy::parse).transpose()?;
    let scope = scope(cli)?;
    let (snapshot, notes) = read(cli, out)?;
    let selection = select(&snapshot, &cli.objects, &scope)?;
    let chosen = choose_provider(&snapshot, &provider_options(&snapshot, &cli.catalog, out)?)?;
    let (pods, subject, is_overview) = match selection {
        Selection::AllPending(pods) => (pods, None, true),
        Selection::Pods { pods, subject } => (pods, subject, false),
        Selection::NothingPending(sentence) => {
            out.line(&sentence);
            return Ok(ExitCode::Done);
        }
        Selection::NodeClaim(name) => return crate::node_claim::explain(&name, &snapshot, &chosen, cli, out),
        Selection::Node(name) => return node(&name, &snapshot),
    };
    nothing_left(&snapshot, &pods)?;
    let solution = solve(&snapshot, &chosen.provider);
    let analyst = Analyst::new(&snapshot, &solution, chosen.provider.labels());
    let depth = if is_overview { Depth::Grouped } else { Depth::Full };
    let mut report = explain_pods(&analyst, &pods, depth);
    report.prices.extend(chosen.prices.clone());
    report.not_modelled.extend(chosen.notes.clone());
    let (left_out, assumed): (Vec<String>, Vec<String>) =
        notes.into_iter().partition(|note| note.starts_with("not applied"));
    report.not_modelled.extend(left_out);
    report.uncertain.extend(assumed);
    find_changes(&mut report, &analyst, &chosen, &snapshot, cli, is_overview);
    stay_with_cluster(&mut report, cli, arguments);
    if let Some(sort) = sort {
        sort.apply(&mut report);
    }
    if let Some(pool) = &cli.funnel {
        return funnel(pool, &pods, &analyst, cli, arguments, out);
    }
    print(&report, &view(cli, arguments, subject, is_overview, &chosen), sort, cli, out)?;
    if !cli.output.watch {
        // The process ends: the system takes memory back at once, giving it back piece by piece takes a tenth as long
        // as all the rest.
        drop(analyst);
        std::mem::forget((solution, snapshot));
    }
    Ok(exit_code(&report))
}

fn exit_code(report: &Explanation) -> ExitCode {
    if report.summary.yes == report.summary.pods { ExitCode::Done } else { ExitCode::Findings }
}

fn read(cli: &Cli, out: &mut Out<'_>) -> Result<(Snapshot, Vec<String>), Error> {
    let mut snapshot = snapshot::read(&cli.source.input(&cli.cluster, cli.scope.namespace.as_deref()), out)?;
    let mut notes = Vec::new();
    if !cli.source.filename.is_empty() {
        let files = snapshot::read_files(&cli.source.filename, out)?;
        let namespace = cli.source.namespace(&cli.cluster, cli.scope.namespace.as_deref())?;
        notes = karp_core::apply::apply(&mut snapshot, files, &namespace).notes;
    }
    Ok((snapshot, notes))
}

/// A batch is cluster-wide, so nothing named means everywhere; whatever is named follows kubectl's rules.
fn scope(cli: &Cli) -> Result<Scope, Error> {
    let given = cli.scope.namespace.as_deref();
    let everywhere = cli.scope.all_namespaces || (given.is_none() && cli.objects.is_empty());
    let namespace = if everywhere { None } else { Some(cli.source.namespace(&cli.cluster, given)?) };
    Ok(Scope { namespace, pods: cli.selectors.pods()? })
}

/// Without pods or NodePools there is no answer, if somebody kept them from us.
fn nothing_left(snapshot: &Snapshot, pods: &[&Pod]) -> Result<(), Error> {
    for kind in ["pods", "nodepools"] {
        let Some(gap) = snapshot.gap(kind).filter(|gap| !gap.reason.starts_with("none in")) else { continue };
        if kind == "nodepools" && (pods.is_empty() || !snapshot.objects.node_pools.is_empty()) {
            continue;
        }
        return Err(Error::unreachable(format!("{kind} were not read: {}", gap.reason))
            .hint("what to grant: docs/rbac-reader.yaml"));
    }
    Ok(())
}

/// Runs the scheduler.
fn solve(snapshot: &Snapshot, provider: &dyn CloudProvider) -> Solution {
    karp_core::sim::solve(snapshot, provider, &SolveOptions::guessed(snapshot))
}

/// Runs it on an edited snapshot, whose NodeClasses may differ.
/// `options` are those of the original: no edit touches nodes.
fn solve_edited(
    edited: &Snapshot,
    original: &Snapshot,
    provider: &Provider,
    options: &SolveOptions,
    reuse: &Reuse,
) -> Solution {
    let same_classes = edited.objects.ec2_node_classes == original.objects.ec2_node_classes;
    match provider.as_aws().filter(|_| !same_classes) {
        Some(aws) => solve_reusing(edited, &aws.edited(edited, &ProviderFacts::default()), options, reuse),
        None => solve_reusing(edited, provider, options, reuse),
    }
}

/// Changes that are simulated at once: two cores are what a laptop has to spare, and each takes memory.
pub const AT_ONCE: usize = 2;

/// Runs it on several edited snapshots, the first on this thread with what earlier runs left.
pub fn simulate_at_once(
    edited: &[Snapshot],
    original: &Snapshot,
    provider: &Provider,
    options: &SolveOptions,
    reuse: &Reuse,
) -> Vec<Solution> {
    let Some((first, rest)) = edited.split_first() else { return Vec::new() };
    thread::scope(|scope| {
        let solve =
            |edited: &Snapshot, reuse: &Reuse| solve_edited(edited, original, provider, options, reuse);
        let others: Vec<_> =
            rest.iter().map(|edited| scope.spawn(move || solve(edited, &Reuse::default()))).collect();
        let mut solutions = vec![solve(first, reuse)];
        solutions.extend(
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))),
        );
        solutions
    })
}

/// Looks for changes of the answers that are no.
fn find_changes(
    report: &mut Explanation,
    analyst: &Analyst<'_>,
    chosen: &ChosenProvider,
    snapshot: &Snapshot,
    cli: &Cli,
    is_overview: bool,
) {
    /// Groups of the overview that get a search; the others are not on the screen.
    const GROUPS: usize = 10;
    let (guessed, reuse) = (SolveOptions::guessed(snapshot), Reuse::default());
    let simulate =
        |edited: &[Snapshot]| simulate_at_once(edited, snapshot, &chosen.provider, &guessed, &reuse);
    let options = SearchOptions { changes: cli.changes, at_once: AT_ONCE, ..SearchOptions::default() };
    let searched = if is_overview && !cli.all { GROUPS } else { usize::MAX };
    let needing = report.groups.iter_mut().filter(|group| {
        matches!(group.verdict, Verdict::No | Verdict::Unknown)
            && matches!(group.outcome, OutcomeWord::Error | OutcomeWord::Ignored | OutcomeWord::LaunchFails)
            && group.code != "KARP116"
    });
    let mut needing = needing.take(searched).peekable();
    if needing.peek().is_none() {
        return;
    }
    let mut changes = ChangeSearch::new(analyst, &simulate);
    for group in needing {
        changes.search(group, options);
    }
}

/// Commands are for the cluster that was read, not for whichever context is current when they are pasted.
fn stay_with_cluster(report: &mut Explanation, cli: &Cli, arguments: &[OsString]) {
    if !cli.source.from.is_empty() {
        return;
    }
    for group in &mut report.groups {
        let commands = group.changes.iter_mut().flat_map(|change| &mut change.commands);
        for command in commands.chain(group.next.iter_mut().map(|next| &mut next.command)) {
            *command = for_same_cluster(command, arguments);
        }
    }
}

fn view(
    cli: &Cli,
    arguments: &[OsString],
    subject: Option<String>,
    is_overview: bool,
    chosen: &ChosenProvider,
) -> View {
    View {
        all: cli.all,
        wide: cli.output.output == Format::Wide,
        event: cli.event,
        no_headers: cli.output.no_headers,
        subject,
        command_suffix: repeated_flags(arguments),
        prices: chosen.prices.clone(),
        is_overview,
        namespace: cli.scope.namespace.clone().filter(|_| !cli.scope.all_namespaces),
    }
}

fn print(
    report: &Explanation,
    view: &View,
    sort: Option<SortBy>,
    cli: &Cli,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    match cli.output.output {
        Format::Table | Format::Wide => {
            let text = render::table(report, view, &out.style);
            out.print(&text);
        }
        Format::Json | Format::Yaml => {
            let text = document(report.kind, &Body(report), cli.output.output == Format::Yaml)?;
            out.print(&text);
        }
        Format::Name => {
            let text = render::names(report, sort);
            out.print(&text);
        }
    }
    Ok(())
}

/// The report without the fields that the document adds itself.
struct Body<'r>(&'r Explanation);

impl serde::Serialize for Body<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(self.0).map_err(serde::ser::Error::custom)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("apiVersion");
            fields.remove("kind");
        }
        value.serialize(serializer)
    }
}

fn funnel(
    pool: &str,
    pods: &[&Pod],
    analyst: &Analyst<'_>,
    cli: &Cli,
    arguments: &[OsString],
    out: &mut Out<'_>,
) -> Result<ExitCode, Error> {
    let Some(pod) = pods.first().and_then(|pod| analyst.pod(pod)) else {
        return Err(Error::usage("--funnel needs a pod").hint("kubectl karp explain POD --funnel NODEPOOL"));
    };
    let position = analyst.pools().iter().position(|known| known.state.name == pool);
    let Some(position) = position else {
        let mut names: Vec<&str> = analyst.pools().iter().map(|known| known.state.name.as_str()).collect();
        names.sort_by_key(|name| strsim::levenshtein(name, pool));
        let error = Error::not_found(format!("nodepools {pool:?} not found"));
        return Err(match names.first() {
            Some(nearest) => error.hint(format!("did you mean {nearest}?")),
            None => error.hint("kubectl get nodepools"),
        });
    };
    let mut group = analyst.analyse(pod, Depth::Full);
    let (demand, funnels) = analyst.demand_and_funnels(pod);
    let row = analyst.pool_report(&analyst.pools()[position], &funnels[position], &demand);
    group.node_pools = vec![row];
    let fits = funnels[position].fits();
    let view = View {
        command_suffix: repeated_flags(arguments),
        no_headers: cli.output.no_headers,
        ..View::default()
    };
    match cli.output.output {
        Format::Json | Format::Yaml => {
            let text = document("Funnel", &group, cli.output.output == Format::Yaml)?;
            out.print(&text);
        }
        Format::Name => {
            if !fits {
                let name = &pod.metadata;
                out.line(&format!("pod/{} -n {}", name.name, name.namespace));
            }
        }
        Format::Table | Format::Wide => {
            let text = render::funnel_view(&group, &group.node_pools[0], &view, &out.style);
            out.print(&text);
        }
    }
    Ok(if fits { ExitCode::Done } else { ExitCode::Findings })
}

/// Why a node is not disrupted comes with `consolidate`.
fn node(name: &str, snapshot: &Snapshot) -> Result<ExitCode, Error> {
    let known = snapshot
        .objects
        .nodes
        .iter()
        .any(|node| node.metadata.name == name || node.metadata.name.split('.').next() == Some(name));
    if !known {
        return Err(Error::not_found(format!("nodes {name:?} not found")).hint("kubectl get nodes"));
    }
    Err(Error::usage(format!("explain node/{name} comes with consolidation and is not in this build"))
        .hint(format!("what Karpenter last said of it: kubectl describe node/{name}")))
}
