//! `explain nodeclaim/X`: why these instance types.

use karp_common::catalog::ChosenProvider;
use karp_common::term::{Format, Label, Out, Style, document, wrap};
use karp_core::explain::report::Price;
use karp_core::explain::{price_text, words};
use karp_core::model::{
    AllowUndefined, InstanceType, LabelProfile, NodeClaim, Offering, PriceKind, Requirements, ResourceList,
    Snapshot, label_key,
};
use karp_core::provider::CloudProvider;
use karp_core::report::{Error, ExitCode};
use serde::Serialize;

use crate::cli::Cli;

/// How many types EC2 is asked to choose from. AWS provider: pkg/providers/instance (`MaxInstanceTypes`).
const SENT_TO_EC2: usize = 60;

/// Why a NodeClaim got what it got.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimReport {
    name: String,
    node_pool: String,
    requests: ResourceList,
    /// Types that fit these requirements and requests today.
    fitting_type_count: usize,
    /// Types the claim lists itself.
    listed_type_count: Option<usize>,
    /// The cheapest of them, in launch order.
    cheapest: Vec<PricedType>,
    /// The most dear of those sent to EC2.
    last_sent: Option<PricedType>,
    zones: Vec<String>,
    capacity_types: Vec<String>,
    /// What it became.
    launched: Option<Launched>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct PricedType {
    instance_type: String,
    price_per_hour: Price,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Launched {
    instance_type: String,
    zone: Option<String>,
    capacity_type: Option<String>,
    /// Position by price among the types that fit, from 1.
    rank: Option<usize>,
    price_per_hour: Option<Price>,
    age_seconds: Option<i64>,
}

/// The command.
pub(crate) fn explain(
    name: &str,
    snapshot: &Snapshot,
    chosen: &ChosenProvider,
    cli: &Cli,
    out: &mut Out<'_>,
) -> Result<ExitCode, Error> {
    let claims = &snapshot.objects.node_claims;
    let Some(claim) = claims.iter().find(|claim| claim.metadata.name == name) else {
        let mut names: Vec<&str> = claims.iter().map(|claim| claim.metadata.name.as_str()).collect();
        names.sort_by_key(|known| strsim::levenshtein(known, name));
        names.truncate(3);
        let error = Error::not_found(format!("nodeclaims {name:?} not found"));
        return Err(if names.is_empty() {
            error.hint("kubectl get nodeclaims")
        } else {
            error.hint(format!("did you mean {}?", names.join(", ")))
        });
    };
    let report = report(claim, snapshot, &chosen.provider);
    match cli.output.output {
        Format::Json | Format::Yaml => {
            let text = document("NodeClaimExplanation", &report, cli.output.output == Format::Yaml)?;
            out.print(&text);
        }
        Format::Name => out.line(&format!("nodeclaim/{name}")),
        Format::Table | Format::Wide => {
            let text = render(&report, chosen.prices.as_deref(), &out.style);
            out.print(&text);
        }
    }
    Ok(ExitCode::Done)
}

fn report(claim: &NodeClaim, snapshot: &Snapshot, provider: &dyn CloudProvider) -> ClaimReport {
    let profile = provider.labels();
    let labels = &claim.metadata.labels;
    let pool_name = labels.get(label_key::NODE_POOL).unwrap_or_default();
    let pool = snapshot.objects.node_pools.iter().find(|pool| pool.name() == pool_name);
    let types = pool.and_then(|pool| provider.instance_types(pool).ok());
    let requests = &claim.spec.resources.requests;
    let mut requirements = Requirements::from_specs(&claim.spec.requirements, profile);
    let listed = requirements
        .get(label_key::INSTANCE_TYPE)
        .filter(|only| !only.complement)
        .map(|only| only.values.len());
    // What the claim lists was cut at 600; what fits is counted without that list.
    requirements.remove(label_key::INSTANCE_TYPE);
    if let Some(pool) = pool {
        requirements.add_all(&Requirements::from_specs(&pool.spec.template.spec.requirements, profile));
    }
    let mut fitting: Vec<(&InstanceType, &Offering)> = types
        .iter()
        .flat_map(|types| types.iter())
        .filter(|kept| {
            kept.requirements.intersects(&requirements).is_ok() && requests.fits(&kept.allocatable())
        })
        .filter_map(|kept| Some((kept, kept.cheapest(&requirements, profile, Offering::is_launchable)?)))
        .collect();
    fitting.sort_by(|a, b| a.1.price.total_cmp(&b.1.price).then_with(|| a.0.name.cmp(&b.0.name)));
    let priced = |(kept, offering): &(&InstanceType, &Offering)| PricedType {
        instance_type: kept.name.to_string(),
        price_per_hour: price(offering),
    };
    let sent = &fitting[..fitting.len().min(SENT_TO_EC2)];
    let (mut zones, mut capacity_types) = (Vec::new(), Vec::new());
    for (kept, _) in sent {
        for offering in launchable(kept, &requirements, profile) {
            push_new(&mut zones, offering.zone());
            push_new(&mut capacity_types, offering.capacity_type());
        }
    }
    zones.sort();
    capacity_types.sort();
    ClaimReport {
        name: claim.metadata.name.to_string(),
        node_pool: pool_name.to_owned(),
        requests: requests.clone(),
        fitting_type_count: fitting.len(),
        listed_type_count: listed,
        cheapest: sent.iter().take(3).map(priced).collect(),
        last_sent: sent.last().map(priced),
        zones,
        capacity_types,
        launched: launched(claim, &fitting, snapshot),
    }
}

fn launchable<'t>(
    kept: &'t InstanceType,
    requirements: &'t Requirements,
    profile: &'t LabelProfile,
) -> impl Iterator<Item = &'t Offering> {
    kept.offerings.iter().filter(|offering| offering.is_launchable()).filter(move |offering| {
        requirements.compatible(&offering.requirements, AllowUndefined::WellKnown(profile)).is_ok()
    })
}

fn push_new(list: &mut Vec<String>, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !list.iter().any(|known| known == value)) {
        list.push(value.to_owned());
    }
}

fn price(offering: &Offering) -> Price {
    let known = offering.price.is_finite() && offering.price_kind != PriceKind::Unknown;
    Price { usd: known.then_some(offering.price), kind: offering.price_kind }
}

fn launched(
    claim: &NodeClaim,
    fitting: &[(&InstanceType, &Offering)],
    snapshot: &Snapshot,
) -> Option<Launched> {
    let labels = &claim.metadata.labels;
    let name = labels.get(label_key::INSTANCE_TYPE)?;
    let (zone, capacity) = (labels.get(label_key::ZONE), labels.get(label_key::CAPACITY_TYPE));
    let position = fitting.iter().position(|(kept, _)| kept.name == name);
    let bought = position.and_then(|at| {
        fitting[at]
            .0
            .offerings
            .iter()
            .find(|offering| offering.zone() == zone && offering.capacity_type() == capacity)
    });
    let age = claim.metadata.creation_timestamp;
    Some(Launched {
        instance_type: name.to_owned(),
        zone: zone.map(str::to_owned),
        capacity_type: capacity.map(str::to_owned),
        rank: position.map(|at| at + 1),
        price_per_hour: bought.map(price),
        age_seconds: age.map(|since| (snapshot.taken_at.as_second() - since.as_second()).max(0)),
    })
}

/// `1st`, `2nd`, `23rd`.
fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

fn render(report: &ClaimReport, prices: Option<&str>, style: &Style) -> String {
    let line = |text: &str| format!("{}\n", wrap(style, "", "  ", text));
    let claim = style.paint(Label::Name, &format!("nodeclaim/{}", report.name));
    let fitting = report.fitting_type_count;
    let of = report.listed_type_count.unwrap_or(fitting);
    let verdict = match &report.launched {
        Some(launched) => {
            let place = match launched.rank {
                Some(1) => format!("today the cheapest of its {of} types"),
                Some(rank) => format!("today the {} cheapest of its {of} types", ordinal(rank)),
                None => "which no longer fits what it asks".to_owned(),
            };
            format!("{claim} got {}, {place}.", launched.instance_type)
        }
        None => format!("{claim} has not launched; {} fit what it asks.", words::count(fitting, "type")),
    };
    let mut text = line(&verdict);
    text.push('\n');
    let pods =
        report.requests.get("pods").map(|pods| format!(" ({pods} pods with DaemonSets)")).unwrap_or_default();
    let listed = report.listed_type_count.map(|count| format!(", the claim has {count}")).unwrap_or_default();
    text.push_str(&line(&format!(
        "asks {}{pods}: {} fit{listed}",
        words::requests(&report.requests),
        words::count(fitting, "type")
    )));
    if let (Some(first), Some(last)) = (report.cheapest.first(), &report.last_sent) {
        let capacity = words::list(&report.capacity_types, "or");
        text.push_str(&line(&format!(
            "{} cheapest go to EC2: {} {} to {} {} ({capacity}, {})",
            fitting.min(SENT_TO_EC2),
            first.instance_type,
            price_text(first.price_per_hour),
            last.instance_type,
            price_text(last.price_per_hour),
            words::count(report.zones.len(), "zone"),
        )));
    }
    if let Some(launched) = &report.launched {
        let zone = launched.zone.as_deref().map(|zone| format!(" in {zone}")).unwrap_or_default();
        let price =
            launched.price_per_hour.map(|price| format!(", {}", price_text(price))).unwrap_or_default();
        let how = match launched.capacity_type.as_deref() {
            Some("spot") => "price-capacity-optimized",
            _ => "lowest-price",
        };
        text.push_str(&line(&format!("EC2 chose {}{zone}{price}: {how}", launched.instance_type)));
    }
    if let Some(prices) = prices {
        let ago = report.launched.as_ref().and_then(|launched| launched.age_seconds);
        let ago = ago.map(|age| format!("; those of the launch, {} ago, are not known", words::seconds(age)));
        text.push_str(
            &style.paint(Label::Muted, &line(&format!("prices: {prices}{}", ago.unwrap_or_default()))),
        );
    }
    text
}
