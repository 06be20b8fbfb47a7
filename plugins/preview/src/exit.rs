//! How the run ends: 1 where the answer is no, narrowed by `--fail-on`.

use karp_core::preview::Preview;
use karp_core::preview::diff::Diff;
use karp_core::report::ExitCode;

use crate::cli::FailOn;
use crate::render_diff::has_effect;

/// Prices differ from here on, in US dollars an hour.
const LEAST_DIFFERENCE: f64 = 0.000_05;

/// The exit code of a report.
pub(crate) fn code(report: &Preview, fail_on: &[FailOn]) -> ExitCode {
    let fails = match (&report.diff, fail_on) {
        (None, []) => report.summary.pending > 0,
        (Some(diff), []) => has_effect(diff),
        (diff, list) => list.iter().any(|what| holds(*what, report, diff.as_ref())),
    };
    if fails { ExitCode::Findings } else { ExitCode::Done }
}

fn holds(what: FailOn, report: &Preview, diff: Option<&Diff>) -> bool {
    match (what, diff) {
        (FailOn::Pending, None) => report.summary.pending > 0,
        (FailOn::Pending, Some(diff)) => !diff.becomes_pending.is_empty(),
        (FailOn::Drift, diff) => diff.is_some_and(|diff| diff.node_pools.iter().any(|pool| pool.drifted > 0)),
        (FailOn::Blocked, diff) => diff.is_some_and(|diff| {
            diff.node_pools.iter().any(|pool| pool.never > 0 || pool.never_opens && pool.drifted > 0)
        }),
        (FailOn::Cost, None) => costs_more(report),
        (FailOn::Cost, Some(diff)) => {
            diff.price_per_hour_delta.usd.map_or(!diff.nodes.is_empty(), |usd| usd > LEAST_DIFFERENCE)
        }
    }
}

/// Whether the new nodes cost something that the cluster would not pay anyway; an unknown price may.
fn costs_more(report: &Preview) -> bool {
    let after = &report.summary.price_per_hour;
    let before = report.without_changes.as_ref().map(|before| before.price_per_hour).unwrap_or_default();
    after.unknown_nodes > before.unknown_nodes
        || after.usd.unwrap_or(0.0) > before.usd.unwrap_or(0.0) + LEAST_DIFFERENCE
}
