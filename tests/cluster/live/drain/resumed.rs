//! Killed between "the pods are gone" and "their replacements are Ready": the next run still waits for them.

use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Kubectl, bulk, wait};
use serde_json::{Value, json};

use super::workloads::{all_ready, left_on, namespace};

/// Long enough for a drain that waits for nothing to end.
const A_WHILE: Duration = Duration::from_secs(4);

const DRAIN: [&str; 5] = ["karp", "drain", "node-0", "--yes", "--allow-pending"];

fn start(kubectl: &Kubectl) -> Result<Child> {
    let mut command = kubectl.command(&DRAIN);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command.spawn()?)
}

fn journal(kubectl: &Kubectl) -> Result<Value> {
    let node = kubectl.get(&["node", "node-0"])?;
    let text = node["metadata"]["annotations"]["karp/drain"].as_str().context("no journal")?;
    Ok(serde_json::from_str(text)?)
}

/// The only other node takes no pods, so the pods go and nothing comes in their place until it does.
pub(super) fn a_killed_drain_still_waits_for_replacements(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    plane.run(bulk::create(&plane.client(), (0..2).map(|n| bulk::node(&format!("node-{n}"), n))))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success()?;
    kubectl.run(&["cordon", "node-1"])?.success()?;
    namespace(plane)?;
    let labels = json!({"app": "web"});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "app:1"}]}}}});
    kubectl.apply(&web.to_string())?;
    all_ready(&kubectl, 2)?;

    let mut first = start(&kubectl)?;
    wait::until("the pods of node-0 to go", Duration::from_secs(60), || {
        Ok((left_on(&kubectl, "node-0")? == 0).then_some(()))
    })?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(first.try_wait()?.is_none(), "the first run did not wait: {:?}", first.wait_with_output()?);
    first.kill()?;
    first.wait()?;
    let left = journal(&kubectl)?;
    ensure!(left["awaits"][0]["readyBefore"] == 2, "the journal tells nothing of deploy/web: {left}");

    let impatient: Vec<&str> = DRAIN.into_iter().chain(["--wait-ready=2s"]).collect();
    let impatient = kubectl.run(&impatient)?;
    ensure!(impatient.code == Some(5), "{impatient}");
    ensure!(impatient.text().contains("are not Ready: shop/web-"), "{impatient}");

    let mut second = start(&kubectl)?;
    std::thread::sleep(A_WHILE);
    ensure!(second.try_wait()?.is_none(), "the rerun did not wait: {:?}", second.wait_with_output()?);
    kubectl.run(&["uncordon", "node-1"])?.success()?;
    let output = second.wait_with_output()?;
    let (lines, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(lines.contains("node/node-0 already cordoned\n"), "{lines}");
    ensure!(output.status.code() == Some(0), "{output:?}");
    ensure!(errors.contains("waits for replacements to be Ready: shop/web-"), "{errors}");
    all_ready(&kubectl, 2)?;
    let done = journal(&kubectl)?;
    ensure!(done["phase"] == "drained" && done["awaits"].is_null(), "{done}");
    Ok(())
}
