//! The screen of `preview`: verdict, nodes, limits, places, what stays pending, foot lines, what next.

use karp_common::term::{Label, Style, Table, amount, command, wrap};
use karp_core::model::resource_name;
use karp_core::preview::{LimitUse, PlannedNode, Preview, Unplaced};

use crate::render_diff;
use crate::words::{self, count};
use crate::{foot, money};

/// Rows after which a list is cut.
pub(crate) const SHOWN: usize = 10;

/// Where reasons begin, below the count of pods.
const INDENT: usize = 11;

/// How the screen is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// More columns (`-o wide`).
    pub wide: bool,
    /// Whole lists (`--all`).
    pub all: bool,
    /// Every pod with its place (`--pods`).
    pub pods: bool,
    /// No headers.
    pub no_headers: bool,
    /// What to do next, as text to paste; empty = nothing.
    pub next: String,
    /// Zone of clock times.
    pub time_zone: Option<jiff::tz::TimeZone>,
}

/// The whole screen.
pub(crate) fn render(preview: &Preview, style: &Style, view: &View) -> String {
    let mut text = match &preview.diff {
        Some(diff) => render_diff::render(preview, diff, style, view),
        None => body(preview, style, view),
    };
    for line in foot::lines(preview, style.symbols.at_most) {
        text.push_str(&paint_foot(style, &line));
        text.push('\n');
    }
    if !view.next.is_empty() {
        let next = command(style, "next: ", "  ", &view.next);
        text.push('\n');
        text.push_str(&paint_lines(style, Label::Hint, &next));
        text.push('\n');
    }
    text
}

fn body(preview: &Preview, style: &Style, view: &View) -> String {
    let mut text = paint_verdict(preview, style);
    text.push('\n');
    for block in [
        nodes_table(preview, style, view),
        limits_table(preview, style, view),
        places(preview, style, view),
        if view.pods { pods_table(preview, style, view) } else { String::new() },
    ] {
        if !block.is_empty() {
            text.push('\n');
            text.push_str(&block);
        }
    }
    if let Some(before) = &preview.without_changes {
        let price = money::total(&before.price_per_hour, style.symbols.at_most);
        let line = format!(
            "without this change: {}, {} pending, {price}",
            count(before.new_nodes, "new node"),
            count(before.pending, "pod"),
        );
        text.push_str(&paint_foot(style, &line));
        text.push('\n');
    }
    text
}

fn paint_verdict(preview: &Preview, style: &Style) -> String {
    let verdict = words::verdict(preview, style.symbols.at_most);
    let label = if preview.summary.pending == 0 { Label::VerdictOk } else { Label::VerdictNo };
    // What the answer is stands before the first comma or colon; the rest are figures.
    let (head, rest) = verdict.split_at(verdict.find([',', ':']).unwrap_or(verdict.len()));
    let wrapped = wrap(style, "", "", &format!("{head}{rest}"));
    match wrapped.strip_prefix(head) {
        Some(rest) => format!("{}{rest}", style.paint(label, head)),
        None => wrapped,
    }
}

/// Foot lines are dim; they wrap below their first word.
fn paint_foot(style: &Style, line: &str) -> String {
    paint_lines(style, Label::Muted, &wrap(style, "", "  ", line))
}

fn paint_lines(style: &Style, label: Label, text: &str) -> String {
    text.lines().map(|line| style.paint(label, line)).collect::<Vec<_>>().join("\n")
}

/// Nodes that come of the NodeClaims.
pub(crate) fn launched(preview: &Preview) -> impl Iterator<Item = &PlannedNode> {
    preview.node_claims.iter().filter(|node| node.launch_error.is_none())
}

fn nodes_table(preview: &Preview, style: &Style, view: &View) -> String {
    let nodes: Vec<&PlannedNode> = launched(preview).collect();
    if nodes.is_empty() {
        return String::new();
    }
    let mut headers = vec!["NAME", ">PODS", "TYPE", ">+TYPES", "ZONES", "CAPACITY", "USED", ">$/H"];
    if view.wide {
        headers.extend(["NODEPOOL", ">CPU", ">MEMORY", ">DEAREST-$/H"]);
    }
    let region = words::region(&preview.node_claims);
    let mut table = Table::new(headers).no_headers(view.no_headers);
    let shown = if view.all { nodes.len() } else { SHOWN };
    for node in nodes.iter().take(shown) {
        table.row(node_row(node, region.as_deref(), style, view));
    }
    let mut text = table.render(style);
    let rest = nodes.get(shown..).unwrap_or_default();
    if !rest.is_empty() {
        let pods: usize = rest.iter().map(|node| node.pods.len()).sum();
        let (nodes, pods) = (count(rest.len(), "more node"), count(pods, "pod"));
        text.push_str(&format!("{} {nodes}, {pods} (--all)\n", style.symbols.cut));
    }
    text
}

fn node_row(node: &PlannedNode, region: Option<&str>, style: &Style, view: &View) -> Vec<String> {
    let at_most = style.symbols.at_most;
    let mut row = vec![
        style.paint(Label::Name, &node.name),
        node.pods.len().to_string(),
        node.instance_types.first().map_or("<unknown>", |name| name).to_owned(),
        node.instance_types.len().saturating_sub(1).to_string(),
        words::zones(&node.zones, region),
        node.capacity_types.join(","),
        node.used.map_or_else(|| "<unknown>".to_owned(), |used| bar(used, style, view)),
        money::cell(&node.price_per_hour, at_most),
    ];
    if view.wide {
        let asked = |name: &str| {
            let (asks, has) = (node.requests.amount(name), node.allocatable.amount(name));
            format!("{}/{}", amount(asks), amount(has))
        };
        row.extend([
            node.node_pool.to_string(),
            asked(resource_name::CPU),
            asked(resource_name::MEMORY),
            node.price_per_hour.high_usd.map_or_else(
                || "<unknown>".to_owned(),
                |usd| {
                    let sign = if node.price_per_hour.is_ceiling() { at_most } else { "" };
                    format!("{sign}{usd:.4}")
                },
            ),
        ]);
    }
    row
}

/// `###.. 63%`: 5 cells, 20 where there is room.
fn bar(used: f64, style: &Style, view: &View) -> String {
    let cells = if style.is_wide() && !view.wide { 20 } else { 5 };
    let full = ((used * f64::from(cells)).round().max(0.0) as usize).min(cells as usize);
    let free = cells as usize - full;
    let symbols = &style.symbols;
    format!("{}{} {:>2}%", symbols.used.repeat(full), symbols.free.repeat(free), words::percent(used))
}

/// NodePools that get nodes, or that are full while pods stay pending.
pub(crate) fn limits_shown(preview: &Preview) -> Vec<&LimitUse> {
    let pending = preview.summary.pending > 0;
    preview.limits.iter().filter(|limit| limit.new_nodes > 0 || (limit.full && pending)).collect()
}

fn limits_table(preview: &Preview, style: &Style, view: &View) -> String {
    let shown = limits_shown(preview);
    if shown.is_empty() {
        return String::new();
    }
    let mut resources: Vec<&str> = Vec::new();
    let mut pools: Vec<&str> = Vec::new();
    for limit in &shown {
        if !resources.contains(&limit.resource.as_str()) {
            resources.push(&limit.resource);
        }
        if !pools.contains(&limit.node_pool.as_str()) {
            pools.push(&limit.node_pool);
        }
    }
    let limit_headers: Vec<String> =
        resources.iter().map(|resource| format!("{}-LIMIT", resource.to_uppercase())).collect();
    let mut headers = vec!["NODEPOOL", ">+NODES"];
    headers.extend(limit_headers.iter().map(String::as_str));
    headers.push("");
    let mut table = Table::new(headers).no_headers(view.no_headers);
    for pool in pools {
        let of =
            |resource: &str| shown.iter().find(|limit| limit.node_pool == pool && limit.resource == resource);
        let new_nodes = shown.iter().find(|limit| limit.node_pool == pool).map_or(0, |limit| limit.new_nodes);
        let mut row = vec![style.paint(Label::Name, pool), new_nodes.to_string()];
        row.extend(resources.iter().map(|resource| {
            of(resource).map_or_else(|| "<none>".to_owned(), |limit| limit_cell(limit, style))
        }));
        let full = shown.iter().any(|limit| limit.node_pool == pool && limit.full);
        if full {
            let note = format!("{} full, the next node will not start", style.symbols.look);
            row.push(style.paint(Label::Hint, &note));
        }
        table.row(row);
    }
    table.render(style)
}

fn limit_cell(limit: &LimitUse, style: &Style) -> String {
    if limit.before == limit.after {
        format!("{} of {}", limit.after, limit.limit)
    } else {
        format!("{} {} {} of {}", limit.before, style.symbols.becomes, limit.after, limit.limit)
    }
}

/// Pods on existing nodes, then those without a place.
fn places(preview: &Preview, style: &Style, view: &View) -> String {
    let mut text = String::new();
    let summary = &preview.summary;
    if summary.on_existing_nodes > 0 && summary.new_nodes + summary.pending > 0 {
        let fit = if summary.on_existing_nodes == 1 { "fits" } else { "fit" };
        let place = match preview.existing.as_slice() {
            [one] => format!("node/{}", one.node),
            many => count(many.len(), "existing node"),
        };
        text.push_str(&place_line(style, Label::VerdictOk, style.symbols.yes, summary.on_existing_nodes));
        text.push_str(&format!("{fit} on {place}\n"));
    }
    text.push_str(&unplaced(&preview.pending, style, view));
    text
}

/// Groups of pods without a place, with their reasons.
pub(crate) fn unplaced(groups: &[Unplaced], style: &Style, view: &View) -> String {
    let mut text = String::new();
    let shown = if view.all { groups.len() } else { SHOWN };
    let indent = " ".repeat(INDENT);
    for group in groups.iter().take(shown) {
        let (label, sign) = match group.verdict {
            karp_core::explain::report::Verdict::Wait => (Label::Hint, style.symbols.todo),
            karp_core::explain::report::Verdict::Unknown => (Label::Hint, style.symbols.look),
            _ => (Label::VerdictNo, style.symbols.no),
        };
        text.push_str(&place_line(style, label, sign, group.pods.len()));
        text.push_str(&style.paint(Label::Name, &words::owners(group)));
        text.push('\n');
        for reason in &group.reasons {
            text.push_str(&wrap(style, &indent, &indent, reason));
            text.push('\n');
        }
    }
    let rest = groups.get(shown..).unwrap_or_default();
    if !rest.is_empty() {
        let pods: usize = rest.iter().map(|group| group.pods.len()).sum();
        let (causes, pods) = (count(rest.len(), "more cause"), count(pods, "pod"));
        text.push_str(&format!("{} {causes}, {pods} (--all)\n", style.symbols.cut));
    }
    text
}

/// `x 2 pods   `.
fn place_line(style: &Style, label: Label, sign: &str, pods: usize) -> String {
    format!("{} {:<width$}  ", style.paint(label, sign), count(pods, "pod"), width = INDENT - 4)
}

/// Every pod with its place, by namespace and name.
fn pods_table(preview: &Preview, style: &Style, view: &View) -> String {
    let mut rows: Vec<(&str, &str, String)> = Vec::new();
    for node in launched(preview) {
        rows.extend(
            node.pods
                .iter()
                .map(|pod| (pod.namespace.as_str(), pod.name.as_str(), format!("{} (new)", node.name))),
        );
    }
    for node in &preview.existing {
        rows.extend(
            node.pods
                .iter()
                .map(|pod| (pod.namespace.as_str(), pod.name.as_str(), format!("node/{}", node.node))),
        );
    }
    for group in &preview.pending {
        let cause =
            if group.cause.is_empty() { String::new() } else { format!(": {}", group.cause.join(", ")) };
        rows.extend(
            group
                .pods
                .iter()
                .map(|pod| (pod.namespace.as_str(), pod.name.as_str(), format!("pending{cause}"))),
        );
    }
    rows.sort();
    let mut table = Table::new(["NAME", "NAMESPACE", "PLACE"]).no_headers(view.no_headers);
    for (namespace, name, place) in rows {
        table.row([style.paint(Label::Name, name), namespace.to_owned(), place]);
    }
    table.render(style)
}
