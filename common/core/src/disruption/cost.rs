//! What moving pods costs, in the controller's own currency.
//!
//! Mirrors karpenter: pkg/utils/disruption/disruption.go and pkg/controllers/disruption/types.go.

use crate::model::{ControllerSettings, Pod, RuleSet};

/// Cost of a node without pods: draining it is work too.
pub const PER_NODE: f64 = 1.0;

const DISRUPTION_COST: &str = "karpenter.sh/disruption-cost";
const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Which annotations count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostRules {
    /// `karpenter.sh/disruption-cost` is read first, and costs are 32-bit integers (1.15).
    pub reads_disruption_cost: bool,
    /// The controller writes pod-deletion-cost itself (gate `PodDeletionCostManagement`), so does not read it.
    pub manages_pod_deletion_cost: bool,
}

impl CostRules {
    /// Of a controller.
    pub fn of(rules: RuleSet, settings: &ControllerSettings) -> Self {
        let reads_disruption_cost = rules.reads_disruption_cost();
        Self {
            reads_disruption_cost,
            manages_pod_deletion_cost: reads_disruption_cost && settings.gate("PodDeletionCostManagement"),
        }
    }
}

/// Cost of evicting one pod, 1 without any annotation and priority, within -10 to 10.
pub fn eviction_cost(pod: &Pod, rules: CostRules) -> f64 {
    let priority = f64::from(pod.spec.priority.unwrap_or_default());
    let cost = 1.0 + annotated_cost(pod, rules) / f64::from(1u32 << 27) + priority / f64::from(1u32 << 25);
    cost.clamp(-10.0, 10.0)
}

fn annotated_cost(pod: &Pod, rules: CostRules) -> f64 {
    let annotation = |key: &str| pod.metadata.annotations.get(key);
    if !rules.reads_disruption_cost {
        return annotation(POD_DELETION_COST).and_then(|text| text.parse().ok()).unwrap_or_default();
    }
    let integer = |text: &str| text.parse::<i32>().map(f64::from).unwrap_or_default();
    match annotation(DISRUPTION_COST) {
        Some(text) => integer(text),
        None if rules.manages_pod_deletion_cost => 0.0,
        None => annotation(POD_DELETION_COST).map(integer).unwrap_or_default(),
    }
}

/// Cost of moving all of a node's reschedulable pods: at least [`PER_NODE`]. A node that costs no more is empty.
pub fn reschedule_cost<'a>(reschedulable: impl IntoIterator<Item = &'a Pod>, rules: CostRules) -> f64 {
    reschedulable.into_iter().fold(PER_NODE, |cost, pod| cost + eviction_cost(pod, rules).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PodSpec;

    const NEW: CostRules = CostRules { reads_disruption_cost: true, manages_pod_deletion_cost: false };
    const OLD: CostRules = CostRules { reads_disruption_cost: false, manages_pod_deletion_cost: false };
    const MANAGED: CostRules = CostRules { reads_disruption_cost: true, manages_pod_deletion_cost: true };

    #[test]
    fn e03_annotations_and_priority() {
        for (name, annotations, priority, rules, cost) in [
            ("plain", vec![], None, NEW, 1.0),
            ("deletion cost", vec![(POD_DELETION_COST, "134217728")], None, NEW, 2.0),
            ("empty by cost", vec![(POD_DELETION_COST, "-134217728")], None, NEW, 0.0),
            ("clamped", vec![(POD_DELETION_COST, "-2147483648")], None, NEW, -10.0),
            ("a fraction counts before 1.15", vec![(POD_DELETION_COST, "1.34217728e8")], None, OLD, 2.0),
            ("and is ignored since", vec![(POD_DELETION_COST, "1.34217728e8")], None, NEW, 1.0),
            (
                "own annotation first",
                vec![(DISRUPTION_COST, "0"), (POD_DELETION_COST, "134217728")],
                None,
                NEW,
                1.0,
            ),
            (
                "no fallback when unreadable",
                vec![(DISRUPTION_COST, "x"), (POD_DELETION_COST, "134217728")],
                None,
                NEW,
                1.0,
            ),
            ("own annotation unknown before", vec![(DISRUPTION_COST, "134217728")], None, OLD, 1.0),
            ("managed", vec![(POD_DELETION_COST, "134217728")], None, MANAGED, 1.0),
            ("priority", vec![], Some(33_554_432), NEW, 2.0),
            ("low priority", vec![], Some(-33_554_432), NEW, 0.0),
        ] {
            let mut pod = Pod::default();
            pod.metadata_mut().annotations = annotations.into_iter().collect();
            let mut spec = PodSpec::default();
            spec.priority = priority;
            pod.spec = spec.into();
            let found = eviction_cost(&pod, rules);
            // -2147483648 / 2^27 = -16, and 1 - 16 = -15 is clamped.
            assert!((found - cost).abs() < 1e-12, "{name}: {found}");
        }
    }

    #[test]
    fn negative_costs_do_not_lower_the_sum() {
        let mut cheap = Pod::default();
        cheap.metadata_mut().annotations = [(POD_DELETION_COST, "-2147483648")].into_iter().collect();
        assert_eq!(reschedule_cost([&cheap, &Pod::default()], NEW), 2.0);
        assert_eq!(reschedule_cost([&cheap], NEW), PER_NODE);
    }
}
