//! Which nodes may go, in what order, how many at once, and what stands in the way.
//!
//! Mirrors karpenter: pkg/controllers/disruption and pkg/controllers/nodeclaim/disruption at 1.15.0, with the
//! switches of [`crate::model::RuleSet`] for other versions. Everything is a pure function of a snapshot, the
//! provider, and what only the controller's memory knows (nominations), which the caller states.

pub mod blockers;
pub mod budgets;
pub mod candidates;
pub mod claim_drift;
mod cluster_state;
pub mod command;
pub mod conditions;
pub mod cost;
pub mod cron;
pub mod drift;
pub mod drift_aws;
pub mod drift_method;
pub mod eviction;
pub mod methods;
pub mod older_class;
pub use crate::sim::pdb;
pub mod roll;
pub mod simulate;
mod static_drift;

pub use cluster_state::{ClusterState, ControllerMemory, ManagedPool, housekeeping};
