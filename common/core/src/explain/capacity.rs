//! Launches that failed for want of capacity: what the controller said of them, since the simulation cannot know
//! which offerings EC2 has just run out of.
//!
//! Karpenter: pkg/controllers/nodeclaim/lifecycle/launch.go: the NodeClaim is deleted at once, its offerings count as
//! gone for three minutes, and the pods are planned anew.

use super::report::{Group, Next};
use super::words;
use crate::model::{Event, Pod, Snapshot};

const REASON: &str = "InsufficientCapacityError";

/// Events older than this are of another time.
const RECENT_SECONDS: i64 = 1800;

/// Notes that launches for a pod's NodePool failed lately.
pub(super) fn note_shortage(group: &mut Group, pod: &Pod, node_pool: &str, snapshot: &Snapshot) {
    let is_ours = |event: &&Event| {
        let about = &event.involved_object;
        let of_pod = about.kind == "Pod"
            && about.name == pod.metadata.name
            && about.namespace == pod.metadata.namespace;
        let of_pool = about.kind == "NodeClaim"
            && about.name.strip_prefix(node_pool).is_some_and(|rest| {
                // A NodeClaim is named after its NodePool with five letters or digits.
                rest.strip_prefix('-').is_some_and(|suffix| suffix.len() == 5)
            });
        event.reason == REASON && (of_pod || of_pool)
    };
    let age = |event: &Event| {
        event.last_seen().map(|seen| (snapshot.taken_at.as_second() - seen.as_second()).max(0))
    };
    let recent: Vec<(i64, &Event)> = snapshot
        .objects
        .events
        .iter()
        .filter(is_ours)
        .filter_map(|event| Some((age(event)?, event)))
        .filter(|(age, _)| *age <= RECENT_SECONDS)
        .collect();
    let Some((age, last)) = recent.iter().min_by_key(|(age, _)| *age) else { return };
    let times: i64 = recent.iter().map(|(_, event)| event.count.unwrap_or(1)).sum();
    let often = if times > 1 { format!(", {times} times in half an hour") } else { String::new() };
    group.notes.push(format!(
        "a launch of NodePool {node_pool} failed {} ago for want of capacity{often}: {}",
        words::seconds(*age),
        shortened(&last.message)
    ));
    group.next.push(Next {
        text: format!("allow NodePool {node_pool} more instance types, zones or capacity types"),
        command: format!("kubectl edit nodepool/{node_pool}"),
    });
}

fn shortened(message: &str) -> String {
    const SHOWN: usize = 200;
    let cut: String = message.chars().take(SHOWN).collect();
    if cut.len() < message.len() { format!("{cut}...") } else { cut }
}
