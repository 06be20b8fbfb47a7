//! What may be done with `docs/rbac-reader.yaml` and `docs/rbac-writer.yaml`, and what not without the second.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{ControlPlane, Kubectl, karpenter, wait};

use super::surge::POOL;
use super::workloads::{lay_out, left_on};

/// The roles as users apply them.
const READER: &str = include_str!("../../../../docs/rbac-reader.yaml");
const WRITER: &str = include_str!("../../../../docs/rbac-writer.yaml");

/// With the reader's role alone nothing changes and the refusal is named; with both every verb that writes works.
pub(super) fn the_writer_role_is_what_writing_needs(plane: &ControlPlane) -> Result<()> {
    let admin = plane.kubectl();
    for plugin in ["kubectl-karp-cordon", "kubectl-karp-uncordon", "kubectl-karp-drain"] {
        admin.require_plugin(plugin)?;
    }
    karpenter::install_crds(plane, &KarpenterServer::kwok()?.crds)?;
    lay_out(plane, 4, 3)?;
    admin.apply(POOL)?;
    let ops = admin.with_kubeconfig(&plane.kubeconfig_for("ops", None)?);

    bind(&admin, &ops, READER, "karp-reader", &["list", "pods"])?;
    for words in [
        &["cordon", "node-0"][..],
        &["cordon", "nodepool/spot", "--reason=audit"],
        &["drain", "node-0", "--yes"],
    ] {
        let all: Vec<&str> = ["karp"].iter().chain(words).copied().collect();
        let refused = ops.run(&all)?;
        ensure!(refused.code == Some(3), "{refused}");
        ensure!(refused.stderr.contains("forbidden") || refused.stderr.contains("not allowed"), "{refused}");
    }
    let node = admin.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "{node}");

    bind(&admin, &ops, WRITER, "karp-writer", &["patch", "nodes"])?;
    for words in [
        &["cordon", "node-0", "--reason=disk"][..],
        &["uncordon", "node-0"],
        &["cordon", "nodepool/spot", "--reason=audit"],
        &["uncordon", "nodepool/spot"],
        &["drain", "node-0", "--dry-run=server"],
        &["drain", "node-0", "--yes"],
        &["drain", "node-1", "--yes", "--surge"],
    ] {
        let all: Vec<&str> = ["karp"].iter().chain(words).copied().collect();
        ops.run(&all)?.success().with_context(|| words.join(" "))?;
    }
    for node in ["node-0", "node-1"] {
        ensure!(left_on(&admin, node)? == 0, "pods are left on {node}");
    }
    let may = ops.run(&["auth", "can-i", "delete", "nodeclaims.karpenter.sh"])?;
    ensure!(may.text().trim() == "yes", "{may}");
    Ok(())
}

/// Gives `ops` a role and waits until it counts.
fn bind(admin: &Kubectl, ops: &Kubectl, role: &str, name: &str, may: &[&str]) -> Result<()> {
    admin.apply(role)?;
    let name = format!("--clusterrole={name}");
    admin.run(&["create", "clusterrolebinding", &name[14..], &name, "--user=ops"])?.success()?;
    let question: Vec<&str> = ["auth", "can-i"].iter().chain(may).copied().collect();
    wait::until("the role to count", Duration::from_secs(20), || {
        Ok((ops.run(&question)?.text().trim() == "yes").then_some(()))
    })
}
