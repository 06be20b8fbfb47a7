//! Drift of dynamic NodePools: one node a pass, empty ones first, then those drifted longest.
//!
//! Mirrors karpenter: pkg/controllers/disruption/drift.go.

use super::candidates::Candidate;

/// Candidates in the order in which drift takes them: without pods first, then by the time they drifted. Equal
/// times keep the order of provider ids.
pub fn drift_order(candidates: &mut [Candidate<'_>]) {
    candidates.sort_by_key(|candidate| (!candidate.pods.is_empty(), candidate.drifted_since()));
}
