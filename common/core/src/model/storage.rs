//! Claims, volumes and storage classes, as far as they decide where a pod can run.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{NodeSelector, ObjectMeta};

/// A PersistentVolumeClaim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeClaim {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: PersistentVolumeClaimSpec,
    /// Status.
    pub status: PersistentVolumeClaimStatus,
}

/// Spec of a claim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeClaimSpec {
    /// Volume it is bound to; empty = unbound.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub volume_name: CompactString,
    /// Storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<CompactString>,
}

/// Status of a claim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeClaimStatus {
    /// `Pending`, `Bound` or `Lost`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub phase: CompactString,
}

/// A PersistentVolume.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolume {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: PersistentVolumeSpec,
}

/// Spec of a volume.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeSpec {
    /// CSI source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi: Option<CsiSource>,
    /// In-tree EBS source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_elastic_block_store: Option<InTreeSource>,
    /// A disk of one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<InTreeSource>,
    /// A path of one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<InTreeSource>,
    /// Nodes it can be reached from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<VolumeNodeAffinity>,
    /// Storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<CompactString>,
}

/// Source behind a CSI driver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiSource {
    /// Driver name.
    pub driver: CompactString,
}

/// A source of which only the presence matters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InTreeSource {}

/// Nodes a volume can be reached from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeNodeAffinity {
    /// Hard: one of these terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<NodeSelector>,
}

/// A StorageClass.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageClass {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Driver.
    pub provisioner: CompactString,
    /// `Immediate` or `WaitForFirstConsumer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_binding_mode: Option<CompactString>,
    /// Where volumes may be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_topologies: Vec<TopologySelectorTerm>,
}

/// One alternative of where volumes may be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologySelectorTerm {
    /// Labels with their values.
    pub match_label_expressions: Vec<TopologySelectorExpression>,
}

/// A label with values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologySelectorExpression {
    /// Label key.
    pub key: CompactString,
    /// Values.
    pub values: Vec<CompactString>,
}
