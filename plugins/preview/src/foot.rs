//! Foot lines: where prices come from, what is uncertain, not read, not modelled.

use karp_core::preview::Preview;

use crate::words;

/// The foot lines of a report, each beginning with its label.
pub(crate) fn lines(preview: &Preview, at_most: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if !preview.prices.is_empty() {
        lines.push(format!("prices: {}", preview.prices.join("; ").replace("<=", at_most)));
    }
    let uncertain = words::uncertain(preview, at_most);
    lines.extend(uncertain.into_iter().map(|line| format!("uncertain: {line}")));
    for what in &preview.not_modelled {
        lines.push(format!("not modelled: {what}"));
    }
    for gap in &preview.gaps {
        lines.push(format!("not read: {} ({}){}", gap.kind, gap.reason, consequence(&gap.kind)));
    }
    if preview.taken_at_guessed {
        lines.push(format!("as of {} (newest timestamp in the input)", preview.taken_at));
    }
    lines
}

/// What a preview cannot tell without a kind.
fn consequence(kind: &str) -> &'static str {
    match kind {
        "nodes" => ": answers are for an empty cluster",
        "pods" => ": room on existing nodes is not known",
        "daemonsets" => ": DaemonSet overhead is missing",
        "nodepools" => ": no new node can be planned",
        "poddisruptionbudgets" => ": what PDBs hold back is not known",
        _ => "",
    }
}
