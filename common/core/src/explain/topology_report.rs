//! The table of domains of the topology constraints that stand in a pod's way.

use super::analysis::Analyst;
use super::cause::Cause;
use super::demand::Demand;
use super::funnel::PoolFunnel;
use super::report::{DomainReport, TopologyReport};
use super::topology::{TopologyWish, domain_rows, is_selected};
use super::words;
use crate::model::{LabelSelector, Operator, Pod, label_key};
use crate::sim::{TopologyConstraint, TopologyKind};

/// One table per constraint that some NodePool names as a cause.
pub(super) fn topology_reports(
    analyst: &Analyst<'_>,
    demand: &Demand<'_>,
    funnels: &[PoolFunnel],
) -> Vec<TopologyReport> {
    demand
        .topology
        .iter()
        .filter(|wish| {
            let cause = Cause::Topology(wish.kind, wish.key.clone());
            funnels.iter().any(|funnel| funnel.stopped_by.iter().flatten().any(|named| *named == cause))
        })
        .filter_map(|wish| report(analyst, demand, wish))
        .collect()
}

fn report(analyst: &Analyst<'_>, demand: &Demand<'_>, wish: &TopologyWish) -> Option<TopologyReport> {
    let constraint = analyst.solution.topology.get(wish.constraint)?;
    let rows = domain_rows(demand.pod, wish, analyst.solution, &demand.wishes);
    let mut domains = Vec::with_capacity(rows.len());
    let mut notes = Vec::new();
    for row in rows {
        let node_pools = serving_pools(analyst, &wish.key, &row.domain);
        let occupant = occupant(analyst, constraint, &row.domain);
        if row.allowed && node_pools == 0 {
            notes.push(match &occupant {
                Some(who) => format!("{} counts because of {who}", row.domain),
                None => format!("{} counts although no NodePool can launch there", row.domain),
            });
        }
        domains.push(DomainReport {
            domain: row.domain,
            pods: row.pods,
            skew_if_placed: row.skew_if_placed,
            allowed: row.allowed,
            node_pools,
            who: occupant.filter(|_| constraint.kind != TopologyKind::Spread),
        });
    }
    Some(TopologyReport {
        heading: heading(constraint),
        key: wish.key.clone(),
        kind: match wish.kind {
            TopologyKind::Spread => "spread",
            TopologyKind::Affinity => "affinity",
            TopologyKind::AntiAffinity => "antiAffinity",
        },
        asked_by: wish.inverse.then(|| asker(analyst, constraint)).flatten(),
        domains,
        notes,
    })
}

fn heading(constraint: &TopologyConstraint) -> String {
    let selector = selector_words(constraint.selector.as_ref());
    match constraint.kind {
        TopologyKind::Spread => {
            let least =
                constraint.min_domains.map(|least| format!(", minDomains {least}")).unwrap_or_default();
            format!(
                "SPREAD {}, maxSkew {}{least}, DoNotSchedule, {selector}",
                constraint.key, constraint.max_skew
            )
        }
        TopologyKind::Affinity => format!("AFFINITY {}, {selector}", constraint.key),
        TopologyKind::AntiAffinity => format!("ANTI-AFFINITY {}, {selector}", constraint.key),
    }
}

fn selector_words(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else { return "no selector".to_owned() };
    let pairs = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().map(|expression| {
        format!("{} {} {}", expression.key, expression.operator, words::values(expression.values.iter()))
    });
    let all: Vec<String> = pairs.chain(expressions).collect();
    if all.is_empty() { "all pods".to_owned() } else { all.join(",") }
}

/// How many NodePools that were used could bring up a node in a domain.
fn serving_pools(analyst: &Analyst<'_>, key: &str, domain: &str) -> usize {
    let serves = |pool: &&super::funnel::PoolIndex<'_>| {
        if Cause::of_eligibility(&pool.state.eligibility).is_some() {
            return false;
        }
        let template = pool.state.requirements.get(key);
        if template.is_some_and(|template| !template.has(domain)) {
            return false;
        }
        let listed = template.is_some_and(|template| template.operator() == Operator::In);
        if !pool.is_offering_key(key) {
            let carried = pool.rows().any(|(kept, _)| {
                kept.requirements.get(key).is_some_and(|requirement| requirement.has(domain))
            });
            return listed || carried;
        }
        pool.rows().any(|(kept, _)| {
            kept.offerings.iter().any(|offering| {
                offering.available
                    && offering.requirements.get(key).is_some_and(|requirement| requirement.has(domain))
            })
        })
    };
    analyst.pools().iter().filter(serves).count()
}

/// A pod that counts in a domain, with its node.
fn occupant(analyst: &Analyst<'_>, constraint: &TopologyConstraint, domain: &str) -> Option<String> {
    let in_domain = |pod: &&Pod| {
        let Some(name) = pod.node_name.as_deref() else { return false };
        let node = analyst.index.nodes.get(name);
        let value = node.and_then(|node| node.metadata.labels.get(&constraint.key));
        let value = value.or_else(|| (constraint.key == label_key::HOSTNAME).then_some(name));
        value == Some(domain)
    };
    let counts = |pod: &&Pod| {
        if constraint.inverse {
            constraint.owners.contains(&pod.metadata.uid)
        } else {
            is_selected(pod, constraint)
        }
    };
    let mut found: Vec<&Pod> = analyst
        .snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| !pod.is_terminal())
        .filter(counts)
        .filter(in_domain)
        .collect();
    found.sort_by_key(|pod| (&pod.metadata.namespace, &pod.metadata.name));
    let pod = found.first()?;
    let node = pod.node_name.as_deref().unwrap_or_default();
    let cordoned = analyst.index.nodes.get(node).is_some_and(|node| node.spec.unschedulable);
    let cordoned = if cordoned { " (cordoned)" } else { "" };
    Some(format!("pod/{} on {node}{cordoned}", pod.metadata.name))
}

/// Who asks an inverse constraint: `pod/redis-0 -n cache`.
fn asker(analyst: &Analyst<'_>, constraint: &TopologyConstraint) -> Option<String> {
    let mut owners: Vec<&Pod> = analyst
        .snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| constraint.owners.contains(&pod.metadata.uid))
        .collect();
    owners.sort_by_key(|pod| (&pod.metadata.namespace, &pod.metadata.name));
    owners.first().map(|pod| words::object("Pod", &pod.metadata.namespace, &pod.metadata.name))
}
