//! The workshop on a live cluster: a system node group, one Spot NodePool, `inflate` scaled from 0 to 20, three pods that
//! nothing can be launched for. The real scheduler marks them, the real kubectl runs the plugin, and what it prints is
//! what it prints about a dump of the same cluster.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use karp_cluster::kubectl::Kubectl;
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{ControlPlane, bulk, karpenter, wait};
use serde_json::json;

/// What the platform team made.
const PLATFORM: &str = include_str!("workshop/platform.yaml");

/// What the others made.
const WORKLOADS: &str = include_str!("workshop/workloads.yaml");

/// What Karpenter and the AWS provider would have found out.
const NODE_CLASS_STATUS: &str = include_str!("workshop/ec2nodeclass-status.json");

/// Kinds of a full dump.
const KINDS: [&str; 20] = [
    "namespaces",
    "nodes",
    "pods",
    "persistentvolumeclaims",
    "persistentvolumes",
    "storageclasses.storage.k8s.io",
    "csinodes.storage.k8s.io",
    "services",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "jobs.batch",
    "poddisruptionbudgets.policy",
    "priorityclasses.scheduling.k8s.io",
    "nodepools.karpenter.sh",
    "nodeclaims.karpenter.sh",
    "nodeoverlays.karpenter.sh",
    "ec2nodeclasses.karpenter.k8s.aws",
    "events",
];

/// `kubectl karp explain` on the cluster and `--from` of its dumps print the same bytes, whichever form the dump has.
pub(crate) fn live_and_dumps_are_explained_alike(plane: &ControlPlane) -> Result<()> {
    let kubectl = prepared(plane)?;
    let folder = tempfile::tempdir()?;
    let dumps = dumps(&kubectl, folder.path())?;
    for format in ["table", "wide", "json", "yaml", "name"] {
        let live = explain(&kubectl, &["-o", format])?;
        if format == "table" {
            eprintln!("$ kubectl karp explain\n{live}");
            ensure!(live.starts_with("3 of 23 pending pods will not schedule"), "{live}");
        }
        for dump in &dumps {
            let moment = moment(&live).unwrap_or_else(|| "2030-01-01T00:00:00Z".to_owned());
            let from = dump.display().to_string();
            let dumped = explain(&kubectl, &["-o", format, "--from", &from, "--at", &moment])?;
            // Commands to paste repeat where the data came from.
            let dumped = dumped.replace(&format!(" --from {from} --at {moment}"), "");
            ensure!(live == dumped, "{format}, {from}:\n--- live\n{live}\n--- dump\n{dumped}");
        }
    }
    for object in ["deploy/ledger", "sts/postgres", "job/train"] {
        let namespace = if object == "job/train" { "ml" } else { "shop" };
        let live = explain(&kubectl, &[object, "-n", namespace])?;
        eprintln!("$ kubectl karp explain {object} -n {namespace}\n{live}");
    }
    Ok(())
}

/// `kubectl karp explain -w` prints again when the cluster has changed, and Ctrl-C ends it with 0.
pub(crate) fn a_change_is_explained_again(plane: &ControlPlane) -> Result<()> {
    let kubectl = prepared(plane)?;
    let mut watching = Watching::start(&kubectl, &["karp", "explain", "-w"])?;
    watching.line_that_starts_with("3 of 23 pending pods will not schedule", Duration::from_secs(30))?;
    kubectl.run(&["delete", "deploy/ledger", "-n", "shop", "--wait=true"])?.success()?;
    let start = Instant::now();
    watching.line_that_starts_with("2 of 22 pending pods will not schedule", Duration::from_secs(30))?;
    eprintln!("second answer {:.1} s after the change", start.elapsed().as_secs_f64());
    let code = watching.interrupt()?;
    ensure!(code == Some(0), "Ctrl-C ended it with {code:?}");

    let refused = kubectl.run(&["karp", "explain", "-w", "--from", "example:workshop"])?;
    ensure!(refused.code == Some(2), "{refused}");
    Ok(())
}

/// The workshop with `inflate` at 20.
pub(crate) fn prepared(plane: &ControlPlane) -> Result<Kubectl> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-explain")?;
    karpenter::install_crds(plane, &KarpenterServer::aws()?.crds)?;
    let nodes = [("ip-10-0-1-20.ec2.internal", "us-east-1a"), ("ip-10-0-2-31.ec2.internal", "us-east-1b")];
    let nodes = nodes.iter().enumerate().map(|(number, (name, zone))| {
        let mut node = bulk::node(name, number);
        let labels = &mut node["metadata"]["labels"];
        labels["topology.kubernetes.io/zone"] = json!(zone);
        labels["topology.kubernetes.io/region"] = json!("us-east-1");
        labels["node.kubernetes.io/instance-type"] = json!("m5.large");
        labels["eks.amazonaws.com/nodegroup"] = json!("system");
        node["spec"] =
            json!({"taints": [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]});
        node
    });
    plane.run(bulk::create(&plane.client(), nodes))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s"])?.success()?;
    kubectl.apply(PLATFORM)?;
    for (object, status) in [
        ("ec2nodeclass/default", NODE_CLASS_STATUS.to_owned()),
        ("nodepool/spot", json!({"status": {"conditions": conditions()}}).to_string()),
    ] {
        let patch = ["patch", object, "--subresource=status", "--type=merge", "-p", &status];
        kubectl.run(&patch)?.success()?;
    }
    kubectl.apply(WORKLOADS)?;
    let claim = ["wait", "--for=jsonpath={.status.phase}=Bound", "pvc/data-postgres-0", "-n", "shop"];
    wait::until("the claim to be bound", Duration::from_secs(60), || {
        Ok((kubectl.run(&claim)?.code == Some(0)).then_some(()))
    })?;
    kubectl.run(&["scale", "deploy/inflate", "--replicas=20"])?.success()?;
    wait::until("23 unschedulable pods", Duration::from_secs(90), || {
        let reasons = kubectl
            .run(&[
                "get",
                "pods",
                "-A",
                "-o",
                r#"jsonpath={.items[*].status.conditions[?(@.type=="PodScheduled")].reason}"#,
            ])?
            .success()?;
        let marked = reasons.split(' ').filter(|reason| *reason == "Unschedulable").count();
        Ok((marked == 23).then_some(()))
    })?;
    Ok(kubectl)
}

fn conditions() -> serde_json::Value {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": kind, "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-11-18T08:10:00Z"})
    };
    json!([condition("ValidationSucceeded"), condition("NodeClassReady"), condition("Ready")])
}

/// One List as JSON, the same as YAML, and a folder with a List of each kind.
fn dumps(kubectl: &Kubectl, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (name, format) in [("dump.json", "json"), ("dump.yaml", "yaml")] {
        let file = folder.join(name);
        let list = kubectl.run(&["get", &KINDS.join(","), "-A", "-o", format])?.success()?;
        std::fs::write(&file, list)?;
        files.push(file);
    }
    let lists = folder.join("lists");
    std::fs::create_dir(&lists)?;
    for kind in KINDS {
        let list = kubectl.run(&["get", kind, "-A", "-o", "json"])?.success()?;
        std::fs::write(lists.join(format!("{kind}.json")), list)?;
    }
    files.push(lists);
    Ok(files)
}

/// What explain prints; some pods will not schedule, so it ends with 1.
fn explain(kubectl: &Kubectl, more: &[&str]) -> Result<String> {
    let mut arguments = vec!["karp", "explain"];
    arguments.extend(more);
    let output = kubectl.run(&arguments)?;
    ensure!(output.code == Some(1), "{output}");
    Ok(output.text())
}

/// `takenAt` of a document.
fn moment(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("takenAt")?;
    let rest = rest.trim_start_matches(['"', ':', ' ', '\'']);
    Some(rest[..rest.find('Z')? + 1].to_owned())
}

/// A command that goes on.
struct Watching {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Watching {
    fn start(kubectl: &Kubectl, arguments: &[&str]) -> Result<Self> {
        let mut child = kubectl.command(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines, seen: Vec::new() })
    }

    fn line_that_starts_with(&mut self, start: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.starts_with(start);
                    self.seen.push(line);
                    if found {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("no {start:?} within {limit:?}: {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without {start:?}: {:#?}", self.seen),
            }
        }
    }

    /// Ctrl-C, and the exit code.
    fn interrupt(mut self) -> Result<Option<i32>> {
        let process = rustix::process::Pid::from_raw(i32::try_from(self.child.id())?).context("a process")?;
        rustix::process::kill_process(process, rustix::process::Signal::INT)?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
    }
}
