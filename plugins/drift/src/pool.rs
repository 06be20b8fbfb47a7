//! A NodePool: what its budgets allow and when its NodeClaims roll.

use jiff::Timestamp;
use karp_core::disruption::ClusterState;
use karp_core::disruption::budgets::{
    Allowance, Decider, DisruptionReason, InUse, PoolNodes, UNLIMITED, allowance, applies, arithmetic,
    budgets, hours, is_active, timeline,
};
use karp_core::disruption::roll::{InUseNow, Roll, drain_seconds, ready_seconds, roll};
use karp_core::model::{Budget, GoDuration, NodePool, resource_name};

use crate::claim::claim_report;
use crate::drift::HORIZON;
use crate::found::{Found, drifted_since, ends_at, roll_order};
use crate::report::{ClaimReport, InUseBy, Opening, PoolDrift};
use crate::words;

/// A NodePool and its NodeClaims, drifted ones first in the order in which they roll.
pub(crate) fn pool_report(
    cluster: &ClusterState<'_>,
    name: &str,
    members: &[&Found<'_>],
    nodes: &PoolNodes,
) -> (Option<PoolDrift>, Vec<ClaimReport>) {
    let now = cluster.now();
    let pool = cluster.snapshot.objects.node_pools.iter().find(|pool| pool.name() == name);
    let mut drifted: Vec<&Found<'_>> =
        members.iter().copied().filter(|found| found.drift.is_drifted()).collect();
    drifted.sort_by_key(|found| roll_order(cluster, found));
    let (open, held): (Vec<&Found<'_>>, Vec<&Found<'_>>) =
        drifted.into_iter().partition(|found| found.counting().next().is_none());
    let Some(pool) = pool else {
        let reports = held.iter().chain(&open).map(|found| claim_report(cluster, found, None, None));
        let rest = members.iter().filter(|found| !found.drift.is_drifted());
        return (None, reports.chain(rest.map(|found| claim_report(cluster, found, None, None))).collect());
    };
    // Whatever is held back for a while rolls after the others; whatever is held for good never does.
    let (later, never): (Vec<&Found<'_>>, Vec<&Found<'_>>) =
        held.into_iter().partition(|found| !found.never());
    let rolling: Vec<&Found<'_>> = open.iter().chain(&later).copied().collect();
    let round = round_seconds(cluster, name, &rolling);
    let until = HORIZON.after(now);
    let steps = timeline(pool, DisruptionReason::Drifted, nodes.total, now, until);
    let rolled = roll(&steps, in_use_now(nodes), rolling.len(), GoDuration::from_seconds(round), until);
    let mut reports: Vec<ClaimReport> = Vec::new();
    for (position, found) in rolling.iter().enumerate() {
        let ends = found.counting().map(ends_at).try_fold(now, |latest, end| end.map(|end| latest.max(end)));
        let rolls = rolled.starts.get(position).zip(ends).map(|(start, end)| (*start).max(end));
        reports.push(claim_report(cluster, found, Some(position + 1), rolls));
    }
    reports.extend(never.iter().map(|found| claim_report(cluster, found, None, None)));
    let rest = members.iter().filter(|found| !found.drift.is_drifted());
    reports.extend(rest.map(|found| claim_report(cluster, found, None, None)));
    let summary = pool_summary(pool, nodes, members, &rolled, round, &steps);
    let mut summary = PoolDrift { never: never.len(), oldest: oldest(members), ..summary };
    if let Some(limit) = full_static_pool(cluster, pool, members.len()) {
        summary.arithmetic = format!("static, limits.nodes {limit} is reached: no room for a replacement");
        (summary.opens, summary.done_by, summary.rounds) = (None, None, 0);
        reports.iter_mut().for_each(|claim| claim.rolls = None);
    }
    (Some(summary), reports)
}

/// The node limit of a static NodePool that is reached: nothing can be staged, unless a gate lets nodes go first.
fn full_static_pool(cluster: &ClusterState<'_>, pool: &NodePool, nodes: usize) -> Option<i64> {
    let limit = pool.spec.limits.get(resource_name::NODES).filter(|_| pool.is_static())?.value();
    let terminates_first = cluster.snapshot.rules.tells_static_node_limit()
        && cluster.snapshot.controller.gate("TerminateFirstDrift");
    (nodes as i64 >= limit && !terminates_first).then_some(limit)
}

fn oldest(members: &[&Found<'_>]) -> Option<Timestamp> {
    members.iter().filter(|found| found.drift.is_drifted()).filter_map(|found| drifted_since(found)).min()
}

fn round_seconds(cluster: &ClusterState<'_>, pool: &str, rolling: &[&Found<'_>]) -> i64 {
    let drains = rolling.iter().filter_map(|found| found.node).map(|node| drain_seconds(cluster, &node));
    ready_seconds(cluster, pool) + drains.max().unwrap_or_default()
}

fn in_use_now(nodes: &PoolNodes) -> InUseNow {
    let staying = nodes.in_use.iter().filter(|(_, why)| *why == InUse::NotReady).count() as i64;
    InUseNow { staying, leaving: nodes.in_use.len() as i64 - staying }
}

fn pool_summary(
    pool: &NodePool,
    nodes: &PoolNodes,
    members: &[&Found<'_>],
    rolled: &Roll,
    round: i64,
    steps: &[(Timestamp, Allowance)],
) -> PoolDrift {
    let now = steps.first().map(|(from, _)| *from).unwrap_or_default();
    let current = allowance(pool, DisruptionReason::Drifted, nodes.total, now);
    let finite = |allowed: i64| (allowed < UNLIMITED).then_some(allowed);
    let all = budgets(pool);
    let decider = match current.decided_by {
        Decider::Budget(position) | Decider::Invalid(position, _) => all.get(position),
        Decider::Nothing => None,
    };
    let reason = match (&current.decided_by, decider.and_then(hours)) {
        (Decider::Nothing, _) => "none",
        (Decider::Invalid(..), _) => "invalid",
        (Decider::Budget(_), Some(_)) => "schedule",
        (Decider::Budget(_), None) => "budget",
    };
    let later = rolled.opens.filter(|opens| *opens > now);
    let then = later.map(|opens| allowance(pool, DisruptionReason::Drifted, nodes.total, opens));
    PoolDrift {
        name: pool.metadata.name.clone(),
        claims: members.len(),
        drifted: members.iter().filter(|found| found.drift.is_drifted()).count(),
        never: 0,
        allowed: finite(nodes.left(&current, DisruptionReason::Drifted)).filter(|_| !current.is_unlimited()),
        limit: finite(current.allowed),
        in_use: nodes.in_use.len(),
        in_use_by: nodes
            .in_use
            .iter()
            .map(|(node, why)| InUseBy { node: node.clone(), why: words::in_use(*why) })
            .collect(),
        nodes: nodes.total,
        reason,
        arithmetic: sum(&all, &current, nodes.total),
        then: then.filter(|then| *then != current).map(|then| sum(&all, &then, nodes.total)),
        other_budgets: other_budgets(&all, now),
        opens: rolled.opens,
        done_by: rolled.done_by.filter(|_| !rolled.starts.is_empty()),
        rounds: rolled.rounds,
        round_seconds: round,
        openings: steps
            .iter()
            .map(|(from, step)| Opening { from: *from, allowed: finite(step.allowed) })
            .collect(),
        oldest: None,
        is_static: pool.is_static(),
    }
}

/// What an allowance comes from: `10% of 12 = 2`, `budget "0" Mon-Fri 06:00-22:00 UTC`.
fn sum(all: &[Budget], allowance: &Allowance, nodes: usize) -> String {
    match &allowance.decided_by {
        Decider::Nothing => "unlimited: no budget covers Drifted".to_owned(),
        Decider::Invalid(position, problem) => {
            let written = all.get(*position).map(|budget| budget.nodes.as_str()).unwrap_or_default();
            format!("budget {written:?} cannot be read, so 0 for every reason: {problem}")
        }
        Decider::Budget(position) => {
            let Some(budget) = all.get(*position) else { return allowance.allowed.to_string() };
            match hours(budget) {
                None if budget.nodes.ends_with('%') => arithmetic(budget, nodes),
                None => format!("budget {:?}", budget.nodes),
                Some(hours) if budget.nodes.ends_with('%') => {
                    format!("budget {:?} {hours} ({})", budget.nodes, arithmetic(budget, nodes))
                }
                Some(hours) => format!("budget {:?} {hours}", budget.nodes),
            }
        }
    }
}

/// Budgets that do not count for Drifted at this moment: those of other reasons, and those outside their hours.
fn other_budgets(all: &[Budget], now: Timestamp) -> Vec<String> {
    let mut texts = Vec::new();
    for budget in all {
        if !applies(budget, DisruptionReason::Drifted) {
            let reasons = budget.reasons.as_deref().unwrap_or_default();
            let reasons = if reasons.is_empty() { "no reason".to_owned() } else { reasons.join(", ") };
            texts.push(format!("{:?} only for {reasons}", budget.nodes));
        } else if is_active(budget, now) == Ok(false)
            && let Some(hours) = hours(budget)
        {
            texts.push(format!("{:?} only {hours}", budget.nodes));
        }
    }
    texts
}
