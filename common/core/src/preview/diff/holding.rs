//! What holds drifted nodes back: blockers of each node, budgets of each NodePool, and how long it takes.

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};

use super::report::{BlockedRow, PoolRow};
use crate::disruption::ClusterState;
use crate::disruption::blockers::{Blocker, DisruptionClass, blockers, overrides_pods};
use crate::disruption::budgets::{
    Allowance, Decider, DisruptionReason, InUse, PoolNodes, allowance, arithmetic, budgets, timeline,
};
use crate::disruption::roll::{InUseNow, drain_seconds, ready_seconds, roll};
use crate::model::{GoDuration, NodePool, StateNode};

/// How far ahead we look for a budget to open.
const HORIZON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Seconds from the end of a drain until the instance has begun to terminate.
const TERMINATION_SECONDS: i64 = 30;

/// What is in the way of a node's drift.
pub(super) fn blocked_rows(cluster: &ClusterState<'_>, node: &StateNode<'_>) -> Vec<BlockedRow> {
    let overridden = overrides_pods(node, DisruptionClass::Eventual);
    blockers(cluster, node)
        .into_iter()
        .filter(|blocker| !(overridden && blocker.is_about_pods()))
        .map(|blocker| {
            let (object, text) = words(&blocker);
            BlockedRow {
                node: node.name().into(),
                node_claim: node.node_claim.map(|claim| claim.metadata.name.clone()).unwrap_or_default(),
                code: blocker.code().to_owned(),
                cause: blocker.cause().unwrap_or_default().to_owned(),
                object,
                text,
                permanent: blocker.is_permanent(),
            }
        })
        .collect()
}

/// What holds it, and what is wrong.
fn words(blocker: &Blocker) -> (String, String) {
    match blocker {
        Blocker::Pdb { namespace, pdb, healthy: (has, needs), .. } => {
            (format!("pdb/{pdb} -n {namespace}"), format!("allows 0 ({has} of {needs} healthy)"))
        }
        Blocker::SeveralPdbs { namespace, pod, pdbs } => (
            format!("pod/{pod} -n {namespace}"),
            format!("has {} PDBs ({}): never evicted", pdbs.len(), pdbs.join(", ")),
        ),
        Blocker::PodDoNotDisrupt { namespace, name, until, value } => {
            let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
            (format!("pod/{name} -n {namespace}"), format!("has do-not-disrupt {value}{until}"))
        }
        Blocker::NodeDoNotDisrupt => (String::new(), "carries karpenter.sh/do-not-disrupt".to_owned()),
        other => (String::new(), other.message()),
    }
}

/// How many of a NodePool's nodes drift.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) drifted: usize,
    pub(super) already: usize,
    pub(super) never: usize,
}

/// Budget and time of one NodePool. Budgets are those of the edited NodePool: they hold from the edit on.
pub(super) fn pool_row(
    pool: &NodePool,
    nodes: &PoolNodes,
    counts: Counts,
    round_seconds: i64,
    now: Timestamp,
) -> PoolRow {
    let reason = DisruptionReason::Drifted;
    let until = now.checked_add(HORIZON).unwrap_or(now);
    let steps = timeline(pool, reason, nodes.total, now, until);
    let count = |kind: fn(&InUse) -> bool| {
        i64::try_from(nodes.in_use.iter().filter(|(_, why)| kind(why)).count()).unwrap_or(i64::MAX)
    };
    let in_use = InUseNow {
        leaving: count(|why| *why != InUse::NotReady),
        staying: count(|why| *why == InUse::NotReady),
    };
    let rolling = counts.drifted.saturating_sub(counts.never);
    let rolls = roll(&steps, in_use, rolling, GoDuration::from_seconds(round_seconds), until);
    let current = allowance(pool, reason, nodes.total, now);
    let left = |allowance: &Allowance| nodes.left(allowance, reason);
    let opening = steps.iter().map(|(_, step)| step).find(|step| left(step) > 0);
    PoolRow {
        name: pool.metadata.name.clone(),
        nodes: nodes.total,
        drifted: counts.drifted,
        drifted_already: counts.already,
        never: counts.never,
        allowed: (!current.is_unlimited()).then(|| left(&current)),
        arithmetic: sum(pool, opening.unwrap_or(&current), nodes),
        opens: rolls.opens.filter(|opens| *opens > now),
        never_opens: opening.is_none(),
        at_once: opening.map_or(0, left),
        rounds: rolls.rounds,
        round_seconds,
        done_by: rolls.done_by.filter(|_| rolling > 0),
    }
}

/// `10% of 17 = 2`, and what of it is in use.
fn sum(pool: &NodePool, allowance: &Allowance, nodes: &PoolNodes) -> String {
    let text = match &allowance.decided_by {
        Decider::Nothing => return String::new(),
        Decider::Budget(position) => {
            budgets(pool).get(*position).map(|budget| arithmetic(budget, nodes.total)).unwrap_or_default()
        }
        Decider::Invalid(position, problem) => return format!("{position} cannot be read ({problem}): 0"),
    };
    match nodes.used(DisruptionReason::Drifted) {
        0 => text,
        used => format!("{text}, {used} in use"),
    }
}

/// About how long one round takes: the replacement gets ready, the slowest node drains, its instance ends.
pub(super) fn round_seconds(cluster: &ClusterState<'_>, pool: &str, leaving: &[CompactString]) -> i64 {
    let longest = cluster
        .nodes
        .iter()
        .filter(|node| leaving.iter().any(|name| name == node.name()))
        .map(|node| drain_seconds(cluster, node))
        .max()
        .unwrap_or(0);
    ready_seconds(cluster, pool) + longest + TERMINATION_SECONDS
}
