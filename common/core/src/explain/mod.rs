//! Explain: why a pod does or does not schedule, with the whole reason and the smallest change that alters it.
//!
//! ```text
//! Snapshot + Solution ──► Analyst ──► Group (one answer) ──► Explanation
//!                            ▲  demand: what the pod asks, each wish with its source
//!                            │  funnel: what each NodePool leaves of its types, and what stopped it
//!                            │  nodes:  under which check each existing node fails
//!                            └─ situations: what is not Karpenter's problem
//! ```
//!
//! The simulator decides; this module only tells. It imports `model`, `provider` and `sim`, reads no clock and
//! prints nothing. Screens are made from [`report`] elsewhere.

mod advice;
mod analysis;
mod capacity;
mod cause;
pub mod changes;
mod coming_up;
mod controller_said;
mod demand;
mod explanation;
mod funnel;
#[cfg(test)]
mod funnel_tests;
mod gaps;
mod grouping;
mod index;
mod launch;
mod mend;
mod nodes;
mod owners;
mod phrases;
mod place;
pub mod report;
mod situations;
mod stage_view;
mod standstill;
mod topology;
mod topology_report;
mod why;
pub mod words;

pub use analysis::{Analyst, Depth};
pub use cause::{Cause, Stage, short_key};
pub use demand::{Demand, HostPort, Source, Wish, host_ports, required_terms};
pub use explanation::{explain, pending_pods};
pub use funnel::{PoolFunnel, PoolIndex, Rules, StageCount};
pub use grouping::{groups_of, summary_of};
pub use index::{ClaimSource, ObjectIndex};
pub use launch::{NoImage, no_image};
pub use nodes::{Failure, NodeFacts, failures, node_reasons};
pub use owners::{Owner, manager_of, owner_of};
pub(crate) use place::of_claim as new_node_place;
pub use place::{new_node_text, price_text, types_text};
pub use situations::Situation;
pub use topology::{TopologyWish, wishes_of};
pub use why::{Nearest, Why};
