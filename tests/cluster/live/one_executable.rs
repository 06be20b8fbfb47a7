//! `kubectl-karp` alone, as krew installs it: a link in a folder on PATH to a file elsewhere, no sibling beside either.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use karp_cluster::ControlPlane;
use karp_cluster::kubectl::{Kubectl, Output};

use crate::workshop;

/// The executable and where links to it are.
struct Installed {
    kubectl: Kubectl,
    bin: PathBuf,
    file: PathBuf,
    /// Removes everything when dropped.
    _folder: tempfile::TempDir,
}

fn installed(kubectl: &Kubectl) -> Result<Installed> {
    kubectl
        .require_plugin("kubectl-karp")
        .context("`cargo build -p kubectl-karp --no-default-features` makes it without the AWS SDK")?;
    let folder = tempfile::tempdir()?;
    let (store, bin) = (folder.path().join("store/karp/v0.1.0"), folder.path().join("bin"));
    std::fs::create_dir_all(&store)?;
    std::fs::create_dir_all(&bin)?;
    let file = store.join("kubectl-karp");
    std::fs::copy(kubectl.plugins().join("kubectl-karp"), &file)?;
    symlink(&file, bin.join("kubectl-karp"))?;
    Ok(Installed { kubectl: kubectl.with_plugins(&bin), bin, file, _folder: folder })
}

/// Every verb answers through kubectl and one link; flags may stand in front of the verb; a link named as a verb is
/// that verb.
pub(crate) fn every_verb_answers_through_one_link(plane: &ControlPlane) -> Result<()> {
    let siblings = workshop::prepared(plane)?;
    let Installed { kubectl, bin, file, _folder } = installed(&siblings)?;

    let alone = kubectl.run(&["karp", "explain"])?;
    let sibling = siblings.run(&["karp", "explain"])?;
    ensure!(alone.code == Some(1) && alone.stdout == sibling.stdout, "{alone}\n{sibling}");
    let in_front = kubectl.run(&["karp", "-n", "shop", "explain", "deploy/ledger"])?;
    let behind = kubectl.run(&["karp", "explain", "deploy/ledger", "-n", "shop"])?;
    // The rest tells how long the pod has been Pending.
    let verdict = |output: &Output| output.text().lines().next().map(str::to_owned);
    ensure!(in_front.code == Some(1) && verdict(&in_front) == verdict(&behind), "{in_front}\n{behind}");
    ensure!(in_front.text().starts_with("pod/ledger-"), "{in_front}");

    let version: serde_json::Value =
        serde_json::from_str(&kubectl.run(&["karp", "version", "-o", "json"])?.success()?)?;
    ensure!(version["apiVersion"] == "karp/v1" && version["karpenter"]["default"] == "1.15", "{version}");
    ensure!(version["siblings"].is_null(), "{version}");

    let state = kubectl.run(&["karp"])?;
    ensure!(state.code == Some(1) && state.text().starts_with("3 of 23 pending pods"), "{state}");
    let nodes = kubectl.run(&["karp", "preview", "-o", "json"])?;
    ensure!(nodes.code == Some(1), "{nodes}");

    let node = "node/ip-10-0-1-20.ec2.internal";
    kubectl.run(&["karp", "cordon", node])?.success()?;
    ensure!(kubectl.get(&[node])?["spec"]["unschedulable"] == true, "{node} is not cordoned");
    kubectl.run(&["karp", "uncordon", node])?.success()?;
    ensure!(kubectl.get(&[node])?["spec"]["unschedulable"].is_null(), "{node} is cordoned");
    let plan = kubectl.run(&["karp", "drain", node, "--dry-run=client"])?;
    ensure!(matches!(plan.code, Some(0 | 1)) && !plan.text().is_empty(), "{plan}");

    let typo = kubectl.run(&["karp", "explian"])?;
    ensure!(typo.code == Some(2) && typo.stderr.contains("did you mean explain?"), "{typo}");

    symlink(&file, bin.join("kubectl-karp-explain"))?;
    let linked = kubectl.run(&["karp", "explain"])?;
    ensure!(linked.stdout == sibling.stdout && linked.stderr.is_empty(), "{linked}");
    Ok(())
}

/// A snapshot of the live cluster without its names: it says what it did, and explains the same.
pub(crate) fn anonymous_snapshots_explain_the_same(plane: &ControlPlane) -> Result<()> {
    let kubectl = workshop::prepared(plane)?;
    let folder = tempfile::tempdir()?;
    let real = folder.path().join("real.json");
    let anonymous = folder.path().join("anonymous.json.zst");
    let (real, anonymous) = (text(&real)?, text(&anonymous)?);
    kubectl.run(&["karp", "snapshot", real])?.success()?;
    let said = kubectl.run(&["karp", "snapshot", anonymous, "--anonymize", "--from", real])?.success()?;
    eprintln!("{}", said.trim_end());
    let causes = |file: &str| -> Result<Vec<String>> {
        let output = kubectl.run(&["karp", "explain", "-o", "json", "--from", file])?;
        ensure!(output.code == Some(1), "{output}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let groups = report["groups"].as_array().context("groups")?;
        Ok(groups
            .iter()
            .map(|group| format!("{} {} {}", group["code"], group["verdict"], group["count"]))
            .collect())
    };
    ensure!(causes(real)? == causes(anonymous)?, "{:?} {:?}", causes(real)?, causes(anonymous)?);
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is text")
}
