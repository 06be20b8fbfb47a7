//! Who wrote which fields of an object, and when.
//!
//! Kept for Karpenter's AWS kinds alone: their hashes are one-way, so this is all that tells which fields an edit
//! may have touched. Of 50,000 pods it would be most of the memory, and no rule reads it.

use std::fmt;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// API group whose entries are kept.
const KEPT: &str = "karpenter.k8s.aws/";

/// The entries of `metadata.managedFields` that are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct ManagedFields(Vec<ManagedFieldsEntry>);

/// One writer.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedFieldsEntry {
    /// Version of the API it wrote by.
    pub api_version: CompactString,
    /// Its name.
    pub manager: CompactString,
    /// Subresource it wrote; empty = the object itself.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub subresource: CompactString,
    /// When it last wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Fields it owns, as the API nests them.
    pub fields_v1: Value,
}

/// A field that somebody may have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenField {
    /// Path, `spec.metadataOptions.httpTokens`.
    pub path: String,
    /// Who.
    pub manager: CompactString,
    /// When its writer last wrote; not each field's own time.
    pub at: Timestamp,
}

impl ManagedFields {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fields of the spec owned by whoever wrote the object after a moment. A writer's time is that of its last
    /// write, so fields it wrote before are among them: each is possible, none is certain.
    pub fn written_after(&self, moment: Timestamp) -> Vec<WrittenField> {
        let mut found = Vec::new();
        for entry in self.0.iter().filter(|entry| entry.subresource.is_empty()) {
            let Some(at) = entry.time.filter(|at| *at > moment) else { continue };
            let mut paths = Vec::new();
            if let Some(spec) = entry.fields_v1.get("f:spec") {
                collect("spec", spec, &mut paths);
            }
            let manager = &entry.manager;
            found.extend(paths.into_iter().map(|path| WrittenField { path, manager: manager.clone(), at }));
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|a, b| a.path == b.path);
        found
    }
}

/// Paths of the leaves. Items of lists are not told apart: their keys are values, not names.
fn collect(path: &str, fields: &Value, paths: &mut Vec<String>) {
    let named = fields.as_object().into_iter().flatten();
    let named: Vec<(&str, &Value)> =
        named.filter_map(|(key, inner)| Some((key.strip_prefix("f:")?, inner))).collect();
    if named.is_empty() {
        paths.push(path.to_owned());
    }
    for (name, inner) in named {
        collect(&format!("{path}.{name}"), inner, paths);
    }
}

impl<'de> Deserialize<'de> for ManagedFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = ManagedFields;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list of managers")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<ManagedFields, E> {
                Ok(ManagedFields::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ManagedFields, A::Error> {
                let mut kept = Vec::new();
                while let Some(Entry(entry)) = list.next_element()? {
                    kept.extend(entry);
                }
                Ok(ManagedFields(kept))
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

/// An entry, where it is one that is kept.
struct Entry(Option<ManagedFieldsEntry>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Entry;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a manager and its fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let mut entry = ManagedFieldsEntry::default();
                while let Some(key) = map.next_key::<CompactString>()? {
                    // The API server writes the version first, so fields of other kinds are never built.
                    let other = !entry.api_version.is_empty() && !entry.api_version.starts_with(KEPT);
                    match key.as_str() {
                        "apiVersion" => entry.api_version = map.next_value()?,
                        "manager" if !other => entry.manager = map.next_value()?,
                        "subresource" if !other => entry.subresource = map.next_value()?,
                        "time" if !other => entry.time = map.next_value()?,
                        "fieldsV1" if !other => entry.fields_v1 = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Entry(Some(entry).filter(|entry| entry.api_version.starts_with(KEPT))))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {

    use crate::model::ObjectMeta;

    const META: &str = r#"{"name": "default", "managedFields": [
        {"apiVersion": "karpenter.k8s.aws/v1", "fieldsType": "FieldsV1", "manager": "kubectl", "operation": "Update",
         "time": "2026-11-25T10:00:00Z",
         "fieldsV1": {"f:metadata": {"f:labels": {}},
                      "f:spec": {".": {}, "f:tags": {".": {}, "f:team": {}}, "f:amiSelectorTerms": {}}}},
        {"apiVersion": "karpenter.k8s.aws/v1", "fieldsType": "FieldsV1", "manager": "karpenter",
         "operation": "Update", "subresource": "status", "time": "2026-11-25T11:00:00Z",
         "fieldsV1": {"f:status": {"f:amis": {}}}},
        {"apiVersion": "v1", "fieldsType": "FieldsV1", "manager": "kubelet", "fieldsV1": {"f:spec": {}}}]}"#;

    #[test]
    fn what_was_written_after_a_launch() {
        let meta: ObjectMeta = serde_json::from_str(META).unwrap();
        let paths = |moment: &str| -> Vec<String> {
            let written = meta.managed_fields.written_after(moment.parse().unwrap());
            written.into_iter().map(|field| field.path).collect()
        };
        assert_eq!(paths("2026-11-25T09:00:00Z"), ["spec.amiSelectorTerms", "spec.tags.team"]);
        assert!(paths("2026-11-25T10:00:00Z").is_empty());
    }

    #[test]
    fn other_kinds_keep_nothing_and_what_is_kept_is_written_again() {
        let meta: ObjectMeta = serde_json::from_str(META).unwrap();
        assert_eq!(meta.managed_fields.0.len(), 2);
        let again: ObjectMeta = serde_json::from_value(serde_json::to_value(&meta).unwrap()).unwrap();
        assert_eq!(again, meta);
        let none: ObjectMeta = serde_json::from_str(r#"{"managedFields": null}"#).unwrap();
        assert!(none.managed_fields.is_empty());
    }
}
