//! Where names stand in objects: one walk over their JSON, used to gather names and again to replace them.
//!
//! A text in a field of which nothing is said here is a name.

use serde_json::{Map, Value};

use super::Names;
use super::fixed;
use super::words::{is_amount, is_number, is_uuid};
use crate::model::LabelProfile;

/// What is done to each name.
pub(super) trait Rename {
    /// A name.
    fn name(&mut self, name: &mut String);
    /// A key of a label, taint or annotation.
    fn key(&mut self, key: &mut String);
    /// A value under a key; the key is the old one.
    fn value(&mut self, key: &str, value: &mut String);
    /// A value that is compared as a number.
    fn bound(&mut self, value: &mut String);
    /// A word that stays, and stays everywhere.
    fn stays(&mut self, text: &str);
    /// A text that names may stand in.
    fn text(&mut self, text: &mut String);
}

/// Writes the new names.
pub(super) struct Renamer<'n> {
    names: &'n Names,
    profile: &'n LabelProfile,
}

impl<'n> Renamer<'n> {
    pub(super) fn new(names: &'n Names, profile: &'n LabelProfile) -> Self {
        Self { names, profile }
    }
}

impl Rename for Renamer<'_> {
    fn name(&mut self, name: &mut String) {
        *name = self.names.name(name).into();
    }

    fn key(&mut self, key: &mut String) {
        *key = self.names.name(key).into();
    }

    fn value(&mut self, key: &str, value: &mut String) {
        if !fixed::has_fixed_values(key, self.profile) {
            self.name(value);
        }
    }

    fn bound(&mut self, _: &mut String) {}

    fn stays(&mut self, _: &str) {}

    fn text(&mut self, text: &mut String) {
        *text = self.names.text(text);
    }
}

/// Fields that hold words of the API, times, amounts.
#[rustfmt::skip]
const API_FIELDS: &[&str] = &[
    "apiVersion", "kind", "group", "apiGroup", "operator", "effect", "whenUnsatisfiable", "nodeAffinityPolicy",
    "nodeTaintsPolicy", "restartPolicy", "phase", "status", "type", "reason", "protocol", "creationTimestamp",
    "deletionTimestamp", "lastTransitionTime", "firstTimestamp", "lastTimestamp", "eventTime", "startTime",
    "lastPodEventTime", "endTime", "expireAfter", "terminationGracePeriod", "consolidateAfter",
    "consolidationPolicy", "reasons", "nodes", "schedule", "duration", "minAvailable", "maxUnavailable",
    "unhealthyPodEvictionPolicy", "resourceVersion", "medium", "volumeBindingMode", "price", "priceAdjustment",
    "amiFamily", "alias", "volumeType", "volumeSize", "deviceName", "instanceStorePolicy", "interfaceType",
    "httpEndpoint", "httpProtocolIPv6", "httpTokens", "nestedVirtualization", "instanceMatchCriteria",
    "reservationType", "state", "kubeletVersion", "osImage", "component", "reportingComponent", "version",
    "preferencePolicy", "minValuesPolicy", "awsRegion",
];

/// Fields that hold words of the provider, which stay wherever they stand.
const PROVIDER_FIELDS: [&str; 6] =
    ["zone", "zoneID", "availabilityZone", "instanceType", "provisioner", "driver"];

/// Fields with amounts by resource.
const RESOURCE_FIELDS: [&str; 7] =
    ["requests", "limits", "capacity", "allocatable", "overhead", "allocatedResources", "resources"];

/// Fields with labels.
const LABEL_FIELDS: [&str; 5] = ["labels", "matchLabels", "nodeSelector", "selector", "tags"];

/// Fields that hold keys of labels or of the like.
const KEY_FIELDS: [&str; 4] = ["topologyKey", "matchLabelKeys", "mismatchLabelKeys", "finalizers"];

/// Annotations of others that rules read.
const READ_ANNOTATIONS: [&str; 5] = [
    "controller.kubernetes.io/pod-deletion-cost",
    "storageclass.kubernetes.io/is-default-class",
    "pv.kubernetes.io/bind-completed",
    "argocd.argoproj.io/tracking-id",
    "meta.helm.sh/release-name",
];

/// Beginnings of the names of images that AWS and others publish: versions are read from them.
const PUBLIC_IMAGES: [&str; 5] =
    ["amazon-eks-", "bottlerocket-aws-", "al2023-ami-", "ubuntu-eks", "Windows_Server-"];

/// Walks over an object of a kind (plural), or over anything else that is written as JSON.
pub(super) fn walk(plural: &str, object: &mut Value, rename: &mut impl Rename) {
    let mut walker = Walker { plural, rename, in_template: false };
    walker.value("", "", object);
}

struct Walker<'w, R> {
    plural: &'w str,
    rename: &'w mut R,
    /// Whether this is inside the template of a NodePool.
    in_template: bool,
}

impl<R: Rename> Walker<'_, R> {
    /// What stands in `field` of `parent`; elements of lists stand in the field of the list.
    fn value(&mut self, parent: &str, field: &str, value: &mut Value) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|element| self.value(parent, field, element)),
            Value::Object(map) if field == "annotations" => self.annotations(map),
            Value::Object(map) if LABEL_FIELDS.contains(&field) && is_plain_map(map) => self.labels(map),
            Value::Object(map) if RESOURCE_FIELDS.contains(&field) => self.resources(field, map),
            Value::Object(map) if field == "kubelet" => self.kubelet(map),
            Value::Object(map) => {
                let outside = self.in_template;
                self.in_template |= field == "template";
                self.object(field, map);
                self.in_template = outside;
            }
            Value::String(text) => self.string(parent, field, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&mut self, field: &str, map: &mut Map<String, Value>) {
        map.remove("userData");
        // Keys of tags and labels stand in it, in a form of its own.
        map.remove("managedFields");
        if field == "conditions" && matches!(self.plural, "pods" | "nodes") {
            map.remove("message");
        }
        if map.get("key").is_some_and(Value::is_string) {
            return self.keyed(field, map);
        }
        for (name, value) in map {
            self.value(field, name, value);
        }
    }

    /// Kubelet settings are an open object; only its DNS addresses name anything.
    fn kubelet(&mut self, map: &mut Map<String, Value>) {
        for address in map.get_mut("clusterDNS").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::String(text) = address {
                self.rename.name(text);
            }
        }
    }

    /// A requirement, an expression, a taint, a toleration: values under a key.
    fn keyed(&mut self, field: &str, map: &mut Map<String, Value>) {
        let key = map.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let operator = map.get("operator").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (name, value) in map {
            let texts: Vec<&mut String> = match value {
                Value::String(text) => vec![text],
                Value::Array(list) => list
                    .iter_mut()
                    .filter_map(|element| if let Value::String(text) = element { Some(text) } else { None })
                    .collect(),
                _ => continue,
            };
            for text in texts.into_iter().filter(|text| !text.is_empty()) {
                match name.as_str() {
                    // A field is none of the labels: `metadata.name` stays, its values are names.
                    "key" if field == "matchFields" => {}
                    "key" => self.rename.key(text),
                    "values" if field == "matchFields" => self.rename.name(text),
                    "value" | "values" if matches!(operator.as_str(), "Gt" | "Lt" | "Gte" | "Lte") => {
                        self.rename.bound(text);
                    }
                    "value" | "values" => self.rename.value(&key, text),
                    _ => {}
                }
            }
        }
    }

    fn string(&mut self, parent: &str, field: &str, text: &mut String) {
        match field {
            _ if text.is_empty() => {}
            "message" => self.rename.text(text),
            "uid" if is_uuid(text) => {}
            "name" if parent == "drivers" => self.rename.stays(text),
            "name" if parent == "schedulingGates" => self.rename.key(text),
            "name" if PUBLIC_IMAGES.iter().any(|start| text.starts_with(start)) => self.rename.stays(text),
            "ssmParameter" if text.starts_with("/aws/service/") => self.rename.stays(text),
            _ if API_FIELDS.contains(&field) => {}
            _ if KEY_FIELDS.contains(&field) => self.rename.key(text),
            _ if PROVIDER_FIELDS.contains(&field) => self.rename.stays(text),
            _ => self.rename.name(text),
        }
    }

    fn resources(&mut self, field: &str, map: &mut Map<String, Value>) {
        for (name, value) in map {
            match value {
                Value::String(_) | Value::Number(_) => self.rename.stays(name),
                _ => self.value(field, name, value),
            }
        }
    }

    fn labels(&mut self, map: &mut Map<String, Value>) {
        let old = std::mem::take(map);
        for (mut key, mut value) in old {
            let old_key = key.clone();
            self.rename.key(&mut key);
            if let Value::String(text) = &mut value {
                // AWS tags: any value.
                if text != "*" {
                    self.rename.value(&old_key, text);
                }
            }
            map.insert(key, value);
        }
    }

    /// Annotations that rules read; those that a NodePool gives to its nodes all stay, being part of hashes, and so
    /// do those of NodeClaims, which are compared with them.
    fn annotations(&mut self, map: &mut Map<String, Value>) {
        let all = self.plural == "nodeclaims" || self.plural == "nodepools" && self.in_template;
        map.retain(|key, _| all || is_karpenters(key) || READ_ANNOTATIONS.contains(&key.as_str()));
        let old = std::mem::take(map);
        for (mut key, mut value) in old {
            let stays = is_karpenters(&key) || READ_ANNOTATIONS.contains(&key.as_str());
            self.rename.key(&mut key);
            if let Value::String(text) = &mut value
                && !(stays && is_api_value(text))
            {
                self.rename.name(text);
            }
            map.insert(key, value);
        }
    }
}

fn is_plain_map(map: &Map<String, Value>) -> bool {
    map.values().all(Value::is_string)
}

/// Whether an annotation is one of Karpenter's own.
fn is_karpenters(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    domain.starts_with("karpenter.") || domain.contains(".karpenter.")
}

/// Whether a value is a number, a time or a switch rather than a name.
fn is_api_value(text: &str) -> bool {
    matches!(text, "true" | "false")
        || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        || is_amount(text)
        || is_number(text)
        || text.parse::<jiff::Timestamp>().is_ok()
}
