//! Plays one scenario on the shared control plane.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use karp_cluster::{ControlPlane, Karpenter, Kubectl, wait};
use serde_json::{Value, json};

use super::observed::Observed;
use super::scenario::{Phase, Scenario};

const NODE_CLASS: &str = "
apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
";

/// What came of a play.
pub(crate) struct Played {
    /// Where the evidence was left.
    pub(crate) folder: PathBuf,
    /// Whether Karpenter took the batch in several parts, which is another question than the one asked.
    pub(crate) is_parted: bool,
}

/// Plays the scenario with a Karpenter that runs with its settings, in an empty cluster, and leaves
/// the cluster as Karpenter found it and what it made of it in the scenario's folder.
pub(crate) fn record(plane: &ControlPlane, karpenter: &Karpenter, scenario: &Scenario) -> Result<Played> {
    let kubectl = plane.kubectl();
    kubectl.create(NODE_CLASS)?;
    create(&kubectl, &scenario.before.surroundings)?;
    if scenario.is_in_flight {
        delay_registration(&kubectl)?;
    }
    if !scenario.before.workloads.is_empty() {
        wait_for_node_pools(&kubectl)?;
        create(&kubectl, &scenario.before.workloads)?;
        if scenario.is_in_flight { wait_for_launch(&kubectl)? } else { wait_for_running(&kubectl)? }
    }
    delay_registration(&kubectl)?;
    create(&kubectl, &scenario.batch.surroundings)?;
    if scenario.is_ready {
        wait_for_node_pools(&kubectl)?;
    } else {
        std::thread::sleep(Duration::from_secs(3));
    }

    karpenter.pause()?;
    let laid_out = lay_out(&kubectl, &scenario.batch);
    karpenter.resume()?;
    let dump = laid_out?;
    let folder = folder(&scenario.name)?;
    fs::write(folder.join("dump.json"), &dump)?;
    let observed = Observed::collect(plane, &serde_json::from_slice(&dump)?)?;
    fs::write(folder.join("karpenter.json"), serde_json::to_vec_pretty(&observed.to_json())?)?;
    Ok(Played { folder, is_parted: observed.is_parted() })
}

/// Creates the batch and returns the cluster as Karpenter will find it.
fn lay_out(kubectl: &Kubectl, batch: &Phase) -> Result<Vec<u8>> {
    create(kubectl, &batch.workloads)?;
    wait_for_verdicts(kubectl)?;
    kubectl.dump()
}

fn create(kubectl: &Kubectl, manifests: &str) -> Result<()> {
    if manifests.trim().is_empty() { Ok(()) } else { kubectl.create(manifests) }
}

fn wait_for_node_pools(kubectl: &Kubectl) -> Result<()> {
    kubectl
        .run(&["wait", "--for=condition=Ready", "nodepools", "--all", "--timeout=60s"])?
        .success()
        .map(|_| ())
}

/// New instances stay in flight: nothing is bound while we look, and nothing has to be drained.
fn delay_registration(kubectl: &Kubectl) -> Result<()> {
    let delay = json!({"spec": {"nodeRegistrationDelay": "3h"}}).to_string();
    kubectl.run(&["patch", "kwoknodeclass", "default", "--type=merge", "-p", &delay])?.success().map(|_| ())
}

fn wait_for_launch(kubectl: &Kubectl) -> Result<()> {
    wait::until("a NodeClaim of the first phase", Duration::from_secs(60), || {
        Ok((!items(&kubectl.get(&["nodeclaims"])?).is_empty()).then_some(()))
    })?;
    kubectl
        .run(&["wait", "--for=condition=Launched", "nodeclaims", "--all", "--timeout=60s"])?
        .success()
        .map(|_| ())
}

fn wait_for_running(kubectl: &Kubectl) -> Result<()> {
    wait::until("the pods of the first phase to run", Duration::from_secs(90), || {
        let list = kubectl.get(&["pods", "-A"])?;
        let pods = items(&list);
        Ok((!pods.is_empty() && pods.iter().all(|pod| pod["status"]["phase"] == "Running")).then_some(()))
    })
}

/// Waits until controllers have made all their pods and the scheduler has looked at each of them.
fn wait_for_verdicts(kubectl: &Kubectl) -> Result<()> {
    let mut count_before = usize::MAX;
    wait::until("the scheduler's verdict on every pod", Duration::from_secs(60), || {
        let list = kubectl.get(&["pods,deployments,statefulsets,jobs", "-A"])?;
        let (pods, owners): (Vec<&Value>, Vec<&Value>) =
            items(&list).iter().partition(|item| item["kind"] == "Pod");
        let is_judged = pods.iter().all(|pod| {
            let conditions = pod["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "PodScheduled"))
        });
        let are_complete = owners.iter().all(|owner| match owner["kind"].as_str() {
            Some("Job") => owner["status"]["active"] == owner["spec"]["parallelism"],
            // A StatefulSet waits for each pod before it makes the next.
            Some("StatefulSet") => owner["status"]["replicas"].as_u64() > Some(0),
            _ => {
                owner["metadata"]["namespace"] == "karpenter"
                    || owner["status"]["replicas"] == owner["spec"]["replicas"]
            }
        });
        let is_steady = pods.len() == count_before;
        count_before = pods.len();
        Ok((is_judged && are_complete && is_steady).then_some(()))
    })
}

pub(crate) fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// Where the evidence of a scenario is left.
fn folder(name: &str) -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the target folder")?;
    let folder = target.join("live-proof").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
