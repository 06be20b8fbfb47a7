//! Preview: the nodes Karpenter would launch, what pods land where, and what an edit would do to live nodes.
//!
//! [`preview`] turns a scheduler's solution into the report; [`apply_edits`] puts NodePools and NodeClasses that are
//! not applied into a snapshot; [`diff`] says what such an edit does to nodes that run. Why a pod stays pending is
//! [`crate::explain`]'s answer, taken over. What EC2 decides by itself is a range, never a point.

mod build;
pub mod diff;
mod edit;
mod ends;
mod launch;
mod limits;
mod node_price;
mod price;
mod report;
mod settle;

pub use build::{Launched, launches, preview, totals};
pub use edit::{Edited, apply_edits, concerned_pools};
pub use ends::{End, other_ends};
pub use launch::{Launch, launch};
pub use node_price::NodePrices;
pub use price::{PriceRange, kind_name};
pub use report::{Landing, LimitUse, OneOf, PlannedNode, PodName, Preview, Summary, Unplaced};
pub use settle::{remove_node, settle};
