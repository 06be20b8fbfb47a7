//! What topology constraints leave to one pod: which domains are allowed, given the final counts of the loop.
//!
//! Karpenter: pkg/controllers/provisioning/scheduling/topologygroup.go. The counts come from the solution; only
//! the last step, which domain a pod may take, is told again here.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::demand::{Source, Wish};
use crate::model::{Pod, Requirement, label_key, selects};
use crate::sim::{Solution, TopologyConstraint, TopologyKind};

/// One constraint that holds for the pod, and the domains it leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct TopologyWish {
    /// Position in `solution.topology`.
    pub constraint: usize,
    /// What it asks for.
    pub kind: TopologyKind,
    /// The label whose values are the domains.
    pub key: CompactString,
    /// Whether pods that exist ask it, not this pod.
    pub inverse: bool,
    /// Known domains the pod may take, by (count, name).
    pub allowed: Vec<(i64, CompactString)>,
    /// Whether a node with a domain that nobody has yet (a new host) would do.
    pub new_domain_allowed: bool,
}

impl TopologyWish {
    /// Whether a node that exists, in this domain, would do.
    pub fn allows(&self, domain: Option<&str>) -> bool {
        domain.is_some_and(|domain| self.allowed.iter().any(|(_, allowed)| allowed == domain))
    }

    /// What the constraint asks of a new node, where the NodePool and the pod leave `open` for its key. Spread
    /// asks for the one domain with the fewest pods. None = nothing.
    pub fn of_new_node(&self, open: Option<&Requirement>) -> Option<Requirement> {
        if self.key == label_key::HOSTNAME {
            return (!self.new_domain_allowed).then(|| Requirement::does_not_exist(self.key.clone()));
        }
        let fits = |domain: &str| open.is_none_or(|open| open.has(domain));
        let mut allowed = self.allowed.iter().map(|(_, domain)| domain).filter(|domain| fits(domain));
        let domains: Vec<CompactString> = match self.kind {
            TopologyKind::Spread => allowed.next().cloned().into_iter().collect(),
            _ => allowed.cloned().collect(),
        };
        Some(Requirement::allow(self.key.clone(), domains))
    }
}

/// The hard constraints that hold for a pod: its own, and those other pods ask of it.
pub fn wishes_of(pod: &Pod, wishes: &[Wish], solution: &Solution) -> Vec<TopologyWish> {
    let uid = &pod.metadata.uid;
    let mine = |constraint: &TopologyConstraint| {
        if constraint.inverse {
            is_selected(pod, constraint) && constraint.owners.iter().any(|owner| owner != uid)
        } else {
            constraint.owners.contains(uid) && is_hard(pod, constraint)
        }
    };
    solution
        .topology
        .iter()
        .enumerate()
        .filter(|(_, constraint)| mine(constraint))
        .map(|(position, constraint)| wish_of(pod, wishes, position, constraint))
        .collect()
}

/// Whether the constraint counts this pod.
pub(super) fn is_selected(pod: &Pod, constraint: &TopologyConstraint) -> bool {
    constraint.namespaces.contains(&pod.metadata.namespace)
        && selects(constraint.selector.as_ref(), &pod.metadata.labels)
}

/// Whether the pod's spec asks it as a hard rule: soft ones are dropped before a pod fails.
fn is_hard(pod: &Pod, constraint: &TopologyConstraint) -> bool {
    let affinity = pod.spec.affinity.as_ref();
    let required = match constraint.kind {
        TopologyKind::Spread => {
            // A pod without any constraint got the controller's default ones; those carry no mark of their own.
            let own = &pod.spec.topology_spread_constraints;
            return own.is_empty()
                || own.iter().any(|own| {
                    own.topology_key == constraint.key
                        && own.when_unsatisfiable == "DoNotSchedule"
                        && own.max_skew == constraint.max_skew
                });
        }
        TopologyKind::Affinity => affinity.and_then(|affinity| affinity.pod_affinity.as_ref()),
        TopologyKind::AntiAffinity => affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref()),
    };
    required.is_some_and(|affinity| {
        affinity
            .required
            .iter()
            .any(|term| term.topology_key == constraint.key && term.label_selector == constraint.selector)
    })
}

fn wish_of(pod: &Pod, wishes: &[Wish], position: usize, constraint: &TopologyConstraint) -> TopologyWish {
    let key = &constraint.key;
    let own = wishes
        .iter()
        .filter(|wish| wish.requirement.key == *key && !matches!(wish.source, Source::Volume(_)));
    let pod_domains: Vec<&Requirement> = own.map(|wish| &wish.requirement).collect();
    let asked = |domain: &str| pod_domains.iter().all(|requirement| requirement.has(domain));
    let counts: Vec<(i64, &CompactString)> = constraint
        .domains
        .iter()
        .filter(|(domain, _)| asked(domain))
        .map(|(domain, count)| (*count, domain))
        .collect();
    let selects_itself = is_selected(pod, constraint);
    let is_host = *key == label_key::HOSTNAME;
    let (may, new_domain_allowed): (Box<dyn Fn(i64) -> bool>, bool) = match constraint.kind {
        TopologyKind::Spread => {
            let least = least_count(constraint, &counts);
            let added = i64::from(selects_itself);
            let skew = i64::from(constraint.max_skew);
            (Box::new(move |count| count + added - least <= skew), added <= skew)
        }
        TopologyKind::AntiAffinity => (Box::new(|count| count == 0), true),
        TopologyKind::Affinity => {
            let populated = counts.iter().any(|(count, _)| *count > 0);
            let first = selects_itself && !populated;
            (Box::new(move |count| count > 0 || first), first)
        }
    };
    let mut allowed: Vec<(i64, CompactString)> = counts
        .iter()
        .filter(|(count, _)| may(*count))
        .map(|(count, domain)| (*count, (*domain).clone()))
        .collect();
    allowed.sort();
    TopologyWish {
        constraint: position,
        kind: constraint.kind,
        key: key.clone(),
        inverse: constraint.inverse,
        allowed,
        new_domain_allowed: new_domain_allowed && (is_host || constraint.kind == TopologyKind::AntiAffinity),
    }
}

/// The count that skew is measured from: 0 on hosts, where a new one can always be had, and while there are fewer
/// domains than minDomains.
fn least_count(constraint: &TopologyConstraint, counts: &[(i64, &CompactString)]) -> i64 {
    let too_few = constraint.min_domains.is_some_and(|least| (counts.len() as i64) < i64::from(least));
    if constraint.key == label_key::HOSTNAME || too_few {
        return 0;
    }
    counts.iter().map(|(count, _)| *count).min().unwrap_or(i64::from(i32::MAX))
}

/// One row of the table of domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainRow {
    /// The domain.
    pub domain: CompactString,
    /// Pods that count there.
    pub pods: i64,
    /// The skew with one pod more; spread only.
    pub skew_if_placed: Option<i64>,
    /// Whether the pod may go there.
    pub allowed: bool,
}

/// All domains the pod could name, with their counts.
pub(super) fn domain_rows(
    pod: &Pod,
    wish: &TopologyWish,
    solution: &Solution,
    wishes: &[Wish],
) -> Vec<DomainRow> {
    let Some(constraint) = solution.topology.get(wish.constraint) else { return Vec::new() };
    let pod_domains: BTreeSet<&str> = constraint
        .domains
        .keys()
        .filter(|domain| {
            wishes
                .iter()
                .filter(|own| own.requirement.key == wish.key && !matches!(own.source, Source::Volume(_)))
                .all(|own| own.requirement.has(domain))
        })
        .map(CompactString::as_str)
        .collect();
    let counts: Vec<(i64, &CompactString)> = constraint
        .domains
        .iter()
        .filter(|(domain, _)| pod_domains.contains(domain.as_str()))
        .map(|(domain, count)| (*count, domain))
        .collect();
    let least = least_count(constraint, &counts);
    let added = i64::from(is_selected(pod, constraint));
    let skew = |count: i64| (constraint.kind == TopologyKind::Spread).then_some(count + added - least);
    constraint
        .domains
        .iter()
        .map(|(domain, count)| DomainRow {
            domain: domain.clone(),
            pods: *count,
            skew_if_placed: skew(*count),
            allowed: wish.allows(Some(domain)),
        })
        .collect()
}
