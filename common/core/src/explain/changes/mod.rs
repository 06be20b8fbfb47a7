//! Changes: the smallest edits that alter an answer, each proven by simulating the whole batch again.
//!
//! ```text
//! causes found by the funnel ──► candidates ──► simulate each on an edited snapshot ──► proofs ──► rank
//! ```
//!
//! One file per kind of object that can be edited: the pod at its owner, DaemonSets, NodePools, EC2NodeClasses.
//! Candidates come from causes, so there are few; nothing is proposed that was not simulated.

mod candidate;
mod command;
mod drifting;
mod from_causes;
mod node_class_edit;
mod node_pool_edit;
mod of_pool;
mod of_types;
mod patch;
mod pod_edit;
mod pod_patch;
mod proof;
mod search;
#[cfg(test)]
mod search_tests;

pub use candidate::{Candidate, ObjectEdit, Subject, Undo};
pub use node_class_edit::NodeClassEdit;
pub use node_pool_edit::NodePoolEdit;
pub use patch::{JsonPatch, PatchOp};
pub use pod_edit::PodEdit;
pub use search::{ChangeSearch, SearchOptions, Simulate};
