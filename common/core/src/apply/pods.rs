//! Pods that a workload controller would make.

use std::sync::Arc;

use compact_str::{CompactString, format_compact};

use super::{Context, admission, uid, unscheduled};
use crate::model::{
    Labels, ObjectMeta, Objects, OwnerReference, PersistentVolumeClaim, PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus, Pod, PodTemplateSpec, Volume, Workload,
};

/// Where the pods of a workload come from.
pub(super) struct Maker<'a> {
    /// The workload as users name it.
    pub(super) workload: &'a Workload,
    /// Template of the pods.
    pub(super) template: &'a PodTemplateSpec,
    /// Who owns the pods: the workload itself, or its ReplicaSet or Job.
    pub(super) owner: OwnerReference,
    /// Labels that the controller adds.
    pub(super) extra_labels: Vec<(CompactString, CompactString)>,
}

/// Hash of a template, as short as the one in names of ReplicaSets.
pub(super) fn template_hash(template: &PodTemplateSpec) -> CompactString {
    let text = serde_json::to_string(template).unwrap_or_default();
    let hash = uid("template", "", &text);
    hash.chars().filter(|char| *char != '-').take(10).collect()
}

/// The controlling owner that a workload is to its pods.
pub(super) fn owner_of(api_version: &str, kind: &str, metadata: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: api_version.into(),
        kind: kind.into(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

impl Maker<'_> {
    /// The pod with this number, and the claims that are made for it.
    pub(super) fn pod(
        &self,
        number: i64,
        objects: &Objects,
        context: &Context,
        notes: &mut Vec<String>,
    ) -> (Pod, Vec<PersistentVolumeClaim>) {
        let namespace = &self.workload.metadata.namespace;
        let name = format_compact!("{}-{number}", self.owner.name);
        let mut labels = self.template.metadata.labels.clone();
        for (key, value) in &self.extra_labels {
            labels.insert(key.clone(), value.clone());
        }
        let is_stateful = self.workload.kind == "StatefulSet";
        if is_stateful {
            labels.insert("statefulset.kubernetes.io/pod-name", name.clone());
            labels.insert("apps.kubernetes.io/pod-index", format_compact!("{number}"));
        }
        let mut spec = self.template.spec.clone();
        admission::admit(&mut spec, &labels, objects, notes);
        let claims =
            if is_stateful { self.claims(&name, &mut spec.volumes, objects, context) } else { Vec::new() };
        let metadata = ObjectMeta {
            uid: uid("Pod", namespace, &name),
            name,
            namespace: namespace.clone(),
            creation_timestamp: Some(context.taken_at),
            labels,
            annotations: self.template.metadata.annotations.clone(),
            owner_references: vec![self.owner.clone()].into(),
            ..ObjectMeta::default()
        };
        let status = unscheduled(context.taken_at, !spec.scheduling_gates.is_empty());
        (
            Pod {
                metadata: Arc::new(metadata),
                node_name: None,
                spec: Arc::new(spec),
                status: Arc::new(status),
            },
            claims,
        )
    }

    /// Claims of a StatefulSet's pod: those that exist are kept, whatever they are bound to.
    fn claims(
        &self,
        pod: &str,
        volumes: &mut Vec<Volume>,
        objects: &Objects,
        context: &Context,
    ) -> Vec<PersistentVolumeClaim> {
        let namespace = &self.workload.metadata.namespace;
        let mut made = Vec::new();
        for template in &self.workload.spec.volume_claim_templates {
            let name = format_compact!("{}-{pod}", template.metadata.name);
            volumes.retain(|volume| volume.name != template.metadata.name);
            volumes.push(Volume {
                name: template.metadata.name.clone(),
                persistent_volume_claim: Some(crate::model::ClaimSource { claim_name: name.clone() }),
                ..Volume::default()
            });
            let exists = objects
                .persistent_volume_claims
                .iter()
                .any(|claim| claim.metadata.name == name && claim.metadata.namespace == *namespace);
            if !exists {
                let class = template.spec.storage_class_name.clone();
                made.push(new_claim(name, namespace.clone(), class, objects, context));
            }
        }
        made
    }
}

/// A claim that nothing is bound to yet.
fn new_claim(
    name: CompactString,
    namespace: CompactString,
    class: Option<CompactString>,
    objects: &Objects,
    context: &Context,
) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            uid: uid("PersistentVolumeClaim", &namespace, &name),
            name,
            namespace,
            creation_timestamp: Some(context.taken_at),
            ..ObjectMeta::default()
        },
        spec: PersistentVolumeClaimSpec {
            volume_name: CompactString::default(),
            storage_class_name: class.or_else(|| admission::default_storage_class(objects)),
        },
        status: PersistentVolumeClaimStatus { phase: "Pending".into() },
    }
}

/// Labels of a Job's pods.
pub(super) fn job_labels(metadata: &ObjectMeta) -> Vec<(CompactString, CompactString)> {
    vec![
        ("batch.kubernetes.io/controller-uid".into(), metadata.uid.clone()),
        ("batch.kubernetes.io/job-name".into(), metadata.name.clone()),
        ("job-name".into(), metadata.name.clone()),
    ]
}

/// Labels with a template hash added.
pub(super) fn with_hash(labels: &Labels, hash: &CompactString) -> Labels {
    let mut labels = labels.clone();
    labels.insert("pod-template-hash", hash.clone());
    labels
}
