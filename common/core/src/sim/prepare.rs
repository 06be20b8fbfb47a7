//! From a snapshot to the state in which the loop begins.
//!
//! ```text
//! NodePools ([`super::pools`]) ─┐
//! machines ([`super::existing`]) ┼─► Scheduler
//! pods ([`super::classes`]) ─────┘
//! ```
//!
//! Mirrors karpenter: pkg/controllers/provisioning/provisioner.go (`Schedule`, `NewScheduler`).

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::amounts::Columns;
use super::batch::{Class, RequestCache, SpecPool};
use super::classes::classes;
use super::daemons;
use super::existing::build_nodes;
use super::open_order::OpenOrder;
use super::options::{ReservedMode, SolveOptions};
use super::packed::Interner;
use super::pools::{Pool, build_templates, domain_source, is_considered};
use super::preferences::Constraints;
use super::reuse::{PackedTypes, Reuse, packed_types};
use super::scheduler::Scheduler;
use super::ties::Ties;
use super::topology::{CountedNode, Topology};
use super::volumes::Storage;
use crate::model::{
    Labels, PREFER_NO_SCHEDULE, Pod, PodSpec, PreferencePolicy, ResourceList, Snapshot, StateNode,
    resource_name,
};
use crate::provider::CloudProvider;

/// A pod that takes part.
pub(super) struct Candidate<'a> {
    pub pod: &'a Pod,
    pub decision: usize,
}

/// What the loop needs besides pods and NodePools.
pub(super) struct World<'a, 'w> {
    pub snapshot: &'a Snapshot,
    pub provider: &'w dyn CloudProvider,
    pub options: &'w SolveOptions,
    pub storage: &'w Storage<'a>,
    /// All machines.
    pub states: &'w [StateNode<'a>],
    pub by_node: &'w FxHashMap<&'a str, Vec<&'a Pod>>,
    /// What earlier runs left.
    pub reuse: Option<&'w Reuse>,
}

impl<'a> World<'a, '_> {
    /// Whether a machine is on its way out.
    pub(super) fn is_marked(&self, state: &StateNode<'_>) -> bool {
        state.is_deleting() || self.options.marked_for_deletion.contains(state.name())
    }

    pub(super) fn pods_of(&self, state: &StateNode<'_>) -> &[&'a Pod] {
        let name = state.node.map(|node| node.metadata.name.as_str()).unwrap_or_default();
        self.by_node.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &StateNode<'a>> {
        self.states.iter().filter(|state| !self.is_marked(state))
    }
}

/// Builds the state in which the loop begins.
pub(super) fn scheduler<'a>(
    world: &World<'a, '_>,
    pools: &mut [Pool<'a>],
    candidates: &[Candidate<'_>],
) -> Scheduler<'a> {
    let snapshot = world.snapshot;
    let profile = world.provider.labels();
    let mut requests = RequestCache::default();
    let mut daemons = daemons::daemons(snapshot);
    let settings = &snapshot.controller;
    let mut topology =
        Topology::new(&snapshot.objects.namespaces, settings.preference_policy == PreferencePolicy::Ignore);

    let mut specs = SpecPool::default();
    let canonical: Vec<(usize, Arc<PodSpec>)> =
        candidates.iter().map(|candidate| specs.canonical(&candidate.pod.spec)).collect();
    let totals: Vec<Arc<ResourceList>> = candidates
        .iter()
        .zip(&canonical)
        .map(|(candidate, (_, spec))| requests.requests_of(candidate.pod, spec))
        .collect();
    let distinct: FxHashMap<*const ResourceList, &ResourceList> =
        totals.iter().map(|list| (Arc::as_ptr(list), &**list)).collect();
    let columns = Columns::new(
        distinct
            .into_values()
            .chain(daemons.iter().map(|daemon| &daemon.requests))
            .chain(pools.iter().map(|pool| &pool.node_pool.spec.limits))
            .flat_map(ResourceList::names),
    );
    let PackedTypes { mut interner, lists, reservation_ids } = packed_types(world, pools, &columns);
    let mut reservations = vec![i64::MAX; reservation_ids.len()];
    for offering in lists.iter().flat_map(|list| list.offerings.iter().flatten()) {
        if let Some(reservation) = offering.reservation {
            let left = &mut reservations[reservation];
            *left = (*left).min(offering.reservation_capacity);
        }
    }

    let credit = world.options.reservation_credit.as_deref();
    let credited = reservation_ids.iter().position(|id| Some(id.as_str()) == credit);
    credited.into_iter().for_each(|at| reservations[at] += 1);

    count_pods(world, candidates, &mut topology);
    for pool in pools.iter().filter(|pool| pool.list.is_some()) {
        if let Some(list) = pool.list {
            topology.sources.push(domain_source(pool, &lists[list], &mut interner, profile));
        }
    }
    let batch = classes(world, candidates, &canonical, &totals, &columns, &mut interner, &mut topology);
    own_bound_inverse(world, candidates, &mut topology, &mut interner);

    let soft_taints = pools
        .iter()
        .filter(|pool| is_considered(&pool.eligibility))
        .flat_map(|pool| &pool.node_pool.spec.template.spec.taints)
        .any(|taint| taint.effect == PREFER_NO_SCHEDULE);
    let nodes_column = columns.position(resource_name::NODES);
    let mut scheduler = Scheduler {
        settings,
        rules: snapshot.rules,
        strict_reserved: world.options.reserved == ReservedMode::Strict,
        interner,
        columns,
        topology,
        lists,
        reservation_ids,
        reservations,
        credited,
        templates: Vec::new(),
        limits: Vec::new(),
        nodes: Vec::new(),
        claims: Vec::new(),
        order: OpenOrder::default(),
        relabelled_nodes: Vec::new(),
        relabelled_claims: Vec::new(),
        shapes: FxHashMap::default(),
        classes: Vec::new(),
        views: Vec::new(),
        pods: Vec::new(),
        daemons: Vec::new(),
        soft_taints,
        attempts: 0,
        nodes_column,
        ties: Ties::new(world.options.ties),
        choices: Vec::new(),
        turned_away: FxHashMap::default(),
    };
    for (class, constraints) in batch.classes {
        let view = scheduler.new_view(constraints);
        scheduler.classes.push(Class { views: vec![view], ..class });
    }
    scheduler.pods = batch.pods;
    for pod in 0..scheduler.pods.len() {
        let class = scheduler.pods[pod].class;
        if scheduler.classes[class].registered {
            scheduler.update_topology(class, scheduler.classes[class].views[0]);
        }
    }
    build_templates(&mut scheduler, pools, &mut daemons);
    build_nodes(&mut scheduler, world, pools, &mut daemons, &mut requests);
    scheduler.daemons = daemons;
    scheduler
}

/// Nodes and bound pods as topology counts them. Pods of the batch are left out: they are about to move.
fn count_pods<'a>(world: &World<'a, '_>, candidates: &[Candidate<'_>], topology: &mut Topology<'a>) {
    let moving = moving_uids(world, candidates);
    let mut positions: FxHashMap<&str, usize> = FxHashMap::default();
    for node in &world.snapshot.objects.nodes {
        positions.insert(node.metadata.name.as_str(), topology.nodes.len());
        topology.nodes.push(CountedNode {
            name: &node.metadata.name,
            labels: &node.metadata.labels,
            taints: &node.spec.taints,
            set: None,
        });
    }
    for state in world.active() {
        let position = state.node.and_then(|node| positions.get(node.metadata.name.as_str()));
        if let Some(position) = position {
            topology.active.push((*position, state.labels()));
        }
    }
    for pod in &world.snapshot.objects.pods {
        let Some(node) = pod.node_name.as_deref().and_then(|node| positions.get(node)) else { continue };
        if pod.is_active() && !moving.contains(pod.metadata.uid.as_str()) {
            let class = topology.label_class(&pod.metadata.namespace, &pod.metadata.labels);
            topology.count_bound(class, *node);
        }
    }
}

/// UIDs of the batch, without pods whose volumes could not be looked up (quirk Q15).
fn moving_uids<'p>(world: &World<'_, '_>, candidates: &[Candidate<'p>]) -> FxHashSet<&'p str> {
    candidates
        .iter()
        .filter(|candidate| {
            candidate.pod.spec.volumes.is_empty()
                || world.storage.alternatives(candidate.pod, world.provider.labels()).is_ok()
        })
        .map(|candidate| candidate.pod.metadata.uid.as_str())
        .collect()
}

/// Anti-affinity of bound pods, by (namespace, name).
fn own_bound_inverse(
    world: &World<'_, '_>,
    candidates: &[Candidate<'_>],
    topology: &mut Topology<'_>,
    interner: &mut Interner,
) {
    let moving = moving_uids(world, candidates);
    let nodes: FxHashMap<&str, &Labels> = world
        .states
        .iter()
        .filter_map(|state| state.node)
        .map(|node| (node.metadata.name.as_str(), &node.metadata.labels))
        .collect();
    let mut owners: Vec<(&Pod, &Labels)> = world
        .snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| !pod.is_terminal() && has_required_anti_affinity(pod))
        .filter(|pod| !moving.contains(pod.metadata.uid.as_str()))
        .filter_map(|pod| Some((pod, *nodes.get(pod.node_name.as_deref()?)?)))
        .collect();
    owners.sort_by(|(a, _), (b, _)| {
        (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
    });
    for (pod, labels) in owners {
        let constraints = Constraints::of(&pod.spec);
        let owned = topology.own_inverse(&pod.metadata.namespace, &constraints, Some(labels), interner);
        topology.note_owner(&owned, &pod.metadata.uid);
    }
}

fn has_required_anti_affinity(pod: &Pod) -> bool {
    let affinity = pod.spec.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    affinity.is_some_and(|anti| !anti.required.is_empty())
}
