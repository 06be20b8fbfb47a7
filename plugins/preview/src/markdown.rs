//! A comment for a pull request: a marker by which CI finds and updates it, the verdict, one table, the rest folded.

use jiff::SignedDuration;
use karp_common::term::duration;
use karp_core::preview::diff::Diff;
use karp_core::preview::{PlannedNode, Preview};

use crate::render::{self, limits_shown};
use crate::words::{self, count};
use crate::{foot, money, render_diff};

/// What a comment may hold; the API of the forge refuses more.
const MOST_CHARACTERS: usize = 65_000;

/// Rows kept when a comment would be too long, tried in this order.
const ROWS: [usize; 4] = [usize::MAX, 200, 50, 10];

/// The comment.
pub(crate) fn markdown(preview: &Preview) -> String {
    let mut text = String::new();
    for rows in ROWS {
        text = comment(preview, rows);
        if text.chars().count() <= MOST_CHARACTERS {
            return text;
        }
    }
    text.chars().take(MOST_CHARACTERS).collect()
}

fn comment(preview: &Preview, rows: usize) -> String {
    let (marker, body) = match &preview.diff {
        Some(diff) => (diff.objects.join(" "), diff_body(diff, rows)),
        None => (String::new(), nodes_body(preview, rows)),
    };
    let verdict = match &preview.diff {
        Some(diff) => render_diff::verdict(diff),
        None => words::verdict(preview, "<="),
    };
    let space = if marker.is_empty() { "" } else { " " };
    let mut foot = foot::lines(preview, "<=");
    foot.push(format!("snapshot {}", preview.taken_at.strftime("%Y-%m-%d %H:%M UTC")));
    format!(
        "<!-- karp:preview{space}{marker} -->\n**{}**\n\n{body}\n<sub>{}</sub>\n",
        escape(&verdict),
        escape(&foot.join("; "))
    )
}

/// `<=` must not open a tag, a bar must not end a cell.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|")
}

fn table<const N: usize>(headers: [&str; N], rows: impl Iterator<Item = [String; N]>, most: usize) -> String {
    let names = headers.map(|header| header.trim_start_matches('>'));
    let rule = headers.map(|header| if header.starts_with('>') { "---:" } else { "---" });
    let mut text = format!("| {} |\n|{}|\n", names.join(" | "), rule.join("|"));
    let mut left_out = 0;
    for (position, row) in rows.enumerate() {
        if position < most {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\n... {}\n", count(left_out, "more row")));
    }
    text
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

fn folded(summary: &str, inner: &str) -> String {
    format!("<details><summary>{}</summary>\n\n{inner}</details>\n", escape(summary))
}

fn nodes_body(preview: &Preview, most: usize) -> String {
    let mut text = String::new();
    if render::launched(preview).next().is_some() {
        let region = words::region(&preview.node_claims);
        let headers = ["node", ">pods", "type", ">+types", "zones", "capacity", ">used", ">$/h"];
        let rows = render::launched(preview).map(|node| node_row(node, region.as_deref()));
        text.push_str(&table(headers, rows, most));
    }
    for group in preview.pending.iter().take(most) {
        let reasons: Vec<String> = group.reasons.iter().map(|reason| escape(reason)).collect();
        let owners = code(&words::owners(group));
        text.push_str(&format!(
            "\npending: {} of {owners}: {}\n",
            count(group.pods.len(), "pod"),
            reasons.join("; ")
        ));
    }
    let limits = limits_shown(preview);
    if !limits.is_empty() {
        let headers = ["NodePool", ">new nodes", "resource", ">before", ">after", ">limit"];
        let rows = limits.iter().map(|limit| {
            [
                code(&limit.node_pool),
                limit.new_nodes.to_string(),
                limit.resource.to_string(),
                limit.before.clone(),
                limit.after.clone(),
                if limit.full { format!("{} (full)", limit.limit) } else { limit.limit.clone() },
            ]
        });
        text.push('\n');
        text.push_str(&folded("Limits of NodePools", &table(headers, rows, most)));
    }
    if !preview.existing.is_empty() {
        let on_existing = preview.summary.on_existing_nodes;
        let summary =
            format!("{} on {}", count(on_existing, "pod"), count(preview.existing.len(), "existing node"));
        let rows = preview.existing.iter().map(|node| [code(&node.node), node.pods.len().to_string()]);
        text.push('\n');
        text.push_str(&folded(&summary, &table(["node", ">pods"], rows, most)));
    }
    text
}

fn node_row(node: &PlannedNode, region: Option<&str>) -> [String; 8] {
    [
        code(&node.name),
        node.pods.len().to_string(),
        node.instance_types.first().map_or("unknown", |name| name).to_owned(),
        node.instance_types.len().saturating_sub(1).to_string(),
        words::zones(&node.zones, region),
        node.capacity_types.join(","),
        node.used.map_or_else(|| "unknown".to_owned(), |used| format!("{}%", words::percent(used))),
        escape(&money::cell(&node.price_per_hour, "<=")),
    ]
}

fn diff_body(diff: &Diff, most: usize) -> String {
    let mut text = String::new();
    if !diff.fields.is_empty() {
        let rows = diff.fields.iter().map(|field| {
            [
                code(&render_diff::field_name(diff, field)),
                code(&field.now_text),
                code(&field.after_text),
                field.drifts.to_string(),
            ]
        });
        text.push_str(&table(["field", "now", "after", ">drifts"], rows, most));
    }
    for blocked in diff.blocked.iter().take(most) {
        let object =
            if blocked.object.is_empty() { String::new() } else { format!("{} ", code(&blocked.object)) };
        let node = code(&format!("node/{}", blocked.node));
        text.push_str(&format!("\nblocked: {node}, {object}{}\n", escape(&blocked.text)));
    }
    if !diff.becomes_pending.is_empty() {
        let names: Vec<String> = diff
            .becomes_pending
            .iter()
            .take(most)
            .map(|pod| code(&format!("pod/{} -n {}", pod.name, pod.namespace)))
            .collect();
        text.push_str(&format!("\nwould become pending: {}\n", names.join(", ")));
    }
    if !diff.nodes.is_empty() {
        let rows = diff.nodes.iter().map(|row| {
            [
                row.nodes.len().to_string(),
                row.instance_type.to_string(),
                render_diff::becomes(row),
                escape(&money::cell(&row.price_per_hour_now, "<=")),
                escape(&money::cell(&row.price_per_hour_after, "<=")),
            ]
        });
        let headers = [">nodes", "type", "becomes", ">$/h now", ">$/h after"];
        text.push('\n');
        text.push_str(&folded(&roll_summary(diff), &table(headers, rows, most)));
    }
    text
}

/// `12 nodes, 84 evictions, about 28m`.
fn roll_summary(diff: &Diff) -> String {
    let nodes: usize = diff.nodes.iter().map(|row| row.nodes.len()).sum();
    let mut text = format!("{}, {}", count(nodes, "node"), count(diff.evictions, "eviction"));
    if let Some(seconds) = diff.seconds {
        text.push_str(&format!(
            ", done in about {}",
            duration(SignedDuration::from_secs(render_diff::whole_minutes(seconds)))
        ));
    }
    text
}
