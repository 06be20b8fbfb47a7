//! The machine behind a drain: shown what is there, it answers what to do next.
//!
//! It decides from the [`View`] alone; its memory only says when to try again and since when. A run that is killed at
//! any point is continued by a new stepper that is shown the same cluster. What was asked for and what became of it
//! are two things: a pod counts as gone when it is not in the view any more, never because a request was answered.
//!
//! Here the order of things: all nodes are cordoned, room is made ([`room`]), nodes go through a window ([`node`]).
//! [`step`] is the language, [`progress`] the memory.

mod node;
mod progress;
mod room;
mod step;

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;

use node::NodeStep;
use progress::NodeProgress;

pub use step::{Answer, NodeState, Owner, Step, StopReason, Target, Waiting};

use super::filter::{DaemonSets, filter};
use super::journal::{Journal, Phase};
use super::options::DrainOptions;
use super::report::DrainPlan;
use super::view::{NodeView, View};
use crate::model::{Pod, Taint, tolerates_all};

/// Seconds between two looks while nothing is due.
const LOOK_EVERY_SECONDS: i64 = 1;

/// The machine. See the module.
#[derive(Debug, Clone)]
pub struct Stepper {
    id: CompactString,
    options: DrainOptions,
    daemon_sets: DaemonSets,
    nodes: Vec<NodeProgress>,
    ready_before: BTreeMap<CompactString, usize>,
    /// Whether journals of earlier runs were read.
    recalled: bool,
    surged: Option<Vec<CompactString>>,
    surge_ready: bool,
    surge_since: Option<Timestamp>,
    /// When placeholders were asked for last.
    surge_asked: Option<Timestamp>,
    stop: bool,
    requests: BTreeMap<CompactString, (u32, Timestamp)>,
}

impl Stepper {
    /// For the nodes of a plan. `ready_before` are Ready pods by uid of their controller, before anything is done.
    pub fn new(
        plan: &DrainPlan,
        daemon_sets: DaemonSets,
        ready_before: BTreeMap<CompactString, usize>,
    ) -> Self {
        let nodes = plan
            .nodes
            .iter()
            .map(|node| NodeProgress {
                name: node.name.clone(),
                uid: node.uid.clone(),
                state: NodeState::ToDo,
                first: None,
                started: None,
                settled_since: None,
                pods: BTreeMap::new(),
                owners: BTreeMap::new(),
                total: 0,
            })
            .collect();
        Self {
            id: plan.id.as_str().into(),
            options: plan.options.clone(),
            daemon_sets,
            nodes,
            ready_before,
            recalled: false,
            surged: None,
            surge_ready: !plan.options.surge,
            surge_since: None,
            surge_asked: None,
            stop: false,
            requests: BTreeMap::new(),
        }
    }

    /// Asks for a stop: the next step is the last.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// Whether the next view must count Ready pods by controller.
    pub fn wants_replacements(&self) -> bool {
        !self.wants_attachments().is_empty()
    }

    /// Controllers whose pods must be Ready again; the next view tells how many they have, and how many they want.
    pub fn awaited(&self) -> Vec<&Owner> {
        let settling = self.nodes.iter().filter(|node| node.state == NodeState::Settling);
        settling.flat_map(|node| node.owners.values()).collect()
    }

    /// Nodes of which the next view must tell the volumes that are still attached.
    pub fn wants_attachments(&self) -> Vec<CompactString> {
        let settling = self.nodes.iter().filter(|node| node.state == NodeState::Settling);
        settling.map(|node| node.name.clone()).collect()
    }

    /// Whether the next view must count placeholders.
    pub fn wants_surge(&self) -> bool {
        self.surged.is_some() && !self.surge_ready
    }

    /// Nodes whose pods the next view must list; those whose turn has not come need none.
    pub fn wants_pods(&self) -> Vec<CompactString> {
        let surging = self.options.surge && !self.surge_ready;
        let begun = |node: &&NodeProgress| match node.state {
            NodeState::Draining | NodeState::Settling => true,
            NodeState::ToDo => true,
            NodeState::Deleting => false,
            NodeState::Done | NodeState::Failed(_) => false,
        };
        let window = self.options.max_unavailable.max(1);
        let nodes = self.nodes.iter().filter(begun);
        let chosen: Vec<CompactString> = nodes.map(|node| node.name.clone()).collect();
        if surging { chosen } else { chosen.into_iter().take(window).collect() }
    }

    /// Name and state of every node, in order.
    pub fn states(&self) -> impl Iterator<Item = (&CompactString, &NodeState)> {
        self.nodes.iter().map(|node| (&node.name, &node.state))
    }

    /// Pods of a node that had to go, once its turn came.
    pub fn total(&self, node: &str) -> usize {
        self.nodes.iter().find(|found| found.name == node).map_or(0, |found| found.total)
    }

    /// What to do next.
    pub fn step(&mut self, view: &View) -> Step {
        if self.stop {
            return Step::Stop(StopReason::Interrupted);
        }
        self.note_gone(view);
        self.recall(view);
        if let Some(step) = self.cordon(view) {
            return step;
        }
        if let Some(step) = self.make_room(view) {
            return step;
        }
        let window = self.options.max_unavailable.max(1);
        let mut active = 0;
        let mut wait = LOOK_EVERY_SECONDS;
        let mut evictions: Vec<Target> = Vec::new();
        for position in 0..self.nodes.len() {
            if active == window {
                break;
            }
            if matches!(self.nodes[position].state, NodeState::Done | NodeState::Failed(_)) {
                continue;
            }
            active += 1;
            match self.node_step(position, view) {
                NodeStep::Do(step) => return step,
                NodeStep::Evict(pods) => evictions.extend(pods),
                NodeStep::Wait(seconds) => wait = wait.min(seconds),
                NodeStep::Over => return Step::Wait { seconds: 0 },
            }
        }
        if !evictions.is_empty() {
            return match self.options.disable_eviction {
                true => Step::Delete { pods: evictions },
                false => Step::Evict { pods: evictions },
            };
        }
        if active > 0 {
            return Step::Wait { seconds: wait };
        }
        match self.nodes.iter().any(|node| matches!(node.state, NodeState::Failed(_))) {
            true => Step::Stop(StopReason::NodesFailed),
            false => Step::Done,
        }
    }

    /// A node that is gone, or was replaced, needs nothing more.
    fn note_gone(&mut self, view: &View) {
        for node in &mut self.nodes {
            let there = view.nodes.get(&node.name).is_some_and(|seen| seen.uid == node.uid);
            if !there && !matches!(node.state, NodeState::Done | NodeState::Failed(_)) {
                node.state = NodeState::Done;
            }
        }
    }

    /// What an earlier run wrote down of its controllers, before it asked the first pod to go.
    fn recall(&mut self, view: &View) {
        if self.recalled {
            return;
        }
        self.recalled = true;
        // A node that takes pods was uncordoned since, and its journal is of a drain that nobody goes on with.
        let cordoned = view.nodes.values().filter(|seen| seen.unschedulable);
        for owner in cordoned.filter_map(|seen| seen.journal.as_ref()).flat_map(|journal| &journal.awaits) {
            let known = self.ready_before.entry(owner.uid.clone()).or_default();
            *known = owner.ready_before.max(*known);
        }
    }

    /// All targets first, as kubectl does.
    fn cordon(&mut self, view: &View) -> Option<Step> {
        let mut blocked = None;
        for node in self.nodes.iter().filter(|node| node.state == NodeState::ToDo) {
            let Some(seen) = view.nodes.get(&node.name) else { continue };
            if seen.unschedulable && seen.journal.is_some() {
                continue;
            }
            if let Some(seconds) = self.pause_of(&node.name, view.now) {
                blocked = Some(Step::Wait { seconds });
                continue;
            }
            // A journal on a node that takes pods: somebody uncordoned it by hand, and this drain is a new one.
            let journal =
                seen.journal.clone().filter(|journal| journal.phase == Phase::Deleting).unwrap_or(Journal {
                    version: Journal::VERSION,
                    id: self.id.clone(),
                    since: view.now,
                    was_unschedulable: seen.unschedulable,
                    phase: Phase::Cordoned,
                    awaits: Vec::new(),
                });
            return Some(Step::Cordon { node: node.name.clone(), uid: node.uid.clone(), journal });
        }
        blocked
    }

    fn pause_of(&self, request: &str, now: Timestamp) -> Option<i64> {
        let (_, until) = self.requests.get(request)?;
        let left = until.as_second() - now.as_second();
        (left > 0).then_some(left)
    }

    fn target(&self, node: &CompactString, pod: &Pod) -> Target {
        Target {
            node: node.clone(),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            grace_seconds: self.options.grace_seconds,
        }
    }

    /// Pods that must be gone before the node counts as drained, by namespace and name.
    fn leaving<'v>(&self, node: &NodeProgress, seen: &'v NodeView, now: Timestamp) -> Vec<&'v Pod> {
        let mut pods: Vec<&Pod> = seen
            .pods
            .iter()
            .flatten()
            .filter(|pod| filter(pod, &self.options, &self.daemon_sets, now).skip.is_none())
            .filter(|pod| {
                // What tolerates the cordon may come back for ever: it is asked once.
                let known = node.first.as_ref().is_none_or(|first| first.contains(&pod.metadata.uid));
                known || !tolerates_cordon(pod)
            })
            .collect();
        pods.sort_by(|a, b| {
            (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
        });
        pods
    }
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    crate::model::GoDuration::from_seconds(seconds).after(now)
}

fn tolerates_cordon(pod: &Pod) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".into(),
        value: None,
        effect: "NoSchedule".into(),
        time_added: None,
    };
    tolerates_all(std::slice::from_ref(&taint), &pod.spec.tolerations)
}
