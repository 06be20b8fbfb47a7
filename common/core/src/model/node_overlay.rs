//! NodeOverlay: prices and capacity that users put over the provider's.
//!
//! Karpenter: pkg/apis/v1alpha1/nodeoverlay.go.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Condition, ObjectMeta, RequirementSpec, ResourceList};

/// A NodeOverlay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeOverlay {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: NodeOverlaySpec,
    /// Status.
    pub status: NodeOverlayStatus,
}

/// Spec of a NodeOverlay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeOverlaySpec {
    /// What it applies to.
    pub requirements: Vec<RequirementSpec>,
    /// `+5`, `-10%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_adjustment: Option<CompactString>,
    /// An absolute price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<CompactString>,
    /// Resources added or replaced.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// Rank; higher wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

/// Status of a NodeOverlay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeOverlayStatus {
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
