//! What `drift` answers, as JSON and YAML carry it; the screen is drawn from the same value.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use karp_core::model::Gap;
use serde::Serialize;

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    /// The moment it speaks of.
    pub taken_at: Timestamp,
    /// Rules it was made by, and the controller that runs.
    pub karpenter: Karpenter,
    /// What it is about, where one object was named: `nodepool/spot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Counts.
    pub summary: Summary,
    /// NodePools with NodeClaims, by name.
    pub node_pools: Vec<PoolDrift>,
    /// NodeClaims: drifted ones first, in the order in which they roll.
    pub node_claims: Vec<ClaimReport>,
    /// The same drift of several NodeClaims, largest first.
    #[serde(rename = "drifts")]
    pub groups: Vec<DriftGroup>,
    /// Kubelets that are behind the control plane.
    pub skew: Vec<Skew>,
    /// Images of aliases that the controller has not seen yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<MovedImage>,
    /// What a control plane of another version would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_preview: Option<AmiPreview>,
    /// Edits that help, each with what a new look at the edited cluster says.
    pub changes: Vec<DriftChange>,
    /// What to do, as text to paste.
    pub next: Vec<String>,
    /// Names of the subnets and security groups in the fields, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<CompactString, CompactString>,
    /// The AWS account that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsAsked>,
    /// Kinds that were not read.
    pub gaps: Vec<Gap>,
    /// What AWS could not be asked.
    pub not_read: Vec<NotRead>,
    /// What is not modelled.
    pub not_modelled: Vec<String>,
    /// What makes the answer less than certain.
    pub uncertain: Vec<String>,
}

/// The rules.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Karpenter {
    /// Rules applied.
    pub modelled: String,
    /// Version that runs; none = not known.
    pub running: Option<CompactString>,
}

/// Counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// NodeClaims looked at.
    pub claims: usize,
    /// Drifted ones.
    pub drifted: usize,
    /// Drifted ones that can never roll as things are.
    pub never: usize,
    /// Reasons by which each was looked at.
    pub reasons: usize,
}

/// One NodePool.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolDrift {
    /// Name.
    pub name: CompactString,
    /// Its NodeClaims.
    pub claims: usize,
    /// Drifted ones.
    pub drifted: usize,
    /// Drifted ones that can never roll.
    pub never: usize,
    /// How many may go now for reason Drifted; none = no budget covers it.
    pub allowed: Option<i64>,
    /// What the budgets allow before nodes in use are taken off; none = no budget covers it.
    pub limit: Option<i64>,
    /// Nodes that use the budget up.
    pub in_use: usize,
    /// Those nodes, and why each.
    pub in_use_by: Vec<InUseBy>,
    /// Nodes that percentages are of.
    pub nodes: usize,
    /// What decides: `budget`, `schedule`, `invalid` or `none`.
    pub reason: &'static str,
    /// The sum: `10% of 12 = 2`.
    pub arithmetic: String,
    /// The sum that holds once it opens, where another holds now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// Budgets that do not count for Drifted now, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_budgets: Vec<String>,
    /// First moment at which one may go; none = not within seven days.
    pub opens: Option<Timestamp>,
    /// When the last one is gone, about.
    pub done_by: Option<Timestamp>,
    /// Rounds it takes.
    pub rounds: usize,
    /// Seconds a round takes, about.
    pub round_seconds: i64,
    /// Allowance over the next seven days: from when, and how many (none = unlimited).
    pub openings: Vec<Opening>,
    /// Since when the longest drifted one is drifted.
    pub oldest: Option<Timestamp>,
    /// Static: one for one, bounded by `limits.nodes`.
    pub is_static: bool,
}

/// A node that uses up budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InUseBy {
    /// Node.
    pub node: CompactString,
    /// `NotReady`, `deleting` or `rebooting`.
    pub why: &'static str,
}

/// An allowance from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// From when.
    pub from: Timestamp,
    /// How many; none = unlimited.
    pub allowed: Option<i64>,
}

/// One NodeClaim.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReport {
    /// Name.
    pub name: CompactString,
    /// NodePool.
    pub node_pool: Option<CompactString>,
    /// Its Node.
    pub node: Option<CompactString>,
    /// Why it is drifted, in the controller's order; empty = it is not.
    pub reasons: Vec<ReasonReport>,
    /// Reasons that could not be looked at.
    pub unchecked: Vec<Unchecked>,
    /// `agrees`, `not-yet`, `differs`, `told` (taken over from it) or `not-evaluated`.
    pub controller: &'static str,
    /// What the controller says, where it differs or is taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller_reason: Option<String>,
    /// Why the controller does not look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<&'static str>,
    /// What keeps it from rolling.
    pub blocked_by: Vec<BlockedBy>,
    /// Whether what blocks is passed by its terminationGracePeriod.
    pub overridden: bool,
    /// Whether it can never roll as things are.
    pub never: bool,
    /// Place in the order in which its NodePool rolls, from 1.
    pub position: Option<usize>,
    /// When it rolls, about.
    pub rolls: Option<Timestamp>,
    /// When it expires, where that comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Since when the controller calls it drifted.
    pub drifted_since: Option<Timestamp>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Image it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<CompactString>,
    /// Kubelet version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<CompactString>,
}

/// One field of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonReport {
    /// Karpenter's name of it.
    pub reason: &'static str,
    /// The same, as cause.
    pub cause: &'static str,
    /// Field; none = only the controller can tell which.
    pub field: Option<String>,
    /// What the NodeClaim or its instance has.
    pub has: Option<String>,
    /// What is wanted.
    pub wants: Option<String>,
    /// Whether it is only likely to be the field.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub possibly: bool,
}

/// A reason that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unchecked {
    /// Karpenter's name of it.
    pub reason: &'static str,
    /// Why not.
    pub why: String,
}

/// One thing in the way of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedBy {
    /// Stable code.
    pub code: &'static str,
    /// Word of the closed vocabulary of causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// What it is about: `pod/orders-0`, `node/ip-10-0-1-2`.
    pub object: String,
    /// Namespace of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<CompactString>,
    /// PDBs in play.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pdbs: Vec<CompactString>,
    /// For people.
    pub text: String,
    /// Karpenter's own text.
    pub message: String,
    /// Whether it stays until somebody acts.
    pub permanent: bool,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// The same drift of several NodeClaims.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftGroup {
    /// Karpenter's name of the reason.
    pub reason: &'static str,
    /// NodePool.
    pub node_pool: CompactString,
    /// NodeClass, where the reason is about it: `ec2nodeclass/default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_class: Option<String>,
    /// Alias of its image, `al2023@latest`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<CompactString>,
    /// What the alias follows besides the control plane's version: `latest` (every release) or `pinned` (none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<&'static str>,
    /// NodeClaims.
    pub claims: Vec<CompactString>,
    /// Fields; empty = only the controller can tell which.
    pub fields: Vec<ReasonReport>,
    /// Images, for AMIDrift: what they have and want.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageReport>,
}

/// One image in a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReport {
    /// `has` or `wants`.
    pub side: &'static str,
    /// Id; none = no image fits.
    pub id: Option<CompactString>,
    /// Name; none = not known.
    pub name: Option<CompactString>,
    /// Kubernetes minor version, from its name or its nodes.
    pub kubernetes: Option<String>,
    /// When it was made; none = not known.
    pub created: Option<Timestamp>,
    /// SSM parameter that holds it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<CompactString>,
    /// How many of the NodeClaims.
    pub claims: usize,
}

/// Nodes whose kubelet is behind the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skew {
    /// Kubelet minor version, `1.33`.
    pub kubelet: String,
    /// Control plane minor version.
    pub control_plane: String,
    /// Minor versions between them.
    pub behind: i64,
    /// Nodes.
    pub nodes: usize,
}

/// What AWS could not be asked, and which reasons that costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotRead {
    /// What: `EC2`, `SSM`.
    pub what: String,
    /// Why.
    pub why: String,
    /// What is missing for it.
    pub missing: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// The AWS account that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsAsked {
    /// Account; none = not known.
    pub account: Option<CompactString>,
    /// Region.
    pub region: Option<CompactString>,
    /// When.
    pub read_at: Option<Timestamp>,
}

/// An image that an alias points to now and that the EC2NodeClass does not list yet: the controller asks SSM once
/// a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MovedImage {
    /// EC2NodeClass.
    pub node_class: CompactString,
    /// Alias.
    pub alias: CompactString,
    /// SSM parameter that moved.
    pub parameter: CompactString,
    /// What it is for: `standard arm64`.
    pub serves: String,
    /// Image that the EC2NodeClass lists; none = none of that kind.
    pub has: Option<CompactString>,
    /// Image it will list.
    pub wants: CompactString,
    /// Name of that.
    pub name: Option<CompactString>,
    /// NodeClaims that will drift.
    pub claims: usize,
}

/// An edit that helps.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftChange {
    /// Object to edit: `nodepool/spot`, `pdb/all-shop -n shop`.
    pub target: String,
    /// What is edited, for people.
    pub title: String,
    /// JSON patch of the object; none = the object goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<serde_json::Value>,
    /// The command to paste.
    pub command: String,
    /// What the edited cluster answers.
    pub proof: DriftProof,
}

/// What the edited cluster answers, beside what it answers now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftProof {
    /// `yes` = more NodeClaims roll, or sooner, or (where none held them back) one after the other.
    pub verdict: &'static str,
    /// NodeClaims that can never roll, before.
    pub never_before: usize,
    /// And then.
    pub never: usize,
    /// How many may go at once, before; none = no budget covers it.
    pub allowed_before: Option<i64>,
    /// And then.
    pub allowed: Option<i64>,
    /// When the last one is gone, before.
    pub done_by_before: Option<Timestamp>,
    /// And then.
    pub done_by: Option<Timestamp>,
}

/// What a control plane of another Kubernetes version would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AmiPreview {
    /// Version, `1.36`.
    pub version: String,
    /// Per EC2NodeClass.
    pub node_classes: Vec<ClassPreview>,
}

/// What becomes of the images of one EC2NodeClass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassPreview {
    /// EC2NodeClass.
    pub name: CompactString,
    /// `follows` (an alias), `stays` (id, name, tags, parameter) or `refused` (the alias is not served there).
    pub kind: &'static str,
    /// Alias, or what else selects its images.
    pub selected_by: String,
    /// NodeClaims that would drift.
    pub would_drift: usize,
    /// NodeClaims whose image is not published for that version.
    pub without_image: usize,
    /// The parameters, per variant and architecture.
    pub parameters: Vec<ParameterPreview>,
}

/// One SSM parameter of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParameterPreview {
    /// Name.
    pub name: String,
    /// `standard arm64`, `nvidia amd64`.
    pub serves: String,
    /// Image it holds.
    pub image: Option<CompactString>,
    /// `found`, `missing` or `not-read`.
    pub state: &'static str,
    /// NodeClaims that would take it.
    pub claims: usize,
}
