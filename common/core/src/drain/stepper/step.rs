//! What the stepper says and hears: steps, answers, states.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::drain::journal::Journal;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Cordon a node and write its journal, in one request that fails where the node changed since it was read.
    Cordon {
        /// The node.
        node: CompactString,
        /// Its uid.
        uid: CompactString,
        /// The journal to write.
        journal: Journal,
    },
    /// Write the journal of a node.
    Mark {
        /// The node.
        node: CompactString,
        /// Its uid.
        uid: CompactString,
        /// The journal to write.
        journal: Journal,
    },
    /// Make placeholders for these pods.
    Surge {
        /// The pods.
        pods: Vec<Target>,
    },
    /// Ask for the eviction of these pods, each with its uid as precondition; they do not depend on each other.
    Evict {
        /// The pods.
        pods: Vec<Target>,
    },
    /// Delete these pods past their PDBs, each with its uid as precondition.
    Delete {
        /// The pods.
        pods: Vec<Target>,
    },
    /// Delete the NodeClaim of a drained node, with its uid as precondition.
    DeleteNodeClaim {
        /// The node.
        node: CompactString,
        /// The NodeClaim.
        name: CompactString,
        /// Its uid.
        uid: CompactString,
    },
    /// Look again after so many seconds.
    Wait {
        /// Seconds.
        seconds: i64,
    },
    /// Stop; what was done stays.
    Stop(StopReason),
    /// Everything is done.
    Done,
}

/// A pod to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The node it is on.
    pub node: CompactString,
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// UID.
    pub uid: CompactString,
    /// Seconds to stop; none = its own.
    pub grace_seconds: Option<i64>,
}

/// Why a drain stops before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it.
    Interrupted,
    /// Placeholders of `--surge` found no room in time; no pod was asked to go.
    NoRoom {
        /// Placeholders with a Ready node.
        placed: usize,
        /// Placeholders made.
        wanted: usize,
    },
    /// Replacements are not Ready, or volumes not detached, in time; no further node is touched.
    NotReady {
        /// The node whose pods they replace.
        node: CompactString,
        /// Controllers with fewer Ready pods than before, as `namespace/name`.
        owners: Vec<String>,
        /// PersistentVolumes that are still attached to the node.
        volumes: Vec<CompactString>,
    },
    /// Some nodes could not be drained.
    NodesFailed,
}

/// How a request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, or accepted.
    Accepted,
    /// The object is not there.
    Gone,
    /// It changed: look again.
    Conflict,
    /// 429: not now.
    NotNow {
        /// What the server advises, in seconds.
        retry_after_seconds: Option<i64>,
        /// Its words.
        message: String,
    },
    /// It will never be allowed: several PDBs, or no right to.
    Never {
        /// The server's words.
        message: String,
    },
    /// Nobody knows whether it was done: connection lost, time-out, 5xx.
    Unknown {
        /// What happened.
        message: String,
    },
}

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeState {
    /// Its turn has not come.
    ToDo,
    /// Its pods are going.
    Draining,
    /// Its pods are gone; their replacements and the detachment of its volumes are awaited.
    Settling,
    /// Its NodeClaim is going.
    Deleting,
    /// Done.
    Done,
    /// Given up; the others go on.
    Failed(String),
}

/// A controller whose pods went and must be Ready again. Stands in the journal until they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// UID.
    pub uid: CompactString,
    /// `ReplicaSet`, `StatefulSet` or `ReplicationController`.
    pub kind: CompactString,
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// Its Ready pods before anything was done.
    pub ready_before: usize,
}

/// Why a pod is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The node.
    pub node: CompactString,
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// Why.
    pub why: String,
    /// How often it was asked for.
    pub attempts: u32,
    /// Seconds until it is asked for again.
    pub again_in_seconds: i64,
}
