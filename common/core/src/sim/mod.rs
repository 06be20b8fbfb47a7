//! The provisioning scheduler: which pending pods go to which nodes, which nodes are invented for the rest.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling at 1.15.0, with the switches of
//! [`crate::model::RuleSet`] for other versions. Pure, deterministic, cannot fail: bad input is data. Wherever
//! the controller iterates a Go map or breaks a tie by chance, the canonical order applies (byte order of keys,
//! values and domains; objects by namespace and name; topology groups by creation, forward before inverse), and
//! the [`Solution`] says where the controller may choose otherwise.

mod amounts;
mod batch;
mod bits;
mod buffers;
mod classes;
mod daemons;
mod default_constraints;
mod errors;
mod existing;
mod finalize;
mod go_sort;
mod host_ports;
mod node_claim;
mod offering_kinds;
mod open_order;
mod options;
mod overlay;
mod packed;
pub mod pdb;
pub mod pods;
mod pools;
mod preferences;
mod prepare;
#[cfg(test)]
mod properties;
mod reuse;
mod scheduler;
mod solution;
mod solve;
pub mod state_node;
mod texts;
mod ties;
mod topology;
mod topology_counts;
mod topology_group;
mod topology_owners;
mod type_list;
#[cfg(test)]
mod type_list_tests;
mod validation;
mod volumes;

pub use options::{ReservedMode, SolveOptions, TieBreak};
pub use reuse::Reuse;
pub use solve::{solve, solve_reusing};

pub use solution::{
    Choice, DaemonGroup, EventText, ExistingNode, NewNodeClaim, NodePoolState, NotConsidered, NotModelled,
    Outcome, PodDecision, PoolEligibility, Solution, Synced, TopologyConstraint, TopologyKind, Unsynced,
};
