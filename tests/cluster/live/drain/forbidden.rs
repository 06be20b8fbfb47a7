//! Users who may not do all that a drain does: what they are told, and what is left behind.

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, Kubectl};

use super::workloads::{lay_out, left_on};

/// Lets a user do these things in the whole cluster.
fn grant(kubectl: &Kubectl, user: &str, verbs: &str, resources: &str) -> Result<()> {
    let name = format!("{user}-{}", verbs.replace(',', "-"));
    let words =
        ["create", "clusterrole", &name, &format!("--verb={verbs}"), &format!("--resource={resources}")];
    kubectl.run(&words)?.success()?;
    let words =
        ["create", "clusterrolebinding", &name, &format!("--clusterrole={name}"), &format!("--user={user}")];
    kubectl.run(&words)?.success().map(|_| ())
}

/// Without nodes there is no plan; who may not patch nodes changes nothing; who may not evict leaves a cordoned node
/// that an abort puts back.
pub(super) fn forbidden_users_are_told_what_is_missing(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    lay_out(plane, 2, 3)?;
    let drain = ["karp", "drain", "node-0", "--yes"];
    let reads = "get,list,watch";
    let all = "pods,nodes,poddisruptionbudgets.policy,replicasets.apps,deployments.apps,statefulsets.apps";

    grant(&kubectl, "podreader", reads, "pods")?;
    let blind = kubectl.with_kubeconfig(&plane.kubeconfig_for("podreader", None)?).run(&drain)?;
    ensure!(blind.code == Some(3), "{blind}");
    ensure!(blind.stderr.contains("error: nodes of the cluster cannot be read"), "{blind}");

    grant(&kubectl, "onlooker", reads, all)?;
    let onlooker = kubectl.with_kubeconfig(&plane.kubeconfig_for("onlooker", None)?);
    let refused = onlooker.run(&drain)?;
    ensure!(refused.code == Some(3), "{refused}");
    ensure!(refused.text().contains("Nothing was changed: it could not be drained."), "{refused}");
    ensure!(refused.stderr.contains("cannot patch resource"), "{refused}");
    let dry = onlooker.run(&["karp", "drain", "node-0", "--dry-run=server"])?;
    ensure!(dry.code == Some(1), "{dry}");
    ensure!(dry.text().contains("node/node-0 not cordoned: nodes \"node-0\" is forbidden"), "{dry}");
    let node = kubectl.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "{node}");

    grant(&kubectl, "cordoner", reads, all)?;
    grant(&kubectl, "cordoner", "patch", "nodes")?;
    let cordoner = kubectl.with_kubeconfig(&plane.kubeconfig_for("cordoner", None)?);
    let there = left_on(&kubectl, "node-0")?;
    let halted = cordoner.run(&drain)?;
    ensure!(halted.code == Some(5) && halted.stderr.contains("pods/eviction"), "{halted}");
    ensure!(halted.text().contains("node/node-0 stays cordoned: 0 pods evicted"), "{halted}");
    ensure!(left_on(&kubectl, "node-0")? == there, "{halted}");
    let aborted = cordoner.run(&["karp", "drain", "node-0", "--abort"])?;
    ensure!(aborted.code == Some(0) && aborted.text().contains("node/node-0 uncordoned"), "{aborted}");
    for user in ["podreader", "onlooker", "cordoner"] {
        for kind in ["clusterrole", "clusterrolebinding"] {
            for verbs in ["get-list-watch", "patch"] {
                let name = format!("{user}-{verbs}");
                kubectl.run(&["delete", kind, &name, "--ignore-not-found"])?.success()?;
            }
        }
    }
    Ok(())
}
