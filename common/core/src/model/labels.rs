//! Label keys, the sorted label map, and the tables of keys that rules treat specially.
//!
//! A well-known label behaves differently from a custom one in nearly every check, and which labels are well
//! known is decided by the cloud provider: a [`LabelProfile`] is input data, never a constant.
//! Karpenter: pkg/apis/v1/labels.go.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Labels up to which a key is looked for one after the other.
const FEW: usize = 32;

/// Keys named by rules.
pub mod key {
    /// Availability zone.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// Region.
    pub const REGION: &str = "topology.kubernetes.io/region";
    /// Zone id (AWS), equal in all accounts.
    pub const ZONE_ID: &str = "topology.k8s.aws/zone-id";
    /// Instance type name.
    pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
    /// Processor architecture.
    pub const ARCH: &str = "kubernetes.io/arch";
    /// Operating system.
    pub const OS: &str = "kubernetes.io/os";
    /// Windows build.
    pub const WINDOWS_BUILD: &str = "node.kubernetes.io/windows-build";
    /// Host name of a node.
    pub const HOSTNAME: &str = "kubernetes.io/hostname";
    /// NodePool of a node.
    pub const NODE_POOL: &str = "karpenter.sh/nodepool";
    /// `spot`, `on-demand` or `reserved`.
    pub const CAPACITY_TYPE: &str = "karpenter.sh/capacity-type";
    /// `true` once a Node has been matched with its NodeClaim.
    pub const REGISTERED: &str = "karpenter.sh/registered";
    /// `true` once a Node is ready for pods.
    pub const INITIALIZED: &str = "karpenter.sh/initialized";
    /// Taint on a node that Karpenter is taking out.
    pub const DISRUPTED: &str = "karpenter.sh/disrupted";
    /// Annotation that holds a pod or node back from disruption.
    pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
    /// Annotation: hash of the NodePool a NodeClaim was made from.
    pub const NODE_POOL_HASH: &str = "karpenter.sh/nodepool-hash";
    /// Annotation: version of that hash.
    pub const NODE_POOL_HASH_VERSION: &str = "karpenter.sh/nodepool-hash-version";
}

/// Labels or annotations, sorted by key. A vector of pairs: a third of the memory of a map.
///
/// Absent and empty are equal for every rule but one: hashes of NodePools and NodeClasses tell `{}` from
/// nothing, so what was read is remembered ([`Labels::is_absent`]).
#[derive(Debug, Clone, Default)]
pub struct Labels(Option<Vec<(CompactString, CompactString)>>);

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.pairs() == other.pairs()
    }
}
impl Eq for Labels {}
impl std::hash::Hash for Labels {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.pairs().hash(state);
    }
}

impl Labels {
    /// No pair at all.
    pub const EMPTY: Labels = Labels(None);

    fn pairs(&self) -> &[(CompactString, CompactString)] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether the map was not there at all, as opposed to `{}`.
    pub fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let pairs = self.pairs();
        // Keys of a node begin alike and are too long to stand inline: comparing for order reads each from elsewhere,
        // lengths do not.
        if pairs.len() <= FEW {
            let is_key = |(mine, _): &&(CompactString, CompactString)| mine.len() == key.len() && mine == key;
            return pairs.iter().find(is_key).map(|(_, value)| value.as_str());
        }
        pairs.binary_search_by(|(mine, _)| mine.as_str().cmp(key)).ok().map(|at| pairs[at].1.as_str())
    }

    /// Sets a value, replacing what was there.
    pub fn insert(&mut self, key: impl Into<CompactString>, value: impl Into<CompactString>) {
        let (key, value) = (key.into(), value.into());
        let pairs = self.0.get_or_insert_default();
        match pairs.binary_search_by(|(mine, _)| mine.cmp(&key)) {
            Ok(at) => pairs[at].1 = value,
            Err(at) => pairs.insert(at, (key, value)),
        }
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &str) -> Option<CompactString> {
        let pairs = self.0.as_mut()?;
        let at = pairs.binary_search_by(|(mine, _)| mine.as_str().cmp(key)).ok()?;
        Some(pairs.remove(at).1)
    }

    /// Pairs in order of key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Keeps the pairs that `keep` accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        if let Some(pairs) = &mut self.0 {
            pairs.retain(|(key, value)| keep(key, value));
        }
    }

    /// Takes all pairs of `other`, replacing equal keys.
    pub fn extend(&mut self, other: &Labels) {
        for (key, value) in other.iter() {
            self.insert(key, value);
        }
    }
}

impl<K: Into<CompactString>, V: Into<CompactString>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut all: Vec<(CompactString, CompactString)> =
            pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        all.shrink_to_fit();
        Labels(Some(all))
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.pairs() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Labels;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a map of strings")
            }
            fn visit_unit<E>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(pair) = map.next_entry::<CompactString, CompactString>()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }
        deserializer.deserialize_any(PairsVisitor)
    }
}

/// Which label keys a cloud provider treats specially.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelProfile {
    /// Keys that a NodeClaim may leave open until launch.
    pub well_known: BTreeSet<CompactString>,
    /// Domains nobody may use in requirements, unless the key is well known.
    pub restricted_domains: BTreeSet<CompactString>,
    /// Single keys nobody may use.
    pub restricted: BTreeSet<CompactString>,
    /// Old key → current key.
    pub normalized: BTreeMap<CompactString, CompactString>,
    /// Per current key: old value → current value.
    pub normalized_values: BTreeMap<CompactString, BTreeMap<CompactString, CompactString>>,
    /// Key by which a reserved offering carries its reservation id.
    pub reservation_id: Option<CompactString>,
}

impl LabelProfile {
    /// The tables of Karpenter's core, before any provider adds to them.
    pub fn core() -> Self {
        let set = |keys: &[&str]| keys.iter().map(|text| CompactString::from(*text)).collect();
        let beta = [
            ("failure-domain.beta.kubernetes.io/zone", key::ZONE),
            ("failure-domain.beta.kubernetes.io/region", key::REGION),
            ("beta.kubernetes.io/arch", key::ARCH),
            ("beta.kubernetes.io/os", key::OS),
            ("beta.kubernetes.io/instance-type", key::INSTANCE_TYPE),
        ];
        Self {
            well_known: set(&[
                key::NODE_POOL,
                key::ZONE,
                key::REGION,
                key::INSTANCE_TYPE,
                key::ARCH,
                key::OS,
                key::CAPACITY_TYPE,
                key::WINDOWS_BUILD,
            ]),
            restricted_domains: set(&["karpenter.sh"]),
            restricted: set(&[key::HOSTNAME]),
            normalized: beta.iter().map(|(old, new)| ((*old).into(), (*new).into())).collect(),
            normalized_values: BTreeMap::new(),
            reservation_id: None,
        }
    }

    /// The current form of a key.
    pub fn normalize<'a>(&'a self, key: &'a str) -> &'a str {
        self.normalized.get(key).map_or(key, CompactString::as_str)
    }

    /// The current form of a value under an already normalised key.
    pub fn normalize_value<'a>(&'a self, key: &str, value: &'a str) -> &'a str {
        self.normalized_values
            .get(key)
            .and_then(|values| values.get(value))
            .map_or(value, CompactString::as_str)
    }

    /// Whether a NodeClaim may leave this key undefined.
    pub fn is_well_known(&self, key: &str) -> bool {
        self.well_known.contains(key)
    }

    /// Whether nobody may use this key (a well-known key always may).
    pub fn is_restricted(&self, key: &str) -> bool {
        if self.is_well_known(key) {
            return false;
        }
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let in_domain = self.restricted_domains.iter().any(|restricted| {
            domain == restricted.as_str()
                || domain.strip_suffix(restricted.as_str()).is_some_and(|rest| rest.ends_with('.'))
        });
        in_domain || self.restricted.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_the_last_of_equal_keys_sorted() {
        let labels: Labels = [("b", "1"), ("a", "2"), ("b", "3")].into_iter().collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
    }

    #[test]
    fn absent_and_empty_are_equal_but_can_be_told_apart() {
        let empty: Labels = serde_json::from_str("{}").unwrap();
        let absent: Labels = serde_json::from_str("null").unwrap();
        assert_eq!(empty, absent);
        assert_eq!((empty.is_absent(), absent.is_absent()), (false, true));
    }

    #[test]
    fn restriction_covers_domains_and_their_subdomains_but_no_well_known_key() {
        let profile = LabelProfile::core();
        for (text, restricted) in [
            ("karpenter.sh/test", true),
            ("foo.karpenter.sh/test", true),
            ("notkarpenter.sh/test", false),
            ("karpenter.sh/nodepool", false),
            ("kubernetes.io/hostname", true),
            ("kubernetes.io/test", false),
            ("team", false),
        ] {
            assert_eq!(profile.is_restricted(text), restricted, "{text}");
        }
    }
}
