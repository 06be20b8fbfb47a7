//! The real AWS controller against the same EC2 server: what it launches is what `preview` says, what it calls drifted
//! is what `drift` says, and what it rolls is what `drift` forecast.
//!
//! One run for everything, since a node joins 30 s after its launch. Capacity reservations cannot be had from this EC2
//! server, and `InstanceTypeNotFound` needs nodes of an hour: the recorded answers cover what can be of them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use karp_cluster::{ControlPlane, wait};
use serde_json::Value;

use crate::agreement::agree;
use crate::causes::{cause, recommend, upgrade};
use crate::claims::{Prices, compare};
use crate::pools::{DRIFTING, LAUNCHED, Pool, ROLLING, classes};
use crate::roll::{held_open, open, roll};
use crate::stage::{Stage, is_true, items, list};

/// The whole story; with `KARP_LONG` also a roll to its end.
pub(crate) fn launches_and_drifts_as_we_say(plane: &ControlPlane) -> Result<()> {
    let begun = Instant::now();
    let told = |what: &str| eprintln!("  {:3} s  {what}", begun.elapsed().as_secs());
    let is_long = std::env::var_os("KARP_LONG").is_some();
    let mut stage = Stage::start(plane)?;
    told("the controller is there");
    let pools: Vec<&Pool> = LAUNCHED.iter().chain(&DRIFTING).chain(is_long.then_some(&ROLLING)).collect();
    told(&launch(&mut stage, &pools)?);
    told(&drift(&mut stage)?);
    if is_long {
        told(&roll(&mut stage)?);
    }
    // What is closed by its schedule stays so.
    let openable: Vec<&str> =
        DRIFTING.iter().map(|pool| pool.name).filter(|name| *name != "closed").collect();
    held_open(&stage, &openable, show)?;
    told("what drift prints is in target/live-show");
    told(&new_version(&mut stage)?);
    told(&open(&mut stage, &openable)?);
    Ok(())
}

/// NodeClaims as `preview` says, from prices that `catalog refresh` read from the same server.
fn launch(stage: &mut Stage<'_>, pools: &[&Pool]) -> Result<String> {
    let kubectl = &stage.kubectl;
    let subnets = items(&stage.aws.account, "subnets");
    recommend(stage, "v20260901")?;
    let mut objects = classes(&stage.aws.node_class("default"), &subnets);
    objects.extend(pools.iter().map(|pool| pool.object()));
    kubectl.apply(&list(objects))?;
    kubectl.run(&["karp", "catalog", "refresh"])?.success()?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodepools", "--all", "--timeout=90s"])?.success()?;

    stage.aws.karpenter.pause()?;
    let laid_out = lay_out(stage, pools);
    stage.aws.karpenter.resume()?;
    let dump = laid_out?;
    let wanted = pools.iter().map(|pool| pool.nodes).sum::<usize>();
    let claims = wait::until("a NodeClaim for every NodePool", Duration::from_secs(90), || {
        stage.aws.karpenter.check()?;
        let claims = stage.claims()?;
        Ok((claims.len() >= wanted).then_some(claims))
    })?;
    let folder = stage.plane.folder().join("aws");
    let cache = stage.kubectl.home().join(".cache/karp/catalog");
    let compared = compare(&dump, &cache, &claims, &Prices::read(&folder)?)?;
    // Their work is done; on some of KWOK's nodes they would not fit, and be launched for again and again.
    let names: Vec<&str> = LAUNCHED.iter().map(|pool| pool.name).collect();
    let label = format!("app in ({})", names.join(","));
    stage.kubectl.run(&["delete", "pods", "-l", &label, "--grace-period=0", "--force", "--wait=false"])?;
    Ok(format!(
        "{} NodePools and {} NodeClaims as previewed, {} instance types in all",
        compared.pools, compared.claims, compared.types
    ))
}

/// Creates the batch and returns the cluster as Karpenter will find it.
fn lay_out(stage: &Stage<'_>, pools: &[&Pool]) -> Result<PathBuf> {
    stage.kubectl.create(&list(pools.iter().flat_map(|pool| pool.pods()).collect()))?;
    wait::until("the scheduler's verdict on every pod", Duration::from_secs(30), || {
        let pods = items(&stage.kubectl.get(&["pods"])?, "items");
        let judged = |pod: &Value| {
            let conditions = pod["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "PodScheduled"))
        };
        Ok(pods.iter().all(judged).then_some(()))
    })?;
    let dump = batch(stage);
    fs::write(&dump, stage.kubectl.dump_with_aws()?)?;
    Ok(dump)
}

/// The cluster before anything was launched.
fn batch(stage: &Stage<'_>) -> PathBuf {
    stage.plane.folder().join("batch.json")
}

/// One cause for each NodePool; `drift` must find the same as the controller, on these and on no other.
fn drift(stage: &mut Stage<'_>) -> Result<String> {
    stage.wait_for_nodes(&DRIFTING)?;
    stage.copy_instances()?;
    cause(stage)?;
    let causes = DRIFTING.iter().filter(|pool| pool.name != "image-pinned").count();
    stage.wait_for_drift(causes, Duration::from_secs(120))?;
    let reasons = agree(stage, causes)?;
    Ok(format!("{causes} NodeClaims drifted for the same reasons: {reasons:?}"))
}

/// What `drift` prints of each cause, as a user of that cluster would see it.
fn show(stage: &Stage<'_>) -> Result<()> {
    for (file, what, words) in [
        ("ami-latest", "The SSM parameter of al2023@latest has moved.", "nodepool/image-moved"),
        ("label", "A label of the NodePool's template was edited.", "nodepool/label"),
        ("requirement", "The requirements of the NodePool were edited.", "nodepool/requirement"),
        ("subnet", "The node's subnet was taken from the EC2NodeClass.", "nodepool/subnet"),
        ("security-group", "The EC2NodeClass selects another security group.", "nodepool/group"),
        ("class-edit", "A tag and user data were added to the EC2NodeClass.", "nodepool/class-edit"),
        ("two-pdbs", "A pod of the drifted node has two PDBs.", "nodepool/two-pdbs"),
        ("closed", "A budget of 0 is active by its schedule.", "nodepool/closed"),
    ] {
        stage.show(file, what, &[words])?;
    }
    let before = batch(stage).display().to_string();
    let what = "The same with a dump from before the edit: the hash is one-way, an old value is not on the instance.";
    stage.show("class-edit-against", what, &["nodepool/class-edit", "--against", &before])?;
    stage.show("all", "All of it.", &[])?;
    stage.show("ami-preview", "What the control plane at 1.37 would do.", &["--ami-preview", "1.37"])
}

/// An alias that is pinned still has the Kubernetes version in its path: everything drifts, pinned or not.
fn new_version(stage: &mut Stage<'_>) -> Result<String> {
    let settled = |claim: &Value| {
        is_true(claim, "Initialized")
            && claim["metadata"]["deletionTimestamp"].is_null()
            && !is_true(claim, "DisruptionReason")
    };
    wait::until("what rolls to have rolled", Duration::from_secs(180), || {
        Ok(stage.claims()?.iter().all(settled).then_some(()))
    })?;
    upgrade(stage)?;
    let claims = stage.claims()?.len();
    stage.wait_for_drift(claims, Duration::from_secs(180))?;
    stage.copy_instances()?;
    let reasons = agree(stage, claims)?;
    let what = "The control plane was upgraded to 1.37; the alias is pinned to a release.";
    held_open(stage, &["image-pinned"], |stage| stage.show("ami-pinned", what, &["nodepool/image-pinned"]))?;
    Ok(format!("all {claims} NodeClaims drifted for the same reasons after an upgrade: {reasons:?}"))
}
