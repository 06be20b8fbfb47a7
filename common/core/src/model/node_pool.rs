//! NodePool: template, weight, limits and disruption budgets.
//!
//! Karpenter: pkg/apis/v1/nodepool.go, nodepool_status.go.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Condition, Labels, NodeClaimSpec, ObjectMeta, ResourceList, condition, condition_is_true};

/// A NodePool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePool {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: NodePoolSpec,
    /// Status.
    pub status: NodePoolStatus,
}

impl NodePool {
    /// Name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Higher weights are tried first; unset is 0.
    pub fn weight(&self) -> i32 {
        self.spec.weight.unwrap_or(0)
    }

    /// Whether it holds a fixed number of nodes and is never used for pending pods.
    pub fn is_static(&self) -> bool {
        self.spec.replicas.is_some()
    }

    /// Whether Karpenter may use it. `Ready` is recomputed on reading: while a condition it depends on is
    /// missing it is unknown, so all three must be there.
    pub fn is_ready(&self) -> bool {
        let conditions = &self.status.conditions;
        ["ValidationSucceeded", "NodeClassReady"].iter().all(|kind| condition(conditions, kind).is_some())
            && condition_is_true(conditions, "Ready")
    }
}

/// Spec of a NodePool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePoolSpec {
    /// Template of its NodeClaims.
    pub template: NodeClaimTemplate,
    /// Disruption settings.
    pub disruption: Disruption,
    /// Most it may hold in all.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub limits: ResourceList,
    /// Rank among NodePools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// Fixed number of nodes (static NodePools).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
}

/// Template of NodeClaims.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClaimTemplate {
    /// Labels and annotations of the nodes.
    pub metadata: TemplateMeta,
    /// Spec.
    pub spec: NodeClaimSpec,
}

/// Metadata of a template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateMeta {
    /// Labels.
    #[serde(skip_serializing_if = "Labels::is_absent")]
    pub labels: Labels,
    /// Annotations.
    #[serde(skip_serializing_if = "Labels::is_absent")]
    pub annotations: Labels,
}

/// Reference to a NodeClass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClassReference {
    /// API group, `karpenter.k8s.aws`.
    pub group: CompactString,
    /// Kind, `EC2NodeClass`.
    pub kind: CompactString,
    /// Name.
    pub name: CompactString,
}

/// Disruption settings of a NodePool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Disruption {
    /// How long a node must be quiet: a Go duration or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consolidate_after: Option<CompactString>,
    /// `WhenEmpty`, `WhenEmptyOrUnderutilized` or `Balanced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consolidation_policy: Option<CompactString>,
    /// How many nodes may be disrupted at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budgets: Option<Vec<Budget>>,
}

/// One disruption budget.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// Reasons it is about; none = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Vec<CompactString>>,
    /// A number or a percentage.
    pub nodes: CompactString,
    /// When it begins: cron, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<CompactString>,
    /// How long it lasts: a Go duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<CompactString>,
}

/// Status of a NodePool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePoolStatus {
    /// What its nodes hold in all, as the controller counted.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub resources: ResourceList,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
