//! The part of the report that an edit of NodePools and NodeClasses gets. Field names are an interface.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::Serialize;

use super::super::price::PriceRange;
use super::super::report::PodName;

/// What an edit would do to live nodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// `kind/name` of the objects that change.
    pub objects: Vec<String>,
    /// Fields that change.
    pub fields: Vec<FieldRow>,
    /// NodePools concerned, in the controller's order.
    pub node_pools: Vec<PoolRow>,
    /// Nodes that would drift, by what they are and become.
    pub nodes: Vec<NodeRow>,
    /// Nodes that would drift and are held back.
    pub blocked: Vec<BlockedRow>,
    /// About how long until the last one is replaced, from now, at current budgets; none where nothing rolls, or a
    /// budget never opens.
    pub seconds: Option<i64>,
    /// Pods that would be evicted.
    pub evictions: usize,
    /// Pending pods whose answer changes.
    pub changed_pods: Vec<PodName>,
    /// Pods with a place now, or running, that would be without one.
    pub becomes_pending: Vec<PodName>,
    /// What the drifted nodes cost an hour now.
    pub price_per_hour_now: PriceRange,
    /// What their replacements cost.
    pub price_per_hour_after: PriceRange,
    /// The difference; with a ceiling on either side it is none.
    pub price_per_hour_delta: Delta,
}

/// A difference of prices.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// US dollars an hour; negative = cheaper. None = not known.
    pub usd: Option<f64>,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldRow {
    /// `kind/name`.
    pub object: String,
    /// JSON pointer; entries of requirements by label.
    pub path: String,
    /// Short name.
    pub label: String,
    /// Value now; null = absent.
    pub now: serde_json::Value,
    /// Value after; null = absent.
    pub after: serde_json::Value,
    /// Value now, for people.
    pub now_text: String,
    /// Value after, for people.
    pub after_text: String,
    /// NodeClaims that this change alone makes drift.
    pub drifts: usize,
    /// Karpenter's drift reason; none where none drifts.
    pub reason: Option<String>,
    /// Why none does: `not part of drift`, `all nodes still fit`, `not known here`.
    pub note: Option<String>,
}

/// A NodePool that is concerned.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolRow {
    /// NodePool.
    pub name: CompactString,
    /// Its nodes, as budgets count them.
    pub nodes: usize,
    /// NodeClaims that would drift and do not now.
    pub drifted: usize,
    /// NodeClaims that are drifted already, whatever the edit.
    pub drifted_already: usize,
    /// Of those that would drift, how many can never roll.
    pub never: usize,
    /// Nodes a budget lets go now for drift; none = no budget covers it.
    pub allowed: Option<i64>,
    /// The sum behind it: `10% of 17 = 2`.
    pub arithmetic: String,
    /// When the budget opens; none = it is open, or never opens.
    pub opens: Option<Timestamp>,
    /// Whether the budget is 0 for as far as we look.
    pub never_opens: bool,
    /// Nodes at once when it is open.
    pub at_once: i64,
    /// Rounds of that many.
    pub rounds: usize,
    /// About how long a round takes.
    pub round_seconds: i64,
    /// When the last one is gone, about; none = nothing rolls, or not within 14 days.
    pub done_by: Option<Timestamp>,
}

/// Nodes that would drift, alike in what they are and become.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRow {
    /// NodePool.
    pub node_pool: CompactString,
    /// Instance type now.
    pub instance_type: CompactString,
    /// What replaces it: instance types, cheapest of each new node; empty = its pods fit on other nodes.
    pub becomes: Vec<CompactString>,
    /// Names of the nodes.
    pub nodes: Vec<CompactString>,
    /// Pods that are evicted.
    pub evictions: usize,
    /// Price of all of them now.
    pub price_per_hour_now: PriceRange,
    /// Price of what replaces them.
    pub price_per_hour_after: PriceRange,
}

/// A node that would drift and is held back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedRow {
    /// Node.
    pub node: CompactString,
    /// Its NodeClaim.
    pub node_claim: CompactString,
    /// Finding code.
    pub code: String,
    /// Cause of the closed vocabulary.
    pub cause: String,
    /// What holds it, to paste behind a verb: `pdb/ledger -n shop`.
    pub object: String,
    /// What is wrong: `allows 0 (2 of 2 healthy)`.
    pub text: String,
    /// Whether it stays so until somebody acts.
    pub permanent: bool,
}
