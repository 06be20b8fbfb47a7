//! Hash of a NodePool's template: equal on a NodeClaim means that it is what the NodePool would make today.
//!
//! Karpenter: pkg/apis/v1/nodepool.go (`Hash`), version v3 since 1.0. Requirements, weight, limits, replicas and
//! disruption settings are no part of it.

use jiff::Timestamp;

use super::hashstructure::{self as hash, Struct};
use super::{List, NodeClaimSpec, NodePool, Taint, TemplateMeta, parse_go_duration};

/// Version of [`node_pool_hash`], as annotations carry it.
pub const NODE_POOL_HASH_VERSION: &str = "v3";

/// The value of annotation `karpenter.sh/nodepool-hash`, printed as a decimal there.
///
/// Takes the NodePool as the API server returns it: a manifest that was never applied needs the server's
/// default `expireAfter: 720h` first.
pub fn node_pool_hash(node_pool: &NodePool) -> u64 {
    let template = &node_pool.spec.template;
    Struct::new("NodeClaimTemplate")
        .field("ObjectMeta", metadata(&template.metadata))
        .field("Spec", Some(spec(&template.spec)))
        .hash()
}

fn metadata(metadata: &TemplateMeta) -> Option<u64> {
    let map = |labels: &super::Labels| (!labels.is_absent()).then(|| hash::string_map(labels.iter()));
    let (labels, annotations) = (map(&metadata.labels), map(&metadata.annotations));
    if labels.is_none() && annotations.is_none() {
        return None;
    }
    let both = Struct::new("ObjectMeta").field("Labels", labels).field("Annotations", annotations);
    Some(both.hash())
}

fn spec(spec: &NodeClaimSpec) -> u64 {
    let class = &spec.node_class_ref;
    let text = |text: &str| (!text.is_empty()).then(|| hash::string(text));
    let has_class = !(class.kind.is_empty() && class.name.is_empty() && class.group.is_empty());
    let class = has_class.then(|| {
        Struct::new("NodeClassReference")
            .field("Kind", text(&class.kind))
            .field("Name", text(&class.name))
            .field("Group", text(&class.group))
            .hash()
    });
    Struct::new("NodeClaimTemplateSpec")
        .field("Taints", taints(&spec.taints))
        .field("StartupTaints", taints(&spec.startup_taints))
        .field("NodeClassRef", class)
        .field("TerminationGracePeriod", spec.termination_grace_period.as_deref().and_then(grace_period))
        .field("ExpireAfter", spec.expire_after.as_deref().and_then(expire_after))
        .hash()
}

fn taints(taints: &List<Taint>) -> Option<u64> {
    (!taints.is_absent()).then(|| hash::set(taints.iter().map(taint)))
}

fn taint(taint: &Taint) -> u64 {
    let text = |text: &str| (!text.is_empty()).then(|| hash::string(text));
    Struct::new("Taint")
        .field("Key", text(&taint.key))
        .field("Value", text(taint.value()))
        .field("Effect", text(&taint.effect))
        .field("TimeAdded", taint.time_added.map(time))
        .hash()
}

/// Go's `metav1.Time`: its one field is hashed as `time.MarshalBinary` writes it, in UTC.
fn time(time: Timestamp) -> u64 {
    /// From 0001-01-01 to 1970-01-01.
    const SECONDS_BEFORE_UNIX: i64 = 62_135_596_800;
    let mut bytes = vec![1];
    bytes.extend((time.as_second() + SECONDS_BEFORE_UNIX).to_be_bytes());
    bytes.extend(time.subsec_nanosecond().to_be_bytes());
    // Offset in minutes: the controller reads times into its local zone, which is UTC in its image.
    bytes.extend(0i16.to_be_bytes());
    Struct::new("Time").field("Time", Some(hash::bytes(&bytes))).hash()
}

/// A pointer to `metav1.Duration`: `0s` is a struct with its only field left out.
fn grace_period(text: &str) -> Option<u64> {
    let nanos = parse_go_duration(text)?;
    Some(Struct::new("Duration").field("Duration", (nanos != 0).then(|| hash::int64(nanos))).hash())
}

/// A `NillableDuration`: `Never` is the zero value; the duration is a pointer, so `0s` counts.
fn expire_after(text: &str) -> Option<u64> {
    let nanos = parse_go_duration(text)?;
    Some(Struct::new("NillableDuration").field("Duration", Some(hash::int64(nanos))).hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        hash: String,
        spec: super::super::NodePoolSpec,
    }

    #[test]
    fn aws_91_every_recorded_hash() {
        let file = include_bytes!("../../testdata/nodepool-hash-vectors.json.zst");
        let vectors: Vectors = serde_json::from_slice(&zstd::decode_all(&file[..]).unwrap()).unwrap();
        assert_eq!(vectors.vectors.len(), 25);
        for vector in vectors.vectors {
            let node_pool = NodePool { spec: vector.spec, ..NodePool::default() };
            assert_eq!(node_pool_hash(&node_pool).to_string(), vector.hash, "{}", vector.name);
        }
    }
}
