//! A cluster without one of its nodes.

use compact_str::CompactString;

use super::unscheduled;
use crate::model::Snapshot;

/// Why a node cannot be taken out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// There is no such node.
    #[error("nodes {name:?} not found")]
    NotFound {
        /// Name.
        name: String,
    },
}

/// Takes a node with its NodeClaim and CSINode out. Its pods come back without a node, except those that live and
/// die with it: pods of DaemonSets and static pods. Yields the pods that came back, as (namespace, name).
///
/// # Errors
/// When there is no such node.
pub fn without_node(
    snapshot: &mut Snapshot,
    name: &str,
) -> Result<Vec<(CompactString, CompactString)>, RemoveError> {
    let taken_at = snapshot.taken_at;
    let objects = &mut snapshot.objects;
    let at = objects
        .nodes
        .iter()
        .position(|node| node.metadata.name == name)
        .ok_or_else(|| RemoveError::NotFound { name: name.to_owned() })?;
    let node = objects.nodes.remove(at);
    let id = &node.spec.provider_id;
    objects.node_claims.retain(|claim| {
        let paired = !id.is_empty() && claim.status.provider_id == *id || claim.status.node_name == name;
        !paired
    });
    objects.csi_nodes.retain(|csi| csi.metadata.name != name);
    let mut back = Vec::new();
    objects.pods.retain_mut(|pod| {
        if pod.node_name.as_deref() != Some(name) {
            return true;
        }
        let bound_to_node = pod
            .metadata
            .owner_references
            .iter()
            .any(|owner| matches!(owner.kind.as_str(), "DaemonSet" | "Node"));
        if bound_to_node || !pod.is_active() {
            return false;
        }
        pod.node_name = None;
        pod.status = unscheduled(taken_at, false).into();
        back.push((pod.metadata.namespace.clone(), pod.metadata.name.clone()));
        true
    });
    Ok(back)
}
