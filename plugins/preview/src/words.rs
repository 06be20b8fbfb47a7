//! Sentences and cells that the screen and the pull request share.

use compact_str::CompactString;
use karp_core::preview::{End, PlannedNode, Preview, Summary, Unplaced};

use crate::money;

/// `1 pod`, `3 pods`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The answer in one sentence.
pub(crate) fn verdict(preview: &Preview, at_most: &str) -> String {
    let summary = &preview.summary;
    if let Some(cause) = &summary.stands_still {
        return format!("No new node: Karpenter stands still for all pods, {cause}.");
    }
    if let Some(sentence) = cannot_tell(preview) {
        return sentence;
    }
    if summary.pods == 0 {
        let some_left_out = preview.uncertain.iter().any(|word| word == "selected");
        return if some_left_out { "No pending pod is selected." } else { "No pod is pending." }.to_owned();
    }
    let stay = match summary.pending {
        0 => String::new(),
        1 => "; 1 pod stays pending".to_owned(),
        more => format!("; {more} pods stay pending"),
    };
    if summary.new_nodes > 0 {
        let share = if summary.on_new_nodes == summary.pods {
            count(summary.pods, "pod")
        } else {
            format!("{} of {}", summary.on_new_nodes, count(summary.pods, "pod"))
        };
        let price = money::total(&summary.price_per_hour, at_most);
        return format!("{} for {share}, {price}{stay}.", count(summary.new_nodes, "new node"));
    }
    no_new_node(summary, &stay)
}

/// The answer where a kind that decides it was not read.
fn cannot_tell(preview: &Preview) -> Option<String> {
    let Summary { pods, new_nodes, placed, pending, existing_nodes, .. } = preview.summary;
    let is_missing = |kind: &str| preview.gaps.iter().any(|gap| gap.kind == kind);
    if pods == 0 && is_missing("pods") {
        return Some("Cannot tell: no pods were read.".to_owned());
    }
    if new_nodes > 0 || pending == 0 || !is_missing("nodepools") {
        return None;
    }
    let unread = "no NodePools were read";
    Some(match placed {
        0 => format!("Cannot tell for {}: {unread}.", count(pods, "pod")),
        placed => {
            let nodes = count(existing_nodes, "existing node");
            format!("{placed} of {} on {nodes}; cannot tell for the rest: {unread}.", count(pods, "pod"))
        }
    })
}

fn no_new_node(summary: &Summary, stay: &str) -> String {
    let nodes = count(summary.existing_nodes, "existing node");
    match (summary.placed, summary.pending) {
        (0, 1) => "No new node: the pod stays pending.".to_owned(),
        (0, pending) => format!("No new node: all {pending} pods stay pending."),
        (1, 0) => format!("No new node: the pod fits on {nodes}. $0 more."),
        (placed, 0) => format!("No new node: all {placed} pods fit on {nodes}. $0 more."),
        (placed, _) => {
            let fit = if placed == 1 { "fits" } else { "fit" };
            format!("No new node: {placed} of {} {fit} on {nodes}{stay}.", count(summary.pods, "pod"))
        }
    }
}

/// Zones without what all zones of the report share: `a,b,c` in us-east-1.
pub(crate) fn zones(zones: &[CompactString], region: Option<&str>) -> String {
    let short: Vec<&str> = zones
        .iter()
        .map(|zone| region.and_then(|region| zone.strip_prefix(region)).unwrap_or(zone))
        .collect();
    if short.is_empty() { "<none>".to_owned() } else { short.join(",") }
}

/// The region all zones are of, where each is the region and one letter.
pub(crate) fn region(nodes: &[PlannedNode]) -> Option<String> {
    let mut zones = nodes.iter().flat_map(|node| &node.zones);
    let stem = |zone: &CompactString| {
        let stem = zone.strip_suffix(|last: char| last.is_ascii_lowercase())?;
        stem.ends_with(|last: char| last.is_ascii_digit()).then(|| stem.to_owned())
    };
    let first = stem(zones.next()?)?;
    zones.all(|zone| stem(zone).as_deref() == Some(&first)).then_some(first)
}

/// Share of a node that is used, in whole percent.
pub(crate) fn percent(used: f64) -> i64 {
    (used * 100.0).round() as i64
}

/// `deploy/api -n shop`, `deploy/api (12), deploy/web (8), 2 more owners (3) -n shop`.
pub(crate) fn owners(group: &Unplaced) -> String {
    const SHOWN: usize = 2;
    if group.owners.len() <= 1 {
        return group.owner.words();
    }
    let one_namespace = group.owners.iter().all(|owner| owner.owner.namespace == group.owner.namespace);
    let mut parts: Vec<String> = group
        .owners
        .iter()
        .take(SHOWN)
        .map(|owner| {
            let name = if one_namespace { owner.owner.short() } else { owner.owner.words() };
            format!("{name} ({})", owner.pod_count)
        })
        .collect();
    let rest = group.owners.get(SHOWN..).unwrap_or_default();
    if !rest.is_empty() {
        let pods: usize = rest.iter().map(|owner| owner.pod_count).sum();
        parts.push(format!("{} ({pods})", count(rest.len(), "more owner")));
    }
    let namespace = if one_namespace && !group.owner.namespace.is_empty() {
        format!(" -n {}", group.owner.namespace)
    } else {
        String::new()
    };
    format!("{}{namespace}", parts.join(", "))
}

/// Where ties may lead instead, in one sentence; none where every way looked at ends alike.
pub(crate) fn other_ends(ends: &[End]) -> Option<String> {
    const SAID: usize = 2;
    let one = |end: &End| {
        let nodes = count(end.new_nodes, "new node");
        if end.pending == 0 { nodes } else { format!("{nodes} and {} pending", count(end.pending, "pod")) }
    };
    let said: Vec<String> = ends.iter().take(SAID).map(one).collect();
    (!said.is_empty())
        .then(|| format!("ties are settled by chance: it may also end with {}", said.join(", or ")))
}

/// What `-l` and `--field-selector` leave out.
pub(crate) fn left_out(pods: usize) -> String {
    let pods = count(pods, "other pending pod");
    format!("simulated without {pods}; Karpenter places all in one batch")
}

/// What stays open, one sentence each.
pub(crate) fn uncertain(preview: &Preview, at_most: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let open: Vec<&PlannedNode> = preview.node_claims.iter().filter(|node| node.is_open).collect();
    if preview.diff.is_some() {
        lines.extend((!open.is_empty()).then(|| EC2_PICKS.to_owned()));
    } else if let Some(most) = open.iter().map(|node| node.asked_types).max() {
        lines.push(ec2_picks(&preview.summary, most, at_most));
    }
    for node in &preview.node_claims {
        for tie in &node.one_of {
            let key = tie.key.rsplit_once('/').map_or(tie.key.as_str(), |(_, last)| last);
            lines.push(format!("{}: {key} is one of {}", node.name, tie.values.join(", ")));
        }
    }
    lines.extend(preview.unresolved.iter().cloned());
    lines
}

const EC2_PICKS: &str = "EC2 picks spot type and zone itself";

fn ec2_picks(summary: &Summary, most: usize, at_most: &str) -> String {
    let price = &summary.price_per_hour;
    let said = EC2_PICKS;
    match (price.low_usd, price.high_usd) {
        (Some(low), Some(high)) if (high - low).abs() < 0.000_05 => said.to_owned(),
        (Some(low), Some(high)) => {
            format!("{said}: total {} to {}", money::per_hour(low), money::per_hour(high))
        }
        (None, Some(high)) => {
            format!("{said}, from up to {most} types: total {at_most}{}", money::per_hour(high))
        }
        (_, None) => format!("{said}, from up to {most} types; some have no known price"),
    }
}
