//! What keeps a node from being a candidate: all of it, in the order in which the controller looks.
//!
//! Mirrors karpenter: pkg/controllers/state/statenode.go (`ValidateNodeDisruptable`, `ValidatePodsDisruptable`)
//! and pkg/controllers/disruption/types.go (`NewCandidate`). The controller stops at the first and publishes its
//! text; people need the whole list.

use compact_str::CompactString;
use jiff::Timestamp;

use super::cluster_state::ClusterState;
use super::eviction::{PdbTrouble, termination_grace_period};
use super::pdb::PdbBlock;
use crate::model::{Pod, StateNode, label_key};
use crate::sim::pods::{self, DoNotDisrupt};

/// Who may override what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisruptionClass {
    /// Emptiness and consolidation: pods that block keep the node.
    Graceful,
    /// Drift: pods that block keep the node unless its NodeClaim has a terminationGracePeriod.
    Eventual,
}

/// One thing in the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Blocker {
    /// A running disruption command holds it already.
    InCommand,
    /// It has no NodeClaim.
    NotManaged,
    /// The NodeClaim has no Node.
    NoNode,
    /// It is being rebooted (1.15).
    Rebooting,
    /// Its deletion has begun, or a command holds it.
    Deleting,
    /// It was never ready for pods.
    NotInitialized {
        /// Whether 1.15 would add that it is not registered either.
        nor_registered: bool,
    },
    /// A pending pod was planned onto it a moment ago.
    Nominated,
    /// The Node's do-not-disrupt annotation is `true`.
    NodeDoNotDisrupt,
    /// It has no NodePool label.
    NoNodePoolLabel,
    /// Its NodePool is gone, not managed, or has no instance types.
    NodePoolNotFound {
        /// Name from the label.
        node_pool: CompactString,
    },
    /// A pod's do-not-disrupt annotation is in force.
    PodDoNotDisrupt {
        /// Namespace of the pod.
        namespace: CompactString,
        /// Its name.
        name: CompactString,
        /// Until when; none = for ever, or until it has started and its time has passed.
        until: Option<Timestamp>,
        /// Value of the annotation.
        value: CompactString,
    },
    /// The pod's one PDB allows nothing.
    Pdb {
        /// Namespace of the pod and of the PDB.
        namespace: CompactString,
        /// Name of the pod.
        pod: CompactString,
        /// Name of the PDB.
        pdb: CompactString,
        /// What keeps the PDB at zero.
        trouble: Option<PdbTrouble>,
        /// Healthy pods, and how many the PDB needs.
        healthy: (i32, i32),
    },
    /// Several PDBs select the pod.
    SeveralPdbs {
        /// Namespace of the pod and of the PDBs.
        namespace: CompactString,
        /// Name of the pod.
        pod: CompactString,
        /// Names of the PDBs.
        pdbs: Vec<CompactString>,
    },
}

impl Blocker {
    /// The controller's own text, as in its `DisruptionBlocked` event.
    pub fn message(&self) -> String {
        match self {
            Blocker::InCommand => "Candidate is already being disrupted".into(),
            Blocker::NotManaged => "Node isn't managed by karpenter".into(),
            Blocker::NoNode => "Nodeclaim does not have an associated node".into(),
            Blocker::Rebooting => "Node is rebooting".into(),
            Blocker::Deleting => "Node is deleting or marked for deletion".into(),
            Blocker::NotInitialized { nor_registered: true } => {
                "Node isn't initialized nor registered".into()
            }
            Blocker::NotInitialized { nor_registered: false } => "Node isn't initialized".into(),
            Blocker::Nominated => "Node is nominated for a pending pod".into(),
            Blocker::NodeDoNotDisrupt => {
                format!("Disruption is blocked through the {:?} annotation", label_key::DO_NOT_DISRUPT)
            }
            Blocker::NoNodePoolLabel => {
                format!("Node doesn't have required label (label={})", label_key::NODE_POOL)
            }
            Blocker::NodePoolNotFound { node_pool } => format!("NodePool not found (NodePool={node_pool})"),
            Blocker::PodDoNotDisrupt { namespace, name, .. } => {
                format!("Pod has {:?} annotation (Pod={namespace}/{name})", label_key::DO_NOT_DISRUPT)
            }
            Blocker::Pdb { namespace, pdb, .. } => {
                format!("Pdb prevents pod evictions (PodDisruptionBudget=[{namespace}/{pdb}])")
            }
            Blocker::SeveralPdbs { namespace, pdbs, .. } => {
                let keys: Vec<String> = pdbs.iter().map(|pdb| format!("{namespace}/{pdb}")).collect();
                format!(
                    "Eviction does not support multiple PDBs (PodDisruptionBudget(s)=[{}])",
                    keys.join(" ")
                )
            }
        }
    }

    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Blocker::Pdb { .. } => "KARP301",
            Blocker::SeveralPdbs { .. } => "KARP302",
            Blocker::PodDoNotDisrupt { .. } => "KARP303",
            Blocker::NodeDoNotDisrupt => "KARP304",
            Blocker::NotInitialized { .. } | Blocker::NoNode => "KARP305",
            Blocker::Nominated => "KARP306",
            Blocker::Deleting | Blocker::InCommand => "KARP307",
            Blocker::NodePoolNotFound { .. } | Blocker::NoNodePoolLabel => "KARP308",
            Blocker::Rebooting => "KARP309",
            Blocker::NotManaged => "KARP310",
        }
    }

    /// Word of the closed vocabulary of causes; none where it has no word for this.
    pub const fn cause(&self) -> Option<&'static str> {
        match self {
            Blocker::Pdb { .. } | Blocker::SeveralPdbs { .. } => Some("pdb"),
            Blocker::PodDoNotDisrupt { .. } | Blocker::NodeDoNotDisrupt => Some("do-not-disrupt"),
            Blocker::Nominated => Some("nominated"),
            _ => None,
        }
    }

    /// Whether it stays until somebody acts.
    pub fn is_permanent(&self) -> bool {
        match self {
            Blocker::NotManaged
            | Blocker::NodeDoNotDisrupt
            | Blocker::NoNodePoolLabel
            | Blocker::NodePoolNotFound { .. }
            | Blocker::SeveralPdbs { .. } => true,
            Blocker::PodDoNotDisrupt { value, .. } => value == "true",
            Blocker::Pdb { trouble, .. } => trouble.is_some_and(PdbTrouble::is_permanent),
            _ => false,
        }
    }

    /// Whether it is about a pod: drift may pass it by a terminationGracePeriod.
    pub const fn is_about_pods(&self) -> bool {
        matches!(self, Blocker::PodDoNotDisrupt { .. } | Blocker::Pdb { .. } | Blocker::SeveralPdbs { .. })
    }
}

/// Everything in the way of a machine, in the controller's order, pods included.
pub fn blockers(cluster: &ClusterState<'_>, node: &StateNode<'_>) -> Vec<Blocker> {
    let mut found = node_blockers(cluster, node);
    // Without NodeClaim or Node there is nothing more to look at.
    if node.node_claim.is_none() || node.node.is_none() {
        return found;
    }
    if let Some(pool) = node.node_pool().filter(|pool| !has_instance_types(cluster, pool)) {
        found.push(Blocker::NodePoolNotFound { node_pool: pool.into() });
    }
    let pods = cluster.pods(node);
    found.extend(pods.iter().filter_map(|pod| do_not_disrupt(cluster, pod)));
    found.extend(pods.iter().filter_map(|pod| pdb_block(cluster, pod)));
    found
}

/// The blocker at which the controller stops; none = the node is a candidate.
pub fn first_blocker(
    cluster: &ClusterState<'_>,
    node: &StateNode<'_>,
    class: DisruptionClass,
) -> Option<Blocker> {
    let overridden = overrides_pods(node, class);
    blockers(cluster, node).into_iter().find(|blocker| !(overridden && blocker.is_about_pods()))
}

/// Whether pods that block are passed: drift, and the NodeClaim (not its NodePool) has a terminationGracePeriod.
pub fn overrides_pods(node: &StateNode<'_>, class: DisruptionClass) -> bool {
    class == DisruptionClass::Eventual && node.node_claim.and_then(termination_grace_period).is_some()
}

fn has_instance_types(cluster: &ClusterState<'_>, node_pool: &str) -> bool {
    cluster
        .node_pools
        .get(node_pool)
        .is_some_and(|pool| pool.instance_types.is_some() || pool.is_unknown_here)
}

fn node_blockers(cluster: &ClusterState<'_>, node: &StateNode<'_>) -> Vec<Blocker> {
    let mut found = Vec::new();
    let mut add = |holds: bool, blocker: Blocker| {
        if holds {
            found.push(blocker);
        }
    };
    add(cluster.memory.in_command.contains(node.name()), Blocker::InCommand);
    add(node.node_claim.is_none(), Blocker::NotManaged);
    add(node.node.is_none(), Blocker::NoNode);
    let by_registration = cluster.snapshot.rules.gates_on_registration();
    let not_initialized = (
        !node.is_initialized(),
        Blocker::NotInitialized { nor_registered: by_registration && !node.is_registered() },
    );
    let deleting = (cluster.is_marked_for_deletion(node), Blocker::Deleting);
    if by_registration {
        add(cluster.is_rebooting(node), Blocker::Rebooting);
        add(deleting.0, deleting.1);
        add(not_initialized.0, not_initialized.1);
    } else {
        add(not_initialized.0, not_initialized.1);
        add(deleting.0, deleting.1);
    }
    add(cluster.memory.nominated.contains(node.name()), Blocker::Nominated);
    add(node.annotations().get(label_key::DO_NOT_DISRUPT) == Some("true"), Blocker::NodeDoNotDisrupt);
    add(node.node_pool().is_none(), Blocker::NoNodePoolLabel);
    found
}

fn do_not_disrupt(cluster: &ClusterState<'_>, pod: &Pod) -> Option<Blocker> {
    if pods::is_disruptable(pod, cluster.now()) {
        return None;
    }
    let until = match DoNotDisrupt::of(pod, cluster.now()) {
        DoNotDisrupt::Until(until) => Some(until),
        _ => None,
    };
    Some(Blocker::PodDoNotDisrupt {
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        until,
        value: pod.metadata.annotations.get(label_key::DO_NOT_DISRUPT).unwrap_or_default().into(),
    })
}

fn pdb_block(cluster: &ClusterState<'_>, pod: &Pod) -> Option<Blocker> {
    let (namespace, pod_name) = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
    Some(match cluster.limits.blocks(pod, cluster.now())? {
        PdbBlock::One(pdb) => Blocker::Pdb {
            namespace,
            pod: pod_name,
            pdb: pdb.metadata.name.clone(),
            trouble: PdbTrouble::of(pdb),
            healthy: (pdb.status.current_healthy, pdb.status.desired_healthy),
        },
        PdbBlock::Several(pdbs) => Blocker::SeveralPdbs {
            namespace,
            pod: pod_name,
            pdbs: pdbs.iter().map(|pdb| pdb.metadata.name.clone()).collect(),
        },
    })
}
