//! What the stepper is shown: the target nodes as the API server has them now.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;

use super::journal::Journal;
use crate::model::Pod;

/// The cluster as far as a drain looks at it.
#[derive(Debug, Clone)]
pub struct View {
    /// The server's clock.
    pub now: Timestamp,
    /// Target nodes by name; one that is gone is not among them.
    pub nodes: BTreeMap<CompactString, NodeView>,
    /// Ready pods by uid of their controller; only asked for while [`super::Stepper::wants_replacements`].
    pub ready_by_owner: BTreeMap<CompactString, usize>,
    /// Pods that a controller wants now, by its uid; one that is gone wants none. Only asked for where
    /// [`super::Stepper::awaited`] names it and it has fewer Ready pods than before; absent = not known.
    pub wanted_by_owner: BTreeMap<CompactString, usize>,
    /// Placeholders that were made for this run: how many are there, and how many of them have a Ready node. Only
    /// asked for while [`super::Stepper::wants_surge`].
    pub surge: (usize, usize),
}

/// One target node.
#[derive(Debug, Clone)]
pub struct NodeView {
    /// UID.
    pub uid: CompactString,
    /// Cordoned.
    pub unschedulable: bool,
    /// What an earlier run left.
    pub journal: Option<Journal>,
    /// All pods bound to it; none = they were not asked for ([`super::Stepper::wants_pods`]).
    pub pods: Option<Vec<Pod>>,
    /// PersistentVolumes still attached to it that no pod which stays uses; none = they were not asked for
    /// ([`super::Stepper::wants_attachments`]).
    pub attached: Option<Vec<CompactString>>,
    /// Its NodeClaim: name, uid, and whether its deletion has begun.
    pub node_claim: Option<(CompactString, CompactString, bool)>,
}
