//! One NodePool, shaped once so that many pods can be asked about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::question::{Question, agree};
use super::{PoolFunnel, Rules};
use crate::explain::demand::{Demand, HostPort, host_ports};
use crate::explain::index::ObjectIndex;
use crate::model::{InstanceType, NodePool, ResourceList};
use crate::sim::{NodePoolState, PoolEligibility};

/// One NodePool, shaped once so that many pods can be asked about it.
#[derive(Debug)]
pub struct PoolIndex<'a> {
    /// The NodePool as the loop saw it.
    pub state: &'a NodePoolState,
    /// The object.
    pub object: Option<&'a NodePool>,
    /// Label keys that offerings carry.
    offering_keys: Arc<BTreeSet<CompactString>>,
    /// Instance types that count: those its own requirements leave; all of them if they leave none.
    pub(super) types: Vec<TypeRow<'a>>,
    /// DaemonSet overhead and ports per group.
    pub(super) groups: Vec<(ResourceList, Vec<(String, HostPort)>)>,
}

/// One instance type of a NodePool.
#[derive(Debug)]
pub(super) struct TypeRow<'a> {
    pub(super) instance_type: &'a InstanceType,
    /// Its lowest price in millionths of a dollar, for ties.
    pub(super) price_rank: u64,
    /// Position in [`PoolIndex::groups`].
    pub(super) group: Option<usize>,
    /// Allocatable resources and the offerings that have them, those the NodePool allows.
    pub(super) options: Vec<(ResourceList, Vec<usize>)>,
}

impl<'a> PoolIndex<'a> {
    /// Shapes one NodePool.
    pub fn new(state: &'a NodePoolState, index: &ObjectIndex<'a>, rules: Rules<'_>) -> Self {
        let keys: BTreeSet<CompactString> = state
            .instance_types
            .iter()
            .flat_map(|instance_type| &instance_type.offerings)
            .flat_map(|offering| offering.requirements.keys().map(CompactString::from))
            .collect();
        let filtered_out = matches!(state.eligibility, PoolEligibility::FilteredOut { .. });
        let mut group_of: FxHashMap<usize, usize> = FxHashMap::default();
        let mut groups = Vec::with_capacity(state.daemon_groups.len());
        for (position, group) in state.daemon_groups.iter().enumerate() {
            group_of.extend(group.types.iter().map(|&at| (at, position)));
            let ports = group.daemon_sets.iter().flat_map(|(name, _)| {
                let key = name.split_once('/').unwrap_or(("", name));
                let spec = index.daemon_sets.get(&key).map(|daemon_set| &daemon_set.spec.template.spec);
                let ports = spec.map(host_ports).unwrap_or_default();
                ports.into_iter().map(move |port| (name.clone(), port))
            });
            groups.push((group.overhead.clone(), ports.collect()));
        }
        let positions: Vec<usize> = if filtered_out {
            (0..state.instance_types.len()).collect()
        } else {
            state.template_types.clone()
        };
        let template = (!filtered_out).then_some(&state.requirements);
        let types = positions
            .into_iter()
            .filter_map(|at| {
                let instance_type = state.instance_types.get(at)?;
                let allowed = |offering: usize| {
                    let requirements = &instance_type.offerings[offering].requirements;
                    template.is_none_or(|template| {
                        requirements.iter().all(|theirs| agree(template.get(&theirs.key), theirs))
                    })
                };
                let options = instance_type
                    .allocatable_groups(rules.rules.overrides_replace())
                    .into_iter()
                    .map(|group| {
                        let offerings = group.offerings.into_iter().filter(|at| allowed(*at)).collect();
                        (group.allocatable, offerings)
                    })
                    .collect();
                let available = instance_type.offerings.iter().filter(|offering| offering.available);
                let price = available.map(|offering| offering.price).fold(f64::INFINITY, f64::min);
                // Saturates where there is no price, which sorts last.
                let price_rank = (price * 1e6) as u64;
                Some(TypeRow { instance_type, price_rank, group: group_of.get(&at).copied(), options })
            })
            .collect();
        Self {
            state,
            object: index.node_pools.get(state.name.as_str()).copied(),
            offering_keys: Arc::new(keys),
            types,
            groups,
        }
    }

    /// Whether a label key is one that offerings carry, so that it belongs to OFFERS.
    pub fn is_offering_key(&self, key: &str) -> bool {
        self.offering_keys.contains(key)
    }

    /// Instance types that count, with the overhead of the DaemonSets that would run on each.
    pub fn rows(&self) -> impl Iterator<Item = (&'a InstanceType, &ResourceList)> {
        static NONE: std::sync::LazyLock<ResourceList> = std::sync::LazyLock::new(ResourceList::new);
        self.types.iter().map(|row| {
            let overhead =
                row.group.and_then(|group| self.groups.get(group)).map_or(&*NONE, |group| &group.0);
            (row.instance_type, overhead)
        })
    }

    /// The instance type at a position that a funnel names.
    pub fn row(&self, position: usize) -> Option<(&'a InstanceType, &ResourceList)> {
        self.rows().nth(position)
    }

    /// DaemonSets whose host ports the pod would collide with, on some type of this NodePool.
    pub fn port_conflicts(&self, demand: &Demand<'_>) -> Vec<(String, HostPort)> {
        let mut found: Vec<(String, HostPort)> = self
            .groups
            .iter()
            .flat_map(|(_, ports)| ports)
            .filter(|(_, taken)| demand.host_ports.iter().any(|port| port.conflicts(taken)))
            .cloned()
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Passes one pod through the funnel.
    pub fn funnel(&self, demand: &Demand<'_>, rules: Rules<'_>) -> PoolFunnel {
        Question::new(self, demand, rules).answer()
    }
}
