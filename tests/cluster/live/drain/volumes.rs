//! A volume that hangs on the old node: the drain waits for it as the controller does, and says so.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Kubectl, bulk, wait};
use serde_json::{Value, json};

use super::items;
use super::workloads::{left_on, namespace};

/// Who holds an attachment in place of a CSI driver.
const HOLDER: &str = "test.example/holds";

/// A StatefulSet of one pod with a volume that can be reached from one zone; the volume is bound by hand, since nobody
/// provisions here.
pub(super) fn stateful_with_volume(name: &str, zone: &str) -> Value {
    let labels = json!({"app": name});
    let claim = format!("data-{name}-0");
    let size = json!({"storage": "1Gi"});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("pv-{name}")},
        "spec": {"capacity": size, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim, "namespace": "shop"},
            "csi": {"driver": "ebs.example", "volumeHandle": format!("vol-{name}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}]}}}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim, "namespace": "shop"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": format!("pv-{name}"),
            "resources": {"requests": size}}});
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": 1, "serviceName": name, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1,
                "containers": [{"name": "app", "image": "app:1",
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    "resources": {"requests": {"cpu": "50m"}}}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "storageClassName": "", "resources": {"requests": size}}}]}});
    json!({"apiVersion": "v1", "kind": "List", "items": [volume, claim, set]})
}

/// Attaches a volume as the attach-detach controller does, but with somebody who does not let go.
fn attach(kubectl: &Kubectl, volume: &str, node: &str) -> Result<()> {
    let attachment = json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment",
        "metadata": {"name": format!("csi-{volume}"), "finalizers": [HOLDER]},
        "spec": {"attacher": "ebs.example", "nodeName": node, "source": {"persistentVolumeName": volume}}});
    kubectl.create(&attachment.to_string())
}

fn node_of(kubectl: &Kubectl, pod: &str) -> Result<Option<String>> {
    let pods = kubectl.get(&["pods", "-n", "shop"])?;
    let found = items(&pods).find(|found| found["metadata"]["name"] == pod);
    let running = found.filter(|found| found["status"]["phase"] == "Running");
    Ok(running.and_then(|found| found["spec"]["nodeName"].as_str()).map(str::to_owned))
}

/// The pod is gone and Ready elsewhere, the volume is still attached: not drained before it is detached.
pub(super) fn a_drain_waits_for_volumes_to_detach(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    // Nodes 0 and 3 share a zone.
    plane.run(bulk::create(&plane.client(), (0..4).map(|n| bulk::node(&format!("node-{n}"), n))))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success()?;
    namespace(plane)?;
    kubectl.apply(&stateful_with_volume("db", "test-zone-a").to_string())?;
    let node = wait::until("pod/db-0 to run", Duration::from_secs(300), || node_of(&kubectl, "db-0"))?;
    attach(&kubectl, "pv-db", &node)?;

    let plan = kubectl.run(&["karp", "drain", &node, "--dry-run=client", "-o", "json"])?.success()?;
    let plan: Value = serde_json::from_str(&plan)?;
    ensure!(plan["nodes"][0]["pods"][0]["volumes"][0]["volume"] == "pv-db", "{plan}");

    let hurried = kubectl.run(&["karp", "drain", &node, "--yes", "--wait-ready", "5s"])?;
    ensure!(hurried.code == Some(5), "{hurried}");
    let words = format!("volumes are still attached to node/{node}: pv-db");
    ensure!(hurried.text().contains(&words), "{hurried}");
    ensure!(left_on(&kubectl, &node)? == 0, "{hurried}");

    let mut child = kubectl
        .command(&["karp", "drain", &node, "--yes"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    std::thread::sleep(Duration::from_secs(4));
    ensure!(child.try_wait()?.is_none(), "it did not wait for the volume");
    let release = r#"{"metadata":{"finalizers":null}}"#;
    kubectl.run(&["patch", "volumeattachment", "csi-pv-db", "--type=merge", "-p", release])?.success()?;
    kubectl.run(&["delete", "volumeattachment", "csi-pv-db", "--ignore-not-found"])?.success()?;
    let output = child.wait_with_output().context("the drain")?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.code() == Some(0), "{:?}: {text}", output.status);
    ensure!(text.contains("waits for volumes to detach: pv-db"), "{text}");
    Ok(())
}
