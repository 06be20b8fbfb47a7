//! The funnel: how many instance types of one NodePool each stage leaves to one pod, and what stopped it.
//!
//! Every instance type gets, per offering, the set of causes that stand in its way, as bits of one word. What is
//! left without some causes is then a count of words, so the answer does not depend on the order of the stages.
//! Cost: types × offerings once per pod and NodePool, then one pass over the distinct words per question.
//!
//! ```text
//! NodePool ─► PoolIndex (shaped once) ─┐
//! pod ─► Demand ───────────────────────┴─► Question ─► masks of causes ─► PoolFunnel
//! ```

mod masks;
mod pool_index;
mod question;
mod stops;

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::cause::{Cause, Stage};
use crate::model::{LabelProfile, MinValuesPolicy, Requirement, RuleSet, Taint};

pub use pool_index::PoolIndex;

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
