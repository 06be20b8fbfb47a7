//! The report of `explain`: what `-o json` prints, and the only thing the screen is made from.
//!
//! Field names are stable (schema: `docs/schema/explain.json`). Lists are empty, never absent, where the schema
//! says so.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::Serialize;

use super::cause::Cause;
use super::why::{Nearest, Why};
use crate::model::{Fidelity, PriceKind, ResourceList};

/// Everything `explain` has to say.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `karp/v1`.
    pub api_version: &'static str,
    /// `Explanation`.
    pub kind: &'static str,
    /// The moment the answer is for.
    pub taken_at: Timestamp,
    /// Whether that moment was only guessed from the newest timestamp in the input.
    pub taken_at_guessed: bool,
    /// Controller and rules.
    pub karpenter: KarpenterVersions,
    /// Counts over all pods in the report.
    pub summary: Summary,
    /// Pods that share one answer, worst verdict first.
    pub groups: Vec<Group>,
    /// Where prices come from, for people; empty where no price is printed.
    pub prices: Vec<String>,
    /// Kinds that were not read.
    pub gaps: Vec<ReportGap>,
    /// Rules that apply and are not modelled.
    pub not_modelled: Vec<String>,
    /// Words of what cannot be known beforehand: `ec2-choice`, `zones`, `one-of`.
    pub uncertain: Vec<String>,
}

/// Which controller runs, and whose rules were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KarpenterVersions {
    /// Rules applied.
    pub modelled: String,
    /// Version found; none = not known.
    pub running: Option<String>,
    /// How close the rules are.
    pub fidelity: Fidelity,
    /// What differs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Counts by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All.
    pub pods: usize,
    /// Will schedule, or run already.
    pub yes: usize,
    /// Will not schedule.
    pub no: usize,
    /// Wait for something else.
    pub wait: usize,
    /// Cannot be told.
    pub unknown: usize,
}

/// A kind that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportGap {
    /// Plural of the kind.
    pub kind: CompactString,
    /// Why.
    pub reason: String,
}

/// The four answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Will not schedule.
    No,
    /// Not the scheduler's turn.
    Wait,
    /// A rule that applies is not modelled, or a needed kind was not read.
    Unknown,
    /// Will schedule.
    Yes,
}

impl Verdict {
    /// In sentences about one pod.
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::No => "will not schedule",
            Verdict::Wait => "waits",
            Verdict::Unknown => "is unknown",
            Verdict::Yes => "will schedule",
        }
    }
}

/// What happens to a pod, finer than the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OutcomeWord {
    /// A new node.
    New,
    /// A node that exists or is coming up.
    Existing,
    /// A NodeClaim that can never become a node.
    LaunchFails,
    /// No place.
    Error,
    /// It fails the controller's validation.
    Ignored,
    /// The controller does not look at it.
    NotConsidered,
    /// It waits for reserved capacity.
    Deferred,
    /// The controller stands still.
    ControllerWaiting,
    /// It runs, or has run.
    Running,
    /// It cannot be told.
    Unknown,
}

/// Pods that share one answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The answer.
    pub verdict: Verdict,
    /// What happens.
    pub outcome: OutcomeWord,
    /// Finding code; empty for a plain yes.
    pub code: String,
    /// Causes in the closed vocabulary; empty for a plain yes.
    pub cause: Vec<String>,
    /// The answer in one sentence without its subject: `none of 4 NodePools fits, 3 causes`.
    pub headline: String,
    /// The evidence in short, one line each, as the grouped screen prints it.
    pub evidence: Vec<String>,
    /// The owner of the first pod; the pod itself where it has none.
    pub owner: ObjectName,
    /// All owners with how many of the pods are theirs.
    pub owners: Vec<OwnerCount>,
    /// The pods.
    pub pods: Vec<PodName>,
    /// What the first pod asks for.
    pub asks: Asks,
    /// Where they go; none unless they go somewhere.
    pub place: Option<Place>,
    /// The funnel of every NodePool, in the controller's order; empty where it says nothing.
    pub node_pools: Vec<PoolReport>,
    /// Existing nodes by reason.
    pub nodes: Vec<NodeReason>,
    /// Topology constraints in the way.
    pub topology: Vec<TopologyReport>,
    /// What to know beside the answer.
    pub notes: Vec<String>,
    /// Changes that were simulated and found to work, least first.
    pub changes: Vec<Change>,
    /// Why there is no change, where some were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes_note: Option<String>,
    /// What to do that is no change of a spec.
    pub next: Vec<Next>,
    /// Karpenter's exact text, as simulated.
    pub error: Option<String>,
    /// What would be published: `none`, or the text.
    pub event: String,
    /// What the controller said last.
    pub controller: Option<ControllerSaid>,
}

/// An object by kind, namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Kind.
    pub kind: CompactString,
    /// Namespace; empty for cluster-scoped kinds.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
}

impl ObjectName {
    /// `kind/name -n namespace`.
    pub fn words(&self) -> String {
        super::words::object(&self.kind, &self.namespace, &self.name)
    }

    /// `kind/name`.
    pub fn short(&self) -> String {
        super::words::object(&self.kind, "", &self.name)
    }
}

/// An owner and its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerCount {
    /// The owner.
    #[serde(flatten)]
    pub owner: ObjectName,
    /// Pods of it in this group.
    pub pod_count: usize,
}

/// A pod by name, with its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodName {
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// Seconds since its creation; none = not known.
    pub age_seconds: Option<i64>,
}

/// What a pod asks for.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asks {
    /// Requests.
    pub requests: ResourceList,
    /// Labels, in words.
    pub labels: Vec<String>,
}

/// Where a pod goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The existing node; none for a new one.
    pub node: Option<CompactString>,
    /// The NodePool of the node; none for a node of nobody's.
    pub node_pool: Option<CompactString>,
    /// How many new nodes these pods share.
    pub new_nodes: usize,
    /// Instance types in launch order, the first ten.
    pub instance_types: Vec<CompactString>,
    /// How many the NodeClaim lists.
    pub instance_type_count: usize,
    /// Zones it may come up in.
    pub zones: Vec<CompactString>,
    /// Capacity types it may have.
    pub capacity_types: Vec<CompactString>,
    /// Price of the first instance type.
    pub price_per_hour: Option<Price>,
    /// Room on the existing node before the pod.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub free: ResourceList,
    /// How many further existing nodes would do.
    pub alternatives: usize,
}

/// A price and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// US dollars an hour; none = not known.
    pub usd: Option<f64>,
    /// What kind of number it is.
    #[serde(serialize_with = "price_kind")]
    pub kind: PriceKind,
}

fn price_kind<S: serde::Serializer>(kind: &PriceKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match kind {
        PriceKind::Spot => "spot",
        PriceKind::List => "list",
        PriceKind::Ceiling => "ceiling",
        PriceKind::Reserved => "reserved",
        PriceKind::Overlay => "overlay",
        PriceKind::Unknown => "unknown",
    })
}

/// One row of the matrix.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolReport {
    /// Name.
    pub name: CompactString,
    /// Weight.
    pub weight: i32,
    /// Types its own requirements leave.
    pub types: usize,
    /// Stages.
    pub stages: Vec<StageReport>,
    /// Alternatives, each a list of causes needed together.
    pub stopped_by: Vec<Vec<Cause>>,
    /// The cell of the table.
    #[serde(skip)]
    pub stopped_by_text: String,
    /// The evidence for the first alternative's first cause.
    pub why: Option<Why>,
    /// The evidence for all causes named.
    pub whys: Vec<Why>,
    /// The nearest miss.
    pub nearest: Option<Nearest>,
    /// DaemonSets that count on its nodes, with requests.
    #[serde(skip)]
    pub daemon_sets: Vec<(String, ResourceList)>,
    /// What `--funnel` adds: who narrows each stage.
    #[serde(skip)]
    pub stage_by: Vec<String>,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageReport {
    /// Stage.
    pub name: super::cause::Stage,
    /// Types left; none once an earlier stage left none.
    pub left: Option<usize>,
    /// Types left without this stage.
    pub without: usize,
}

/// Existing nodes that fail the same check first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReason {
    /// The check.
    pub reason: Cause,
    /// How many nodes.
    pub count: usize,
    /// The node that fails nothing else and misses by the least.
    pub nearest: Option<NearestNode>,
}

/// The nearest existing node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NearestNode {
    /// Name.
    pub node: CompactString,
    /// By what it misses.
    pub text: String,
}

/// A topology constraint with its domains.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyReport {
    /// Heading: `SPREAD topology.kubernetes.io/zone, maxSkew 1, DoNotSchedule, app=web`.
    pub heading: String,
    /// Label whose values are the domains.
    pub key: CompactString,
    /// `spread`, `affinity` or `antiAffinity`.
    pub kind: &'static str,
    /// Who asks, where it is not the pod itself.
    pub asked_by: Option<String>,
    /// The domains.
    pub domains: Vec<DomainReport>,
    /// Why an allowed domain that no NodePool serves counts at all.
    pub notes: Vec<String>,
}

/// One domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainReport {
    /// Value of the label.
    pub domain: CompactString,
    /// Pods that count there.
    pub pods: i64,
    /// Skew with this pod there; spread only.
    pub skew_if_placed: Option<i64>,
    /// Whether the pod may go there.
    pub allowed: bool,
    /// NodePools that could launch there.
    pub node_pools: usize,
    /// The pod and node that occupy it; affinities only.
    pub who: Option<String>,
}

/// A change that was simulated.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Position, from 1.
    pub rank: usize,
    /// The object to change: `nodepool/spot`, `deploy/web -n shop`.
    pub target: String,
    /// What changes, in words.
    pub title: String,
    /// How many fields change.
    pub fields: usize,
    /// The edits, object by object.
    pub edits: Vec<Edit>,
    /// JSON patch of the first object.
    pub patch: serde_json::Value,
    /// The command to paste, one per object.
    pub commands: Vec<String>,
    /// What to mind when applying it: immutable template, managed by somebody.
    pub remarks: Vec<String>,
    /// What a new simulation says.
    pub proof: Proof,
}

/// One field of one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// The object.
    pub object: ObjectName,
    /// `add`, `replace` or `remove`.
    pub op: &'static str,
    /// JSON pointer.
    pub path: String,
    /// New value; none for `remove`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
}

/// What a change leads to, by simulation over the whole batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The verdict then.
    pub verdict: Verdict,
    /// NodePool of the new node.
    pub node_pool: Option<CompactString>,
    /// Existing node.
    pub node: Option<CompactString>,
    /// First instance types in launch order.
    pub instance_types: Vec<CompactString>,
    /// How many there are.
    pub instance_type_count: usize,
    /// Zones.
    pub zones: Vec<CompactString>,
    /// Capacity types.
    pub capacity_types: Vec<CompactString>,
    /// Price of the first.
    pub price_per_hour: Option<Price>,
    /// Nodes that would drift.
    pub drifted_nodes: usize,
    /// Other pods that would go elsewhere.
    pub moved_pods: usize,
    /// Other pods that would no longer schedule.
    pub pending_pods: usize,
}

/// Something to do that is no change of a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// Why, or what it is about; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The command; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
}

/// What the controller said last about the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControllerSaid {
    /// Reason of the event.
    pub reason: CompactString,
    /// Its message.
    pub message: String,
    /// Seconds since it was last seen; none = not known.
    pub age_seconds: Option<i64>,
    /// How often.
    pub count: i64,
    /// Whether we say the same.
    pub agrees: bool,
}
