//! The AWS provider: instance types of a NodePool from raw EC2 data and an EC2NodeClass, hashes, launch rules.
//!
//! Mirrors aws/karpenter-provider-aws at 1.15, from facts it can be handed; nothing here asks AWS.

mod family;
mod hash;

pub use family::AmiFamily;
pub use hash::{NodeClassHashVersion, node_class_hash};
