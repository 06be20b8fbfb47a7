//! Ctrl-C once and twice, the same command again, and the way back.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Kubectl, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::predictions;
use super::watcher::Watcher;
use super::workloads::{all_ready, lay_out, left_on};

/// How a drain ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Starts a drain and presses Ctrl-C so often once the first pod has gone.
fn interrupted(kubectl: &Kubectl, words: &[&str], presses: usize) -> Result<Ended> {
    let mut child =
        kubectl.command(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pipe = child.stdout.take().context("stdout")?;
    let errors = child.stderr.take().context("stderr")?;
    let errors = std::thread::spawn(move || std::io::read_to_string(errors));
    let mut stdout = String::new();
    let mut is_pressed = false;
    for line in BufReader::new(pipe).lines() {
        let line = line?;
        if !is_pressed && line.ends_with(" evicted") {
            press(&child, presses)?;
            is_pressed = true;
        }
        stdout.push_str(&line);
        stdout.push('\n');
    }
    let code = child.wait()?.code();
    let stderr = errors.join().map_err(|_| anyhow::anyhow!("reading stderr panicked"))??;
    ensure!(is_pressed, "no pod was evicted: {code:?}\n{stdout}\n{stderr}");
    Ok(Ended { code, stdout, stderr })
}

fn press(child: &Child, presses: usize) -> Result<()> {
    for press in 0..presses {
        if press > 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        // It may have ended at the first.
        let _ = kill_process(Pid::from_child(child), Signal::INT);
    }
    Ok(())
}

/// A workload whose PDB lets one of its pods go at a time and whose pods take a while to stop, so that there is a
/// middle in which somebody can press Ctrl-C.
fn slow(kubectl: &Kubectl) -> Result<usize> {
    let replicas = 4;
    let labels = json!({"app": "slow"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "slow", "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"nodeSelector": {"kubernetes.io/hostname": "node-0"}, "containers": [{"name": "app",
                "image": "app:1", "resources": {"requests": {"cpu": "10m"}}}]}}}});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "slow", "namespace": "shop"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}});
    kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [deployment, budget]}).to_string())?;
    Ok(replicas)
}

/// All pods of `slow` stand on node-0 and may come up nowhere else while it is cordoned, so after the first eviction
/// its PDB allows nothing: the drain waits, and is interrupted there.
pub(super) fn ctrl_c_stops_and_the_same_command_goes_on(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let total = lay_out(plane, 3, 2)?;
    let total = total + slow(&kubectl)?;
    all_ready(&kubectl, total)?;
    let words = ["karp", "drain", "node-0", "--yes", "--allow-pending"];
    for presses in [1, 2] {
        let ended = interrupted(&kubectl, &words, presses)?;
        let told = format!("{presses} times: {:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr);
        ensure!(ended.code == Some(5), "{told}");
        ensure!(ended.stdout.contains("node/node-0 stays cordoned: "), "{told}");
        ensure!(ended.stdout.contains("interrupted"), "{told}");
        ensure!(ended.stdout.contains("next: run the same command again to go on"), "{told}");
        let node = kubectl.get(&["node", "node-0"])?;
        ensure!(node["spec"]["unschedulable"] == true, "{node}");
        ensure!(node["metadata"]["annotations"]["karp/drain"].is_string(), "{node}");
        ensure!(left_on(&kubectl, "node-0")? > 0, "nothing was left to do: {told}");

        // In the middle of a drain, with a PDB that allows nothing more.
        predictions::compare(plane, &["node-0", "--allow-pending"])?;
        let aborted = kubectl.run(&["karp", "drain", "node-0", "--abort"])?;
        ensure!(aborted.code == Some(0) && aborted.text().contains("node/node-0 uncordoned"), "{aborted}");
        let node = kubectl.get(&["node", "node-0"])?;
        ensure!(node["spec"]["unschedulable"].is_null(), "{node}");
        ensure!(node["metadata"]["annotations"]["karp/drain"].is_null(), "{node}");
        all_ready(&kubectl, total)?;
    }

    // Stopped once more, and then let through: what holds the pods to the node is lifted.
    let ended = interrupted(&kubectl, &words, 1)?;
    ensure!(ended.code == Some(5), "{:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr);
    let anywhere = r#"{"spec":{"template":{"spec":{"nodeSelector":null}}}}"#;
    kubectl.run(&["patch", "deployment", "slow", "-n", "shop", "--type=merge", "-p", anywhere])?.success()?;
    wait::until("the new pods of deployment/slow to be Ready", Duration::from_secs(120), || {
        let slow = kubectl.get(&["deployment", "slow", "-n", "shop"])?;
        Ok((slow["status"]["readyReplicas"].as_i64() >= Some(3)).then_some(()))
    })?;
    let watcher = Watcher::start(plane);
    let answer = kubectl.run(&words)?;
    let seen = watcher.end()?;
    ensure!(answer.code == Some(0), "{answer}");
    seen.is_whole()?;
    ensure!(left_on(&kubectl, "node-0")? == 0, "{answer}");
    Ok(())
}

/// A server that takes connections and never answers holds nobody who presses Ctrl-C.
pub(super) fn ctrl_c_ends_a_read_without_an_answer(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("silent.kubeconfig");
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "silent",
        "clusters": [{"name": "silent", "cluster": {"server": format!("http://{}", silent.local_addr()?)}}],
        "users": [{"name": "silent", "user": {}}],
        "contexts": [{"name": "silent", "context": {"cluster": "silent", "user": "silent"}}]});
    std::fs::write(&file, kubeconfig.to_string())?;
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in silent.incoming().flatten() {
            held.push(stream);
            let _ = sender.send(());
        }
    });
    let mut child = kubectl
        .with_kubeconfig(&file)
        .command(&["karp", "drain", "node-0", "--abort"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    asked.recv_timeout(Duration::from_secs(30)).context("the drain never asked")?;
    std::thread::sleep(Duration::from_millis(300));
    press(&child, 1)?;
    let ended = wait::until("the drain to end", Duration::from_secs(5), || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
    }
    ensure!(ended?.code() == Some(3), "cannot be reached");
    Ok(())
}
