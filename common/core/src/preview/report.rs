//! Preview: the report. Field names are an interface (`docs/schema/preview.json`); every key is always there.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::Serialize;

use super::diff::Diff;
use super::price::PriceRange;
use crate::explain::report::{
    Group, KarpenterVersions, ObjectName, OutcomeWord, OwnerCount, ReportGap, Verdict,
};
use crate::model::{NodeClaim, ResourceList};

/// What would happen to the whole pending batch.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The moment the answer is for.
    pub taken_at: Timestamp,
    /// Whether that moment was only guessed from the newest timestamp in the input.
    pub taken_at_guessed: bool,
    /// Controller and rules.
    pub karpenter: KarpenterVersions,
    /// The totals.
    pub summary: Summary,
    /// The same totals for the cluster as it is, where something was added or changed; none without.
    pub without_changes: Option<Summary>,
    /// NodeClaims that the scheduler makes, in the order in which it opens them.
    pub node_claims: Vec<PlannedNode>,
    /// Existing nodes that take pods.
    pub existing: Vec<Landing>,
    /// Pods that find no place, by cause.
    pub pending: Vec<Unplaced>,
    /// NodePools with limits: how much of them is used, before and after.
    pub limits: Vec<LimitUse>,
    /// What an edit of NodePools and NodeClasses would do to live nodes; none unless asked for.
    pub diff: Option<Diff>,
    /// Where prices come from, for people; empty where no price is printed.
    pub prices: Vec<String>,
    /// Kinds that were not read.
    pub gaps: Vec<ReportGap>,
    /// Rules that apply and are not modelled.
    pub not_modelled: Vec<String>,
    /// Words of what cannot be known beforehand: `ec2-choice`, `zones`, `one-of`, `edit`.
    pub uncertain: Vec<String>,
    /// What else stays open, for people: what an edit leaves, where ties lead.
    pub unresolved: Vec<String>,
}

/// The totals of a preview.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Pods looked at.
    pub pods: usize,
    /// Nodes that would be launched.
    pub new_nodes: usize,
    /// Pods on them.
    pub on_new_nodes: usize,
    /// Existing nodes that take pods.
    pub existing_nodes: usize,
    /// Pods on them.
    pub on_existing_nodes: usize,
    /// Pods with a place: on new and existing nodes.
    pub placed: usize,
    /// Pods without a place: the scheduler refuses them, or does not look at them yet.
    pub pending: usize,
    /// Why the controller would not run at all; none = it would.
    pub stands_still: Option<String>,
    /// What the new nodes cost an hour.
    pub price_per_hour: PriceRange,
}

/// A node that would be launched.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedNode {
    /// A name for this report: NodePool and number. The controller makes up another.
    pub name: String,
    /// NodePool.
    pub node_pool: CompactString,
    /// Capacity type it is launched with.
    pub capacity_types: Vec<CompactString>,
    /// Zones it can come up in.
    pub zones: Vec<CompactString>,
    /// Instance types of the NodeClaim in launch order, cheapest first.
    pub instance_types: Vec<CompactString>,
    /// How many the provider asks for at once.
    pub asked_types: usize,
    /// Whether the provider picks type and zone among them by itself.
    pub is_open: bool,
    /// Requests of its pods and DaemonSets.
    pub requests: ResourceList,
    /// What the cheapest instance type has for pods.
    pub allocatable: ResourceList,
    /// The fuller of cpu and memory on the cheapest instance type: 0 to 1; none where it has neither.
    pub used: Option<f64>,
    /// What it costs an hour.
    pub price_per_hour: PriceRange,
    /// Pods on it, in the order in which they joined.
    pub pods: Vec<PodName>,
    /// Where the controller may choose otherwise.
    pub one_of: Vec<OneOf>,
    /// Why no node comes of it: the NodeClaim is refused (limits reached by then), or cannot launch (no image for
    /// its types); none = it launches. Such nodes are in no total, and their pods count as pending.
    pub launch_error: Option<String>,
    /// The object as the controller would create it.
    #[serde(skip)]
    pub object: NodeClaim,
}

/// A tie that the controller breaks by chance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OneOf {
    /// Label whose value was a tie.
    pub key: CompactString,
    /// The values; the first was taken here.
    pub values: Vec<CompactString>,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodName {
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
}

/// An existing node that takes pods.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Landing {
    /// Node, or NodeClaim while there is no node.
    pub node: CompactString,
    /// NodePool, where it has one.
    pub node_pool: Option<CompactString>,
    /// Pods.
    pub pods: Vec<PodName>,
    /// Room left afterwards.
    pub remaining: ResourceList,
}

/// Pods without a place that share one answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unplaced {
    /// The answer.
    pub verdict: Verdict,
    /// What happens, finer.
    pub outcome: OutcomeWord,
    /// Finding code.
    pub code: String,
    /// Causes, of the closed vocabulary.
    pub cause: Vec<String>,
    /// Owner of the first pod.
    pub owner: ObjectName,
    /// All owners with how many of the pods are theirs.
    pub owners: Vec<OwnerCount>,
    /// The pods.
    pub pods: Vec<PodName>,
    /// Why, a sentence each, as `explain` says it.
    pub reasons: Vec<String>,
    /// The controller's exact text, as simulated; none where it has none.
    pub error: Option<String>,
    /// What would be published: `none`, or the text.
    pub event: String,
}

impl From<&Group> for Unplaced {
    fn from(group: &Group) -> Self {
        let pod = |pod: &crate::explain::report::PodName| PodName {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
        };
        Self {
            verdict: group.verdict,
            outcome: group.outcome,
            code: group.code.clone(),
            cause: group.cause.clone(),
            owner: group.owner.clone(),
            owners: group.owners.clone(),
            pods: group.pods.iter().map(pod).collect(),
            reasons: if group.evidence.is_empty() {
                vec![group.headline.clone()]
            } else {
                group.evidence.clone()
            },
            error: group.error.clone(),
            event: group.event.clone(),
        }
    }
}

/// How much of a NodePool's limit is used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitUse {
    /// NodePool.
    pub node_pool: CompactString,
    /// Nodes it would launch.
    pub new_nodes: usize,
    /// Resource.
    pub resource: CompactString,
    /// The limit.
    pub limit: String,
    /// In use now.
    pub before: String,
    /// In use with the new nodes, each of its cheapest instance type.
    pub after: String,
    /// Whether no instance type of the NodePool has room in what is left.
    pub full: bool,
}
