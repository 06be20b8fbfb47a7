//! Node and CSINode as the API has them; joined with a NodeClaim they are a [`super::StateNode`].

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Condition, ObjectMeta, ResourceList, Taint, shared};

/// A node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Metadata; shared between copies.
    #[serde(with = "shared")]
    pub metadata: Arc<ObjectMeta>,
    /// Spec.
    pub spec: NodeSpec,
    /// Status; shared between copies.
    #[serde(with = "shared")]
    pub status: Arc<NodeStatus>,
}

impl Node {
    /// The metadata, to be changed in this copy alone.
    pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
        Arc::make_mut(&mut self.metadata)
    }

    /// The status, to be changed in this copy alone.
    pub fn status_mut(&mut self) -> &mut NodeStatus {
        Arc::make_mut(&mut self.status)
    }
}

/// Spec of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// Id at the provider: pairs the node with its NodeClaim.
    #[serde(rename = "providerID", skip_serializing_if = "CompactString::is_empty")]
    pub provider_id: CompactString,
    /// Taints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Cordoned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unschedulable: bool,
}

/// Status of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// All there is.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// What pods may ask for.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub allocatable: ResourceList,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Versions the kubelet reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_info: Option<NodeInfo>,
}

/// Versions the kubelet reports.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeInfo {
    /// Kubelet version.
    pub kubelet_version: CompactString,
    /// Operating system image.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub os_image: CompactString,
}

/// What a node's storage drivers can attach.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiNode {
    /// Metadata; the name is the node's.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: CsiNodeSpec,
}

/// Drivers of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiNodeSpec {
    /// Drivers.
    pub drivers: Vec<CsiDriver>,
}

/// One driver of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiDriver {
    /// Driver name.
    pub name: CompactString,
    /// What it can attach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable: Option<CsiAllocatable>,
}

/// How many volumes a driver can attach.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiAllocatable {
    /// The number; absent = see the rule set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
}
