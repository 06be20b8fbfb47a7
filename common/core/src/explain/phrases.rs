//! The sentences of an answer: headline, causes, evidence, notes, made from the rows of the matrix.

use super::cause::{Cause, Stage, short_key};
use super::demand::Demand;
use super::funnel::PoolFunnel;
use super::launch;
use super::report::{Group, Next, OutcomeWord, PoolReport, Verdict};
use super::words;

pub(super) fn label_words(demand: &Demand<'_>) -> Vec<String> {
    let mut words: Vec<String> = demand
        .wishes
        .iter()
        .filter(|wish| !matches!(wish.source, super::demand::Source::Volume(_)))
        .map(|wish| super::words::full_wish(&wish.requirement))
        .collect();
    words.dedup();
    words
}

/// `limits/cpu` from the controller's text about a limit.
pub(super) fn limit_in(error: &str) -> String {
    let name = error.split("resource-name=").nth(1).and_then(|rest| rest.split([',', ')']).next());
    format!("limits/{}", name.unwrap_or("cpu").trim())
}

pub(super) fn launch_fails(group: &mut Group, pool: &str, missing: &launch::NoImage) {
    group.verdict = Verdict::No;
    group.outcome = OutcomeWord::LaunchFails;
    group.code = "KARP130".to_owned();
    group.cause = vec!["ami".to_owned()];
    let architectures = missing.architectures.join(" or ");
    group.headline = format!(
        "NodePool {pool} launches nothing: ec2nodeclass/{} has no {architectures} image",
        missing.node_class
    );
    group.evidence = vec![
        format!(
            "NodePool {pool} takes it on {architectures} types ({}), so a NodeClaim is created.",
            missing.instance_type
        ),
        format!("ec2nodeclass/{} resolves only {}.", missing.node_class, missing.images.join(", ")),
        "The NodeClaim never launches, and meanwhile Karpenter stands still for all pods.".to_owned(),
    ];
    group.next = vec![Next {
        text: format!(
            "add an {architectures} image to spec.amiSelectorTerms of ec2nodeclass/{}",
            missing.node_class
        ),
        command: format!("kubectl edit ec2nodeclass/{}", missing.node_class),
    }];
}

/// Says why NodePools that come before the one taken do not fit.
pub(super) fn note_higher_pools(group: &mut Group) {
    let notes: Vec<String> = group
        .node_pools
        .iter()
        .filter_map(|pool| {
            let why = pool.why.as_ref()?;
            Some(format!("NodePool {} (weight {}) comes first but: {}", pool.name, pool.weight, why.text))
        })
        .collect();
    group.notes.extend(notes);
    if group.cause.is_empty() {
        let mut causes: Vec<String> = Vec::new();
        for cause in group.node_pools.iter().flat_map(|pool| pool.stopped_by.iter().flatten()) {
            if !causes.contains(&cause.code()) {
                causes.push(cause.code());
            }
        }
        group.cause = causes;
    }
}

/// All causes named by any alternative, nearest NodePool first.
pub(super) fn causes_of(funnels: &[PoolFunnel]) -> Vec<String> {
    let mut ordered: Vec<&PoolFunnel> = funnels.iter().collect();
    ordered.sort_by_key(|funnel| funnel.distance());
    let mut causes: Vec<String> = Vec::new();
    for cause in ordered.iter().flat_map(|funnel| funnel.stopped_by.iter().flatten()) {
        let code = cause.code();
        if !causes.contains(&code) {
            causes.push(code);
        }
    }
    causes
}

pub(super) fn first_cause(funnels: &[PoolFunnel]) -> Option<&Cause> {
    let nearest = funnels.iter().filter(|funnel| !funnel.fits()).min_by_key(|funnel| funnel.distance())?;
    nearest.stopped_by.first()?.first()
}

/// Different causes that NodePools name first, for the count in the verdict.
fn distinct_causes(funnels: &[PoolFunnel]) -> Vec<Cause> {
    let mut all: Vec<Cause> = Vec::new();
    for cause in funnels.iter().filter_map(|funnel| funnel.stopped_by.first()).flatten() {
        if !all.iter().any(|known| known.to_string() == cause.to_string()) {
            all.push(cause.clone());
        }
    }
    all
}

pub(super) fn headline(pools: &[PoolReport], funnels: &[PoolFunnel], error: Option<&str>) -> String {
    let causes = distinct_causes(funnels);
    let stopped: Vec<&PoolReport> = pools.iter().filter(|pool| !pool.stopped_by.is_empty()).collect();
    match (stopped.as_slice(), causes.as_slice()) {
        ([], _) => match error {
            Some(error) => format!("Karpenter says: {}", first_part(error)),
            None => "no NodePool fits".to_owned(),
        },
        ([only], _) => phrase(only, 1),
        (several, [_]) => phrase(several[0], several.len()),
        (several, causes) => {
            format!("none of {} NodePools fits, {} causes", several.len(), causes.len())
        }
    }
}

fn first_part(error: &str) -> &str {
    error.split(", requirements=").next().unwrap_or(error)
}

/// The cause of a NodePool in a few words.
fn phrase(pool: &PoolReport, pools: usize) -> String {
    let name = &pool.name;
    let Some(causes) = pool.stopped_by.first() else { return format!("NodePool {name} does not fit") };
    if causes.len() > 2 {
        return format!("NodePool {name} does not fit, {} causes", causes.len());
    }
    if let [first, second] = causes.as_slice() {
        return format!("NodePool {name} does not fit: {first} and {second}");
    }
    let Some((cause, why)) = causes.first().zip(pool.why.as_ref()) else {
        return format!("NodePool {name} does not fit");
    };
    let of_pools = if pools > 1 { format!("{pools} NodePools") } else { format!("NodePool {name}") };
    match cause {
        Cause::Taint => format!("it does not tolerate the taint of {of_pools}"),
        Cause::Label(key) | Cause::Volume(key) if why.has == "no such label" => {
            format!("no NodePool has label {key}")
        }
        Cause::Label(key) => format!("{of_pools} has no {} that it asks for", short_key(key)),
        Cause::Volume(key) if why.asks == "DoesNotExist" => {
            format!("no node can be in the {}s of all its volumes", short_key(key))
        }
        Cause::Volume(key) => format!("its volumes are in another {} than {of_pools}", short_key(key)),
        Cause::Topology(kind, key) => {
            format!("{} wants {}", super::why::topology_noun(*kind, key), why.asks)
        }
        Cause::Resource(name) => match &why.nearest {
            Some(nearest) => format!("{name}, short {} on {}", nearest.short, nearest.instance_type),
            None => format!("no type of {of_pools} has any {name}"),
        },
        Cause::Limit(resource) => format!("limit {resource} of {of_pools} leaves {}", why.has),
        Cause::MinValues(key) => {
            format!("minValues {} of {}, but {} left in {of_pools}", why.asks, short_key(key), why.has)
        }
        Cause::HostPort => format!("its {} is taken on every new node", why.asks),
        _ => why.text.clone(),
    }
}

/// The evidence of the grouped screen: stage and why; with several NodePools a line each, equal ones joined.
pub(super) fn evidence(pools: &[PoolReport]) -> Vec<String> {
    const SHOWN: usize = 3;
    let stopped: Vec<&PoolReport> = pools.iter().filter(|pool| pool.why.is_some()).collect();
    if let [only] = stopped.as_slice() {
        let why = only.why.as_ref();
        let stage = why.and_then(|why| why.stage).map_or("", Stage::name);
        let text = why.map_or("", |why| &why.text);
        return vec![if stage.is_empty() { text.to_owned() } else { format!("{stage}: {text}") }];
    }
    let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
    let mut nearest_first = stopped.clone();
    nearest_first.sort_by_key(|pool| pool.stopped_by.first().map_or(0, Vec::len));
    for pool in nearest_first {
        let text = pool.why.as_ref().map(|why| why.text_beside(&pool.name)).unwrap_or_default();
        match lines.iter_mut().find(|(_, known)| *known == text) {
            Some((names, _)) => names.push(&pool.name),
            None => lines.push((vec![&pool.name], text)),
        }
    }
    let left: usize = lines.iter().skip(SHOWN).map(|(names, _)| names.len()).sum();
    let mut shown: Vec<String> = lines
        .iter()
        .take(SHOWN)
        .map(|(names, text)| match names.as_slice() {
            [one] => format!("{one}: {text}"),
            many => format!("{}: {text}", words::node_pools(many)),
        })
        .collect();
    if left > 0 {
        shown.push(format!("... {left} more NodePools"));
    }
    shown
}
