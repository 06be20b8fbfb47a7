//! `cordon` and `uncordon` of nodes and NodePools.

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, bulk};

use super::surge::POOL;

/// kubectl's messages for nodes; a NodePool is paused and comes back exactly.
pub(super) fn cordon_and_back(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-cordon")?;
    karp_cluster::karpenter::install_crds(plane, &karp_cluster::servers::KarpenterServer::kwok()?.crds)?;
    plane.run(bulk::create(&plane.client(), [bulk::node("node-0", 0)]))?;
    for (words, line) in [
        (["cordon", "node-0", "--dry-run=server"], "node/node-0 cordoned (server dry run)\n"),
        (["cordon", "node-0", "--reason=disk"], "node/node-0 cordoned\n"),
        (["cordon", "node-0", "--reason=disk"], "node/node-0 already cordoned\n"),
        (["uncordon", "node-0", "--dry-run=none"], "node/node-0 uncordoned\n"),
        (["uncordon", "node-0", "--dry-run=none"], "node/node-0 already uncordoned\n"),
    ] {
        let all: Vec<&str> = ["karp"].into_iter().chain(words).collect();
        let text = kubectl.run(&all)?.success()?;
        ensure!(text == line, "{text}");
    }
    let missing = kubectl.run(&["karp", "cordon", "node-0", "node-9"])?;
    ensure!(missing.code == Some(4), "{missing}");
    ensure!(
        kubectl.get(&["node", "node-0"])?["spec"]["unschedulable"].is_null(),
        "touched before all are known"
    );

    kubectl.apply(POOL)?;
    let before = kubectl.get(&["nodepool", "spot"])?["spec"].clone();
    let paused =
        kubectl.run(&["karp", "cordon", "nodepool/spot", "--for", "2h", "--reason", "audit"])?.success()?;
    ensure!(
        paused.starts_with("nodepool/spot cordoned: no launch, no disruption; 0 nodes stay\n"),
        "{paused}"
    );
    let pool = kubectl.get(&["nodepool", "spot"])?;
    ensure!(pool["spec"]["limits"]["cpu"] == "0" && pool["spec"]["limits"]["memory"] == "1000Gi", "{pool}");
    kubectl
        .run(&["patch", "nodepool", "spot", "--type=merge", "-p", r#"{"spec":{"limits":{"cpu":"500"}}}"#])?
        .success()?;
    let edited = kubectl.run(&["karp", "uncordon", "nodepool/spot"])?;
    ensure!(edited.code == Some(5) && edited.stderr.contains("(limits.cpu 0 -> 500)"), "{edited}");
    kubectl
        .run(&["patch", "nodepool", "spot", "--type=merge", "-p", r#"{"spec":{"limits":{"cpu":"0"}}}"#])?
        .success()?;
    kubectl.run(&["karp", "uncordon", "nodepool/spot"])?.success()?;
    let after = kubectl.get(&["nodepool", "spot"])?["spec"].clone();
    ensure!(before == after, "{before} != {after}");
    Ok(())
}
