//! One instance per entry: labels, capacity, allocatable and image of its NodeClaim.

use std::sync::Arc;

use anyhow::{Context, Result};
use karp_core::model::{
    Ec2NodeClass, Labels, NodeClaim, NodePool, RequirementSpec, ResourceList, RuleSet, Snapshot, label_key,
};
use karp_core::provider::CloudProvider;
use karp_core::provider::aws::{AwsProvider, ProviderFacts, label_key as aws_key};
use serde::Deserialize;
use serde_json::Value;

use super::super::compare::Difference;
use super::super::documents::text;
use super::account::Account;
use super::fleet::{self, Launching, class_named};

/// What differs for one entry of `nodes`.
pub(super) fn differences(account: &Account, classes: &[Value], node: &Value) -> Result<Vec<Difference>> {
    let classes: Vec<Ec2NodeClass> =
        classes.iter().map(Ec2NodeClass::deserialize).collect::<Result<_, _>>().context("nodeClasses")?;
    let class = class_named(&classes, text(node, "nodeClass"))?;
    let recorded = &node["nodeClaim"];
    let mut snapshot = Snapshot::empty(jiff::Timestamp::UNIX_EPOCH);
    snapshot.controller = account.settings.clone();
    snapshot.rules = RuleSet::V1_15;
    snapshot.objects.ec2_node_classes = vec![class.clone()];
    let provider = AwsProvider::new(&snapshot, Arc::clone(&account.catalog), &ProviderFacts::default());
    let mut node_pool = NodePool::default();
    node_pool.spec.template.spec.node_class_ref.name = class.metadata.name.clone();
    let types = provider.instance_types(&node_pool)?;
    let context = Launching { account, class, types: &types, labels: provider.labels() };
    let claim = claim(recorded, text(node, "instanceType"))?;
    let plan = fleet::plan(&context, &claim)?;
    fleet::launched(&context, &claim, &plan, recorded, "nodeClaim")
}

/// The NodeClaim as a NodePool pinned to the type makes it.
fn claim(recorded: &Value, instance_type: &str) -> Result<NodeClaim> {
    let label = |key: &str| recorded["labels"][key].as_str().unwrap_or_default().to_owned();
    let mut claim = NodeClaim::default();
    let own = [aws_key::EC2_NODE_CLASS, label_key::NODE_POOL];
    claim.metadata_mut().labels = own.iter().map(|key| (*key, label(key))).collect::<Labels>();
    claim.spec_mut().resources.requests = ResourceList::deserialize(&recorded["requests"])?;
    claim.spec_mut().requirements =
        [(label_key::INSTANCE_TYPE, instance_type), (label_key::CAPACITY_TYPE, "on-demand")]
            .map(|(key, value)| RequirementSpec {
                key: key.into(),
                operator: "In".into(),
                values: vec![value.into()],
                min_values: None,
            })
            .into_iter()
            .collect();
    Ok(claim)
}
