//! The filters between a NodeClaim's list of types and the request to EC2, in the provider's order.
//!
//! AWS provider: pkg/providers/instance/filter/filter.go. Each takes types with the offerings still in question and
//! leaves fewer of both.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::super::capacity::resource;
use super::super::labels::key;
use super::plan::LaunchInput;
use crate::model::{AllowUndefined, InstanceType, Offering, PriceKind, Requirement, Requirements, label_key};

/// A filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// Requirements, resources, an offering that can be launched.
    Compatible,
    /// Of reserved offerings only those of the cheapest kind of reservation.
    ReservationType,
    /// Of capacity blocks exactly one.
    CapacityBlock,
    /// Where a reservation is left, reserved offerings only.
    Reserved,
    /// No bare metal and no accelerators where something else is left.
    Exotic,
    /// No spot offering dearer than the cheapest on-demand one.
    SpotOffering,
}

impl Filter {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Filter::Compatible => "compatible and launchable",
            Filter::ReservationType => "kind of capacity reservation",
            Filter::CapacityBlock => "capacity block",
            Filter::Reserved => "reserved capacity first",
            Filter::Exotic => "bare metal and accelerators last",
            Filter::SpotOffering => "spot dearer than on-demand",
        }
    }
}

/// What a filter did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterStep {
    /// The filter.
    pub filter: Filter,
    /// Types it dropped, in the provider's order. The first filter also drops every type the NodeClaim does not
    /// list; those are not named.
    pub dropped: Vec<CompactString>,
    /// Offerings it took from types that stayed.
    pub offerings_dropped: usize,
    /// Types left.
    pub left: usize,
}

/// A type with the offerings still in question.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub(super) instance_type: &'a InstanceType,
    pub(super) offerings: Vec<&'a Offering>,
}

impl<'a> Candidate<'a> {
    /// Offerings that can be launched under the requirements.
    pub(super) fn launchable<'s>(
        &'s self,
        input: &'s LaunchInput<'_>,
    ) -> impl Iterator<Item = &'a Offering> + 's {
        self.offerings.iter().copied().filter(move |offering| launchable(input, offering))
    }

    /// The lowest price among them.
    pub(super) fn price(&self, input: &LaunchInput<'_>) -> f64 {
        self.launchable(input).map(|offering| offering.price).fold(f64::INFINITY, f64::min)
    }
}

/// Whether an offering can be launched under the requirements.
pub(super) fn launchable(input: &LaunchInput<'_>, offering: &Offering) -> bool {
    let counts = if input.rules.full_reservations_stay_available() {
        offering.is_launchable()
    } else {
        offering.available
    };
    counts && compatible(input, &offering.requirements)
}

fn compatible(input: &LaunchInput<'_>, other: &Requirements) -> bool {
    input.requirements.compatible(other, AllowUndefined::WellKnown(input.labels)).is_ok()
}

/// Whether the requirements allow a capacity type.
pub(super) fn allows_capacity_type(input: &LaunchInput<'_>, capacity_type: &str) -> bool {
    input.requirements.get(label_key::CAPACITY_TYPE).is_none_or(|requirement| requirement.has(capacity_type))
}

/// Runs all filters.
///
/// # Errors
/// The filter that left nothing, with what was done until then.
pub(super) fn run<'a>(input: &LaunchInput<'a>) -> Result<(Vec<Candidate<'a>>, Vec<FilterStep>), Filter> {
    let named = input.requirements.get(label_key::INSTANCE_TYPE);
    let listed = |each: &&InstanceType| named.is_none_or(|named: &Requirement| named.has(&each.name));
    let mut candidates: Vec<Candidate<'a>> = input
        .types
        .iter()
        .filter(listed)
        .map(|instance_type| Candidate { instance_type, offerings: instance_type.offerings.iter().collect() })
        .collect();
    let mut steps = Vec::new();
    for (filter, apply) in [
        (Filter::Compatible, compatible_and_launchable as Apply),
        (Filter::ReservationType, reservation_type),
        (Filter::CapacityBlock, capacity_block),
        (Filter::Reserved, reserved),
        (Filter::Exotic, exotic),
        (Filter::SpotOffering, spot_offering),
    ] {
        let names = |all: &[Candidate<'_>]| -> Vec<CompactString> {
            all.iter().map(|candidate| candidate.instance_type.name.clone()).collect()
        };
        let before: BTreeMap<CompactString, usize> = candidates
            .iter()
            .map(|candidate| (candidate.instance_type.name.clone(), candidate.offerings.len()))
            .collect();
        let order = names(&candidates);
        candidates = apply(input, candidates);
        if candidates.is_empty() {
            return Err(filter);
        }
        let after: BTreeMap<&str, usize> = candidates
            .iter()
            .map(|candidate| (candidate.instance_type.name.as_str(), candidate.offerings.len()))
            .collect();
        let dropped = order.into_iter().filter(|name| !after.contains_key(name.as_str())).collect();
        let lost = after.iter().map(|(name, left)| before.get(*name).copied().unwrap_or(0) - left);
        steps.push(FilterStep { filter, dropped, offerings_dropped: lost.sum(), left: after.len() });
    }
    Ok((candidates, steps))
}

type Apply = for<'a, 'i, 'l> fn(&'i LaunchInput<'l>, Vec<Candidate<'a>>) -> Vec<Candidate<'a>>;

fn compatible_and_launchable<'a>(
    input: &LaunchInput<'_>,
    mut candidates: Vec<Candidate<'a>>,
) -> Vec<Candidate<'a>> {
    candidates.retain(|candidate| {
        let each = candidate.instance_type;
        compatible(input, &each.requirements)
            && each.allocatable_groups(input.rules.overrides_replace()).iter().any(|group| {
                input.requests.fits(&group.allocatable)
                    && group.offerings.iter().any(|at| launchable(input, &each.offerings[*at]))
            })
    });
    candidates
}

/// Reserved offerings of a candidate that can be launched.
fn reserved_of<'a, 's>(
    candidate: &'s Candidate<'a>,
    input: &'s LaunchInput<'_>,
) -> impl Iterator<Item = &'a Offering> + 's {
    candidate.launchable(input).filter(|offering| offering.capacity_type() == Some("reserved"))
}

/// (type of the reservation, whether AWS may take it back).
fn reservation_kind(offering: &Offering) -> (bool, bool) {
    let has = |key: &str, value: &str| {
        offering.requirements.get(key).is_some_and(|requirement| requirement.values.contains(value))
    };
    (has(key::RESERVATION_TYPE, "capacity-block"), has(key::RESERVATION_INTERRUPTIBLE, "true"))
}

fn reservation_type<'a>(input: &LaunchInput<'_>, candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    if !allows_capacity_type(input, "reserved") {
        return candidates;
    }
    // Ties in price: ordinary reservations, then capacity blocks, then those that AWS may take back.
    let rank = |kind: (bool, bool)| match kind {
        (false, false) => 0,
        (true, _) => 1,
        (false, true) => 2,
    };
    let all = candidates.iter().flat_map(|candidate| reserved_of(candidate, input));
    let cheapest = all.min_by(|a, b| {
        a.price.total_cmp(&b.price).then(rank(reservation_kind(a)).cmp(&rank(reservation_kind(b))))
    });
    let Some(kind) = cheapest.map(reservation_kind) else {
        return candidates;
    };
    keep_offerings(candidates, |candidate| {
        reserved_of(candidate, input).filter(|offering| reservation_kind(offering) == kind).collect()
    })
}

fn capacity_block<'a>(input: &LaunchInput<'_>, candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    if !allows_capacity_type(input, "reserved") {
        return candidates;
    }
    let first = candidates.iter().find_map(|candidate| reserved_of(candidate, input).next());
    if !first.is_some_and(|offering| reservation_kind(offering).0) {
        return candidates;
    }
    let blocks = candidates.iter().flat_map(|candidate| {
        let blocks = reserved_of(candidate, input).filter(|offering| reservation_kind(offering).0);
        blocks.map(|offering| (candidate.instance_type, offering))
    });
    let cheapest = blocks.min_by(|(_, a), (_, b)| a.price.total_cmp(&b.price));
    match cheapest {
        Some((instance_type, offering)) => vec![Candidate { instance_type, offerings: vec![offering] }],
        None => candidates,
    }
}

fn reserved<'a>(input: &LaunchInput<'_>, candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    let any = candidates.iter().any(|candidate| reserved_of(candidate, input).next().is_some());
    if !allows_capacity_type(input, "reserved") || !any {
        return candidates;
    }
    keep_offerings(candidates, |candidate| {
        let mut by_zone: BTreeMap<CompactString, &'a Offering> = BTreeMap::new();
        for offering in reserved_of(candidate, input) {
            let best = by_zone.entry(offering.zone().unwrap_or_default().into()).or_insert(offering);
            if offering.reservation_capacity > best.reservation_capacity {
                *best = offering;
            }
        }
        by_zone.into_values().collect()
    })
}

/// Keeps what `keep` names of each candidate, and candidates of which something is kept.
fn keep_offerings<'a>(
    mut candidates: Vec<Candidate<'a>>,
    keep: impl Fn(&Candidate<'a>) -> Vec<&'a Offering>,
) -> Vec<Candidate<'a>> {
    candidates.iter_mut().for_each(|candidate| candidate.offerings = keep(candidate));
    candidates.retain(|candidate| !candidate.offerings.is_empty());
    candidates
}

fn exotic<'a>(input: &LaunchInput<'_>, mut candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    let is_exotic = |candidate: &Candidate<'_>| {
        let each = candidate.instance_type;
        let size = each.requirements.get(key::SIZE);
        size.is_some_and(|size| size.values.iter().any(|size| size.contains("metal")))
            || [
                resource::NEURON,
                resource::NEURON_CORE,
                resource::AMD_GPU,
                resource::NVIDIA_GPU,
                resource::HABANA_GAUDI,
            ]
            .iter()
            .any(|name| !each.capacity.amount(name).is_zero())
    };
    if !input.requirements.has_min_values() && candidates.iter().any(|candidate| !is_exotic(candidate)) {
        candidates.retain(|candidate| !is_exotic(candidate));
    }
    candidates
}

fn spot_offering<'a>(input: &LaunchInput<'_>, mut candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    if input.requirements.has_min_values() || !allows_capacity_type(input, "spot") {
        return candidates;
    }
    let of = |kind: &'static str| {
        candidates.iter().flat_map(move |candidate| {
            candidate.launchable(input).filter(move |offering| offering.capacity_type() == Some(kind))
        })
    };
    let cheapest = of("on-demand").map(|offering| offering.price).min_by(f64::total_cmp);
    let has_spot = of("spot").next().is_some();
    let Some(cheapest) = cheapest.filter(|_| has_spot && allows_capacity_type(input, "on-demand")) else {
        return candidates;
    };
    candidates.iter_mut().for_each(|candidate| {
        candidate.offerings.retain(|offering| {
            // A ceiling is no price: what the true one is compared with is not known, so the offering stays.
            offering.capacity_type() != Some("spot")
                || offering.price_kind == PriceKind::Ceiling
                || offering.price <= cheapest
        });
    });
    candidates.retain(|candidate| !candidate.offerings.is_empty());
    candidates
}
