//! The machine behind a drain: shown what is there, it answers what to do next.
//!
//! It decides from the [`View`] alone; its memory only says when to try again and since when. A run that is killed at
//! any point is continued by a new stepper that is shown the same cluster. What was asked for and what became of it
//! are two things: a pod counts as gone when it is not in the view any more, never because a request was answered.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;

use super::filter::{DaemonSets, filter};
use super::journal::{Journal, Phase};
use super::options::DrainOptions;
use super::report::DrainPlan;
use super::view::{NodeView, View};
use crate::disruption::eviction::EvictionTier;
use crate::model::{Pod, Taint, tolerates_all};

/// Seconds between two looks while nothing is due.
const LOOK_EVERY_SECONDS: i64 = 1;

/// Longest pause between two attempts at a pod.
const LONGEST_PAUSE_SECONDS: i64 = 5;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Cordon a node and write its journal, in one request that fails where the node changed since it was read.
    Cordon {
        /// The node.
        node: CompactString,
        /// Its uid.
        uid: CompactString,
        /// The journal to write.
        journal: Journal,
    },
    /// Write the journal of a node.
    Mark {
        /// The node.
        node: CompactString,
        /// Its uid.
        uid: CompactString,
        /// The journal to write.
        journal: Journal,
    },
    /// Make placeholders for these pods.
    Surge {
        /// The pods.
        pods: Vec<Target>,
    },
    /// Ask for the eviction of these pods, each with its uid as precondition; they do not depend on each other.
    Evict {
        /// The pods.
        pods: Vec<Target>,
    },
    /// Delete these pods past their PDBs, each with its uid as precondition.
    Delete {
        /// The pods.
        pods: Vec<Target>,
    },
    /// Delete the NodeClaim of a drained node, with its uid as precondition.
    DeleteNodeClaim {
        /// The node.
        node: CompactString,
        /// The NodeClaim.
        name: CompactString,
        /// Its uid.
        uid: CompactString,
    },
    /// Look again after so many seconds.
    Wait {
        /// Seconds.
        seconds: i64,
    },
    /// Stop; what was done stays.
    Stop(StopReason),
    /// Everything is done.
    Done,
}

/// A pod to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The node it is on.
    pub node: CompactString,
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// UID.
    pub uid: CompactString,
    /// Seconds to stop; none = its own.
    pub grace_seconds: Option<i64>,
}

/// Why a drain stops before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it.
    Interrupted,
    /// A node took longer than allowed.
    Timeout {
        /// The node.
        node: CompactString,
    },
    /// Placeholders of `--surge` found no room in time; no pod was asked to go.
    NoRoom {
        /// Placeholders with a Ready node.
        placed: usize,
        /// Placeholders made.
        wanted: usize,
    },
    /// Replacements are not Ready in time; no further node is touched.
    NotReady {
        /// The node whose pods they replace.
        node: CompactString,
        /// Controllers with fewer Ready pods than before, as `namespace/name`.
        owners: Vec<String>,
    },
    /// Some nodes could not be drained.
    NodesFailed,
}

/// How a request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, or accepted.
    Accepted,
    /// The object is not there.
    Gone,
    /// It changed: look again.
    Conflict,
    /// 429: not now.
    NotNow {
        /// What the server advises, in seconds.
        retry_after_seconds: Option<i64>,
        /// Its words.
        message: String,
    },
    /// It will never be allowed: several PDBs, or no right to.
    Never {
        /// The server's words.
        message: String,
    },
    /// Nobody knows whether it was done: connection lost, time-out, 5xx.
    Unknown {
        /// What happened.
        message: String,
    },
}

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeState {
    /// Its turn has not come.
    ToDo,
    /// Its pods are going.
    Draining,
    /// Its pods are gone; their replacements are awaited.
    Settling,
    /// Its NodeClaim is going.
    Deleting,
    /// Done.
    Done,
    /// Given up; the others go on.
    Failed(String),
}

/// Why a pod is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The node.
    pub node: CompactString,
    /// Namespace.
    pub namespace: CompactString,
    /// Name.
    pub name: CompactString,
    /// Why.
    pub why: String,
    /// How often it was asked for.
    pub attempts: u32,
    /// Seconds until it is asked for again.
    pub again_in_seconds: i64,
}

#[derive(Debug, Clone, Default)]
struct PodProgress {
    attempts: u32,
    not_before: Option<Timestamp>,
    last: String,
    never: bool,
}

#[derive(Debug, Clone)]
struct NodeProgress {
    name: CompactString,
    uid: CompactString,
    state: NodeState,
    /// Pods there were when its turn came; later ones count only if the cordon should have kept them away.
    first: Option<BTreeSet<CompactString>>,
    started: Option<Timestamp>,
    settled_since: Option<Timestamp>,
    pods: BTreeMap<CompactString, PodProgress>,
    /// Controllers of the pods that went.
    owners: BTreeMap<CompactString, String>,
    total: usize,
}

/// The machine. See the module.
#[derive(Debug, Clone)]
pub struct Stepper {
    id: CompactString,
    options: DrainOptions,
    daemon_sets: DaemonSets,
    nodes: Vec<NodeProgress>,
    ready_before: BTreeMap<CompactString, usize>,
    surged: Option<Vec<CompactString>>,
    surge_ready: bool,
    surge_since: Option<Timestamp>,
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
            surged: None,
            surge_ready: !plan.options.surge,
            surge_since: None,
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
        self.nodes.iter().any(|node| node.state == NodeState::Settling)
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
            Answer::Gone | Answer::Conflict => (None, String::new()),
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

    /// A node that is gone, or was replaced, needs nothing more.
    fn note_gone(&mut self, view: &View) {
        for node in &mut self.nodes {
            let there = view.nodes.get(&node.name).is_some_and(|seen| seen.uid == node.uid);
            if !there && !matches!(node.state, NodeState::Done | NodeState::Failed(_)) {
                node.state = NodeState::Done;
            }
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
            let journal = seen.journal.clone().unwrap_or(Journal {
                version: Journal::VERSION,
                id: self.id.clone(),
                since: view.now,
                was_unschedulable: seen.unschedulable,
                phase: Phase::Cordoned,
            });
            return Some(Step::Cordon { node: node.name.clone(), uid: node.uid.clone(), journal });
        }
        blocked
    }

    /// With `--surge`: placeholders for all pods that will go, and a wait until they have Ready nodes.
    fn make_room(&mut self, view: &View) -> Option<Step> {
        if self.surge_ready {
            return None;
        }
        if let Some(seconds) = self.pause_of("", view.now) {
            return Some(Step::Wait { seconds });
        }
        let Some(made) = &self.surged else {
            let mut pods = Vec::new();
            for node in self.nodes.iter().filter(|node| node.state == NodeState::ToDo) {
                let Some(seen) = view.nodes.get(&node.name) else { continue };
                if seen.pods.is_none() {
                    return Some(Step::Wait { seconds: 0 });
                }
                let leaving = self.leaving(node, seen, view.now).into_iter();
                let returning = leaving.filter(|pod| pod.metadata.controller().is_some() && pod.is_active());
                pods.extend(returning.map(|pod| self.target(&node.name, pod)));
            }
            return Some(Step::Surge { pods });
        };
        let (_, placed) = view.surge;
        let wanted = made.len();
        if placed >= wanted {
            self.surge_ready = true;
            return None;
        }
        let since = *self.surge_since.get_or_insert(view.now);
        let limit = self.options.wait_ready_seconds;
        if limit > 0 && view.now.as_second() - since.as_second() >= limit {
            return Some(Step::Stop(StopReason::NoRoom { placed, wanted }));
        }
        Some(Step::Wait { seconds: LOOK_EVERY_SECONDS })
    }

    /// Says which placeholders were made.
    pub fn surged(&mut self, pods: Vec<CompactString>) {
        self.surged = Some(pods);
    }

    fn pause_of(&self, request: &str, now: Timestamp) -> Option<i64> {
        let (_, until) = self.requests.get(request)?;
        let left = until.as_second() - now.as_second();
        (left > 0).then_some(left)
    }

    fn node_step(&mut self, position: usize, view: &View) -> NodeStep {
        let name = self.nodes[position].name.clone();
        let Some(seen) = view.nodes.get(&name) else { return NodeStep::Wait(LOOK_EVERY_SECONDS) };
        if let Some(seconds) = self.pause_of(&name, view.now) {
            return NodeStep::Wait(seconds);
        }
        let state = &self.nodes[position].state;
        if seen.pods.is_none() && matches!(state, NodeState::ToDo | NodeState::Draining) {
            return NodeStep::Wait(0);
        }
        match state {
            NodeState::ToDo => self.begin(position, seen, view),
            NodeState::Draining => self.drain(position, seen, view),
            NodeState::Settling => self.settle(position, seen, view),
            NodeState::Deleting => self.end_claim(position, seen),
            NodeState::Done | NodeState::Failed(_) => NodeStep::Over,
        }
    }

    fn begin(&mut self, position: usize, seen: &NodeView, view: &View) -> NodeStep {
        let phase = seen.journal.as_ref().map(|journal| journal.phase);
        if phase == Some(Phase::Deleting) {
            self.nodes[position].state = NodeState::Deleting;
            return self.node_step(position, view);
        }
        let node = &mut self.nodes[position];
        node.started = Some(view.now);
        node.first = Some(seen.pods.iter().flatten().map(|pod| pod.metadata.uid.clone()).collect());
        node.state = NodeState::Draining;
        let total = self.leaving(&self.nodes[position], seen, view.now).len();
        self.nodes[position].total = total;
        match phase {
            Some(Phase::Cordoned) => self.mark(position, seen, Phase::Draining),
            _ => self.drain(position, seen, view),
        }
    }

    fn mark(&self, position: usize, seen: &NodeView, phase: Phase) -> NodeStep {
        let node = &self.nodes[position];
        match &seen.journal {
            Some(journal) if journal.phase != phase => NodeStep::Do(Step::Mark {
                node: node.name.clone(),
                uid: node.uid.clone(),
                journal: Journal { phase, ..journal.clone() },
            }),
            _ => NodeStep::Wait(LOOK_EVERY_SECONDS),
        }
    }

    fn drain(&mut self, position: usize, seen: &NodeView, view: &View) -> NodeStep {
        let leaving: Vec<Pod> =
            self.leaving(&self.nodes[position], seen, view.now).into_iter().cloned().collect();
        if leaving.is_empty() {
            // Drained already in an earlier run: nothing is left to be written.
            let drained = seen.journal.as_ref().is_none_or(|journal| journal.phase >= Phase::Drained);
            if !drained {
                return self.mark(position, seen, Phase::Drained);
            }
            self.nodes[position].state = NodeState::Settling;
            self.nodes[position].settled_since = Some(view.now);
            return match self.nodes[position].owners.is_empty() {
                true => self.settled(position, seen),
                false => NodeStep::Wait(0),
            };
        }
        if let Some(stop) = self.overdue(position, view.now) {
            return NodeStep::Do(stop);
        }
        let tier = leaving.iter().map(EvictionTier::of).min();
        let turn: Vec<&Pod> = leaving.iter().filter(|pod| Some(EvictionTier::of(pod)) == tier).collect();
        let mut due = Vec::new();
        let mut stuck = Vec::new();
        let mut wait = LOOK_EVERY_SECONDS;
        let mut moving = false;
        for pod in turn {
            if let Some(owner) = pod.metadata.controller().filter(|_| is_replaced(pod)) {
                let key = format!("{}/{}", pod.metadata.namespace, owner.name);
                self.nodes[position].owners.insert(owner.uid.clone(), key);
            }
            if pod.metadata.is_deleting() {
                moving = true;
                continue;
            }
            let filtered = filter(pod, &self.options, &self.daemon_sets, view.now);
            if let Some(refusal) = filtered.refusals.first() {
                stuck.push(format!(
                    "pod/{} -n {}: {}",
                    pod.metadata.name,
                    pod.metadata.namespace,
                    refusal.words()
                ));
                continue;
            }
            let progress = self.nodes[position].pods.get(&pod.metadata.uid).cloned().unwrap_or_default();
            if progress.never {
                stuck.push(format!(
                    "pod/{} -n {}: {}",
                    pod.metadata.name, pod.metadata.namespace, progress.last
                ));
                continue;
            }
            moving = true;
            match progress.not_before.map(|at| at.as_second() - view.now.as_second()) {
                Some(left) if left > 0 => wait = wait.min(left),
                _ => due.push(self.target(&self.nodes[position].name, pod)),
            }
        }
        if !due.is_empty() {
            return NodeStep::Evict(due);
        }
        if !moving && !stuck.is_empty() {
            self.nodes[position].state = NodeState::Failed(stuck.join("; "));
            return NodeStep::Over;
        }
        NodeStep::Wait(wait)
    }

    fn overdue(&self, position: usize, now: Timestamp) -> Option<Step> {
        let node = &self.nodes[position];
        let limit = self.options.timeout_seconds;
        let spent = now.as_second() - node.started?.as_second();
        (limit > 0 && spent >= limit).then(|| Step::Stop(StopReason::Timeout { node: node.name.clone() }))
    }

    fn settle(&mut self, position: usize, seen: &NodeView, view: &View) -> NodeStep {
        let node = &self.nodes[position];
        let limit = self.options.wait_ready_seconds;
        let since = node.settled_since.unwrap_or(view.now);
        let behind: Vec<String> = node
            .owners
            .iter()
            .filter(|(uid, _)| {
                let before = self.ready_before.get(*uid).copied().unwrap_or(0);
                view.ready_by_owner.get(*uid).copied().unwrap_or(0) < before
            })
            .map(|(_, name)| name.clone())
            .collect();
        if limit == 0 || behind.is_empty() {
            return self.settled(position, seen);
        }
        if view.now.as_second() - since.as_second() >= limit {
            let node = node.name.clone();
            return NodeStep::Do(Step::Stop(StopReason::NotReady { node, owners: behind }));
        }
        NodeStep::Wait(LOOK_EVERY_SECONDS)
    }

    fn settled(&mut self, position: usize, seen: &NodeView) -> NodeStep {
        if self.options.delete_nodeclaim && seen.node_claim.is_some() {
            self.nodes[position].state = NodeState::Deleting;
            return self.end_claim(position, seen);
        }
        self.nodes[position].state = NodeState::Done;
        NodeStep::Over
    }

    /// The journal first: from there on, there is no way back.
    fn end_claim(&self, position: usize, seen: &NodeView) -> NodeStep {
        let written = seen.journal.as_ref().is_none_or(|journal| journal.phase == Phase::Deleting);
        match &seen.node_claim {
            Some((_, _, false)) if !written => self.mark(position, seen, Phase::Deleting),
            Some((name, uid, false)) => NodeStep::Do(Step::DeleteNodeClaim {
                node: self.nodes[position].name.clone(),
                name: name.clone(),
                uid: uid.clone(),
            }),
            _ => NodeStep::Wait(LOOK_EVERY_SECONDS),
        }
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

enum NodeStep {
    Do(Step),
    Evict(Vec<Target>),
    Wait(i64),
    /// The node is through; the next one may begin.
    Over,
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    crate::model::GoDuration::from_seconds(seconds).after(now)
}

/// Whether its controller keeps a number of pods, so that a replacement comes.
fn is_replaced(pod: &Pod) -> bool {
    !pod.is_terminal()
        && pod.metadata.controller().is_some_and(|owner| {
            matches!(owner.kind.as_str(), "ReplicaSet" | "StatefulSet" | "ReplicationController")
        })
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
