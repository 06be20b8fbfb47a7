//! All topology constraints of a run: who states them, which pods they count, where the next pod may go.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{topology,topologydomaingroup}.go. Pods are known here
//! by their *label class* (namespace and labels): constraints see nothing else of them.

use std::rc::Rc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::packed::{HOSTNAME, Interner, Key, Open, ReqId, SetId, Value};
use super::preferences::{Constraints, term_requirements};
use super::solution::TopologyKind;
use super::topology_group::{
    FilterIdentity, Identity, NodeFilter, SelectorIdentity, TopologyGroup, odd_ones,
};
use crate::model::{
    LabelSelector, Labels, Namespace, PodAffinityTerm, Requirements, SelectorExpression, Taint, Toleration,
    TopologySpreadConstraint, tolerates_all,
};

/// A namespace with labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LabelClass(pub u32);

/// A node in its present state: requirements, and its host name where they do not hold it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub set: SetId,
    pub host: Option<Value>,
}

impl Side {
    /// Whether it can serve the incoming requirements.
    pub(super) fn compatible(self, incoming: SetId, open: Open, interner: &Interner) -> bool {
        interner.members(incoming).iter().all(|theirs| match self.host {
            Some(host) if interner.get(*theirs).key == HOSTNAME => interner.has(*theirs, host),
            _ => interner.admits(self.set, *theirs, open),
        })
    }
}

/// A NodePool as domains come from it.
pub(super) struct DomainSource {
    /// Spec and template labels.
    pub base: SetId,
    /// Requirements of its instance types.
    pub types: Vec<SetId>,
    pub taints: Vec<Taint>,
}

/// A Node object as pods are counted on it.
pub(super) struct CountedNode<'a> {
    pub name: &'a str,
    pub labels: &'a Labels,
    pub taints: &'a [Taint],
    pub set: Option<SetId>,
}

/// Constraints that a view of a pod has to pass.
#[derive(Default)]
pub(super) struct Checks {
    /// How many groups there were when this was put together.
    pub known_groups: usize,
    /// In the controller's order.
    pub all: Vec<GroupCheck>,
}

/// One constraint to pass.
#[derive(Clone, Copy)]
pub(super) struct GroupCheck {
    pub group: usize,
    pub key: Key,
    /// Whether the constraint selects the pod itself.
    pub selects_itself: bool,
    /// What the pod demands of the key, without preferences.
    pub pod: Option<ReqId>,
}

#[derive(Default)]
struct Selecting {
    /// Per group: whether it selects the class.
    verdicts: Vec<bool>,
    forward: Vec<usize>,
    inverse: Vec<usize>,
}

/// Everything that topology knows.
pub(super) struct Topology<'a> {
    pub groups: Vec<TopologyGroup>,
    index: [FxHashMap<Identity, usize>; 2],
    classes: Vec<(CompactString, Labels)>,
    class_index: FxHashMap<(CompactString, Labels), LabelClass>,
    selecting: Vec<Selecting>,
    /// Per label class: pods bound to counted nodes.
    bound: Vec<Vec<(usize, i32)>>,
    universe: FxHashMap<Key, Rc<Vec<(Value, Vec<usize>)>>>,
    pub sources: Vec<DomainSource>,
    pub nodes: Vec<CountedNode<'a>>,
    /// Active machines with a Node: position in `nodes`, and the labels that count.
    pub active: Vec<(usize, &'a Labels)>,
    pub namespaces: &'a [Namespace],
    pub ignores_preferences: bool,
    filtered: FxHashMap<(usize, SetId), bool>,
    /// Bound pods that own inverse constraints.
    pub bound_owners: Vec<(usize, CompactString)>,
}

impl<'a> Topology<'a> {
    pub(super) fn new(namespaces: &'a [Namespace], ignores_preferences: bool) -> Self {
        Self {
            groups: Vec::new(),
            index: Default::default(),
            classes: Vec::new(),
            class_index: FxHashMap::default(),
            selecting: Vec::new(),
            bound: Vec::new(),
            universe: FxHashMap::default(),
            sources: Vec::new(),
            nodes: Vec::new(),
            active: Vec::new(),
            namespaces,
            ignores_preferences,
            filtered: FxHashMap::default(),
            bound_owners: Vec::new(),
        }
    }

    /// The class of a pod.
    pub(super) fn label_class(&mut self, namespace: &CompactString, labels: &Labels) -> LabelClass {
        let key = (namespace.clone(), labels.clone());
        if let Some(class) = self.class_index.get(&key) {
            return *class;
        }
        let class = LabelClass(self.classes.len() as u32);
        self.classes.push(key.clone());
        self.class_index.insert(key, class);
        self.selecting.push(Selecting::default());
        self.bound.push(Vec::new());
        class
    }

    /// A pod that is bound to a counted node.
    pub(super) fn count_bound(&mut self, class: LabelClass, node: usize) {
        let counts = &mut self.bound[class.0 as usize];
        match counts.last_mut() {
            Some((last, count)) if *last == node => *count += 1,
            _ => counts.push((node, 1)),
        }
    }

    /// Whether a constraint counts pods of this class.
    pub(super) fn selects(&self, group: usize, class: LabelClass) -> bool {
        let (namespace, labels) = &self.classes[class.0 as usize];
        let group = &self.groups[group];
        group.identity.namespaces.binary_search(namespace).is_ok()
            && group.selector.as_ref().is_some_and(|selector| selector.is_valid() && selector.matches(labels))
    }

    fn refresh(&mut self, class: LabelClass) {
        let position = class.0 as usize;
        for group in self.selecting[position].verdicts.len()..self.groups.len() {
            let selects = self.selects(group, class);
            let inverse = self.groups[group].inverse;
            let selecting = &mut self.selecting[position];
            selecting.verdicts.push(selects);
            match (selects, inverse) {
                (false, _) => {}
                (true, true) => selecting.inverse.push(group),
                (true, false) => selecting.forward.push(group),
            }
        }
    }

    /// What a pod of this class has to pass: the constraints it states, then inverse ones that select it.
    pub(super) fn checks(
        &mut self,
        class: LabelClass,
        forward: &[usize],
        strict: SetId,
        interner: &Interner,
    ) -> Checks {
        self.refresh(class);
        let selecting = &self.selecting[class.0 as usize];
        let all = forward
            .iter()
            .chain(&selecting.inverse)
            .map(|group| {
                let key = self.groups[*group].key();
                GroupCheck {
                    group: *group,
                    key,
                    selects_itself: selecting.verdicts[*group],
                    pod: interner.lookup(strict, key),
                }
            })
            .collect();
        Checks { known_groups: self.groups.len(), all }
    }

    /// Whether no node can pass: some anti-affinity has no domain left.
    pub(super) fn is_hopeless(&self, checks: &Checks) -> bool {
        checks.all.iter().any(|check| self.groups[check.group].is_exhausted())
    }

    /// A host name that can be scheduled to, in constraints from position `known` on.
    pub(super) fn register_host(&mut self, host: Value, known: usize, interner: &Interner) {
        for group in self.groups[known..].iter_mut().filter(|group| group.key() == HOSTNAME) {
            group.register(host, interner);
        }
    }

    /// Counts a pod that was placed on a node of these taints and final requirements.
    pub(super) fn record(
        &mut self,
        class: LabelClass,
        inverse_owned: &[usize],
        taints: &[Taint],
        side: Side,
        interner: &Interner,
    ) {
        self.refresh(class);
        let forward = std::mem::take(&mut self.selecting[class.0 as usize].forward);
        for at in &forward {
            if !self.filter_matches(*at, taints, side, interner) {
                continue;
            }
            let group = &mut self.groups[*at];
            let everywhere = group.identity.kind == TopologyKind::AntiAffinity;
            record_domains(group, side, everywhere, interner);
        }
        self.selecting[class.0 as usize].forward = forward;
        for at in inverse_owned {
            record_domains(&mut self.groups[*at], side, true, interner);
        }
    }

    fn filter_matches(&mut self, group: usize, taints: &[Taint], side: Side, interner: &Interner) -> bool {
        let filter = &self.groups[group].filter;
        if let Some(tolerations) = &filter.tolerations
            && !tolerates_all(taints, tolerations)
        {
            return false;
        }
        let Some(terms) = &filter.terms else { return true };
        let by_host = terms.iter().any(|term| interner.lookup(*term, HOSTNAME).is_some());
        if by_host {
            return terms.iter().any(|term| side.compatible(*term, Open::Nothing, interner));
        }
        *self
            .filtered
            .entry((group, side.set))
            .or_insert_with(|| terms.iter().any(|term| side.compatible(*term, Open::Nothing, interner)))
    }

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

    fn find_or_create(&mut self, new: New, tolerations: &[Toleration], interner: &mut Interner) -> usize {
        let side = usize::from(new.inverse);
        if let Some(group) = self.index[side].get(&new.identity) {
            return *group;
        }
        let key = new.identity.key;
        let mut group =
            TopologyGroup::new(new.identity.clone(), new.inverse, new.selector, new.min_domains, new.filter);
        for (domain, sources) in self.universe(key, interner).iter() {
            let reachable =
                || sources.iter().any(|source| tolerates_all(&self.sources[*source].taints, tolerations));
            if new.all_domains || reachable() {
                group.register(*domain, interner);
            }
        }
        self.groups.push(group);
        let position = self.groups.len() - 1;
        self.index[side].insert(new.identity, position);
        if !new.inverse {
            self.count_existing(position, interner);
        }
        position
    }

    /// Domains that NodePools could make, with the NodePools that make them.
    fn universe(&mut self, key: Key, interner: &mut Interner) -> Rc<Vec<(Value, Vec<usize>)>> {
        if let Some(known) = self.universe.get(&key) {
            return Rc::clone(known);
        }
        let mut domains: FxHashMap<Value, Vec<usize>> = FxHashMap::default();
        if key != HOSTNAME {
            for (position, source) in self.sources.iter().enumerate() {
                let mut seen: Vec<Value> = Vec::new();
                let mut last = None;
                let base = interner.lookup(source.base, key);
                for set in &source.types {
                    let requirement = match (base, interner.lookup(*set, key)) {
                        (Some(base), Some(mine)) => interner.intersection(base, mine),
                        (Some(only), None) | (None, Some(only)) => only,
                        (None, None) => continue,
                    };
                    if last.replace(requirement) != Some(requirement) {
                        seen.extend(interner.get(requirement).values.iter().copied());
                    }
                }
                if let Some(base) = base.filter(|base| !interner.get(*base).complement) {
                    seen.extend(interner.get(base).values.iter().copied());
                }
                seen.sort_unstable();
                seen.dedup();
                seen.into_iter().for_each(|value| domains.entry(value).or_default().push(position));
            }
        }
        let domains = Rc::new(domains.into_iter().collect::<Vec<_>>());
        self.universe.insert(key, Rc::clone(&domains));
        domains
    }

    /// Domains of nodes there are, and the pods on them.
    fn count_existing(&mut self, position: usize, interner: &mut Interner) {
        let key = self.groups[position].key();
        let key_name = interner.key_name(key).clone();
        for (node, labels) in self.active.clone() {
            let Some(domain) = labels.get(&key_name) else { continue };
            if self.counts_node(position, node, interner) {
                let domain = interner.value(key, domain);
                self.groups[position].register(domain, interner);
            }
        }
        let everything = self.groups[position].selector.is_none();
        for class in 0..self.classes.len() {
            if self.bound[class].is_empty() {
                continue;
            }
            let counts = if everything {
                self.groups[position].identity.namespaces.binary_search(&self.classes[class].0).is_ok()
            } else {
                self.selects(position, LabelClass(class as u32))
            };
            if !counts {
                continue;
            }
            for (node, count) in self.bound[class].clone() {
                let counted = &self.nodes[node];
                let domain = match counted.labels.get(&key_name) {
                    Some(domain) => domain,
                    None if key == HOSTNAME => counted.name,
                    None => continue,
                };
                let domain = interner.value(key, domain);
                if self.counts_node(position, node, interner) {
                    (0..count).for_each(|_| self.groups[position].record(domain, interner));
                }
            }
        }
    }

    /// Whether the node filter lets a Node count.
    fn counts_node(&mut self, position: usize, node: usize, interner: &mut Interner) -> bool {
        let filter = &self.groups[position].filter;
        if filter.terms.is_none() && filter.tolerations.is_none() {
            return true;
        }
        let counted = &mut self.nodes[node];
        let set = *counted.set.get_or_insert_with(|| {
            let labels = Requirements::from_labels(counted.labels, &interner.profile().clone());
            interner.pack_set(&labels)
        });
        let taints = counted.taints;
        self.filter_matches(position, taints, Side { set, host: None }, interner)
    }
}

fn record_domains(group: &mut TopologyGroup, side: Side, everywhere: bool, interner: &Interner) {
    let key = group.key();
    if let Some(host) = side.host.filter(|_| key == HOSTNAME) {
        group.record(host, interner);
        return;
    }
    let Some(requirement) = interner.lookup(side.set, key) else { return };
    let packed = interner.get(requirement);
    if everywhere {
        packed.values.iter().for_each(|value| group.record(*value, interner));
    } else if let Some(only) = packed.single() {
        group.record(only, interner);
    }
}

struct New {
    identity: Identity,
    inverse: bool,
    selector: Option<LabelSelector>,
    min_domains: Option<i32>,
    filter: NodeFilter,
    /// Domains count whether or not the pod tolerates the NodePools that make them.
    all_domains: bool,
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
    let profile = interner.profile().clone();
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

/// The requirement of a key on one side, the host name included.
pub(super) fn requirement_of(side: Side, key: Key, interner: &Interner) -> Option<ReqId> {
    interner.lookup(side.set, key)
}
