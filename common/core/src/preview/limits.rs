//! Limits of NodePools before and after: what the new nodes use of them, and whether another would start.
//!
//! The scheduler itself reckons with the largest instance type a NodeClaim may still become, and once only; what
//! counts in the end is the capacity of the instance that starts, so that is what is shown.

use compact_str::CompactString;

use super::build::Launched;
use super::report::LimitUse;
use crate::model::{Format, Quantity, ResourceList, Snapshot, resource_name};
use crate::sim::{NodePoolState, Solution};

/// The limits of every NodePool that has some, in the controller's order, then by resource.
pub(super) fn limit_uses(snapshot: &Snapshot, solution: &Solution, launches: &[Launched]) -> Vec<LimitUse> {
    let mut uses = Vec::new();
    for state in &solution.node_pools {
        let Some(pool) = snapshot.objects.node_pools.iter().find(|pool| pool.name() == state.name) else {
            continue;
        };
        let added = Added::of(&state.name, solution, launches);
        for (resource, limit) in pool.spec.limits.iter() {
            uses.push(limit_use(state, resource, limit, &added));
        }
    }
    uses
}

/// What new nodes of a NodePool hold.
struct Added {
    nodes: usize,
    capacity: ResourceList,
}

impl Added {
    fn of(pool: &CompactString, solution: &Solution, launches: &[Launched]) -> Self {
        let mut added = Added { nodes: 0, capacity: ResourceList::new() };
        let own = solution.node_claims.iter().zip(launches).filter(|(claim, _)| claim.node_pool == *pool);
        for (_, launch) in own.filter(|(_, launch)| launch.is_ok()) {
            added.nodes += 1;
            launch.iter().flatten().for_each(|launch| added.capacity.add(&launch.capacity));
        }
        added
    }

    fn amount(&self, resource: &str) -> Quantity {
        if resource == resource_name::NODES {
            Quantity::from_units(i64::try_from(self.nodes).unwrap_or(i64::MAX))
        } else {
            self.capacity.amount(resource)
        }
    }
}

fn limit_use(state: &NodePoolState, resource: &str, limit: Quantity, added: &Added) -> LimitUse {
    let left_before = state.limits_before.get(resource).unwrap_or(limit);
    let before = limit - left_before;
    let left = left_before - added.amount(resource);
    LimitUse {
        node_pool: state.name.clone(),
        new_nodes: added.nodes,
        resource: resource.into(),
        limit: plain(limit),
        before: plain(before),
        after: plain(before + added.amount(resource)),
        full: is_full(state, resource, left),
    }
}

/// Whole numbers are written out, as people write limits: `1000`, not `1k`.
pub(super) fn plain(quantity: Quantity) -> String {
    let is_whole = Quantity::from_units(quantity.value()) == quantity;
    if quantity.format() == Format::DecimalSi && is_whole {
        quantity.plain_decimal()
    } else {
        quantity.to_string()
    }
}

/// Whether no instance type of the NodePool fits into what is left.
fn is_full(state: &NodePoolState, resource: &str, left: Quantity) -> bool {
    if resource == resource_name::NODES {
        return left <= Quantity::ZERO;
    }
    let mut smallest = state
        .template_types
        .iter()
        .filter_map(|position| state.instance_types.get(*position))
        .map(|instance_type| instance_type.capacity.amount(resource))
        .peekable();
    smallest.peek().is_some() && smallest.all(|has| has > left)
}
