//! When drifted nodes roll: budgets over time, rounds, and how long a round takes.
//!
//! An estimate of our own: Karpenter plans nothing ahead. A round takes what the budget leaves; it lasts until the
//! replacement is ready, the old node is drained and its instance has begun to terminate.

use jiff::Timestamp;

use super::budgets::Allowance;
use super::cluster_state::ClusterState;
use super::eviction::grace_seconds;
use crate::model::{GoDuration, NodeClaim, Pod, StateNode, condition};
use crate::sim::pods;

/// When a number of nodes of one NodePool go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// First moment at which the budget lets one go; none = not within the time looked at.
    pub opens: Option<Timestamp>,
    /// When the last is gone, about; none = not within the time looked at.
    pub done_by: Option<Timestamp>,
    /// Rounds it takes.
    pub rounds: usize,
    /// When each node begins, in order; shorter than the number of nodes where time runs out.
    pub starts: Vec<Timestamp>,
}

/// Budget that is in use now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InUseNow {
    /// By nodes that will be gone after about a round: deleting or rebooting.
    pub leaving: i64,
    /// By nodes that stay as they are: NotReady.
    pub staying: i64,
}

/// Walks an allowance over time ([`super::budgets::timeline`], which begins now) for `nodes` nodes.
pub fn roll(
    timeline: &[(Timestamp, Allowance)],
    in_use: InUseNow,
    nodes: usize,
    round: GoDuration,
    until: Timestamp,
) -> Roll {
    let mut found = Roll { opens: None, done_by: None, rounds: 0, starts: Vec::new() };
    let Some((now, _)) = timeline.first() else { return found };
    let released = round.after(*now);
    let left_at = |moment: Timestamp| {
        let step = timeline.iter().rev().find(|(from, _)| *from <= moment);
        let used = in_use.staying + if moment < released { in_use.leaving } else { 0 };
        step.map_or(0, |(_, allowance)| (allowance.allowed - used).max(0))
    };
    let next_change = |moment: Timestamp| {
        let steps = timeline.iter().map(|(from, _)| *from).filter(|from| *from > moment);
        steps.chain((released > moment).then_some(released)).min()
    };
    let mut moment = *now;
    while found.starts.len() < nodes && moment < until {
        let left = left_at(moment);
        if left == 0 {
            match next_change(moment) {
                Some(change) => moment = change,
                None => return found,
            }
            continue;
        }
        found.opens.get_or_insert(moment);
        let batch = (nodes - found.starts.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        found.starts.extend(std::iter::repeat_n(moment, batch));
        found.rounds += 1;
        moment = round.after(moment);
    }
    if found.starts.len() == nodes {
        found.done_by = Some(moment);
        if nodes == 0 {
            found.opens = (left_at(*now) > 0).then_some(*now);
        }
    }
    found
}

/// What is assumed where nothing can be measured, in seconds.
const READY_SECONDS: i64 = 90;
const RESTART_SECONDS: i64 = 30;
const DETACH_SECONDS: i64 = 30;
/// A drain is never shorter.
const LEAST_DRAIN_SECONDS: i64 = 5;

/// How long a new node takes from its NodeClaim to being ready for pods: the median of those of the NodePool, else
/// of the cluster, else 90 s.
pub fn ready_seconds(cluster: &ClusterState<'_>, node_pool: &str) -> i64 {
    let seconds = |claim: &NodeClaim| {
        let initialized =
            condition(&claim.status.conditions, "Initialized").filter(|one| one.status == "True")?;
        let end = initialized.last_transition_time?;
        Some(end.as_second() - claim.metadata.creation_timestamp?.as_second()).filter(|seconds| *seconds > 0)
    };
    let all = &cluster.snapshot.objects.node_claims;
    let own =
        |claim: &&NodeClaim| claim.metadata.labels.get(crate::model::label_key::NODE_POOL) == Some(node_pool);
    median(all.iter().filter(own).filter_map(seconds).collect())
        .or_else(|| median(all.iter().filter_map(seconds).collect()))
        .unwrap_or(READY_SECONDS)
}

/// How long the drain of a node takes, about: its pods get their grace period; those of one PDB go as many at a time
/// as it allows, and the next waits until a successor is ready.
pub fn drain_seconds(cluster: &ClusterState<'_>, node: &StateNode<'_>) -> i64 {
    let waiting: Vec<&Pod> = cluster
        .pods(node)
        .iter()
        .copied()
        .filter(|pod| pods::is_waiting_eviction(pod, cluster.now()))
        .collect();
    let mut longest = LEAST_DRAIN_SECONDS;
    let mut by_pdb: std::collections::BTreeMap<String, (i64, Vec<&Pod>)> = Default::default();
    for pod in &waiting {
        longest = longest.max(grace_seconds(pod));
        if let [pdb] = cluster.limits.matching(pod)[..] {
            let allowed = i64::from(pdb.status.disruptions_allowed).max(1);
            by_pdb.entry(pdb.metadata.key()).or_insert((allowed, Vec::new())).1.push(pod);
        }
    }
    for (allowed, pods) in by_pdb.values() {
        let rounds = (pods.len() as i64 + allowed - 1) / allowed;
        let grace = pods.iter().map(|pod| grace_seconds(pod)).max().unwrap_or_default();
        // The last round need not wait for its successors.
        longest = longest.max(rounds * grace + (rounds - 1) * restart_seconds(pods));
    }
    let detaches = waiting.iter().any(|pod| {
        pod.spec
            .volumes
            .iter()
            .any(|volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some())
    });
    longest + if detaches { DETACH_SECONDS } else { 0 }
}

/// Seconds from a pod's start to Ready: the median of these pods, at most five minutes.
fn restart_seconds(pods: &[&Pod]) -> i64 {
    let seconds = |pod: &&Pod| {
        let ready = condition(&pod.status.conditions, "Ready").filter(|ready| ready.status == "True")?;
        let seconds = ready.last_transition_time?.as_second() - pod.status.start_time?.as_second();
        (0..=300).contains(&seconds).then_some(seconds)
    };
    median(pods.iter().filter_map(seconds).collect()).unwrap_or(RESTART_SECONDS)
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disruption::budgets::{Decider, UNLIMITED};

    fn at(minutes: i64) -> Timestamp {
        GoDuration::from_seconds(minutes * 60).after(Timestamp::UNIX_EPOCH)
    }

    fn step(minutes: i64, allowed: i64) -> (Timestamp, Allowance) {
        (at(minutes), Allowance { allowed, decided_by: Decider::Budget(0) })
    }

    fn show(timeline: &[(Timestamp, Allowance)], in_use: InUseNow, nodes: usize) -> String {
        let roll = roll(timeline, in_use, nodes, GoDuration::from_seconds(300), at(7 * 24 * 60));
        let minutes = |moment: Option<Timestamp>| {
            moment.map_or("never".to_owned(), |moment| (moment.as_second() / 60).to_string())
        };
        format!("opens {} done {} rounds {}", minutes(roll.opens), minutes(roll.done_by), roll.rounds)
    }

    #[test]
    fn rounds_of_what_the_budget_leaves() {
        let free = InUseNow::default();
        assert_eq!(show(&[step(0, 2)], free, 11), "opens 0 done 30 rounds 6");
        assert_eq!(show(&[step(0, UNLIMITED)], free, 11), "opens 0 done 5 rounds 1");
        assert_eq!(show(&[step(0, 0)], free, 11), "opens never done never rounds 0");
        assert_eq!(show(&[step(0, 0), step(60, 2)], free, 3), "opens 60 done 70 rounds 2");
        // The window closes after two rounds and opens again.
        assert_eq!(show(&[step(0, 1), step(9, 0), step(100, 1)], free, 3), "opens 0 done 105 rounds 3");
        assert_eq!(show(&[step(0, 1)], free, 0), "opens 0 done 0 rounds 0");
    }

    #[test]
    fn nodes_that_leave_free_their_share_nodes_that_stay_do_not() {
        assert_eq!(show(&[step(0, 1)], InUseNow { leaving: 1, staying: 0 }, 2), "opens 5 done 15 rounds 2");
        assert_eq!(
            show(&[step(0, 1)], InUseNow { leaving: 0, staying: 3 }, 2),
            "opens never done never rounds 0"
        );
        assert_eq!(
            show(&[step(0, 1), step(60, 4)], InUseNow { leaving: 0, staying: 3 }, 1),
            "opens 60 done 65 rounds 1"
        );
    }
}
