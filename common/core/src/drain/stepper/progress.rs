//! What the stepper remembers between two looks: when to try again, and since when it waits. Losing it loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;

use super::{Answer, NodeState, Owner, Stepper, Target, Waiting, later};
use crate::drain::view::View;

/// Longest pause between two attempts at a pod.
const LONGEST_PAUSE_SECONDS: i64 = 5;

#[derive(Debug, Clone, Default)]
pub(super) struct PodProgress {
    pub(super) attempts: u32,
    pub(super) not_before: Option<Timestamp>,
    pub(super) last: String,
    pub(super) never: bool,
}

#[derive(Debug, Clone)]
pub(super) struct NodeProgress {
    pub(super) name: CompactString,
    pub(super) uid: CompactString,
    pub(super) state: NodeState,
    /// Pods there were when its turn came; later ones count only if the cordon should have kept them away.
    pub(super) first: Option<BTreeSet<CompactString>>,
    pub(super) started: Option<Timestamp>,
    pub(super) settled_since: Option<Timestamp>,
    pub(super) pods: BTreeMap<CompactString, PodProgress>,
    /// Controllers of the pods that went.
    pub(super) owners: BTreeMap<CompactString, Owner>,
    pub(super) total: usize,
}

impl Stepper {
    /// How the request for a pod went.
    pub fn answered(&mut self, pod: &Target, answer: &Answer, now: Timestamp) {
        let Some(node) = self.nodes.iter_mut().find(|node| node.name == pod.node) else { return };
        let progress = node.pods.entry(pod.uid.clone()).or_default();
        progress.attempts += 1;
        let pause = (1_i64 << progress.attempts.min(3)) / 2;
        let after = |seconds: i64| Some(later(now, seconds));
        (progress.not_before, progress.last) = match answer {
            // It terminates, or is gone, or another one has its name: the next look tells.
            Answer::Accepted => (after(1), "accepted".to_owned()),
            Answer::Gone => (None, String::new()),
            Answer::Conflict => (after(1), String::new()),
            Answer::NotNow { retry_after_seconds, message } => {
                let advised = retry_after_seconds.unwrap_or(0).clamp(0, 60);
                (after(advised.max(pause.min(LONGEST_PAUSE_SECONDS))), message.clone())
            }
            Answer::Unknown { message } => (after(pause.min(LONGEST_PAUSE_SECONDS)), message.clone()),
            Answer::Never { message } => {
                progress.never = true;
                (None, message.clone())
            }
        };
    }

    /// How the request for a node went: cordon, journal, NodeClaim, placeholders (for those `node` is empty).
    pub fn node_answered(&mut self, node: &str, answer: &Answer, now: Timestamp) {
        let entry = self.requests.entry(node.into()).or_insert((0, now));
        match answer {
            Answer::Accepted | Answer::Gone | Answer::Conflict => *entry = (0, now),
            Answer::NotNow { retry_after_seconds, .. } => {
                *entry = (entry.0 + 1, later(now, retry_after_seconds.unwrap_or(1).clamp(1, 60)));
            }
            Answer::Unknown { .. } => {
                let pause = (1_i64 << entry.0.min(3)).min(LONGEST_PAUSE_SECONDS);
                *entry = (entry.0 + 1, later(now, pause));
            }
            Answer::Never { message } => {
                if let Some(found) = self.nodes.iter_mut().find(|found| found.name == node) {
                    found.state = NodeState::Failed(message.clone());
                } else {
                    self.nodes.iter_mut().filter(|found| found.state == NodeState::ToDo).for_each(|found| {
                        found.state = NodeState::Failed(message.clone());
                    });
                }
            }
        }
    }

    /// What nodes without pods still wait for: controllers with fewer Ready pods than before, and attached volumes;
    /// for people.
    pub fn unsettled(&self, view: &View) -> (Vec<String>, Vec<CompactString>) {
        let (mut owners, mut volumes) = (Vec::new(), Vec::new());
        for (position, node) in self.nodes.iter().enumerate() {
            if node.state == NodeState::Settling {
                owners.extend(self.behind(position, view));
                let seen = view.nodes.get(&node.name).and_then(|seen| seen.attached.clone());
                volumes.extend(seen.unwrap_or_default());
            }
        }
        (owners, volumes)
    }

    /// Pods that are still there, and why; for people.
    pub fn waiting(&self, view: &View) -> Vec<Waiting> {
        let mut found = Vec::new();
        for node in self.nodes.iter().filter(|node| node.state == NodeState::Draining) {
            let Some(seen) = view.nodes.get(&node.name) else { continue };
            for pod in self.leaving(node, seen, view.now) {
                let progress = node.pods.get(&pod.metadata.uid).cloned().unwrap_or_default();
                let why = match pod.metadata.deletion_timestamp {
                    Some(end) => {
                        format!("terminating, {}s left", (end.as_second() - view.now.as_second()).max(0))
                    }
                    None if progress.last.is_empty() => "its turn comes".to_owned(),
                    None => progress.last,
                };
                let again = progress.not_before.map_or(0, |at| at.as_second() - view.now.as_second());
                found.push(Waiting {
                    node: node.name.clone(),
                    namespace: pod.metadata.namespace.clone(),
                    name: pod.metadata.name.clone(),
                    why,
                    attempts: progress.attempts,
                    again_in_seconds: again.max(0),
                });
            }
        }
        found
    }
}
