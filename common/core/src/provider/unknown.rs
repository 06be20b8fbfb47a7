//! A provider whose instance types are not known: every NodePool says so instead of being left out in silence.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;

use super::{CloudProvider, InstanceTypesError};
use crate::model::{InstanceType, LabelProfile, NodeClassReference, NodePool};

/// A provider without instance types.
#[derive(Debug, Clone)]
pub struct UnknownProvider {
    why: String,
    labels: LabelProfile,
    none: BTreeSet<CompactString>,
}

impl UnknownProvider {
    /// With the reason, for people: `EKS Auto Mode is not modelled`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), labels: LabelProfile::core(), none: BTreeSet::new() }
    }
}

impl CloudProvider for UnknownProvider {
    fn labels(&self) -> &LabelProfile {
        &self.labels
    }

    fn supports_node_class(&self, _: &NodeClassReference) -> bool {
        true
    }

    fn instance_types(&self, _: &NodePool) -> Result<Arc<[InstanceType]>, InstanceTypesError> {
        Err(InstanceTypesError::NoCatalog(self.why.clone()))
    }

    fn unsupported_provisioners(&self) -> &BTreeSet<CompactString> {
        &self.none
    }

    fn unsupported_topology_keys(&self) -> &BTreeSet<CompactString> {
        &self.none
    }
}
