//! Reading a live cluster: the same snapshot as from its dump, with as little permission as the role grants, and with
//! one kind forbidden at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::faults::{Fault, Faults};
use karp_cluster::kubectl::{Kubectl, Output};
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{ControlPlane, bulk, karpenter, wait};
use serde_json::Value;

/// The role as users apply it.
const ROLE: &str = include_str!("../../../docs/rbac-reader.yaml");

/// Kinds that are always asked for, so that forbidding one must be said.
const KINDS: [&str; 14] = [
    "pods",
    "nodes",
    "namespaces",
    "services",
    "persistentvolumeclaims",
    "persistentvolumes",
    "events",
    "daemonsets",
    "deployments",
    "storageclasses",
    "csinodes",
    "poddisruptionbudgets",
    "priorityclasses",
    "nodepools",
];

const WORKLOAD: &str = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
---
apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {team: shop}
      containers:
      - {name: web, image: 'web:1', resources: {requests: {cpu: '1'}}}
";

/// What a snapshot of the live cluster holds is what a snapshot of its dump holds, object by object.
pub(crate) fn live_and_dump_are_the_same(plane: &ControlPlane) -> Result<()> {
    let kubectl = prepared(plane)?;
    let folder = tempfile::tempdir()?;
    let live = snapshot(&kubectl, folder.path(), &[])?;
    let dump = folder.path().join("dump.json");
    std::fs::write(&dump, kubectl.dump()?)?;
    let dumped = snapshot(&kubectl, folder.path(), &["--from", text(&dump)?])?;
    for kind in
        ["Pod", "Node", "Namespace", "Deployment", "ReplicaSet", "NodePool", "PriorityClass", "Service"]
    {
        let (live, dumped) = (of_kind(&live, kind), of_kind(&dumped, kind));
        ensure!(!live.is_empty() || kind == "PriorityClass", "no {kind} was read");
        ensure!(live == dumped, "{kind}: live {live:#?}, dump {dumped:#?}");
    }
    // A NodeClass of another provider is found through the NodePool that refers to it.
    ensure!(of_kind(&live, "KWOKNodeClass").len() == 1, "no KWOKNodeClass was read");
    ensure!(live["serverVersion"].as_str().is_some_and(|version| version.starts_with("v1.")), "{live:#}");
    ensure!(live["takenAt"].is_string() && live["gaps"] == serde_json::json!([]), "{}", live["gaps"]);
    Ok(())
}

/// `docs/rbac-reader.yaml` suffices; without one of its kinds that kind is a gap and nothing else changes.
pub(crate) fn a_forbidden_kind_is_a_gap(plane: &ControlPlane) -> Result<()> {
    let admin = prepared(plane)?;
    let reader = admin.with_kubeconfig(&plane.kubeconfig_for("reader", None)?);
    let folder = tempfile::tempdir()?;

    let refused = karp_snapshot(&reader, &folder.path().join("x.json"), &[])?;
    ensure!(refused.code == Some(3), "{refused}");
    ensure!(
        refused.stderr.contains("error: not allowed to read anything")
            && refused.stderr.contains("hint: what to grant: docs/rbac-reader.yaml"),
        "{refused}"
    );

    admin.apply(ROLE)?;
    admin.apply(&binding("karp-reader"))?;
    let whole = wait::until("the role to count", Duration::from_secs(20), || {
        let output = karp_snapshot(&reader, &folder.path().join("x.json"), &[])?;
        Ok((output.code == Some(0) && !output.text().contains("not read:")).then_some(output))
    })
    .context("the role does not suffice")?;
    eprintln!("{}", whole.text().trim_end());

    for kind in KINDS {
        admin.apply(&role_without(kind)?)?;
        let said = format!("not read: {kind} (forbidden for user reader)\n");
        wait::until(&format!("{kind} to be forbidden"), Duration::from_secs(20), || {
            let output = karp_snapshot(&reader, &folder.path().join("x.json"), &[])?;
            ensure!(output.code == Some(0), "{output}");
            Ok(output.text().ends_with(&said).then_some(()))
        })?;
    }
    Ok(())
}

/// What may be read in one namespace only is read there, and the rest is a gap.
pub(crate) fn one_namespace_may_be_enough(plane: &ControlPlane) -> Result<()> {
    let admin = prepared(plane)?;
    let reader = admin.with_kubeconfig(&plane.kubeconfig_for("tenant", None)?);
    admin.apply(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: tenant}]
",
    )?;
    let folder = tempfile::tempdir()?;
    let snapshot = wait::until("the binding to count", Duration::from_secs(20), || {
        Ok(snapshot(&reader, folder.path(), &["-n", "shop"]).ok())
    })?;
    ensure!(of_kind(&snapshot, "Pod").len() == 3 && of_kind(&snapshot, "Node").is_empty());
    let gaps = snapshot["gaps"].to_string();
    ensure!(gaps.contains("forbidden for user tenant outside namespace shop"), "{gaps}");
    Ok(())
}

/// No server, no rights, no such context: what users read, and exit code 3 or 4.
pub(crate) fn failures_name_the_next_command(plane: &ControlPlane) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("x.json");
    let kubectl = plane.kubectl();
    let output = karp_snapshot(&kubectl, &file, &["--context", "nowhere"])?;
    ensure!(output.code == Some(4) && output.stderr.contains("no context \"nowhere\""), "{output}");

    // A port on which nobody listens.
    let text = std::fs::read_to_string(plane.kubeconfig())?.replace(plane.address(), "https://127.0.0.1:1");
    let unreachable = folder.path().join("kubeconfig");
    std::fs::write(&unreachable, text)?;
    let start = Instant::now();
    let output = karp_snapshot(&kubectl.with_kubeconfig(&unreachable), &file, &[])?;
    ensure!(output.code == Some(3) && output.stdout.is_empty(), "{output}");
    ensure!(output.stderr.starts_with("error: cannot reach the API server"), "{output}");
    ensure!(output.stderr.contains("hint: kubectl cluster-info"), "{output}");
    ensure!(start.elapsed() < Duration::from_secs(15), "it took {:?}", start.elapsed());
    eprintln!("{}", output.stderr.trim_end());
    Ok(())
}

/// Every page of every list is refused, lost or cut once, and a list of several pages expires: the same snapshot.
pub(crate) fn a_faulty_server_is_read_all_the_same(plane: &ControlPlane) -> Result<()> {
    const BULK: usize = 1200;
    let kubectl = prepared(plane)?;
    let pods = (0..BULK).map(|number| {
        bulk::pod(
            "default",
            &format!("bulk-{number:04}"),
            "1m",
            "1Mi",
            Some(&format!("system-{}", number % 2)),
        )
    });
    plane.run(bulk::create(&plane.client(), pods))?;
    let faults = Faults::on_every_list(plane)?;
    let folder = tempfile::tempdir()?;
    let read = wait::until("two equal reads around the faulty one", Duration::from_secs(120), || {
        // KWOK is still at work on the new pods.
        let before = snapshot(&kubectl, folder.path(), &[])?;
        let faulty = snapshot(&kubectl.with_kubeconfig(&faults.kubeconfig()?), folder.path(), &[])?;
        let after = snapshot(&kubectl, folder.path(), &[])?;
        let all =
            |snapshot: &Value| ["Pod", "Node", "NodePool", "Deployment"].map(|kind| of_kind(snapshot, kind));
        Ok((all(&before) == all(&after)).then_some((all(&before), all(&faulty))))
    });
    let (plain, faulty) = read?;
    ensure!(plain[0].len() == BULK + 3, "{} pods", plain[0].len());
    ensure!(plain == faulty, "the faulty server was read otherwise");
    let counts = faults.counts();
    for fault in [Fault::Cut, Fault::TooMany, Fault::Internal, Fault::Drop, Fault::Gone] {
        ensure!(counts.contains_key(&fault), "{fault:?} was not played: {counts:?}");
    }
    eprintln!("faults played: {counts:?}");
    Ok(())
}

/// A cluster with a NodePool, two tainted nodes, and three pods that wait.
fn prepared(plane: &ControlPlane) -> Result<Kubectl> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-snapshot")?;
    karpenter::install_crds(plane, &KarpenterServer::kwok()?.crds)?;
    let nodes = (0..2).map(|number| {
        let mut node = bulk::node(&format!("system-{number}"), number);
        node["spec"] = serde_json::json!({"taints": [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]});
        node
    });
    plane.run(bulk::create(&plane.client(), nodes))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s"])?.success()?;
    kubectl.apply(WORKLOAD)?;
    wait::until("three unschedulable pods", Duration::from_secs(60), || {
        let reasons = kubectl
            .run(&[
                "get",
                "pods",
                "-n",
                "shop",
                "-o",
                r#"jsonpath={.items[*].status.conditions[?(@.type=="PodScheduled")].reason}"#,
            ])?
            .success()?;
        Ok((reasons == "Unschedulable Unschedulable Unschedulable").then_some(()))
    })?;
    Ok(kubectl)
}

fn karp_snapshot(kubectl: &Kubectl, file: &Path, more: &[&str]) -> Result<Output> {
    let mut arguments = vec!["karp", "snapshot", text(file)?];
    arguments.extend(more);
    kubectl.run(&arguments)
}

fn snapshot(kubectl: &Kubectl, folder: &Path, more: &[&str]) -> Result<Value> {
    let file = folder.join("snapshot.json");
    karp_snapshot(kubectl, &file, more)?.success()?;
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// Objects of a kind by name. The server's own bookkeeping may move between two reads.
fn of_kind(snapshot: &Value, kind: &str) -> Vec<Value> {
    let items = snapshot["items"].as_array().map_or(&[][..], Vec::as_slice);
    let mut found: Vec<Value> = items.iter().filter(|item| item["kind"] == kind).cloned().collect();
    for item in &mut found {
        if let Some(metadata) = item["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
    }
    found.sort_by_key(|item| {
        (item["metadata"]["namespace"].to_string(), item["metadata"]["name"].to_string())
    });
    found
}

fn binding(role: &str) -> String {
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: reader}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: reader}}]
"
    )
}

/// The role with one kind taken out of its lists.
fn role_without(kind: &str) -> Result<String> {
    let mut taken = false;
    let role: Vec<String> = ROLE
        .lines()
        .map(|line| match line.split_once("resources: [") {
            Some((start, list)) => {
                let kinds: Vec<&str> = list.trim_end_matches(']').split(", ").collect();
                let left: Vec<&str> = kinds.iter().copied().filter(|one| *one != kind).collect();
                taken |= left.len() != kinds.len();
                // A rule needs a resource: a list of one is replaced by something harmless.
                let left = if left.is_empty() { "none".to_owned() } else { left.join(", ") };
                format!("{start}resources: [{left}]")
            }
            None => line.to_owned(),
        })
        .collect();
    ensure!(taken, "the role does not name {kind}");
    Ok(role.join("\n"))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}
