//! The KWOK provider: instance types from its `instance_types.json`, the same list for every NodePool.
//!
//! Takes the text of the file, gives a [`CloudProvider`]. Mirrors kubernetes-sigs/karpenter: kwok/cloudprovider
//! (`ConstructInstanceTypes`) and kwok/apis/v1alpha1/labels.go. Beyond what that provider reads, an entry may say
//! `requirements`, `overhead` and `volumeAttachmentLimits`, an offering `ReservationCapacity`, `CapacityOverride`
//! and `OverheadOverride`, and `Available: false` is honoured. What the real provider does at launch (it makes a
//! Node at once) is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::{CompactString, ToCompactString};
use serde::Deserialize;

use super::{CloudProvider, InstanceTypesError};
use crate::model::{
    InstanceType, LabelProfile, NodeClassReference, NodePool, Offering, Overhead, PriceKind, Quantity,
    Requirement, RequirementSpec, Requirements, ResourceList, from_json, label_key, resource_name,
};

/// API group of its NodeClass, and the restricted label domain.
const GROUP: &str = "karpenter.kwok.sh";
/// Kind of its NodeClass.
const NODE_CLASS_KIND: &str = "KWOKNodeClass";
/// Key by which a reserved offering carries its reservation id.
const RESERVATION_ID: &str = "karpenter.kwok.sh/reservation-id";

const INSTANCE_SIZE: &str = "karpenter.kwok.sh/instance-size";
const INSTANCE_FAMILY: &str = "karpenter.kwok.sh/instance-family";
const INSTANCE_CPU: &str = "karpenter.kwok.sh/instance-cpu";
const INSTANCE_MEMORY: &str = "karpenter.kwok.sh/instance-memory";
/// Pods of a node whose entry does not say.
const DEFAULT_PODS: i64 = 110;

/// KWOK as a value.
#[derive(Debug, Clone)]
pub struct KwokProvider {
    labels: LabelProfile,
    node_classes: Vec<(CompactString, CompactString)>,
    types: Arc<[InstanceType]>,
    unsupported_provisioners: BTreeSet<CompactString>,
    unsupported_topology_keys: BTreeSet<CompactString>,
}

/// What is wrong with an `instance_types.json`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KwokTypesError {
    /// The text is no JSON list.
    #[error("not a JSON list of instance types: {0}")]
    NotAList(String),
    /// The list is empty.
    #[error("the list holds no instance type")]
    Empty,
    /// One entry is wrong.
    #[error("instance type {entry}: {field}: {message}")]
    Entry {
        /// Its name, else its position counted from 1: `"m-4x"`, `number 3`.
        entry: String,
        /// Path of the field in the entry: `offerings[2].Price`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

impl KwokProvider {
    /// Reads the text of an `instance_types.json`.
    ///
    /// # Errors
    /// The first entry that is wrong, with its field.
    pub fn parse(json: &[u8]) -> Result<Self, KwokTypesError> {
        let values: Vec<serde_json::Value> =
            serde_json::from_slice(json).map_err(|error| KwokTypesError::NotAList(error.to_string()))?;
        Self::from_values(values)
    }

    /// From entries that are JSON already.
    ///
    /// # Errors
    /// The first entry that is wrong, with its field.
    pub fn from_values(values: Vec<serde_json::Value>) -> Result<Self, KwokTypesError> {
        let mut entries = Vec::with_capacity(values.len());
        let mut names = BTreeSet::new();
        for (position, value) in values.into_iter().enumerate() {
            let entry = decode(position, value)?;
            if !names.insert(entry.name.clone()) {
                return Err(refuse(&entry.name, "name", "is used twice in the list"));
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(KwokTypesError::Empty);
        }
        let labels = profile(&entries);
        let types = entries.into_iter().map(|entry| entry.into_type(&labels)).collect();
        Ok(Self {
            labels,
            node_classes: vec![(GROUP.into(), NODE_CLASS_KIND.into())],
            types,
            unsupported_provisioners: BTreeSet::new(),
            unsupported_topology_keys: BTreeSet::new(),
        })
    }

    /// Also serves NodePools of another NodeClass kind: an `--instance-types` file for a cluster of another
    /// provider.
    #[must_use]
    pub fn serving(mut self, group: impl Into<CompactString>, kind: impl Into<CompactString>) -> Self {
        self.node_classes.push((group.into(), kind.into()));
        self
    }

    /// All instance types in the order of the file.
    pub fn types(&self) -> &Arc<[InstanceType]> {
        &self.types
    }
}

impl CloudProvider for KwokProvider {
    fn labels(&self) -> &LabelProfile {
        &self.labels
    }

    fn supports_node_class(&self, reference: &NodeClassReference) -> bool {
        self.node_classes.iter().any(|(group, kind)| reference.group == *group && reference.kind == *kind)
    }

    fn instance_types(&self, _: &NodePool) -> Result<Arc<[InstanceType]>, InstanceTypesError> {
        Ok(Arc::clone(&self.types))
    }

    fn unsupported_provisioners(&self) -> &BTreeSet<CompactString> {
        &self.unsupported_provisioners
    }

    fn unsupported_topology_keys(&self) -> &BTreeSet<CompactString> {
        &self.unsupported_topology_keys
    }
}

/// One entry of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: CompactString,
    architecture: CompactString,
    operating_systems: Vec<CompactString>,
    resources: ResourceList,
    offerings: Vec<EntryOffering>,
    #[serde(default)]
    requirements: Option<Vec<RequirementSpec>>,
    #[serde(default)]
    overhead: Option<EntryOverhead>,
    #[serde(default)]
    volume_attachment_limits: Option<BTreeMap<CompactString, i64>>,
}

/// One offering: Go writes its fields with capitals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EntryOffering {
    price: f64,
    #[serde(default = "available_unless_said")]
    available: bool,
    requirements: Vec<RequirementSpec>,
    #[serde(default)]
    reservation_capacity: i64,
    #[serde(default)]
    capacity_override: Option<ResourceList>,
    #[serde(default)]
    overhead_override: Option<EntryOverhead>,
}

fn available_unless_said() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryOverhead {
    #[serde(default, alias = "KubeReserved")]
    kube_reserved: Option<ResourceList>,
    #[serde(default, alias = "SystemReserved")]
    system_reserved: Option<ResourceList>,
    #[serde(default, alias = "EvictionThreshold")]
    eviction_threshold: Option<ResourceList>,
}

impl From<EntryOverhead> for Overhead {
    fn from(entry: EntryOverhead) -> Overhead {
        Overhead {
            kube_reserved: entry.kube_reserved.unwrap_or_default(),
            system_reserved: entry.system_reserved.unwrap_or_default(),
            eviction_threshold: entry.eviction_threshold.unwrap_or_default(),
        }
    }
}

fn decode(position: usize, value: serde_json::Value) -> Result<Entry, KwokTypesError> {
    let name = value.get("name").and_then(serde_json::Value::as_str).filter(|name| !name.is_empty());
    let entry_name = name.map_or_else(|| format!("number {}", position + 1), |name| format!("{name:?}"));
    if !value.is_object() {
        let message = "is not an object".to_owned();
        return Err(KwokTypesError::Entry { entry: entry_name, field: "entry".to_owned(), message });
    }
    let entry: Entry = from_json(&value.to_string()).map_err(|wrong| {
        let path = wrong.path.to_string();
        let field = if path.is_empty() { "entry".to_owned() } else { path };
        KwokTypesError::Entry { entry: entry_name, field, message: wrong.message }
    })?;
    if entry.name.is_empty() {
        return Err(KwokTypesError::Entry {
            entry: format!("number {}", position + 1),
            field: "name".to_owned(),
            message: "is empty".to_owned(),
        });
    }
    entry.check()?;
    Ok(entry)
}

fn refuse(name: &str, field: impl Into<String>, message: impl Into<String>) -> KwokTypesError {
    KwokTypesError::Entry { entry: format!("{name:?}"), field: field.into(), message: message.into() }
}

impl Entry {
    /// What the types cannot say.
    fn check(&self) -> Result<(), KwokTypesError> {
        for (resource, quantity) in self.resources.iter() {
            if quantity.is_negative() {
                return Err(refuse(&self.name, format!("resources.{resource}"), "is negative"));
            }
        }
        let operators = |field: &str, specs: &[RequirementSpec]| {
            let unknown = specs.iter().find(|spec| crate::model::Operator::parse(&spec.operator).is_none());
            unknown.map_or(Ok(()), |spec| {
                let message = format!("unknown operator {:?} of key {}", spec.operator, spec.key);
                Err(refuse(&self.name, field, message))
            })
        };
        operators("requirements", self.requirements.as_deref().unwrap_or_default())?;
        for (position, offering) in self.offerings.iter().enumerate() {
            if offering.price < 0.0 {
                return Err(refuse(&self.name, format!("offerings[{position}].Price"), "is negative"));
            }
            if offering.reservation_capacity < 0 {
                let field = format!("offerings[{position}].ReservationCapacity");
                return Err(refuse(&self.name, field, "is negative"));
            }
            operators(&format!("offerings[{position}].Requirements"), &offering.requirements)?;
        }
        Ok(())
    }

    fn into_type(self, labels: &LabelProfile) -> InstanceType {
        let offerings: Vec<Offering> =
            self.offerings.into_iter().map(|offering| offering.into_offering(labels)).collect();
        // Union over all offerings, available or not.
        let union = |key: &str| {
            let values: BTreeSet<CompactString> = offerings
                .iter()
                .filter_map(|offering| offering.requirements.get(key))
                .filter(|requirement| !requirement.complement)
                .flat_map(|requirement| requirement.values.iter().cloned())
                .collect();
            Requirement::allow(key, values)
        };
        let text =
            |resource| self.resources.get(resource).map(|quantity: Quantity| quantity.to_compact_string());
        let (cpu, memory) =
            (text(resource_name::CPU).unwrap_or_default(), text(resource_name::MEMORY).unwrap_or_default());
        let size = aws_size(&self.name).map_or_else(|| cpu.clone(), CompactString::from);
        let mut requirements: Requirements = [
            Requirement::allow(label_key::INSTANCE_TYPE, [self.name.clone()]),
            Requirement::allow(label_key::ARCH, [self.architecture]),
            Requirement::allow(label_key::OS, self.operating_systems),
            union(label_key::ZONE),
            union(label_key::CAPACITY_TYPE),
            Requirement::allow(INSTANCE_SIZE, [size]),
            Requirement::allow(INSTANCE_FAMILY, [family(&self.name)]),
            Requirement::allow(INSTANCE_CPU, [cpu]),
            Requirement::allow(INSTANCE_MEMORY, [memory]),
        ]
        .into_iter()
        .collect();
        requirements.add_all(&Requirements::from_specs(self.requirements.iter().flatten(), labels));
        let mut capacity = self.resources;
        if capacity.get(resource_name::PODS).is_none() {
            capacity.set(resource_name::PODS, Quantity::from_units(DEFAULT_PODS));
        }
        InstanceType {
            name: self.name,
            requirements,
            offerings,
            capacity,
            overhead: self.overhead.map_or_else(default_overhead, Overhead::from),
            volume_attachment_limits: self.volume_attachment_limits.unwrap_or_default(),
            capacity_overlay_applied: false,
        }
    }
}

impl EntryOffering {
    fn into_offering(self, labels: &LabelProfile) -> Offering {
        let requirements = Requirements::from_specs(&self.requirements, labels);
        let mut offering = Offering {
            requirements,
            price: self.price,
            price_kind: PriceKind::List,
            available: self.available,
            reservation_capacity: self.reservation_capacity,
            capacity_override: self.capacity_override.map(Arc::new),
            overhead_override: self.overhead_override.map(|entry| Arc::new(entry.into())),
            price_overlay_applied: false,
        };
        offering.price_kind = match offering.capacity_type() {
            Some("spot") => PriceKind::Spot,
            Some("reserved") => PriceKind::Reserved,
            _ => PriceKind::List,
        };
        offering
    }
}

/// Core labels, the provider's own, and every key that an entry speaks of.
fn profile(entries: &[Entry]) -> LabelProfile {
    let mut labels = LabelProfile::core();
    let own = [INSTANCE_SIZE, INSTANCE_FAMILY, INSTANCE_CPU, INSTANCE_MEMORY].map(CompactString::from);
    let spoken_of = entries.iter().flat_map(|entry| {
        let extra = entry.requirements.iter().flatten();
        extra.chain(entry.offerings.iter().flat_map(|offering| &offering.requirements))
    });
    let spoken_of: Vec<CompactString> =
        spoken_of.map(|spec| CompactString::from(labels.normalize(&spec.key))).collect();
    labels.well_known.extend(own.into_iter().chain(spoken_of));
    labels.restricted_domains.insert(GROUP.into());
    labels.reservation_id = Some(RESERVATION_ID.into());
    labels
}

fn default_overhead() -> Overhead {
    let kube_reserved = [
        (resource_name::CPU, Quantity::from_milli(100)),
        (resource_name::MEMORY, Quantity::from_bytes(10 << 20)),
    ];
    Overhead { kube_reserved: kube_reserved.into_iter().collect(), ..Overhead::default() }
}

/// The size word of a name in AWS form, `2xlarge` of `m5.2xlarge`.
fn aws_size(name: &str) -> Option<&str> {
    let (family, size) = name.split_once('.')?;
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_size = matches!(size, "nano" | "micro" | "small" | "medium" | "large" | "metal")
        || size.strip_suffix("xlarge").is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
    (is_word(family) && is_size).then_some(size)
}

/// The name up to its first `.` or `-`, else its first character.
fn family(name: &str) -> &str {
    match name.split_once(['.', '-']) {
        Some((family, _)) => family,
        None => name.get(..name.chars().next().map_or(0, char::len_utf8)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = r#"{
        "name": "m-4x-amd64-linux", "architecture": "amd64", "operatingSystems": ["linux", "windows"],
        "resources": {"cpu": "4", "memory": "16384Mi"},
        "offerings": [
            {"Price": 0.1, "Available": true, "Requirements": [
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]},
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]},
            {"Price": 0.2, "Available": false, "ReservationCapacity": 2, "Requirements": [
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["reserved"]},
                {"key": "karpenter.kwok.sh/reservation-id", "operator": "In", "values": ["r-1"]},
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b"]}],
             "CapacityOverride": {"pods": "5"}, "OverheadOverride": {"KubeReserved": {"cpu": "1"}}}
        ]}"#;

    fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> Result<KwokProvider, KwokTypesError> {
        let mut entry: serde_json::Value = serde_json::from_str(TYPE).unwrap();
        edit(&mut entry);
        KwokProvider::from_values(vec![entry])
    }

    #[test]
    fn derives_labels_capacity_and_overhead() {
        let provider = edited(|_| {}).unwrap();
        let it = &provider.types()[0];
        let texts: Vec<String> = it.requirements.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "karpenter.kwok.sh/instance-cpu In [4]",
                "karpenter.kwok.sh/instance-family In [m]",
                "karpenter.kwok.sh/instance-memory In [16Gi]",
                "karpenter.kwok.sh/instance-size In [4]",
                "karpenter.sh/capacity-type In [reserved spot]",
                "kubernetes.io/arch In [amd64]",
                "kubernetes.io/os In [linux windows]",
                "node.kubernetes.io/instance-type In [m-4x-amd64-linux]",
                "topology.kubernetes.io/zone In [a b]",
            ]
        );
        assert_eq!(it.allocatable().json_text(), r#"{"cpu":"3900m","memory":"16374Mi","pods":"110"}"#);
        let reserved = &it.offerings[1];
        assert!(!reserved.available && reserved.reservation_capacity == 2);
        assert_eq!(reserved.reservation_id(provider.labels()), Some("r-1"));
        assert_eq!(reserved.overhead_override.as_ref().unwrap().kube_reserved.json_text(), r#"{"cpu":"1"}"#);
        assert!(provider.labels().is_well_known(RESERVATION_ID));
        assert!(provider.labels().is_restricted("karpenter.kwok.sh/other"));
    }

    #[test]
    fn reads_the_extensions() {
        let provider = edited(|entry| {
            entry["overhead"] = serde_json::json!({"systemReserved": {"cpu": "2"}});
            entry["requirements"] = serde_json::json!([{"key": "gen", "operator": "In", "values": ["2"]}]);
            entry["volumeAttachmentLimits"] = serde_json::json!({"ebs.csi.aws.com": 3});
        })
        .unwrap();
        let it = &provider.types()[0];
        assert_eq!(it.overhead.total().json_text(), r#"{"cpu":"2"}"#);
        assert_eq!(it.volume_attachment_limits["ebs.csi.aws.com"], 3);
        assert!(it.requirements.has("gen") && provider.labels().is_well_known("gen"));
    }

    #[test]
    fn size_and_family_come_from_the_name() {
        for (name, size, group) in [
            ("m5.2xlarge", Some("2xlarge"), "m5"),
            ("m5.xlarge", Some("xlarge"), "m5"),
            ("u_1.metal", Some("metal"), "u_1"),
            ("m5.metal-24xl", None, "m5"),
            ("m-8x-arm64-linux", None, "m"),
            ("e2-standard-4", None, "e2"),
            ("Standard_D4s", None, "S"),
        ] {
            assert_eq!((aws_size(name), family(name)), (size, group), "{name}");
        }
    }

    #[test]
    fn errors_name_entry_and_field() {
        type Edit = fn(&mut serde_json::Value);
        let rows: [(Edit, &str); 8] = [
            (
                |entry| entry["offerings"][1]["Price"] = "free".into(),
                r#"instance type "m-4x-amd64-linux": offerings[1].Price: invalid type: string "free", expected f64"#,
            ),
            (
                |entry| entry["resources"]["cpu"] = "4 cores".into(),
                r#"instance type "m-4x-amd64-linux": resources.cpu: "4 cores" is not a quantity (examples: 500m, 2, 1.5Gi)"#,
            ),
            (
                |entry| entry["name"] = 3.into(),
                "instance type number 1: name: invalid type: integer `3`, expected a string",
            ),
            (|entry| entry["name"] = "".into(), "instance type number 1: name: is empty"),
            (
                |entry| entry["offerings"][0]["Price"] = (-1).into(),
                r#"instance type "m-4x-amd64-linux": offerings[0].Price: is negative"#,
            ),
            (
                |entry| entry["offerings"][0]["Requirements"][0]["operator"] = "Is".into(),
                r#"instance type "m-4x-amd64-linux": offerings[0].Requirements: unknown operator "Is" of key karpenter.sh/capacity-type"#,
            ),
            (
                |entry| entry["resources"]["cpu"] = (-1).into(),
                r#"instance type "m-4x-amd64-linux": resources.cpu: is negative"#,
            ),
            (|entry| *entry = serde_json::json!([]), "instance type number 1: entry: is not an object"),
        ];
        for (edit, text) in rows {
            assert_eq!(edited(edit).unwrap_err().to_string(), text);
        }
        let unknown = edited(|entry| entry["zones"] = 1.into()).unwrap_err().to_string();
        assert!(
            unknown.starts_with(r#"instance type "m-4x-amd64-linux": zones: unknown field"#),
            "{unknown}"
        );
        let twice = format!("[{TYPE},{TYPE}]");
        assert_eq!(
            KwokProvider::parse(twice.as_bytes()).unwrap_err().to_string(),
            r#"instance type "m-4x-amd64-linux": name: is used twice in the list"#
        );
        assert_eq!(KwokProvider::parse(b"[]").unwrap_err(), KwokTypesError::Empty);
        assert!(KwokProvider::parse(b"{}").unwrap_err().to_string().starts_with("not a JSON list"));
    }
}
