//! What reading a large cluster costs, beside kubectl reading its pods in the same run. Nothing is asserted about time:
//! both figures are printed.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::kubectl::Kubectl;
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{ControlPlane, bulk, karpenter};

/// How often each command is run on a small cluster; the fastest counts.
const RUNS: usize = 3;

/// Pods of a small cluster.
const FEW: usize = 5_000;

/// As many pods as `KARP_PODS` says, ten on a node. The gate has 50,000.
pub(crate) fn pods_beside_kubectl(plane: &ControlPlane) -> Result<()> {
    let pods = std::env::var("KARP_PODS").map_or(Ok(FEW), |text| text.parse()).context("KARP_PODS")?;
    compare(plane, pods.div_ceil(10), pods, if pods > FEW { 1 } else { RUNS })
}

fn compare(plane: &ControlPlane, nodes: usize, pods: usize, runs: usize) -> Result<()> {
    let kubectl = plane.kubectl();
    // Figures of a build with optimisation: KARP_PLUGINS=target/release.
    let plugins = std::env::var_os("KARP_PLUGINS").map(PathBuf::from);
    let plugins = plugins.map(|folder| folder.canonicalize()).transpose()?;
    let kubectl = plugins.as_ref().map_or(kubectl.clone(), |folder| kubectl.with_plugins(folder));
    kubectl.require_plugin("kubectl-karp-snapshot")?;
    karpenter::install_crds(plane, &KarpenterServer::kwok()?.crds)?;
    let start = Instant::now();
    plane.run(bulk::create(
        &plane.client(),
        (0..nodes).map(|number| bulk::node(&format!("bulk-{number:05}"), number)),
    ))?;
    plane.run(bulk::create(
        &plane.client(),
        (0..pods).map(|number| {
            let node = format!("bulk-{:05}", number % nodes);
            bulk::pod("default", &format!("web-{number:06}"), "100m", "128Mi", Some(&node))
        }),
    ))?;
    eprintln!("{nodes} nodes and {pods} pods created in {:.0} s", start.elapsed().as_secs_f64());

    let theirs = fastest(runs, &kubectl, &["get", "pods", "-A", "-o", "json"])?;
    let ours = fastest(runs, &kubectl, &["karp", "snapshot", "/dev/null"])?;
    let build = if plugins.is_some() { "KARP_PLUGINS" } else { "debug build" };
    eprintln!(
        "{:<44} {:>6.2} s {:>6} MiB",
        "kubectl get pods -A -o json >/dev/null", theirs.seconds, theirs.peak
    );
    eprintln!(
        "{:<44} {:>6.2} s {:>6} MiB ({build})",
        "kubectl karp snapshot /dev/null", ours.seconds, ours.peak
    );
    Ok(())
}

/// What a run cost.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    /// Peak of resident memory in MiB.
    peak: u64,
}

fn fastest(runs: usize, kubectl: &Kubectl, arguments: &[&str]) -> Result<Cost> {
    let mut best: Option<Cost> = None;
    for _ in 0..runs {
        let cost = run(kubectl, arguments)?;
        if best.is_none_or(|best| cost.seconds < best.seconds) {
            best = Some(cost);
        }
    }
    best.context("it was run")
}

/// kubectl becomes the plugin in the same process, so one process tells both.
fn run(kubectl: &Kubectl, arguments: &[&str]) -> Result<Cost> {
    let start = Instant::now();
    let mut child = kubectl
        .command(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        peak = peak_of(&status).unwrap_or(peak).max(peak);
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    ensure!(ended.success(), "`kubectl {}` ended with {ended}", arguments.join(" "));
    Ok(Cost { seconds: start.elapsed().as_secs_f64(), peak: peak / 1024 })
}

/// The most memory that a process has held, in KiB; none where the system does not tell.
fn peak_of(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
