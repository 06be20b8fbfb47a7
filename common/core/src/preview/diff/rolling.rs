//! Rolling: drifted nodes replaced one after the other, each simulated in the cluster that the last one left.
//!
//! The drift method replaces one node per command, empty ones first, then the oldest. Karpenter:
//! pkg/controllers/disruption/drift.go. A node may get several replacements, or none where its pods fit elsewhere.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::super::build::launches;
use super::super::launch::Launch;
use super::super::node_price::NodePrices;
use super::super::price::PriceRange;
use super::super::report::PodName;
use super::super::settle::{remove_node, settle};
use super::report::NodeRow;
use crate::model::{Labels, Snapshot, label_key};
use crate::provider::CloudProvider;
use crate::sim::pods::is_reschedulable;
use crate::sim::{Outcome, ReservedMode, SolveOptions, solve};

/// A node to replace.
#[derive(Debug, Clone)]
pub(super) struct Leaving {
    pub(super) node: CompactString,
    pub(super) node_claim: CompactString,
    pub(super) node_pool: CompactString,
    pub(super) labels: Labels,
    /// Pods that must go elsewhere.
    pub(super) pods: usize,
    pub(super) created: Option<jiff::Timestamp>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Rolled {
    pub(super) rows: Vec<NodeRow>,
    pub(super) homeless: Vec<PodName>,
}

/// Replaces the nodes in a snapshot (which is used up): rows of nodes alike, and pods that find no place.
pub(super) fn roll(
    mut snapshot: Snapshot,
    mut leaving: Vec<Leaving>,
    provider: &dyn CloudProvider,
) -> Rolled {
    leaving.sort_by(|a, b| (a.pods > 0, a.created, &a.node).cmp(&(b.pods > 0, b.created, &b.node)));
    let mut rolled = Rolled::default();
    for (step, node) in leaving.iter().enumerate() {
        let replacement = replace(&mut snapshot, node, step, provider);
        rolled.homeless.extend(replacement.homeless);
        let now = NodePrices::new(&snapshot, provider).of(&node.node_pool, &node.labels);
        add(&mut rolled.rows, node, replacement.becomes, now, replacement.price);
    }
    rolled.rows.sort_by(|a, b| {
        (b.nodes.len(), &a.node_pool, &a.instance_type).cmp(&(a.nodes.len(), &b.node_pool, &b.instance_type))
    });
    rolled
}

struct Replacement {
    becomes: Vec<CompactString>,
    price: PriceRange,
    homeless: Vec<PodName>,
}

fn replace(
    snapshot: &mut Snapshot,
    node: &Leaving,
    step: usize,
    provider: &dyn CloudProvider,
) -> Replacement {
    let options = SolveOptions {
        marked_for_deletion: [node.node.clone()].into(),
        reserved: ReservedMode::Fallback,
        ..SolveOptions::default()
    };
    let solution = solve(snapshot, provider, &options);
    let launches = launches(snapshot, &solution, provider.labels());
    let homeless = solution
        .pods
        .iter()
        .filter(|decision| !matches!(decision.outcome, Outcome::New { .. } | Outcome::Existing { .. }))
        .filter(|decision| {
            let pod = decision.pod_index.and_then(|index| snapshot.objects.pods.get(index));
            pod.is_some_and(|pod| pod.node_name.as_deref() == Some(&node.node))
        })
        .map(|decision| PodName { namespace: decision.namespace.clone(), name: decision.name.clone() })
        .collect();
    let known: Vec<&Launch> = launches.iter().filter_map(|launch| launch.as_ref().ok()?.as_ref()).collect();
    let becomes = known.iter().map(|launch| launch.instance_type.clone()).collect();
    let unknown = std::iter::repeat_n(PriceRange::UNKNOWN, launches.len() - known.len());
    let price = known
        .iter()
        .map(|launch| launch.price)
        .chain(unknown)
        .fold(PriceRange::NOTHING, |total, price| total.plus(price));
    settle(snapshot, &solution, &launches, provider.labels(), &format!("roll{step}"));
    remove_node(snapshot, &node.node, Some(&node.node_claim));
    Replacement { becomes, price, homeless }
}

fn add(
    rows: &mut Vec<NodeRow>,
    node: &Leaving,
    becomes: Vec<CompactString>,
    now: PriceRange,
    after: PriceRange,
) {
    let instance_type: CompactString =
        node.labels.get(label_key::INSTANCE_TYPE).unwrap_or("<unknown>").into();
    let alike = rows.iter_mut().find(|row| {
        row.node_pool == node.node_pool && row.instance_type == instance_type && row.becomes == becomes
    });
    if let Some(row) = alike {
        row.nodes.push(node.node.clone());
        row.evictions += node.pods;
        row.price_per_hour_now = row.price_per_hour_now.plus(now);
        row.price_per_hour_after = row.price_per_hour_after.plus(after);
    } else {
        rows.push(NodeRow {
            node_pool: node.node_pool.clone(),
            instance_type,
            becomes,
            nodes: vec![node.node.clone()],
            evictions: node.pods,
            price_per_hour_now: now,
            price_per_hour_after: after,
        });
    }
}

/// Pods that must go elsewhere when their node goes, counted by node.
pub(super) fn evictions_by_node(snapshot: &Snapshot) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for pod in snapshot.objects.pods.iter().filter(|pod| is_reschedulable(pod)) {
        if let Some(node) = pod.node_name.as_deref() {
            *counts.entry(node).or_default() += 1;
        }
    }
    counts
}
