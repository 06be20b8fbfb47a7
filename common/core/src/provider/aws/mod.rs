//! The AWS provider: instance types of a NodePool from raw EC2 data and an EC2NodeClass, hashes, launch rules.
//!
//! ```text
//! Catalog (raw types, offerings, prices) ┐
//! EC2NodeClass + controller settings ────┼─► labels, capacity, overhead, offerings ─► InstanceType
//! nodes (zones, memory they reported) ───┘
//! ```
//!
//! Mirrors aws/karpenter-provider-aws at 1.15, from facts it can be handed; nothing here asks AWS. What could
//! not be known is listed per NodeClass as [`Uncertainty`].

mod capacity;
mod class;
mod compatibility;
#[cfg(test)]
mod conformance;
mod discovered;
mod family;
#[cfg(test)]
mod golden;
mod hash;
mod images;
mod kubelet;
mod labels;
pub mod launch;
mod offerings;
mod overhead;
mod parameters;
mod provider;
mod zones;

pub use capacity::resource as resource_name;
pub use class::PlacementGroup;
pub use compatibility::ClassIncompatibility;
pub use family::AmiFamily;
pub use hash::{NodeClassHashVersion, node_class_hash};
pub use images::Images;
pub use labels::{key as label_key, label_profile};
pub use parameters::{AliasError, AliasParameter, alias_parameters};
pub use provider::{AwsProvider, GROUP, KIND, ProviderFacts, Uncertainty};
