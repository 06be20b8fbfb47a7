//! Room first: `--surge` and `--delete-nodeclaim` with Karpenter itself.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Karpenter, KarpenterOptions, Kubectl, wait};
use serde_json::{Value, json};

use super::items;
use super::watcher::Watcher;
use super::workloads::{all_ready, lay_out, left_on, namespace, pods_of, workloads};

pub(super) const POOL: &str = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: spot}
spec:
  limits: {memory: 1000Gi}
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: Never, budgets: [{nodes: '1'}]}
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      - {key: node.kubernetes.io/instance-type, operator: In, values: [c-4x-amd64-linux]}
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
---
apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
";

/// With Karpenter: room first, then the pods, then the NodeClaim; the instance goes.
pub(super) fn surge_then_delete_the_node_claim(plane: &ControlPlane) -> Result<()> {
    let mut karpenter = Karpenter::start(plane, &KarpenterOptions::default())?;
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    kubectl.apply(POOL)?;
    let mut apps = workloads(3, 1);
    for object in apps["items"].as_array_mut().into_iter().flatten() {
        if object["spec"]["template"].is_object() {
            object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] =
                json!("300m");
        }
    }
    namespace(plane)?;
    kubectl.apply(&apps.to_string())?;
    all_ready(&kubectl, pods_of(3, 1))?;
    let claims = kubectl.get(&["nodeclaims"])?;
    let claim = items(&claims).next().context("Karpenter made a NodeClaim")?;
    let name = claim["metadata"]["name"].as_str().context("name")?.to_owned();
    let node = claim["status"]["nodeName"].as_str().context("node")?.to_owned();
    let pods = left_on(&kubectl, &node)?;
    let watcher = Watcher::start(plane);
    let start = Instant::now();
    let answer = kubectl.run(&[
        "karp",
        "drain",
        &node,
        "--yes",
        "--surge",
        "--delete-nodeclaim",
        "--allow-pending",
    ])?;
    let seen = watcher.end()?;
    karpenter.check()?;
    let text = answer.clone().success()?;
    seen.is_whole()?;
    ensure!(text.contains(&format!("nodeclaim/{name} deleted")), "{answer}");
    let gone = kubectl.run(&["get", "node", &node])?;
    ensure!(gone.code == Some(1), "{gone}");
    nothing_is_left(&kubectl)?;
    eprintln!(
        "surge, drain of {pods} pods and deletion: {:.1} s, {} looks, 0 violations, no placeholder left",
        start.elapsed().as_secs_f64(),
        seen.looks,
    );
    Ok(())
}

/// Placeholders are gone when the drain ends; their namespace goes soon after.
fn nothing_is_left(kubectl: &Kubectl) -> Result<()> {
    let left = kubectl.run(&["get", "pods", "-n", "karp-surge", "-o", "name"])?.success()?;
    ensure!(left.trim().is_empty(), "placeholders are left: {left}");
    let class = kubectl.run(&["get", "priorityclass", "karp-surge", "--ignore-not-found", "-o", "name"])?;
    ensure!(class.clone().success()?.is_empty(), "{class}");
    wait::until("namespace/karp-surge to go", Duration::from_secs(120), || {
        let words = ["get", "namespace", "karp-surge", "--ignore-not-found", "-o", "name"];
        Ok(kubectl.run(&words)?.success()?.trim().is_empty().then_some(()))
    })
}

/// Starts a drain with `--surge` and kills it as soon as it has made placeholders; their image.
fn killed_while_making_room(plane: &ControlPlane, kubectl: &Kubectl, words: &[&str]) -> Result<String> {
    let words = [&["karp", "drain", "--yes", "--surge"], words].concat();
    let mut child =
        kubectl.command(&words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let made = wait::until("a placeholder", Duration::from_secs(120), || {
        let path = "/api/v1/namespaces/karp-surge/pods";
        let pods: Value =
            plane.run(plane.client().request(http::Request::get(path).body(Vec::new())?)).unwrap_or_default();
        let image = items(&pods).next().map(|pod| pod["spec"]["containers"][0]["image"].clone());
        Ok(image.and_then(|image| image.as_str().map(str::to_owned)))
    });
    child.kill()?;
    child.wait()?;
    let image = made?;
    let left = kubectl.run(&["get", "pods", "-n", "karp-surge", "-o", "name"])?.success()?;
    ensure!(!left.trim().is_empty(), "the drain was killed too late: its placeholders are gone");
    Ok(image)
}

/// `kill -9` leaves placeholders; the next drain of the node takes them away, and so does an abort. Their image is the
/// default, that of the environment, or that of the flag.
pub(super) fn placeholders_of_a_killed_drain_go(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    lay_out(plane, 4, 3)?;
    let image = killed_while_making_room(plane, &kubectl, &["node-0"])?;
    ensure!(image == "registry.k8s.io/pause:3.10", "{image}");
    let aborted = kubectl.run(&["karp", "drain", "node-0", "--abort"])?;
    ensure!(aborted.code == Some(0) && aborted.text().contains("node/node-0 uncordoned"), "{aborted}");
    nothing_is_left(&kubectl)?;

    let private = [("KARP_SURGE_IMAGE".to_owned(), "registry.test/pause:1".to_owned())].into();
    let private = kubectl.with_environment(&private);
    let image = killed_while_making_room(plane, &private, &["node-1"])?;
    ensure!(image == "registry.test/pause:1", "KARP_SURGE_IMAGE was not used: {image}");
    let resumed = kubectl.run(&["karp", "drain", "node-1", "--yes", "--surge"])?;
    ensure!(resumed.code == Some(0), "{resumed}");
    nothing_is_left(&kubectl)?;

    let image = killed_while_making_room(plane, &private, &["node-2", "--surge-image=registry.test/hold:2"])?;
    ensure!(image == "registry.test/hold:2", "the flag goes before the environment: {image}");
    let without = kubectl.run(&["karp", "drain", "node-2", "--yes"])?;
    ensure!(without.code == Some(0), "{without}");
    nothing_is_left(&kubectl)
}
