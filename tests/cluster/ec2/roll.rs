//! A roll to its end: nodes go in the order that `drift` forecast, and use up the budget as it counts.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::wait;
use serde_json::{Value, json};

use crate::pools::ROLLING;
use crate::stage::{Stage, condition, is_true, items, name, text};

/// Longer than the second in which times of conditions are written.
const APART: Duration = Duration::from_millis(2500);

/// A budget as NodePools have it that name none.
const OPEN: &str = "10%";

/// Time for the controller to look again at what it has passed over.
const ANOTHER_LOOK: Duration = Duration::from_secs(5);

/// Opens the budgets of NodePools with one drifted node each: the controller takes those that `drift` says may go now,
/// and no other.
pub(crate) fn open(stage: &mut Stage<'_>, pools: &[&str]) -> Result<String> {
    let report = held_open(stage, pools, |stage| stage.report(&[]))?;
    pools.iter().try_for_each(|pool| budget(stage, pool, OPEN))?;
    let now = text(&report["takenAt"]);
    let (may, stay): (Vec<Value>, Vec<Value>) = items(&report, "nodeClaims")
        .into_iter()
        .filter(|claim| claim["reasons"].as_array().is_some_and(|all| !all.is_empty()))
        .partition(|claim| claim["rolls"].as_str().is_some_and(|rolls| rolls <= now.as_str()));
    let names = |claims: &[Value]| claims.iter().map(|claim| text(&claim["name"])).collect::<BTreeSet<_>>();
    let (may, stay) = (names(&may), names(&stay));
    let taken = |stage: &Stage<'_>| -> Result<BTreeSet<String>> {
        let claims = stage.claims()?;
        let left = |own: &&String| claims.iter().find(|claim| name(claim) == **own).is_none_or(is_taken);
        Ok(may.iter().chain(&stay).filter(left).cloned().collect())
    };
    wait::until("all that may go to be taken", Duration::from_secs(90), || {
        stage.aws.karpenter.check()?;
        Ok((taken(stage)?.len() >= may.len()).then_some(()))
    })?;
    sleep(ANOTHER_LOOK);
    let taken = taken(stage)?;
    ensure!(taken == may, "taken {taken:?}, we said {may:?} and not {stay:?}");
    let blocked: Vec<&String> =
        stay.iter().filter(|name| pools.iter().any(|pool| name.starts_with(pool))).collect();
    let (may, stay) = (may.len(), stay.len());
    Ok(format!(
        "{may} nodes may go now and were taken; {stay} may not and were not, {blocked:?} for other reasons than budgets"
    ))
}

/// Looks at the cluster with these budgets open, and the controller held still so that there is something to look at.
pub(crate) fn held_open<T>(
    stage: &Stage<'_>,
    pools: &[&str],
    look: impl FnOnce(&Stage<'_>) -> Result<T>,
) -> Result<T> {
    stage.aws.karpenter.pause()?;
    let opened = pools.iter().try_for_each(|pool| budget(stage, pool, OPEN));
    let seen = opened.and_then(|()| look(stage));
    let closed = pools.iter().try_for_each(|pool| budget(stage, pool, "0"));
    stage.aws.karpenter.resume()?;
    closed.and(seen)
}

/// Four nodes, called drifted one after the other, the last of them without pods: it must go first, the others by the
/// time of their condition. One at a time, then two.
pub(crate) fn roll(stage: &mut Stage<'_>) -> Result<String> {
    let pool = format!("nodepool/{}", ROLLING.name);
    let names = by_pod(stage)?;
    let empty = names[ROLLING.nodes - 1].clone();
    let pod = format!("{}-{}", ROLLING.name, ROLLING.nodes - 1);
    stage.kubectl.run(&["delete", "pod", &pod, "--grace-period=0", "--force"])?.success()?;
    for claim in &names {
        // As if the NodePool had been another when it was launched: the controller looks at a NodeClaim that changes.
        let other = r#"{"metadata":{"annotations":{"karpenter.sh/nodepool-hash":"1"}}}"#;
        stage.kubectl.run(&["patch", "nodeclaim", claim, "--type=merge", "-p", other])?.success()?;
        wait::until("it to be called drifted", Duration::from_secs(30), || {
            let claims = stage.claims_of(ROLLING.name)?;
            let drifted = claims.iter().filter(|one| name(one) == *claim).any(|one| is_true(one, "Drifted"));
            Ok(drifted.then_some(()))
        })?;
        sleep(APART);
    }
    let forecast = forecast(stage, &pool)?;
    let expected: Vec<String> = [&empty].into_iter().chain(&names[..ROLLING.nodes - 1]).cloned().collect();
    ensure!(forecast == expected, "forecast {forecast:?}, by the rules {expected:?}");

    let mut gone: Vec<String> = Vec::new();
    budget(stage, ROLLING.name, "1")?;
    follow(stage, &pool, &forecast, &mut gone, 1, 2)?;
    budget(stage, ROLLING.name, "2")?;
    follow(stage, &pool, &forecast, &mut gone, 2, ROLLING.nodes)?;
    ensure!(gone == forecast, "rolled {gone:?}, forecast {forecast:?}");
    Ok(format!("{} nodes rolled as forecast, one at a time, then two: {gone:?}", gone.len()))
}

/// NodeClaims of `rolling` in the order of the numbers of their pods.
fn by_pod(stage: &Stage<'_>) -> Result<Vec<String>> {
    let claims = stage.claims_of(ROLLING.name)?;
    let label = format!("app={}", ROLLING.name);
    let mut pods = items(&stage.kubectl.get(&["pods", "-l", &label])?, "items");
    pods.sort_by_key(name);
    let claim =
        |pod: &Value| claims.iter().find(|claim| claim["status"]["nodeName"] == pod["spec"]["nodeName"]);
    let names: Vec<String> = pods.iter().filter_map(claim).map(name).collect();
    ensure!(names.len() == ROLLING.nodes, "{names:?}");
    Ok(names)
}

fn budget(stage: &Stage<'_>, pool: &str, nodes: &str) -> Result<()> {
    let open = json!({"spec": {"disruption": {"budgets": [{"nodes": nodes}]}}}).to_string();
    stage.kubectl.run(&["patch", "nodepool", pool, "--type=merge", "-p", &open])?.success()?;
    Ok(())
}

/// Names in the order that `drift` tells.
fn forecast(stage: &Stage<'_>, pool: &str) -> Result<Vec<String>> {
    let mut claims = items(&stage.report(&[pool])?, "nodeClaims");
    claims.retain(|claim| claim["position"].is_u64());
    claims.sort_by_key(|claim| claim["position"].as_u64());
    Ok(claims.iter().map(|claim| text(&claim["name"])).collect())
}

/// What the budget still allows, and how many nodes use it up, as `drift` tells.
fn allowed(stage: &Stage<'_>, pool: &str) -> Result<(i64, i64)> {
    let report = stage.report(&[pool])?;
    let told = &report["nodePools"][0];
    let number = |field: &str| told[field].as_i64().with_context(|| format!("{field}: {told}"));
    Ok((number("allowed")?, number("inUse")?))
}

/// Watches until `until` nodes have been taken; never more than `budget` at a time, and `drift` says so meanwhile.
fn follow(
    stage: &mut Stage<'_>,
    pool: &str,
    forecast: &[String],
    gone: &mut Vec<String>,
    budget: usize,
    until: usize,
) -> Result<()> {
    let mut most = 0;
    let mut told = BTreeSet::new();
    wait::until("nodes to roll", Duration::from_secs(300), || {
        stage.aws.karpenter.check()?;
        let claims = stage.claims_of(ROLLING.name)?;
        let busy: Vec<&String> = forecast
            .iter()
            .filter(|own| claims.iter().any(|claim| name(claim) == **own && holds_budget(claim)))
            .collect();
        most = most.max(busy.len());
        ensure!(busy.len() <= budget, "{} at a time: {busy:?}", busy.len());
        for own in forecast {
            let taken = claims.iter().find(|claim| name(claim) == *own).is_none_or(is_taken);
            if taken && !gone.contains(own) {
                gone.push(own.clone());
            }
        }
        if busy.len() == budget {
            told.insert(allowed(stage, pool)?);
        }
        Ok((gone.len() >= until && (busy.is_empty() || until < forecast.len())).then_some(()))
    })?;
    let full = (0, i64::try_from(budget)?);
    ensure!(most == budget, "at most {most} at a time, allowed {budget}");
    ensure!(told.contains(&full), "allowed and in use were told as {told:?}, never {full:?}");
    Ok(())
}

/// A command has it: its condition says so from the start, the deletion follows when the replacement is ready.
fn is_taken(claim: &Value) -> bool {
    is_true(claim, "DisruptionReason") || !claim["metadata"]["deletionTimestamp"].is_null()
}

/// Until its instance terminates.
fn holds_budget(claim: &Value) -> bool {
    is_taken(claim) && condition(claim, "InstanceTerminating").is_none_or(|one| one["status"] != "True")
}
