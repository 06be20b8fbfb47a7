//! What became of a pod: phase, conditions, containers.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Condition, ResourceList, ResourceRequirements};

/// What became of a pod.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub phase: CompactString,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Node that pods are being pre-empted on for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nominated_node_name: Option<CompactString>,
    /// When the kubelet took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// Containers, where something about them matters (resources in effect, restarts).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
    /// The same for init containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
}

impl PodStatus {
    /// Gives back what lists reserved while they were decoded: of 50,000 pods a third of the memory.
    pub(super) fn shrink(&mut self) {
        self.conditions.shrink_to_fit();
        self.container_statuses.shrink_to_fit();
        self.init_container_statuses.shrink_to_fit();
    }
}

/// Status of a container.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Container.
    pub name: CompactString,
    /// Resources in effect; boxed, as few clusters say them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Box<ResourceRequirements>>,
    /// Resources the node has set aside.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub allocated_resources: ResourceList,
    /// How often it was restarted.
    #[serde(skip_serializing_if = "is_zero")]
    pub restart_count: i32,
    /// Whether it is ready.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// What it does now; only waiting has something to tell.
    #[serde(skip_serializing_if = "ContainerState::is_plain")]
    pub state: ContainerState,
}

/// What a container does now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// Set where it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<ContainerWaiting>,
}

impl ContainerState {
    fn is_plain(&self) -> bool {
        self.waiting.is_none()
    }
}

/// Why a container waits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerWaiting {
    /// `CrashLoopBackOff`, `ImagePullBackOff`, `ContainerCreating`, …
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub reason: CompactString,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
