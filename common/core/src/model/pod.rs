//! A pod as scheduling sees it.
//!
//! Pods of one workload carry the same spec, so [`Pod::spec`] is shared: decoders intern equal specs. What
//! differs per pod, the node it is bound to, stands beside it. Metadata and status are shared between copies of a
//! pod: a snapshot is copied to try an edit, and pods are nearly all of it.

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{
    LabelSelector, Labels, NodeSelectorTerm, ObjectMeta, PodStatus, ResourceList, Toleration, condition,
};

/// A pod.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "PodWire", into = "PodWire")]
pub struct Pod {
    /// Metadata; shared between copies.
    pub metadata: Arc<ObjectMeta>,
    /// Node it is bound to.
    pub node_name: Option<CompactString>,
    /// What it asks for; shared between equal pods.
    pub spec: Arc<PodSpec>,
    /// What became of it; shared between copies.
    pub status: Arc<PodStatus>,
}

impl Pod {
    /// A pod of these parts, which take no more room than they need from now on.
    pub fn new(
        mut metadata: ObjectMeta,
        node_name: Option<CompactString>,
        spec: Arc<PodSpec>,
        mut status: PodStatus,
    ) -> Self {
        metadata.shrink();
        status.shrink();
        Pod { metadata: Arc::new(metadata), node_name, spec, status: Arc::new(status) }
    }

    /// `namespace/name`.
    pub fn key(&self) -> String {
        self.metadata.key()
    }

    /// The metadata, to be changed in this copy alone.
    pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
        Arc::make_mut(&mut self.metadata)
    }

    /// The status, to be changed in this copy alone.
    pub fn status_mut(&mut self) -> &mut PodStatus {
        Arc::make_mut(&mut self.status)
    }

    /// Succeeded or Failed.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Neither finished nor being deleted.
    pub fn is_active(&self) -> bool {
        !self.is_terminal() && !self.metadata.is_deleting()
    }

    /// Whether the scheduler has looked at it and found no place: some `PodScheduled` condition says reason
    /// `Unschedulable`, whatever its status.
    pub fn is_marked_unschedulable(&self) -> bool {
        self.status.conditions.iter().any(|condition| {
            condition.kind == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable")
        })
    }

    /// Whether its Ready condition is `True`.
    pub fn is_ready(&self) -> bool {
        condition(&self.status.conditions, "Ready").is_some_and(|ready| ready.status == "True")
    }
}

/// The pod as the API writes it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodWire {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

impl From<PodWire> for Pod {
    fn from(mut wire: PodWire) -> Self {
        let node_name = wire.spec.take_node_name();
        Pod::new(wire.metadata, node_name, Arc::new(wire.spec), wire.status)
    }
}

impl From<Pod> for PodWire {
    fn from(pod: Pod) -> Self {
        let spec = PodSpec { node_name: pod.node_name, ..Arc::unwrap_or_clone(pod.spec) };
        PodWire {
            metadata: Arc::unwrap_or_clone(pod.metadata),
            spec,
            status: Arc::unwrap_or_clone(pod.status),
        }
    }
}

/// Spec of a pod or of a pod template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Set in templates only (rarely); a pod keeps it in [`Pod::node_name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Option<CompactString>,
    /// Labels a node must have.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub node_selector: Labels,
    /// Node and pod affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Tolerations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Spread constraints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// Init containers and sidecars.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// Volumes that matter to scheduling or eviction; others are not kept.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "relevant_volumes")]
    pub volumes: Vec<Volume>,
    /// Pod-level resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Overhead of the runtime class.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub overhead: ResourceList,
    /// Claims on devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_claims: Vec<PodResourceClaim>,
    /// Gates that keep the scheduler away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scheduling_gates: Vec<SchedulingGate>,
    /// Scheduler that places the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<CompactString>,
    /// Priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Class the priority came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<CompactString>,
    /// Whether it shares the node's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
    /// `Always`, `OnFailure` or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<CompactString>,
    /// Seconds between the request to stop and the kill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
}

impl PodSpec {
    /// The node that a spec says as the API writes it; it stands in [`Pod::node_name`]. An empty name is none.
    pub fn take_node_name(&mut self) -> Option<CompactString> {
        self.node_name.take().filter(|name| !name.is_empty())
    }
}

/// Affinity of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// To nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<NodeAffinity>,
    /// To pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_affinity: Option<PodAffinity>,
    /// Away from pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_anti_affinity: Option<PodAffinity>,
}

/// Affinity to nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAffinity {
    /// Hard: one of these terms.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Option::is_none"
    )]
    pub required: Option<NodeSelector>,
    /// Soft, with weights.
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub preferred: Vec<PreferredNodeTerm>,
}

/// Alternatives, of which one must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// The alternatives.
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// A soft node term.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreferredNodeTerm {
    /// 1 to 100.
    pub weight: i32,
    /// The term.
    pub preference: NodeSelectorTerm,
}

/// Affinity to pods, or away from them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAffinity {
    /// Hard: all of these.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub required: Vec<PodAffinityTerm>,
    /// Soft, with weights.
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub preferred: Vec<WeightedPodAffinityTerm>,
}

/// One term of pod affinity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAffinityTerm {
    /// Which pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// In which namespaces, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<CompactString>,
    /// In which namespaces, by label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// The label whose values are the domains.
    pub topology_key: CompactString,
    /// Keys whose values the API server merges into the selector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<CompactString>,
    /// Keys whose values the API server excludes in the selector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatch_label_keys: Vec<CompactString>,
}

/// A soft term of pod affinity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WeightedPodAffinityTerm {
    /// 1 to 100.
    pub weight: i32,
    /// The term.
    pub pod_affinity_term: PodAffinityTerm,
}

/// How pods spread over domains.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologySpreadConstraint {
    /// Largest difference of pods between domains.
    pub max_skew: i32,
    /// The label whose values are the domains.
    pub topology_key: CompactString,
    /// `DoNotSchedule` or `ScheduleAnyway`.
    pub when_unsatisfiable: CompactString,
    /// Which pods are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// Fewest domains, below which the minimum counts as 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_domains: Option<i32>,
    /// Whether node affinity decides which nodes count: `Honor` (default) or `Ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity_policy: Option<CompactString>,
    /// Whether taints decide which nodes count: `Ignore` (default) or `Honor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_taints_policy: Option<CompactString>,
    /// Labels of the pod whose values join the selector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<CompactString>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name.
    pub name: CompactString,
    /// Requests, limits, claims.
    pub resources: ResourceRequirements,
    /// Ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// `Always` makes an init container a sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<CompactString>,
}

/// Requests and limits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceRequirements {
    /// What the scheduler reserves.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub requests: ResourceList,
    /// What the kernel enforces.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub limits: ResourceList,
    /// Device claims used by the container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ContainerResourceClaim>,
}

/// A claim that a container uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerResourceClaim {
    /// Name in the pod's list of claims.
    pub name: CompactString,
}

/// A claim of the pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodResourceClaim {
    /// Name inside the pod.
    pub name: CompactString,
    /// Claim it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_claim_name: Option<CompactString>,
    /// Template it is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_claim_template_name: Option<CompactString>,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SchedulingGate {
    /// Name.
    pub name: CompactString,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// Port in the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_port: Option<i32>,
    /// Port taken on the node; 0 or absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<i32>,
    /// Address on the node.
    #[serde(rename = "hostIP", skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<CompactString>,
    /// `TCP` (default), `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<CompactString>,
}

/// A volume, as far as its source matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Name inside the pod.
    pub name: CompactString,
    /// An existing claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimSource>,
    /// A claim made with the pod, named `pod-volume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<EphemeralSource>,
    /// Scratch space: lost by eviction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirSource>,
    /// A path of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<HostPathSource>,
}

impl Volume {
    fn is_relevant(&self) -> bool {
        self.persistent_volume_claim.is_some()
            || self.ephemeral.is_some()
            || self.empty_dir.is_some()
            || self.host_path.is_some()
    }
}

fn relevant_volumes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Volume>, D::Error> {
    let mut volumes = Option::<Vec<Volume>>::deserialize(deserializer)?.unwrap_or_default();
    volumes.retain(Volume::is_relevant);
    volumes.shrink_to_fit();
    Ok(volumes)
}

/// Name of an existing claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSource {
    /// Claim in the pod's namespace.
    pub claim_name: CompactString,
}

/// Template of a claim that lives as long as the pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EphemeralSource {
    /// The template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_claim_template: Option<ClaimTemplate>,
}

/// Claim template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimTemplate {
    /// Spec of the claim.
    pub spec: ClaimTemplateSpec,
}

/// The part of a claim's spec that decides where it can live.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimTemplateSpec {
    /// Storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<CompactString>,
}

/// Scratch space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmptyDirSource {
    /// `Memory` for tmpfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<CompactString>,
}

/// A path of the node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostPathSource {
    /// The path.
    pub path: CompactString,
}
