//! A plan that was saved, and what became of the cluster since.

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, bulk};

use super::workloads::{lay_out, left_on};

/// Applied as it was saved; refused once a pod came to the node.
pub(super) fn a_saved_plan_is_checked_against_the_cluster(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    lay_out(plane, 3, 3)?;
    let folder = tempfile::tempdir()?;
    let save = |node: &str| -> Result<String> {
        let words = ["karp", "drain", node, "--dry-run=client", "--force", "-o", "yaml"];
        let plan = kubectl.run(&words)?.success()?;
        let file = folder.path().join(format!("{node}.yaml"));
        std::fs::write(&file, plan)?;
        Ok(file.display().to_string())
    };
    let (stale, fresh) = (save("node-0")?, save("node-1")?);

    let newcomer = bulk::pod("shop", "newcomer", "10m", "8Mi", Some("node-0"));
    plane.run(bulk::create(&plane.client(), [newcomer]))?;
    let answer = kubectl.run(&["karp", "drain", "--plan", &stale, "--yes"])?;
    ensure!(answer.code == Some(2), "{answer}");
    ensure!(answer.stderr.contains("is stale: pod/newcomer -n shop came to node/node-0"), "{answer}");
    let node = kubectl.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "a stale plan cordoned: {node}");

    let answer = kubectl.run(&["karp", "drain", "--plan", &fresh, "--yes"])?;
    ensure!(answer.code == Some(0), "{answer}");
    ensure!(left_on(&kubectl, "node-1")? == 0, "{answer}");
    // Pods that are gone since are no change: the same plan may be applied again.
    let answer = kubectl.run(&["karp", "drain", "--plan", &fresh, "--yes"])?;
    ensure!(answer.code == Some(0), "{answer}");
    Ok(())
}
