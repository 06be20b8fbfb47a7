//! StateNode: a Node joined with its NodeClaim, as the controller's cluster state holds it.
//!
//! Mirrors karpenter: pkg/controllers/state/{cluster,statenode}.go. Until the node is registered the NodeClaim
//! speaks for it (labels, annotations), afterwards the Node does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Labels, Node, NodeClaim, ObjectMeta, Snapshot, condition_is_true, label_key};

static NONE: Labels = Labels::EMPTY;

/// A machine: a Node, a NodeClaim, or both.
#[derive(Debug, Clone, Copy)]
pub struct StateNode<'a> {
    /// Its Node.
    pub node: Option<&'a Node>,
    /// Its NodeClaim; none = not managed by Karpenter.
    pub node_claim: Option<&'a NodeClaim>,
    /// What joined them; the Node's name where an unmanaged Node has no provider id.
    pub provider_id: &'a str,
}

/// The machines of a cluster, by ascending provider id. NodeClaims that have not launched are not among them,
/// nor are managed Nodes without provider id, nor those still without instance type and initialized label.
pub fn state_nodes(snapshot: &Snapshot) -> Vec<StateNode<'_>> {
    let mut by_id: BTreeMap<&str, StateNode<'_>> = BTreeMap::new();
    for claim in &snapshot.objects.node_claims {
        let id = claim.status.provider_id.as_str();
        if !id.is_empty() {
            by_id.insert(id, StateNode { node: None, node_claim: Some(claim), provider_id: id });
        }
    }
    for node in &snapshot.objects.nodes {
        let labels = &node.metadata.labels;
        let present = |key: &str| labels.get(key).is_some_and(|value| !value.is_empty());
        let managed = present(label_key::NODE_POOL);
        let id = match (node.spec.provider_id.as_str(), managed) {
            ("", true) => continue,
            ("", false) => node.metadata.name.as_str(),
            (id, _) => id,
        };
        if managed && !present(label_key::INSTANCE_TYPE) && !present(label_key::INITIALIZED) {
            continue;
        }
        by_id.entry(id).or_insert(StateNode { node: None, node_claim: None, provider_id: id }).node =
            Some(node);
    }
    by_id.into_values().collect()
}

impl<'a> StateNode<'a> {
    /// The Node's name once registered, before that the NodeClaim's.
    pub fn name(&self) -> &'a str {
        match (self.node, self.node_claim) {
            (Some(node), claim) if claim.is_none() || self.is_registered() => &node.metadata.name,
            (_, Some(claim)) => &claim.metadata.name,
            (_, None) => self.provider_id,
        }
    }

    /// Whether it has a NodeClaim.
    pub fn is_managed(&self) -> bool {
        self.node_claim.is_some()
    }

    /// Whether the Node was matched with its NodeClaim; always so for unmanaged ones.
    pub fn is_registered(&self) -> bool {
        !self.is_managed() || self.node_label_is_true(label_key::REGISTERED)
    }

    /// Whether it was once ready for pods; always so for unmanaged ones.
    pub fn is_initialized(&self) -> bool {
        !self.is_managed() || self.node_label_is_true(label_key::INITIALIZED)
    }

    fn node_label_is_true(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.metadata.labels.get(key) == Some("true"))
    }

    /// Whether its deletion has begun: of the NodeClaim, or of the Node where there is no NodeClaim.
    pub fn is_deleting(&self) -> bool {
        match (self.node_claim, self.node) {
            (Some(claim), _) => claim.metadata.is_deleting() || self.claim_condition("InstanceTerminating"),
            (None, Some(node)) => node.metadata.is_deleting(),
            (None, None) => false,
        }
    }

    /// Whether its NodeClaim has this condition, `True`.
    pub fn claim_condition(&self, kind: &str) -> bool {
        self.node_claim.is_some_and(|claim| condition_is_true(&claim.status.conditions, kind))
    }

    /// Whether the Node's Ready condition is `True`.
    pub fn is_ready(&self) -> bool {
        self.node.is_some_and(|node| condition_is_true(&node.status.conditions, "Ready"))
    }

    /// The labels that count.
    pub fn labels(&self) -> &'a Labels {
        self.metadata().map_or(&NONE, |metadata| &metadata.labels)
    }

    /// The annotations that count.
    pub fn annotations(&self) -> &'a Labels {
        self.metadata().map_or(&NONE, |metadata| &metadata.annotations)
    }

    /// The NodePool by label.
    pub fn node_pool(&self) -> Option<&'a str> {
        self.labels().get(label_key::NODE_POOL)
    }

    /// The metadata that counts, where there is any.
    pub fn metadata(&self) -> Option<&'a Arc<ObjectMeta>> {
        match (self.node, self.node_claim) {
            (Some(node), None) => Some(&node.metadata),
            (Some(node), Some(_)) if self.is_registered() => Some(&node.metadata),
            (_, claim) => claim.map(|claim| &claim.metadata),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn joins_by_provider_id_and_lets_the_right_side_speak() {
        let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH);
        let mut node = Node::default();
        node.metadata_mut().name = "n1".into();
        node.spec.provider_id = "id-1".into();
        node.metadata_mut().labels =
            [(label_key::NODE_POOL, "node"), (label_key::INSTANCE_TYPE, "m")].into_iter().collect();
        let mut claim = NodeClaim::default();
        claim.metadata_mut().name = "c1".into();
        claim.status_mut().provider_id = "id-1".into();
        claim.metadata_mut().labels = [(label_key::NODE_POOL, "claim")].into_iter().collect();
        let mut waiting = NodeClaim::default();
        waiting.metadata_mut().name = "c2".into();
        let mut bare = Node::default();
        bare.metadata_mut().name = "bare".into();
        snapshot.objects.nodes = vec![node, bare];
        snapshot.objects.node_claims = vec![claim, waiting];

        let states = state_nodes(&snapshot);
        let names: Vec<_> = states.iter().map(|state| (state.name(), state.node_pool())).collect();
        assert_eq!(names, [("bare", None), ("c1", Some("claim"))]);

        snapshot.objects.nodes[0].metadata_mut().labels.insert(label_key::REGISTERED, "true");
        let states = state_nodes(&snapshot);
        assert_eq!((states[1].name(), states[1].node_pool()), ("n1", Some("node")));
        assert!(!states[1].is_initialized() && states[0].is_initialized());
    }
}
