//! Existing nodes: under which check each fails first, in the controller's order, and which one comes nearest.
//!
//! Karpenter: pkg/controllers/provisioning/scheduling/existingnode.go (`CanAdd`): taints, volume limits, host
//! ports, resources, labels, volumes, topology.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::cause::{Cause, short_key};
use super::demand::{Demand, HostPort, Source, host_ports};
use super::index::{ClaimSource, ObjectIndex};
use super::report::{NearestNode, NodeReason};
use super::words;
use crate::model::{
    LabelProfile, Operator, PREFER_NO_SCHEDULE, Pod, Quantity, Requirement, ResourceList, Snapshot,
    label_key, resource_name, untolerated,
};
use crate::sim::{ExistingNode, Solution};

/// What else is known of the existing nodes.
#[derive(Debug)]
pub struct NodeFacts<'a> {
    /// Soft taints count as tolerated.
    pub soft_taints_tolerated: bool,
    /// Objects.
    pub index: &'a ObjectIndex<'a>,
    /// Snapshot.
    pub snapshot: &'a Snapshot,
    /// Labels the provider treats specially.
    pub profile: &'a LabelProfile,
}

/// The reasons of all existing nodes, most nodes first; and how many nodes would do.
pub fn node_reasons(
    demand: &Demand<'_>,
    solution: &Solution,
    facts: &NodeFacts<'_>,
) -> (Vec<NodeReason>, usize) {
    let mut reasons: BTreeMap<Cause, (usize, Option<(i128, NearestNode)>)> = BTreeMap::new();
    let mut fitting = 0;
    for node in &solution.existing_nodes {
        let failures = failures(demand, node, solution, facts);
        let Some(first) = failures.first() else {
            fitting += 1;
            continue;
        };
        let (count, nearest) = reasons.entry(first.cause.clone()).or_default();
        *count += 1;
        if failures.len() == 1 {
            let better = nearest.as_ref().is_none_or(|(distance, _)| first.distance < *distance);
            if better {
                let found = NearestNode { node: node.name.clone(), text: first.text.clone() };
                *nearest = Some((first.distance, found));
            }
        }
    }
    let mut all: Vec<NodeReason> = reasons
        .into_iter()
        .map(|(reason, (count, nearest))| NodeReason {
            reason,
            count,
            nearest: nearest.map(|(_, node)| node),
        })
        .collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    (all, fitting)
}

/// One check that a node fails.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The check.
    pub cause: Cause,
    /// By how much; smaller is nearer. 0 where there is no measure.
    pub distance: i128,
    /// In words.
    pub text: String,
}

/// Everything that keeps a pod from one existing node, in the controller's order.
pub fn failures(
    demand: &Demand<'_>,
    node: &ExistingNode,
    solution: &Solution,
    facts: &NodeFacts<'_>,
) -> Vec<Failure> {
    let mut all = Vec::new();
    let hard: Vec<_> = node
        .taints
        .iter()
        .filter(|taint| !(facts.soft_taints_tolerated && taint.effect == PREFER_NO_SCHEDULE))
        .cloned()
        .collect();
    let taints: Vec<String> = untolerated(&hard, demand.tolerations()).map(ToString::to_string).collect();
    if !taints.is_empty() {
        all.push(Failure { cause: Cause::Taint, distance: taints.len() as i128, text: taints.join(", ") });
    }
    all.extend(volume_limit(demand, node, facts));
    all.extend(host_port(demand, node, solution, facts));
    all.extend(resources(&demand.requests, &node.remaining));
    all.extend(labels(demand, node, facts.profile));
    all.extend(topology(demand, node));
    all
}

fn resources(requests: &ResourceList, remaining: &ResourceList) -> Vec<Failure> {
    let mut short: Vec<Failure> = Vec::new();
    let failure = |name: &str, asked: Quantity, free: Quantity| Failure {
        cause: Cause::Resource(name.into()),
        distance: (asked - free).nanos(),
        text: format!(
            "short {} (asks {}, free {})",
            words::quantity(asked - free),
            words::quantity(asked),
            words::quantity(free)
        ),
    };
    for (name, asked) in requests.iter() {
        let free = remaining.amount(name);
        if asked > free {
            short.push(failure(name, asked, free));
        }
    }
    for (name, free) in
        remaining.iter().filter(|(name, free)| free.is_negative() && requests.get(name).is_none())
    {
        short.push(failure(name, Quantity::ZERO, free));
    }
    let rank = |cause: &Cause| match cause {
        Cause::Resource(name) if name == resource_name::CPU => 0,
        Cause::Resource(name) if name == resource_name::MEMORY => 1,
        _ => 2,
    };
    short.sort_by_key(|failure| rank(&failure.cause));
    short
}

fn labels(demand: &Demand<'_>, node: &ExistingNode, profile: &LabelProfile) -> Vec<Failure> {
    let mut all: Vec<Failure> = Vec::new();
    if demand.wishes.is_empty() {
        return all;
    }
    let requirements = node.requirements(profile);
    let accepts_absence = |requirement: &Requirement| {
        matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist)
    };
    for wish in &demand.wishes {
        let asked = &wish.requirement;
        let has = requirements.get(&asked.key);
        let fine = match has {
            None => accepts_absence(asked),
            Some(has) => has.has_intersection(asked) || accepts_absence(has) && accepts_absence(asked),
        };
        if fine || all.iter().any(|failure| failure.cause == wish.cause()) {
            continue;
        }
        let value = node.labels().get(&asked.key).unwrap_or("no such label");
        let text = match &wish.source {
            Source::Volume(claim) => format!("{value}, pvc/{claim} is elsewhere"),
            _ if has.is_none() => format!("has no label {}", short_key(&asked.key)),
            _ => format!("{value}, otherwise fits"),
        };
        all.push(Failure { cause: wish.cause(), distance: 0, text });
    }
    all
}

fn topology(demand: &Demand<'_>, node: &ExistingNode) -> Vec<Failure> {
    let mut all = Vec::new();
    for wish in &demand.topology {
        let value = node.labels().get(&wish.key);
        let domain = match value {
            None if wish.key == label_key::HOSTNAME => Some(node.name.as_str()),
            other => other,
        };
        if wish.allows(domain) {
            continue;
        }
        let text = match domain {
            Some(domain) => {
                format!("{} is not allowed there ({domain})", super::why::topology_noun(wish.kind, &wish.key))
            }
            None => format!("has no label {}", short_key(&wish.key)),
        };
        all.push(Failure { cause: Cause::Topology(wish.kind, wish.key.clone()), distance: 0, text });
    }
    all
}

/// Pods that count on a node: bound ones, and those this loop put there.
fn pods_on<'a>(node: &ExistingNode, solution: &Solution, facts: &NodeFacts<'a>) -> Vec<&'a Pod> {
    let bound = facts.index.pods_by_node.get(node.name.as_str()).into_iter().flatten();
    let bound = bound.copied().filter(|pod| !pod.is_terminal());
    let landed = node.pods.iter().filter_map(|&position| {
        let index = solution.pods.get(position)?.pod_index?;
        facts.snapshot.objects.pods.get(index)
    });
    bound.chain(landed).collect()
}

fn host_port(
    demand: &Demand<'_>,
    node: &ExistingNode,
    solution: &Solution,
    facts: &NodeFacts<'_>,
) -> Option<Failure> {
    if demand.host_ports.is_empty() {
        return None;
    }
    let taken = pods_on(node, solution, facts).into_iter().find_map(|other| {
        let theirs = host_ports(&other.spec);
        let mine = |port: &&HostPort| theirs.iter().any(|taken| taken.conflicts(port));
        demand.host_ports.iter().find(mine).map(|port| (other, port.port))
    });
    let (other, port) = taken?;
    Some(Failure {
        cause: Cause::HostPort,
        distance: 0,
        text: format!(
            "hostPort {port} is taken by pod/{} -n {}",
            other.metadata.name, other.metadata.namespace
        ),
    })
}

/// The driver that attaches a claim, as far as it is known.
pub(super) fn driver_of(source: ClaimSource<'_>) -> Option<CompactString> {
    match source {
        ClaimSource::Volume(volume) => match (&volume.spec.csi, &volume.spec.aws_elastic_block_store) {
            (Some(csi), _) => Some(csi.driver.clone()),
            (None, Some(_)) => Some("ebs.csi.aws.com".into()),
            (None, None) => None,
        },
        ClaimSource::Class(class) if class.provisioner == "kubernetes.io/aws-ebs" => {
            Some("ebs.csi.aws.com".into())
        }
        ClaimSource::Class(class) => Some(class.provisioner.clone()),
        ClaimSource::Unknown => None,
    }
}

fn volume_limit(demand: &Demand<'_>, node: &ExistingNode, facts: &NodeFacts<'_>) -> Option<Failure> {
    let mine = facts.index.claims(demand.pod);
    if mine.is_empty() {
        return None;
    }
    let csi = facts.snapshot.objects.csi_nodes.iter().find(|csi| csi.metadata.name == node.name)?;
    let mut used: BTreeMap<CompactString, BTreeSet<(CompactString, CompactString)>> = BTreeMap::new();
    let bound = facts.index.pods_by_node.get(node.name.as_str()).into_iter().flatten().copied();
    for pod in bound.filter(|pod| !pod.is_terminal()).chain([demand.pod]) {
        for (claim, source) in facts.index.claims(pod) {
            if let Some(driver) = driver_of(source) {
                used.entry(driver).or_default().insert((pod.metadata.namespace.clone(), claim));
            }
        }
    }
    csi.spec.drivers.iter().find_map(|driver| {
        let limit = driver.allocatable.as_ref()?.count?;
        let count = used.get(&driver.name)?.len() as i64;
        (count > limit).then(|| Failure {
            cause: Cause::VolumeLimit,
            distance: i128::from(count - limit),
            text: format!("{} attaches {limit} volumes, {count} asked", driver.name),
        })
    })
}
