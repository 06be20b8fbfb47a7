//! `kubectl karp` alone: the state of the cluster in a screen, and the command behind each line.

use std::ffi::OsString;

use clap::Parser;
use karp_common::catalog::{ProviderOptions, choose_provider};
use karp_common::cli::{
    CatalogFlags, ClusterFlags, OutputFlags, ScopeFlags, SourceFlags, Watch, parse, watched,
};
use karp_common::snapshot::read;
use karp_common::term::{Format, Label, Out, Style, clock, document, dollars_per_hour};
use karp_core::explain::report::Summary;
use karp_core::explain::{Analyst, Depth, explain, pending_pods};
use karp_core::model::{Fidelity, Snapshot, VersionFit, condition_is_true, label_key};
use karp_core::preview::{NodePrices, PriceRange};
use karp_core::provider::CloudProvider;
use karp_core::report::{Error, ExitCode};
use karp_core::sim::{SolveOptions, solve};
use kubectl_karp_drift::report::DriftReport;
use kubectl_karp_drift::{AwsAnswer, DriftOptions, drift};
use serde::Serialize;

/// The state of the cluster, and the command behind each line
#[derive(Debug, Parser)]
#[command(disable_version_flag = true)]
struct Cli {
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    catalog: CatalogFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// The state of a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    pods: Summary,
    nodes: Nodes,
    drift: kubectl_karp_drift::report::Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    karpenter: Option<Controller>,
    /// Where prices come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<String>,
    gaps: Vec<karp_core::model::Gap>,
    /// When the first drifted NodeClaim may go, where none may now.
    #[serde(skip)]
    opens: Option<jiff::Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Nodes {
    count: usize,
    not_ready: usize,
    /// Share of the cpu of all nodes that pods ask for, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_asked_percent: Option<i64>,
    /// US dollars an hour of the nodes of NodePools.
    price_per_hour: PriceRange,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Controller {
    version: Option<String>,
    replicas: Option<i64>,
    available_replicas: Option<i64>,
    fidelity: Fidelity,
}

/// Runs it.
pub(crate) fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp", arguments, out)? else { return Ok(ExitCode::Done) };
    cli.output.apply(out);
    let watch = Watch {
        on: cli.output.watch,
        source: &cli.source,
        cluster: cli.cluster.options(cli.scope.namespace.as_deref()),
        with_times: matches!(cli.output.output, Format::Table | Format::Wide),
    };
    watched(&watch, out, |out| screen(&cli, out))
}

/// Reads, simulates, prints.
fn screen(cli: &Cli, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let snapshot = read(&cli.source.input(&cli.cluster, cli.scope.namespace.as_deref()), out)?;
    let options = ProviderOptions {
        instance_types: cli.catalog.instance_types.clone(),
        region: cli.catalog.region.as_deref().map(Into::into),
        ..ProviderOptions::at(out.now())
    };
    let chosen = choose_provider(&snapshot, &options)?;
    let provider = &chosen.provider;
    let solution = solve(&snapshot, provider, &SolveOptions::guessed(&snapshot));
    let analyst = Analyst::new(&snapshot, &solution, provider.labels());
    let explanation = explain(&analyst, &pending_pods(&snapshot), Depth::Grouped);
    // Without asking AWS: what the cluster itself tells.
    let drift = drift(&snapshot, provider, &AwsAnswer::default(), &DriftOptions::default());
    let status = Status {
        pods: explanation.summary,
        nodes: nodes(&snapshot, provider),
        drift: drift.summary,
        karpenter: controller(&snapshot),
        prices: chosen.prices.clone(),
        gaps: snapshot.gaps.clone(),
        opens: opens(&drift),
    };
    match cli.output.output {
        Format::Json => out.print(&document("Status", &status, false)?),
        Format::Yaml => out.print(&document("Status", &status, true)?),
        _ => {
            let clock = |at| clock(at, snapshot.taken_at, &out.time_zone);
            out.print(&status.text(&out.style, &clock));
        }
    }
    Ok(if status.pods.yes == status.pods.pods && status.drift.drifted == 0 {
        ExitCode::Done
    } else {
        ExitCode::Findings
    })
}

/// When drifted NodeClaims begin to go, where all of them wait for a budget to open.
fn opens(drift: &DriftReport) -> Option<jiff::Timestamp> {
    let drifted = || drift.node_pools.iter().filter(|pool| pool.drifted > pool.never);
    let closed = drifted().all(|pool| pool.opens.is_none_or(|opens| opens > drift.taken_at));
    if closed { drifted().filter_map(|pool| pool.opens).min() } else { None }
}

fn nodes(snapshot: &Snapshot, provider: &dyn CloudProvider) -> Nodes {
    let mut prices = NodePrices::new(snapshot, provider);
    let price_per_hour = snapshot
        .objects
        .nodes
        .iter()
        .filter_map(|node| Some((node.metadata.labels.get(label_key::NODE_POOL)?, &node.metadata.labels)))
        .map(|(pool, labels)| prices.of(pool, labels))
        .fold(PriceRange::NOTHING, PriceRange::plus);
    let nodes = &snapshot.objects.nodes;
    let total: i64 = nodes.iter().map(|node| node.status.allocatable.amount("cpu").milli_value()).sum();
    let asked: i64 = snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| pod.node_name.is_some() && !pod.is_terminal())
        .flat_map(|pod| &pod.spec.containers)
        .map(|container| container.resources.requests.amount("cpu").milli_value())
        .sum();
    Nodes {
        count: nodes.len(),
        not_ready: nodes.iter().filter(|node| !condition_is_true(&node.status.conditions, "Ready")).count(),
        cpu_asked_percent: (total > 0).then(|| asked * 100 / total),
        price_per_hour,
    }
}

fn controller(snapshot: &Snapshot) -> Option<Controller> {
    let settings = &snapshot.controller;
    settings.deployment.as_ref()?;
    Some(Controller {
        version: settings.version.as_ref().map(ToString::to_string),
        replicas: settings.replicas,
        available_replicas: settings.available_replicas,
        fidelity: VersionFit::of(settings.version.as_deref()).fidelity,
    })
}

impl Status {
    fn text(&self, style: &Style, clock: &dyn Fn(jiff::Timestamp) -> String) -> String {
        let pods = &self.pods;
        let mut parts = vec![format!("{} will schedule", pods.yes)];
        for (count, words) in [(pods.no, "will not"), (pods.wait, "wait"), (pods.unknown, "unknown")] {
            if count > 0 {
                parts.push(format!("{count} {words}"));
            }
        }
        let verdict = match (pods.pods, pods.pods - pods.yes) {
            (0, _) => style.paint(Label::VerdictOk, "No pod is pending"),
            (all, 0) => style.paint(Label::VerdictOk, &format!("All {all} pending pods will schedule")),
            (all, _) if pods.no > 0 => {
                style.paint(Label::VerdictNo, &format!("{} of {all} pending pods will not schedule", pods.no))
            }
            (all, rest) => {
                style.paint(Label::Hint, &format!("{rest} of {all} pending pods wait or are unknown"))
            }
        };
        let drift = &self.drift;
        let drifted = match drift.drifted {
            0 => String::new(),
            1 => format!("; 1 of {} NodeClaims is drifted", drift.claims),
            drifted => format!("; {drifted} of {} NodeClaims are drifted", drift.claims),
        };
        let mut text = format!("{verdict}{drifted}.\n\n");
        let mut line = |name: &str, facts: &str, command: &str| {
            text.push_str(&format!("{name:<10}{facts:<46}{}\n", style.paint(Label::Hint, command)));
        };
        let pods_facts = if pods.pods == 0 {
            "none pending".to_owned()
        } else {
            format!("{} pending: {}", pods.pods, parts.join(", "))
        };
        line("pods", &pods_facts, "kubectl karp explain");
        let mut facts = format!("{}, {} not Ready", self.nodes.count, self.nodes.not_ready);
        if let Some(percent) = self.nodes.cpu_asked_percent {
            facts.push_str(&format!("; {percent}% of cpu asked"));
        }
        let price = &self.nodes.price_per_hour;
        if let Some(usd) = price.usd.filter(|usd| *usd > 0.0) {
            let sign = if price.is_ceiling() { style.symbols.at_most } else { "" };
            facts.push_str(&format!("; {sign}{}", dollars_per_hour(usd)));
        }
        line("nodes", &facts, "kubectl get nodes");
        if drift.claims > 0 {
            let facts = match (drift.drifted, drift.never) {
                (0, _) => format!("none of {} NodeClaims", drift.claims),
                (drifted, 0) => format!("{drifted} drifted"),
                (drifted, never) => {
                    let roll = if never == 1 { "rolls" } else { "roll" };
                    format!("{drifted} drifted, {never} never {roll}")
                }
            };
            let opens = self.opens.map(|opens| format!("; opens {}", clock(opens))).unwrap_or_default();
            line("drift", &format!("{facts}{opens}"), "kubectl karp drift");
        }
        let facts = match &self.karpenter {
            None => "no Deployment of it found".to_owned(),
            Some(controller) => {
                let version = controller.version.as_deref().unwrap_or("<unknown>");
                let replicas = match (controller.available_replicas, controller.replicas) {
                    (Some(available), Some(wanted)) if available < wanted => {
                        format!("{available} of {wanted} replicas")
                    }
                    (_, Some(1)) => "1 replica".to_owned(),
                    (_, Some(wanted)) => format!("{wanted} replicas"),
                    (_, None) => "replicas <unknown>".to_owned(),
                };
                let fidelity = match controller.fidelity {
                    Fidelity::Modelled => "modelled",
                    Fidelity::Approximate => "modelled approximately",
                    Fidelity::NotModelled => "not modelled",
                };
                format!("{version}, {replicas}, {fidelity}")
            }
        };
        line("karpenter", &facts, "kubectl karp version");
        if self.nodes.price_per_hour.usd.is_some_and(|usd| usd > 0.0)
            && let Some(mut prices) = self.prices.clone()
        {
            match self.nodes.price_per_hour.unknown_nodes {
                0 => {}
                1 => prices.push_str("; without 1 node of unknown price"),
                more => prices.push_str(&format!("; without {more} nodes of unknown price")),
            }
            let foot = karp_common::term::wrap(style, "prices: ", "  ", &prices);
            text.push_str(&format!("{}\n", style.paint(Label::Muted, &foot)));
        }
        if !self.gaps.is_empty() {
            let gaps: Vec<String> =
                self.gaps.iter().map(|gap| format!("{} ({})", gap.kind, gap.reason)).collect();
            let foot = karp_common::term::wrap(style, "not read: ", "  ", &gaps.join(", "));
            text.push_str(&format!("{}\n", style.paint(Label::Muted, &foot)));
        }
        text
    }
}
