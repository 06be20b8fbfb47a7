//! The loop around the stepper: look, ask what is next, do it, say how that went.
//!
//! What it needs from a cluster is the small trait [`Cluster`]; the real one is in `live.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use karp_common::term::{Out, duration};
use karp_core::drain::{
    Answer, DaemonSets, DrainPlan, Journal, NodeState, SURGE_PRIORITY_CLASS, Step, Stepper, StopReason,
    Target, View,
};
use karp_core::report::{Error, ExitCode};

/// On a pipe, a line is due at least this often: CI ends silent jobs.
const SPEAK_EVERY_SECONDS: i64 = 30;

/// Names in a line of progress.
const FEW: usize = 3;

/// What the loop asks of a cluster.
pub(crate) trait Cluster {
    /// The target nodes as they are now.
    fn look(&mut self, stepper: &Stepper) -> Result<View, Error>;
    /// Cordons a node and writes its journal, in one request.
    fn cordon(&mut self, node: &str, uid: &str, journal: &Journal) -> Answer;
    /// Writes the journal of a node.
    fn mark(&mut self, node: &str, uid: &str, journal: &Journal) -> Answer;
    /// Asks for evictions; answers in their order.
    fn evict(&mut self, pods: &[Target]) -> Vec<Answer>;
    /// Deletes pods; answers in their order.
    fn delete(&mut self, pods: &[Target]) -> Vec<Answer>;
    /// Deletes a NodeClaim.
    fn delete_node_claim(&mut self, name: &str, uid: &str) -> Answer;
    /// Makes placeholders; the uids of the pods that have one now.
    fn surge(&mut self, pods: &[Target]) -> Result<Vec<CompactString>, Answer>;
    /// Takes the placeholders of these nodes away, also those of an earlier run; the number of those that are left.
    fn end_surge(&mut self) -> usize;
    /// Waits; Ctrl-C ends the wait.
    fn sleep(&mut self, time: Duration);
    /// How often Ctrl-C was pressed.
    fn interrupts(&self) -> usize;
}

/// Carries a plan out.
///
/// # Errors
/// The cluster cannot be read any more.
pub(crate) fn apply(
    plan: &DrainPlan,
    daemon_sets: DaemonSets,
    ready_before: BTreeMap<CompactString, usize>,
    cluster: &mut dyn Cluster,
    out: &mut Out<'_>,
) -> Result<ExitCode, Error> {
    let mut run = Run {
        plan,
        stepper: Stepper::new(plan, daemon_sets, ready_before),
        accepted: BTreeMap::new(),
        told: BTreeMap::new(),
        started: None,
        spoke: None,
        told_gone: 0,
        lost_looks: 0,
        cordoned: BTreeSet::new(),
    };
    let ended = run.until_end(cluster, out);
    out.progress_done();
    // A server that was silent to the end would be silent again.
    let left = if run.lost_looks > 0 && !plan.options.surge { 0 } else { cluster.end_surge() };
    if left > 0 {
        out.warn(&format!(
            "{left} placeholders are left in namespace {SURGE_PRIORITY_CLASS}: the next drain of the node, \
             or --abort, removes them"
        ));
    }
    let end = ended?;
    run.report(&end, out)
}

struct Run<'a> {
    plan: &'a DrainPlan,
    stepper: Stepper,
    /// Pods whose eviction was accepted and that are not yet seen gone.
    accepted: BTreeMap<CompactString, Target>,
    told: BTreeMap<CompactString, NodeState>,
    started: Option<Timestamp>,
    spoke: Option<(Timestamp, String)>,
    told_gone: usize,
    lost_looks: u32,
    /// Target nodes that were cordoned at the last look.
    cordoned: BTreeSet<CompactString>,
}

enum End {
    Done(Timestamp),
    Stopped(StopReason),
}

impl Run<'_> {
    fn until_end(&mut self, cluster: &mut dyn Cluster, out: &mut Out<'_>) -> Result<End, Error> {
        loop {
            if cluster.interrupts() > 0 {
                self.stepper.stop();
            }
            let view = match cluster.look(&self.stepper) {
                Ok(view) => view,
                Err(_) if cluster.interrupts() > 0 => {
                    self.lost_looks += 1;
                    return Ok(End::Stopped(StopReason::Interrupted));
                }
                // A cluster that does not answer for a while is no reason to give up half-way.
                Err(error) if self.lost_looks < 30 => {
                    self.lost_looks += 1;
                    if self.lost_looks == 3 {
                        out.message(&format!("{}; trying again for half a minute", error.message));
                    }
                    cluster.sleep(Duration::from_secs(1));
                    continue;
                }
                Err(error) => return Err(half_way(error)),
            };
            self.lost_looks = 0;
            if self.started.is_none() {
                self.started = Some(view.now);
                tell_cordoned(&view, out);
            }
            let cordoned = view.nodes.iter().filter(|(_, seen)| seen.unschedulable);
            self.cordoned = cordoned.map(|(name, _)| name.clone()).collect();
            self.tell_gone(&view, out);
            let step = self.stepper.step(&view);
            self.tell_nodes(out);
            match step {
                Step::Cordon { node, uid, journal } => {
                    let was = view.nodes.get(&node).is_some_and(|seen| seen.unschedulable);
                    let answer = cluster.cordon(&node, &uid, &journal);
                    if answer == Answer::Accepted {
                        out.line(&format!(
                            "node/{node} {}",
                            if was { "already cordoned" } else { "cordoned" }
                        ));
                        out.flush();
                    }
                    self.stepper.node_answered(&node, &answer, view.now);
                }
                Step::Mark { node, uid, journal } => {
                    let answer = cluster.mark(&node, &uid, &journal);
                    self.stepper.node_answered(&node, &answer, view.now);
                }
                Step::Evict { pods } => {
                    let answers = cluster.evict(&pods);
                    self.answered(&pods, &answers, &view);
                }
                Step::Delete { pods } => {
                    let answers = cluster.delete(&pods);
                    self.answered(&pods, &answers, &view);
                }
                Step::DeleteNodeClaim { node, name, uid } => {
                    let answer = cluster.delete_node_claim(&name, &uid);
                    if answer == Answer::Accepted {
                        out.line(&format!("nodeclaim/{name} deleted"));
                    }
                    self.stepper.node_answered(&node, &answer, view.now);
                }
                Step::Surge { pods } => match cluster.surge(&pods) {
                    Ok(made) => {
                        out.message(&format!("room for {} pods is being made", made.len()));
                        self.stepper.surged(made);
                    }
                    Err(answer) => self.stepper.node_answered("", &answer, view.now),
                },
                Step::Wait { seconds } => {
                    self.progress(&view, out);
                    let pause = if seconds <= 0 {
                        Duration::ZERO
                    } else {
                        Duration::from_secs(seconds.unsigned_abs().min(5))
                    };
                    if !pause.is_zero() {
                        cluster.sleep(pause);
                    }
                }
                Step::Stop(reason) => return Ok(End::Stopped(reason)),
                Step::Done => return Ok(End::Done(view.now)),
            }
        }
    }

    fn answered(&mut self, pods: &[Target], answers: &[Answer], view: &View) {
        for (pod, answer) in pods.iter().zip(answers) {
            match answer {
                Answer::Accepted | Answer::Unknown { .. } => {
                    self.accepted.insert(pod.uid.clone(), pod.clone());
                }
                _ => {}
            }
            self.stepper.answered(pod, answer, view.now);
        }
    }

    /// As kubectl: a line when the pod is gone, not when its eviction was accepted.
    fn tell_gone(&mut self, view: &View, out: &mut Out<'_>) {
        let verb = if self.plan.options.disable_eviction { "deleted" } else { "evicted" };
        let gone: Vec<CompactString> = self
            .accepted
            .iter()
            .filter(|(uid, pod)| {
                let pods = view.nodes.get(&pod.node).map(|node| node.pods.as_deref());
                match pods {
                    None => true,
                    Some(None) => false,
                    Some(Some(pods)) => pods.iter().all(|found| found.metadata.uid != **uid),
                }
            })
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in gone {
            if let Some(pod) = self.accepted.remove(&uid) {
                out.line(&format!("pod/{} {verb}", pod.name));
                self.told_gone += 1;
            }
        }
        out.flush();
    }

    fn tell_nodes(&mut self, out: &mut Out<'_>) {
        let news: Vec<(CompactString, NodeState)> = self
            .stepper
            .states()
            .filter(|(name, state)| self.told.get(*name) != Some(state))
            .map(|(name, state)| (name.clone(), state.clone()))
            .collect();
        for (name, state) in news {
            match &state {
                NodeState::Done => out.line(&format!("node/{name} drained")),
                NodeState::Failed(why) => out.message(&format!("error: unable to drain node/{name}: {why}")),
                _ => {}
            }
            self.told.insert(name, state);
        }
    }

    fn progress(&mut self, view: &View, out: &mut Out<'_>) {
        let waiting = self.stepper.waiting(view);
        let spent = self.spent(view.now);
        let line = match (waiting.first(), self.stepper.wants_surge(), self.stepper.wants_replacements()) {
            (_, true, _) => {
                format!("waits for room: {} of {} placeholders have a Ready node", view.surge.1, view.surge.0)
            }
            (Some(first), ..) => {
                let more = match waiting.len() - 1 {
                    0 => String::new(),
                    1 => "; 1 more pod waits".to_owned(),
                    more => format!("; {more} more pods wait"),
                };
                format!("{} -n {} waits: {}{more}", first.name, first.namespace, first.why)
            }
            (None, _, true) => self.unsettled(view),
            _ => match self.stepper.states().find(|(_, state)| **state == NodeState::Deleting) {
                Some((name, _)) => format!("waits for node/{name} to go"),
                None => return,
            },
        };
        let shown = format!("{} {line}", duration(spent));
        if !out.stderr_style.is_pipe() {
            out.progress(&shown);
            return;
        }
        let due = match &self.spoke {
            None => true,
            Some((at, last)) => {
                let silent = view.now.as_second() - at.as_second();
                silent >= SPEAK_EVERY_SECONDS || silent >= 2 && subject(last) != subject(&line)
            }
        };
        if due {
            out.message(&shown);
            self.spoke = Some((view.now, line));
        }
    }

    fn unsettled(&self, view: &View) -> String {
        let (owners, volumes) = self.stepper.unsettled(view);
        match (owners.is_empty(), volumes.is_empty()) {
            (false, _) => format!("waits for replacements to be Ready: {}", few(&owners)),
            (true, false) => format!("waits for volumes to detach: {}", few(&volumes)),
            (true, true) => "waits for replacements to be Ready".to_owned(),
        }
    }

    fn spent(&self, now: Timestamp) -> SignedDuration {
        self.started.map_or(SignedDuration::ZERO, |started| now.duration_since(started))
    }

    fn report(&self, end: &End, out: &mut Out<'_>) -> Result<ExitCode, Error> {
        let count = self.told_gone;
        let pods = if count == 1 { "1 pod".to_owned() } else { format!("{count} pods") };
        let verb = if self.plan.options.disable_eviction { "deleted" } else { "evicted" };
        match end {
            End::Done(now) => {
                let ready =
                    if self.plan.options.wait_ready_seconds > 0 { ", all replacements Ready" } else { "" };
                let kept = if self.plan.options.disable_eviction {
                    ""
                } else {
                    "; every eviction was allowed by its PDB"
                };
                out.line(&format!("{pods} {verb} in {}{ready}{kept}.", duration(self.spent(*now))));
                let claims: Vec<&str> =
                    self.plan.nodes.iter().filter_map(|node| node.node_claim.as_deref()).collect();
                if !self.plan.options.delete_nodeclaim && !claims.is_empty() {
                    out.line(&format!("next: kubectl delete nodeclaim {}", claims.join(" ")));
                }
                Ok(ExitCode::Done)
            }
            End::Stopped(reason) => {
                let names: Vec<&str> = self.plan.nodes.iter().map(|node| node.name.as_str()).collect();
                let why = match reason {
                    StopReason::Interrupted => "interrupted".to_owned(),
                    StopReason::NotReady { node, owners, volumes } => {
                        let not_ready = (!owners.is_empty()).then(|| {
                            format!(
                                "replacements of the pods of node/{node} are not Ready: {}",
                                owners.join(", ")
                            )
                        });
                        let attached = (!volumes.is_empty()).then(|| {
                            format!("volumes are still attached to node/{node}: {}", volumes.join(", "))
                        });
                        not_ready.into_iter().chain(attached).collect::<Vec<_>>().join("; ")
                    }
                    StopReason::NoRoom { placed, wanted } => {
                        format!(
                            "no room: {placed} of {wanted} placeholders got a Ready node; no pod was touched"
                        )
                    }
                    StopReason::NodesFailed if names.len() == 1 => "it could not be drained".to_owned(),
                    StopReason::NodesFailed => "some nodes could not be drained".to_owned(),
                };
                let left: Vec<&str> = self
                    .stepper
                    .states()
                    .filter(|(name, state)| **state != NodeState::Done && self.cordoned.contains(*name))
                    .map(|(name, _)| name.as_str())
                    .collect();
                if left.is_empty() && count == 0 {
                    out.line(&format!("Nothing was changed: {why}."));
                    let is_refused = *reason == StopReason::NodesFailed;
                    return Ok(if is_refused { ExitCode::Unreachable } else { ExitCode::HalfWay });
                }
                let stay = if left.len() == 1 { "stays" } else { "stay" };
                let subject = match &left[..] {
                    [one] => format!("node/{one}"),
                    many => format!("{} nodes", many.len()),
                };
                out.line(&format!("{subject} {stay} cordoned: {pods} {verb}; {why}."));
                out.line("next: run the same command again to go on");
                out.line(&format!("      kubectl karp drain {} --abort     to uncordon", names.join(" ")));
                Ok(ExitCode::HalfWay)
            }
        }
    }
}

/// Nodes that an earlier run cordoned are not cordoned again; kubectl has a line for them all the same.
fn tell_cordoned(view: &View, out: &mut Out<'_>) {
    let begun = view.nodes.iter().filter(|(_, seen)| seen.unschedulable && seen.journal.is_some());
    for (name, _) in begun {
        out.line(&format!("node/{name} already cordoned"));
    }
}

/// As many names as one reads, and how many more there are.
fn few<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(FEW).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(FEW) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The part of a line that does not change every second.
fn subject(line: &str) -> &str {
    line.split(" waits:").next().unwrap_or(line)
}

fn half_way(error: Error) -> Error {
    Error { kind: karp_core::report::ErrorKind::HalfWay, ..error }
        .hint("the nodes stay cordoned; run the same command again to go on")
}

#[cfg(test)]
mod tests {
    use super::few;

    #[test]
    fn long_lists_of_progress_are_cut() {
        assert_eq!(few(&["a"]), "a");
        assert_eq!(few(&["a", "b", "c"]), "a, b, c");
        assert_eq!(few(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
