//! Facts: of each group one spelling must occur.

use super::Case;
use super::cluster::Cluster;
use super::report::Report;

pub(super) fn failures(case: &Case, cluster: &Cluster, report: &Report) -> Vec<String> {
    let missing = case
        .expect
        .facts
        .iter()
        .filter(|group| !group.iter().any(|spelling| report.said.has(spelling, cluster)));
    missing.map(|group| format!("fact: {} does not occur", quoted(group))).collect()
}

/// `"a" or "b"`.
pub(super) fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" or ")
}
