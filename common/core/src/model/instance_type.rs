//! InstanceType and Offering: what a cloud provider can launch for one NodePool, at what price.
//!
//! Karpenter: pkg/cloudprovider/types.go.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;

use super::{AllowUndefined, LabelProfile, Requirements, ResourceList, label_key, resource_name};

/// A kind of machine as one NodePool would get it.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceType {
    /// Name.
    pub name: CompactString,
    /// Labels its nodes can have.
    pub requirements: Requirements,
    /// Zone × capacity type, with prices.
    pub offerings: Vec<Offering>,
    /// All there is.
    pub capacity: ResourceList,
    /// What the system keeps.
    pub overhead: Overhead,
    /// Volumes a node can attach, per CSI driver; a driver not named is not limited.
    pub volume_attachment_limits: BTreeMap<CompactString, i64>,
    /// Whether a NodeOverlay changed its capacity.
    pub capacity_overlay_applied: bool,
}

/// One way to buy an instance type.
#[derive(Debug, Clone, PartialEq)]
pub struct Offering {
    /// Zone, capacity type, reservation id and whatever else the provider says of it.
    pub requirements: Requirements,
    /// US dollars an hour (CNY in China): the number the controller sorts by.
    pub price: f64,
    /// Where the number comes from, for people.
    pub price_kind: PriceKind,
    /// Whether it can be asked for.
    pub available: bool,
    /// Instances left in a reservation; 0 for others.
    pub reservation_capacity: i64,
    /// Capacity that differs from the type's.
    pub capacity_override: Option<Arc<ResourceList>>,
    /// Overhead that differs from the type's.
    pub overhead_override: Option<Arc<Overhead>>,
    /// Whether a NodeOverlay changed its price.
    pub price_overlay_applied: bool,
}

/// What is known of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum PriceKind {
    /// Read from the spot price history.
    Spot,
    /// On-demand list price.
    #[default]
    List,
    /// Not known; never above this.
    Ceiling,
    /// Of a reservation: already paid.
    Reserved,
    /// Set by a NodeOverlay.
    Overlay,
    /// Not known at all; sorts last.
    Unknown,
}

impl Offering {
    /// Zone, where it has exactly one.
    pub fn zone(&self) -> Option<&str> {
        self.single(label_key::ZONE)
    }

    /// Capacity type, where it has exactly one.
    pub fn capacity_type(&self) -> Option<&str> {
        self.single(label_key::CAPACITY_TYPE)
    }

    /// Reservation id, where it is of a reservation.
    pub fn reservation_id(&self, profile: &LabelProfile) -> Option<&str> {
        self.single(profile.reservation_id.as_deref()?)
    }

    fn single(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements.get(key)?;
        let mut values = requirement.values.iter();
        match (requirement.complement, values.next(), values.next()) {
            (false, Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// Whether it can be launched now: available, and not a reservation that is full (1.15).
    pub fn is_launchable(&self) -> bool {
        self.available && (self.capacity_type() != Some("reserved") || self.reservation_capacity > 0)
    }
}

/// What the system keeps of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overhead {
    /// For Kubernetes daemons.
    pub kube_reserved: ResourceList,
    /// For system daemons.
    pub system_reserved: ResourceList,
    /// Never given to pods.
    pub eviction_threshold: ResourceList,
}

impl Overhead {
    /// The three together.
    pub fn total(&self) -> ResourceList {
        let mut total = self.kube_reserved.clone();
        total.add(&self.system_reserved);
        total.add(&self.eviction_threshold);
        total
    }
}

/// Offerings of one instance type whose nodes have the same allocatable resources.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocatableGroup {
    /// What pods may ask for.
    pub allocatable: ResourceList,
    /// Positions in [`InstanceType::offerings`]: the available ones of this group.
    pub offerings: Vec<usize>,
}

impl InstanceType {
    /// What pods may ask for, offerings without overrides.
    pub fn allocatable(&self) -> ResourceList {
        allocatable_of(&self.capacity, &self.overhead.total())
    }

    /// The groups of available offerings with equal overrides: those without any first, then by first
    /// appearance. `overrides_replace`: per key the override replaces the base value; before, they were added
    /// to it (see [`super::RuleSet`]).
    pub fn allocatable_groups(&self, overrides_replace: bool) -> Vec<AllocatableGroup> {
        let base_overhead = self.overhead.total();
        let mut keys: Vec<(Option<&ResourceList>, Option<&Overhead>)> = vec![(None, None)];
        let mut groups = vec![AllocatableGroup { allocatable: self.allocatable(), offerings: Vec::new() }];
        for (position, offering) in
            self.offerings.iter().enumerate().filter(|(_, offering)| offering.available)
        {
            let key = (offering.capacity_override.as_deref(), offering.overhead_override.as_deref());
            if let Some(at) = keys.iter().position(|known| *known == key) {
                groups[at].offerings.push(position);
                continue;
            }
            let (mut capacity, mut overhead) = (self.capacity.clone(), base_overhead.clone());
            let apply = |base: &mut ResourceList, change: &ResourceList| {
                if overrides_replace { base.overlay(change) } else { base.add(change) }
            };
            key.0.iter().for_each(|change| apply(&mut capacity, change));
            key.1.iter().for_each(|change| apply(&mut overhead, &change.total()));
            keys.push(key);
            groups.push(AllocatableGroup {
                allocatable: allocatable_of(&capacity, &overhead),
                offerings: vec![position],
            });
        }
        groups
    }

    /// The lowest price among offerings that `counts` accepts and that are compatible with `requirements`.
    pub fn cheapest(
        &self,
        requirements: &Requirements,
        profile: &LabelProfile,
        counts: impl Fn(&Offering) -> bool,
    ) -> Option<&Offering> {
        self.offerings
            .iter()
            .filter(|offering| counts(offering))
            .filter(|offering| {
                requirements.compatible(&offering.requirements, AllowUndefined::WellKnown(profile)).is_ok()
            })
            .min_by(|a, b| a.price.total_cmp(&b.price))
    }
}

/// Capacity less overhead (keys of capacity only); then every huge page resource is taken out of memory, which
/// stops at zero.
fn allocatable_of(capacity: &ResourceList, overhead: &ResourceList) -> ResourceList {
    let mut allocatable = capacity.clone();
    allocatable.subtract(overhead);
    let huge: super::Quantity = capacity
        .iter()
        .filter(|(name, _)| name.starts_with(resource_name::HUGEPAGES_PREFIX))
        .map(|(_, quantity)| quantity)
        .sum();
    if let Some(memory) = allocatable.get(resource_name::MEMORY).filter(|_| !huge.is_zero()) {
        allocatable.set(resource_name::MEMORY, (memory - huge).max(super::Quantity::ZERO));
    }
    allocatable
}
