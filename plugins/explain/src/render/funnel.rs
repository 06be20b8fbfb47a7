//! One NodePool, each stage.

use karp_common::term::{Label, Style, Table, wrap};
use karp_core::explain::report::{Group, PoolReport};
use karp_core::explain::{Cause, Stage, words};

use super::{View, line, signs};

/// The screen of `--funnel POOL`.
pub(crate) fn funnel_view(group: &Group, pool: &PoolReport, view: &View, style: &Style) -> String {
    let pod =
        group.pods.first().map(|pod| words::object("Pod", &pod.namespace, &pod.name)).unwrap_or_default();
    let (verb, cause) = if pool.stopped_by.is_empty() {
        ("fits", String::new())
    } else {
        ("does not fit", format!(": {}", alternatives(pool)))
    };
    let name = style.paint(Label::Name, &pool.name);
    let mut text = line(style, "", "  ", &format!("NodePool {name} {verb} {pod}{cause}."));
    text.push('\n');
    text.push_str(&stages(pool, view, style));
    text.push('\n');
    for why in &pool.whys {
        let stage = why.stage.map(Stage::header);
        let first = stage.map(|stage| format!("{stage}: ")).unwrap_or_default();
        text.push_str(&line(style, &first, "  ", &why.text));
    }
    let daemon_sets: Vec<String> = pool
        .daemon_sets
        .iter()
        .map(|(name, requests)| {
            let requests = words::requests(requests);
            if requests.is_empty() { name.clone() } else { format!("{name} {requests}") }
        })
        .collect();
    if !daemon_sets.is_empty() {
        text.push_str(&line(style, "", "  ", &format!("DaemonSets: {}", daemon_sets.join("; "))));
    }
    text
}

/// `limits or cpu`, `arch and cpu`.
fn alternatives(pool: &PoolReport) -> String {
    let mut all: Vec<String> = Vec::new();
    for alternative in &pool.stopped_by {
        let causes: Vec<String> = alternative.iter().map(Cause::to_string).collect();
        let text = words::list(&causes, "and");
        if !all.contains(&text) {
            all.push(text);
        }
    }
    words::list(&all, "or")
}

fn stages(pool: &PoolReport, view: &View, style: &Style) -> String {
    let mut table = Table::new(["STAGE", ">LEFT", ">LOST", ">WITHOUT", "BY"]).no_headers(view.no_headers);
    let by = |at: usize| pool.stage_by.get(at).cloned().unwrap_or_default();
    table.row(["TYPES".to_owned(), pool.types.to_string(), "-".to_owned(), "-".to_owned(), by(0)]);
    let mut before = Some(pool.types);
    for (at, stage) in pool.stages.iter().enumerate() {
        let left = match stage.left {
            Some(0) => style.paint(Label::VerdictNo, "0"),
            Some(count) => count.to_string(),
            None => "-".to_owned(),
        };
        let lost = before
            .zip(stage.left)
            .map_or("-".to_owned(), |(before, left)| before.saturating_sub(left).to_string());
        table.row([stage.name.header().to_owned(), left, lost, stage.without.to_string(), by(at + 1)]);
        before = stage.left;
    }
    let text = signs(style, &table.render(style));
    if style.is_pipe() {
        return text;
    }
    let start = text.lines().next().and_then(|header| header.find("BY")).unwrap_or(0);
    let indent = " ".repeat(start);
    text.lines()
        .map(|row| {
            if karp_common::term::visible_width(row) <= style.width() {
                return format!("{row}\n");
            }
            let at = row.char_indices().nth(start).map_or(row.len(), |(at, _)| at);
            let (head, tail) = row.split_at(at);
            format!("{}\n", wrap(style, head, &indent, tail))
        })
        .collect()
}
