//! The plan as it is shown, saved, and applied later.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::Serialize;

use super::filter::Allowed;
use super::options::DrainOptions;
pub use super::refusal::BlockedBy;
use crate::explain::report::ObjectName;
use crate::model::Gap;

/// What a drain would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainPlan {
    /// Short name, made from its nodes and pods: `d-7f3a`.
    pub id: String,
    /// The moment it is about.
    pub taken_at: Timestamp,
    /// Whether it may be carried out.
    pub verdict: PlanVerdict,
    /// Nodes in the order in which they go.
    pub nodes: Vec<PlannedNode>,
    /// Nodes that Karpenter would launch for the pods.
    pub new_node_claims: Vec<NewNode>,
    /// About how long all of it takes.
    pub seconds: i64,
    /// What becomes of the nodes.
    pub then: Then,
    /// What would lift refusals, each with its proof.
    pub changes: Vec<Change>,
    /// What the user allowed.
    pub options: DrainOptions,
    /// Kinds that could not be read.
    pub gaps: Vec<Gap>,
    /// What the answer does not take into account.
    pub not_modelled: Vec<String>,
    /// What keeps it from being certain.
    pub uncertain: Vec<String>,
}

/// Whether a plan may be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanVerdict {
    /// Nothing refuses.
    Go,
    /// Some pod refuses: nothing is touched.
    Refused,
}

/// What becomes of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Then {
    /// They stay, cordoned.
    Cordoned,
    /// Their NodeClaims are deleted.
    NodeClaimDeleted,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedNode {
    /// Name.
    pub name: CompactString,
    /// UID.
    pub uid: CompactString,
    /// Its NodeClaim, by name.
    pub node_claim: Option<CompactString>,
    /// UID of the NodeClaim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_claim_uid: Option<CompactString>,
    /// Its NodePool, by label.
    pub node_pool: Option<CompactString>,
    /// Whether it is cordoned already.
    pub cordoned: bool,
    /// What the node costs, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_usd_per_hour: Option<f64>,
    /// Set where Karpenter already takes it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination: Option<Termination>,
    /// Its pods: refuse, wait, evict, skip; then by namespace and name.
    pub pods: Vec<PlannedPod>,
    /// About how long it takes.
    pub seconds: i64,
}

/// Karpenter's own drain of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Termination {
    /// Since when.
    pub since: Timestamp,
    /// When it ends whatever pods say; none = never.
    pub deadline: Option<Timestamp>,
    /// How far it is.
    pub phase: &'static str,
    /// Pods it waits for, in the order of its tiers.
    pub waits_for: Vec<WaitsFor>,
}

/// A pod that Karpenter waits for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitsFor {
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub pod: CompactString,
    /// Why it is still there.
    pub why: String,
    /// The same in the closed vocabulary, where it has a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// When it is deleted outright, where there is a deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced_at: Option<Timestamp>,
}

/// What happens to a pod; the order is that of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PodAction {
    /// The drain does not begin because of it.
    Refuse,
    /// It goes, but not at once.
    Wait,
    /// It goes.
    Evict,
    /// It stays.
    Skip,
}

/// One pod of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedPod {
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// UID.
    pub uid: CompactString,
    /// Whose it is.
    pub owner: ObjectName,
    /// What happens to it.
    pub action: PodAction,
    /// Code of the first refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// All its refusals.
    pub blocked_by: Vec<BlockedBy>,
    /// Causes of its refusals, or of its wait, in the closed vocabulary.
    pub cause: Vec<String>,
    /// Why, in a few words; clock times are left to the reader of `blockedBy`.
    pub why: String,
    /// PDBs that select it.
    pub pdbs: Vec<PodPdb>,
    /// What the API server would answer to an eviction now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Predicted>,
    /// In which round of its PDB it goes, and of how many; 1 of 1 without one.
    pub round: usize,
    /// Rounds of its PDB over all nodes of the plan.
    pub rounds: usize,
    /// Seconds it gets to stop.
    pub grace_seconds: i64,
    /// Where it comes up again.
    pub lands_on: Option<LandsOn>,
    /// The group in which it goes: 1 ordinary, 2 daemon, 3 critical, 4 critical daemon.
    pub tier: u8,
    /// Volumes that must leave the node first.
    pub volumes: Vec<PodVolume>,
    /// What a flag lets happen to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<Allowed>,
}

/// A PDB of a pod, as its status says now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPdb {
    /// Name.
    pub name: CompactString,
    /// Evictions allowed now.
    pub allowed: i32,
    /// Healthy pods.
    pub healthy: i32,
    /// Healthy pods needed.
    pub needed: i32,
    /// Its rule: `maxUnavailable 1`.
    pub rule: String,
    /// Whether these numbers are older than its spec.
    pub stale: bool,
}

/// The API server's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicted {
    /// HTTP status.
    pub status: u16,
    /// Its text, where it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LandsOn {
    /// A node that exists.
    Node {
        /// Name.
        node: CompactString,
    },
    /// A node that would be launched.
    NewNode {
        /// Its name in this plan.
        #[serde(rename = "newNode")]
        new_node: CompactString,
    },
    /// No place at all: `nowhere`.
    Nowhere {
        /// Always `true`.
        nowhere: bool,
    },
}

/// A volume that moves with a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodVolume {
    /// Claim.
    pub claim: CompactString,
    /// Volume.
    pub volume: CompactString,
    /// Zones it can be reached from; empty = any.
    pub zones: Vec<CompactString>,
    /// Whether it is a disk of this node and cannot move.
    pub local: bool,
}

/// A node that would be launched.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewNode {
    /// Name in this plan: NodePool and a number.
    pub name: CompactString,
    /// NodePool.
    pub node_pool: CompactString,
    /// `c6g.2xlarge (+599 types), spot, $0.0979/h`.
    #[serde(skip)]
    pub words: String,
    /// The first instance types in launch order.
    pub instance_types: Vec<CompactString>,
    /// How many the NodeClaim lists.
    pub instance_type_count: usize,
    /// Zones.
    pub zones: Vec<CompactString>,
    /// Capacity types.
    pub capacity_types: Vec<CompactString>,
    /// Price of the cheapest.
    pub price_usd_per_hour: Option<f64>,
    /// cpu asked of it.
    pub cpu: String,
}

/// What would lift refusals.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What is changed: `poddisruptionbudget/ingress -n edge`, or `-` for a flag of ours.
    pub target: String,
    /// How.
    pub edit: Edit,
    /// Text to paste, or what to do.
    pub text: String,
    /// What else to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Result of planning again with it; none where only a running cluster can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Does what the change before it does: one of the two is enough.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub instead: bool,
    /// When it is enough to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How something is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// `remove`, `raise`, `set`, `flag`.
    pub op: &'static str,
    /// Field; empty = the object as a whole.
    pub path: String,
    /// New value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Result of planning again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// `yes` where the refusals it is for are gone.
    pub verdict: &'static str,
    /// Pods that still refuse, for whatever reason.
    pub refuse: usize,
}

impl DrainPlan {
    /// Pods with an action over all nodes.
    pub fn count(&self, action: PodAction) -> usize {
        self.pods().filter(|pod| pod.action == action).count()
    }

    /// All pods.
    pub fn pods(&self) -> impl Iterator<Item = &PlannedPod> {
        self.nodes.iter().flat_map(|node| &node.pods)
    }
}

impl PlannedNode {
    /// Pods with an action.
    pub fn count(&self, action: PodAction) -> usize {
        self.pods.iter().filter(|pod| pod.action == action).count()
    }
}
