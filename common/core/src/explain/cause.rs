//! Cause: what stopped a pod, in one closed vocabulary that people and machines read alike.

use std::fmt;

use compact_str::CompactString;
use serde::Serialize;

use crate::model::label_key;
use crate::sim::{PoolEligibility, TopologyKind};

/// Where in the funnel a cause takes instance types away, in the order in which we show it. Karpenter's own
/// order differs: it checks limits first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Labels of the type, except those an offering carries.
    Requirements,
    /// Requests and DaemonSets against allocatable; host ports.
    Resources,
    /// An available offering in an allowed zone and capacity type.
    Offerings,
    /// Capacity against what the NodePool's limits leave.
    Limits,
    /// Enough different values for the NodeClaim.
    MinValues,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Stage; 5] =
        [Stage::Requirements, Stage::Resources, Stage::Offerings, Stage::Limits, Stage::MinValues];

    /// The name in JSON and in sentences.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Requirements => "requirements",
            Stage::Resources => "resources",
            Stage::Offerings => "offerings",
            Stage::Limits => "limits",
            Stage::MinValues => "minValues",
        }
    }

    /// The column header.
    pub const fn header(self) -> &'static str {
        match self {
            Stage::Requirements => "REQS",
            Stage::Resources => "FIT",
            Stage::Offerings => "OFFERS",
            Stage::Limits => "LIMITS",
            Stage::MinValues => "MINVALUES",
        }
    }
}

/// One thing that stops a pod from a NodePool or a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A label that the pod's own spec asks for (or, for a NodePool without types, the NodePool's).
    Label(CompactString),
    /// A label that a volume asks for.
    Volume(CompactString),
    /// A domain that a topology constraint asks for.
    Topology(TopologyKind, CompactString),
    /// A resource that is short.
    Resource(CompactString),
    /// A host port that is taken.
    HostPort,
    /// More volumes than a node can attach.
    VolumeLimit,
    /// A taint that is not tolerated.
    Taint,
    /// A limit of the NodePool on this resource.
    Limit(CompactString),
    /// Too few different values of this key are left.
    MinValues(CompactString),
    /// The NodePool is not Ready.
    PoolNotReady,
    /// The NodePool holds a fixed number of nodes.
    PoolStatic,
    /// The NodePool is being deleted.
    PoolDeleting,
    /// The NodePool's NodeClass is another provider's.
    PoolForeign,
    /// The provider knows no instance types for the NodePool.
    PoolWithoutTypes,
}

impl Cause {
    /// The cause that keeps a whole NodePool out of the loop; none for a NodePool that was used.
    pub fn of_eligibility(eligibility: &PoolEligibility) -> Option<Cause> {
        match eligibility {
            PoolEligibility::Eligible | PoolEligibility::FilteredOut { .. } => None,
            PoolEligibility::ForeignNodeClass => Some(Cause::PoolForeign),
            PoolEligibility::Static => Some(Cause::PoolStatic),
            PoolEligibility::NotReady => Some(Cause::PoolNotReady),
            PoolEligibility::Deleting => Some(Cause::PoolDeleting),
            PoolEligibility::NoInstanceTypes(_) => Some(Cause::PoolWithoutTypes),
        }
    }

    /// The word of the closed vocabulary, as JSON carries it.
    pub fn code(&self) -> String {
        match self {
            Cause::Label(key) => vocabulary_key(key),
            Cause::Volume(key) if is_zone(key) => "volume-zone".to_owned(),
            Cause::Volume(key) => vocabulary_key(key),
            Cause::Topology(TopologyKind::Spread, _) => "topology-spread".to_owned(),
            Cause::Topology(TopologyKind::Affinity, _) => "pod-affinity".to_owned(),
            Cause::Topology(TopologyKind::AntiAffinity, _) => "pod-anti-affinity".to_owned(),
            Cause::Resource(name) => name.to_string(),
            Cause::HostPort => "host-port".to_owned(),
            Cause::VolumeLimit => "volume-limit".to_owned(),
            Cause::Taint => "taint".to_owned(),
            Cause::Limit(name) => format!("limits/{name}"),
            Cause::MinValues(key) => format!("minValues/{key}"),
            Cause::PoolNotReady => "nodepool-not-ready".to_owned(),
            Cause::PoolStatic => "nodepool-static".to_owned(),
            Cause::PoolDeleting => "nodepool-deleting".to_owned(),
            Cause::PoolForeign => "nodeclass-foreign".to_owned(),
            Cause::PoolWithoutTypes => "no-instance-types".to_owned(),
        }
    }

    /// The stable code of the finding that this cause is.
    pub const fn finding(&self) -> &'static str {
        match self {
            Cause::Taint => "KARP101",
            Cause::Label(_) => "KARP102",
            Cause::Resource(_) => "KARP103",
            Cause::Volume(_) => "KARP105",
            Cause::Topology(..) => "KARP106",
            Cause::Limit(_) => "KARP107",
            Cause::MinValues(_) => "KARP108",
            Cause::HostPort => "KARP109",
            Cause::VolumeLimit => "KARP110",
            Cause::PoolNotReady => "KARP111",
            Cause::PoolStatic | Cause::PoolDeleting | Cause::PoolForeign | Cause::PoolWithoutTypes => {
                "KARP112"
            }
        }
    }
}

impl fmt::Display for Cause {
    /// The short word of tables: last part of a key, bare resource name, `limits`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Label(key) | Cause::Volume(key) | Cause::Topology(_, key) => out.write_str(short_key(key)),
            Cause::Resource(name) => out.write_str(name),
            Cause::HostPort => out.write_str("host-port"),
            Cause::VolumeLimit => out.write_str("volume-limit"),
            Cause::Taint => out.write_str("taint"),
            Cause::Limit(_) => out.write_str("limits"),
            Cause::MinValues(_) => out.write_str("minValues"),
            Cause::PoolNotReady => out.write_str("not-ready"),
            Cause::PoolStatic => out.write_str("static"),
            Cause::PoolDeleting => out.write_str("deleting"),
            Cause::PoolForeign => out.write_str("nodeclass"),
            Cause::PoolWithoutTypes => out.write_str("no-types"),
        }
    }
}

impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.code())
    }
}

/// The last part of a label key, as tables print it.
pub fn short_key(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, last)| last)
}

/// Full label keys, except zone and capacity type, which have words of their own.
fn vocabulary_key(key: &str) -> String {
    match key {
        label_key::ZONE => "zone".to_owned(),
        label_key::CAPACITY_TYPE => "capacity-type".to_owned(),
        other => other.to_owned(),
    }
}

/// Whether a key names a zone, by name or by id.
pub(crate) fn is_zone(key: &str) -> bool {
    key == label_key::ZONE || key == label_key::ZONE_ID || key.ends_with("/zone")
}
