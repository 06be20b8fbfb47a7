//! Scenarios that Karpenter itself plays, and what it answers.
//!
//! For each scenario: the NodePools get ready, the pods of the batch are created while Karpenter is
//! paused, the real scheduler gives its verdict, and the cluster is dumped just as Karpenter will find
//! it; then Karpenter goes on, and what it created and said is collected. Both are left in
//! `target/live-proof/NAME/`: `dump.json` answers to `--from`, `karpenter.json` is the real answer. `preview` on the
//! dump is then compared with it ([`compare`]).

mod compare;
mod observed;
mod ours;
mod placeholders;
mod random;
mod scenario;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use karp_cluster::servers::KarpenterServer;

use observed::Observed;
use ours::Recording;

pub(crate) use scenario::{Scenario, all};
pub(crate) use stage::record;

/// Scenarios that a plain run plays: one for each rule that is easily got wrong. `KARP_PROOF=all` plays all.
pub(crate) const PART: [&str; 6] =
    ["workshop", "three-causes", "limits-overflow", "min-values", "daemonset-overhead", "volume-zone"];

/// Compares `preview` with the answer in an evidence folder.
pub(crate) fn prove(folder: &Path) -> Result<()> {
    let types = KarpenterServer::kwok()?.instance_types.context("the KWOK provider's instance types")?;
    let answer = fs::read(folder.join("karpenter.json"))?;
    let theirs = Observed::from_json(&serde_json::from_slice(&answer)?);
    let recording = Recording::read(&folder.join("dump.json"), &types)?;
    let comparison = compare::compare(&recording, &theirs);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    ensure!(
        comparison.differences.is_empty(),
        "{name} differs{}\n  replay: kubectl karp preview --from {}/dump.json --instance-types {}",
        comparison.text(),
        folder.display(),
        types.display(),
    );
    eprintln!("{name}: {}", comparison.line());
    Ok(())
}

/// Folders of answers that were recorded before.
pub(crate) fn recorded(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.join("karpenter.json").exists() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
