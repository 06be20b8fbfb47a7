//! Labels: of the pod's selectors, of its volumes, of topology constraints.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::{Why, WhyContext, nearest_type, stage_of};
use crate::explain::cause::{Cause, is_zone, short_key};
use crate::explain::demand::{Demand, Source, Wish};
use crate::explain::funnel::{PoolFunnel, PoolIndex};
use crate::explain::words;
use crate::model::{Operator, Requirement, label_key};
use crate::sim::{PoolEligibility, TopologyKind};

pub(super) fn label(
    cause: &Cause,
    key: &str,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Why {
    if matches!(pool.state.eligibility, PoolEligibility::FilteredOut { .. }) {
        return own_requirement(cause, key, pool, funnel);
    }
    let wishes: Vec<&Wish> =
        demand.wishes_about(key).filter(|wish| !matches!(wish.source, Source::Volume(_))).collect();
    let asked = wishes.iter().map(|wish| &wish.requirement).fold(None, joined);
    let source = wishes.first().map_or(&Source::NodeSelector, |wish| &wish.source);
    let short = short_key(key);
    let asks = asked.as_ref().map_or_else(|| short.to_owned(), words::wish);
    let contradiction = wishes.len() > 1
        && asked.as_ref().is_some_and(|asked| asked.operator() == Operator::DoesNotExist)
        && wishes.iter().all(|wish| wish.requirement.operator() != Operator::DoesNotExist);
    let template = pool.state.requirements.get(key);
    let undefined = template.is_none() && !context.profile.is_well_known(key);
    let has = has_of(pool, key);
    let (has_text, text) = if contradiction {
        let both = wishes.iter().map(|wish| words::wish(&wish.requirement)).collect::<Vec<_>>().join(" and ");
        ("nothing can be both".to_owned(), format!("pod asks {both}: nothing can be both"))
    } else if undefined {
        let text = format!("{} {asks}, NodePool {} has no label {key}", source.words(), pool.state.name);
        ("no such label".to_owned(), text)
    } else {
        let text = format!("{} {asks}, NodePool {} has {}", source.words(), pool.state.name, noun(key, &has));
        (has, text)
    };
    Why {
        cause: cause.clone(),
        stage: Some(stage_of(pool, key)),
        key: Some(key.into()),
        source: source.path(),
        asks: asked.as_ref().map(words::operator_and_values).unwrap_or_default(),
        has: has_text,
        nearest: nearest_type(pool, funnel, cause, short.to_owned()),
        text,
    }
}

fn joined(all: Option<Requirement>, next: &Requirement) -> Option<Requirement> {
    Some(match all {
        Some(all) => all.intersection(next),
        None => next.clone(),
    })
}

/// `zones [a b]` for zones, `[arm64]` for others, whose key the line names already.
fn noun(key: &str, has: &str) -> String {
    if is_zone(key) { format!("zones {has}") } else { has.to_owned() }
}

/// What a NodePool has of a label: its own list, narrowed to what its types and offerings carry.
fn has_of(pool: &PoolIndex<'_>, key: &str) -> String {
    let template = pool.state.requirements.get(key);
    let allowed = |value: &CompactString| template.is_none_or(|template| template.has(value));
    let mut found: BTreeSet<&CompactString> = BTreeSet::new();
    for (instance_type, _) in pool.rows() {
        let of_type = instance_type.requirements.get(key).into_iter();
        let of_offerings = instance_type
            .offerings
            .iter()
            .filter(|offering| offering.available)
            .filter_map(|offering| offering.requirements.get(key));
        let carried: Vec<&Requirement> =
            if pool.is_offering_key(key) { of_offerings.collect() } else { of_type.collect() };
        let carried = carried.into_iter().filter(|requirement| !requirement.complement);
        found.extend(carried.flat_map(|requirement| &requirement.values).filter(|value| allowed(value)));
    }
    match template {
        _ if !found.is_empty() => words::values(found.into_iter()),
        Some(template) if template.operator() == Operator::In => words::values(template.values.iter()),
        Some(template) => format!("[{}]", words::operator_and_values(template)),
        None => "none".to_owned(),
    }
}

fn own_requirement(cause: &Cause, key: &str, pool: &PoolIndex<'_>, funnel: &PoolFunnel) -> Why {
    let asked = pool.object.and_then(|object| {
        object.spec.template.spec.requirements.iter().find(|spec| spec.key == key).cloned()
    });
    let asks = asked.map_or_else(
        || short_key(key).to_owned(),
        |spec| format!("{} {} {}", short_key(key), spec.operator, words::values(spec.values.iter())),
    );
    let text = format!("its own requirements leave no type: {asks}");
    Why {
        cause: cause.clone(),
        stage: Some(stage_of(pool, key)),
        key: Some(key.into()),
        source: Source::NodePool.path(),
        asks,
        has: "no type".to_owned(),
        nearest: nearest_type(pool, funnel, cause, short_key(key).to_owned()),
        text,
    }
}

pub(super) fn volume(
    cause: &Cause,
    key: &str,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
) -> Why {
    let wishes: Vec<(&CompactString, &Requirement)> = demand
        .wishes_about(key)
        .filter_map(|wish| match &wish.source {
            Source::Volume(claim) => Some((claim, &wish.requirement)),
            _ => None,
        })
        .collect();
    let place = |requirement: &Requirement| match requirement.operator() {
        Operator::In if is_zone(key) => requirement.values.iter().cloned().collect::<Vec<_>>().join(" or "),
        _ => words::wish(requirement),
    };
    let each: Vec<String> =
        wishes.iter().map(|(claim, asked)| format!("pvc/{claim} is in {}", place(asked))).collect();
    let asked = wishes.iter().map(|(_, requirement)| *requirement).fold(None, joined);
    let apart =
        wishes.len() > 1 && asked.as_ref().is_some_and(|asked| asked.operator() == Operator::DoesNotExist);
    let has = has_of(pool, key);
    let text = if apart {
        format!("{}: no node can be in both", each.join(", "))
    } else {
        format!("{}, NodePool {} has {}", each.join(", "), pool.state.name, noun(key, &has))
    };
    Why {
        cause: cause.clone(),
        stage: Some(stage_of(pool, key)),
        key: Some(key.into()),
        source: wishes.iter().map(|(claim, _)| format!("pvc/{claim}")).collect::<Vec<_>>().join(", "),
        asks: asked.as_ref().map(words::operator_and_values).unwrap_or_default(),
        has,
        nearest: nearest_type(pool, funnel, cause, short_key(key).to_owned()),
        text,
    }
}

/// `zone spread`, `hostname anti-affinity`.
pub(in crate::explain) fn topology_noun(kind: TopologyKind, key: &str) -> String {
    let noun = match kind {
        TopologyKind::Spread => "spread",
        TopologyKind::Affinity => "pod affinity",
        TopologyKind::AntiAffinity => "pod anti-affinity",
    };
    format!("{} {noun}", short_key(key))
}

pub(super) fn topology(
    cause: &Cause,
    kind: TopologyKind,
    key: &str,
    pool: &PoolIndex<'_>,
    demand: &Demand<'_>,
) -> Why {
    let wish = demand.topology.iter().find(|wish| wish.kind == kind && wish.key == key);
    let allowed: Vec<CompactString> =
        wish.map(|wish| wish.allowed.iter().map(|(_, domain)| domain.clone()).collect()).unwrap_or_default();
    let allowed =
        if key == label_key::HOSTNAME { "no new node".to_owned() } else { words::values(allowed.iter()) };
    let template = pool.state.requirements.get(key);
    let has = match template {
        Some(template) if template.operator() == Operator::In => words::values(template.values.iter()),
        _ => has_of(pool, key),
    };
    let noun_words = topology_noun(kind, key);
    let text = if has == "none" {
        format!("{noun_words} allows {allowed}, NodePool {} has no label {key}", pool.state.name)
    } else {
        format!("{noun_words} allows {allowed}, NodePool {} has {}", pool.state.name, noun(key, &has))
    };
    Why {
        cause: cause.clone(),
        stage: Some(stage_of(pool, key)),
        key: Some(key.into()),
        source: match kind {
            TopologyKind::Spread => "pod.spec.topologySpreadConstraints".to_owned(),
            TopologyKind::Affinity => "pod.spec.affinity.podAffinity".to_owned(),
            TopologyKind::AntiAffinity => "pod.spec.affinity.podAntiAffinity".to_owned(),
        },
        asks: allowed,
        has,
        nearest: None,
        text,
    }
}
