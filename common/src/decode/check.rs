//! Words of a closed list that an object must spell right: a misspelt one would silently change the answer.
//!
//! The API server refuses these in applied objects; in files nobody has looked at them yet.

use karp_core::model::{
    Ec2NodeClass, NodeAffinity, NodePool, PodAffinity, PodDisruptionBudget, PodSpec, RequirementSpec,
    SelectorExpression, StorageClass, Taint,
};

/// A word that is not on its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misspelt {
    /// Path of the field within the object.
    pub(super) path: String,
    /// What is written.
    pub(super) word: String,
    /// What could be written.
    pub(super) allowed: &'static [&'static str],
}

const REQUIREMENT_OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"];
const NODE_OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
const LABEL_OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const TOLERATION_OPERATORS: &[&str] = &["Equal", "Exists", "Lt", "Gt"];
const WHEN_UNSATISFIABLE: &[&str] = &["DoNotSchedule", "ScheduleAnyway"];
const INCLUSION_POLICIES: &[&str] = &["Honor", "Ignore"];
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const CONSOLIDATION_POLICIES: &[&str] = &["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"];
const DISRUPTION_REASONS: &[&str] = &["Underutilized", "Empty", "Drifted"];
const BINDING_MODES: &[&str] = &["Immediate", "WaitForFirstConsumer"];
const EVICTION_POLICIES: &[&str] = &["IfHealthyBudget", "AlwaysAllow"];
const AMI_FAMILIES: &[&str] =
    &["AL2", "AL2023", "Bottlerocket", "Custom", "Windows2019", "Windows2022", "Windows2025"];
const ENABLED: &[&str] = &["enabled", "disabled"];
const HTTP_TOKENS: &[&str] = &["required", "optional"];

/// Collects the first misspelt word.
struct Check {
    found: Option<Misspelt>,
}

impl Check {
    fn word(&mut self, path: impl FnOnce() -> String, word: &str, allowed: &'static [&'static str]) {
        if self.found.is_none() && !allowed.contains(&word) {
            self.found = Some(Misspelt { path: path(), word: word.to_owned(), allowed });
        }
    }

    /// An absent or empty word stands for the default.
    fn optional(
        &mut self,
        path: impl FnOnce() -> String,
        word: Option<&str>,
        allowed: &'static [&'static str],
    ) {
        if let Some(word) = word.filter(|word| !word.is_empty()) {
            self.word(path, word, allowed);
        }
    }

    fn requirements(&mut self, path: &str, requirements: &[RequirementSpec]) {
        for (at, requirement) in requirements.iter().enumerate() {
            self.word(|| format!("{path}[{at}].operator"), &requirement.operator, REQUIREMENT_OPERATORS);
        }
    }

    fn taints(&mut self, path: &str, taints: &[Taint]) {
        for (at, taint) in taints.iter().enumerate() {
            self.word(|| format!("{path}[{at}].effect"), &taint.effect, EFFECTS);
        }
    }

    fn expressions(
        &mut self,
        path: impl Fn() -> String,
        expressions: &[SelectorExpression],
        allowed: &'static [&'static str],
    ) {
        for (at, expression) in expressions.iter().enumerate() {
            self.word(
                || format!("{}.matchExpressions[{at}].operator", path()),
                &expression.operator,
                allowed,
            );
        }
    }

    fn node_affinity(&mut self, path: &str, affinity: &NodeAffinity) {
        for (at, term) in affinity.required.iter().flat_map(|hard| &hard.node_selector_terms).enumerate() {
            let path =
                || format!("{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{at}]");
            self.expressions(path, &term.match_expressions, NODE_OPERATORS);
        }
        for (at, soft) in affinity.preferred.iter().enumerate() {
            let path = || format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{at}].preference");
            self.expressions(path, &soft.preference.match_expressions, NODE_OPERATORS);
        }
    }

    fn pod_affinity(&mut self, path: &str, affinity: &PodAffinity) {
        let hard =
            affinity.required.iter().enumerate().map(|(at, term)| {
                (format!("{path}.requiredDuringSchedulingIgnoredDuringExecution[{at}]"), term)
            });
        let soft = affinity.preferred.iter().enumerate().map(|(at, soft)| {
            let path =
                format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{at}].podAffinityTerm");
            (path, &soft.pod_affinity_term)
        });
        for (path, term) in hard.chain(soft) {
            for (field, selector) in
                [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)]
            {
                if let Some(selector) = selector {
                    self.expressions(
                        || format!("{path}.{field}"),
                        &selector.match_expressions,
                        LABEL_OPERATORS,
                    );
                }
            }
        }
    }
}

/// A pod's spec; `path` is where it stands in the object: `spec`, `spec.template.spec`.
pub(super) fn pod_spec(path: &str, spec: &PodSpec) -> Option<Misspelt> {
    let mut check = Check { found: None };
    for (at, toleration) in spec.tolerations.iter().enumerate() {
        let field = |name: &'static str| move || format!("{path}.tolerations[{at}].{name}");
        check.optional(field("operator"), toleration.operator.as_deref(), TOLERATION_OPERATORS);
        check.optional(field("effect"), toleration.effect.as_deref(), EFFECTS);
    }
    for (at, spread) in spec.topology_spread_constraints.iter().enumerate() {
        let field = |name: &'static str| move || format!("{path}.topologySpreadConstraints[{at}].{name}");
        check.word(field("whenUnsatisfiable"), &spread.when_unsatisfiable, WHEN_UNSATISFIABLE);
        check.optional(
            field("nodeAffinityPolicy"),
            spread.node_affinity_policy.as_deref(),
            INCLUSION_POLICIES,
        );
        check.optional(field("nodeTaintsPolicy"), spread.node_taints_policy.as_deref(), INCLUSION_POLICIES);
        if let Some(selector) = &spread.label_selector {
            check.expressions(field("labelSelector"), &selector.match_expressions, LABEL_OPERATORS);
        }
    }
    if let Some(affinity) = &spec.affinity {
        if let Some(node) = &affinity.node_affinity {
            check.node_affinity(&format!("{path}.affinity.nodeAffinity"), node);
        }
        for (field, pods) in
            [("podAffinity", &affinity.pod_affinity), ("podAntiAffinity", &affinity.pod_anti_affinity)]
        {
            if let Some(pods) = pods {
                check.pod_affinity(&format!("{path}.affinity.{field}"), pods);
            }
        }
    }
    check.optional(|| format!("{path}.restartPolicy"), spec.restart_policy.as_deref(), RESTART_POLICIES);
    check.found
}

/// A NodePool.
pub(super) fn node_pool(node_pool: &NodePool) -> Option<Misspelt> {
    let mut check = Check { found: None };
    let template = &node_pool.spec.template.spec;
    check.requirements("spec.template.spec.requirements", &template.requirements);
    check.taints("spec.template.spec.taints", &template.taints);
    check.taints("spec.template.spec.startupTaints", &template.startup_taints);
    let disruption = &node_pool.spec.disruption;
    let policy = disruption.consolidation_policy.as_deref();
    check.optional(|| "spec.disruption.consolidationPolicy".to_owned(), policy, CONSOLIDATION_POLICIES);
    for (at, budget) in disruption.budgets.iter().flatten().enumerate() {
        for (reason_at, reason) in budget.reasons.iter().flatten().enumerate() {
            let path = || format!("spec.disruption.budgets[{at}].reasons[{reason_at}]");
            check.word(path, reason, DISRUPTION_REASONS);
        }
    }
    check.found
}

/// Requirements and taints of a NodeClaim or a NodeOverlay.
pub(super) fn requirements_and_taints(
    requirements: &[RequirementSpec],
    taints: &[Taint],
    startup_taints: &[Taint],
) -> Option<Misspelt> {
    let mut check = Check { found: None };
    check.requirements("spec.requirements", requirements);
    check.taints("spec.taints", taints);
    check.taints("spec.startupTaints", startup_taints);
    check.found
}

/// An EC2NodeClass.
pub(super) fn ec2_node_class(node_class: &Ec2NodeClass) -> Option<Misspelt> {
    let mut check = Check { found: None };
    let spec = &node_class.spec;
    check.optional(|| "spec.amiFamily".to_owned(), spec.ami_family.as_deref(), AMI_FAMILIES);
    let policy = spec.instance_store_policy.as_deref();
    check.optional(|| "spec.instanceStorePolicy".to_owned(), policy, &["RAID0"]);
    if let Some(options) = &spec.metadata_options {
        let field = |name: &'static str| move || format!("spec.metadataOptions.{name}");
        check.optional(field("httpEndpoint"), options.http_endpoint.as_deref(), ENABLED);
        check.optional(field("httpProtocolIPv6"), options.http_protocol_ipv6.as_deref(), ENABLED);
        check.optional(field("httpTokens"), options.http_tokens.as_deref(), HTTP_TOKENS);
    }
    check.found
}

/// A StorageClass.
pub(super) fn storage_class(class: &StorageClass) -> Option<Misspelt> {
    let mut check = Check { found: None };
    check.optional(|| "volumeBindingMode".to_owned(), class.volume_binding_mode.as_deref(), BINDING_MODES);
    check.found
}

/// A PodDisruptionBudget.
pub(super) fn pod_disruption_budget(budget: &PodDisruptionBudget) -> Option<Misspelt> {
    let mut check = Check { found: None };
    let policy = budget.spec.unhealthy_pod_eviction_policy.as_deref();
    check.optional(|| "spec.unhealthyPodEvictionPolicy".to_owned(), policy, EVICTION_POLICIES);
    if let Some(selector) = &budget.spec.selector {
        check.expressions(|| "spec.selector".to_owned(), &selector.match_expressions, LABEL_OPERATORS);
    }
    check.found
}
