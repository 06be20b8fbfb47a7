//! A new constraint: the domains there could be, and the pods that are there already.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::packed::{HOSTNAME, Interner, Key, Value};
use super::topology::{LabelClass, Side, Topology};
use super::topology_group::{Identity, NodeFilter, TopologyGroup};
use crate::model::{LabelSelector, Requirements, Toleration, tolerates_all};

/// A constraint that a pod states, known or not.
pub(super) struct New {
    pub identity: Identity,
    pub inverse: bool,
    pub selector: Option<LabelSelector>,
    pub min_domains: Option<i32>,
    pub filter: NodeFilter,
    /// Domains count whether or not the pod tolerates the NodePools that make them.
    pub all_domains: bool,
}

/// Domains of the nodes there are.
pub(super) struct NodeDomains {
    /// Of the active ones that have one, with their position.
    active: Vec<(usize, Value)>,
    /// Of all, by position; a node without a host name's label is its own host.
    of_nodes: Vec<Option<Value>>,
}

impl Topology<'_> {
    /// The constraint of this identity, with the domains and pods there are where it is new.
    pub(super) fn find_or_create(
        &mut self,
        new: New,
        tolerations: &[Toleration],
        interner: &mut Interner,
    ) -> usize {
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
        let domains = self.node_domains(key, interner);
        for (node, domain) in &domains.active {
            if self.counts_node(position, *node, interner) {
                self.groups[position].register(*domain, interner);
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
            for at in 0..self.bound[class].len() {
                let (node, count) = self.bound[class][at];
                let Some(domain) = domains.of_nodes[node] else { continue };
                if self.counts_node(position, node, interner) {
                    (0..count).for_each(|_| self.groups[position].record(domain, interner));
                }
            }
        }
    }

    /// The domain of every node in a key: read once, most constraints are about one of two keys.
    fn node_domains(&mut self, key: Key, interner: &mut Interner) -> Rc<NodeDomains> {
        if let Some(known) = self.node_domains.get(&key) {
            return Rc::clone(known);
        }
        let key_name = interner.key_name(key).clone();
        let active = self.active.iter();
        let active = active
            .filter_map(|(node, labels)| Some((*node, interner.value(key, labels.get(&key_name)?))))
            .collect();
        let of_nodes = self.nodes.iter();
        let of_nodes = of_nodes
            .map(|node| {
                let by_name = || (key == HOSTNAME).then_some(node.name);
                Some(interner.value(key, node.labels.get(&key_name).or_else(by_name)?))
            })
            .collect();
        let domains = Rc::new(NodeDomains { active, of_nodes });
        self.node_domains.insert(key, Rc::clone(&domains));
        domains
    }

    /// Whether the node filter lets a Node count.
    fn counts_node(&mut self, position: usize, node: usize, interner: &mut Interner) -> bool {
        let filter = &self.groups[position].filter;
        if filter.terms.is_none() && filter.tolerations.is_none() {
            return true;
        }
        let counted = &mut self.nodes[node];
        let set = *counted.set.get_or_insert_with(|| {
            let labels = Requirements::from_labels(counted.labels, &interner.shared_profile());
            interner.pack_set(&labels)
        });
        let taints = counted.taints;
        self.filter_matches(position, taints, Side { set, host: None }, interner)
    }
}
