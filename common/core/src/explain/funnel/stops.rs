//! What stopped a pod at a NodePool: the smallest sets of causes, and the type that comes nearest to each.

use std::collections::BTreeMap;

use super::masks::Mask;
use super::question::Question;
use crate::explain::cause::{Cause, Stage};

impl Question<'_, '_> {
    /// Every single cause whose removal is enough; else every smallest pair; else one smallest set.
    pub(super) fn stopped_by(&self, masks: &[Vec<Mask>]) -> Vec<Vec<Cause>> {
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
    pub(super) fn nearest(&self, masks: &[Vec<Mask>]) -> BTreeMap<Cause, usize> {
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
