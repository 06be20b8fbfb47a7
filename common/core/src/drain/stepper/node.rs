//! One node: its pods go, what they leave behind is awaited, its NodeClaim is ended.

use super::{LOOK_EVERY_SECONDS, NodeState, Owner, Step, Stepper, StopReason, Target};
use crate::disruption::eviction::EvictionTier;
use crate::drain::filter::filter;
use crate::drain::journal::{Journal, Phase};
use crate::drain::view::{NodeView, View};
use crate::model::Pod;

/// What to do next for one node.
pub(super) enum NodeStep {
    Do(Step),
    Evict(Vec<Target>),
    Wait(i64),
    /// The node is through; the next one may begin.
    Over,
}

impl Stepper {
    pub(super) fn node_step(&mut self, position: usize, view: &View) -> NodeStep {
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
        for owner in seen.journal.iter().flat_map(|journal| &journal.awaits) {
            self.note_owner(position, owner.clone());
        }
        self.drain(position, seen, view)
    }

    fn note_owner(&mut self, position: usize, mut owner: Owner) {
        owner.ready_before = self.ready_before.get(&owner.uid).copied().unwrap_or(0);
        self.nodes[position].owners.insert(owner.uid.clone(), owner);
    }

    /// Writes how far the node is, and which controllers are awaited; nothing where the journal says so already.
    fn mark(&self, position: usize, seen: &NodeView, phase: Phase) -> Option<Step> {
        let node = &self.nodes[position];
        let known = seen.journal.as_ref()?;
        let awaits = match phase {
            Phase::Cordoned | Phase::Draining => node.owners.values().cloned().collect(),
            Phase::Drained | Phase::Deleting => Vec::new(),
        };
        let journal = Journal { phase, awaits, ..known.clone() };
        let (node, uid) = (node.name.clone(), node.uid.clone());
        (journal != *known).then_some(Step::Mark { node, uid, journal })
    }

    fn drain(&mut self, position: usize, seen: &NodeView, view: &View) -> NodeStep {
        let leaving: Vec<Pod> =
            self.leaving(&self.nodes[position], seen, view.now).into_iter().cloned().collect();
        if leaving.is_empty() {
            self.nodes[position].state = NodeState::Settling;
            self.nodes[position].settled_since = Some(view.now);
            return NodeStep::Wait(0);
        }
        if let Some(why) = self.overdue(position, view) {
            self.nodes[position].state = NodeState::Failed(why);
            return NodeStep::Over;
        }
        for pod in leaving.iter().filter(|pod| is_replaced(pod)) {
            if let Some(owner) = pod.metadata.controller() {
                let owner = Owner {
                    uid: owner.uid.clone(),
                    kind: owner.kind.clone(),
                    namespace: pod.metadata.namespace.clone(),
                    name: owner.name.clone(),
                    ready_before: 0,
                };
                self.note_owner(position, owner);
            }
        }
        // The next run must know whom to wait for, however this one ends: so first the journal, then the pods.
        if let Some(step) = self.mark(position, seen, Phase::Draining) {
            return NodeStep::Do(step);
        }
        let tier = leaving.iter().map(EvictionTier::of).min();
        let turn: Vec<&Pod> = leaving.iter().filter(|pod| Some(EvictionTier::of(pod)) == tier).collect();
        let mut due = Vec::new();
        let mut stuck = Vec::new();
        let mut wait = LOOK_EVERY_SECONDS;
        let mut moving = false;
        for pod in turn {
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
            self.nodes[position].state = NodeState::Failed(few(&stuck));
            return NodeStep::Over;
        }
        NodeStep::Wait(wait)
    }

    /// As kubectl: the time is that of one node, and the others go on.
    fn overdue(&self, position: usize, view: &View) -> Option<String> {
        let node = &self.nodes[position];
        let limit = self.options.timeout_seconds;
        let spent = view.now.as_second() - node.started?.as_second();
        if limit <= 0 || spent < limit {
            return None;
        }
        let waiting = self.waiting(view);
        let own: Vec<String> = waiting
            .iter()
            .filter(|pod| pod.node == node.name)
            .map(|pod| format!("pod/{} -n {}: {}", pod.name, pod.namespace, pod.why))
            .collect();
        Some(format!("it took longer than --timeout ({limit}s); {}", few(&own)))
    }

    /// The controller waits for volumes before it ends an instance, and so does whoever takes the next node: a pod
    /// whose volume hangs on the old node does not come up on another.
    fn settle(&mut self, position: usize, seen: &NodeView, view: &View) -> NodeStep {
        let limit = self.options.wait_ready_seconds;
        if limit == 0 {
            return self.settled(position, seen);
        }
        let Some(volumes) = seen.attached.clone() else { return NodeStep::Wait(0) };
        let owners = self.behind(position, view);
        if owners.is_empty() && volumes.is_empty() {
            return self.settled(position, seen);
        }
        let node = &self.nodes[position];
        let since = node.settled_since.unwrap_or(view.now);
        if view.now.as_second() - since.as_second() >= limit {
            let node = node.name.clone();
            return NodeStep::Do(Step::Stop(StopReason::NotReady { node, owners, volumes }));
        }
        NodeStep::Wait(LOOK_EVERY_SECONDS)
    }

    /// Controllers of pods that went, with fewer Ready pods than before; one that wants fewer by now (a rollout, a
    /// smaller scale) is measured by that.
    pub(super) fn behind(&self, position: usize, view: &View) -> Vec<String> {
        let lacks = |owner: &&Owner| {
            let wanted = view.wanted_by_owner.get(&owner.uid).copied().unwrap_or(usize::MAX);
            let ready = view.ready_by_owner.get(&owner.uid).copied().unwrap_or(0);
            ready < owner.ready_before.min(wanted)
        };
        let owners = self.nodes[position].owners.values().filter(lacks);
        owners.map(|owner| format!("{}/{}", owner.namespace, owner.name)).collect()
    }

    fn settled(&mut self, position: usize, seen: &NodeView) -> NodeStep {
        if self.options.delete_nodeclaim && seen.node_claim.is_some() {
            self.nodes[position].state = NodeState::Deleting;
            return self.end_claim(position, seen);
        }
        if let Some(step) = self.mark(position, seen, Phase::Drained) {
            return NodeStep::Do(step);
        }
        self.nodes[position].state = NodeState::Done;
        NodeStep::Over
    }

    /// The journal first: from there on, there is no way back.
    fn end_claim(&self, position: usize, seen: &NodeView) -> NodeStep {
        let written = seen.journal.as_ref().is_none_or(|journal| journal.phase == Phase::Deleting);
        match &seen.node_claim {
            Some((_, _, false)) if !written => self
                .mark(position, seen, Phase::Deleting)
                .map_or(NodeStep::Wait(LOOK_EVERY_SECONDS), NodeStep::Do),
            Some((name, uid, false)) => NodeStep::Do(Step::DeleteNodeClaim {
                node: self.nodes[position].name.clone(),
                name: name.clone(),
                uid: uid.clone(),
            }),
            _ => NodeStep::Wait(LOOK_EVERY_SECONDS),
        }
    }
}

/// The first reasons, and of how many more pods there are some.
fn few(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = reasons.iter().take(SHOWN).map(String::as_str).collect();
    match reasons.len().saturating_sub(SHOWN) {
        0 => shown.join("; "),
        more => format!("{}; {more} more of its pods", shown.join("; ")),
    }
}

/// Whether its controller keeps a number of pods, so that a replacement comes.
fn is_replaced(pod: &Pod) -> bool {
    !pod.is_terminal()
        && pod.metadata.controller().is_some_and(|owner| {
            matches!(owner.kind.as_str(), "ReplicaSet" | "StatefulSet" | "ReplicationController")
        })
}
