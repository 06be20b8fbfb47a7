//! The control plane that the tests share: started by the first that needs it, emptied before each.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, ControlPlaneOptions, wait};

static PLANE: Mutex<Option<ControlPlane>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<ControlPlane>> {
    PLANE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test on the shared control plane, with nothing in it but Kubernetes itself and CRDs.
pub(crate) fn with(test: fn(&ControlPlane) -> Result<()>) -> Result<()> {
    let mut shared = lock();
    if shared.is_none() {
        let start = Instant::now();
        *shared = Some(ControlPlane::start(&ControlPlaneOptions::default())?);
        eprintln!("control plane ready after {:.1} s", start.elapsed().as_secs_f64());
    }
    let Some(plane) = shared.as_ref() else { unreachable!("started above") };
    empty(plane)?;
    test(plane)?;
    plane.check()
}

/// Ends the control plane and makes sure that none of its servers is left.
pub(crate) fn end(failed: bool) -> Result<()> {
    let Some(plane) = lock().take() else { return Ok(()) };
    if failed {
        plane.print_tails();
    }
    let processes = plane.process_ids();
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
    let kubectl = plane.kubectl();
    let workloads = "deployments,statefulsets,daemonsets,replicasets,jobs,pods,pvc,pdb";
    kubectl.run(&[
        "delete",
        workloads,
        "--all",
        "-n",
        "default",
        "--wait=false",
        "--force",
        "--grace-period=0",
    ])?;
    // Settings of a Karpenter that is gone, and the AWS provider's list of instances.
    kubectl.run(&["delete", "deployments,configmaps", "--all", "-n", "karpenter", "--wait=false"])?;
    let installed = kubectl.run(&["get", "crd", "-o", "name"])?.success()?;
    for kind in ["nodeoverlays", "nodepools", "nodeclaims", "ec2nodeclasses", "kwoknodeclasses"] {
        if installed.contains(&format!("/{kind}.")) {
            strip_and_delete(plane, kind)?;
        }
    }
    strip_and_delete(plane, "nodes")?;
    wait::until("the cluster to be empty", Duration::from_secs(60), || {
        let left = kubectl.run(&["get", "nodes,pods", "-A", "-o", "name"])?.success()?;
        Ok(left.trim().is_empty().then_some(()))
    })
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
