//! Puts the parts together: from a cluster and an edited one to the diff.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::super::build::launches;
use super::super::edit::{Edited, concerned_pools};
use super::super::price::PriceRange;
use super::super::report::PodName;
use super::super::settle::settle;
use super::drifting::{Context, Drifting, drifting, field_rows};
use super::holding::{Counts, blocked_rows, pool_row, round_seconds};
use super::report::{BlockedRow, Delta, Diff, NodeRow, PoolRow};
use super::rolling::{Leaving, evictions_by_node, roll};
use crate::disruption::budgets::PoolNodes;
use crate::disruption::{ClusterState, ControllerMemory};
use crate::model::{Snapshot, StateNode, label_key};
use crate::provider::CloudProvider;
use crate::sim::{Outcome, PodDecision, Solution};

/// Both states of the cluster.
pub struct DiffInput<'a> {
    /// The cluster as it is.
    pub live: &'a Snapshot,
    /// Its provider.
    pub live_provider: &'a dyn CloudProvider,
    /// What the scheduler does with it.
    pub live_solution: &'a Solution,
    /// The cluster with the edit.
    pub edited: &'a Snapshot,
    /// Its provider.
    pub edited_provider: &'a dyn CloudProvider,
    /// What the scheduler does with it.
    pub edited_solution: &'a Solution,
    /// What the edit names.
    pub names: &'a Edited,
}

/// What the edit does to live nodes and to pods.
pub fn diff(input: &DiffInput<'_>) -> Diff {
    let profile = input.live_provider.labels();
    let context = Context { live: input.live, profile, provider: input.live_provider };
    let drifting = drifting(&context, input.edited, input.edited_provider);
    let fields = field_rows(&context, input.edited, input.names, &drifting.already);
    let memory = ControllerMemory::guessed(input.live);
    let cluster = ClusterState::new(input.edited, input.edited_provider, memory);
    let leaving = leaving(&cluster, &drifting);
    let blocked = blocked(&cluster, &leaving);
    let node_pools = pool_rows(input, &cluster, &drifting, &leaving, &blocked);
    let rolled = if leaving.is_empty() {
        Default::default()
    } else {
        roll(after_provisioning(input), leaving, input.edited_provider)
    };
    let (changed_pods, mut becomes_pending) = changed_pods(input.live_solution, input.edited_solution);
    becomes_pending.extend(rolled.homeless);
    let sum = |of: fn(&NodeRow) -> PriceRange| {
        rolled.rows.iter().fold(PriceRange::NOTHING, |total, row| total.plus(of(row)))
    };
    let (now, after) = (sum(|row| row.price_per_hour_now), sum(|row| row.price_per_hour_after));
    Diff {
        objects: input.names.names().map(str::to_owned).collect(),
        fields,
        seconds: seconds(&node_pools, input.live.taken_at),
        node_pools,
        evictions: rolled.rows.iter().map(|row| row.evictions).sum(),
        nodes: rolled.rows,
        blocked,
        changed_pods,
        becomes_pending,
        price_per_hour_now: now,
        price_per_hour_after: after,
        price_per_hour_delta: Delta { usd: delta(now, after) },
    }
}

/// The difference of two prices, where both are known.
fn delta(now: PriceRange, after: PriceRange) -> Option<f64> {
    let known = |price: PriceRange| price.usd.filter(|_| !price.is_ceiling() && price.unknown_nodes == 0);
    Some(known(after)? - known(now)?)
}

/// Nodes that the edit makes drift.
fn leaving(cluster: &ClusterState<'_>, drifting: &Drifting) -> Vec<Leaving> {
    let evictions = evictions_by_node(cluster.snapshot);
    cluster
        .nodes
        .iter()
        .filter_map(|node| {
            let claim = node.node_claim?;
            drifting.newly.contains_key(&claim.metadata.name).then(|| Leaving {
                node: node.name().into(),
                node_claim: claim.metadata.name.clone(),
                node_pool: node.node_pool().unwrap_or_default().into(),
                labels: node.labels().clone(),
                pods: evictions.get(node.name()).copied().unwrap_or(0),
                created: claim.metadata.creation_timestamp,
            })
        })
        .collect()
}

fn state_of<'c, 'a>(cluster: &'c ClusterState<'a>, leaving: &Leaving) -> Option<&'c StateNode<'a>> {
    cluster.nodes.iter().find(|node| node.name() == leaving.node)
}

fn blocked(cluster: &ClusterState<'_>, leaving: &[Leaving]) -> Vec<BlockedRow> {
    let states = leaving.iter().filter_map(|leaving| state_of(cluster, leaving));
    let mut rows: Vec<BlockedRow> = states.flat_map(|state| blocked_rows(cluster, state)).collect();
    rows.sort_by(|a, b| (!a.permanent, &a.node, &a.code).cmp(&(!b.permanent, &b.node, &b.code)));
    rows
}

fn pool_rows(
    input: &DiffInput<'_>,
    cluster: &ClusterState<'_>,
    drifting: &Drifting,
    leaving: &[Leaving],
    blocked: &[BlockedRow],
) -> Vec<PoolRow> {
    let mut concerned = concerned_pools(input.edited, input.names);
    concerned.extend(leaving.iter().map(|leaving| leaving.node_pool.clone()));
    let nodes = cluster.pool_nodes();
    let never: BTreeSet<&CompactString> =
        blocked.iter().filter(|row| row.permanent).map(|row| &row.node).collect();
    let already = already_by_pool(input.live, drifting);
    let order = input.edited_solution.node_pools.iter().map(|pool| &pool.name);
    order
        .filter(|name| concerned.contains(*name))
        .filter_map(|name| {
            let pool = input.edited.objects.node_pools.iter().find(|pool| pool.metadata.name == *name)?;
            let own: Vec<CompactString> = leaving
                .iter()
                .filter(|leaving| leaving.node_pool == *name)
                .map(|leaving| leaving.node.clone())
                .collect();
            let counts = Counts {
                drifted: own.len(),
                already: already.get(name.as_str()).copied().unwrap_or(0),
                never: own.iter().filter(|node| never.contains(node)).count(),
            };
            let empty = PoolNodes::default();
            let of_pool = nodes.get(name.as_str()).unwrap_or(&empty);
            let seconds = round_seconds(cluster, name, &own);
            Some(pool_row(pool, of_pool, counts, seconds, input.live.taken_at))
        })
        .collect()
}

fn already_by_pool<'s>(live: &'s Snapshot, drifting: &Drifting) -> BTreeMap<&'s str, usize> {
    let mut counts = BTreeMap::new();
    for claim in &live.objects.node_claims {
        if let Some(pool) = claim.metadata.labels.get(label_key::NODE_POOL)
            && drifting.already.contains_key(&claim.metadata.name)
        {
            *counts.entry(pool).or_default() += 1;
        }
    }
    counts
}

/// Seconds until the last NodePool is through; none where nothing rolls, or one never gets through.
fn seconds(pools: &[PoolRow], now: jiff::Timestamp) -> Option<i64> {
    let rolling = || pools.iter().filter(|pool| pool.drifted > pool.never);
    let stuck = rolling().any(|pool| pool.done_by.is_none());
    let last = rolling().filter_map(|pool| pool.done_by).max()?;
    (!stuck).then(|| last.duration_since(now).as_secs())
}

/// The edited cluster once pending pods are placed: that happens within seconds, drift takes minutes.
fn after_provisioning(input: &DiffInput<'_>) -> Snapshot {
    let mut snapshot = input.edited.clone();
    let profile = input.edited_provider.labels();
    let launches = launches(&snapshot, input.edited_solution, profile);
    settle(&mut snapshot, input.edited_solution, &launches, profile, "new");
    snapshot.objects.pods.retain(|pod| pod.node_name.is_some() || pod.is_terminal());
    snapshot
}

/// Where a pod goes, as far as people care.
#[derive(PartialEq)]
enum Place<'a> {
    Existing(&'a str),
    New { node_pool: &'a str, instance_type: Option<&'a str> },
    Nowhere,
}

fn place<'a>(solution: &'a Solution, decision: &'a PodDecision) -> Place<'a> {
    match &decision.outcome {
        Outcome::Existing { node } => Place::Existing(node),
        Outcome::New { node_claim } => match solution.node_claims.get(*node_claim) {
            Some(claim) if claim.create_error.is_none() => Place::New {
                node_pool: &claim.node_pool,
                instance_type: claim.instance_types.first().map(CompactString::as_str),
            },
            _ => Place::Nowhere,
        },
        _ => Place::Nowhere,
    }
}

/// Pods whose place differs: those that have one after, and those that lose it.
fn changed_pods(before: &Solution, after: &Solution) -> (Vec<PodName>, Vec<PodName>) {
    let name = |decision: &PodDecision| PodName {
        namespace: decision.namespace.clone(),
        name: decision.name.clone(),
    };
    let known: BTreeMap<(&str, &str), &PodDecision> = before
        .pods
        .iter()
        .map(|decision| ((decision.namespace.as_str(), decision.name.as_str()), decision))
        .collect();
    let (mut changed, mut pending) = (Vec::new(), Vec::new());
    for decision in &after.pods {
        let Some(was) = known.get(&(decision.namespace.as_str(), decision.name.as_str())) else { continue };
        let (was, is) = (place(before, was), place(after, decision));
        match (was, is) {
            (was, is) if was == is => {}
            (_, Place::Nowhere) => pending.push(name(decision)),
            _ => changed.push(name(decision)),
        }
    }
    (changed, pending)
}
