//! A launch scenario: from pending pods to NodeClaims, requests to EC2 and the NodeClaims after them.

use std::sync::Arc;

use anyhow::{Context, Result};
use karp_core::model::{NodeClaim, NodePool, RuleSet, Snapshot};
#[cfg(test)]
use karp_core::model::{NodeClaimSpec, ResourceList};
use karp_core::provider::CloudProvider;
use karp_core::provider::aws::launch::LaunchError;
use karp_core::provider::aws::{AwsProvider, ProviderFacts};
use karp_core::sim::{SolveOptions, solve};
#[cfg(test)]
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::compare::Difference;
use super::super::documents::text;
use super::super::scheduling;
use super::account::Account;
use super::fleet::{self, Launching, class_named, difference, has_instance};
use super::round::Round;

/// What differs for one scenario, from its pods to what EC2 is asked for.
pub(super) fn differences(account: &Account, scenario: &Value) -> Result<Vec<Difference>> {
    let snapshot = snapshot(account, scenario)?;
    let provider = AwsProvider::new(&snapshot, Arc::clone(&account.catalog), &ProviderFacts::default());
    let solution = solve(&snapshot, &provider, &SolveOptions::default());
    let mut round = Round::new(&snapshot, &provider, &solution);
    let recorded = &scenario["answer"];
    let theirs = recorded["nodeClaims"].as_array().map_or(&[][..], Vec::as_slice);
    round.follow_zones(theirs);
    let mut found = round.pods(recorded["pods"].as_array().map_or(&[], Vec::as_slice));
    if theirs.len() != round.order.len() {
        found.push(difference("nodeClaims", json!(theirs.len()), json!(round.order.len())));
    }
    let mut alike = Vec::new();
    for (at, recorded) in theirs.iter().enumerate() {
        let Some(ours) = round.claim(at) else { continue };
        found.extend(round.created(ours, recorded, at)?);
        found.extend(launch(account, &snapshot, &provider, &ours.object, recorded, at)?);
        if let Ok(plan) = request(account, &snapshot, &provider, &ours.object) {
            let total = recorded["fleet"]["targetCapacity"]["TotalTargetCapacity"].clone();
            alike.push((ours.node_pool.clone(), plan.templates, total));
        }
    }
    // Equal requests of one moment are sent as one.
    for (pool, templates, total) in &alike {
        let equal = alike.iter().filter(|other| (&other.0, &other.1) == (pool, templates)).count();
        if *total != json!(equal) {
            found.push(difference("fleet.targetCapacity.TotalTargetCapacity", total.clone(), json!(equal)));
        }
    }
    Ok(found)
}

/// What differs in the launches of the recorded NodeClaims of one scenario, however they came about.
#[cfg(test)]
fn launches(account: &Account, scenario: &Value) -> Result<Vec<Difference>> {
    let snapshot = snapshot(account, scenario)?;
    let provider = AwsProvider::new(&snapshot, Arc::clone(&account.catalog), &ProviderFacts::default());
    let mut found = Vec::new();
    for (at, recorded) in scenario["answer"]["nodeClaims"].as_array().into_iter().flatten().enumerate() {
        found.extend(launch(account, &snapshot, &provider, &created(recorded)?, recorded, at)?);
    }
    Ok(found)
}

fn snapshot(account: &Account, scenario: &Value) -> Result<Snapshot> {
    let items = scenario["items"].as_array().context("it has no items")?;
    // The round came right after the newest thing in it.
    let newest = items.iter().filter_map(|item| item.pointer("/metadata/creationTimestamp")?.as_str());
    let taken_at = newest.max().unwrap_or("2026-11-25T22:00:00Z").parse()?;
    scheduling::snapshot(items, account.settings.clone(), RuleSet::V1_15, taken_at)
}

/// The recorded NodeClaim as an object.
#[cfg(test)]
fn created(recorded: &Value) -> Result<NodeClaim> {
    let created = &recorded["created"];
    let mut claim = NodeClaim::default();
    claim.metadata_mut().labels = Deserialize::deserialize(&created["labels"])?;
    claim.metadata_mut().annotations = Deserialize::deserialize(&created["annotations"])?;
    let mut spec = NodeClaimSpec::deserialize(created).context("created")?;
    spec.resources.requests = ResourceList::deserialize(&created["requests"])?;
    claim.spec = spec.into();
    Ok(claim)
}

/// Our request for a NodeClaim.
fn request(
    account: &Account,
    snapshot: &Snapshot,
    provider: &AwsProvider,
    claim: &NodeClaim,
) -> Result<karp_core::provider::aws::launch::LaunchPlan> {
    let class = class_named(&snapshot.objects.ec2_node_classes, &claim.spec.node_class_ref.name)?;
    let mut node_pool = NodePool::default();
    node_pool.spec.template.spec.node_class_ref = claim.spec.node_class_ref.clone();
    let types = provider.instance_types(&node_pool)?;
    Ok(fleet::plan(&Launching { account, class, types: &types, labels: provider.labels() }, claim)?)
}

/// Request and result of one NodeClaim.
fn launch(
    account: &Account,
    snapshot: &Snapshot,
    provider: &AwsProvider,
    claim: &NodeClaim,
    recorded: &Value,
    at: usize,
) -> Result<Vec<Difference>> {
    let class = class_named(&snapshot.objects.ec2_node_classes, &claim.spec.node_class_ref.name)?;
    let mut node_pool = NodePool::default();
    node_pool.spec.template.spec.node_class_ref = claim.spec.node_class_ref.clone();
    let types = provider.instance_types(&node_pool)?;
    let context = Launching { account, class, types: &types, labels: provider.labels() };
    let path = |field: &str| format!("nodeClaims[{at} {}].{field}", text(recorded, "nodePool"));
    let after = &recorded["launched"];
    match fleet::plan(&context, claim) {
        Ok(plan) if has_instance(after) => {
            let mut found = fleet::fleet(&plan, &recorded["fleet"], &path("fleet"))?;
            found.extend(fleet::launched(&context, claim, &plan, after, &path("launched"))?);
            Ok(found)
        }
        Ok(_) => {
            Ok(vec![difference(&path("launched"), after["launchedCondition"].clone(), json!("an instance"))])
        }
        // The condition only has a general message: the log names the images.
        Err(LaunchError::NoImage { .. }) if after["launchedCondition"]["reason"] == "LaunchFailed" => {
            Ok(vec![])
        }
        Err(error) => Ok(vec![difference(&path("launched"), after.clone(), json!(error.to_string()))]),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_recorded_node_claim_launches_as_recorded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/aws");
        let document = super::super::Document::read(&folder.join("launch.json.zst")).unwrap();
        let account = Account::of(&folder, "launch").unwrap();
        let mut compared = 0;
        for scenario in document.list("scenarios") {
            let found = launches(&account, scenario).unwrap();
            let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(texts.is_empty(), "{}:\n{}", text(scenario, "name"), texts.join("\n"));
            compared += scenario["answer"]["nodeClaims"].as_array().map_or(0, Vec::len);
        }
        assert_eq!(compared, 37);
    }
}
