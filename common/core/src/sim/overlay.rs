//! NodeOverlays: prices and capacity put over the provider's instance types.
//!
//! Mirrors karpenter: pkg/controllers/nodeoverlay/{controller,store}.go (gate `NodeOverlay`). Heavier overlays win;
//! one that touches what an equally heavy one touched before is dropped everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;

use super::validation::is_allowed;
use crate::model::{
    AllowUndefined, InstanceType, LabelProfile, NodeOverlay, NodePool, PriceKind, Requirement, Requirements,
    ResourceList, label_key, resource_name,
};

/// A NodePool with the provider's types.
pub(super) type Pool<'a> = (&'a NodePool, Arc<[InstanceType]>);

/// What overlays change about one type of one NodePool.
#[derive(Default)]
struct Update {
    /// Per offering (by the text of its requirements): change, and weight of the last overlay that touched it.
    prices: BTreeMap<String, (CompactString, i32)>,
    capacity: ResourceList,
    /// Resources and weight of the last overlay that changed capacity.
    last_capacity: (BTreeSet<CompactString>, i32),
}

/// The types of each NodePool with all overlays applied. A NodePool that none touches keeps its list.
pub(super) fn apply(overlays: &[NodeOverlay], pools: &mut [Pool<'_>], profile: &LabelProfile) {
    let mut order: Vec<&NodeOverlay> = overlays.iter().filter(|overlay| is_valid(overlay, profile)).collect();
    order.sort_by(|a, b| (weight(b), &b.metadata.name).cmp(&(weight(a), &a.metadata.name)));
    let mut updates: Vec<BTreeMap<usize, Update>> = pools.iter().map(|_| BTreeMap::new()).collect();
    for overlay in order {
        let wanted = Requirements::from_specs(&overlay.spec.requirements, profile);
        let touched: Vec<Vec<(usize, Vec<String>)>> =
            pools.iter().map(|pool| touched(pool, &wanted, profile)).collect();
        let conflicting = touched.iter().zip(&updates).any(|(touched, updates)| {
            touched.iter().any(|(at, offerings)| {
                updates.get(at).is_some_and(|update| update.conflicts(overlay, offerings))
            })
        });
        if conflicting {
            continue;
        }
        for (touched, updates) in touched.into_iter().zip(&mut updates) {
            for (at, offerings) in touched {
                updates.entry(at).or_default().take(overlay, offerings);
            }
        }
    }
    for ((_, types), updates) in pools.iter_mut().zip(updates) {
        if !updates.is_empty() {
            let mut changed: Vec<InstanceType> = types.to_vec();
            updates.iter().for_each(|(at, update)| update.apply(&mut changed[*at], profile));
            *types = changed.into();
        }
    }
}

/// What the controller checks before it looks at an overlay: requirements as elsewhere, no standard resource.
fn is_valid(overlay: &NodeOverlay, profile: &LabelProfile) -> bool {
    let standard =
        [resource_name::CPU, resource_name::MEMORY, resource_name::EPHEMERAL_STORAGE, resource_name::PODS];
    !overlay.spec.capacity.names().any(|name| standard.contains(&name))
        && overlay.spec.requirements.iter().all(|spec| {
            is_allowed(&spec.key, &spec.operator, &spec.values, profile)
                && !(spec.operator == "NotIn" && spec.values.is_empty())
        })
}

fn weight(overlay: &NodeOverlay) -> i32 {
    overlay.spec.weight.unwrap_or(0)
}

/// Types an overlay selects, with the offerings (as texts) it selects of each.
fn touched(
    (node_pool, types): &Pool<'_>,
    wanted: &Requirements,
    profile: &LabelProfile,
) -> Vec<(usize, Vec<String>)> {
    let mut base = Requirements::new();
    base.add(Requirement::allow(label_key::NODE_POOL, [node_pool.metadata.name.clone()]));
    base.add_all(&Requirements::from_labels(&node_pool.spec.template.metadata.labels, profile));
    let mut touched = Vec::new();
    for (at, of_type) in types.iter().enumerate() {
        let mut requirements = base.clone();
        requirements.add_all(&of_type.requirements);
        if requirements.compatible(wanted, AllowUndefined::Nothing).is_err() {
            continue;
        }
        let offerings: Vec<String> = of_type
            .offerings
            .iter()
            .filter(|offering| {
                wanted.compatible(&offering.requirements, AllowUndefined::WellKnown(profile)).is_ok()
            })
            .map(|offering| offering.requirements.text(profile))
            .collect();
        if !offerings.is_empty() {
            touched.push((at, offerings));
        }
    }
    touched
}

impl Update {
    fn conflicts(&self, overlay: &NodeOverlay, offerings: &[String]) -> bool {
        let weight = weight(overlay);
        let prices = change(overlay).is_some()
            && offerings
                .iter()
                .any(|offering| self.prices.get(offering).is_some_and(|(_, last)| *last == weight));
        let (resources, last) = &self.last_capacity;
        let capacity = *last == weight && overlay.spec.capacity.names().any(|name| resources.contains(name));
        prices || capacity
    }

    fn take(&mut self, overlay: &NodeOverlay, offerings: Vec<String>) {
        let weight = weight(overlay);
        if let Some(change) = change(overlay) {
            for offering in offerings {
                self.prices.entry(offering).or_insert_with(|| (change.clone(), weight)).1 = weight;
            }
        }
        if !overlay.spec.capacity.is_empty() {
            for (name, quantity) in overlay.spec.capacity.iter() {
                if self.capacity.get(name).is_none() {
                    self.capacity.set(name, quantity);
                }
            }
            self.last_capacity = (overlay.spec.capacity.names().map(CompactString::from).collect(), weight);
        }
    }

    fn apply(&self, of_type: &mut InstanceType, profile: &LabelProfile) {
        if !self.capacity.is_empty() {
            of_type.capacity.overlay(&self.capacity);
            of_type.capacity_overlay_applied = true;
        }
        for offering in &mut of_type.offerings {
            if let Some((change, _)) = self.prices.get(&offering.requirements.text(profile)) {
                offering.price = adjusted(offering.price, change);
                offering.price_kind = PriceKind::Overlay;
                offering.price_overlay_applied = true;
                // A re-priced offering is copied without its overrides (quirk Q17).
                offering.capacity_override = None;
                offering.overhead_override = None;
            }
        }
    }
}

fn change(overlay: &NodeOverlay) -> Option<&CompactString> {
    overlay.spec.price.as_ref().or(overlay.spec.price_adjustment.as_ref())
}

/// `80.0`, `+5`, `-10%` put on a price; never below zero. Text that is no number changes nothing.
pub(super) fn adjusted(price: f64, change: &str) -> f64 {
    if !change.starts_with(['+', '-']) {
        return change.parse().unwrap_or(price);
    }
    let adjusted = match change.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| price * (1.0 + percent / 100.0)),
        None => change.parse::<f64>().map(|more| price + more),
    };
    adjusted.map_or(price, |adjusted| adjusted.max(0.0))
}
