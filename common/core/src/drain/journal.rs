//! What a drain or a pause writes on the objects it touches, so that the next run knows.
//!
//! All of it stands under one prefix, `karp/`: the annotation `karp/drain` on Nodes, `karp/cordon` on NodePools, and
//! the label `karp/surge` on placeholder pods and their namespace.

use std::fmt;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// All its pods are gone.
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
        };
        let text = journal.to_string();
        insta::assert_snapshot!(text, @r#"{"version":1,"id":"d-7f3a","since":"2026-11-20T12:00:00Z","wasUnschedulable":true,"phase":"draining"}"#);
        assert_eq!(Journal::parse("n", &text).unwrap(), journal);
        assert!(Journal::parse("n", "{").is_err());
        let newer = text.replace("\"version\":1", "\"version\":9");
        assert_eq!(
            Journal::parse("n", &newer).unwrap_err().to_string(),
            "annotation karp/drain of node/n is no journal: version 9 is newer than this program"
        );
    }
}
