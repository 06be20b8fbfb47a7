//! Launch: which instance a NodeClaim can become, and what that costs.
//!
//! Which one EC2 gives for Spot cannot be known: it weighs pool depth and price. So the answer is the cheapest
//! offering, how dear it can get, and from how many. AWS provider: pkg/providers/instance/instance.go.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::price::PriceRange;
use crate::model::{
    AllowUndefined, Ec2NodeClass, InstanceType, LabelProfile, Offering, PriceKind, Requirements,
    ResourceList, Snapshot,
};
use crate::provider::aws::launch::{LaunchInput, plan_launch};
use crate::sim::{NewNodeClaim, NodePoolState};

/// What a NodeClaim can become.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The cheapest instance type.
    pub instance_type: CompactString,
    /// The capacity type it is launched with.
    pub capacity_type: CompactString,
    /// Zones it can come up in, sorted.
    pub zones: Vec<CompactString>,
    /// How many instance types are asked for at once.
    pub asked_types: usize,
    /// What an hour costs.
    pub price: PriceRange,
    /// Allocatable of the cheapest instance type.
    pub allocatable: ResourceList,
    /// Capacity of the cheapest instance type: what counts against limits.
    pub capacity: ResourceList,
    /// Whether the provider picks type or zone by itself.
    pub is_open: bool,
}

/// What a NodeClaim that would be created becomes: by the provider's own launch rules where they are known and the
/// NodeClass is resolved, else by its instance types alone.
///
/// # Errors
/// Why nothing is launched, in the provider's words.
pub fn launch(
    claim: &NewNodeClaim,
    pool: &NodePoolState,
    snapshot: &Snapshot,
    profile: &LabelProfile,
) -> Result<Option<Launch>, String> {
    let reference = &claim.object.spec.node_class_ref;
    let classes = &snapshot.objects.ec2_node_classes;
    let class = classes.iter().find(|class| class.metadata.name == reference.name);
    let resolved = class.filter(|class| {
        reference.kind == "EC2NodeClass" && !class.status.amis.is_empty() && !class.status.subnets.is_empty()
    });
    match resolved {
        Some(class) => aws_launch(claim, pool, class, snapshot, profile).map(Some),
        None => Ok(launch_by_types(claim, pool, profile, reference.kind == "EC2NodeClass")),
    }
}

/// The request to EC2, and what EC2 can make of it.
fn aws_launch(
    claim: &NewNodeClaim,
    pool: &NodePoolState,
    class: &Ec2NodeClass,
    snapshot: &Snapshot,
    profile: &LabelProfile,
) -> Result<Launch, String> {
    let plan = plan_launch(&LaunchInput {
        requirements: &claim.requirements,
        requests: &claim.object.spec.resources.requests,
        claim: &claim.object,
        class,
        types: &pool.instance_types,
        labels: profile,
        rules: snapshot.rules,
        min_values_policy: snapshot.controller.min_values_policy,
        free_addresses: &BTreeMap::new(),
    })
    .map_err(|error| error.to_string())?;
    let mut places = Vec::new();
    for (_, place) in plan.overrides() {
        let known = pool.instance_types.iter().find(|known| known.name == place.instance_type);
        let instance_type = known.ok_or_else(|| format!("{} is not known", place.instance_type))?;
        places.push(Place { instance_type, zone: &place.zone, price: place.price, kind: place.price_kind });
    }
    launched(&places, plan.capacity_type, plan.types.len(), true)
        .ok_or_else(|| "no instance type has a subnet in its zones".to_owned())
}

/// What the instance types of a NodeClaim offer.
fn launch_by_types(
    claim: &NewNodeClaim,
    pool: &NodePoolState,
    profile: &LabelProfile,
    is_ec2: bool,
) -> Option<Launch> {
    let listed: Vec<&InstanceType> = claim
        .instance_types
        .iter()
        .filter_map(|name| pool.instance_types.iter().find(|instance_type| instance_type.name == *name))
        .collect();
    let candidates = candidates(&listed, &claim.requirements, profile);
    let capacity_type = capacity_type(&candidates)?;
    let mut places: Vec<Place<'_>> = candidates
        .iter()
        .filter(|candidate| candidate.offering.capacity_type() == Some(capacity_type.as_str()))
        .map(|candidate| Place {
            instance_type: candidate.instance_type,
            zone: candidate.offering.zone().unwrap_or_default(),
            price: candidate.offering.price,
            kind: candidate.offering.price_kind,
        })
        .collect();
    places.sort_by(|a, b| a.price.total_cmp(&b.price));
    launched(&places, &capacity_type, listed.len(), is_ec2)
}

/// One instance type in one zone at its price.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    instance_type: &'a InstanceType,
    zone: &'a str,
    price: f64,
    kind: PriceKind,
}

/// The answer from all places, cheapest first. On-demand gets the cheapest of them, and so does KWOK whatever it
/// launches; which one a spot request gets nobody outside EC2 knows.
fn launched(places: &[Place<'_>], capacity_type: &str, asked_types: usize, is_ec2: bool) -> Option<Launch> {
    let cheapest = *places.first()?;
    let is_spot = is_ec2 && capacity_type == "spot";
    let dearest = if is_spot { *places.last()? } else { cheapest };
    let zones: BTreeSet<&str> = places
        .iter()
        .filter(|place| is_spot || place.price <= cheapest.price)
        .map(|place| place.zone)
        .filter(|zone| !zone.is_empty())
        .collect();
    let mut price = match (capacity_type, cheapest.kind) {
        ("reserved", _) => PriceRange::of_node(0.0, 0.0, PriceKind::Reserved),
        (_, kind) => PriceRange::of_node(cheapest.price, dearest.price, kind),
    };
    if is_spot && places.iter().any(|place| place.kind == PriceKind::Unknown) {
        price.high_usd = None;
    }
    Some(Launch {
        instance_type: cheapest.instance_type.name.clone(),
        zones: zones.into_iter().map(Into::into).collect(),
        asked_types,
        price,
        allocatable: cheapest.instance_type.allocatable(),
        capacity: cheapest.instance_type.capacity.clone(),
        capacity_type: capacity_type.into(),
        is_open: is_spot && places.len() > 1,
    })
}

/// One offering of an instance type.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    instance_type: &'a InstanceType,
    offering: &'a Offering,
}

/// Every launchable offering of the listed types that the NodeClaim allows.
fn candidates<'a>(
    listed: &[&'a InstanceType],
    requirements: &Requirements,
    profile: &LabelProfile,
) -> Vec<Candidate<'a>> {
    let mut all = Vec::new();
    for instance_type in listed {
        let allowed = instance_type.offerings.iter().filter(|offering| {
            offering.is_launchable()
                && requirements.compatible(&offering.requirements, AllowUndefined::WellKnown(profile)).is_ok()
        });
        all.extend(allowed.map(|offering| Candidate { instance_type, offering }));
    }
    all
}

/// Reserved before spot before on-demand; other words of a provider come last.
fn capacity_type(candidates: &[Candidate<'_>]) -> Option<CompactString> {
    let rank = |name: &str| match name {
        "reserved" => 0,
        "spot" => 1,
        "on-demand" => 2,
        _ => 3,
    };
    candidates
        .iter()
        .filter_map(|candidate| candidate.offering.capacity_type())
        .min_by_key(|name| (rank(name), *name))
        .map(Into::into)
}
