//! Which constraints a pod states, and those its anti-affinity puts on others.

use compact_str::CompactString;

use super::packed::Interner;
use super::preferences::{Constraints, term_requirements};
use super::solution::TopologyKind;
use super::topology::Topology;
use super::topology_counts::New;
use super::topology_group::{FilterIdentity, Identity, NodeFilter, SelectorIdentity, odd_ones};
use crate::model::{
    Labels, PodAffinityTerm, Requirements, SelectorExpression, Toleration, TopologySpreadConstraint,
};

impl Topology<'_> {
    /// Inverse constraints of a pod's required anti-affinity, created where they are new. `domain_of`: the node
    /// the pod is bound to.
    pub(super) fn own_inverse(
        &mut self,
        namespace: &CompactString,
        constraints: &Constraints,
        bound_to: Option<&Labels>,
        interner: &mut Interner,
    ) -> Vec<usize> {
        let mut owned = Vec::new();
        for term in &constraints.anti_affinity.required {
            let Some(identity) =
                self.affinity_identity(TopologyKind::AntiAffinity, namespace, term, interner)
            else {
                break;
            };
            let key = identity.key;
            let group = self.find_or_create(
                New {
                    identity,
                    inverse: true,
                    selector: term.label_selector.clone(),
                    min_domains: None,
                    filter: NodeFilter::default(),
                    all_domains: false,
                },
                &constraints.tolerations,
                interner,
            );
            if let Some(domain) = bound_to.and_then(|labels| labels.get(&term.topology_key)) {
                let domain = interner.value(key, domain);
                self.groups[group].record(domain, interner);
            }
            owned.push(group);
        }
        owned.sort_unstable();
        owned.dedup();
        owned
    }

    /// Remembers that a bound pod owns inverse constraints.
    pub(super) fn note_owner(&mut self, groups: &[usize], uid: &CompactString) {
        self.bound_owners.extend(groups.iter().map(|group| (*group, uid.clone())));
    }

    /// Forward constraints of a pod as it stands, created and counted where they are new.
    pub(super) fn own_forward(
        &mut self,
        namespace: &CompactString,
        labels: &Labels,
        constraints: &Constraints,
        interner: &mut Interner,
    ) -> Vec<usize> {
        let mut owned = Vec::new();
        for spread in &constraints.spreads {
            if self.ignores_preferences && spread.when_unsatisfiable != "DoNotSchedule" {
                continue;
            }
            let new = spread_group(namespace, labels, spread, constraints, interner);
            owned.push(self.find_or_create(new, &constraints.tolerations, interner));
        }
        let kinds = [
            (TopologyKind::Affinity, &constraints.affinity),
            (TopologyKind::AntiAffinity, &constraints.anti_affinity),
        ];
        let mut created = Vec::new();
        for (kind, affinity) in kinds {
            let preferred = affinity.preferred.iter().map(|weighted| &weighted.pod_affinity_term);
            let preferred = preferred.filter(|_| !self.ignores_preferences);
            let terms: Vec<&PodAffinityTerm> = affinity.required.iter().chain(preferred).collect();
            for term in terms {
                match self.affinity_identity(kind, namespace, term, interner) {
                    Some(identity) => created.push((identity, term.label_selector.clone())),
                    None => return owned,
                }
            }
        }
        for (identity, selector) in created {
            let new = New {
                identity,
                inverse: false,
                selector,
                min_domains: None,
                filter: NodeFilter::default(),
                all_domains: false,
            };
            owned.push(self.find_or_create(new, &constraints.tolerations, interner));
        }
        owned.sort_unstable();
        owned.dedup();
        owned
    }

    /// None = the namespace selector is invalid, which stops the controller from reading on.
    fn affinity_identity(
        &self,
        kind: TopologyKind,
        namespace: &CompactString,
        term: &PodAffinityTerm,
        interner: &mut Interner,
    ) -> Option<Identity> {
        let mut namespaces = match &term.namespace_selector {
            None if term.namespaces.is_empty() => vec![namespace.clone()],
            None => term.namespaces.to_vec(),
            Some(selector) if !selector.is_valid() => return None,
            Some(selector) => {
                let all = self.namespaces.iter().map(|namespace| &namespace.metadata);
                let selected = all.filter(|metadata| selector.matches(&metadata.labels));
                selected
                    .map(|metadata| metadata.name.clone())
                    .chain(term.namespaces.iter().cloned())
                    .collect()
            }
        };
        namespaces.sort_unstable();
        namespaces.dedup();
        Some(Identity {
            key: interner.key(&term.topology_key),
            kind,
            namespaces,
            max_skew: i32::MAX,
            filter: FilterIdentity::default(),
            selector: SelectorIdentity::of(term.label_selector.as_ref()),
        })
    }
}

fn spread_group(
    namespace: &CompactString,
    labels: &Labels,
    spread: &TopologySpreadConstraint,
    constraints: &Constraints,
    interner: &mut Interner,
) -> New {
    let honors_affinity = spread.node_affinity_policy.as_deref().unwrap_or("Honor") == "Honor";
    let ignores_taints = spread.node_taints_policy.as_deref().unwrap_or("Ignore") == "Ignore";
    let mut selector = spread.label_selector.clone();
    if let Some(selector) = &mut selector {
        for key in &spread.match_label_keys {
            if let Some(value) = labels.get(key) {
                selector.match_expressions.push(SelectorExpression {
                    key: key.clone(),
                    operator: "In".into(),
                    values: vec![value.into()],
                });
            }
        }
    }
    let profile = interner.shared_profile();
    let own = Requirements::from_labels(&constraints.node_selector, &profile);
    let terms: Vec<Requirements> = match &constraints.required {
        None => vec![own],
        Some(terms) => terms
            .iter()
            .map(|term| {
                let mut both = own.clone();
                both.add_all(&term_requirements(term, &profile));
                both
            })
            .collect(),
    };
    let filter_identity = FilterIdentity {
        terms: odd_ones(terms.iter().map(|term| term.keys().map(CompactString::from).collect()).collect()),
        policies: Some((honors_affinity, ignores_taints)),
        tolerations: odd_ones(constraints.tolerations.iter().map(toleration_identity).collect()),
    };
    let filter = NodeFilter {
        // A term without requirements lets every node count.
        terms: (honors_affinity && !terms.iter().any(Requirements::is_empty) && !terms.is_empty())
            .then(|| terms.iter().map(|term| interner.pack_set(term)).collect()),
        tolerations: (!ignores_taints).then(|| constraints.tolerations.clone()),
    };
    New {
        identity: Identity {
            key: interner.key(&spread.topology_key),
            kind: TopologyKind::Spread,
            namespaces: vec![namespace.clone()],
            max_skew: spread.max_skew,
            filter: filter_identity,
            selector: SelectorIdentity::of(selector.as_ref()),
        },
        inverse: false,
        selector,
        min_domains: spread.min_domains,
        filter,
        all_domains: ignores_taints,
    }
}

fn toleration_identity(
    toleration: &Toleration,
) -> (CompactString, CompactString, CompactString, CompactString, Option<i64>) {
    let given = |text: &Option<CompactString>| text.clone().unwrap_or_default();
    (
        given(&toleration.key),
        given(&toleration.operator),
        given(&toleration.value),
        given(&toleration.effect),
        toleration.toleration_seconds,
    )
}
