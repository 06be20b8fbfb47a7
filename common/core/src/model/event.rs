//! Event: what controllers said about an object.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// An event (`v1`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What it is about.
    pub involved_object: InvolvedObject,
    /// `FailedScheduling`, `Nominated`, ...
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub reason: CompactString,
    /// Text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type", skip_serializing_if = "CompactString::is_empty")]
    pub kind: CompactString,
    /// How often it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// First seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<Timestamp>,
    /// Last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<Timestamp>,
    /// Seen, in newer events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<Timestamp>,
    /// Who said it, in older events.
    #[serde(skip_serializing_if = "EventSource::is_empty")]
    pub source: EventSource,
    /// Who said it, in newer events.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub reporting_component: CompactString,
}

impl Event {
    /// When it was last seen.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_timestamp.max(self.event_time).or(self.metadata.creation_timestamp)
    }

    /// Who said it.
    pub fn reporter(&self) -> &str {
        if self.reporting_component.is_empty() { &self.source.component } else { &self.reporting_component }
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvolvedObject {
    /// Kind.
    pub kind: CompactString,
    /// Namespace.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// UID.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub uid: CompactString,
}

/// Who said it, in older events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventSource {
    /// Component.
    pub component: CompactString,
}

impl EventSource {
    fn is_empty(&self) -> bool {
        self.component.is_empty()
    }
}
