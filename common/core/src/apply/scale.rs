//! A workload with another number of pods.

use super::workloads::{add_pods, pods_of, surplus};
use super::{Applied, Context, position, remove_pods};
use crate::model::Snapshot;

/// Why a workload cannot be scaled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// There is no such workload.
    #[error("{kind} {name:?} not found in namespace {namespace:?}")]
    NotFound {
        /// Kind as in the API, `Deployment`.
        kind: String,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// Its kind has no number of pods.
    #[error("{kind} cannot be scaled")]
    NotScalable {
        /// Kind.
        kind: String,
    },
}

/// Sets the number of pods of a Deployment, ReplicaSet, StatefulSet, ReplicationController or Job. Pods without a
/// node go first, then the youngest.
///
/// # Errors
/// When there is no such workload, or its kind cannot be scaled.
pub fn scale(
    snapshot: &mut Snapshot,
    kind: &str,
    namespace: &str,
    name: &str,
    replicas: u32,
) -> Result<Applied, ScaleError> {
    if !matches!(kind, "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" | "Job") {
        return Err(ScaleError::NotScalable { kind: kind.to_owned() });
    }
    let objects = &mut snapshot.objects;
    let at = position(&objects.workloads, kind, namespace, name).ok_or_else(|| ScaleError::NotFound {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })?;
    let spec = &mut objects.workloads[at].spec;
    if kind == "Job" {
        spec.parallelism = Some(i64::from(replicas));
    } else {
        spec.replicas = Some(i64::from(replicas));
    }
    let workload = objects.workloads[at].clone();
    let present = pods_of(objects, &workload);
    let keep = present.len().min(usize::try_from(replicas).unwrap_or(usize::MAX));
    let gone = surplus(objects, &present, keep);
    remove_pods(objects, &gone);
    let mut applied = Applied::default();
    let missing = i64::from(replicas) - i64::try_from(keep).unwrap_or(i64::MAX);
    add_pods(objects, &workload, missing, &Context { taken_at: snapshot.taken_at }, &mut applied);
    Ok(applied)
}
