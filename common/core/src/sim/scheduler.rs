//! The state of one loop, and the loop itself.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{scheduler,queue}.go. One pod after the other: an
//! existing node, an open claim, a new claim; what fails is relaxed step by step, then waits until every other pod
//! had its turn.

use std::collections::VecDeque;
use std::rc::Rc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::amounts::{self, Amounts, Columns};
use super::batch::{BatchPod, Class, Demand, Refusals, View};
use super::bits::Bits;
use super::daemons::{Daemon, Group};
use super::errors::{AttemptError, ClaimError, TopologyError};
use super::finalize::Shape;
use super::host_ports::{HostPort, conflict};
use super::open_order::OpenOrder;
use super::packed::{HOSTNAME, Interner, Key, Open, ReqId, SetId, Value};
use super::solution::TopologyKind;
use super::ties::{Tie, Ties};
use super::topology::{Checks, GroupCheck, Side, Topology, requirement_of};
use super::topology_group::{Check, Domains};
use super::type_list::TypeList;
use super::volumes::{self, Volumes};
use crate::model::{ControllerSettings, NodePool, ResourceList, RuleSet, StateNode, Taint, tolerates_all};

/// An existing node.
pub(super) struct Node<'a> {
    pub state: StateNode<'a>,
    pub taints: Vec<Taint>,
    pub set: SetId,
    pub host: Value,
    pub remaining: Amounts,
    /// Some resource is negative, asked for or not: it takes nothing.
    pub overcommitted: bool,
    /// The same with names and formats, as it was at the start.
    pub room: ResourceList,
    pub ports: Vec<HostPort>,
    pub volumes: Volumes,
    pub volume_limits: FxHashMap<CompactString, i64>,
    pub pods: Vec<usize>,
}

/// A NodePool's template.
pub(super) struct Template<'a> {
    pub node_pool: &'a NodePool,
    /// Position among the NodePools.
    pub pool: usize,
    pub list: usize,
    pub set: SetId,
    pub taints: &'a [Taint],
    /// Types that its own requirements leave.
    pub types: Bits,
    pub groups: Vec<Group>,
    pub group_rows: Vec<Amounts>,
    pub group_types: Vec<Bits>,
    /// What the last opened claim says of minValues, for all of the NodePool (quirk Q13).
    pub min_values_relaxed: Option<bool>,
    /// Types that the limits leave now, remembered until the limits change.
    pub within_limits: Option<Rc<Bits>>,
    /// Hash of the NodePool.
    pub hash: u64,
}

/// An open claim.
pub(super) struct Claim {
    pub template: usize,
    pub host: Value,
    pub set: SetId,
    pub types: Bits,
    pub requested: Amounts,
    /// Ports taken, per daemon group.
    pub ports: Vec<Vec<HostPort>>,
    pub volumes: Volumes,
    /// Reservations it holds one unit of.
    pub reserved: Vec<usize>,
    pub pods: Vec<usize>,
    /// Topology constraints that know its host name.
    pub known_groups: usize,
}

/// Where a pod would go on a claim.
pub(super) struct Placement {
    pub set: SetId,
    pub types: Bits,
    pub reserved: Vec<usize>,
    pub volumes: Option<Volumes>,
    pub relaxed: bool,
}

/// Everything a loop knows.
pub(super) struct Scheduler<'a> {
    pub settings: &'a ControllerSettings,
    pub rules: RuleSet,
    pub strict_reserved: bool,
    pub interner: Interner,
    pub columns: Columns,
    pub topology: Topology<'a>,
    pub lists: Vec<TypeList>,
    pub reservation_ids: Vec<String>,
    /// Units left per reservation.
    pub reservations: Vec<i64>,
    /// The reservation that is thought to have one unit more: never full.
    pub credited: Option<usize>,
    pub templates: Vec<Template<'a>>,
    /// Per NodePool: what its limits leave, per limited column.
    pub limits: Vec<Vec<(usize, i128)>>,
    pub nodes: Vec<Node<'a>>,
    pub claims: Vec<Claim>,
    /// Claims in the order in which they are tried.
    pub order: OpenOrder,
    /// Nodes and claims whose labels a pod changed, as it happened.
    pub relabelled_nodes: Vec<u32>,
    pub relabelled_claims: Vec<u32>,
    /// What claims with the same template, requirements and types have in common.
    pub shapes: FxHashMap<(usize, SetId, Bits), Rc<Shape>>,
    pub classes: Vec<Class>,
    pub views: Vec<View>,
    pub pods: Vec<BatchPod>,
    pub daemons: Vec<Daemon>,
    pub soft_taints: bool,
    /// Claims tried to open so far.
    pub attempts: usize,
    pub nodes_column: Option<usize>,
    pub ties: Ties,
    /// Ties of placed pods.
    pub choices: Vec<(usize, Tie)>,
    /// Ties after which a pod was turned away in its last attempt, by pod.
    pub turned_away: FxHashMap<usize, Vec<Tie>>,
}

/// Where a pod went.
#[derive(Debug, Clone)]
pub(super) enum Placed {
    Node(usize),
    Claim(usize),
}

impl Scheduler<'_> {
    /// Runs the loop. Gives per pod of the batch where it went, or its last error.
    pub(super) fn run(&mut self) -> Vec<Result<Placed, AttemptError>> {
        let mut results: Vec<Option<Result<Placed, AttemptError>>> =
            (0..self.pods.len()).map(|_| None).collect();
        let mut queue: VecDeque<usize> = self.queue_order().into();
        let mut last_length = vec![0usize; self.pods.len()];
        while let Some(pod) = queue.front().copied() {
            if last_length[pod] == queue.len() {
                break;
            }
            queue.pop_front();
            match self.try_place(pod) {
                Ok(placed) => results[pod] = Some(Ok(placed)),
                Err(error) => {
                    results[pod] = Some(Err(error));
                    queue.push_back(pod);
                    last_length[pod] = queue.len();
                }
            }
        }
        let unreached = || Err(AttemptError::NoTemplates);
        results.into_iter().map(|result| result.unwrap_or_else(unreached)).collect()
    }

    /// cpu and memory descending, then creation and UID ascending.
    fn queue_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.pods.len()).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&self.pods[*a], &self.pods[*b]);
            let rank = |pod: &BatchPod| self.classes[pod.class].rank;
            rank(b).cmp(&rank(a)).then_with(|| a.created.cmp(&b.created)).then_with(|| a.uid.cmp(&b.uid))
        });
        order
    }

    /// Tries a pod, relaxing it until nothing is left to relax.
    fn try_place(&mut self, pod: usize) -> Result<Placed, AttemptError> {
        let class = self.pods[pod].class;
        let mut step = 0;
        loop {
            let view = self.classes[class].views[step];
            let error = match self.add(pod, class, view) {
                Ok(placed) => return Ok(placed),
                Err(error) => error,
            };
            let permanent = error.is_deferral() || matches!(error, AttemptError::Devices);
            if permanent || !self.relax(class, step) {
                self.update_topology(class, self.classes[class].views[0]);
                self.remember_turned_away(pod);
                return Err(error);
            }
            step += 1;
            self.update_topology(class, self.classes[class].views[step]);
        }
    }

    /// Makes the view after `step`, unless nothing is left to relax.
    fn relax(&mut self, class: usize, step: usize) -> bool {
        if self.classes[class].views.len() > step + 1 {
            return true;
        }
        if self.classes[class].exhausted {
            return false;
        }
        let view = self.classes[class].views[step];
        match self.views[view].constraints.relaxed(self.soft_taints) {
            Some(constraints) => {
                let view = self.new_view(constraints);
                self.classes[class].views.push(view);
                true
            }
            None => {
                self.classes[class].exhausted = true;
                false
            }
        }
    }

    /// Packs what a pod demands at one step.
    pub(super) fn new_view(&mut self, constraints: super::preferences::Constraints) -> usize {
        let profile = self.interner.shared_profile();
        let strict_requirements = constraints.strict_requirements(&profile);
        let strict = self.interner.pack_set(&strict_requirements);
        let demand = if self.topology.ignores_preferences || constraints.preferred.is_empty() {
            Demand::new(&strict_requirements, &mut self.interner)
        } else {
            Demand::new(&constraints.requirements(&profile), &mut self.interner)
        };
        self.views.push(View {
            constraints,
            demand,
            strict,
            groups: None,
            checks: Checks::default(),
            refused_nodes: Refusals::default(),
            refused_claims: Refusals::default(),
        });
        self.views.len() - 1
    }

    /// Tells topology of a pod as it stands.
    pub(super) fn update_topology(&mut self, class: usize, view: usize) {
        if self.views[view].groups.is_some() {
            return;
        }
        let owner = &mut self.classes[class];
        let constraints = &self.views[view].constraints;
        let inverse = self.topology.own_inverse(&owner.namespace, constraints, None, &mut self.interner);
        owner.inverse_owned.extend(inverse);
        owner.inverse_owned.sort_unstable();
        owner.inverse_owned.dedup();
        let groups =
            self.topology.own_forward(&owner.namespace, &owner.labels, constraints, &mut self.interner);
        self.views[view].groups = Some(groups);
        self.views[view].checks.known_groups = usize::MAX;
    }

    fn add(&mut self, pod: usize, class: usize, view: usize) -> Result<Placed, AttemptError> {
        if self.classes[class].claims_devices {
            return Err(AttemptError::Devices);
        }
        let lookup_failed = match &self.classes[class].volumes {
            Err(error) if self.rules.volume_lookup_fails_pod() => {
                return Err(AttemptError::Volumes(error.0.clone()));
            }
            volumes => volumes.is_err(),
        };
        self.refresh_checks(class, view);
        let hopeless = self.topology.is_hopeless(&self.views[view].checks);
        if !lookup_failed
            && !hopeless
            && let Some((node, set)) = self.find_node(class, view)
        {
            self.place_on_node(pod, class, node, set);
            return Ok(Placed::Node(node));
        }
        self.order.settle();
        if !hopeless && let Some((position, placement)) = self.find_claim(class, view) {
            let claim = self.order.claim(position);
            self.place_on_claim(pod, class, claim, placement);
            self.order.grew(position);
            return Ok(Placed::Claim(claim));
        }
        if self.templates.is_empty() {
            return Err(AttemptError::NoTemplates);
        }
        self.open_claim(pod, class, view)
    }

    /// Puts together what a view has to pass, where constraints were added since.
    fn refresh_checks(&mut self, class: usize, view: usize) {
        if self.views[view].checks.known_groups != self.topology.groups.len() {
            let of_view = &mut self.views[view];
            let forward = of_view.groups.as_deref().unwrap_or_default();
            of_view.checks = self.topology.checks(
                self.classes[class].label_class,
                forward,
                of_view.strict,
                &self.interner,
            );
        }
    }

    /// The first existing node that takes the pod. Their errors are never shown.
    fn find_node(&mut self, class: usize, view: usize) -> Option<(usize, SetId)> {
        self.views[view].refused_nodes.catch_up(&self.relabelled_nodes);
        let mut node = self.views[view].refused_nodes.places.next_absent(0);
        while node < self.nodes.len() {
            let refused = !self.node_has_room(node, class, view)
                || !self.host_admits(view, self.nodes[node].host)
                || !self.interner.compatible(
                    self.nodes[node].set,
                    self.views[view].demand.full,
                    Open::Nothing,
                );
            if refused {
                self.views[view].refused_nodes.places.insert(node);
            } else if let Some(set) = self.node_can_add(node, class, view) {
                return Some((node, set));
            }
            node = self.views[view].refused_nodes.places.next_absent(node + 1);
        }
        None
    }

    /// Whether a node has what can only become less.
    fn node_has_room(&self, node: usize, class: usize, view: usize) -> bool {
        let (at, of_class, of_view) = (&self.nodes[node], &self.classes[class], &self.views[view]);
        !at.overcommitted
            && amounts::fits(&of_class.amounts, &at.remaining)
            && tolerates_all(&at.taints, &of_view.constraints.tolerations)
            && at.can_attach(of_class.volumes.as_ref().ok())
            && !conflict(&at.ports, &of_class.ports)
    }

    /// Whether no constraint about hosts is against this one. Counts only grow: a no is final.
    pub(super) fn host_admits(&self, view: usize, host: Value) -> bool {
        let about_hosts = self.views[view].checks.all.iter().filter(|check| check.key == HOSTNAME);
        about_hosts.into_iter().all(|check| {
            let group = &self.topology.groups[check.group];
            match group.identity.kind {
                TopologyKind::AntiAffinity => group.count(host) == 0,
                TopologyKind::Spread => {
                    group.count(host) + i32::from(check.selects_itself) <= group.identity.max_skew
                }
                TopologyKind::Affinity => true,
            }
        })
    }

    fn node_can_add(&mut self, node: usize, class: usize, view: usize) -> Option<SetId> {
        let (set, host) = (self.nodes[node].set, self.nodes[node].host);
        let demand = self.views[view].demand.full;
        let alternatives = self.classes[class].alternatives.len();
        let base = self.interner.combine(set, demand, Open::Nothing)?;
        if alternatives == 0 {
            return self.tighten(view, Side { set: base, host: Some(host) }, Open::Nothing).ok();
        }
        (0..alternatives).find_map(|alternative| {
            let wanted = self.classes[class].alternatives[alternative].full;
            let set = self.interner.combine(base, wanted, Open::Nothing)?;
            self.tighten(view, Side { set, host: Some(host) }, Open::Nothing).ok()
        })
    }

    fn place_on_node(&mut self, pod: usize, class: usize, node: usize, set: SetId) {
        let of_class = &self.classes[class];
        let at = &mut self.nodes[node];
        at.pods.push(pod);
        amounts::subtract(&mut at.remaining, &of_class.amounts);
        if at.set != set {
            at.set = set;
            self.relabelled_nodes.push(node as u32);
        }
        at.ports.extend(of_class.ports.iter().cloned());
        if let Ok(more) = &of_class.volumes {
            volumes::extend(&mut at.volumes, more);
        }
        let side = Side { set, host: Some(at.host) };
        self.topology.record(of_class.label_class, &of_class.inverse_owned, &at.taints, side, &self.interner);
        self.remember_ties(pod);
    }

    pub(super) fn remember_ties(&mut self, pod: usize) {
        let decision = self.pods[pod].decision;
        let ties = self.ties.take();
        self.choices.extend(ties.into_iter().map(|tie| (decision, tie)));
        self.remember_turned_away(pod);
    }

    /// What a pod met in the attempt that ends here and did not lead anywhere.
    fn remember_turned_away(&mut self, pod: usize) {
        let ties = self.ties.take_turned_away();
        if !ties.is_empty() {
            self.turned_away.insert(self.pods[pod].decision, ties);
        } else if !self.turned_away.is_empty() {
            self.turned_away.remove(&self.pods[pod].decision);
        }
    }

    /// Narrows a node to the domains that every constraint of the pod, and every constraint against it, allows.
    pub(super) fn tighten(&mut self, view: usize, side: Side, open: Open) -> Result<SetId, ClaimError> {
        self.ties.begin();
        let mut narrowed: SmallVec<[(Key, ReqId); 4]> = SmallVec::new();
        for position in 0..self.views[view].checks.all.len() {
            let GroupCheck { group, key, selects_itself, pod } = self.views[view].checks.all[position];
            let check = Check {
                selects_itself,
                pod,
                node: requirement_of(side, key, &self.interner),
                host: side.host.filter(|_| key == HOSTNAME),
            };
            let at = &self.topology.groups[group];
            match at.next_domains(&check, &self.interner, &mut self.ties) {
                Domains::Host => {}
                Domains::None => {
                    let (pod, node, host) = (check.pod, check.node, check.host);
                    return Err(ClaimError::Topology(TopologyError { group, pod, node, host }));
                }
                Domains::Some(values) => {
                    // The controller looks domains up under the key as written, and demands them under the
                    // current form of the key.
                    let (key, wanted) = self.interner.listed_normalized(key, &values);
                    let current = requirement_of(side, key, &self.interner);
                    match narrowed.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, so_far)) => *so_far = self.interner.intersection(*so_far, wanted),
                        None => {
                            let start = match current {
                                Some(node) => self.interner.intersection(node, wanted),
                                None => wanted,
                            };
                            narrowed.push((key, start));
                        }
                    }
                }
            }
        }
        let mut set = side.set;
        let agrees = narrowed.iter().all(|(_, wanted)| self.interner.admits(side.set, *wanted, open));
        for (_, wanted) in &narrowed {
            set = self.interner.replaced(set, *wanted);
        }
        if agrees { Ok(set) } else { Err(ClaimError::TopologyClash(side, set)) }
    }
}

impl Node<'_> {
    /// Whether every driver stays within its limit; a node above one refuses every pod (quirk Q14).
    fn can_attach(&self, more: Option<&Volumes>) -> bool {
        let none = Volumes::new();
        let more = more.unwrap_or(&none);
        self.volume_limits
            .iter()
            .all(|(driver, limit)| volumes::count_with(&self.volumes, more, driver) as i64 <= *limit)
    }
}
