//! Drift vectors of the AWS provider: which changes the real controller called drift.
//!
//! The answer is compared given the objects and the instance as they were at the end, without the controller's own
//! condition; and the hashes given the objects before with the change applied.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use karp_core::disruption::claim_drift::claim_drift;
use karp_core::disruption::{ClusterState, ControllerMemory};
use karp_core::model::{
    AwsFacts, ControllerSettings, Ec2Instance, RuleSet, Snapshot, instance_id, node_pool_hash,
};
use karp_core::provider::UnknownProvider;
use karp_core::provider::aws::{NodeClassHashVersion, node_class_hash};
use serde_json::{Value, json};

use super::documents::text;
use super::scheduling::snapshot;
use super::{Document, Family, Job, JobKey, Options, Verdict, compare};

/// The kind.
#[derive(Debug)]
pub(super) struct AwsDrift;

impl Family for AwsDrift {
    fn recognises(&self, document: &Document) -> bool {
        document.any_answer(|answer| answer.get("observedSeconds").is_some())
    }

    fn jobs(&self, document: &Document, options: &Options) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for scenario in document.list("scenarios") {
            let name = text(scenario, "name");
            if !options.wants_name(name) || !options.wants_rules(RuleSet::V1_15) {
                continue;
            }
            let scenario = scenario.clone();
            jobs.push(Job {
                key: JobKey { inputs: document.path.clone(), name: name.to_owned(), rules: RuleSet::V1_15 },
                group: name.split('-').next().unwrap_or(name).to_owned(),
                source: document.path.clone(),
                varies: None,
                run: Box::new(move || verdict(&scenario)),
            });
        }
        Ok(jobs)
    }
}

fn verdict(scenario: &Value) -> Verdict {
    let (recorded, ours) = match answers(scenario) {
        Ok(answers) => answers,
        Err(error) => return Verdict::Disagree(vec![compare::Difference::failure(format!("{error:#}"))]),
    };
    let differences = compare::differences(&recorded, &ours);
    if differences.is_empty() { Verdict::Agree } else { Verdict::Disagree(differences) }
}

fn answers(scenario: &Value) -> Result<(Value, Value)> {
    let mut after = read(scenario, "after")?;
    for claim in &mut after.objects.node_claims {
        claim.status_mut().conditions.retain(|condition| condition.kind != "Drifted");
    }
    let facts = facts(&after, scenario)?;
    let provider = UnknownProvider::new("no catalog");
    let cluster = ClusterState::new(&after, &provider, ControllerMemory::default());
    let claim = after.objects.node_claims.first().context("no NodeClaim")?;
    let found = claim_drift(&cluster, claim, Some(&facts));
    let ours = found.first().map(|reason| reason.name());
    let recorded = scenario.pointer("/answer/drifted/reason").cloned().unwrap_or_default();
    let (recorded_hashes, our_hashes) = hashes(scenario, &after)?;
    Ok((
        json!({"reason": recorded, "hashes": recorded_hashes}),
        json!({"reason": ours, "hashes": our_hashes}),
    ))
}

fn read(scenario: &Value, field: &str) -> Result<Snapshot> {
    let items = scenario.get(field).and_then(Value::as_array).context("no objects")?;
    let taken_at: Timestamp = "2026-11-25T23:30:00Z".parse()?;
    snapshot(items, ControllerSettings::default(), RuleSet::V1_15, taken_at)
}

/// The instance as DescribeInstances showed it.
fn facts(after: &Snapshot, scenario: &Value) -> Result<AwsFacts> {
    let instance = scenario.get("instance").context("no instance")?;
    let claim = after.objects.node_claims.first().context("no NodeClaim")?;
    let id = instance_id(&claim.status.provider_id).context("no instance id")?;
    if id != text(instance, "InstanceId") {
        bail!("the instance is another than the NodeClaim's");
    }
    let groups = instance.get("SecurityGroups").and_then(Value::as_array).into_iter().flatten();
    let read = Ec2Instance {
        image_id: text(instance, "ImageId").into(),
        instance_type: text(instance, "InstanceType").into(),
        zone: text(instance, "AvailabilityZone").into(),
        subnet_id: text(instance, "SubnetId").into(),
        security_groups: groups.filter_map(|group| group.as_str().map(Into::into)).collect(),
        ..Default::default()
    };
    Ok(AwsFacts { instances: BTreeMap::from([(id.into(), read)]), ..Default::default() })
}

/// Hash annotations of NodePool and EC2NodeClass at the end, and those we compute from the objects before the
/// change with the change applied.
fn hashes(scenario: &Value, after: &Snapshot) -> Result<(Value, Value)> {
    let mut patched = scenario.clone();
    let changes = scenario.get("change").and_then(Value::as_array).cloned().unwrap_or_default();
    let objects = patched.get_mut("before").and_then(Value::as_array_mut).context("no objects before")?;
    for change in &changes {
        let (kind, patch) = (text(change, "kind"), change.get("patch"));
        for object in objects.iter_mut().filter(|object| text(object, "kind") == kind) {
            if let Some(patch) = patch {
                merge(object, patch);
            }
        }
    }
    let before = read(&patched, "before")?;
    let annotation = |annotations: &karp_core::model::Labels, key: &str| json!(annotations.get(key));
    let pool = after.objects.node_pools.first().context("no NodePool")?;
    let class = after.objects.ec2_node_classes.first().context("no EC2NodeClass")?;
    let recorded = json!({
        "nodePool": annotation(&pool.metadata.annotations, "karpenter.sh/nodepool-hash"),
        "nodeClass": annotation(&class.metadata.annotations, "karpenter.k8s.aws/ec2nodeclass-hash"),
    });
    let pool = before.objects.node_pools.first().context("no NodePool before")?;
    let class = before.objects.ec2_node_classes.first().context("no EC2NodeClass before")?;
    let ours = json!({
        "nodePool": node_pool_hash(pool).to_string(),
        "nodeClass": node_class_hash(&class.spec, "", NodeClassHashVersion::V6).to_string(),
    });
    Ok((recorded, ours))
}

/// JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, change) in changes {
        if let Some(fields) = target.as_object_mut() {
            if change.is_null() {
                fields.remove(key);
            } else {
                merge(fields.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
    }
}
