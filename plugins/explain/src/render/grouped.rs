//! All pending pods by cause.

use karp_common::term::{Label, Style, visible_width};
use karp_core::explain::report::{Explanation, Group, ObjectName, OutcomeWord, Verdict};
use karp_core::explain::{new_node_text, words};

use super::{View, changes, line, sign};

const GROUPS_SHOWN: usize = 10;
const OWNERS_SHOWN: usize = 2;

/// The verdict over all, then a block per group.
pub(super) fn grouped(report: &Explanation, view: &View, style: &Style) -> String {
    let mut text = line(style, "", "  ", &verdict(report));
    let shown = if view.all { report.groups.len() } else { GROUPS_SHOWN.min(report.groups.len()) };
    let width = report
        .groups
        .iter()
        .take(shown)
        .map(|group| words::count(group.pods.len(), "pod").len())
        .max()
        .unwrap_or(0);
    for group in report.groups.iter().take(shown) {
        text.push('\n');
        text.push_str(&block(group, width, style));
    }
    let rest = &report.groups[shown..];
    if !rest.is_empty() {
        let pods: usize = rest.iter().map(|group| group.pods.len()).sum();
        let noun = if rest.len() == 1 { "cause" } else { "causes" };
        let cut = style.symbols.cut;
        text.push_str(&format!(
            "\n{cut} {} more {noun}, {} (--all)\n",
            rest.len(),
            words::count(pods, "pod")
        ));
    }
    text
}

/// `3 of 23 pending pods will not schedule, for 3 causes; 20 will.`
fn verdict(report: &Explanation) -> String {
    let summary = report.summary;
    let causes = report.groups.iter().filter(|group| group.verdict == Verdict::No).count();
    let pods = words::count(summary.pods, "pending pod");
    let mut rest: Vec<String> = Vec::new();
    let mut add = |count: usize, one: &str, many: &str| {
        if count > 0 {
            rest.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    };
    add(summary.wait, "waits", "wait");
    add(summary.unknown, "is unknown", "are unknown");
    add(summary.yes, "will", "will");
    if summary.no > 0 {
        let head =
            format!("{} of {pods} will not schedule, for {}", summary.no, words::count(causes, "cause"));
        rest.insert(0, head);
        return format!("{}.", rest.join("; "));
    }
    if summary.yes == summary.pods {
        let nodes: usize =
            report.groups.iter().filter_map(|group| group.place.as_ref()).map(|place| place.new_nodes).sum();
        let whose = if summary.pods == 1 { "The 1 pending pod".to_owned() } else { format!("All {pods}") };
        return match nodes {
            0 => format!("{whose} will schedule on existing nodes."),
            nodes => format!("{whose} will schedule; {}.", words::count(nodes, "new node")),
        };
    }
    let waiting = summary.wait + summary.unknown;
    let head = match (summary.wait, summary.unknown) {
        (wait, 0) => format!("{wait} of {pods} wait{}", if wait == 1 { "s" } else { "" }),
        (0, unknown) => format!("{unknown} of {pods} {} unknown", if unknown == 1 { "is" } else { "are" }),
        _ => format!("{waiting} of {pods} wait or are unknown"),
    };
    match summary.yes {
        0 => format!("{head}."),
        yes => format!("{head}; {yes} will schedule."),
    }
}

fn block(group: &Group, width: usize, style: &Style) -> String {
    let count = words::count(group.pods.len(), "pod");
    let pad = " ".repeat(width.saturating_sub(count.len()));
    let first = format!("{} {count}{pad}  ", sign(group, style));
    let indent_width = visible_width(&first);
    let indent = " ".repeat(indent_width);
    let mut text = line(style, &first, &indent, &owners(group, style));
    for evidence in evidence(group) {
        text.push_str(&line(style, &indent, &indent, &evidence));
    }
    if let Some(change) = group.changes.first() {
        let number = format!("{:>width$} ", 1, width = indent_width - 1);
        let painted = style.paint(Label::Number, &number);
        text.push_str(&line(style, &painted, &indent, &change.title));
        text.push_str(&changes::proof_lines(&change.proof, &indent, style));
    }
    text
}

/// `deploy/api (12), deploy/web (8), 2 more owners (3) -n shop`.
fn owners(group: &Group, style: &Style) -> String {
    let namespace = &group.owner.namespace;
    let suffix = if namespace.is_empty() { String::new() } else { format!(" -n {namespace}") };
    let name = |owner: &ObjectName| style.paint(Label::Name, &owner.short());
    match group.owners.as_slice() {
        [] => format!("{}{suffix}", name(&group.owner)),
        [one] => format!("{}{suffix}", name(&one.owner)),
        many => {
            let mut parts: Vec<String> = many
                .iter()
                .take(OWNERS_SHOWN)
                .map(|count| format!("{} ({})", name(&count.owner), count.pod_count))
                .collect();
            let rest = &many[OWNERS_SHOWN.min(many.len())..];
            if !rest.is_empty() {
                let pods: usize = rest.iter().map(|count| count.pod_count).sum();
                parts.push(format!("{} ({pods})", words::count(rest.len(), "more owner")));
            }
            format!("{}{suffix}", parts.join(", "))
        }
    }
}

fn evidence(group: &Group) -> Vec<String> {
    match (group.verdict, group.outcome, &group.place) {
        (Verdict::Yes, OutcomeWord::New, Some(place)) => {
            let pool = place.node_pool.as_deref().unwrap_or_default();
            let nodes = words::count(place.new_nodes, "new node");
            vec![format!("{nodes} on NodePool {pool}: {}", new_node_text(place))]
        }
        (Verdict::Yes, _, _) => {
            let mut lines = vec![group.headline.clone()];
            lines.extend(group.notes.iter().cloned());
            lines
        }
        (Verdict::No, OutcomeWord::Error, _) if !group.node_pools.is_empty() => group.evidence.clone(),
        _ => {
            let mut lines = vec![group.headline.clone()];
            lines.extend(group.evidence.iter().cloned());
            lines.extend(group.next.first().map(|next| {
                let text = [next.text.as_str(), next.command.as_str()];
                let text: Vec<&str> = text.into_iter().filter(|text| !text.is_empty()).collect();
                format!("next: {}", text.join(": "))
            }));
            lines
        }
    }
}

/// The command that tells more of the first group that needs it.
pub(super) fn next(groups: &[Group], view: &View, style: &Style) -> String {
    let Some(first) = groups.iter().find(|group| group.verdict != Verdict::Yes) else { return String::new() };
    let object = first.owners.first().map_or(&first.owner, |count| &count.owner);
    let command = format!("kubectl karp explain {}{}", object.words(), view.command_suffix);
    let label = style.paint(Label::Hint, "next:");
    format!("\n{label} {}\n", style.paint(Label::Hint, &command))
}
