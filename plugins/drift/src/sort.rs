//! `--sort-by`: the order of NodeClaims; without it, that in which they roll.

use jiff::Timestamp;
use karp_core::report::Error;

use crate::report::{ClaimReport, DriftReport};

/// What NodeClaims are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Name,
    NodePool,
    Node,
    Reason,
    Rolls,
    Age,
}

impl SortBy {
    /// Reads a column, in whatever case, or kubectl's path of the creation time.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        match text.to_lowercase().trim_start_matches('.') {
            "name" | "metadata.name" => Ok(SortBy::Name),
            "nodepool" => Ok(SortBy::NodePool),
            "node" => Ok(SortBy::Node),
            "reason" => Ok(SortBy::Reason),
            "rolls" => Ok(SortBy::Rolls),
            "age" | "metadata.creationtimestamp" => Ok(SortBy::Age),
            _ => Err(Error::usage(format!("NodeClaims cannot be sorted by {text:?}"))
                .hint("sort by: name, nodepool, node, reason, rolls, age")),
        }
    }

    /// Sorts; what is not known comes last, what is equal stays as it rolls.
    pub(crate) fn apply(self, report: &mut DriftReport) {
        let claims = &mut report.node_claims;
        let later = |time: Option<Timestamp>| time.unwrap_or(Timestamp::MAX);
        let reason = |claim: &ClaimReport| {
            let first = claim.reasons.first();
            (first.is_none(), first.map(|reason| reason.reason))
        };
        match self {
            SortBy::Name => claims.sort_by(|a, b| a.name.cmp(&b.name)),
            SortBy::NodePool => claims.sort_by(|a, b| a.node_pool.cmp(&b.node_pool)),
            SortBy::Node => claims.sort_by_key(|claim| (claim.node.is_none(), claim.node.clone())),
            SortBy::Reason => claims.sort_by_key(reason),
            SortBy::Rolls => claims.sort_by_key(|claim| later(claim.rolls)),
            SortBy::Age => claims.sort_by_key(|claim| later(claim.created)),
        }
    }
}
