//! NodeClaim: one machine Karpenter asked for.

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Condition, List, NodeClassReference, ObjectMeta, RequirementSpec, ResourceList, Taint, shared};

/// A NodeClaim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClaim {
    /// Metadata; shared between copies.
    #[serde(with = "shared")]
    pub metadata: Arc<ObjectMeta>,
    /// Spec; shared between copies.
    #[serde(with = "shared")]
    pub spec: Arc<NodeClaimSpec>,
    /// Status; shared between copies.
    #[serde(with = "shared")]
    pub status: Arc<NodeClaimStatus>,
}

impl NodeClaim {
    /// The metadata, to be changed in this copy alone.
    pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
        Arc::make_mut(&mut self.metadata)
    }

    /// The spec, to be changed in this copy alone.
    pub fn spec_mut(&mut self) -> &mut NodeClaimSpec {
        Arc::make_mut(&mut self.spec)
    }

    /// The status, to be changed in this copy alone.
    pub fn status_mut(&mut self) -> &mut NodeClaimStatus {
        Arc::make_mut(&mut self.status)
    }
}

/// Spec of a NodeClaim, and of a NodePool's template.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClaimSpec {
    /// Taints of the node.
    #[serde(skip_serializing_if = "List::is_absent")]
    pub taints: List<Taint>,
    /// Taints that something on the node removes.
    #[serde(skip_serializing_if = "List::is_absent")]
    pub startup_taints: List<Taint>,
    /// Requirements.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub requirements: List<RequirementSpec>,
    /// Resources (NodeClaims only).
    #[serde(skip_serializing_if = "NodeClaimResources::is_empty")]
    pub resources: NodeClaimResources,
    /// NodeClass.
    pub node_class_ref: NodeClassReference,
    /// Age at which the node is replaced: a Go duration or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<CompactString>,
    /// Longest drain: a Go duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period: Option<CompactString>,
}

/// What a NodeClaim must have room for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClaimResources {
    /// Requests of its pods and DaemonSets.
    pub requests: ResourceList,
}

impl NodeClaimResources {
    fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

/// Status of a NodeClaim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClaimStatus {
    /// Node it became.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub node_name: CompactString,
    /// Id at the provider; empty until launched.
    #[serde(rename = "providerID", skip_serializing_if = "CompactString::is_empty")]
    pub provider_id: CompactString,
    /// Image it runs.
    #[serde(rename = "imageID", skip_serializing_if = "CompactString::is_empty")]
    pub image_id: CompactString,
    /// Capacity as launched.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// Allocatable as launched.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub allocatable: ResourceList,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When a pod last came or went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_pod_event_time: Option<jiff::Timestamp>,
}
