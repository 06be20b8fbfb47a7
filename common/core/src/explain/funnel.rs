//! The funnel: how many instance types of one NodePool each stage leaves to one pod, and what stopped it.
//!
//! Every instance type gets, per offering, the set of causes that stand in its way, as bits of one word. What is
//! left without some causes is then a count of words, so the answer does not depend on the order of the stages.
//! Cost: types × offerings once per pod and NodePool, then one pass over the distinct words per question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::cause::{Cause, Stage};
use super::demand::{Demand, HostPort, Wish, host_ports};
use super::index::ObjectIndex;
use crate::model::{
    InstanceType, LabelProfile, MinValuesPolicy, NodePool, Operator, PREFER_NO_SCHEDULE, Requirement,
    Requirements, ResourceList, RuleSet, Taint, resource_name, untolerated,
};
use crate::sim::{NodePoolState, PoolEligibility};

/// What does not change from pod to pod.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Label tables of the provider.
    pub profile: &'a LabelProfile,
    /// Rules in force.
    pub rules: RuleSet,
    /// What happens when minValues cannot be met.
    pub min_values_policy: MinValuesPolicy,
}

/// One NodePool, shaped once so that many pods can be asked about it.
#[derive(Debug)]
pub struct PoolIndex<'a> {
    /// The NodePool as the loop saw it.
    pub state: &'a NodePoolState,
    /// The object.
    pub object: Option<&'a NodePool>,
    /// Label keys that offerings carry.
    offering_keys: Arc<BTreeSet<CompactString>>,
    /// Instance types that count: those its own requirements leave; all of them if they leave none.
    types: Vec<TypeRow<'a>>,
    /// DaemonSet overhead and ports per group.
    groups: Vec<(ResourceList, Vec<(String, HostPort)>)>,
}

/// One instance type of a NodePool.
#[derive(Debug)]
struct TypeRow<'a> {
    instance_type: &'a InstanceType,
    /// Its lowest price in millionths of a dollar, for ties.
    price_rank: u64,
    /// Position in [`PoolIndex::groups`].
    group: Option<usize>,
    /// Allocatable resources and the offerings that have them, those the NodePool allows.
    options: Vec<(ResourceList, Vec<usize>)>,
}

/// What one NodePool says to one pod.
#[derive(Debug, Clone)]
pub struct PoolFunnel {
    /// Name.
    pub name: CompactString,
    /// Weight.
    pub weight: i32,
    /// Instance types that its own requirements leave.
    pub types: usize,
    /// Stages in order. After the first that leaves none, `left` is none.
    pub stages: Vec<StageCount>,
    /// Alternatives, each a set of causes that must be lifted together; empty where the pod fits.
    pub stopped_by: Vec<Vec<Cause>>,
    /// Taints that the pod does not tolerate.
    pub taints: Vec<Taint>,
    /// Instance types that fit, by position in the NodePool's list.
    pub fitting: Vec<usize>,
    /// The nearest instance type to each cause: it fails nothing else (or as little else as any).
    pub nearest: BTreeMap<Cause, usize>,
    /// Distinct values left of each key with minValues.
    pub values_left: BTreeMap<CompactString, usize>,
    /// What each topology constraint asks of a new node of this NodePool, by position in the demand.
    pub topology: Vec<Option<Requirement>>,
}

/// One cell of the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageCount {
    /// The stage.
    pub stage: Stage,
    /// Types left after it; none once an earlier stage has left none.
    pub left: Option<usize>,
    /// Types left in the end if only this stage did not exist.
    pub without: usize,
}

impl PoolFunnel {
    /// Whether the NodePool has a node for the pod.
    pub fn fits(&self) -> bool {
        self.stopped_by.is_empty()
    }

    /// How many causes must be lifted together at least.
    pub fn distance(&self) -> usize {
        self.stopped_by.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// The cell of STOPPED-BY: alternatives by `/`, pairs by `+`, `3 causes`, `-`.
    pub fn stopped_by_text(&self) -> String {
        let Some(first) = self.stopped_by.first() else { return "-".to_owned() };
        if first.len() > 2 {
            return format!("{} causes", first.len());
        }
        let mut words: Vec<String> = Vec::new();
        for alternative in &self.stopped_by {
            let word = alternative.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join("/")
    }

    /// The first stage that leaves nothing.
    pub fn zero_stage(&self) -> Option<Stage> {
        self.stages.iter().find(|count| count.left == Some(0)).map(|count| count.stage)
    }
}

type Mask = u128;

/// Gives each cause of a question one bit.
#[derive(Debug, Default)]
struct Bits {
    causes: Vec<Cause>,
    stages: Vec<Option<Stage>>,
}

impl Bits {
    fn bit(&mut self, cause: Cause, stage: Option<Stage>) -> Mask {
        let known = self.causes.iter().position(|known| *known == cause);
        let position = known.unwrap_or_else(|| {
            self.causes.push(cause);
            self.stages.push(stage);
            self.causes.len() - 1
        });
        // More causes than bits share the last one: such a pod has more wishes than anyone will lift.
        1 << position.min(Mask::BITS as usize - 1)
    }

    fn up_to(&self, last: Stage) -> Mask {
        self.mask_where(|stage| stage.is_some_and(|stage| stage <= last))
    }

    fn of(&self, wanted: Stage) -> Mask {
        self.mask_where(|stage| stage == Some(wanted))
    }

    fn mask_where(&self, holds: impl Fn(Option<Stage>) -> bool) -> Mask {
        let positions = self.stages.iter().enumerate().filter(|(_, stage)| holds(**stage));
        positions.fold(0, |mask, (position, _)| mask | 1 << position.min(Mask::BITS as usize - 1))
    }
}

impl<'a> PoolIndex<'a> {
    /// Shapes one NodePool.
    pub fn new(state: &'a NodePoolState, index: &ObjectIndex<'a>, rules: Rules<'_>) -> Self {
        let keys: BTreeSet<CompactString> = state
            .instance_types
            .iter()
            .flat_map(|instance_type| &instance_type.offerings)
            .flat_map(|offering| offering.requirements.keys().map(CompactString::from))
            .collect();
        let filtered_out = matches!(state.eligibility, PoolEligibility::FilteredOut { .. });
        let mut group_of: FxHashMap<usize, usize> = FxHashMap::default();
        let mut groups = Vec::with_capacity(state.daemon_groups.len());
        for (position, group) in state.daemon_groups.iter().enumerate() {
            group_of.extend(group.types.iter().map(|&at| (at, position)));
            let ports = group.daemon_sets.iter().flat_map(|(name, _)| {
                let key = name.split_once('/').unwrap_or(("", name));
                let spec = index.daemon_sets.get(&key).map(|daemon_set| &daemon_set.spec.template.spec);
                let ports = spec.map(host_ports).unwrap_or_default();
                ports.into_iter().map(move |port| (name.clone(), port))
            });
            groups.push((group.overhead.clone(), ports.collect()));
        }
        let positions: Vec<usize> = if filtered_out {
            (0..state.instance_types.len()).collect()
        } else {
            state.template_types.clone()
        };
        let template = (!filtered_out).then_some(&state.requirements);
        let types = positions
            .into_iter()
            .filter_map(|at| {
                let instance_type = state.instance_types.get(at)?;
                let allowed = |offering: usize| {
                    let requirements = &instance_type.offerings[offering].requirements;
                    template.is_none_or(|template| {
                        requirements.iter().all(|theirs| agree(template.get(&theirs.key), theirs))
                    })
                };
                let options = instance_type
                    .allocatable_groups(rules.rules.overrides_replace())
                    .into_iter()
                    .map(|group| {
                        let offerings = group.offerings.into_iter().filter(|at| allowed(*at)).collect();
                        (group.allocatable, offerings)
                    })
                    .collect();
                let available = instance_type.offerings.iter().filter(|offering| offering.available);
                let price = available.map(|offering| offering.price).fold(f64::INFINITY, f64::min);
                // Saturates where there is no price, which sorts last.
                let price_rank = (price * 1e6) as u64;
                Some(TypeRow { instance_type, price_rank, group: group_of.get(&at).copied(), options })
            })
            .collect();
        Self {
            state,
            object: index.node_pools.get(state.name.as_str()).copied(),
            offering_keys: Arc::new(keys),
            types,
            groups,
        }
    }

    /// Whether a label key is one that offerings carry, so that it belongs to OFFERS.
    pub fn is_offering_key(&self, key: &str) -> bool {
        self.offering_keys.contains(key)
    }

    /// Instance types that count, with the overhead of the DaemonSets that would run on each.
    pub fn rows(&self) -> impl Iterator<Item = (&'a InstanceType, &ResourceList)> {
        static NONE: std::sync::LazyLock<ResourceList> = std::sync::LazyLock::new(ResourceList::new);
        self.types.iter().map(|row| {
            let overhead =
                row.group.and_then(|group| self.groups.get(group)).map_or(&*NONE, |group| &group.0);
            (row.instance_type, overhead)
        })
    }

    /// The instance type at a position that a funnel names.
    pub fn row(&self, position: usize) -> Option<(&'a InstanceType, &ResourceList)> {
        self.rows().nth(position)
    }

    /// DaemonSets whose host ports the pod would collide with, on some type of this NodePool.
    pub fn port_conflicts(&self, demand: &Demand<'_>) -> Vec<(String, HostPort)> {
        let mut found: Vec<(String, HostPort)> = self
            .groups
            .iter()
            .flat_map(|(_, ports)| ports)
            .filter(|(_, taken)| demand.host_ports.iter().any(|port| port.conflicts(taken)))
            .cloned()
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Passes one pod through the funnel.
    pub fn funnel(&self, demand: &Demand<'_>, rules: Rules<'_>) -> PoolFunnel {
        Question::new(self, demand, rules).answer()
    }
}

/// Whether both sides of one key can be satisfied together; an absent side asks nothing.
fn agree(mine: Option<&Requirement>, theirs: &Requirement) -> bool {
    let accepts_absence = |requirement: &Requirement| {
        matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist)
    };
    mine.is_none_or(|mine| mine.has_intersection(theirs) || accepts_absence(mine) && accepts_absence(theirs))
}

/// One wish with its bit.
struct Asked {
    requirement: Requirement,
    bit: Mask,
}

/// One pod against one NodePool.
struct Question<'q, 'a> {
    pool: &'q PoolIndex<'a>,
    demand: &'q Demand<'q>,
    rules: Rules<'q>,
    bits: Bits,
    /// Wishes by key; offering keys apart.
    offering_wishes: Vec<Asked>,
    type_wishes: Vec<Asked>,
    /// Bits that stand in the way of every type.
    everywhere: Mask,
    taints: Vec<Taint>,
    topology: Vec<Option<Requirement>>,
    min_values: Vec<(CompactString, i64, Mask)>,
}

impl<'q, 'a> Question<'q, 'a> {
    fn new(pool: &'q PoolIndex<'a>, demand: &'q Demand<'q>, rules: Rules<'q>) -> Self {
        let mut question = Question {
            pool,
            demand,
            rules,
            bits: Bits::default(),
            offering_wishes: Vec::new(),
            type_wishes: Vec::new(),
            everywhere: 0,
            taints: Vec::new(),
            topology: Vec::new(),
            min_values: Vec::new(),
        };
        if question.is_filtered_out() {
            question.ask_own_requirements();
        } else {
            question.ask_labels();
            question.ask_topology();
        }
        question.ask_whole_pool();
        question.ask_min_values();
        question
    }

    fn is_filtered_out(&self) -> bool {
        matches!(self.pool.state.eligibility, PoolEligibility::FilteredOut { .. })
    }

    fn stage_of(&self, key: &str) -> Stage {
        if self.pool.is_offering_key(key) { Stage::Offerings } else { Stage::Requirements }
    }

    fn ask(&mut self, cause: Cause, requirement: Requirement) {
        let stage = self.stage_of(&requirement.key);
        let bit = self.bits.bit(cause, Some(stage));
        let key = requirement.key.as_str();
        let template = self.pool.state.requirements.get(key);
        let undefined = template.is_none()
            && !self.rules.profile.is_well_known(key)
            && !matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist);
        if !self.is_filtered_out() && (undefined || !agree(template, &requirement)) {
            self.everywhere |= bit;
        }
        let wishes =
            if stage == Stage::Offerings { &mut self.offering_wishes } else { &mut self.type_wishes };
        wishes.push(Asked { requirement, bit });
    }

    fn ask_labels(&mut self) {
        let demand = self.demand;
        for wish in &demand.wishes {
            self.ask(wish.cause(), wish.requirement.clone());
        }
    }

    fn ask_own_requirements(&mut self) {
        let Some(object) = self.pool.object else { return };
        let specs = &object.spec.template.spec.requirements;
        for requirement in Requirements::from_specs(specs, self.rules.profile).iter() {
            self.ask(Cause::Label(requirement.key.clone()), requirement.clone());
        }
    }

    fn ask_topology(&mut self) {
        let demand = self.demand;
        for wish in &demand.topology {
            let template = self.pool.state.requirements.get(&wish.key).cloned();
            let open = demand.wishes_about(&wish.key).fold(template, |open, wish| match open {
                Some(open) => Some(open.intersection(&wish.requirement)),
                None => Some(wish.requirement.clone()),
            });
            let asked = wish.of_new_node(open.as_ref());
            if let Some(requirement) = &asked {
                let cause = Cause::Topology(wish.kind, wish.key.clone());
                if requirement.operator() == Operator::DoesNotExist {
                    let stage = self.stage_of(&wish.key);
                    self.everywhere |= self.bits.bit(cause, Some(stage));
                } else {
                    self.ask(cause, requirement.clone());
                }
            }
            self.topology.push(asked);
        }
    }

    fn ask_whole_pool(&mut self) {
        let state = self.pool.state;
        if let Some(cause) = Cause::of_eligibility(&state.eligibility) {
            self.everywhere |= self.bits.bit(cause, None);
        }
        let hard: Vec<Taint> =
            state.taints.iter().filter(|taint| taint.effect != PREFER_NO_SCHEDULE).cloned().collect();
        self.taints = untolerated(&hard, self.demand.tolerations()).cloned().collect();
        if !self.taints.is_empty() {
            self.everywhere |= self.bits.bit(Cause::Taint, None);
        }
        let nodes = state.limits_after.get(resource_name::NODES);
        if nodes.is_some_and(|left| left.is_zero() || left.is_negative()) {
            let cause = Cause::Limit(resource_name::NODES.into());
            self.everywhere |= self.bits.bit(cause, Some(Stage::Limits));
        }
    }

    fn ask_min_values(&mut self) {
        if self.rules.min_values_policy == MinValuesPolicy::BestEffort {
            return;
        }
        let state = self.pool.state;
        for requirement in state.requirements.iter() {
            if let Some(least) = requirement.min_values {
                let cause = Cause::MinValues(requirement.key.clone());
                let bit = self.bits.bit(cause, Some(Stage::MinValues));
                self.min_values.push((requirement.key.clone(), least, bit));
            }
        }
    }

    /// What stands in the way of each way to buy each type.
    fn masks(&mut self) -> Vec<Vec<Mask>> {
        let pool = self.pool;
        pool.types.iter().map(|row| self.masks_of(row)).collect()
    }

    fn masks_of(&mut self, row: &TypeRow<'_>) -> Vec<Mask> {
        let instance_type = row.instance_type;
        let base = self.everywhere
            | wishes_mask(&self.type_wishes, &instance_type.requirements)
            | self.limits_mask(instance_type)
            | self.ports_mask(row)
            | self.volumes_mask(instance_type);
        let mut total = self.demand.requests.clone();
        if let Some((overhead, _)) = row.group.and_then(|group| self.pool.groups.get(group)) {
            total.add(overhead);
        }
        let mut masks: Vec<Mask> = Vec::new();
        for (allocatable, offerings) in &row.options {
            let mut fit = 0;
            for (name, asked) in total.iter() {
                // Only what the pod itself asks can be lifted at the pod; the rest is the DaemonSets'.
                if asked > allocatable.amount(name) {
                    fit |= self.bits.bit(Cause::Resource(name.into()), Some(Stage::Resources));
                }
            }
            for offering in offerings {
                let requirements = &instance_type.offerings[*offering].requirements;
                add_minimal(&mut masks, base | fit | wishes_mask(&self.offering_wishes, requirements));
            }
        }
        masks
    }

    fn limits_mask(&mut self, instance_type: &InstanceType) -> Mask {
        let limits = &self.pool.state.limits_after;
        let mut mask = 0;
        for (name, left) in limits.iter().filter(|(name, _)| *name != resource_name::NODES) {
            if instance_type.capacity.amount(name) > left {
                mask |= self.bits.bit(Cause::Limit(name.into()), Some(Stage::Limits));
            }
        }
        mask
    }

    fn volumes_mask(&mut self, instance_type: &InstanceType) -> Mask {
        let limits = &instance_type.volume_attachment_limits;
        let over = self.rules.rules.limits_volumes_by_instance_type()
            && self
                .demand
                .volumes
                .iter()
                .any(|(driver, count)| limits.get(driver).is_some_and(|limit| count > limit));
        if over { self.bits.bit(Cause::VolumeLimit, Some(Stage::Resources)) } else { 0 }
    }

    fn ports_mask(&mut self, row: &TypeRow<'_>) -> Mask {
        if self.demand.host_ports.is_empty() {
            return 0;
        }
        let taken = row.group.and_then(|group| self.pool.groups.get(group)).map_or(&[][..], |group| &group.1);
        let conflict =
            taken.iter().any(|(_, taken)| self.demand.host_ports.iter().any(|port| port.conflicts(taken)));
        if conflict { self.bits.bit(Cause::HostPort, Some(Stage::Resources)) } else { 0 }
    }

    fn answer(mut self) -> PoolFunnel {
        let masks = self.masks();
        let left = |question: &Self, lifted: Mask| question.left(&masks, lifted);
        let types = if self.is_filtered_out() { 0 } else { self.pool.types.len() };
        let stages = self.stages(&masks, types);
        let fitting: Vec<usize> = self.survivors(&masks, 0).collect();
        let fits = left(&self, 0) > 0;
        let stopped_by = if fits { Vec::new() } else { self.stopped_by(&masks) };
        let nearest = if fits { BTreeMap::new() } else { self.nearest(&masks) };
        let values_left = self
            .min_values
            .iter()
            .map(|(key, _, bit)| (key.clone(), self.distinct_values(key, self.survivors(&masks, *bit))))
            .collect();
        PoolFunnel {
            name: self.pool.state.name.clone(),
            weight: self.pool.state.weight,
            types,
            stages,
            stopped_by,
            taints: self.taints,
            fitting,
            nearest,
            values_left,
            topology: self.topology,
        }
    }

    /// Types with a way to buy them once the causes in `lifted` are gone, minValues aside.
    fn survivors<'m>(&self, masks: &'m [Vec<Mask>], lifted: Mask) -> impl Iterator<Item = usize> + 'm {
        masks
            .iter()
            .enumerate()
            .filter(move |(_, ways)| ways.iter().any(|way| way & !lifted == 0))
            .map(|(position, _)| position)
    }

    /// How many types are left in the end once the causes in `lifted` are gone.
    fn left(&self, masks: &[Vec<Mask>], lifted: Mask) -> usize {
        let count = self.survivors(masks, lifted).count();
        let met =
            self.min_values.iter().filter(|(_, _, bit)| lifted & bit == 0).all(|(key, least, _)| {
                self.distinct_values(key, self.survivors(masks, lifted)) as i64 >= *least
            });
        if met { count } else { 0 }
    }

    /// How many different values of a key the given types have.
    fn distinct_values(&self, key: &str, types: impl Iterator<Item = usize>) -> usize {
        let template = self
            .pool
            .state
            .requirements
            .get(key)
            .filter(|_| self.rules.rules.min_values_count_allowed_only() && !self.is_filtered_out());
        let wishes: Vec<&Wish> = self.demand.wishes_about(key).collect();
        let allowed = |value: &str| {
            template.is_none_or(|template| {
                template.has(value) && wishes.iter().all(|wish| wish.requirement.has(value))
            })
        };
        let mut values: BTreeSet<&CompactString> = BTreeSet::new();
        for position in types {
            let requirement = self.pool.types[position].instance_type.requirements.get(key);
            values.extend(
                requirement.iter().flat_map(|requirement| &requirement.values).filter(|v| allowed(v)),
            );
        }
        values.len()
    }

    fn stages(&self, masks: &[Vec<Mask>], types: usize) -> Vec<StageCount> {
        // Taints and other whole-pool stops say nothing about types: the counts stand.
        let whole_pool = self.bits.mask_where(|stage| stage.is_none());
        let everything = self.bits.mask_where(|_| true);
        let mut open = types > 0;
        Stage::ALL
            .into_iter()
            .map(|stage| {
                let later = everything & !self.bits.up_to(stage);
                let lifted = whole_pool | later;
                let left = if stage == Stage::MinValues {
                    self.left(masks, lifted)
                } else {
                    self.survivors(masks, lifted).count()
                };
                let shown = open.then_some(left);
                open &= left > 0;
                StageCount { stage, left: shown, without: self.left(masks, self.bits.of(stage)) }
            })
            .collect()
    }

    /// Every single cause whose removal is enough; else every smallest pair; else one smallest set.
    fn stopped_by(&self, masks: &[Vec<Mask>]) -> Vec<Vec<Cause>> {
        let relevant: Vec<usize> = {
            let seen = masks.iter().flatten().fold(0, |all, way| all | way);
            let min_values = self.min_values.iter().fold(0, |all, (_, _, bit)| all | bit);
            let seen = seen | min_values | self.everywhere;
            (0..self.bits.causes.len().min(Mask::BITS as usize)).filter(|at| seen & (1 << at) != 0).collect()
        };
        let zero = self.zero_stage(masks);
        let order = |causes: &[usize]| {
            let at_zero = causes.iter().any(|at| self.bits.stages[*at] == zero);
            let stage = causes.iter().map(|at| self.bits.stages[*at]).max();
            (!at_zero, stage)
        };
        let mut singles: Vec<Vec<usize>> =
            relevant.iter().filter(|at| self.left(masks, 1 << **at) > 0).map(|at| vec![*at]).collect();
        if singles.is_empty() {
            for (first, a) in relevant.iter().enumerate() {
                for b in &relevant[first + 1..] {
                    if self.left(masks, 1 << a | 1 << b) > 0 {
                        singles.push(vec![*a, *b]);
                    }
                }
            }
            singles.sort_by_key(|pair| order(pair));
            singles.truncate(1);
        }
        if singles.is_empty() {
            let smallest = masks.iter().flatten().min_by_key(|way| way.count_ones()).copied();
            let mut set = smallest.unwrap_or(self.everywhere);
            for (_, _, bit) in &self.min_values {
                if self.left(masks, set) == 0 {
                    set |= bit;
                }
            }
            let members: Vec<usize> = relevant.iter().filter(|at| set & (1 << **at) != 0).copied().collect();
            if !members.is_empty() {
                singles.push(members);
            }
        }
        singles.sort_by_key(|causes| order(causes));
        singles
            .into_iter()
            .map(|causes| causes.into_iter().map(|at| self.bits.causes[at].clone()).collect())
            .collect()
    }

    fn zero_stage(&self, masks: &[Vec<Mask>]) -> Option<Stage> {
        let counts = self.stages(masks, self.pool.types.len());
        counts.iter().find(|count| count.left == Some(0)).map(|count| count.stage)
    }

    /// Per cause the type that comes nearest: fewest other causes in its way, then smallest shortfall, then the
    /// lower price, then the provider's order.
    fn nearest(&self, masks: &[Vec<Mask>]) -> BTreeMap<Cause, usize> {
        let mut best: BTreeMap<usize, (u32, i128, u64, usize)> = BTreeMap::new();
        for (position, ways) in masks.iter().enumerate() {
            for way in ways {
                for at in (0..self.bits.causes.len()).filter(|at| way & (1 << at) != 0) {
                    let others = (way & !(1 << at)).count_ones();
                    let price = self.pool.types[position].price_rank;
                    let score = (others, self.shortfall(at, position), price, position);
                    best.entry(at).and_modify(|known| *known = (*known).min(score)).or_insert(score);
                }
            }
        }
        best.into_iter().map(|(at, (_, _, _, position))| (self.bits.causes[at].clone(), position)).collect()
    }

    fn shortfall(&self, at: usize, position: usize) -> i128 {
        let row = &self.pool.types[position];
        match &self.bits.causes[at] {
            Cause::Resource(name) => {
                let overhead = row.group.and_then(|group| self.pool.groups.get(group));
                let overhead = overhead.map_or(0, |(overhead, _)| overhead.amount(name).nanos());
                let has = row.options.first().map_or(0, |(has, _)| has.amount(name).nanos());
                self.demand.requests.amount(name).nanos() + overhead - has
            }
            Cause::Limit(name) => row.instance_type.capacity.amount(name).nanos(),
            _ => 0,
        }
    }
}

/// Wishes that these requirements do not meet. A key whose wishes hold one by one but not together fails as a
/// whole.
fn wishes_mask(wishes: &[Asked], requirements: &Requirements) -> Mask {
    let mut mask = 0;
    for (position, wish) in wishes.iter().enumerate() {
        let Some(has) = requirements.get(&wish.requirement.key) else { continue };
        if !agree(Some(has), &wish.requirement) {
            mask |= wish.bit;
            continue;
        }
        let twins = wishes[..position].iter().filter(|other| other.requirement.key == wish.requirement.key);
        for twin in twins {
            let joint = twin.requirement.intersection(&wish.requirement);
            if mask & (twin.bit | wish.bit) == 0 && !agree(Some(has), &joint) {
                mask |= twin.bit | wish.bit;
            }
        }
    }
    mask
}

/// Adds a set of causes unless a smaller one is known; forgets larger ones.
fn add_minimal(masks: &mut Vec<Mask>, mask: Mask) {
    if masks.iter().any(|known| known & mask == *known) {
        return;
    }
    masks.retain(|known| known & mask != mask);
    masks.push(mask);
}
