//! What a run of the scheduler yields: the decision for every pod, the NodeClaims it opened, and the state of
//! the world at the end, from which reasons can be told.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use compact_str::CompactString;

use crate::model::{
    InstanceType, LabelProfile, LabelSelector, Labels, NodeClaim, ObjectMeta, Requirement, Requirements,
    ResourceList, Taint, label_key,
};

/// Outcome of one scheduling loop.
#[derive(Debug, Clone)]
pub struct Solution {
    /// Whether the controller would run the loop at all.
    pub synced: Synced,
    /// Every unbound pod, the rescheduled pods of deleting nodes, and virtual pods of capacity buffers; by
    /// (namespace, name). Empty when not synced.
    pub pods: Vec<PodDecision>,
    /// NodeClaims that would be created, in the order in which they were opened.
    pub node_claims: Vec<NewNodeClaim>,
    /// Existing nodes in the controller's order, as they are after the loop.
    pub existing_nodes: Vec<ExistingNode>,
    /// All NodePools in the controller's order: weight descending, then name descending.
    pub node_pools: Vec<NodePoolState>,
    /// Topology constraints as they stand after the loop, in the controller's order: forward ones, then inverse.
    pub topology: Vec<TopologyConstraint>,
    /// Places where the controller may have chosen otherwise.
    pub choices: Vec<Choice>,
}

/// One topology constraint with its final counts, from which the reason of a refusal can be told.
#[derive(Debug, Clone)]
pub struct TopologyConstraint {
    /// What it asks for.
    pub kind: TopologyKind,
    /// Whether pods that exist ask it of others (anti-affinity only), rather than its owners of themselves.
    pub inverse: bool,
    /// The label whose values are the domains.
    pub key: CompactString,
    /// Namespaces whose pods count.
    pub namespaces: Vec<CompactString>,
    /// Which pods count; none = see the kind.
    pub selector: Option<LabelSelector>,
    /// Largest difference of pods between domains (spread only).
    pub max_skew: i32,
    /// Fewest domains (spread only).
    pub min_domains: Option<i32>,
    /// Pods per domain, empty domains included.
    pub domains: BTreeMap<CompactString, i64>,
    /// UIDs of the pods that own it: those it constrains, or with `inverse` those that ask it of others.
    pub owners: Vec<CompactString>,
}

/// What a topology constraint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopologyKind {
    /// Even counts over domains.
    Spread,
    /// A domain that holds matching pods.
    Affinity,
    /// A domain that holds none.
    AntiAffinity,
}

/// Whether cluster state is synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Synced {
    /// The loop runs.
    Yes,
    /// The controller stands still for all pods.
    Waiting(Vec<Unsynced>),
}

/// What keeps cluster state from syncing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsynced {
    /// A NodeClaim that has not launched: no `status.providerID`.
    NodeClaimNotLaunched {
        /// Its name.
        node_claim: CompactString,
    },
}

/// The decision for one pod.
#[derive(Debug, Clone)]
pub struct PodDecision {
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// UID.
    pub uid: CompactString,
    /// Position in `snapshot.objects.pods`; none for virtual pods of capacity buffers.
    pub pod_index: Option<usize>,
    /// What happens.
    pub outcome: Outcome,
    /// What is published for it.
    pub event: EventText,
}

/// What happens to a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It goes to a node that exists or is coming up.
    Existing {
        /// Name of the node (of the NodeClaim while there is no node).
        node: CompactString,
    },
    /// It goes to a new node.
    New {
        /// Position in [`Solution::node_claims`].
        node_claim: usize,
    },
    /// It was on a new NodeClaim that could not keep its minValues, or found no place at all.
    Error {
        /// The controller's exact text.
        error: String,
    },
    /// It waits for reserved capacity; nothing is published.
    Deferred {
        /// The controller's exact text.
        error: String,
    },
    /// It failed validation: not the controller's problem.
    Ignored {
        /// The controller's exact text, beginning `ignoring pod, `.
        error: String,
    },
    /// The controller does not look at it.
    NotConsidered(NotConsidered),
    /// Something it uses is not modelled.
    NotModelled(NotModelled),
}

/// Why the controller does not look at an unbound pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotConsidered {
    /// The scheduler has not marked it Unschedulable (yet): gates, other schedulers, just created.
    NotMarkedUnschedulable,
    /// Pods are being pre-empted for it.
    Nominated,
    /// A DaemonSet owns it.
    DaemonSetPod,
    /// A Node owns it.
    StaticPod,
}

/// What is not modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotModelled {
    /// The feature, as a user knows it: `resource claims`.
    pub feature: String,
}

/// What the controller publishes for a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventText {
    /// Nothing.
    None,
    /// `FailedScheduling` with this text.
    FailedScheduling(String),
}

/// A NodeClaim that would be created.
#[derive(Debug, Clone)]
pub struct NewNodeClaim {
    /// NodePool.
    pub node_pool: CompactString,
    /// Positions in [`Solution::pods`], in the order in which they joined.
    pub pods: Vec<usize>,
    /// Instance types in launch order: cheapest compatible launchable offering first, equal prices by name.
    pub instance_types: Arc<[CompactString]>,
    /// The price each of them sorts by, aligned; infinite where it has no launchable offering.
    pub prices: Arc<[f64]>,
    /// How many instance types fitted before truncation.
    pub fitting_type_count: usize,
    /// Requirements the launch goes by (before they are written into the object).
    pub requirements: Arc<Requirements>,
    /// The object as it would be created; its name is empty, `generateName` is set.
    pub object: NodeClaim,
    /// Why the API object would not be created: limits reached by then.
    pub create_error: Option<String>,
}

/// An existing node after the loop.
#[derive(Debug, Clone)]
pub struct ExistingNode {
    /// Name of the node, of the NodeClaim while there is no node.
    pub name: CompactString,
    /// Its NodeClaim.
    pub node_claim: Option<CompactString>,
    /// Its NodePool, by label.
    pub node_pool: Option<CompactString>,
    /// Whether it is initialized.
    pub initialized: bool,
    /// Taints that count.
    pub taints: Vec<Taint>,
    /// Metadata that counts, of the node or of its NodeClaim.
    pub metadata: Arc<ObjectMeta>,
    /// [`ExistingNode::requirements`], where pods that landed on it tightened them or somebody asked.
    pub(super) requirements: OnceLock<Requirements>,
    /// Room left, after DaemonSets still expected.
    pub remaining: ResourceList,
    /// Positions in [`Solution::pods`] of the pods that landed on it.
    pub pods: Vec<usize>,
}

impl ExistingNode {
    /// Labels.
    pub fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    /// Requirements after the loop: its labels, tightened by what landed on it. Of thousands of nodes few are asked.
    pub fn requirements(&self, profile: &LabelProfile) -> &Requirements {
        self.requirements.get_or_init(|| {
            let mut labels = Requirements::from_labels(self.labels(), profile);
            let host_name = self.labels().get(label_key::HOSTNAME).filter(|name| !name.is_empty());
            labels.add(Requirement::allow(label_key::HOSTNAME, [host_name.unwrap_or(&self.name)]));
            labels
        })
    }
}

/// A NodePool as the loop saw it.
#[derive(Debug, Clone)]
pub struct NodePoolState {
    /// Name.
    pub name: CompactString,
    /// Weight.
    pub weight: i32,
    /// Whether it was used.
    pub eligibility: PoolEligibility,
    /// Requirements of its template: spec, labels, and the simulation-only registered and initialized.
    pub requirements: Requirements,
    /// Labels of its template.
    pub labels: Labels,
    /// Taints of its template.
    pub taints: Vec<Taint>,
    /// The provider's instance types for it.
    pub instance_types: Arc<[InstanceType]>,
    /// Positions of the instance types that its own requirements leave.
    pub template_types: Vec<usize>,
    /// Instance types by the DaemonSet pods that would run on them.
    pub daemon_groups: Vec<DaemonGroup>,
    /// What its limits left before the loop; only limited resources. Empty = no limits.
    pub limits_before: ResourceList,
    /// What its limits leave after the loop.
    pub limits_after: ResourceList,
}

/// Whether a NodePool was used for pending pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolEligibility {
    /// It was.
    Eligible,
    /// Its NodeClass is of another provider.
    ForeignNodeClass,
    /// It holds a fixed number of nodes.
    Static,
    /// It is not Ready.
    NotReady,
    /// It is being deleted.
    Deleting,
    /// The provider has no instance types for it.
    NoInstanceTypes(String),
    /// Its own requirements leave no instance type.
    FilteredOut {
        /// Whether only minValues were in the way.
        by_min_values: bool,
    },
}

/// Instance types on which the same DaemonSet pods would run.
#[derive(Debug, Clone)]
pub struct DaemonGroup {
    /// Positions in [`NodePoolState::instance_types`].
    pub types: Vec<usize>,
    /// Requests of those pods, with `pods`; empty without any.
    pub overhead: ResourceList,
    /// `namespace/name` and requests of each DaemonSet counted.
    pub daemon_sets: Vec<(String, ResourceList)>,
}

/// A place where the controller may choose otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The pod; position in [`Solution::pods`].
    pub pod: usize,
    /// The label key whose value was a tie.
    pub key: CompactString,
    /// The values that tied, in byte order; the first was taken.
    pub values: Vec<CompactString>,
    /// Whether the value taken led nowhere: the pod went elsewhere, or has no place. No second value is tried
    /// (quirk Q4), and another might have done.
    pub turned_away: bool,
}
