//! What a drain or a pause writes on the objects it touches, so that the next run knows.
//!
//! All of it stands under one prefix, `karp/`: the annotation `karp/drain` on Nodes, `karp/cordon` on NodePools, and
//! the label `karp/surge` on placeholder pods and their namespace.

use std::fmt;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stepper::Owner;

/// Annotation of a Node that is being drained, or was.
pub const DRAIN_ANNOTATION: &str = "karp/drain";

/// Annotation of a NodePool that is paused: what `uncordon` puts back.
pub const CORDON_ANNOTATION: &str = "karp/cordon";

/// Label of what `--surge` makes; on a placeholder, the uid of the node whose pod it holds room for.
pub const SURGE_LABEL: &str = "karp/surge";

/// How far the drain of a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Cordoned; no pod was asked to go.
    Cordoned,
    /// Its pods are going.
    Draining,
    /// All its pods are gone, and what comes in their place is Ready.
    Drained,
    /// Its NodeClaim is being deleted: there is no way back.
    Deleting,
}

/// The journal of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Form of this journal.
    pub version: u32,
    /// Id of the plan that began.
    pub id: CompactString,
    /// When the node was cordoned.
    pub since: Timestamp,
    /// Whether it was cordoned before: then an abort leaves it so.
    pub was_unschedulable: bool,
    /// How far it is.
    pub phase: Phase,
    /// Controllers of pods that were asked to go: written before the first of them is asked, taken off when all of
    /// them have Ready pods again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<Owner>,
}

/// A journal that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {DRAIN_ANNOTATION} of node/{node} is no journal: {reason}")]
pub struct JournalError {
    /// The node.
    pub node: CompactString,
    /// What is wrong.
    pub reason: String,
}

impl Journal {
    /// Form that is written.
    pub const VERSION: u32 = 1;

    /// Reads the annotation of a node.
    ///
    /// # Errors
    /// When it is no JSON of this form, or of a later one.
    pub fn parse(node: &str, text: &str) -> Result<Self, JournalError> {
        let wrong = |reason: String| JournalError { node: node.into(), reason };
        let journal: Journal = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if journal.version > Self::VERSION {
            return Err(wrong(format!("version {} is newer than this program", journal.version)));
        }
        Ok(journal)
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        out.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let journal = Journal {
            version: 1,
            id: "d-7f3a".into(),
            since: "2026-11-20T12:00:00Z".parse().unwrap(),
            was_unschedulable: true,
            phase: Phase::Draining,
            awaits: Vec::new(),
        };
        let text = journal.to_string();
        insta::assert_snapshot!(text, @r#"{"version":1,"id":"d-7f3a","since":"2026-11-20T12:00:00Z","wasUnschedulable":true,"phase":"draining"}"#);
        assert_eq!(Journal::parse("n", &text).unwrap(), journal);
        let awaits = vec![Owner {
            uid: "u-1".into(),
            kind: "ReplicaSet".into(),
            namespace: "shop".into(),
            name: "web-6c9d".into(),
            ready_before: 6,
        }];
        let waits = Journal { awaits, ..journal.clone() };
        insta::assert_snapshot!(waits.to_string(), @r#"{"version":1,"id":"d-7f3a","since":"2026-11-20T12:00:00Z","wasUnschedulable":true,"phase":"draining","awaits":[{"uid":"u-1","kind":"ReplicaSet","namespace":"shop","name":"web-6c9d","readyBefore":6}]}"#);
        assert_eq!(Journal::parse("n", &waits.to_string()).unwrap(), waits);
        assert!(Journal::parse("n", "{").is_err());
        let newer = text.replace("\"version\":1", "\"version\":9");
        assert_eq!(
            Journal::parse("n", &newer).unwrap_err().to_string(),
            "annotation karp/drain of node/n is no journal: version 9 is newer than this program"
        );
    }
}
