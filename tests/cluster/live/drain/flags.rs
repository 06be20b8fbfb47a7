//! Every flag of `kubectl drain` is one of ours: kubectl's own help is the table.

use anyhow::{Result, ensure};
use karp_cluster::ControlPlane;

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
