//! The cluster as the disruption controller sees it at the start of a pass: machines, their pods, NodePools with
//! instance types, PodDisruptionBudgets, and what only the controller's memory knows.
//!
//! Mirrors karpenter: pkg/controllers/state/cluster.go and pkg/controllers/disruption/helpers.go
//! (`BuildNodePoolMap`, the counting part of `BuildDisruptionBudgetMapping`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;

use super::budgets::{InUse, PoolNodes};
use super::cost::CostRules;
use super::pdb::PdbLimits;
use crate::model::{
    InstanceType, NodeClaim, NodePool, Pod, Snapshot, StateNode, condition_is_true, label_key, state_nodes,
};
use crate::provider::{CloudProvider, InstanceTypesError};

/// What the controller knows and no object says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControllerMemory {
    /// Names of nodes that a pending pod was planned onto a moment ago.
    pub nominated: BTreeSet<CompactString>,
    /// Names of nodes that a running disruption command holds.
    pub in_command: BTreeSet<CompactString>,
}

impl ControllerMemory {
    /// What the objects let one guess: a command holds the nodes whose NodeClaim says `DisruptionReason=True`; a
    /// node is nominated for 20 s after a `Nominated` event that names it.
    pub fn guessed(snapshot: &Snapshot) -> Self {
        let claims = &snapshot.objects.node_claims;
        let in_command = claims
            .iter()
            .filter(|claim| condition_is_true(&claim.status.conditions, "DisruptionReason"))
            .map(|claim| claim.status.node_name.clone())
            .filter(|name| !name.is_empty())
            .collect();
        let nominated = snapshot
            .objects
            .events
            .iter()
            .filter(|event| event.reason == "Nominated")
            .filter(|event| {
                let seen = event.last_seen();
                seen.is_some_and(|seen| snapshot.taken_at.as_second() - seen.as_second() < NOMINATION_SECONDS)
            })
            .filter_map(|event| {
                let (_, rest) = event.message.split_once("node/")?;
                Some(rest.split([',', ' ']).next().unwrap_or(rest).into())
            })
            .collect();
        Self { nominated, in_command }
    }
}

/// Twice the longest batch with default settings.
const NOMINATION_SECONDS: i64 = 20;

/// A NodePool the controller manages.
#[derive(Debug, Clone)]
pub struct ManagedPool<'a> {
    /// The NodePool.
    pub node_pool: &'a NodePool,
    /// Its instance types; none = they could not be listed, or there is none.
    pub instance_types: Option<Arc<[InstanceType]>>,
    /// Why they could not be listed.
    pub problem: Option<String>,
    /// Whether the list is only unknown to us: the controller will have one.
    pub is_unknown_here: bool,
}

/// The cluster at the start of a pass.
pub struct ClusterState<'a> {
    /// Where all of it comes from.
    pub snapshot: &'a Snapshot,
    /// Who makes the nodes.
    pub provider: &'a dyn CloudProvider,
    /// What only the controller knows.
    pub memory: ControllerMemory,
    /// Machines by ascending provider id.
    pub nodes: Vec<StateNode<'a>>,
    /// PodDisruptionBudgets.
    pub limits: PdbLimits<'a>,
    /// Managed NodePools by name.
    pub node_pools: BTreeMap<&'a str, ManagedPool<'a>>,
    /// How pods are priced.
    pub cost_rules: CostRules,
    pods_by_node: BTreeMap<&'a str, Vec<&'a Pod>>,
}

impl<'a> ClusterState<'a> {
    /// Reads a snapshot.
    pub fn new(snapshot: &'a Snapshot, provider: &'a dyn CloudProvider, memory: ControllerMemory) -> Self {
        let mut pods_by_node: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in &snapshot.objects.pods {
            if let Some(node) = pod.node_name.as_deref() {
                pods_by_node.entry(node).or_default().push(pod);
            }
        }
        for pods in pods_by_node.values_mut() {
            pods.sort_by(|a, b| {
                (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
            });
        }
        let node_pools = snapshot
            .objects
            .node_pools
            .iter()
            .filter(|pool| provider.supports_node_class(&pool.spec.template.spec.node_class_ref))
            .map(|node_pool| {
                let listed = provider.instance_types(node_pool);
                let is_unknown_here = matches!(listed, Err(InstanceTypesError::NoCatalog(_)));
                let (instance_types, problem) = match listed {
                    Ok(types) if types.is_empty() => (None, Some("no instance types".to_owned())),
                    Ok(types) => (Some(types), None),
                    Err(error) => (None, Some(error.to_string())),
                };
                (node_pool.name(), ManagedPool { node_pool, instance_types, problem, is_unknown_here })
            })
            .collect();
        Self {
            snapshot,
            provider,
            memory,
            nodes: state_nodes(snapshot),
            limits: PdbLimits::new(snapshot),
            node_pools,
            cost_rules: CostRules::of(snapshot.rules, &snapshot.controller),
            pods_by_node,
        }
    }

    /// The moment.
    pub fn now(&self) -> Timestamp {
        self.snapshot.taken_at
    }

    /// Pods bound to a machine's Node, by namespace and name.
    pub fn pods(&self, node: &StateNode<'_>) -> &[&'a Pod] {
        let name = node.node.map(|node| node.metadata.name.as_str()).unwrap_or_default();
        self.pods_by_node.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a machine is on its way out: its deletion has begun, or a command holds it.
    pub fn is_marked_for_deletion(&self, node: &StateNode<'_>) -> bool {
        node.is_deleting() || self.memory.in_command.contains(node.name())
    }

    /// Whether a machine is being rebooted; never so before 1.15.
    pub fn is_rebooting(&self, node: &StateNode<'_>) -> bool {
        self.snapshot.rules.knows_rebooting() && node.claim_condition("Rebooting")
    }

    /// The nodes of each NodePool as budgets count them.
    pub fn pool_nodes(&self) -> BTreeMap<&'a str, PoolNodes> {
        let mut pools: BTreeMap<&str, PoolNodes> = BTreeMap::new();
        for node in &self.nodes {
            let rebooting = self.is_rebooting(node);
            let counts = node.is_managed()
                && (node.is_initialized() || rebooting)
                && !node.claim_condition("InstanceTerminating");
            if !counts {
                continue;
            }
            let pool = pools.entry(node.node_pool().unwrap_or_default()).or_default();
            pool.total += 1;
            let why = if self.is_marked_for_deletion(node) {
                InUse::Deleting
            } else if rebooting {
                InUse::Rebooting
            } else if !node.is_ready() {
                InUse::NotReady
            } else {
                continue;
            };
            pool.in_use.push((node.name().into(), why));
        }
        pools
    }

    /// NodeClaims that keep the controller's view from being complete: while one of them has not launched, every
    /// graceful disruption waits.
    pub fn unlaunched(&self) -> Vec<&'a NodeClaim> {
        let claims = self.snapshot.objects.node_claims.iter();
        claims.filter(|claim| claim.status.provider_id.is_empty()).collect()
    }
}

/// What the controller does at the start of each pass: the disruption taint and condition are taken off nodes
/// that no command holds and that are not being deleted.
#[must_use]
pub fn housekeeping(snapshot: &Snapshot, memory: &ControllerMemory) -> Snapshot {
    let (mut nodes, mut claims): (BTreeSet<CompactString>, BTreeSet<CompactString>) = Default::default();
    for state in state_nodes(snapshot) {
        if state.is_deleting() || memory.in_command.contains(state.name()) {
            continue;
        }
        if let (Some(node), Some(claim)) = (state.node, state.node_claim) {
            nodes.insert(node.metadata.name.clone());
            claims.insert(claim.metadata.name.clone());
        }
    }
    let mut cleaned = snapshot.clone();
    for node in cleaned.objects.nodes.iter_mut().filter(|node| nodes.contains(&node.metadata.name)) {
        node.spec.taints.retain(|taint| taint.key != label_key::DISRUPTED);
    }
    for claim in cleaned.objects.node_claims.iter_mut().filter(|claim| claims.contains(&claim.metadata.name))
    {
        claim.status_mut().conditions.retain(|condition| condition.kind != "DisruptionReason");
    }
    cleaned
}
