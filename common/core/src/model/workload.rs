//! Objects that own pods, and what expands into pods: controllers, templates, DaemonSets, buffers.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{ClaimTemplateSpec, Condition, LabelSelector, Labels, ObjectMeta, PodSpec};

/// Template of pods.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplateSpec {
    /// Labels and annotations of the pods.
    pub metadata: ObjectMeta,
    /// Spec of the pods.
    pub spec: PodSpec,
}

/// Deployment, ReplicaSet, StatefulSet, Job, CronJob or ReplicationController: whatever owns pods and is not a
/// DaemonSet. [`Workload::kind`] tells which.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// API version, `apps/v1`.
    pub api_version: CompactString,
    /// Kind.
    pub kind: CompactString,
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: WorkloadSpec,
    /// Status.
    pub status: WorkloadStatus,
}

/// The union of the specs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// Pods wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// Pods at the same time (Job).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<i64>,
    /// Pods in all (Job).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<i64>,
    /// Whether a Job or CronJob is on hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// Which pods are its own. A ReplicationController writes a plain map: see [`Workload`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "selector_or_map")]
    pub selector: Option<LabelSelector>,
    /// Template of its pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<PodTemplateSpec>,
    /// Template of the Job (CronJob).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_template: Option<Box<JobTemplate>>,
    /// Claims made for each pod (StatefulSet).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_claim_templates: Vec<NamedClaimTemplate>,
}

/// A ReplicationController's selector is a plain map of labels.
fn selector_or_map<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<LabelSelector>, D::Error> {
    let Some(value) = Option::<serde_json::Value>::deserialize(deserializer)? else { return Ok(None) };
    let plain_map = value
        .as_object()
        .is_some_and(|map| !map.is_empty() && map.values().all(serde_json::Value::is_string));
    let selector = if plain_map {
        serde_json::from_value(value)
            .map(|match_labels| LabelSelector { match_labels, match_expressions: Vec::new() })
    } else {
        serde_json::from_value(value)
    };
    selector.map(Some).map_err(serde::de::Error::custom)
}

/// Template of a Job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobTemplate {
    /// Spec of the Job.
    pub spec: WorkloadSpec,
}

/// A claim template with a name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamedClaimTemplate {
    /// Metadata: the name.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: ClaimTemplateSpec,
}

/// Status of a workload.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    /// Pods there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// Pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i64>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSet {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: DaemonSetSpec,
}

/// Spec of a DaemonSet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetSpec {
    /// Which pods are its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Template of its pods.
    pub template: PodTemplateSpec,
}

/// A PodTemplate object.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplate {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// The template.
    pub template: PodTemplateSpec,
}

/// A Service, for the selectors of default spread constraints.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: ServiceSpec,
}

/// Spec of a Service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// Labels of its pods; absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Labels>,
}

/// A Namespace, for namespace selectors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespace {
    /// Metadata.
    pub metadata: ObjectMeta,
}

/// A PriorityClass.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriorityClass {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Priority.
    pub value: i32,
    /// Whether pods without a class get it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub global_default: bool,
}

/// A CapacityBuffer (`autoscaling.x-k8s.io/v1beta1`): room held free by virtual pods.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityBuffer {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: CapacityBufferSpec,
    /// Status.
    pub status: CapacityBufferStatus,
}

/// Spec of a CapacityBuffer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityBufferSpec {
    /// Template by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template_ref: Option<LocalReference>,
    /// Workload whose template is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalable_ref: Option<ScalableReference>,
    /// Pods wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
}

/// A name in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalReference {
    /// Name.
    pub name: CompactString,
}

/// A workload in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalableReference {
    /// API group.
    pub api_group: CompactString,
    /// Kind.
    pub kind: CompactString,
    /// Name.
    pub name: CompactString,
}

/// Status of a CapacityBuffer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityBufferStatus {
    /// Template in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template_ref: Option<LocalReference>,
    /// Virtual pods in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
