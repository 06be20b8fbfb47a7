//! Capacity buffers: pods that do not exist and hold room free.
//!
//! Mirrors karpenter: pkg/state/virtualpods and pkg/controllers/capacitybuffer (gate `CapacityBuffer`).

use std::sync::Arc;

use compact_str::{CompactString, format_compact};

use crate::model::{
    CapacityBuffer, Condition, Labels, Objects, Pod, PodTemplateSpec, Snapshot, condition_is_true,
};

/// Annotation that marks such a pod.
const FAKE_POD: &str = "karpenter.sh/capacity-buffer-fake-pod";

/// The pods of all buffers that are ready, by (namespace, name) of the buffer, then by number.
pub(super) fn virtual_pods(snapshot: &Snapshot) -> Vec<Pod> {
    if !snapshot.controller.gate("CapacityBuffer") {
        return Vec::new();
    }
    let mut buffers: Vec<&CapacityBuffer> = snapshot.objects.capacity_buffers.iter().collect();
    buffers.sort_by(|a, b| {
        (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
    });
    buffers
        .into_iter()
        .filter(|buffer| condition_is_true(&buffer.status.conditions, "ReadyForProvisioning"))
        .filter_map(|buffer| Some((buffer, template(buffer, &snapshot.objects)?)))
        .flat_map(|(buffer, template)| {
            let replicas = buffer.status.replicas.unwrap_or(0).max(0);
            let spec = sanitized(&template);
            (1..=replicas)
                .map(move |number| virtual_pod(buffer, &template.metadata.labels, &spec, number, snapshot))
        })
        .collect()
}

/// The template a buffer names.
fn template(buffer: &CapacityBuffer, objects: &Objects) -> Option<PodTemplateSpec> {
    let namespace = &buffer.metadata.namespace;
    if let Some(reference) = &buffer.spec.pod_template_ref {
        return objects
            .pod_templates
            .iter()
            .find(|template| {
                template.metadata.namespace == *namespace && template.metadata.name == reference.name
            })
            .map(|template| template.template.clone());
    }
    let reference = buffer.spec.scalable_ref.as_ref()?;
    let scalable = matches!(reference.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet");
    objects
        .workloads
        .iter()
        .find(|workload| {
            scalable
                && workload.kind == reference.kind
                && workload.metadata.namespace == *namespace
                && workload.metadata.name == reference.name
        })
        .and_then(|workload| workload.spec.template.clone())
}

/// Without volumes that would need claims.
fn sanitized(template: &PodTemplateSpec) -> Arc<crate::model::PodSpec> {
    let mut spec = template.spec.clone();
    spec.volumes.retain(|volume| volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none());
    spec.priority = Some(i32::MIN);
    Arc::new(spec)
}

fn virtual_pod(
    buffer: &CapacityBuffer,
    labels: &Labels,
    spec: &Arc<crate::model::PodSpec>,
    number: i64,
    snapshot: &Snapshot,
) -> Pod {
    let mut pod = Pod { spec: Arc::clone(spec), ..Pod::default() };
    let metadata = pod.metadata_mut();
    metadata.name = format_compact!("capacity-buffer-{}-{number}", buffer.metadata.name);
    metadata.namespace = buffer.metadata.namespace.clone();
    metadata.uid = format_compact!("{}-{number}", buffer.metadata.uid);
    metadata.labels = labels.clone();
    metadata.creation_timestamp = Some(snapshot.taken_at);
    let annotation = |key: &str, value: &CompactString| (CompactString::from(key), value.clone());
    metadata.annotations = [
        annotation(FAKE_POD, &"true".into()),
        annotation("karpenter.sh/capacity-buffer-name", &buffer.metadata.name),
        annotation("karpenter.sh/capacity-buffer-namespace", &buffer.metadata.namespace),
    ]
    .into_iter()
    .collect();
    pod.status_mut().conditions = vec![Condition {
        kind: "PodScheduled".into(),
        status: "False".into(),
        reason: Some("Unschedulable".into()),
        ..Condition::default()
    }];
    pod
}
