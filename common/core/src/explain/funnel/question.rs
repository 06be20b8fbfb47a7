//! One pod against one NodePool: which causes stand in the way of each way to buy each type, and what is left
//! without some of them.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::masks::{Bits, Mask, add_minimal};
use super::pool_index::{PoolIndex, TypeRow};
use super::{PoolFunnel, Rules, StageCount};
use crate::explain::cause::{Cause, Stage};
use crate::explain::demand::{Demand, Wish};
use crate::model::{
    InstanceType, MinValuesPolicy, Operator, PREFER_NO_SCHEDULE, Requirement, Requirements, Taint,
    resource_name, untolerated,
};
use crate::sim::PoolEligibility;

/// Whether both sides of one key can be satisfied together; an absent side asks nothing.
pub(super) fn agree(mine: Option<&Requirement>, theirs: &Requirement) -> bool {
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
pub(super) struct Question<'q, 'a> {
    pub(super) pool: &'q PoolIndex<'a>,
    pub(super) demand: &'q Demand<'q>,
    rules: Rules<'q>,
    pub(super) bits: Bits,
    /// Wishes by key; offering keys apart.
    offering_wishes: Vec<Asked>,
    type_wishes: Vec<Asked>,
    /// Bits that stand in the way of every type.
    pub(super) everywhere: Mask,
    taints: Vec<Taint>,
    topology: Vec<Option<Requirement>>,
    pub(super) min_values: Vec<(CompactString, i64, Mask)>,
}

impl<'q, 'a> Question<'q, 'a> {
    pub(super) fn new(pool: &'q PoolIndex<'a>, demand: &'q Demand<'q>, rules: Rules<'q>) -> Self {
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

    pub(super) fn answer(mut self) -> PoolFunnel {
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
    pub(super) fn survivors<'m>(
        &self,
        masks: &'m [Vec<Mask>],
        lifted: Mask,
    ) -> impl Iterator<Item = usize> + 'm {
        masks
            .iter()
            .enumerate()
            .filter(move |(_, ways)| ways.iter().any(|way| way & !lifted == 0))
            .map(|(position, _)| position)
    }

    /// How many types are left in the end once the causes in `lifted` are gone.
    pub(super) fn left(&self, masks: &[Vec<Mask>], lifted: Mask) -> usize {
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

    pub(super) fn stages(&self, masks: &[Vec<Mask>], types: usize) -> Vec<StageCount> {
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
