//! Machines that exist: how they are tracked, what room they have, what the limits of NodePools leave beside them.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/scheduler.go (`calculateExistingNodeClaims`) and
//! .../existingnode.go (`NewExistingNode`).

use std::collections::BTreeSet;

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHashSet};

use super::batch::RequestCache;
use super::daemons::Daemon;
use super::host_ports::host_ports;
use super::packed::HOSTNAME;
use super::pools::Pool;
use super::prepare::World;
use super::scheduler::{Node, Scheduler};
use super::state_node;
use super::type_list::TypeList;
use super::volumes::{self, Storage, Volumes};
use crate::model::{
    CsiNode, Pod, Requirement, Requirements, ResourceList, Snapshot, StateNode, label_key, state_nodes,
};
use crate::provider::CloudProvider;

/// Machines as the controller tracks them, by provider id. A Node on which a pod's volumes cannot be looked up is
/// not taken in: its NodeClaim alone stands for it. One that is being deleted was taken in long before, and a
/// failing update leaves it as it was.
pub(super) fn tracked_nodes<'a>(
    snapshot: &'a Snapshot,
    provider: &dyn CloudProvider,
    storage: &Storage<'_>,
) -> Vec<StateNode<'a>> {
    let broken: FxHashSet<&str> = snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| pod.node_name.is_some() && !pod.is_terminal() && storage.volumes(pod).is_err())
        .filter_map(|pod| pod.node_name.as_deref())
        .collect();
    state_nodes(snapshot)
        .into_iter()
        .map(|mut state| {
            state.node_claim =
                state.node_claim.filter(|claim| provider.supports_node_class(&claim.spec.node_class_ref));
            let leaves = state.node_claim.is_some_and(|claim| claim.metadata.is_deleting());
            state.node = state.node.filter(|node| leaves || !broken.contains(node.metadata.name.as_str()));
            state
        })
        .filter(|state| state.node.is_some() || state.node_claim.is_some())
        .collect()
}

/// Bound pods by Node.
pub(super) fn pods_by_node(snapshot: &Snapshot) -> FxHashMap<&str, Vec<&Pod>> {
    let mut by_node: FxHashMap<&str, Vec<&Pod>> = FxHashMap::default();
    for pod in &snapshot.objects.pods {
        if let Some(node) = pod.node_name.as_deref() {
            by_node.entry(node).or_default().push(pod);
        }
    }
    by_node
}

/// Existing nodes in the controller's order, and what the limits of NodePools leave beside them.
pub(super) fn build_nodes<'a>(
    scheduler: &mut Scheduler<'a>,
    world: &World<'a, '_>,
    pools: &mut [Pool<'a>],
    daemons: &mut [Daemon],
    requests: &mut RequestCache,
) {
    let pool_positions: FxHashMap<CompactString, usize> = pools
        .iter()
        .enumerate()
        .map(|(position, pool)| (pool.node_pool.metadata.name.clone(), position))
        .collect();
    let csi_nodes: FxHashMap<&str, &CsiNode> =
        world.snapshot.objects.csi_nodes.iter().rev().map(|csi| (csi.metadata.name.as_str(), csi)).collect();
    for state in world.active() {
        let pool = state.node_pool().and_then(|name| pool_positions.get(name)).copied();
        if let Some(pool) = pool {
            let capacity = state_node::capacity(state);
            pools[pool].limits_before.subtract(&capacity);
            pools[pool].usage.add(&capacity);
        }
        let types = pool
            .filter(|_| state.is_managed())
            .and_then(|pool| pools[pool].list.map(|list| &scheduler.lists[list]));
        let limits = volume_limits(world, &csi_nodes, state, types);
        let node = build_node(scheduler, world, *state, limits, daemons, requests);
        scheduler.topology.register_host(node.host, 0, &scheduler.interner);
        scheduler.nodes.push(node);
    }
    scheduler.nodes.sort_by(|a, b| {
        (!a.state.is_initialized(), a.state.name()).cmp(&(!b.state.is_initialized(), b.state.name()))
    });
    scheduler.limits = pools
        .iter()
        .map(|pool| {
            let limits = pool.limits_before.iter();
            limits
                .filter_map(|(name, left)| Some((scheduler.columns.position(name)?, left.nanos())))
                .collect()
        })
        .collect();
}

fn build_node<'a>(
    scheduler: &mut Scheduler<'a>,
    world: &World<'a, '_>,
    state: StateNode<'a>,
    volume_limits: FxHashMap<CompactString, i64>,
    daemons: &mut [Daemon],
    requests: &mut RequestCache,
) -> Node<'a> {
    let rules = world.snapshot.rules;
    let profile = world.provider.labels();
    let taints = state_node::taints(&state, rules);
    let labels = Requirements::from_labels(state.labels(), profile);
    let label_set = scheduler.interner.pack_set(&labels);

    let mut expected = ResourceList::new();
    for daemon in daemons.iter_mut() {
        if daemon.runs_on_node(&taints, label_set, &mut scheduler.interner) {
            expected.add(&daemon.requests);
        }
    }
    let mut bound = ResourceList::new();
    let mut bound_daemons = ResourceList::new();
    let (mut ports, mut used) = (Vec::new(), Volumes::new());
    for pod in world.pods_of(&state).iter().filter(|pod| !pod.is_terminal()) {
        let total = requests.requests(pod);
        bound.add(&total);
        if super::pods::is_owned_by_daemon_set(pod) {
            bound_daemons.add(&total);
        }
        ports.extend(host_ports(&pod.spec));
        if let Ok(more) = world.storage.volumes(pod) {
            volumes::extend(&mut used, &more);
        }
    }
    let mut room = state_node::allocatable(&state);
    room.subtract(&bound);
    let still_expected: ResourceList = expected
        .iter()
        .map(|(name, quantity)| {
            (name, (quantity - bound_daemons.amount(name)).max(crate::model::Quantity::ZERO))
        })
        .collect();
    room.subtract(&still_expected);

    let host_name = state_node::host_name(&state);
    let host = scheduler.interner.value(HOSTNAME, host_name);
    let mut requirements = labels;
    requirements.add(Requirement::allow(label_key::HOSTNAME, [host_name]));
    let overcommitted = room.iter().any(|(_, quantity)| quantity.is_negative());
    Node {
        set: scheduler.interner.pack_set(&requirements),
        host,
        remaining: scheduler.columns.row(&room),
        overcommitted,
        room,
        ports,
        volumes: used,
        volume_limits,
        pods: Vec::new(),
        taints,
        state,
    }
}

/// Volumes a machine can attach per driver: what its CSINode says, then what its instance type says.
fn volume_limits(
    world: &World<'_, '_>,
    csi_nodes: &FxHashMap<&str, &CsiNode>,
    state: &StateNode<'_>,
    types: Option<&TypeList>,
) -> FxHashMap<CompactString, i64> {
    let rules = world.snapshot.rules;
    let by_type = rules.limits_volumes_by_instance_type();
    let mut limits = FxHashMap::default();
    let mut published: BTreeSet<&str> = BTreeSet::new();
    let csi = state.node.and_then(|node| csi_nodes.get(node.metadata.name.as_str()));
    for driver in csi.iter().flat_map(|csi| &csi.spec.drivers) {
        published.insert(driver.name.as_str());
        let count = driver.allocatable.as_ref().map(|allocatable| allocatable.count);
        match count {
            Some(Some(count)) => limits.insert(driver.name.clone(), count),
            Some(None) if !by_type => limits.insert(driver.name.clone(), 0),
            _ => None,
        };
    }
    let name = state.labels().get(label_key::INSTANCE_TYPE).filter(|_| by_type);
    let of_type = name.and_then(|name| types?.named(name));
    for (driver, limit) in of_type.iter().flat_map(|of_type| &of_type.volume_attachment_limits) {
        if !published.contains(driver.as_str()) {
            limits.insert(driver.clone(), *limit);
        }
    }
    limits
}
