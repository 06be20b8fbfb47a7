//! NodePools before the loop: which are used and which not, their instance types, their templates.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/provisioner.go (`NewScheduler`) and .../scheduling/scheduler.go
//! (`NewScheduler`).

use std::sync::Arc;

use super::amounts::Columns;
use super::bits::Bits;
use super::daemons::{self, Daemon};
use super::overlay;
use super::packed::{Interner, SetId};
use super::prepare::World;
use super::scheduler::{Scheduler, Template};
use super::solution::PoolEligibility;
use super::topology::DomainSource;
use super::type_list::TypeList;
use crate::model::{
    InstanceType, LabelProfile, Labels, MinValuesPolicy, NodePool, Requirement, Requirements, ResourceList,
    Snapshot, label_key, node_pool_hash,
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

pub(super) fn domain_source(
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

/// Templates of NodePools whose own requirements leave instance types.
pub(super) fn build_templates<'a>(
    scheduler: &mut Scheduler<'a>,
    pools: &mut [Pool<'a>],
    daemons: &mut [Daemon],
) {
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
