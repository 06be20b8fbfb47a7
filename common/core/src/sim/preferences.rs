//! What a pod demands of its node, and how the controller lets go of it step by step.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/preferences.go and pkg/scheduling/requirements.go
//! (`newPodRequirements`).

use super::go_sort;
use crate::model::{
    LabelProfile, Labels, NodeSelectorTerm, PREFER_NO_SCHEDULE, PodAffinity, PodSpec, PreferredNodeTerm,
    Requirement, RequirementSpec, Requirements, SelectorExpression, Toleration, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};

/// The part of a pod's spec that scheduling reads and relaxation changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constraints {
    pub node_selector: Labels,
    /// Required node affinity; only the first term counts at any moment.
    pub required: Option<Vec<NodeSelectorTerm>>,
    /// Preferred node affinity; only the heaviest term counts at any moment.
    pub preferred: Vec<PreferredNodeTerm>,
    pub affinity: PodAffinity,
    pub anti_affinity: PodAffinity,
    pub spreads: Vec<TopologySpreadConstraint>,
    pub tolerations: Vec<Toleration>,
}

impl Constraints {
    /// As the pod was written. Preferred node terms are in the order in which the controller sorts them.
    pub(super) fn of(spec: &PodSpec) -> Self {
        let affinity = spec.affinity.as_ref();
        let node_affinity = affinity.and_then(|affinity| affinity.node_affinity.as_ref());
        let mut preferred: Vec<PreferredNodeTerm> =
            node_affinity.map(|node| node.preferred.clone()).unwrap_or_default();
        go_sort::sort_slice(&mut preferred, &|a, b| a.weight > b.weight);
        Self {
            node_selector: spec.node_selector.clone(),
            required: node_affinity
                .and_then(|node| node.required.as_ref())
                .map(|selector| selector.node_selector_terms.clone()),
            preferred,
            affinity: affinity.and_then(|affinity| affinity.pod_affinity.clone()).unwrap_or_default(),
            anti_affinity: affinity
                .and_then(|affinity| affinity.pod_anti_affinity.clone())
                .unwrap_or_default(),
            spreads: spec.topology_spread_constraints.clone(),
            tolerations: spec.tolerations.clone(),
        }
    }

    /// Node requirements with the heaviest preference taken as a demand.
    pub(super) fn requirements(&self, profile: &LabelProfile) -> Requirements {
        let mut requirements = Requirements::from_labels(&self.node_selector, profile);
        if let Some(preference) = self.preferred.first() {
            requirements.add_all(&term_requirements(&preference.preference, profile));
        }
        if let Some(term) = self.required.as_ref().and_then(|terms| terms.first()) {
            requirements.add_all(&term_requirements(term, profile));
        }
        requirements
    }

    /// Node requirements without any preference.
    pub(super) fn strict_requirements(&self, profile: &LabelProfile) -> Requirements {
        let mut requirements = Requirements::from_labels(&self.node_selector, profile);
        if let Some(term) = self.required.as_ref().and_then(|terms| terms.first()) {
            requirements.add_all(&term_requirements(term, profile));
        }
        requirements
    }

    /// Drops the first required node-affinity term if more than one is left.
    pub(super) fn drop_required_term(&mut self) -> bool {
        match &mut self.required {
            Some(terms) if terms.len() > 1 => {
                terms.remove(0);
                true
            }
            _ => false,
        }
    }

    /// Adds a toleration for every soft taint, unless it is there.
    pub(super) fn tolerate_prefer_no_schedule(&mut self) -> bool {
        let given = |text: &Option<compact_str::CompactString>| text.clone().unwrap_or_default();
        let there = self.tolerations.iter().any(|toleration| {
            given(&toleration.key).is_empty()
                && given(&toleration.effect) == PREFER_NO_SCHEDULE
                && given(&toleration.operator) == "Exists"
                && given(&toleration.value).is_empty()
        });
        if !there {
            self.tolerations.push(Toleration {
                operator: Some("Exists".into()),
                effect: Some(PREFER_NO_SCHEDULE.into()),
                ..Toleration::default()
            });
        }
        !there
    }

    /// One step towards fewer demands, in the controller's order; none where nothing is left to give up.
    /// `soft_taints`: some NodePool has a taint that is only preferred.
    pub(super) fn relaxed(&self, soft_taints: bool) -> Option<Constraints> {
        let mut next = self.clone();
        let changed = next.drop_required_term()
            || drop_heaviest(&mut next.affinity.preferred)
            || drop_heaviest(&mut next.anti_affinity.preferred)
            || next.drop_preferred_node_term()
            || next.drop_soft_spread()
            || soft_taints && next.tolerate_prefer_no_schedule();
        changed.then_some(next)
    }

    fn drop_preferred_node_term(&mut self) -> bool {
        if self.preferred.is_empty() {
            return false;
        }
        self.preferred.sort_by_key(|term| std::cmp::Reverse(term.weight));
        self.preferred.remove(0);
        true
    }

    /// The first constraint that only prefers goes; the last one takes its place.
    fn drop_soft_spread(&mut self) -> bool {
        let soft = self.spreads.iter().position(|spread| spread.when_unsatisfiable == "ScheduleAnyway");
        soft.map(|position| self.spreads.swap_remove(position)).is_some()
    }
}

fn drop_heaviest(terms: &mut Vec<WeightedPodAffinityTerm>) -> bool {
    if terms.is_empty() {
        return false;
    }
    terms.sort_by_key(|term| std::cmp::Reverse(term.weight));
    terms.remove(0);
    true
}

/// Expressions of a term; fields are not read.
pub(super) fn term_requirements(term: &NodeSelectorTerm, profile: &LabelProfile) -> Requirements {
    term.match_expressions.iter().map(|expression| expression_requirement(expression, profile)).collect()
}

/// One expression as a requirement.
pub(super) fn expression_requirement(expression: &SelectorExpression, profile: &LabelProfile) -> Requirement {
    let spec = RequirementSpec {
        key: expression.key.clone(),
        operator: expression.operator.clone(),
        values: expression.values.clone(),
        min_values: None,
    };
    Requirement::from_spec(&spec, profile)
}
