//! Every flag of `kubectl drain` is one of ours: kubectl's own help is the table.

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, Faults};

/// A flag as help prints it: `    --force=false:`, `    -l, --selector='':`.
struct Flag {
    short: Option<String>,
    long: String,
    default: String,
}

/// Flags of a verb, from its help.
fn flags(help: &str) -> Vec<Flag> {
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with('-') && line.ends_with(':'));
    lines
        .filter_map(|line| {
            let (names, default) = line.trim_end_matches(':').split_once('=')?;
            let (short, long) = match names.split_once(", ") {
                Some((short, long)) => (Some(short.to_owned()), long),
                None => (None, names),
            };
            let default = default.trim_matches('\'').to_owned();
            Some(Flag { short, long: long.to_owned(), default })
        })
        .collect()
}

/// A dry run with each flag set to kubectl's default prints the plan of a dry run without any.
pub(super) fn every_flag_of_kubectl_is_ours(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    super::workloads::lay_out(plane, 2, 2)?;
    for (theirs, ours) in [("drain", "drain"), ("cordon", "cordon"), ("uncordon", "uncordon")] {
        let help = kubectl.run(&[theirs, "--help"])?.success()?;
        let all = flags(&help);
        ensure!(all.len() >= if theirs == "drain" { 11 } else { 2 }, "{} flags in {help}", all.len());
        for flag in all {
            let values: Vec<String> = match (flag.long.as_str(), flag.default.as_str()) {
                // A selector excludes names, and the dry run is needed to leave the cluster alone.
                ("--selector", _) => vec!["kubernetes.io/hostname=node-0".into()],
                ("--dry-run", _) => vec!["none".into(), "client".into(), "server".into()],
                ("--pod-selector", _) => vec!["app=app-0".into()],
                (_, default) => vec![default.into()],
            };
            for value in values {
                let mut spellings = vec![format!("{}={value}", flag.long)];
                spellings.extend(flag.short.iter().map(|short| format!("{short}={value}")));
                for spelling in spellings {
                    let mut words = vec!["karp", ours, spelling.as_str()];
                    if flag.long != "--selector" {
                        words.push("node-0");
                    }
                    if flag.long != "--dry-run" {
                        words.push("--dry-run=client");
                    }
                    if spelling == "--dry-run=none" && ours == "drain" {
                        words.push("--yes");
                    }
                    let answer = kubectl.run(&words)?;
                    ensure!(answer.code == Some(0), "{theirs} {spelling}: {answer}");
                }
            }
        }
        kubectl.run(&["karp", "uncordon", "node-0"])?.success()?;
    }
    Ok(())
}

/// `--chunk-size` cuts the lists of a drain into pages; 0 asks for all at once.
pub(super) fn chunk_size_cuts_lists(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    super::workloads::lay_out(plane, 3, 4)?;
    for (node, size) in [("node-0", 2), ("node-1", 0)] {
        let proxy = Faults::start(plane, 0)?;
        proxy.enable(false);
        let through = kubectl.with_kubeconfig(&proxy.kubeconfig()?);
        let answer = through.run(&["karp", "drain", node, "--yes", &format!("--chunk-size={size}")])?;
        ensure!(answer.code == Some(0), "{size}: {answer}");
        // The drain counts Ready pods in their namespace; the plan read all namespaces.
        let is_list = |path: &String| path.contains("/namespaces/shop/pods") && !path.contains("/eviction");
        let lists: Vec<String> = proxy.paths().into_iter().filter(is_list).collect();
        let pages = lists.iter().filter(|path| path.contains("continue=")).count();
        let in_pages = lists.iter().all(|path| path.contains("limit=2")) && pages > 0;
        let at_once = lists.iter().all(|path| !path.contains("limit="));
        ensure!(!lists.is_empty() && if size == 2 { in_pages } else { at_once }, "{size}: {lists:#?}");
    }
    Ok(())
}
