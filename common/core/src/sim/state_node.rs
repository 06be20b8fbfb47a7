//! What a machine offers to pods: taints, room and capacity, depending on how far it has come up.
//!
//! Mirrors karpenter: pkg/controllers/state/statenode.go. Joining Nodes with NodeClaims is
//! [`crate::model::state_nodes`].

use crate::model::{Quantity, ResourceList, RuleSet, StateNode, Taint, is_ephemeral, resource_name};

/// The taints that count. While a managed node comes up, those that go away by themselves do not; since 1.15 a
/// reboot is such a time.
pub fn taints(state: &StateNode<'_>, rules: RuleSet) -> Vec<Taint> {
    let taints: &[Taint] = match (state.node, state.node_claim) {
        (Some(node), None) => &node.spec.taints,
        (Some(node), Some(_)) if state.is_registered() => &node.spec.taints,
        (_, Some(claim)) => &claim.spec.taints,
        (None, None) => &[],
    };
    let rebooting = rules.knows_rebooting() && state.claim_condition("Rebooting");
    let Some(claim) = state.node_claim.filter(|_| rebooting || !state.is_initialized()) else {
        return taints.to_vec();
    };
    let passes = |taint: &&Taint| {
        is_ephemeral(taint)
            || claim.spec.startup_taints.iter().any(|startup| startup.matches(taint))
            || rules.knows_rebooting()
                && taint.key == "karpenter.sh/rebooting"
                && taint.effect == "NoSchedule"
    };
    taints.iter().filter(|taint| !passes(taint)).cloned().collect()
}

/// What pods may ask for in all. Until a managed node is initialized, what it does not report yet is taken from
/// its NodeClaim.
pub fn allocatable(state: &StateNode<'_>) -> ResourceList {
    reported(state, |node| &node.status.allocatable, |claim| &claim.status.allocatable)
}

/// All there is, with `nodes: 1`: what counts against limits.
pub fn capacity(state: &StateNode<'_>) -> ResourceList {
    let mut capacity = reported(state, |node| &node.status.capacity, |claim| &claim.status.capacity);
    capacity.set(resource_name::NODES, Quantity::from_units(1));
    capacity
}

fn reported<'a>(
    state: &StateNode<'a>,
    of_node: impl Fn(&'a crate::model::Node) -> &'a ResourceList,
    of_claim: impl Fn(&'a crate::model::NodeClaim) -> &'a ResourceList,
) -> ResourceList {
    let mut list = state.node.map(&of_node).cloned().unwrap_or_default();
    if let Some(claim) = state.node_claim.filter(|_| !state.is_initialized()) {
        for (name, quantity) in of_claim(claim).iter() {
            if list.amount(name).is_zero() {
                list.set(name, quantity);
            }
        }
    }
    list
}

/// The label of the host name, else the name.
pub fn host_name<'a>(state: &StateNode<'a>) -> &'a str {
    match state.labels().get(crate::model::label_key::HOSTNAME) {
        Some(name) if !name.is_empty() => name,
        _ => state.name(),
    }
}

/// The sum of several pods as the controller makes it: `pods` is counted anew, in its own format (1000 pods
/// print `1e3`).
pub(super) fn as_pod_total(mut total: ResourceList, pods: usize) -> ResourceList {
    if pods > 0 {
        total.set(
            resource_name::PODS,
            Quantity::from_nanos(pods as i128 * 1_000_000_000, crate::model::Format::DecimalExponent),
        );
    }
    total
}
