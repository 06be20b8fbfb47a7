//! Snapshots as they would be: objects applied, workloads scaled, nodes gone.
//!
//! Pure functions from a snapshot to a changed one. They do what API server defaulting and the workload controllers
//! would do as far as scheduling can tell; what they leave out, they say. Names and uids of new pods are
//! deterministic, so that equal input gives equal answers.

mod admission;
mod pods;
mod remove;
mod scale;
#[cfg(test)]
mod tests;
mod workloads;

use jiff::Timestamp;

pub use remove::{RemoveError, without_node};
pub use scale::{ScaleError, scale};
pub use workloads::{Applied, apply};

use crate::model::{Condition, Objects, PodStatus};

/// What new pods need to know of the cluster they come into.
struct Context {
    taken_at: Timestamp,
}

/// Status of a pod for which the scheduler has found no place; gated pods have not been looked at.
pub(crate) fn unscheduled(at: Timestamp, is_gated: bool) -> PodStatus {
    let reason = if is_gated { "SchedulingGated" } else { "Unschedulable" };
    let condition = Condition {
        kind: "PodScheduled".into(),
        status: "False".into(),
        reason: Some(reason.into()),
        last_transition_time: Some(at),
        ..Condition::default()
    };
    PodStatus { phase: "Pending".into(), conditions: vec![condition], ..PodStatus::default() }
}

/// A uid that depends on nothing but what it is for.
fn uid(kind: &str, namespace: &str, name: &str) -> compact_str::CompactString {
    // FNV-1a, once per half: no secret, only a stable spread.
    let half = |seed: u64| {
        [kind, namespace, name]
            .iter()
            .flat_map(|part| part.bytes().chain([0]))
            .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    };
    let (high, low) = (half(0), half(0x9e37_79b9_7f4a_7c15));
    compact_str::format_compact!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// Where an object stands in its list.
fn position<T: crate::model::Object>(list: &[T], kind: &str, namespace: &str, name: &str) -> Option<usize> {
    list.iter().position(|object| {
        let metadata = object.metadata();
        object.kind() == kind && metadata.name == name && metadata.namespace == namespace
    })
}

/// Removes pods by position.
fn remove_pods(objects: &mut Objects, gone: &std::collections::HashSet<usize>) {
    let mut at = 0;
    objects.pods.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
}
