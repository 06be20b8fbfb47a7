//! Offerings: in which zones and capacity types an instance type can be had, at what price.
//!
//! AWS provider: pkg/providers/instancetype/offering/*.go, pkg/providers/pricing/pricing.go. What only the
//! controller knows (offerings it found to be out of capacity in the last three minutes, zonal shifts) is taken
//! as not there.

use compact_str::{CompactString, format_compact};

use super::class::{ClassView, ReservationView};
use super::labels::{key, reservation_interruptible, reservation_type};
use super::zones::ZoneView;
use crate::model::{Catalog, CatalogEntry, Offering, PriceKind, Requirement, Requirements, label_key};

/// Reserved offerings cost next to nothing, so that they are tried first, yet keep the order of list prices.
const RESERVED_PRICE_DIVISOR: f64 = 10_000_000.0;

/// Offerings of an instance type under a NodeClass; `compatible` = the NodeClass does not rule it out.
pub(super) fn offerings(
    catalog: &Catalog,
    entry: &CatalogEntry,
    class: &ClassView,
    compatible: bool,
) -> Vec<Offering> {
    let mut offerings = Vec::with_capacity(2 * class.zones.len());
    for zone in &class.zones {
        for capacity_type in ["on-demand", "spot"] {
            if entry.instance_type.supported_usage_classes.iter().any(|class| class == capacity_type) {
                let price = match capacity_type {
                    "spot" => spot_price(catalog, entry, zone),
                    _ => on_demand_price(catalog, entry),
                };
                let available = compatible && price.is_some() && zone.has_subnet && zone.offers(entry);
                let requirements = requirements(capacity_type, zone, None);
                offerings.push(offering(requirements, price.unwrap_or((0.0, PriceKind::Unknown)), available));
            }
        }
    }
    for view in class.reservations_of(entry.name()) {
        if let Some(zone) = class.zones.iter().find(|zone| zone.name == view.reservation.availability_zone) {
            offerings.push(reserved(entry, zone, view, compatible));
        }
    }
    by_partition(offerings, class)
}

fn offering(requirements: Requirements, (price, price_kind): (f64, PriceKind), available: bool) -> Offering {
    Offering {
        requirements,
        price,
        price_kind,
        available,
        reservation_capacity: 0,
        capacity_override: None,
        overhead_override: None,
        price_overlay_applied: false,
    }
}

fn reserved(entry: &CatalogEntry, zone: &ZoneView, view: &ReservationView, compatible: bool) -> Offering {
    let full = view.full_is_unavailable && view.remaining == 0;
    let expiring = view.reservation.state.as_deref() == Some("expiring");
    let available = compatible && zone.has_subnet && zone.offers(entry) && !expiring && !full;
    let price = entry.on_demand_price.unwrap_or(0.0) / RESERVED_PRICE_DIVISOR;
    let requirements = requirements("reserved", zone, Some(view));
    let mut offering = offering(requirements, (price, PriceKind::Reserved), available);
    offering.reservation_capacity = view.remaining;
    offering
}

fn requirements(capacity_type: &str, zone: &ZoneView, view: Option<&ReservationView>) -> Requirements {
    let reservation = view.map(|view| &view.reservation);
    let mut requirements: Requirements = [
        Requirement::allow(label_key::CAPACITY_TYPE, [capacity_type]),
        Requirement::allow(label_key::ZONE, [zone.name.clone()]),
        Requirement::allow(key::RESERVATION_ID, reservation.map(|reservation| reservation.id.clone())),
        Requirement::allow(key::RESERVATION_TYPE, reservation.map(reservation_type)),
        Requirement::allow(key::RESERVATION_INTERRUPTIBLE, reservation.map(reservation_interruptible)),
    ]
    .into_iter()
    .collect();
    if let Some(id) = zone.id.as_ref().filter(|_| zone.has_subnet) {
        requirements.set(Requirement::allow(label_key::ZONE_ID, [id.clone()]));
    }
    requirements
}

/// In a partition placement group every offering exists once per partition.
fn by_partition(offerings: Vec<Offering>, class: &ClassView) -> Vec<Offering> {
    let Some(group) = class.placement_group.as_ref().filter(|group| group.strategy == "partition") else {
        return offerings;
    };
    let partitions: Vec<CompactString> =
        (1..=group.partitions).map(|number| format_compact!("{number}")).collect();
    let copies = offerings.iter().flat_map(|offering| {
        partitions.iter().map(|partition| {
            let mut copy = offering.clone();
            copy.requirements.set(Requirement::allow(key::PLACEMENT_GROUP_PARTITION, [partition.clone()]));
            copy
        })
    });
    copies.collect()
}

/// The on-demand price: none = the controller does not offer it; infinite = not known.
fn on_demand_price(catalog: &Catalog, entry: &CatalogEntry) -> Option<(f64, PriceKind)> {
    match entry.on_demand_price {
        Some(price) => Some((price, PriceKind::List)),
        None if catalog.on_demand.is_complete() => None,
        None => Some((f64::INFINITY, PriceKind::Unknown)),
    }
}

/// The spot price: none = the controller does not offer it. Where it is not known, the on-demand price stands for
/// it, as it does in a controller that has not read spot prices yet; more than that nobody pays.
fn spot_price(catalog: &Catalog, entry: &CatalogEntry, zone: &ZoneView) -> Option<(f64, PriceKind)> {
    let known = zone.id.as_ref().and_then(|id| entry.spot_prices.get(id));
    if let Some(price) = known {
        return Some((*price, PriceKind::Spot));
    }
    if catalog.spot.is_complete() {
        return None;
    }
    on_demand_price(catalog, entry).map(|(price, kind)| match kind {
        PriceKind::Unknown => (price, kind),
        _ => (price, PriceKind::Ceiling),
    })
}
