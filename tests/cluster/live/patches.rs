//! Every change that `explain` prints, pasted: the real kubectl and API server take it, and afterwards the live
//! cluster answers as the proof said.
//!
//! `patches/*.yaml` holds a cluster each (add a file, get a scenario): `# asks:` names what is explained, each
//! `# expects:` the beginning of a change that must be among those printed. Nobody serves Karpenter's kinds here, so
//! what its controllers would write into their status is written by this test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use karp_cluster::kubectl::Kubectl;
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{ControlPlane, karpenter, wait};
use serde_json::{Value, json};

/// How long the control plane may take to make the pods of a workload.
const LIMIT: Duration = Duration::from_secs(60);

/// A cluster with something to explain.
struct Scenario {
    name: String,
    asks: String,
    expects: Vec<String>,
    manifests: String,
}

/// What was pasted, and what came of it.
#[derive(Default)]
struct Score {
    applied: usize,
    as_proven: usize,
    titles: BTreeSet<String>,
    wrong: Vec<String>,
}

/// Scenarios whose changes are pasted one after the other.
pub(crate) fn every_printed_change_applies_and_does_what_was_proven(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-explain")?;
    karpenter::install_crds(plane, &KarpenterServer::aws()?.crds)?;
    kubectl.apply(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#)?;
    plane.wait_for_service_account("shop")?;
    let only = std::env::var("KARP_PATCHES").ok();
    let mut score = Score::default();
    for scenario in scenarios()? {
        if only.as_ref().is_some_and(|only| !only.split(',').any(|name| name == scenario.name)) {
            continue;
        }
        let played = play(&kubectl, &scenario, &mut score);
        let cleaned = remove(&kubectl, &scenario);
        if let Err(error) = played {
            score.wrong.push(format!("{}: {error:#}", scenario.name));
        }
        cleaned?;
    }
    for title in &score.titles {
        eprintln!("  {title}");
    }
    eprintln!("patches applied {}, answer as proven {}", score.applied, score.as_proven);
    ensure!(score.wrong.is_empty(), "{}", score.wrong.join("\n\n"));
    ensure!(score.applied > 0 && score.applied == score.as_proven);
    Ok(())
}

fn scenarios() -> Result<Vec<Scenario>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    files.iter().map(|file| scenario(file)).collect()
}

fn scenario(file: &Path) -> Result<Scenario> {
    let manifests = std::fs::read_to_string(file)?;
    let all = |mark: &str| {
        let lines = manifests.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(mark));
        lines.map(|rest| rest.trim().to_owned()).collect::<Vec<_>>()
    };
    let asks = all("asks:").into_iter().next().with_context(|| format!("{}: no asks:", file.display()))?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Scenario { name, asks, expects: all("expects:"), manifests })
}

fn play(kubectl: &Kubectl, scenario: &Scenario, score: &mut Score) -> Result<()> {
    lay_out(kubectl, scenario)?;
    let before = explain(kubectl, scenario)?;
    let changes: Vec<Value> = groups(&before)
        .filter(|group| group["verdict"] != "yes")
        .flat_map(|group| group["changes"].as_array().cloned().unwrap_or_default())
        .collect();
    let titles: Vec<&str> = changes.iter().filter_map(|change| change["title"].as_str()).collect();
    for expected in &scenario.expects {
        let is_there = titles.iter().any(|title| title.contains(expected.as_str()));
        ensure!(is_there, "no change {expected:?} among {titles:#?}");
    }
    // Several answers are an overview, which leaves commands to the screen of each pod.
    let screen = if groups(&before).count() == 1 { Some(screen(kubectl, scenario)?) } else { None };
    for change in &changes {
        for command in commands(change) {
            let is_shown = screen.as_ref().is_none_or(|screen| screen.contains(command));
            ensure!(is_shown, "{command}\nis not on the screen:\n{}", screen.unwrap_or_default());
            // What replaces an object has no dry run of its own.
            if !command.contains(" | ") {
                paste(kubectl, &format!("{command} --dry-run=server"))?;
            }
        }
    }
    for (position, change) in changes.iter().enumerate() {
        if position > 0 {
            lay_out(kubectl, scenario)?;
        }
        let title = change["title"].as_str().unwrap_or_default();
        ensure!(commands(change).next().is_some(), "{title}: no command");
        let old = pods(kubectl)?.iter().map(uid).collect();
        for command in commands(change) {
            paste(kubectl, command)?;
        }
        score.applied += 1;
        score.titles.insert(title.to_owned());
        match after(kubectl, scenario, change, old).with_context(|| format!("after {title}")) {
            Ok(()) => score.as_proven += 1,
            Err(error) => score.wrong.push(format!("{}: {error:#}", scenario.name)),
        }
    }
    Ok(())
}

/// What a user pastes: the text, in a shell whose kubectl is the real one.
fn paste(kubectl: &Kubectl, command: &str) -> Result<()> {
    let like = kubectl.command(&[]);
    let folder = Path::new(like.get_program()).parent().context("kubectl without a folder")?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).env_clear().stdin(Stdio::null());
    for (name, value) in like.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    let output = shell.output()?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{command}\n{}", String::from_utf8_lossy(&output.stderr))
}

fn commands(change: &Value) -> impl Iterator<Item = &str> {
    change["commands"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn groups(report: &Value) -> impl Iterator<Item = &Value> {
    report["groups"].as_array().into_iter().flatten()
}

fn arguments(scenario: &Scenario) -> Vec<&str> {
    vec!["karp", "explain", scenario.asks.as_str(), "-n", "shop", "--changes", "9", "--region", "us-east-1"]
}

fn explain(kubectl: &Kubectl, scenario: &Scenario) -> Result<Value> {
    let mut arguments = arguments(scenario);
    arguments.extend(["-o", "json"]);
    let output = kubectl.run(&arguments)?;
    ensure!(matches!(output.code, Some(0 | 1)), "{output}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn screen(kubectl: &Kubectl, scenario: &Scenario) -> Result<String> {
    let output = kubectl.run(&arguments(scenario))?;
    ensure!(output.code == Some(1), "{output}");
    Ok(output.text())
}

/// The objects as if just applied, with the status that controllers would write, and their pods Unschedulable.
fn lay_out(kubectl: &Kubectl, scenario: &Scenario) -> Result<()> {
    remove(kubectl, scenario)?;
    kubectl.create(&scenario.manifests)?;
    write_status(kubectl)?;
    settle(kubectl, scenario, &BTreeSet::new())
}

fn remove(kubectl: &Kubectl, scenario: &Scenario) -> Result<()> {
    let arguments = ["delete", "--ignore-not-found", "--wait=true", "--timeout=60s", "-f", "-"];
    kubectl.run_with_input(&arguments, scenario.manifests.as_bytes())?.success()?;
    wait::until("the pods to be gone", LIMIT, || {
        let left = kubectl.run(&["get", "pods", "-n", "shop", "-o", "name"])?.success()?;
        Ok(left.trim().is_empty().then_some(()))
    })
}

fn write_status(kubectl: &Kubectl) -> Result<()> {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": kind, "message": "",
            "lastTransitionTime": "2026-11-20T12:00:00Z"})
    };
    let zones = ["a", "b", "c"].map(|letter| (format!("us-east-1{letter}"), letter));
    let subnets: Vec<Value> = zones
        .iter()
        .zip(["use1-az1", "use1-az2", "use1-az4"])
        .map(|((zone, letter), id)| json!({"id": format!("subnet-{letter}"), "zone": zone, "zoneID": id}))
        .collect();
    let images: Vec<Value> = ["amd64", "arm64"]
        .map(|arch| {
            json!({"id": format!("ami-{arch}"), "name": arch,
                "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": [arch]}]})
        })
        .to_vec();
    let ready = |kinds: &[&str]| kinds.iter().map(|kind| condition(kind)).collect::<Vec<_>>();
    for (kind, status) in [
        ("nodepools", json!({"conditions": ready(&["ValidationSucceeded", "NodeClassReady", "Ready"])})),
        (
            "ec2nodeclasses",
            json!({"conditions": ready(&["SubnetsReady", "SecurityGroupsReady", "AMIsReady", "Ready"]),
                "subnets": subnets, "amis": images}),
        ),
    ] {
        let names = kubectl.run(&["get", kind, "-o", "name"])?.success()?;
        let patch = json!({"status": status}).to_string();
        for name in names.lines() {
            kubectl.run(&["patch", name, "--subresource=status", "--type=merge", "-p", &patch])?.success()?;
        }
    }
    Ok(())
}

/// Waits until the workload has all its pods, none of them one of `old`, each marked Unschedulable; returns at once
/// for a workload that keeps old pods until new ones are Ready once the new ones are marked.
fn settle(kubectl: &Kubectl, scenario: &Scenario, old: &BTreeSet<String>) -> Result<()> {
    let wanted = wanted(kubectl, scenario)?;
    wait::until(&format!("{} to have {wanted} unschedulable pods", scenario.asks), LIMIT, || {
        let pods = pods(kubectl)?;
        let marked = pods.iter().filter(|pod| !old.contains(&uid(pod)) && is_marked(pod)).count();
        Ok((marked == wanted).then_some(()))
    })
}

fn wanted(kubectl: &Kubectl, scenario: &Scenario) -> Result<usize> {
    let object = kubectl.get(&[scenario.asks.as_str(), "-n", "shop"])?;
    Ok(object["spec"]["replicas"].as_u64().unwrap_or(1) as usize)
}

fn pods(kubectl: &Kubectl) -> Result<Vec<Value>> {
    let list = kubectl.get(&["pods", "-n", "shop", "-l", "app!=agent"])?;
    let all = list["items"].as_array().cloned().unwrap_or_default();
    Ok(all.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect())
}

fn uid(pod: &Value) -> String {
    pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn is_marked(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["type"] == "PodScheduled" && one["reason"] == "Unschedulable")
}

/// The cluster as it is after a change was pasted must answer as its proof did.
fn after(kubectl: &Kubectl, scenario: &Scenario, change: &Value, before: BTreeSet<String>) -> Result<()> {
    let touches_pods = change["edits"].as_array().into_iter().flatten().any(|edit| {
        !matches!(edit["object"]["kind"].as_str(), Some("NodePool" | "EC2NodeClass" | "DaemonSet"))
    });
    let remarks = change["remarks"].to_string();
    let old: BTreeSet<String> = if remarks.contains("afterwards") {
        kubectl.run(&["delete", "pods", "--all", "-n", "shop"])?.success()?;
        before
    } else if remarks.contains("the command deletes") {
        before
    } else if touches_pods {
        replaced(kubectl, scenario)?
    } else {
        BTreeSet::new()
    };
    settle(kubectl, scenario, &old)?;
    let report = explain(kubectl, scenario)?;
    let names: BTreeSet<String> = pods(kubectl)?
        .iter()
        .filter(|pod| !old.contains(&uid(pod)))
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    let about: Vec<&Value> = groups(&report)
        .filter(|group| {
            let pods = group["pods"].as_array().into_iter().flatten();
            pods.into_iter().any(|pod| pod["name"].as_str().is_some_and(|name| names.contains(name)))
        })
        .collect();
    ensure!(!about.is_empty(), "nothing is said of {names:?}: {report:#}");
    for group in &about {
        ensure!(group["verdict"] == "yes", "{}: {}", group["verdict"], group["headline"]);
    }
    ensure_place(&change["proof"], &about, names.len())
}

/// The place that was proven. Of several pods any may be the one that the proof is about, and a group tells the place
/// of one of its pods: there only the NodePool or node is compared.
fn ensure_place(proof: &Value, groups: &[&Value], pods: usize) -> Result<()> {
    let whole =
        ["nodePool", "node", "instanceTypeCount", "instanceTypes", "zones", "capacityTypes", "pricePerHour"];
    let fields = if pods == 1 { &whole[..] } else { &whole[..2] };
    let is_as_proven = |group: &&&Value| fields.iter().all(|field| group["place"][*field] == proof[*field]);
    let places: Vec<&Value> = groups.iter().map(|group| &group["place"]).collect();
    ensure!(groups.iter().any(|group| is_as_proven(&group)), "proof {proof:#}, now {:#}", json!(places));
    Ok(())
}

/// Pods of before a template changed: those that stay are waited out of the answer.
fn replaced(kubectl: &Kubectl, scenario: &Scenario) -> Result<BTreeSet<String>> {
    if !scenario.asks.starts_with("deploy/") {
        return Ok(BTreeSet::new());
    }
    let deployment = wait::until("the Deployment to see its change", LIMIT, || {
        let deployment = kubectl.get(&[scenario.asks.as_str(), "-n", "shop"])?;
        let status = &deployment["status"];
        let is_seen = status["observedGeneration"] == deployment["metadata"]["generation"];
        let is_done = is_seen && status["updatedReplicas"] == deployment["spec"]["replicas"];
        Ok(is_done.then_some(deployment))
    })?;
    let sets = kubectl.get(&["rs", "-n", "shop"])?;
    let revision = |set: &&Value| {
        let text = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        text.and_then(|text| text.parse::<u64>().ok())
    };
    // ReplicaSets of a Deployment that was deleted just before may still be there.
    let is_its_own =
        |set: &&Value| set["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"];
    let newest = sets["items"].as_array().into_iter().flatten().filter(is_its_own).max_by_key(revision);
    let newest = newest.map(|set| set["metadata"]["name"].clone());
    let of_older = |pod: &&Value| Some(&pod["metadata"]["ownerReferences"][0]["name"]) != newest.as_ref();
    Ok(pods(kubectl)?.iter().filter(of_older).map(uid).collect())
}
