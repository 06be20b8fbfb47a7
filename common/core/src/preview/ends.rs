//! Where ties lead: the controller settles them by chance, and not every way ends with as many nodes.

use std::collections::BTreeSet;

use crate::model::Snapshot;
use crate::provider::CloudProvider;
use crate::sim::{Outcome, Solution, SolveOptions, TieBreak, solve};

/// Other ways to settle the ties that are looked at.
const LOOKED_AT: u64 = 8;
/// Above this many pods none are.
const MOST_PODS: usize = 2000;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Nodes that would be launched.
    pub new_nodes: usize,
    /// Pods of the batch without a place.
    pub pending: usize,
}

/// Ends other than this solution's that the controller may come to as well: some of them, not all there are.
pub fn other_ends(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    solution: &Solution,
    options: &SolveOptions,
) -> Vec<End> {
    if solution.choices.is_empty() || solution.pods.len() > MOST_PODS {
        return Vec::new();
    }
    let other = |seed| {
        let options = SolveOptions { ties: TieBreak::Seeded(seed), ..options.clone() };
        end(&solve(snapshot, provider, &options))
    };
    let mut ends: BTreeSet<End> = (0..LOOKED_AT).map(other).collect();
    ends.remove(&end(solution));
    ends.into_iter().collect()
}

fn end(solution: &Solution) -> End {
    let is_pending = |outcome: &Outcome| matches!(outcome, Outcome::Error { .. } | Outcome::Deferred { .. });
    End {
        new_nodes: solution.node_claims.len(),
        pending: solution.pods.iter().filter(|pod| is_pending(&pod.outcome)).count(),
    }
}
