//! The screen of `preview --diff`: which nodes an edit makes drift, what they become, what holds them back.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use karp_common::term::{Label, Style, Table, clock, duration, visible_width, wrap};
use karp_core::preview::diff::{BlockedRow, Diff, FieldRow, NodeRow, PoolRow};
use karp_core::preview::{PodName, Preview};

use crate::money;
use crate::render::{SHOWN, View};
use crate::words::count;

/// Everything above the foot lines.
pub(crate) fn render(preview: &Preview, diff: &Diff, style: &Style, view: &View) -> String {
    let verdict = verdict(diff);
    let label = if has_effect(diff) { Label::Number } else { Label::VerdictOk };
    let head = verdict.split(';').next().unwrap_or_default();
    let wrapped = wrap(style, "", "", &verdict);
    let mut text = match wrapped.strip_prefix(head) {
        Some(rest) => format!("{}{rest}\n", style.paint(label, head)),
        None => format!("{wrapped}\n"),
    };
    for block in [fields(diff, style, view), nodes(diff, style, view)] {
        if !block.is_empty() {
            text.push('\n');
            text.push_str(&block);
        }
    }
    let zone = view.time_zone.clone().unwrap_or(TimeZone::UTC);
    for pool in diff.node_pools.iter().filter(|pool| pool.drifted > 0) {
        let line = budget_line(pool, diff.node_pools.len() > 1, preview.taken_at, &zone);
        text.push_str(&wrap(style, "", "  ", &line));
        text.push('\n');
    }
    let shown = if view.all { diff.blocked.len() } else { SHOWN };
    for blocked in diff.blocked.iter().take(shown) {
        let sign = style.paint(Label::VerdictNo, style.symbols.no);
        text.push_str(&wrap(style, &format!("{sign} "), "  ", &blocked_line(blocked)));
        text.push('\n');
    }
    if diff.blocked.len() > shown {
        let rest = count(diff.blocked.len() - shown, "more blocker");
        text.push_str(&format!("{} {rest} (--all)\n", style.symbols.cut));
    }
    if !diff.fields.is_empty() {
        text.push_str(&wrap(style, "", "  ", &pods_line(diff)));
        text.push('\n');
    }
    text
}

/// Whether the edit does anything.
pub(crate) fn has_effect(diff: &Diff) -> bool {
    diff.node_pools.iter().any(|pool| pool.drifted > 0)
        || !diff.changed_pods.is_empty()
        || !diff.becomes_pending.is_empty()
}

/// The answer in one sentence.
pub(crate) fn verdict(diff: &Diff) -> String {
    let sum = |of: fn(&PoolRow) -> usize| diff.node_pools.iter().map(of).sum::<usize>();
    let (nodes, drifted, never) = (sum(|pool| pool.nodes), sum(|pool| pool.drifted), sum(|pool| pool.never));
    let pods = pods_verdict(diff);
    if drifted == 0 {
        return match pods {
            Some(pods) => format!("No node drifts; {pods}."),
            None if diff.fields.is_empty() => {
                "No effect: the cluster has these objects as they are.".to_owned()
            }
            None => "No effect: nothing drifts, no pod moves.".to_owned(),
        };
    }
    let drifting: Vec<&PoolRow> = diff.node_pools.iter().filter(|pool| pool.drifted > 0).collect();
    let whose = match drifting.as_slice() {
        [one] => format!("{drifted} of {} of NodePool {}", count(one.nodes, "node"), one.name),
        several => format!("{drifted} of {} of {} NodePools", count(nodes, "node"), several.len()),
    };
    let mut parts = vec![format!("{whose} would drift")];
    if never > 0 {
        parts.push(format!("{never} can never roll"));
    }
    parts.extend(pods);
    parts.push(delta_text(diff));
    format!("{}.", parts.join("; "))
}

fn pods_verdict(diff: &Diff) -> Option<String> {
    match (diff.becomes_pending.len(), diff.changed_pods.len()) {
        (0, 0) => None,
        (0, changed) => {
            let change = if changed == 1 { "changes" } else { "change" };
            Some(format!("{} {change} place", count(changed, "pending pod")))
        }
        (pending, _) => Some(format!("{} would become pending", count(pending, "pod"))),
    }
}

fn delta_text(diff: &Diff) -> String {
    match diff.price_per_hour_delta.usd {
        None => "price change not known".to_owned(),
        Some(usd) if usd.abs() < 0.000_05 => "same price".to_owned(),
        Some(usd) if usd < 0.0 => format!("{} less", money::per_month(-usd)),
        Some(usd) => format!("{} more", money::per_month(usd)),
    }
}

/// Why a field makes nodes drift, or does not.
pub(crate) fn field_remark(field: &FieldRow) -> &str {
    field.reason.as_deref().or(field.note.as_deref()).unwrap_or_default()
}

/// The name of a field; with its object where several change.
pub(crate) fn field_name(diff: &Diff, field: &FieldRow) -> String {
    let is_named = diff.objects.len() > 1 && field.object != field.label;
    if is_named { format!("{} {}", field.object, field.label) } else { field.label.clone() }
}

fn fields(diff: &Diff, style: &Style, view: &View) -> String {
    if diff.fields.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["FIELD", "NOW", "AFTER", ">DRIFTS", ""]).no_headers(view.no_headers);
    for field in &diff.fields {
        table.row([
            style.paint(Label::Name, &field_name(diff, field)),
            field.now_text.clone(),
            field.after_text.clone(),
            field.drifts.to_string(),
            field_remark(field).to_owned(),
        ]);
    }
    let text = table.render(style);
    let fits = style.is_pipe() || text.lines().all(|line| visible_width(line) <= style.width());
    if fits { text } else { fields_in_lines(diff, style) }
}

/// Values that are too long for columns, below each other.
fn fields_in_lines(diff: &Diff, style: &Style) -> String {
    let mut text = String::new();
    for field in &diff.fields {
        let name = style.paint(Label::Name, &field_name(diff, field));
        text.push_str(&format!("{name}  drifts {}  {}\n", field.drifts, field_remark(field)));
        for (label, value) in [("  now    ", &field.now_text), ("  after  ", &field.after_text)] {
            text.push_str(&wrap(style, label, "         ", value));
            text.push('\n');
        }
    }
    text
}

/// `c6g.2xlarge`, `2 x c6g.large`, `-` where the pods fit on other nodes.
pub(crate) fn becomes(row: &NodeRow) -> String {
    if row.becomes.is_empty() {
        return "-".to_owned();
    }
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for name in &row.becomes {
        match counted.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => *times += 1,
            None => counted.push((name, 1)),
        }
    }
    let text = |(name, times): &(&str, usize)| match times {
        1 => (*name).to_owned(),
        many => format!("{many} x {name}"),
    };
    counted.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn nodes(diff: &Diff, style: &Style, view: &View) -> String {
    if diff.nodes.is_empty() {
        return String::new();
    }
    let at_most = style.symbols.at_most;
    let headers = [">NODES", "TYPE", "BECOMES", ">EVICTS", ">$/H-NOW", ">$/H-AFTER"];
    let mut table = Table::new(headers).no_headers(view.no_headers);
    let shown = if view.all { diff.nodes.len() } else { SHOWN };
    for row in diff.nodes.iter().take(shown) {
        table.row([
            row.nodes.len().to_string(),
            row.instance_type.to_string(),
            becomes(row),
            row.evictions.to_string(),
            money::cell(&row.price_per_hour_now, at_most),
            money::cell(&row.price_per_hour_after, at_most),
        ]);
    }
    let mut text = table.render(style);
    if diff.nodes.len() > shown {
        let rest: usize = diff.nodes.iter().skip(shown).map(|row| row.nodes.len()).sum();
        text.push_str(&format!("{} {} (--all)\n", style.symbols.cut, count(rest, "more node")));
    }
    text
}

/// `budget 0 until 23:00 CET, then 10% of 17 = 2: 6 rounds of 4m35s, about 28m`.
fn budget_line(pool: &PoolRow, named: bool, now: jiff::Timestamp, zone: &TimeZone) -> String {
    let whose = if named { format!("{}: ", pool.name) } else { String::new() };
    let Some(allowed) = pool.allowed else {
        return format!("{whose}no budget covers Drifted: all {} at once", pool.drifted);
    };
    if pool.never_opens {
        return format!("{whose}budget {}: never opens, none of them rolls", pool.arithmetic);
    }
    let length = |seconds: i64| duration(SignedDuration::from_secs(seconds));
    let rolls = match pool.rounds {
        0 => "none of them can roll".to_owned(),
        rounds => {
            let rounds = format!("{} of {}", count(rounds, "round"), length(pool.round_seconds));
            match pool.done_by {
                Some(done) => {
                    let begins = pool.opens.unwrap_or(now);
                    format!(
                        "{rounds}, about {}",
                        length(whole_minutes(done.duration_since(begins).as_secs()))
                    )
                }
                None => format!("{rounds}, not done within 14 days"),
            }
        }
    };
    match pool.opens {
        Some(opens) => {
            format!(
                "{whose}budget {allowed} until {}, then {}: {rolls}",
                clock(opens, now, zone),
                pool.arithmetic
            )
        }
        None => format!("{whose}budget {}: {rolls}", pool.arithmetic),
    }
}

/// An estimate that is over ten minutes says nothing by its seconds.
pub(crate) fn whole_minutes(seconds: i64) -> i64 {
    if seconds < 600 { seconds } else { (seconds + 59).div_euclid(60) * 60 }
}

/// `node/ip-10-0-6-15: pdb/ledger -n shop allows 0 (2 of 2 healthy)`.
pub(crate) fn blocked_line(blocked: &BlockedRow) -> String {
    let object = if blocked.object.is_empty() { String::new() } else { format!("{} ", blocked.object) };
    format!("node/{}: {object}{}", blocked.node, blocked.text)
}

fn pods_line(diff: &Diff) -> String {
    let names = |pods: &[PodName]| -> String {
        const SHOWN: usize = 3;
        let mut names: Vec<String> =
            pods.iter().take(SHOWN).map(|pod| format!("pod/{} -n {}", pod.name, pod.namespace)).collect();
        if pods.len() > SHOWN {
            names.push(format!("... {} more", pods.len() - SHOWN));
        }
        if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
    };
    let change = if diff.changed_pods.len() == 1 { "changes" } else { "change" };
    format!(
        "{} {change}{}; {} would become pending{}",
        count(diff.changed_pods.len(), "pending pod"),
        names(&diff.changed_pods),
        count(diff.becomes_pending.len(), "pod"),
        names(&diff.becomes_pending),
    )
}
