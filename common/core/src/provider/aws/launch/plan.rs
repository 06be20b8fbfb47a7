//! The request to EC2 for one NodeClaim.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::super::capacity::resource;
use super::super::images::Images;
use super::super::labels::key;
use super::filters::{Candidate, Filter, FilterStep, allows_capacity_type, run};
use crate::model::{
    Ec2NodeClass, InstanceType, LabelProfile, MinValuesPolicy, NodeClaim, Offering, PriceKind, Requirements,
    ResourceList, RuleSet, resource_name,
};

/// How many types a request to EC2 may name.
pub const MAX_LAUNCH_TYPES: usize = 60;
/// Annotation of NodeClaims whose price a NodeOverlay changed.
const PRICE_OVERLAY_APPLIED: &str = "karpenter.sh/price-overlay-applied";

/// What a launch depends on.
#[derive(Debug, Clone, Copy)]
pub struct LaunchInput<'a> {
    /// Requirements of the NodeClaim.
    pub requirements: &'a Requirements,
    /// What it must have room for.
    pub requests: &'a ResourceList,
    /// The NodeClaim, for its annotations.
    pub claim: &'a NodeClaim,
    /// Its NodeClass.
    pub class: &'a Ec2NodeClass,
    /// All types of that NodeClass.
    pub types: &'a [InstanceType],
    /// Special labels.
    pub labels: &'a LabelProfile,
    /// Rules of the controller.
    pub rules: RuleSet,
    /// What to do when minValues cannot be met.
    pub min_values_policy: MinValuesPolicy,
    /// Free addresses by subnet id, where known: the fullest subnet of a zone is not used. Without, the order of
    /// the status decides, which is by free addresses too.
    pub free_addresses: &'a BTreeMap<CompactString, i64>,
}

/// Why nothing is sent to EC2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// A filter left nothing: the NodeClaim is deleted and its pods are scheduled anew.
    #[error("all requested instance types were unavailable during launch")]
    Unavailable {
        /// The filter.
        filter: Filter,
    },
    /// The 60 cheapest types do not have the variety that minValues asks for.
    #[error(
        "truncating instance types based on the passed-in requirements, validating minValues, minValues \
         requirement is not met for label(s) (label(s)={key})"
    )]
    MinValues {
        /// The label.
        key: CompactString,
    },
    /// No image of the NodeClass runs on any of the types; the controller retries until it gives up.
    #[error("no instance types satisfy requirements of amis [{}]", images.join(" "))]
    NoImage {
        /// Ids of the images.
        images: Vec<CompactString>,
    },
}

/// The request to EC2.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchPlan {
    /// What each filter did.
    pub steps: Vec<FilterStep>,
    /// Types that are sent, cheapest first.
    pub types: Vec<LaunchType>,
    /// Types that the cut at 60 left out, cheapest first.
    pub cut: Vec<LaunchType>,
    /// Types among those sent that no image runs on: left out in silence.
    pub without_image: Vec<CompactString>,
    /// `spot`, `on-demand` or `reserved`.
    pub capacity_type: &'static str,
    /// `default` or `dedicated`.
    pub tenancy: &'static str,
    /// How EC2 chooses.
    pub allocation: Allocation,
    /// One per launch template.
    pub templates: Vec<Template>,
    /// Whether spot prices were not known, so that spot offerings dearer than on-demand could not be told.
    pub spot_prices_unknown: bool,
}

/// A type with the price it is ranked by.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchType {
    /// Name.
    pub name: CompactString,
    /// Its cheapest offering that can be launched.
    pub price: f64,
}

/// How EC2 chooses among the overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Allocation {
    /// The cheapest override.
    LowestPrice,
    /// Pool depth and price, weighed by EC2.
    PriceCapacityOptimized,
    /// By priority (a NodeOverlay set prices); on-demand.
    Prioritized,
    /// By priority and pool depth (a NodeOverlay set prices); spot.
    CapacityOptimizedPrioritized,
}

impl Allocation {
    /// EC2's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Allocation::LowestPrice => "lowest-price",
            Allocation::PriceCapacityOptimized => "price-capacity-optimized",
            Allocation::Prioritized => "prioritized",
            Allocation::CapacityOptimizedPrioritized => "capacity-optimized-prioritized",
        }
    }
}

/// A launch template with the places it is offered for.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Image.
    pub image: CompactString,
    /// Pods that its nodes take.
    pub max_pods: i64,
    /// EFA interfaces.
    pub efa: i64,
    /// Capacity reservation.
    pub reservation: Option<CompactString>,
    /// Places, cheapest first.
    pub overrides: Vec<Override>,
}

/// One place: a type in a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Instance type.
    pub instance_type: CompactString,
    /// Zone name.
    pub zone: CompactString,
    /// Subnet.
    pub subnet: CompactString,
    /// Price an hour, also EC2's priority.
    pub price: f64,
    /// What is known of it.
    pub price_kind: PriceKind,
}

impl LaunchPlan {
    /// All places with their template, cheapest first, ties by type and zone.
    pub fn overrides(&self) -> Vec<(&Template, &Override)> {
        let each = |template: &'_ Template| template.overrides.len();
        let mut all = Vec::with_capacity(self.templates.iter().map(each).sum());
        for template in &self.templates {
            all.extend(template.overrides.iter().map(|place| (template, place)));
        }
        all.sort_by(|(_, a), (_, b)| by_price(a, b));
        all
    }

    /// `DefaultTargetCapacityType` of the request.
    pub fn target_capacity_type(&self) -> &'static str {
        if self.capacity_type == "spot" { "spot" } else { "on-demand" }
    }
}

fn by_price(a: &Override, b: &Override) -> std::cmp::Ordering {
    let names = |place: &Override| (place.instance_type.clone(), place.zone.clone());
    a.price.total_cmp(&b.price).then_with(|| names(a).cmp(&names(b)))
}

/// Computes the request for a NodeClaim.
///
/// # Errors
/// When the controller would not ask EC2 at all.
pub fn plan_launch(input: &LaunchInput<'_>) -> Result<LaunchPlan, LaunchError> {
    let (mut candidates, steps) = run(input).map_err(|filter| LaunchError::Unavailable { filter })?;
    candidates.sort_by(|a, b| {
        let names = || a.instance_type.name.cmp(&b.instance_type.name);
        a.price(input).total_cmp(&b.price(input)).then_with(names)
    });
    let cut = candidates.split_off(candidates.len().min(MAX_LAUNCH_TYPES));
    if input.min_values_policy == MinValuesPolicy::Strict
        && let Some(key) = unmet_min_values(input, &candidates)
    {
        return Err(LaunchError::MinValues { key });
    }
    let capacity_type = capacity_type(input, &candidates);
    let (templates, without_image) = templates(input, &candidates, capacity_type)?;
    let ranked = |candidates: &[Candidate<'_>]| -> Vec<LaunchType> {
        let each = |candidate: &Candidate<'_>| LaunchType {
            name: candidate.instance_type.name.clone(),
            price: candidate.price(input),
        };
        candidates.iter().map(each).collect()
    };
    let overlaid = input.claim.metadata.annotations.get(PRICE_OVERLAY_APPLIED).is_some();
    let tenancy = input.requirements.get(key::TENANCY);
    let offerings = candidates.iter().flat_map(|candidate| &candidate.offerings);
    Ok(LaunchPlan {
        spot_prices_unknown: offerings
            .clone()
            .any(|offering| offering.price_kind == PriceKind::Ceiling && capacity_type == "spot"),
        types: ranked(&candidates),
        cut: ranked(&cut),
        steps,
        without_image,
        capacity_type,
        tenancy: if tenancy.is_none_or(|tenancy| tenancy.has("default")) { "default" } else { "dedicated" },
        allocation: match (capacity_type, overlaid) {
            ("spot", false) => Allocation::PriceCapacityOptimized,
            ("spot", true) => Allocation::CapacityOptimizedPrioritized,
            (_, false) => Allocation::LowestPrice,
            (_, true) => Allocation::Prioritized,
        },
        templates,
    })
}

fn capacity_type(input: &LaunchInput<'_>, candidates: &[Candidate<'_>]) -> &'static str {
    let has = |kind: &str| {
        candidates
            .iter()
            .any(|candidate| candidate.launchable(input).any(|each| each.capacity_type() == Some(kind)))
    };
    ["reserved", "spot"]
        .into_iter()
        .find(|kind| allows_capacity_type(input, kind) && has(kind))
        .unwrap_or("on-demand")
}

/// The first key whose minValues the types do not meet.
fn unmet_min_values(input: &LaunchInput<'_>, candidates: &[Candidate<'_>]) -> Option<CompactString> {
    let unmet = input.requirements.iter().find(|requirement| {
        let Some(least) = requirement.min_values else {
            return false;
        };
        let values: std::collections::BTreeSet<&CompactString> = candidates
            .iter()
            .filter_map(|candidate| candidate.instance_type.requirements.get(&requirement.key))
            .flat_map(|theirs| &theirs.values)
            .filter(|value| !input.rules.min_values_count_allowed_only() || requirement.has(value))
            .collect();
        (values.len() as i64) < least
    });
    unmet.map(|requirement| requirement.key.clone())
}

/// One template per image, pod count, EFA interfaces and reservation.
fn templates(
    input: &LaunchInput<'_>,
    candidates: &[Candidate<'_>],
    capacity_type: &str,
) -> Result<(Vec<Template>, Vec<CompactString>), LaunchError> {
    let images = Images::of(input.class, input.labels);
    let subnets = subnets_by_zone(input);
    let wants_efa = !input.requests.amount(resource::EFA).is_zero();
    let mut templates: Vec<Template> = Vec::new();
    let mut without_image = Vec::new();
    for candidate in candidates {
        let each = candidate.instance_type;
        let Some(image) = images.for_type(&each.requirements) else {
            without_image.push(each.name.clone());
            continue;
        };
        let max_pods = each.capacity.amount(resource_name::PODS).value();
        let own = !input.class.spec.network_interfaces.is_empty();
        let efa = if wants_efa || own { each.capacity.amount(resource::EFA).value() } else { 0 };
        for offering in candidate.launchable(input).filter(|each| each.capacity_type() == Some(capacity_type))
        {
            let Some(place) = place(each, offering, &subnets) else {
                continue;
            };
            let reservation = offering.reservation_id(input.labels).map(CompactString::from);
            let same = |known: &&mut Template| {
                known.image == image.id
                    && (known.max_pods, known.efa) == (max_pods, efa)
                    && known.reservation == reservation
            };
            match templates.iter_mut().find(same) {
                Some(template) => template.overrides.push(place),
                None => {
                    let image = image.id.clone();
                    templates.push(Template { image, max_pods, efa, reservation, overrides: vec![place] });
                }
            }
        }
    }
    if without_image.len() == candidates.len() {
        let images = input.class.status.amis.iter().map(|ami| ami.id.clone()).collect();
        return Err(LaunchError::NoImage { images });
    }
    templates.iter_mut().for_each(|template| template.overrides.sort_by(by_price));
    Ok((templates, without_image))
}

fn place(
    instance_type: &InstanceType,
    offering: &Offering,
    subnets: &BTreeMap<&str, &CompactString>,
) -> Option<Override> {
    let zone = offering.zone()?;
    Some(Override {
        instance_type: instance_type.name.clone(),
        zone: zone.into(),
        subnet: (*subnets.get(zone)?).clone(),
        price: offering.price,
        price_kind: offering.price_kind,
    })
}

/// Per zone the subnet with the most free addresses, ties in order of the status.
fn subnets_by_zone<'a>(input: &LaunchInput<'a>) -> BTreeMap<&'a str, &'a CompactString> {
    let mut best: BTreeMap<&str, (&CompactString, i64)> = BTreeMap::new();
    for subnet in &input.class.status.subnets {
        let free = input.free_addresses.get(&subnet.id).copied().unwrap_or(0);
        let entry = best.entry(&subnet.zone).or_insert((&subnet.id, free));
        if free > entry.1 {
            *entry = (&subnet.id, free);
        }
    }
    best.into_iter().map(|(zone, (id, _))| (zone, id)).collect()
}
