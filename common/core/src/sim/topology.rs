//! All topology constraints of a run: which pods they count, where the next pod may go. Who states them is in
//! [`super::topology_owners`], what a new one begins with in [`super::topology_counts`].
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{topology,topologydomaingroup}.go. Pods are known here
//! by their *label class* (namespace and labels): constraints see nothing else of them.

use std::rc::Rc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::packed::{HOSTNAME, Interner, Key, Open, ReqId, SetId, Value};
use super::solution::TopologyKind;
use super::topology_counts::NodeDomains;
use super::topology_group::{Identity, TopologyGroup};
use crate::model::{Labels, Namespace, Taint, tolerates_all};

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
    pub index: [FxHashMap<Identity, usize>; 2],
    pub classes: Vec<(CompactString, Labels)>,
    class_index: FxHashMap<(CompactString, Labels), LabelClass>,
    selecting: Vec<Selecting>,
    /// Per label class: pods bound to counted nodes.
    pub bound: Vec<Vec<(usize, i32)>>,
    pub universe: FxHashMap<Key, Rc<Vec<(Value, Vec<usize>)>>>,
    pub node_domains: FxHashMap<Key, Rc<NodeDomains>>,
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
            node_domains: FxHashMap::default(),
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

    /// Whether a node counts for a constraint; remembered per set of requirements.
    pub(super) fn filter_matches(
        &mut self,
        group: usize,
        taints: &[Taint],
        side: Side,
        interner: &Interner,
    ) -> bool {
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

/// The requirement of a key on one side, the host name included.
pub(super) fn requirement_of(side: Side, key: Key, interner: &Interner) -> Option<ReqId> {
    interner.lookup(side.set, key)
}
