//! A refused plan, a question without a terminal, and the way back.

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, bulk};

use super::workloads::{lay_out, left_on};

/// A refused plan changes nothing; an abort puts back what it may.
pub(super) fn refusal_and_abort(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    lay_out(plane, 3, 3)?;
    let bare = bulk::pod("shop", "debug", "10m", "8Mi", Some("node-0"));
    plane.run(bulk::create(&plane.client(), [bare]))?;
    let refused = kubectl.run(&["karp", "drain", "node-0", "--yes"])?;
    ensure!(refused.code == Some(1) && refused.text().contains("no controller (--force)"), "{refused}");
    let node = kubectl.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "{node}");
    ensure!(node["metadata"]["annotations"]["karp/drain"].is_null(), "{node}");

    let no_terminal = kubectl.run(&["karp", "drain", "node-1"])?;
    ensure!(no_terminal.code == Some(2), "{no_terminal}");

    let forced = kubectl.run(&["karp", "drain", "node-0", "--yes", "--force"])?;
    ensure!(forced.code == Some(0), "{forced}");
    ensure!(left_on(&kubectl, "node-0")? == 0, "{forced}");
    let aborted = kubectl.run(&["karp", "drain", "node-0", "--abort"])?;
    ensure!(aborted.code == Some(0) && aborted.text().contains("node/node-0 uncordoned"), "{aborted}");
    let node = kubectl.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "{node}");
    Ok(())
}
