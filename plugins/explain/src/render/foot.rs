//! Foot lines: where prices come from, what is uncertain, not modelled, not read.

use karp_common::term::{Label, Style, wrap};
use karp_core::explain::report::{Explanation, OutcomeWord};

use super::View;

/// The foot lines, each wrapped with an indent of two.
pub(super) fn foot(report: &Explanation, view: &View, style: &Style) -> String {
    let mut lines: Vec<String> = Vec::new();
    let has_price = report.groups.iter().any(|group| {
        group.place.as_ref().is_some_and(|place| place.price_per_hour.is_some())
            || group.changes.iter().any(|change| change.proof.price_per_hour.is_some())
    });
    if let Some(prices) = view.prices.as_ref().filter(|_| has_price) {
        lines.push(format!("prices: {prices}"));
    }
    lines.extend(uncertain(report));
    if report.taken_at_guessed {
        lines.push(format!("as of {}, the newest time in the input (--at sets it)", report.taken_at));
    }
    let gaps: Vec<String> = report
        .gaps
        .iter()
        .map(|gap| {
            let consequence = consequence(&gap.kind);
            format!("{} ({}){consequence}", gap.kind, gap.reason)
        })
        .collect();
    if !gaps.is_empty() {
        let forbidden = report.gaps.iter().any(|gap| gap.reason.contains("forbidden"));
        let grant = if forbidden { ". What to grant: docs/rbac-reader.yaml" } else { "" };
        lines.push(format!("not read: {}{grant}", gaps.join("; ")));
    }
    if !report.not_modelled.is_empty() {
        lines.push(format!("not modelled: {}", report.not_modelled.join("; ")));
    }
    lines
        .into_iter()
        .map(|text| {
            let wrapped = wrap(style, "", "  ", &super::signs(style, &text));
            let painted: Vec<String> = wrapped.lines().map(|line| style.paint(Label::Muted, line)).collect();
            format!("{}\n", painted.join("\n"))
        })
        .collect()
}

fn uncertain(report: &Explanation) -> Option<String> {
    let shows_new = report.groups.iter().any(|group| {
        group.outcome == OutcomeWord::New
            || group.changes.iter().any(|change| change.proof.node_pool.is_some())
    });
    let words: Vec<&str> = report
        .uncertain
        .iter()
        .filter_map(|word| match word.as_str() {
            "ec2-choice" if shows_new => {
                Some("EC2 picks spot type and zone itself, from the 60 cheapest types")
            }
            "ec2-choice" => None,
            "one-of" => Some("where zones tie the controller may choose another one"),
            other => Some(other),
        })
        .collect();
    (!words.is_empty()).then(|| format!("uncertain: {}", words.join("; ")))
}

/// What it means for the answer that a kind is missing.
fn consequence(kind: &str) -> &'static str {
    match kind {
        "nodes" => ": answers are for an empty cluster",
        "daemonsets" => ": DaemonSet overhead is missing",
        "persistentvolumeclaims" | "persistentvolumes" => ": volumes count as placed anywhere",
        "nodeclaims" => ": launched nodes that are not registered are missing",
        _ => "",
    }
}
