//! What a cloud provider decides: special labels, instance types of a NodePool, hashes, launch rules.
//!
//! A provider is a value behind [`CloudProvider`]; nothing here asks a cloud. Karpenter:
//! pkg/cloudprovider/types.go (`CloudProvider`).

pub mod aws;
mod kwok;
mod select;
mod unknown;

pub use kwok::{KwokProvider, KwokTypesError};
pub use select::{
    ProviderKind, ProviderSelection, RegionEvidence, RegionFinding, region_of_zone, select_provider,
};
pub use unknown::UnknownProvider;

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;

use crate::model::{InstanceType, LabelProfile, NodeClassReference, NodePool};

/// What the simulator asks of a cloud provider.
pub trait CloudProvider {
    /// Label keys the provider treats specially.
    fn labels(&self) -> &LabelProfile;

    /// Whether NodePools with this NodeClass are the controller's own.
    fn supports_node_class(&self, reference: &NodeClassReference) -> bool;

    /// Instance types of a NodePool in the provider's order. NodePools that get equal lists should get the same
    /// `Arc`: the simulator packs each list once.
    ///
    /// # Errors
    /// When the controller would skip the NodePool with a log line.
    fn instance_types(&self, node_pool: &NodePool) -> Result<Arc<[InstanceType]>, InstanceTypesError>;

    /// Storage drivers whose claims are refused.
    fn unsupported_provisioners(&self) -> &BTreeSet<CompactString>;

    /// Topology keys that a StorageClass may not use.
    fn unsupported_topology_keys(&self) -> &BTreeSet<CompactString>;
}

/// Why a NodePool has no instance types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstanceTypesError {
    /// The NodeClass does not exist, or is being deleted.
    #[error("{kind}/{name} not found")]
    NodeClassNotFound {
        /// Kind of the NodeClass.
        kind: CompactString,
        /// Its name.
        name: CompactString,
    },
    /// The NodeClass exists but has not resolved what the list depends on.
    #[error("{kind}/{name}: {message}")]
    NodeClassNotResolved {
        /// Kind of the NodeClass.
        kind: CompactString,
        /// Its name.
        name: CompactString,
        /// What is missing: `no subnets found`.
        message: String,
    },
    /// There is no catalog for the region, or none at all.
    #[error("no instance types known: {0}")]
    NoCatalog(String),
}
