//! What an edit of NodePools and NodeClasses would do to live nodes.
//!
//! [`field_changes`] finds what changes; `drifting` which NodeClaims that makes drift, field by field; `holding`
//! what keeps them (PDBs, do-not-disrupt, budgets) and how long it takes; `rolling` replaces them one after the other
//! to tell what they become and cost. [`diff`] puts it together.

mod compute;
mod drifting;
mod fields;
mod holding;
mod report;
mod rolling;

pub use compute::{DiffInput, diff};
pub use fields::{FieldChange, field_changes};
pub use report::{BlockedRow, Delta, Diff, FieldRow, NodeRow, PoolRow};
