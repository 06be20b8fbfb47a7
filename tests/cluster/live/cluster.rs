//! The control plane that the tests share: started by the first that needs it, emptied before each.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::{
    ControlPlane, ControlPlaneOptions, Karpenter, KarpenterOptions, Kubectl, situation, wait,
};

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// The servers that outlive a test. Karpenter ends before the control plane.
struct Shared {
    karpenter: Option<(BTreeMap<String, String>, Karpenter)>,
    plane: ControlPlane,
}

fn lock() -> MutexGuard<'static, Option<Shared>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn started(shared: &mut Option<Shared>) -> Result<&mut Shared> {
    if shared.is_none() {
        let start = Instant::now();
        let plane = ControlPlane::start(&ControlPlaneOptions::default())?;
        eprintln!("control plane ready after {:.1} s", start.elapsed().as_secs_f64());
        *shared = Some(Shared { karpenter: None, plane });
    }
    shared.as_mut().context("it was started above")
}

/// Runs a test on the shared control plane, with nothing in it but Kubernetes itself and CRDs.
pub(crate) fn with(test: fn(&ControlPlane) -> Result<()>) -> Result<()> {
    let mut guard = lock();
    let shared = started(&mut guard)?;
    shared.karpenter = None;
    empty(&shared.plane)?;
    told(&shared.plane, test(&shared.plane))?;
    shared.plane.check()
}

/// A failure together with what the cluster looked like when it happened.
fn told(plane: &ControlPlane, result: Result<()>) -> Result<()> {
    result.map_err(|error| anyhow::anyhow!("{error:#}\n--- the cluster then\n{}", situation::describe(plane)))
}

/// The same with a Karpenter that has these settings; one that has them already is kept.
pub(crate) fn with_karpenter(
    environment: &BTreeMap<String, String>,
    test: impl FnOnce(&ControlPlane, &Karpenter) -> Result<()>,
) -> Result<()> {
    let mut guard = lock();
    let shared = started(&mut guard)?;
    let has_these_settings = shared.karpenter.as_ref().is_some_and(|(settings, _)| settings == environment);
    if has_these_settings && let Some((_, karpenter)) = &shared.karpenter {
        // Nobody may act on what goes away piece by piece.
        karpenter.pause()?;
        let emptied = empty_but_settings(&shared.plane);
        karpenter.resume()?;
        emptied?;
    } else {
        shared.karpenter = None;
        empty(&shared.plane)?;
        let options = KarpenterOptions { environment: environment.clone(), ..KarpenterOptions::default() };
        let karpenter = Karpenter::start(&shared.plane, &options)?;
        shared.karpenter = Some((environment.clone(), karpenter));
    }
    let (_, karpenter) = shared.karpenter.as_mut().context("it was started above")?;
    told(&shared.plane, test(&shared.plane, karpenter))?;
    karpenter.check()?;
    shared.plane.check()
}

/// Ends the control plane and makes sure that none of its servers is left.
pub(crate) fn end(failed: bool) -> Result<()> {
    let Some(Shared { karpenter, plane }) = lock().take() else { return Ok(()) };
    let mut processes = plane.process_ids();
    processes.extend(karpenter.iter().map(|(_, karpenter)| karpenter.process_id()));
    if failed {
        plane.print_tails();
    }
    drop(karpenter);
    drop(plane);
    for id in processes {
        let left = rustix::process::Pid::from_raw(i32::try_from(id)?)
            .is_some_and(|process| rustix::process::test_kill_process(process).is_ok());
        ensure!(!left, "process {id} outlived the control plane");
    }
    Ok(())
}

/// Removes workloads, Karpenter's objects and nodes. No Karpenter runs between tests, so nobody would
/// take its finalizers off.
fn empty(plane: &ControlPlane) -> Result<()> {
    // Settings of a Karpenter that is gone, and the AWS provider's list of instances.
    let leftovers = ["delete", "deployments,configmaps", "--all", "-n", "karpenter", "--wait=false"];
    plane.kubectl().run(&leftovers)?;
    empty_but_settings(plane)
}

/// How long the cluster may take to empty itself. A namespace goes when its controller has listed every kind there is,
/// which takes half a minute on a machine that builds at the same time.
const EMPTY_LIMIT: Duration = Duration::from_secs(180);

/// Namespaces first: what goes takes nothing new, so controllers cannot fill them again. The next test may use the
/// same names, so it begins only when they are really gone: in a namespace that goes, `apply` changes an object that is
/// still there, succeeds, and the object goes a moment later.
fn empty_but_settings(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    let going = made_namespaces(&kubectl)?;
    if !going.is_empty() {
        let words: Vec<&str> =
            ["delete", "--wait=false"].into_iter().chain(going.iter().map(String::as_str)).collect();
        kubectl.run(&words)?;
    }
    let workloads = "deployments,statefulsets,daemonsets,replicasets,jobs,pvc,pdb,events";
    // The workshop brings DaemonSets of kube-system: their pods would come to the nodes of the next test.
    for namespace in ["default", "kube-system"] {
        kubectl.run(&["delete", workloads, "--all", "-n", namespace, "--wait=false"])?;
    }
    delete_pods(&kubectl)?;
    kubectl.run(&["delete", "pv,storageclasses", "--all", "--wait=false"])?;
    kubectl.run(&[
        "delete",
        "priorityclasses",
        "--field-selector",
        "metadata.name!=system-node-critical,metadata.name!=system-cluster-critical",
        "--wait=false",
    ])?;
    let installed = kubectl.run(&["get", "crd", "-o", "name"])?.success()?;
    for kind in ["nodeoverlays", "nodepools", "nodeclaims", "ec2nodeclasses", "kwoknodeclasses"] {
        if installed.contains(&format!("/{kind}.")) {
            strip_and_delete(plane, kind)?;
        }
    }
    strip_and_delete(plane, "volumeattachments")?;
    strip_and_delete(plane, "nodes")?;
    // KWOK would renew the lease of a node of the same name until the garbage collector takes it, and then play none of
    // its pods for as long as a lease lasts.
    kubectl.run(&["delete", "leases", "--all", "-n", "kube-node-lease"])?;
    let mut left = String::new();
    let emptied = wait::until("the cluster to be empty", EMPTY_LIMIT, || {
        let objects = kubectl.run(&["get", "nodes,pods", "-A", "-o", "name"])?.success()?;
        // A controller that had not heard of the deletion makes a pod again; KWOK plays no pod of a node that is gone.
        if objects.contains("pod/") {
            delete_pods(&kubectl)?;
        }
        if objects.contains("node/") {
            strip_and_delete(plane, "nodes")?;
        }
        left = format!("{objects} {}", made_namespaces(&kubectl)?.join(" "));
        Ok(left.trim().is_empty().then_some(()))
    });
    emptied.with_context(|| format!("left: {}\n{}", left.trim(), situation::describe(plane)))
}

/// Namespaces that a test made, as `namespace/NAME`.
fn made_namespaces(kubectl: &Kubectl) -> Result<Vec<String>> {
    let all = kubectl.run(&["get", "namespaces", "-o", "name"])?.success()?;
    let made = all.lines().filter(|line| {
        let name = line.trim_start_matches("namespace/");
        name != "default" && name != "karpenter" && !name.starts_with("kube-")
    });
    Ok(made.map(str::to_owned).collect())
}

fn delete_pods(kubectl: &Kubectl) -> Result<()> {
    kubectl.run(&["delete", "pods", "--all", "-A", "--wait=false", "--force", "--grace-period=0"]).map(|_| ())
}

fn strip_and_delete(plane: &ControlPlane, kind: &str) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.run(&["delete", kind, "--all", "--wait=false"])?.success()?;
    let left = kubectl.run(&["get", kind, "-o", "name"])?.success()?;
    for name in left.lines() {
        // It may be gone by now: then there is nothing to strip.
        kubectl.run(&["patch", name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#])?;
    }
    Ok(())
}
