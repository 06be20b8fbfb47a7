//! Where a pod goes: the new node with its types and price.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::index::ObjectIndex;
use super::launch;
use super::report::{Place, Price};
use super::words;
use crate::model::{AllowUndefined, LabelProfile, Offering, PriceKind, Requirements, label_key};
use crate::sim::{NewNodeClaim, Solution};

const TYPES_LISTED: usize = 10;

/// The place that a new NodeClaim is.
pub(crate) fn of_claim(
    claim: &NewNodeClaim,
    solution: &Solution,
    index: &ObjectIndex<'_>,
    profile: &LabelProfile,
) -> Place {
    let pool = solution.node_pools.iter().find(|pool| pool.name == claim.node_pool);
    // What the NodeClaim lists but no image fits is never launched.
    let listed: Vec<&CompactString> = launch::launchable_types(claim, solution, index, profile);
    let kept: BTreeSet<&CompactString> = listed.iter().copied().collect();
    let (mut zones, mut capacity_types) = (BTreeSet::new(), BTreeSet::new());
    let mut price = None;
    for instance_type in pool.iter().flat_map(|pool| pool.instance_types.iter()) {
        if !kept.contains(&instance_type.name) {
            continue;
        }
        for offering in launchable(&instance_type.offerings, &claim.requirements, profile) {
            zones.extend(offering.zone().map(CompactString::from));
            capacity_types.extend(offering.capacity_type().map(CompactString::from));
        }
        if listed.first() == Some(&&instance_type.name) {
            let cheapest = instance_type.cheapest(&claim.requirements, profile, Offering::is_launchable);
            price = cheapest.map(|offering| Price {
                usd: Some(offering.price)
                    .filter(|usd| usd.is_finite() && offering.price_kind != PriceKind::Unknown),
                kind: offering.price_kind,
            });
        }
    }
    Place {
        node: None,
        node_pool: Some(claim.node_pool.clone()),
        new_nodes: 1,
        instance_types: listed.iter().take(TYPES_LISTED).map(|name| (*name).clone()).collect(),
        instance_type_count: listed.len(),
        zones: zones.into_iter().collect(),
        capacity_types: capacity_types.into_iter().collect(),
        price_per_hour: price,
        free: Default::default(),
        alternatives: 0,
    }
}

fn launchable<'a>(
    offerings: &'a [Offering],
    requirements: &'a Requirements,
    profile: &'a LabelProfile,
) -> impl Iterator<Item = &'a Offering> {
    offerings.iter().filter(|offering| offering.is_launchable()).filter(move |offering| {
        requirements.compatible(&offering.requirements, AllowUndefined::WellKnown(profile)).is_ok()
    })
}

/// `c6g.8xlarge (+486 types)`.
pub fn types_text(place: &Place) -> String {
    let first = place.instance_types.first().map_or("no type", CompactString::as_str);
    match place.instance_type_count.saturating_sub(1) {
        0 => first.to_owned(),
        1 => format!("{first} (+1 type)"),
        more => format!("{first} (+{more} types)"),
    }
}

/// `c6g.8xlarge (+486 types), spot, us-east-1a, b or c, <=$1.0880/h`.
pub fn new_node_text(place: &Place) -> String {
    let mut parts = vec![types_text(place)];
    let capacity: Vec<String> = place.capacity_types.iter().map(ToString::to_string).collect();
    parts.extend((!capacity.is_empty()).then(|| words::list(&capacity, "or")));
    parts.extend((!place.zones.is_empty()).then(|| words::zones(&place.zones, "or")));
    parts.extend(place.price_per_hour.map(price_text));
    parts.join(", ")
}

/// The price of a place.
pub fn price_text(price: Price) -> String {
    words::price(price.usd.unwrap_or(f64::INFINITY), price.kind)
}

/// Zones in which a NodePool can launch some type.
pub(super) fn launch_zones(
    instance_types: &[crate::model::InstanceType],
    requirements: &Requirements,
) -> BTreeSet<CompactString> {
    let zone = requirements.get(label_key::ZONE);
    instance_types
        .iter()
        .flat_map(|instance_type| &instance_type.offerings)
        .filter(|offering| offering.available)
        .filter_map(|offering| offering.zone().map(CompactString::from))
        .filter(|found| zone.is_none_or(|zone| zone.has(found)))
        .collect()
}
