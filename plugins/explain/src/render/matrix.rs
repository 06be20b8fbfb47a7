//! The matrix: a row per NodePool, a column per stage, and why lines; existing nodes by reason.

use std::collections::BTreeSet;

use karp_common::term::{Label, Style, Table, wrap};
use karp_core::explain::Stage;
use karp_core::explain::report::{Group, NodeReason, PoolReport};
use karp_core::explain::words;

use super::{View, line, signs};

const POOLS_SHOWN: usize = 12;

/// The matrix of NodePools with its why lines.
pub(super) fn matrix(group: &Group, view: &View, style: &Style) -> String {
    let (pools, left_out) = shown_pools(&group.node_pools, view);
    let beside = style.is_wide() && !view.no_headers;
    let mut headers = vec!["NODEPOOL", ">TYPES"];
    let stage_headers: Vec<String> = Stage::ALL.iter().map(|stage| format!(">{}", stage.header())).collect();
    headers.extend(stage_headers.iter().map(String::as_str));
    headers.push("STOPPED-BY");
    if view.wide {
        headers.extend([">WEIGHT", "DAEMONSETS"]);
    }
    if beside {
        headers.push("WHY");
    }
    let mut table = Table::new(headers).no_headers(view.no_headers);
    for pool in &pools {
        let mut row = vec![style.paint(Label::Name, &pool.name), pool.types.to_string()];
        row.extend(pool.stages.iter().map(|stage| cell(stage.left, style)));
        row.push(pool.stopped_by_text.clone());
        if view.wide {
            row.extend([pool.weight.to_string(), pool.daemon_sets.len().to_string()]);
        }
        if beside {
            row.push(signs(style, &why_text(pool)));
        }
        table.row(row);
    }
    let mut text = table.render(style);
    if left_out > 0 {
        text.push_str(&line(style, "", "", &format!("... {left_out} more NodePools (--all)")));
    }
    if !beside {
        text.push_str(&why_lines(&pools, style));
    }
    text
}

fn cell(left: Option<usize>, style: &Style) -> String {
    match left {
        None => style.paint(Label::Muted, "-"),
        Some(0) => style.paint(Label::VerdictNo, "0"),
        Some(count) => count.to_string(),
    }
}

/// Over twelve NodePools: those nearest to success, in the controller's order.
fn shown_pools<'g>(pools: &'g [PoolReport], view: &View) -> (Vec<&'g PoolReport>, usize) {
    if view.all || pools.len() <= POOLS_SHOWN {
        return (pools.iter().collect(), 0);
    }
    let mut ranked: Vec<(usize, usize)> = pools
        .iter()
        .enumerate()
        .map(|(at, pool)| (pool.stopped_by.iter().map(Vec::len).min().unwrap_or(0), at))
        .collect();
    ranked.sort_unstable();
    let kept: BTreeSet<usize> = ranked.into_iter().take(POOLS_SHOWN).map(|(_, at)| at).collect();
    let shown = pools.iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, pool)| pool).collect();
    (shown, pools.len() - POOLS_SHOWN)
}

/// The evidence for what the first alternative needs.
fn why_text(pool: &PoolReport) -> String {
    let needed = pool.stopped_by.first().map_or(0, Vec::len).max(1);
    let texts: Vec<String> = pool.whys.iter().take(needed).map(|why| why.text_beside(&pool.name)).collect();
    texts.join("; ")
}

/// A line per NodePool; equal lines merge: `6 NodePools (a, b, ...): pod does not tolerate ...`.
fn why_lines(pools: &[&PoolReport], style: &Style) -> String {
    let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
    for pool in pools {
        let text = why_text(pool);
        if text.is_empty() {
            continue;
        }
        match lines.iter_mut().find(|(_, known)| *known == text) {
            Some((names, _)) => names.push(&pool.name),
            None => lines.push((vec![&pool.name], text)),
        }
    }
    let width = pools.iter().map(|pool| pool.name.chars().count()).max().unwrap_or(0).max("NODEPOOL".len());
    let indent = " ".repeat(width + 2);
    lines
        .into_iter()
        .map(|(names, text)| match names.as_slice() {
            [one] => {
                let first = format!(
                    "{}{}",
                    style.paint(Label::Name, one),
                    " ".repeat(width + 2 - one.chars().count())
                );
                line(style, &first, &indent, &text)
            }
            many => {
                let text = format!("{}: {text}", words::node_pools(many));
                line(style, "", &indent, &text)
            }
        })
        .collect()
}

/// Existing nodes by the check they fail first.
pub(super) fn nodes(reasons: &[NodeReason], view: &View, style: &Style) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut table = Table::new([">NODES", "REASON", "NEAREST"]).no_headers(view.no_headers);
    for reason in reasons {
        let nearest = match &reason.nearest {
            Some(nearest) => format!("{}: {}", style.paint(Label::Name, &nearest.node), nearest.text),
            None => style.paint(Label::Muted, "-"),
        };
        table.row([reason.count.to_string(), reason.reason.to_string(), nearest]);
    }
    let text = table.render(style);
    if style.is_pipe() {
        return text;
    }
    // The last column wraps under itself.
    let start = text.lines().next().and_then(|header| header.find("NEAREST")).unwrap_or(15);
    let indent = " ".repeat(start);
    text.lines()
        .map(|row| {
            if karp_common::term::visible_width(row) <= style.width() {
                return format!("{row}\n");
            }
            let (head, tail) = row.split_at(row.char_indices().nth(start).map_or(row.len(), |(at, _)| at));
            format!("{}\n", wrap(style, head, &indent, tail))
        })
        .collect()
}

/// `no existing node: 29 cpu (nearest short 120m), 2 taint`.
pub(super) fn nodes_line(reasons: &[NodeReason]) -> Option<String> {
    if reasons.is_empty() {
        return None;
    }
    let parts: Vec<String> = reasons
        .iter()
        .map(|reason| {
            let nearest =
                reason.nearest.as_ref().map(|nearest| nearest.text.split(" (").next().unwrap_or_default());
            match nearest {
                Some(text) if text.starts_with("short ") => {
                    format!("{} {} (nearest {text})", reason.count, reason.reason)
                }
                _ => format!("{} {}", reason.count, reason.reason),
            }
        })
        .collect();
    Some(format!("no existing node: {}", parts.join(", ")))
}

/// What the pod asks, and how long it waits.
pub(super) fn asks_line(group: &Group) -> String {
    let mut parts: Vec<String> = Vec::new();
    let requests = words::requests(&group.asks.requests);
    parts.extend((!requests.is_empty()).then_some(requests));
    parts.extend(group.asks.labels.iter().cloned());
    let asks = if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
    let age = group.pods.iter().filter_map(|pod| pod.age_seconds).max();
    match age {
        Some(age) => format!("asks {asks}; Pending for {}", words::seconds(age)),
        None => format!("asks {asks}"),
    }
}
