//! One NodePool, stage by stage: who narrows each, for `--funnel`.

use super::cause::Stage;
use super::demand::{Demand, Source};
use super::funnel::PoolIndex;
use super::words;
use crate::model::{ResourceList, label_key};

/// DaemonSets that would run on an instance type of a NodePool, with their requests.
pub(super) fn daemon_sets_on(pool: &PoolIndex<'_>, instance_type: &str) -> Vec<(String, ResourceList)> {
    let at = pool.state.instance_types.iter().position(|known| known.name == instance_type);
    let group = pool.state.daemon_groups.iter().find(|group| at.is_some_and(|at| group.types.contains(&at)));
    let group = group.or_else(|| pool.state.daemon_groups.iter().max_by_key(|group| group.types.len()));
    group.map(|group| group.daemon_sets.clone()).unwrap_or_default()
}

/// Who narrows TYPES, REQS, FIT, OFFERS, LIMITS and MINVALUES, in words.
pub(super) fn stage_by(
    pool: &PoolIndex<'_>,
    demand: &Demand<'_>,
    daemon_sets: &[(String, ResourceList)],
) -> Vec<String> {
    let mut all = vec![format!("requirements of nodepool/{}", pool.state.name)];
    all.extend(Stage::ALL.into_iter().map(|stage| match stage {
        Stage::Requirements => wishes(pool, demand, false),
        Stage::Resources => resources(demand, daemon_sets),
        Stage::Offerings => offerings(pool, demand),
        Stage::Limits => limits(pool),
        Stage::MinValues => min_values(pool),
    }));
    all
}

fn none() -> String {
    "<none>".to_owned()
}

fn wishes(pool: &PoolIndex<'_>, demand: &Demand<'_>, of_offerings: bool) -> String {
    let words: Vec<String> = demand
        .wishes
        .iter()
        .filter(|wish| pool.is_offering_key(&wish.requirement.key) == of_offerings)
        .map(|wish| match &wish.source {
            Source::Volume(_) => format!("{} {}", wish.source.words(), words::wish(&wish.requirement)),
            source => format!("{} {}", source.words(), words::full_wish(&wish.requirement)),
        })
        .collect();
    if words.is_empty() { none() } else { words.join(", ") }
}

fn resources(demand: &Demand<'_>, daemon_sets: &[(String, ResourceList)]) -> String {
    let own = words::requests(&demand.requests);
    let own = if own.is_empty() { "nothing".to_owned() } else { own };
    let mut overhead = ResourceList::new();
    daemon_sets.iter().for_each(|(_, requests)| overhead.add(requests));
    let overhead = words::requests(&overhead);
    if overhead.is_empty() {
        return format!("asks {own}");
    }
    format!("asks {own} + {overhead} of {}", words::count(daemon_sets.len(), "DaemonSet"))
}

fn offerings(pool: &PoolIndex<'_>, demand: &Demand<'_>) -> String {
    let asked = wishes(pool, demand, true);
    if asked != none() {
        return asked;
    }
    let capacity: Vec<String> = pool
        .state
        .requirements
        .get(label_key::CAPACITY_TYPE)
        .filter(|requirement| !requirement.complement)
        .map(|requirement| requirement.values.iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    let zones = super::place::launch_zones(&pool.state.instance_types, &pool.state.requirements);
    let zones: Vec<_> = zones.into_iter().collect();
    let mut parts: Vec<String> = Vec::new();
    parts.extend((!capacity.is_empty()).then(|| words::list(&capacity, "or")));
    parts.extend((!zones.is_empty()).then(|| words::zones(&zones, "or")));
    if parts.is_empty() { none() } else { parts.join("; ") }
}

fn limits(pool: &PoolIndex<'_>) -> String {
    let Some(object) = pool.object else { return none() };
    let parts: Vec<String> = object
        .spec
        .limits
        .iter()
        .map(|(name, limit)| {
            let left = pool.state.limits_after.amount(name);
            format!("{} {name} left of {}", words::quantity(left), words::quantity(limit))
        })
        .collect();
    if parts.is_empty() { none() } else { parts.join(", ") }
}

fn min_values(pool: &PoolIndex<'_>) -> String {
    let parts: Vec<String> = pool
        .state
        .requirements
        .iter()
        .filter_map(|requirement| Some(format!("{} of {}", requirement.min_values?, requirement.key)))
        .collect();
    if parts.is_empty() { none() } else { parts.join(", ") }
}
