//! From a snapshot to the state in which the loop begins.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/provisioner.go (`Schedule`, `NewScheduler`) and
//! .../scheduling/scheduler.go (`NewScheduler`, `calculateExistingNodeClaims`).

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHashSet};

use super::amounts::Columns;
use super::batch::{self, BatchPod, Class, ClassKey, Demand, RequestCache, SpecPool};
use super::bits::Bits;
use super::daemons::{self, Daemon};
use super::default_constraints::Selectors;
use super::host_ports::host_ports;
use super::open_order::OpenOrder;
use super::options::{ReservedMode, SolveOptions};
use super::overlay;
use super::packed::{HOSTNAME, Interner, SetId};
use super::preferences::Constraints;
use super::reuse::{PackedTypes, Reuse, packed_types};
use super::scheduler::{Node, Scheduler, Template};
use super::solution::PoolEligibility;
use super::state_node;
use super::ties::Ties;
use super::topology::{CountedNode, DomainSource, Topology};
use super::type_list::TypeList;
use super::volumes::{self, LookupError, Storage, Volumes};
use crate::model::{
    InstanceType, LabelProfile, Labels, MinValuesPolicy, NodePool, PREFER_NO_SCHEDULE, Pod, PodSpec,
    PreferencePolicy, Requirement, Requirements, ResourceList, Snapshot, StateNode, label_key,
    node_pool_hash, resource_name, state_nodes,
};
use crate::provider::{CloudProvider, InstanceTypesError};

/// A NodePool before the loop.
pub(super) struct Pool<'a> {
    pub node_pool: &'a NodePool,
    pub eligibility: PoolEligibility,
    pub types: Arc<[InstanceType]>,
    pub requirements: Requirements,
    pub labels: Labels,
    /// Position of its packed types, where it has any.
    pub list: Option<usize>,
    /// Position of its template, where it kept types.
    pub template: Option<usize>,
    pub limits_before: ResourceList,
    /// What its nodes hold.
    pub usage: ResourceList,
}

/// A pod that takes part.
pub(super) struct Candidate<'a> {
    pub pod: &'a Pod,
    pub decision: usize,
}

/// NodePools in the controller's order, with why each is used or not, and the provider's types under overlays.
pub(super) fn node_pools<'a>(snapshot: &'a Snapshot, provider: &dyn CloudProvider) -> Vec<Pool<'a>> {
    let mut order: Vec<&NodePool> = snapshot.objects.node_pools.iter().collect();
    order.sort_by(|a, b| (b.weight(), b.name()).cmp(&(a.weight(), a.name())));
    let mut listed: Vec<overlay::Pool<'a>> = Vec::new();
    let mut problems: Vec<Option<InstanceTypesError>> = Vec::new();
    for node_pool in &order {
        match provider.instance_types(node_pool) {
            Ok(types) => {
                listed.push((node_pool, types));
                problems.push(None);
            }
            Err(error) => {
                listed.push((node_pool, Arc::from([])));
                problems.push(Some(error));
            }
        }
    }
    if snapshot.controller.gate("NodeOverlay") {
        overlay::apply(&snapshot.objects.node_overlays, &mut listed, provider.labels());
    }
    listed
        .into_iter()
        .zip(problems)
        .map(|((node_pool, types), problem)| {
            let eligibility = eligibility(node_pool, provider, problem, types.is_empty());
            let labels = template_labels(node_pool);
            Pool {
                requirements: template_requirements(node_pool, &labels, provider.labels()),
                node_pool,
                eligibility,
                types,
                labels,
                list: None,
                template: None,
                limits_before: node_pool.spec.limits.clone(),
                usage: ResourceList::new(),
            }
        })
        .collect()
}

fn eligibility(
    node_pool: &NodePool,
    provider: &dyn CloudProvider,
    problem: Option<InstanceTypesError>,
    empty: bool,
) -> PoolEligibility {
    if !provider.supports_node_class(&node_pool.spec.template.spec.node_class_ref) {
        PoolEligibility::ForeignNodeClass
    } else if node_pool.is_static() {
        PoolEligibility::Static
    } else if !node_pool.is_ready() {
        PoolEligibility::NotReady
    } else if node_pool.metadata.is_deleting() {
        PoolEligibility::Deleting
    } else if let Some(problem) = problem {
        PoolEligibility::NoInstanceTypes(problem.to_string())
    } else if empty {
        PoolEligibility::NoInstanceTypes("no instance types".to_owned())
    } else {
        PoolEligibility::Eligible
    }
}

/// Whether a NodePool is looked at, with or without instance types.
pub(super) fn is_considered(eligibility: &PoolEligibility) -> bool {
    matches!(eligibility, PoolEligibility::Eligible | PoolEligibility::NoInstanceTypes(_))
}

/// Labels of the template, with those of NodePool and NodeClass.
fn template_labels(node_pool: &NodePool) -> Labels {
    let class = &node_pool.spec.template.spec.node_class_ref;
    let mut labels = node_pool.spec.template.metadata.labels.clone();
    labels.insert(label_key::NODE_POOL, node_pool.name());
    labels.insert(format!("{}/{}", class.group, class.kind.to_lowercase()), class.name.clone());
    labels
}

fn template_requirements(node_pool: &NodePool, labels: &Labels, profile: &LabelProfile) -> Requirements {
    let mut requirements = Requirements::from_specs(&node_pool.spec.template.spec.requirements, profile);
    requirements.add_all(&Requirements::from_labels(labels, profile));
    for key in [label_key::REGISTERED, label_key::INITIALIZED] {
        requirements.add(Requirement::allow(key, ["true"]));
    }
    requirements
}

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

    fn pods_of(&self, state: &StateNode<'_>) -> &[&'a Pod] {
        let name = state.node.map(|node| node.metadata.name.as_str()).unwrap_or_default();
        self.by_node.get(name).map_or(&[], Vec::as_slice)
    }

    fn active(&self) -> impl Iterator<Item = &StateNode<'a>> {
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

/// Packs each distinct list of types once.
pub(super) fn pack_lists(
    world: &World<'_, '_>,
    pools: &mut [Pool<'_>],
    interner: &mut Interner,
    columns: &Columns,
    reservation_ids: &mut Vec<String>,
) -> Vec<TypeList> {
    let mut lists: Vec<TypeList> = Vec::new();
    for pool in pools.iter_mut().filter(|pool| pool.eligibility == PoolEligibility::Eligible) {
        let known = lists.iter().position(|list| Arc::ptr_eq(&list.types, &pool.types));
        pool.list = Some(known.unwrap_or_else(|| {
            lists.push(TypeList::new(
                Arc::clone(&pool.types),
                interner,
                columns,
                world.provider.labels(),
                world.snapshot.rules,
                reservation_ids,
            ));
            lists.len() - 1
        }));
    }
    lists
}

fn domain_source(
    pool: &Pool<'_>,
    list: &TypeList,
    interner: &mut Interner,
    profile: &LabelProfile,
) -> DomainSource {
    let template = &pool.node_pool.spec.template;
    let mut base = Requirements::from_specs(&template.spec.requirements, profile);
    base.add_all(&Requirements::from_labels(&template.metadata.labels, profile));
    DomainSource {
        base: interner.pack_set(&base),
        types: list.requirements.clone(),
        taints: template.spec.taints.to_vec(),
    }
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

struct Batch {
    pods: Vec<BatchPod>,
    classes: Vec<(Class, Constraints)>,
}

fn classes(
    world: &World<'_, '_>,
    candidates: &[Candidate<'_>],
    specs: &[(usize, Arc<PodSpec>)],
    totals: &[Arc<ResourceList>],
    columns: &Columns,
    interner: &mut Interner,
    topology: &mut Topology<'_>,
) -> Batch {
    let settings = &world.snapshot.controller;
    let defaults = &settings.default_spread_constraints;
    let defaulting = !defaults.is_empty() && world.snapshot.rules.has_default_spread_constraints();
    let selectors = defaulting.then(|| Selectors::new(&world.snapshot.objects));
    let mut known: FxHashMap<ClassKey, usize> = FxHashMap::default();
    let mut batch = Batch { pods: Vec::with_capacity(candidates.len()), classes: Vec::new() };
    for (candidate, (total, (spec_number, spec))) in candidates.iter().zip(totals.iter().zip(specs)) {
        let pod = candidate.pod;
        let metadata = &pod.metadata;
        let has_claims = spec
            .volumes
            .iter()
            .any(|volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some());
        let deduces = spec.topology_spread_constraints.is_empty();
        let key = ClassKey {
            namespace: metadata.namespace.clone(),
            labels: metadata.labels.clone(),
            spec: *spec_number,
            requests: Arc::as_ptr(total) as usize,
            default_selector: selectors
                .as_ref()
                .filter(|_| deduces)
                .and_then(|selectors| selectors.deduce(pod)),
            unique: has_claims.then(|| metadata.name.clone()),
        };
        let class = match known.get(&key) {
            Some(class) => *class,
            None => {
                let profile = world.provider.labels();
                let alternatives = world.storage.alternatives(pod, profile);
                let registered = alternatives.is_ok();
                let mut constraints = Constraints::of(spec);
                if let Some(selector) = key.default_selector.as_ref().filter(|_| registered) {
                    constraints.spreads = defaults
                        .iter()
                        .map(|spread| {
                            let mut spread = spread.clone();
                            spread.label_selector = Some(selector.clone());
                            spread
                        })
                        .collect();
                }
                let requests = state_node::as_pod_total((**total).clone(), 1);
                let class = Class {
                    namespace: metadata.namespace.clone(),
                    labels: metadata.labels.clone(),
                    label_class: topology.label_class(&metadata.namespace, &metadata.labels),
                    amounts: columns.row(&requests),
                    rank: batch::rank(&requests),
                    requests,
                    ports: host_ports(spec),
                    volumes: world.storage.volumes(pod).map_err(|error| LookupError(error.0)),
                    alternatives: alternatives
                        .unwrap_or_default()
                        .iter()
                        .map(|alternative| Demand::new(alternative, interner))
                        .collect(),
                    claims_devices: batch::claims_devices(spec),
                    registered,
                    inverse_owned: Vec::new(),
                    views: Vec::new(),
                    exhausted: false,
                };
                batch.classes.push((class, constraints));
                known.insert(key, batch.classes.len() - 1);
                batch.classes.len() - 1
            }
        };
        batch.pods.push(BatchPod {
            decision: candidate.decision,
            class,
            created: metadata.creation_timestamp,
            uid: metadata.uid.clone(),
        });
    }
    batch
}

/// Templates of NodePools whose own requirements leave instance types.
fn build_templates<'a>(scheduler: &mut Scheduler<'a>, pools: &mut [Pool<'a>], daemons: &mut [Daemon]) {
    let strict = scheduler.settings.min_values_policy == MinValuesPolicy::Strict;
    let nothing = vec![0i128; scheduler.columns.len()];
    for (position, pool) in pools.iter_mut().enumerate() {
        let Some(list_position) = pool.list else { continue };
        let set = scheduler.interner.pack_set(&pool.requirements);
        let list = &mut scheduler.lists[list_position];
        let facts = list.facts(set, &scheduler.interner);
        let mut types = list.fitting([&nothing, &nothing, &nothing], &facts);
        types.keep(&facts.compatible);
        let unmet = list.unmet_min_values(&types, set, &scheduler.interner, scheduler.rules);
        let by_min_values = strict && !unmet.is_empty();
        if types.is_empty() || by_min_values {
            pool.eligibility = PoolEligibility::FilteredOut { by_min_values };
            continue;
        }
        let taints: &'a [crate::model::Taint] = &pool.node_pool.spec.template.spec.taints;
        pool.template = Some(scheduler.templates.len());
        scheduler.templates.push(Template {
            node_pool: pool.node_pool,
            pool: position,
            list: list_position,
            set,
            taints,
            types,
            groups: Vec::new(),
            group_rows: Vec::new(),
            group_types: Vec::new(),
            min_values_relaxed: None,
            within_limits: None,
            hash: node_pool_hash(pool.node_pool),
        });
    }
    for template in &mut scheduler.templates {
        let list = &scheduler.lists[template.list];
        let sets: Vec<(usize, SetId)> = template.types.iter().map(|at| (at, list.requirements[at])).collect();
        let groups = daemons::groups(
            daemons,
            template.taints,
            template.set,
            sets.into_iter(),
            &mut scheduler.interner,
        );
        template.group_rows = groups.iter().map(|group| scheduler.columns.row(&group.overhead)).collect();
        template.group_types = groups
            .iter()
            .map(|group| {
                let mut bits = Bits::none(list.len());
                group.types.iter().for_each(|at| bits.insert(*at));
                bits
            })
            .collect();
        template.groups = groups;
    }
}

/// Existing nodes in the controller's order, and what the limits of NodePools leave beside them.
fn build_nodes<'a>(
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
    for state in world.active() {
        let pool = state.node_pool().and_then(|name| pool_positions.get(name)).copied();
        if let Some(pool) = pool {
            let capacity = state_node::capacity(state);
            pools[pool].limits_before.subtract(&capacity);
            pools[pool].usage.add(&capacity);
        }
        let types = pool
            .filter(|_| state.is_managed())
            .and_then(|pool| pools[pool].list.map(|_| Arc::clone(&pools[pool].types)));
        let node = build_node(scheduler, world, *state, types.as_deref(), daemons, requests);
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
    types: Option<&[InstanceType]>,
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
        volume_limits: volume_limits(world, &state, types),
        pods: Vec::new(),
        taints,
        state,
    }
}

/// Volumes a machine can attach per driver: what its CSINode says, then what its instance type says.
fn volume_limits(
    world: &World<'_, '_>,
    state: &StateNode<'_>,
    types: Option<&[InstanceType]>,
) -> FxHashMap<CompactString, i64> {
    let rules = world.snapshot.rules;
    let by_type = rules.limits_volumes_by_instance_type();
    let mut limits = FxHashMap::default();
    let mut published: BTreeSet<&str> = BTreeSet::new();
    let csi = state.node.and_then(|node| {
        let nodes = &world.snapshot.objects.csi_nodes;
        nodes.iter().find(|csi| csi.metadata.name == node.metadata.name)
    });
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
    let of_type = name.and_then(|name| types?.iter().find(|of_type| of_type.name == name));
    for (driver, limit) in of_type.iter().flat_map(|of_type| &of_type.volume_attachment_limits) {
        if !published.contains(driver.as_str()) {
            limits.insert(driver.clone(), *limit);
        }
    }
    limits
}
