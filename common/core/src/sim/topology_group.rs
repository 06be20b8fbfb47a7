//! One topology constraint shared by all pods that state it: which pods count, in which domains, and which domain
//! the next pod may go to.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{topologygroup,topologynodefilter}.go. Ties go to the
//! smallest name.

use std::collections::BTreeSet;

use compact_str::CompactString;
use smallvec::SmallVec;

use super::packed::{HOSTNAME, Interner, Key, ReqId, SetId, Value};
use super::solution::TopologyKind;
use super::ties::Ties;
use crate::model::{LabelSelector, Toleration};

/// What makes two constraints the same to the controller (quirk Q1): not minDomains, and of the node filter only
/// keys, with equal terms cancelling in pairs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub key: Key,
    pub kind: TopologyKind,
    pub namespaces: Vec<CompactString>,
    pub max_skew: i32,
    pub filter: FilterIdentity,
    pub selector: SelectorIdentity,
}

/// Identity of a node filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct FilterIdentity {
    pub terms: Vec<Vec<CompactString>>,
    pub policies: Option<(bool, bool)>,
    pub tolerations: Vec<(CompactString, CompactString, CompactString, CompactString, Option<i64>)>,
}

/// Identity of a selector: its expressions as a set, and its pairs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SelectorIdentity(
    Option<(
        BTreeSet<(CompactString, CompactString, Vec<CompactString>)>,
        Vec<(CompactString, CompactString)>,
    )>,
);

impl SelectorIdentity {
    pub(super) fn of(selector: Option<&LabelSelector>) -> Self {
        Self(selector.map(|selector| {
            let expressions = selector
                .match_expressions
                .iter()
                .map(|expression| {
                    let values = odd_ones(expression.values.to_vec());
                    (expression.key.clone(), expression.operator.clone(), values)
                })
                .collect();
            let pairs = selector.match_labels.iter().map(|(key, value)| (key.into(), value.into())).collect();
            (expressions, pairs)
        }))
    }
}

/// Sorted, with equal elements cancelled in pairs.
pub(super) fn odd_ones<T: Ord>(mut elements: Vec<T>) -> Vec<T> {
    elements.sort();
    let mut odd: Vec<T> = Vec::with_capacity(elements.len());
    for element in elements {
        if odd.last() == Some(&element) {
            odd.pop();
        } else {
            odd.push(element);
        }
    }
    odd
}

/// Which nodes count (spread only; all others let every node count).
#[derive(Debug, Clone, Default)]
pub(super) struct NodeFilter {
    /// One of these must be compatible, host name included; none = every node.
    pub terms: Option<Vec<SetId>>,
    /// Taints must be tolerated by these; none = taints do not matter.
    pub tolerations: Option<Vec<Toleration>>,
}

/// A constraint with its counts.
pub(super) struct TopologyGroup {
    pub identity: Identity,
    pub inverse: bool,
    pub selector: Option<LabelSelector>,
    pub min_domains: Option<i32>,
    pub filter: NodeFilter,
    /// Pods per value of the key; below zero = no such domain.
    counts: Vec<i32>,
    /// Known domains in byte order; not kept for host names, which are never walked in order.
    ordered: Vec<Value>,
    domain_count: usize,
    empty_count: usize,
}

const ABSENT: i32 = -1;

/// Domains a pod may go to.
pub(super) enum Domains {
    /// None.
    None,
    /// These, as a requirement to add.
    Some(SmallVec<[Value; 4]>),
    /// The host it was asked about: nothing to add.
    Host,
}

/// The sides of one check.
pub(super) struct Check {
    /// Whether the constraint selects the pod itself.
    pub selects_itself: bool,
    /// What the pod demands of the key, without preferences.
    pub pod: Option<ReqId>,
    /// What the node is known to be.
    pub node: Option<ReqId>,
    /// The one host name of the node.
    pub host: Option<Value>,
}

impl TopologyGroup {
    pub(super) fn new(
        identity: Identity,
        inverse: bool,
        selector: Option<LabelSelector>,
        min_domains: Option<i32>,
        filter: NodeFilter,
    ) -> Self {
        Self {
            identity,
            inverse,
            selector,
            min_domains,
            filter,
            counts: Vec::new(),
            ordered: Vec::new(),
            domain_count: 0,
            empty_count: 0,
        }
    }

    pub(super) fn key(&self) -> Key {
        self.identity.key
    }

    /// Pods in a domain, zero where it is not known.
    pub(super) fn count(&self, domain: Value) -> i32 {
        self.counts.get(domain.0 as usize).copied().unwrap_or(0).max(0)
    }

    fn known_count(&self, domain: Value) -> Option<i32> {
        self.counts.get(domain.0 as usize).copied().filter(|count| *count != ABSENT)
    }

    fn slot(&mut self, domain: Value, interner: &Interner) -> &mut i32 {
        let position = domain.0 as usize;
        if position >= self.counts.len() {
            self.counts.resize(position + 1, ABSENT);
        }
        if self.counts[position] == ABSENT {
            self.counts[position] = 0;
            self.domain_count += 1;
            self.empty_count += 1;
            let key = self.identity.key;
            if key != HOSTNAME {
                let name = interner.value_name(key, domain);
                let at = self.ordered.partition_point(|known| interner.value_name(key, *known) < name);
                self.ordered.insert(at, domain);
            }
        }
        &mut self.counts[position]
    }

    /// Makes a domain known.
    pub(super) fn register(&mut self, domain: Value, interner: &Interner) {
        self.slot(domain, interner);
    }

    /// Counts one pod more.
    pub(super) fn record(&mut self, domain: Value, interner: &Interner) {
        let count = self.slot(domain, interner);
        *count += 1;
        if *count == 1 {
            self.empty_count -= 1;
        }
    }

    /// Every known domain with its count, in no order.
    pub(super) fn domains(&self) -> impl Iterator<Item = (Value, i32)> + '_ {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count != ABSENT);
        counts.map(|(value, count)| (Value(value as u32), *count))
    }

    /// Known domains in byte order.
    fn walk(&self, interner: &Interner) -> SmallVec<[Value; 16]> {
        if self.identity.key != HOSTNAME {
            return SmallVec::from_slice(&self.ordered);
        }
        let mut all: SmallVec<[Value; 16]> = self.domains().map(|(value, _)| value).collect();
        all.sort_by(|a, b| interner.value_name(HOSTNAME, *a).cmp(interner.value_name(HOSTNAME, *b)));
        all
    }

    /// Whether no pod can pass, whatever the node: an anti-affinity that no domain is left for.
    pub(super) fn is_exhausted(&self) -> bool {
        self.identity.key != HOSTNAME
            && self.identity.kind == TopologyKind::AntiAffinity
            && self.empty_count == 0
    }

    /// Where the next pod may go. `ties` settles which of equally good domains that is.
    pub(super) fn next_domains(&self, check: &Check, interner: &Interner, ties: &mut Ties) -> Domains {
        match self.identity.kind {
            TopologyKind::Spread => self.next_spread(check, interner, ties),
            TopologyKind::Affinity => self.next_affinity(check, interner, ties),
            TopologyKind::AntiAffinity => self.next_anti_affinity(check, interner),
        }
    }

    fn next_spread(&self, check: &Check, interner: &Interner, ties: &mut Ties) -> Domains {
        let own = i32::from(check.selects_itself);
        let max_skew = self.identity.max_skew;
        if let Some(host) = check.host {
            return if self.count(host) + own <= max_skew { Domains::Host } else { Domains::None };
        }
        let least = self.least_count(check.pod, interner);
        let mut best: Option<i32> = None;
        let mut chosen: SmallVec<[Value; 4]> = SmallVec::new();
        for domain in self.walk(interner) {
            if !allows(check.node, domain, interner) {
                continue;
            }
            let count = self.count(domain) + own;
            if count.wrapping_sub(least) > max_skew {
                continue;
            }
            match best {
                Some(best) if count > best => {}
                Some(best) if count == best => chosen.push(domain),
                _ => {
                    best = Some(count);
                    chosen.clear();
                    chosen.push(domain);
                }
            }
        }
        match ties.settle(self.identity.key, &chosen) {
            Some(domain) => Domains::Some(SmallVec::from_slice(&[domain])),
            None => Domains::None,
        }
    }

    fn least_count(&self, pod: Option<ReqId>, interner: &Interner) -> i32 {
        if self.identity.key == HOSTNAME {
            return 0;
        }
        let (mut least, mut supported) = (i32::MAX, 0);
        for domain in self.ordered.iter().filter(|domain| allows(pod, **domain, interner)) {
            supported += 1;
            least = least.min(self.count(*domain));
        }
        if self.min_domains.is_some_and(|wanted| supported < wanted) { 0 } else { least }
    }

    fn next_affinity(&self, check: &Check, interner: &Interner, ties: &mut Ties) -> Domains {
        let all_empty = self.domain_count == self.empty_count;
        let populated = |domain: Value| allows(check.pod, domain, interner) && self.count(domain) > 0;
        if let Some(host) = check.host {
            if !allows(check.pod, host, interner) {
                return Domains::None;
            }
            let may_begin = || {
                check.selects_itself && (all_empty || !self.domains().any(|(domain, _)| populated(domain)))
            };
            return if self.count(host) > 0 || may_begin() { Domains::Host } else { Domains::None };
        }
        let domains = self.walk(interner);
        let mut options: SmallVec<[Value; 4]> = domains
            .iter()
            .copied()
            .filter(|domain| populated(*domain) && allows(check.node, *domain, interner))
            .collect();
        if !options.is_empty() {
            return Domains::Some(options);
        }
        if check.selects_itself && (all_empty || !domains.iter().any(|domain| populated(*domain))) {
            let of_pod = |domain: &&Value| allows(check.pod, **domain, interner);
            let of_both = |domain: &&Value| of_pod(domain) && allows(check.node, **domain, interner);
            let near: Vec<Value> = domains.iter().filter(of_both).copied().collect();
            let anywhere: Vec<Value> = domains.iter().filter(of_pod).copied().collect();
            options.extend(ties.settle(self.identity.key, &near));
            options.extend(ties.pick(&anywhere));
            options.sort_unstable();
            options.dedup();
        }
        if options.is_empty() { Domains::None } else { Domains::Some(options) }
    }

    fn next_anti_affinity(&self, check: &Check, interner: &Interner) -> Domains {
        if let Some(host) = check.host {
            return if self.count(host) == 0 { Domains::Host } else { Domains::None };
        }
        let options: SmallVec<[Value; 4]> = self
            .walk(interner)
            .into_iter()
            .filter(|domain| self.known_count(*domain) == Some(0))
            .filter(|domain| allows(check.node, *domain, interner) && allows(check.pod, *domain, interner))
            .collect();
        if options.is_empty() { Domains::None } else { Domains::Some(options) }
    }
}

fn allows(requirement: Option<ReqId>, domain: Value, interner: &Interner) -> bool {
    requirement.is_none_or(|requirement| interner.has(requirement, domain))
}
