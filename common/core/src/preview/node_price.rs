//! What a node that runs costs.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::price::PriceRange;
use crate::model::{InstanceType, Labels, PriceKind, Snapshot, label_key};
use crate::provider::CloudProvider;

/// Prices of nodes by the offering of their type, zone and capacity type, as their NodePool's NodeClass offers it.
pub struct NodePrices<'a> {
    snapshot: &'a Snapshot,
    provider: &'a dyn CloudProvider,
    types: FxHashMap<String, Option<Arc<[InstanceType]>>>,
}

impl<'a> NodePrices<'a> {
    /// Looks nothing up yet.
    pub fn new(snapshot: &'a Snapshot, provider: &'a dyn CloudProvider) -> Self {
        Self { snapshot, provider, types: FxHashMap::default() }
    }

    /// The price of a node of this NodePool with these labels.
    pub fn of(&mut self, name: &str, labels: &Labels) -> PriceRange {
        let (snapshot, provider) = (self.snapshot, self.provider);
        let types = self.types.entry(name.to_owned()).or_insert_with(|| {
            let pool = snapshot.objects.node_pools.iter().find(|pool| pool.metadata.name == name)?;
            provider.instance_types(pool).ok()
        });
        let wanted = labels.get(label_key::INSTANCE_TYPE);
        let found =
            types.as_deref().unwrap_or_default().iter().find(|known| Some(known.name.as_str()) == wanted);
        found.map_or(PriceRange::UNKNOWN, |instance_type| of_offering(instance_type, labels))
    }
}

fn of_offering(instance_type: &InstanceType, labels: &Labels) -> PriceRange {
    let (zone, capacity_type) = (labels.get(label_key::ZONE), labels.get(label_key::CAPACITY_TYPE));
    let offering = instance_type
        .offerings
        .iter()
        .find(|offering| offering.zone() == zone && offering.capacity_type() == capacity_type);
    match offering {
        None => PriceRange::UNKNOWN,
        Some(offering) if offering.price_kind == PriceKind::Reserved => {
            PriceRange::of_node(0.0, 0.0, PriceKind::Reserved)
        }
        Some(offering) => PriceRange::of_node(offering.price, offering.price, offering.price_kind),
    }
}
