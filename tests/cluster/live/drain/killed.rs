//! Drains that are killed again and again, through a proxy that loses and refuses.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Faults};

use super::watcher::Watcher;
use super::workloads::{all_ready, lay_out, left_on};
use super::{is_long, predictions};

/// Longest drain that a test waits for.
const LIMIT: Duration = Duration::from_secs(240);

/// Killed in the middle with SIGKILL, run again, through a proxy that loses and refuses, until it is done.
pub(super) fn killed_drains_go_on(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let runs: u64 = if is_long() { 50 } else { 3 };
    let total = lay_out(plane, 6, 12)?;
    let (mut kills, mut starts) = (0, 0);
    let mut faults = BTreeMap::new();
    for seed in 0..runs {
        let proxy = Faults::start(plane, seed)?;
        let ours = kubectl.with_kubeconfig(&proxy.kubeconfig()?);
        let node = format!("node-{}", seed % 6);
        predictions::compare(plane, &[&node])?;
        let watcher = Watcher::start(plane);
        let begun = Instant::now();
        loop {
            ensure!(begun.elapsed() < LIMIT, "seed {seed}: not done");
            starts += 1;
            let mut child = ours
                .command(&["karp", "drain", &node, "--yes", "--wait-ready", "60s"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            // Two deaths a run at moments that differ, then it may live.
            if starts % 3 != 0 {
                std::thread::sleep(Duration::from_millis(300 + (seed * 137 + starts * 211) % 2_500));
                if child.try_wait()?.is_none() {
                    child.kill()?;
                    kills += 1;
                }
            }
            let output = child.wait_with_output()?;
            if output.status.code() == Some(0) {
                break;
            }
            ensure!(
                matches!(output.status.code(), None | Some(3 | 5)),
                "seed {seed}: {:?} {} {}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let seen = watcher.end()?;
        seen.is_whole().with_context(|| format!("seed {seed}"))?;
        ensure!(left_on(&kubectl, &node)? == 0, "seed {seed}: {node} still has pods");
        for (fault, count) in proxy.counts() {
            *faults.entry(format!("{fault:?}")).or_insert(0) += count;
        }
        kubectl.run(&["karp", "uncordon", &node])?.success()?;
        all_ready(&kubectl, total)?;
    }
    eprintln!("{runs} drains, {starts} starts, {kills} times killed, faults {faults:?}, 0 violations");
    Ok(())
}
