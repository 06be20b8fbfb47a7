//! Why a NodePool does not take a pod, in one line: who asks, what they ask, what there is, by how much it misses.

use std::collections::BTreeSet;

use compact_str::CompactString;
use serde::Serialize;

use super::cause::{Cause, Stage, is_zone, short_key};
use super::demand::{Demand, Source, Wish};
use super::funnel::{PoolFunnel, PoolIndex};
use super::index::ObjectIndex;
use super::words;
use crate::model::{
    Condition, LabelProfile, NodePool, Operator, Quantity, Requirement, condition, label_key, resource_name,
};
use crate::sim::{PoolEligibility, TopologyKind};

/// The evidence for one cause at one NodePool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The cause.
    pub cause: Cause,
    /// Where in the funnel; none for whole-pool stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Label key or resource name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<CompactString>,
    /// Who asks: a field path or an object.
    pub source: String,
    /// What is asked.
    pub asks: String,
    /// What there is.
    pub has: String,
    /// The instance type that misses by the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// The line for people.
    pub text: String,
}

/// The nearest miss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearest {
    /// Instance type.
    pub instance_type: CompactString,
    /// What it is short of: an amount, or the word of a label.
    pub short: String,
}

impl Why {
    /// The line beside the name of its NodePool, which it need not repeat.
    pub fn text_beside(&self, node_pool: &str) -> String {
        self.text.replace(&format!("NodePool {node_pool}"), "NodePool")
    }
}

/// What is needed to tell why.
#[derive(Debug, Clone, Copy)]
pub(super) struct WhyContext<'a> {
    /// Objects by name.
    pub index: &'a ObjectIndex<'a>,
    /// Label tables.
    pub profile: &'a LabelProfile,
}

/// The evidence for every cause of the first alternative that would be enough, and then for the other
/// alternatives.
pub(super) fn whys(
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Vec<Why> {
    let mut seen: BTreeSet<&Cause> = BTreeSet::new();
    let causes = funnel.stopped_by.iter().flatten().filter(|cause| seen.insert(cause));
    causes.map(|cause| why(cause, pool, funnel, demand, context)).collect()
}

fn why(
    cause: &Cause,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Why {
    match cause {
        Cause::Taint => taint(funnel),
        Cause::Label(key) => label(cause, key, pool, funnel, demand, context),
        Cause::Volume(key) => volume(cause, key, pool, funnel, demand),
        Cause::Topology(kind, key) => topology(cause, *kind, key, pool, demand),
        Cause::Resource(name) => resource(cause, name, pool, funnel, demand, context),
        Cause::HostPort => host_port(pool, demand),
        Cause::Limit(name) => limit(cause, name, pool, funnel),
        Cause::MinValues(key) => min_values(cause, key, pool, funnel),
        Cause::PoolNotReady
        | Cause::PoolStatic
        | Cause::PoolDeleting
        | Cause::PoolForeign
        | Cause::PoolWithoutTypes => whole_pool(cause, pool, context),
        Cause::VolumeLimit => volume_limit(pool, demand),
    }
}

fn plain(cause: &Cause, source: &str, asks: String, has: String, text: String) -> Why {
    Why {
        cause: cause.clone(),
        stage: None,
        key: None,
        source: source.to_owned(),
        asks,
        has,
        nearest: None,
        text,
    }
}

fn taint(funnel: &PoolFunnel) -> Why {
    let taints = funnel.taints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text = format!("pod does not tolerate {taints}");
    plain(&Cause::Taint, "nodepool.spec.template.spec.taints", taints, "no toleration".to_owned(), text)
}

fn nearest_type(pool: &PoolIndex<'_>, funnel: &PoolFunnel, cause: &Cause, short: String) -> Option<Nearest> {
    let (instance_type, _) = pool.row(*funnel.nearest.get(cause)?)?;
    Some(Nearest { instance_type: instance_type.name.clone(), short })
}

fn label(
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

fn stage_of(pool: &PoolIndex<'_>, key: &str) -> Stage {
    if pool.is_offering_key(key) { Stage::Offerings } else { Stage::Requirements }
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

fn volume(cause: &Cause, key: &str, pool: &PoolIndex<'_>, funnel: &PoolFunnel, demand: &Demand<'_>) -> Why {
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
pub(super) fn topology_noun(kind: TopologyKind, key: &str) -> String {
    let noun = match kind {
        TopologyKind::Spread => "spread",
        TopologyKind::Affinity => "pod affinity",
        TopologyKind::AntiAffinity => "pod anti-affinity",
    };
    format!("{} {noun}", short_key(key))
}

fn topology(cause: &Cause, kind: TopologyKind, key: &str, pool: &PoolIndex<'_>, demand: &Demand<'_>) -> Why {
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

fn resource(
    cause: &Cause,
    name: &str,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Why {
    let own = demand.requests.amount(name);
    let nearest = funnel.nearest.get(cause).and_then(|position| pool.row(*position));
    let (has, overhead) = nearest.map_or((Quantity::ZERO, Quantity::ZERO), |(instance_type, overhead)| {
        (instance_type.allocatable().amount(name), overhead.amount(name))
    });
    let total = own + overhead;
    let short = total - has;
    let daemons = nearest.map_or(0, |(instance_type, _)| daemon_count(pool, &instance_type.name, name));
    let asks = if overhead.is_zero() {
        format!("asks {} {name}", words::quantity(own))
    } else {
        format!(
            "asks {} {name} + {} of {} = {}",
            words::quantity(own),
            words::quantity(overhead),
            words::count(daemons, "DaemonSet"),
            words::quantity(total),
        )
    };
    let text = match nearest {
        Some((instance_type, _)) if !has.is_zero() => format!(
            "{asks}; nearest {} has {}, short {}",
            instance_type.name,
            words::quantity(has),
            words::quantity(short),
        ),
        _ => format!("{asks}, no type of NodePool {} has any", pool.state.name),
    };
    let disk = nearest.map(|(instance_type, _)| instance_type.capacity.amount(name)).unwrap_or_default();
    let text = match storage_note(name, disk, pool, context) {
        Some(note) => format!("{text}: {note}"),
        None => text,
    };
    Why {
        cause: cause.clone(),
        stage: Some(Stage::Resources),
        key: Some(name.into()),
        source: "pod.spec.containers.resources.requests".to_owned(),
        asks: words::quantity(total),
        has: words::quantity(has),
        nearest: nearest_type(pool, funnel, cause, words::quantity(short)).filter(|_| !has.is_zero()),
        text,
    }
}

/// How many DaemonSets ask for a resource on an instance type.
fn daemon_count(pool: &PoolIndex<'_>, instance_type: &str, name: &str) -> usize {
    let position = pool.state.instance_types.iter().position(|known| known.name == instance_type);
    let group =
        pool.state.daemon_groups.iter().find(|group| position.is_some_and(|at| group.types.contains(&at)));
    group.map_or(0, |group| {
        group.daemon_sets.iter().filter(|(_, requests)| !requests.amount(name).is_zero()).count()
    })
}

/// Where local storage comes from, since no instance type says it: the disk of the NodeClass.
fn storage_note(name: &str, disk: Quantity, pool: &PoolIndex<'_>, context: WhyContext<'_>) -> Option<String> {
    let reference = &pool.object?.spec.template.spec.node_class_ref;
    if name != resource_name::EPHEMERAL_STORAGE || reference.kind != "EC2NodeClass" {
        return None;
    }
    let spec = &context.index.node_classes.get(reference.name.as_str())?.spec;
    let sizes: Vec<String> = spec
        .block_device_mappings
        .iter()
        .filter_map(|mapping| {
            let size = mapping.ebs.as_ref()?.volume_size?;
            Some(format!("{} {}", mapping.device_name.as_deref().unwrap_or("root"), words::quantity(size)))
        })
        .collect();
    Some(if sizes.is_empty() {
        format!(
            "ec2nodeclass/{} has no blockDeviceMappings, so its default volume of {} counts",
            reference.name,
            words::quantity(disk),
        )
    } else {
        format!("blockDeviceMappings of ec2nodeclass/{} are {}", reference.name, sizes.join(", "))
    })
}

fn host_port(pool: &PoolIndex<'_>, demand: &Demand<'_>) -> Why {
    let conflicts = pool.port_conflicts(demand);
    let (daemon_set, port) = conflicts.first().map_or(("", None), |(name, port)| (name.as_str(), Some(port)));
    let (namespace, name) = daemon_set.split_once('/').unwrap_or(("", daemon_set));
    let owner = words::object("DaemonSet", namespace, name);
    let number = port.map_or(0, |port| port.port);
    let protocol = port.map_or("TCP", |port| port.protocol.as_str());
    let asks = format!("hostPort {number}");
    let text = format!(
        "hostPort {number} ({protocol}) is taken by {owner} on every node of NodePool {}",
        pool.state.name
    );
    Why {
        cause: Cause::HostPort,
        stage: Some(Stage::Resources),
        key: None,
        source: "pod.spec.containers.ports.hostPort".to_owned(),
        asks,
        has: format!("taken by {owner}"),
        nearest: None,
        text,
    }
}

fn volume_limit(pool: &PoolIndex<'_>, demand: &Demand<'_>) -> Why {
    let (driver, count) = demand
        .volumes
        .iter()
        .max_by_key(|(_, count)| **count)
        .map_or(("its driver", 0), |(driver, count)| (driver.as_str(), *count));
    let most = pool.rows().filter_map(|(kept, _)| kept.volume_attachment_limits.get(driver)).max();
    let most = most.map_or("fewer".to_owned(), ToString::to_string);
    Why {
        stage: Some(Stage::Resources),
        ..plain(
            &Cause::VolumeLimit,
            "pod.spec.volumes",
            count.to_string(),
            most.clone(),
            format!(
                "attaches {count} volumes of {driver}, no type of NodePool {} attaches more than {most}",
                pool.state.name
            ),
        )
    }
}

fn limit(cause: &Cause, name: &str, pool: &PoolIndex<'_>, funnel: &PoolFunnel) -> Why {
    let limit = pool.object.map(|object| object.spec.limits.amount(name)).unwrap_or_default();
    let left = pool.state.limits_after.amount(name);
    let used = limit - left;
    let nearest = funnel.nearest.get(cause).and_then(|position| pool.row(*position));
    let smallest = nearest.map(|(instance_type, _)| (instance_type, instance_type.capacity.amount(name)));
    let mut text = format!(
        "limit {name} {}, in use {}, {} left",
        words::quantity(limit),
        words::quantity(used),
        words::quantity(left)
    );
    if let Some((instance_type, needs)) = smallest.filter(|_| name != resource_name::NODES) {
        text.push_str(&format!(
            "; smallest type that fits has {} ({})",
            words::quantity(needs),
            instance_type.name
        ));
    }
    Why {
        cause: cause.clone(),
        stage: Some(Stage::Limits),
        key: Some(name.into()),
        source: "nodepool.spec.limits".to_owned(),
        asks: smallest.map(|(_, needs)| words::quantity(needs)).unwrap_or_default(),
        has: words::quantity(left),
        nearest: smallest.map(|(instance_type, needs)| Nearest {
            instance_type: instance_type.name.clone(),
            short: words::quantity(needs - left),
        }),
        text,
    }
}

fn min_values(cause: &Cause, key: &str, pool: &PoolIndex<'_>, funnel: &PoolFunnel) -> Why {
    let wanted = pool.state.requirements.get(key).and_then(|requirement| requirement.min_values).unwrap_or(0);
    let left = funnel.values_left.get(key).copied().unwrap_or(0);
    let what = if key == label_key::INSTANCE_TYPE {
        format!("only {} can take the pod", words::count(left, "type"))
    } else {
        format!("only {} left", words::count(left, "value"))
    };
    Why {
        cause: cause.clone(),
        stage: Some(Stage::MinValues),
        key: Some(key.into()),
        source: "nodepool.spec.template.spec.requirements.minValues".to_owned(),
        asks: wanted.to_string(),
        has: left.to_string(),
        nearest: None,
        text: format!("minValues {wanted} of {key}, {what}"),
    }
}

fn whole_pool(cause: &Cause, pool: &PoolIndex<'_>, context: WhyContext<'_>) -> Why {
    let name = &pool.state.name;
    let text = match &pool.state.eligibility {
        PoolEligibility::NotReady => not_ready_text(name, pool.object, context),
        PoolEligibility::Static => format!("NodePool {name} holds a fixed number of nodes (spec.replicas)"),
        PoolEligibility::Deleting => format!("NodePool {name} is being deleted"),
        PoolEligibility::ForeignNodeClass => {
            let kind = pool.object.map_or("", |object| &object.spec.template.spec.node_class_ref.kind);
            format!("NodePool {name} uses NodeClass kind {kind}, which this controller does not serve")
        }
        PoolEligibility::NoInstanceTypes(message) => format!("no instance types: {message}"),
        PoolEligibility::Eligible | PoolEligibility::FilteredOut { .. } => String::new(),
    };
    plain(cause, &format!("nodepool/{name}"), String::new(), String::new(), text)
}

/// Why a NodePool is not Ready, down to the condition of its NodeClass and the selector behind it.
pub(super) fn not_ready_text(name: &str, object: Option<&NodePool>, context: WhyContext<'_>) -> String {
    let Some(object) = object else { return format!("nodepool/{name} is not Ready") };
    let reference = &object.spec.template.spec.node_class_ref;
    let class = context.index.node_classes.get(reference.name.as_str());
    if let Some(class) = class.filter(|_| reference.kind == "EC2NodeClass") {
        let failing: Vec<&Condition> = class
            .status
            .conditions
            .iter()
            .filter(|condition| condition.kind != "Ready" && condition.status != "True")
            .collect();
        if let Some(first) = failing.first() {
            let reason = first.reason.as_deref().unwrap_or("no reason given");
            let selector = selector_behind(&first.kind, class);
            return format!(
                "nodepool/{name} is not Ready: ec2nodeclass/{} has {}={} ({reason}){selector}",
                reference.name, first.kind, first.status
            );
        }
    }
    let conditions = &object.status.conditions;
    let failing = ["ValidationSucceeded", "NodeClassReady", "Ready"]
        .into_iter()
        .find(|kind| condition(conditions, kind).is_none_or(|condition| condition.status != "True"));
    match failing.map(|kind| (kind, condition(conditions, kind))) {
        Some((kind, Some(found))) => {
            let reason = found.reason.as_deref().unwrap_or("no reason given");
            let message = found.message.as_deref().filter(|text| !text.is_empty());
            let message = message.map(|text| format!(": {text}")).unwrap_or_default();
            format!("nodepool/{name} is not Ready: {kind}={} ({reason}){message}", found.status)
        }
        Some((kind, None)) => format!("nodepool/{name} is not Ready: it has no condition {kind} yet"),
        None => format!("nodepool/{name} is not Ready"),
    }
}

/// The selector that a failing NodeClass condition is about.
fn selector_behind(condition: &str, class: &crate::model::Ec2NodeClass) -> String {
    let spec = &class.spec;
    let (field, terms) = match condition {
        "SubnetsReady" => ("subnetSelectorTerms", &spec.subnet_selector_terms),
        "SecurityGroupsReady" => ("securityGroupSelectorTerms", &spec.security_group_selector_terms),
        _ => return String::new(),
    };
    let words: Vec<String> = terms
        .iter()
        .map(|term| {
            let tags = term.tags.iter().map(|(key, value)| format!("{key}={value}"));
            let id = term.id.iter().map(|id| format!("id {id}"));
            let name = term.name.iter().map(|name| format!("name {name}"));
            tags.chain(id).chain(name).collect::<Vec<_>>().join(", ")
        })
        .collect();
    format!("; {field} asks {}", words.join(" or "))
}
