//! Drains of many nodes under a watcher: no PDB falls below its need, and the plan said what the server answered.

use std::time::Instant;

use anyhow::{Result, ensure};
use karp_cluster::ControlPlane;

use super::watcher::Watcher;
use super::workloads::{all_ready, lay_out_times, left_on};
use super::{is_long, predictions, show};

/// Workloads of the big drains.
const WORKLOADS: usize = 30;

/// One node, then five (and with `KARP_LONG` fifty), with thirty workloads; every prediction compared with the server's
/// answer.
pub(super) fn drains_of_many_nodes_break_no_budget(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let (all, times, steps): (usize, usize, &[(usize, &str)]) =
        if is_long() { (60, 4, &[(1, "1"), (5, "2"), (50, "10")]) } else { (12, 1, &[(1, "1"), (5, "2")]) };
    let total = lay_out_times(plane, all, WORKLOADS, times)?;
    let mut first = 0;
    for (count, at_once) in steps.iter().copied() {
        let nodes: Vec<String> =
            (first..(first + count)).map(|number| format!("node-{}", number % all)).collect();
        first += count;
        let names: Vec<&str> = nodes.iter().map(String::as_str).collect();
        let mut dry = vec!["karp", "drain", "--dry-run=server"];
        dry.extend(&names);
        let dry = kubectl.run(&dry)?.success()?;
        let agreement = dry.lines().last().unwrap_or_default().to_owned();
        if let Some((agreed, rest)) = agreement.split_once(" of ") {
            let compared = rest.split(' ').next().unwrap_or_default();
            ensure!(agreed == compared, "predictions differ: {dry}");
        }
        predictions::compare(plane, &names)?;
        let watcher = Watcher::start(plane);
        let start = Instant::now();
        let mut words = vec!["karp", "drain", "--yes", "--max-unavailable", at_once];
        words.extend(&names);
        let answer = kubectl.run(&words)?;
        let seen = watcher.end()?;
        show(&kubectl, &format!("drain-of-{count}-nodes"), &answer.to_string())?;
        let text = answer.success()?;
        seen.is_whole()?;
        for name in &names {
            ensure!(left_on(&kubectl, name)? == 0, "{name} still has pods: {text}");
        }
        eprintln!(
            "drain of {count} nodes, {at_once} at a time, of {all} with {total} pods: {:.1} s, {} looks, 0 violations; {agreement}",
            start.elapsed().as_secs_f64(),
            seen.looks
        );
        all_ready(&kubectl, total)?;
        let mut back = vec!["karp", "uncordon"];
        back.extend(&names);
        kubectl.run(&back)?.success()?;
    }
    Ok(())
}
