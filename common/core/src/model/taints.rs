//! Taints, tolerations, and who tolerates what.
//!
//! Karpenter: pkg/scheduling/taints.go; Kubernetes:
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A taint of a node or a NodePool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// Key.
    pub key: CompactString,
    /// Value, often empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<CompactString>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[serde(default)]
    pub effect: CompactString,
    /// When it was added (part of the NodePool hash).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_added: Option<jiff::Timestamp>,
}

impl Taint {
    /// The value, empty where there is none.
    pub fn value(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    /// Same key and effect; the value does not count.
    pub fn matches(&self, other: &Taint) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

impl fmt::Display for Taint {
    /// `key=value:effect`, without `=` where there is no value, as Kubernetes prints it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.effect.as_str(), self.value()) {
            ("", "") => write!(out, "{}", self.key),
            ("", value) => write!(out, "{}={value}:", self.key),
            (effect, "") => write!(out, "{}:{effect}", self.key),
            (effect, value) => write!(out, "{}={value}:{effect}", self.key),
        }
    }
}

/// Soft taints are honoured first and tolerated only by relaxation.
pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";

/// A toleration of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key; none = every key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<CompactString>,
    /// `Equal` (also when absent), `Exists`, `Lt` or `Gt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<CompactString>,
    /// Value to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<CompactString>,
    /// Effect; none = every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<CompactString>,
    /// How long a NoExecute taint is tolerated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

impl Toleration {
    /// Whether this toleration covers the taint.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        let given = |text: &Option<CompactString>| text.as_deref().unwrap_or_default().to_owned();
        let (key, effect) = (given(&self.key), given(&self.effect));
        if !effect.is_empty() && effect != taint.effect.as_str()
            || !key.is_empty() && key != taint.key.as_str()
        {
            return false;
        }
        let mine = self.value.as_deref().unwrap_or_default();
        match self.operator.as_deref().unwrap_or_default() {
            "" | "Equal" => mine == taint.value(),
            "Exists" => true,
            operator @ ("Lt" | "Gt") => match (parse_strict(taint.value()), parse_strict(mine)) {
                (Some(has), Some(bound)) => {
                    if operator == "Lt" {
                        has < bound
                    } else {
                        has > bound
                    }
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// Decimal integers in canonical form only, as the numeric operators demand.
fn parse_strict(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The taints that no toleration covers, in order.
pub fn untolerated<'a>(
    taints: &'a [Taint],
    tolerations: &'a [Toleration],
) -> impl Iterator<Item = &'a Taint> {
    taints.iter().filter(|taint| !tolerations.iter().any(|toleration| toleration.tolerates(taint)))
}

/// Whether every taint of any effect is tolerated.
pub fn tolerates_all(taints: &[Taint], tolerations: &[Toleration]) -> bool {
    untolerated(taints, tolerations).next().is_none()
}

/// Whether a taint is one that goes away while a node comes up; looked at only on nodes that are not yet
/// initialized. Karpenter: pkg/scheduling/taints.go (`KnownEphemeralTaints`).
pub fn is_ephemeral(taint: &Taint) -> bool {
    matches!(
        (taint.key.as_str(), taint.effect.as_str()),
        ("node.kubernetes.io/not-ready", "NoSchedule" | "NoExecute")
            | ("node.kubernetes.io/unreachable", "NoSchedule")
            | ("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule")
            | ("karpenter.sh/unregistered", "NoExecute")
    ) || taint.key.starts_with("readiness.k8s.io/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str, effect: &str) -> Taint {
        Taint { key: key.into(), value: Some(value.into()), effect: effect.into(), time_added: None }
    }

    fn toleration(key: &str, operator: &str, value: &str, effect: &str) -> Toleration {
        let given = |text: &str| (!text.is_empty()).then(|| text.into());
        Toleration {
            key: given(key),
            operator: given(operator),
            value: given(value),
            effect: given(effect),
            toleration_seconds: None,
        }
    }

    #[test]
    fn toleration_rules() {
        let foo = taint("foo", "bar", "NoSchedule");
        for (toleration, covers) in [
            (toleration("", "Exists", "", ""), true),
            (toleration("foo", "Exists", "", ""), true),
            (toleration("foo", "", "bar", ""), true),
            (toleration("foo", "Equal", "bar", "NoSchedule"), true),
            (toleration("foo", "Equal", "baz", ""), false),
            (toleration("foo", "Equal", "", ""), false),
            (toleration("foo", "Exists", "", "NoExecute"), false),
            (toleration("other", "Exists", "", ""), false),
        ] {
            assert_eq!(toleration.tolerates(&foo), covers, "{toleration:?}");
        }
        let level = taint("level", "5", "NoSchedule");
        assert!(toleration("level", "Gt", "4", "").tolerates(&level));
        assert!(!toleration("level", "Lt", "5", "").tolerates(&level));
        assert!(!toleration("level", "Lt", "x", "").tolerates(&level));
    }

    #[test]
    fn prints_as_kubernetes_does() {
        assert_eq!(taint("foo", "bar", "NoSchedule").to_string(), "foo=bar:NoSchedule");
        assert_eq!(taint("foo", "", "NoSchedule").to_string(), "foo:NoSchedule");
    }
}
