//! The stepper against a simulated API server: thousands of seeded runs with lost requests, 429, 500, 409, answers
//! that get lost after the deed, slow answers, and crashes of our own.
//!
//! Checked in every second of every run: no PDB falls below its need, nothing off the target nodes is touched, tiers
//! and the window of nodes are kept. At the end: everything that can go is gone, or the run stopped and said why.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;
use serde_json::json;

use super::journal::{Journal, Phase};
use super::stepper::{Answer, NodeState, Step, Stepper, StopReason, Target};
use super::view::{NodeView, View};
use super::{DaemonSets, DrainOptions, plan};
use crate::disruption::eviction::EvictionTier;
use crate::model::{LabelProfile, Pod, Snapshot};

/// xorshift*: enough for faults.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

struct App {
    name: String,
    replicas: usize,
    stateful: bool,
    /// Healthy pods its PDB needs; none = no PDB.
    needs: Option<usize>,
    ready_seconds: i64,
    grace: i64,
    critical: bool,
    /// A second PDB selects its pods.
    twice: bool,
}

struct Node {
    cordoned: bool,
    journal: Option<Journal>,
    gone: bool,
    claim_deleting: Option<i64>,
}

struct Simulated {
    now: i64,
    apps: Vec<App>,
    pods: Vec<(usize, Pod, i64)>,
    nodes: BTreeMap<CompactString, Node>,
    dice: Dice,
    faults: bool,
    next: usize,
    /// Node, and the moment at which the volume of a pod that left it is detached.
    attached: Vec<(CompactString, i64)>,
    /// Placeholders by uid of their pod: since when they have a Ready node.
    placeholders: BTreeMap<CompactString, i64>,
    /// Placeholders that this run of the program made.
    surged: Vec<CompactString>,
    /// Those of which it knows that they are there.
    known: BTreeSet<CompactString>,
}

const TARGETS: usize = 3;

impl Simulated {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let apps = (0..1 + dice.roll(5))
            .map(|number| {
                let replicas = 1 + usize::try_from(dice.roll(6)).unwrap();
                let needs = (!dice.one_in(4)).then(|| usize::try_from(dice.roll(replicas as u64)).unwrap());
                App {
                    name: format!("app{number}"),
                    replicas,
                    stateful: dice.one_in(3),
                    needs,
                    ready_seconds: 1 + i64::try_from(dice.roll(20)).unwrap(),
                    grace: i64::try_from(dice.roll(15)).unwrap(),
                    critical: dice.one_in(4),
                    twice: false,
                }
            })
            .collect();
        let mut nodes = BTreeMap::new();
        for number in 0..TARGETS + 2 {
            let node = Node { cordoned: false, journal: None, gone: false, claim_deleting: None };
            nodes.insert(CompactString::from(format!("n{number}")), node);
        }
        let mut simulated = Self {
            now: 1_800_000_000,
            apps,
            pods: Vec::new(),
            nodes,
            dice,
            faults: true,
            next: 0,
            attached: Vec::new(),
            placeholders: BTreeMap::new(),
            surged: Vec::new(),
            known: BTreeSet::new(),
        };
        simulated.control();
        simulated.now += 60;
        simulated.tick();
        simulated
    }

    fn moment(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap()
    }

    /// Controllers, scheduler and kubelets for one moment.
    fn control(&mut self) {
        for app in 0..self.apps.len() {
            loop {
                let own = self.pods.iter().filter(|(owner, ..)| *owner == app);
                let active = own.clone().filter(|(_, pod, _)| !pod.metadata.is_deleting()).count();
                let taken: BTreeSet<&str> = own.map(|(_, pod, _)| pod.metadata.name.as_str()).collect();
                let name = if self.apps[app].stateful {
                    (0..self.apps[app].replicas)
                        .map(|number| format!("{}-{number}", self.apps[app].name))
                        .find(|name| !taken.contains(name.as_str()))
                } else {
                    (active < self.apps[app].replicas)
                        .then(|| format!("{}-x{}", self.apps[app].name, self.next))
                };
                let Some(name) = name else { break };
                let free: Vec<CompactString> = self
                    .nodes
                    .iter()
                    .filter(|(_, node)| !node.cordoned && !node.gone)
                    .map(|(name, _)| name.clone())
                    .collect();
                let chosen = usize::try_from(self.dice.roll(free.len() as u64)).unwrap();
                self.next += 1;
                let pod = self.make(app, &name, &free[chosen]);
                let ready_at = self.now + self.apps[app].ready_seconds;
                self.pods.push((app, pod, ready_at));
            }
        }
    }

    fn make(&self, app: usize, name: &str, node: &str) -> Pod {
        let app = &self.apps[app];
        let kind = if app.stateful { "StatefulSet" } else { "ReplicaSet" };
        let class = if app.critical { json!("system-cluster-critical") } else { json!(null) };
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{}", self.next),
                "labels": {"app": app.name}, "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind,
                "name": app.name, "uid": app.name, "controller": true}]},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": app.grace, "priorityClassName": class},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
        }))
        .unwrap()
    }

    fn tick(&mut self) {
        let now = self.now;
        self.pods
            .retain(|(_, pod, _)| pod.metadata.deletion_timestamp.is_none_or(|end| end.as_second() > now));
        for (_, pod, ready_at) in &mut self.pods {
            if *ready_at <= now {
                pod.status.conditions[0].status = "True".into();
            }
        }
        for node in self.nodes.values_mut() {
            node.gone |= node.claim_deleting.is_some_and(|at| at <= now);
        }
        self.control();
    }

    fn healthy(&self, app: usize) -> usize {
        let own = self.pods.iter().filter(|(owner, ..)| *owner == app);
        own.filter(|(_, pod, _)| pod.is_ready() && !pod.metadata.is_deleting()).count()
    }

    fn pass(&mut self, seconds: i64, floor: &[usize]) {
        for _ in 0..seconds {
            self.now += 1;
            self.tick();
            self.check(floor);
        }
    }

    /// No PDB is below its need, unless it was before we came.
    fn check(&self, floor: &[usize]) {
        for (app, floor) in floor.iter().enumerate() {
            assert!(self.healthy(app) >= *floor, "{} fell to {}", self.apps[app].name, self.healthy(app));
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::empty(self.moment());
        snapshot.objects.pods = self.pods.iter().map(|(_, pod, _)| pod.clone()).collect();
        snapshot.objects.nodes = self
            .nodes
            .iter()
            .filter(|(_, node)| !node.gone)
            .map(|(name, node)| {
                serde_json::from_value(json!({"metadata": {"name": name, "uid": name},
                    "spec": {"unschedulable": node.cordoned}}))
                .unwrap()
            })
            .collect();
        snapshot
    }

    fn ready_by_owner(&self) -> BTreeMap<CompactString, usize> {
        let mut counts = BTreeMap::new();
        for (app, found) in self.apps.iter().enumerate() {
            counts.insert(CompactString::from(found.name.as_str()), self.healthy(app));
        }
        counts
    }

    fn view(&self, wants: &[CompactString]) -> View {
        let nodes = self.nodes.iter().filter(|(_, node)| !node.gone);
        let nodes = nodes
            .map(|(name, node)| {
                let pods = self.pods.iter().map(|(_, pod, _)| pod);
                let bound = pods.filter(|pod| pod.node_name.as_ref() == Some(name)).cloned().collect();
                let view = NodeView {
                    uid: name.clone(),
                    unschedulable: node.cordoned,
                    journal: node.journal.clone(),
                    pods: wants.contains(name).then_some(bound),
                    attached: Some(self.attached(name)),
                    node_claim: Some((name.clone(), name.clone(), node.claim_deleting.is_some())),
                };
                (name.clone(), view)
            })
            .collect();
        let own = self.surged.iter().filter_map(|uid| self.placeholders.get(uid));
        let placed = own.clone().filter(|placed| **placed <= self.now).count();
        View {
            now: self.moment(),
            nodes,
            ready_by_owner: self.ready_by_owner(),
            wanted_by_owner: BTreeMap::new(),
            surge: (own.count(), placed),
        }
    }

    fn attached(&self, node: &str) -> Vec<CompactString> {
        let left = self.attached.iter().filter(|(on, until)| on == node && *until > self.now);
        left.map(|_| CompactString::from("pv")).collect()
    }

    /// Placeholders are made one request each; what exists already is as good as made.
    fn surge(&mut self, pods: &[Target]) -> Result<Vec<CompactString>, Answer> {
        for pod in pods {
            if self.known.contains(&pod.uid) {
                continue;
            }
            let (answer, done) = self.fault();
            if done {
                let placed = self.now + i64::try_from(self.dice.roll(40)).unwrap();
                self.placeholders.entry(pod.uid.clone()).or_insert(placed);
            }
            if let Some(answer) = answer.filter(|answer| *answer != Answer::Conflict) {
                return Err(answer);
            }
            self.known.insert(pod.uid.clone());
        }
        self.surged = pods.iter().map(|pod| pod.uid.clone()).collect();
        Ok(self.surged.clone())
    }

    /// What happens to a request on its way: an answer without the deed, a deed without its answer, or nothing.
    fn fault(&mut self) -> (Option<Answer>, bool) {
        if !self.faults || !self.dice.one_in(3) {
            return (None, true);
        }
        let unknown = |message: &str| Answer::Unknown { message: message.into() };
        match self.dice.roll(6) {
            0 => (Some(unknown("connection lost")), false),
            1 => (Some(unknown("connection reset after the request was sent")), true),
            2 => {
                let advised = i64::try_from(self.dice.roll(4)).unwrap();
                let message = "too many requests".to_owned();
                (Some(Answer::NotNow { retry_after_seconds: Some(advised), message }), false)
            }
            3 => (Some(unknown("500")), false),
            4 => (Some(Answer::Conflict), false),
            _ => {
                self.now += i64::try_from(self.dice.roll(4)).unwrap();
                self.tick();
                (None, true)
            }
        }
    }

    fn evict(&mut self, target: &Target) -> Answer {
        let (answer, done) = self.fault();
        let honest = if done { self.evicted(target) } else { Answer::Accepted };
        answer.unwrap_or(honest)
    }

    fn evicted(&mut self, target: &Target) -> Answer {
        let now = self.now;
        let found = self.pods.iter().position(|(_, pod, _)| pod.metadata.name == target.name);
        let Some(found) = found else { return Answer::Gone };
        let (app, pod, _) = &self.pods[found];
        let app = *app;
        if pod.metadata.uid != target.uid {
            return Answer::Conflict;
        }
        let (tier, node) = (EvictionTier::of(pod), pod.node_name.clone().unwrap());
        if pod.metadata.is_deleting() {
            return Answer::Accepted;
        }
        if self.apps[app].twice {
            return Answer::Never { message: "This pod has more than one PodDisruptionBudget".into() };
        }
        let allowed = self.apps[app].needs.is_none_or(|needs| self.healthy(app) > needs);
        if !allowed && pod.is_ready() {
            return Answer::NotNow { retry_after_seconds: None, message: "pdb".into() };
        }
        assert!(node.as_str() < format!("n{TARGETS}").as_str(), "evicted from {node}, which is no target");
        let targets = self.nodes.iter().filter(|(name, _)| name.as_str() < format!("n{TARGETS}").as_str());
        assert!(targets.clone().all(|(_, node)| node.cordoned), "evicted before all were cordoned");
        let earlier = self
            .pods
            .iter()
            .any(|(_, other, _)| other.node_name == Some(node.clone()) && EvictionTier::of(other) < tier);
        assert!(!earlier, "evicted before its tier");
        let grace = self.pods[found].1.spec.termination_grace_period_seconds.unwrap();
        if self.apps[app].stateful {
            let detached = now + grace + i64::try_from(self.dice.roll(12)).unwrap();
            self.attached.push((node, detached));
        }
        let pod = &mut self.pods[found].1;
        pod.metadata.deletion_timestamp = Some(Timestamp::from_second(now + grace).unwrap());
        Answer::Accepted
    }

    fn write(&mut self, node: &str, deed: impl FnOnce(&mut Node, i64)) -> Answer {
        let (answer, done) = self.fault();
        let now = self.now;
        if done {
            deed(self.nodes.get_mut(node).unwrap(), now);
        }
        answer.unwrap_or(Answer::Accepted)
    }

    /// One run of the program: until it ends, or dies.
    fn run(&mut self, options: &DrainOptions, crashes: bool, floor: &[usize]) -> Option<Step> {
        let names: Vec<CompactString> = (0..TARGETS).map(|number| format!("n{number}").into()).collect();
        let planned = plan(&self.snapshot(), &names, options, None, &LabelProfile::core());
        let mut stepper = Stepper::new(&planned, DaemonSets::from_names([]), self.ready_by_owner());
        self.surged.clear();
        self.known.clear();
        let (mut has_room, mut taken) = (!options.surge, 0);
        for _ in 0..5_000 {
            if crashes && self.dice.one_in(15) {
                return None;
            }
            if taken < 2 && self.dice.one_in(10) {
                // Somebody with a say takes a place.
                taken += 1;
                if let Some((uid, _)) = self.placeholders.pop_first() {
                    self.known.remove(&uid);
                }
            }
            if stepper.wants_surge() {
                self.known.retain(|uid| self.placeholders.contains_key(uid));
            }
            let view = self.view(&stepper.wants_pods());
            has_room |= stepper.wants_surge() && view.surge.1 >= self.surged.len();
            let step = stepper.step(&view);
            let begun = stepper.states().filter(|(_, state)| {
                matches!(state, NodeState::Draining | NodeState::Settling | NodeState::Deleting)
            });
            assert!(begun.count() <= options.max_unavailable.max(1), "too many nodes at a time");
            match step {
                Step::Cordon { node, journal, .. } => {
                    let answer = self.write(&node, |found, _| {
                        found.cordoned = true;
                        found.journal = Some(journal);
                    });
                    stepper.node_answered(&node, &answer, self.moment());
                }
                Step::Mark { node, journal, .. } => {
                    let answer = self.write(&node, |found, _| found.journal = Some(journal));
                    stepper.node_answered(&node, &answer, self.moment());
                }
                Step::Evict { pods } => {
                    assert!(has_room, "evicted before there was room");
                    for pod in pods {
                        let answer = self.evict(&pod);
                        stepper.answered(&pod, &answer, self.moment());
                    }
                }
                Step::DeleteNodeClaim { node, .. } => {
                    let left = self.pods.iter().any(|(_, pod, _)| pod.node_name.as_ref() == Some(&node));
                    assert!(!left, "{node} still has pods");
                    let waits = options.wait_ready_seconds > 0;
                    assert!(!waits || self.attached(&node).is_empty(), "{node} still has volumes");
                    let answer = self.write(&node, |found, now| found.claim_deleting = Some(now + 5));
                    stepper.node_answered(&node, &answer, self.moment());
                }
                Step::Wait { seconds } => self.pass(seconds, floor),
                step @ (Step::Stop(_) | Step::Done) => return Some(step),
                Step::Surge { pods } => match self.surge(&pods) {
                    Ok(made) => stepper.surged(made),
                    Err(answer) => stepper.node_answered("", &answer, self.moment()),
                },
                Step::Delete { .. } => panic!("not asked for: {step:?}"),
            }
            self.check(floor);
        }
        panic!("no end in 5,000 steps: {:?}", stepper.states().collect::<Vec<_>>());
    }

    fn left_on_targets(&self) -> usize {
        let targets = format!("n{TARGETS}");
        let on = |pod: &Pod| pod.node_name.as_ref().is_some_and(|node| node.as_str() < targets.as_str());
        self.pods.iter().filter(|(_, pod, _)| on(pod)).count()
    }

    fn floor(&self) -> Vec<usize> {
        (0..self.apps.len()).map(|app| self.apps[app].needs.unwrap_or(0).min(self.healthy(app))).collect()
    }
}

fn options(dice: &mut Dice) -> DrainOptions {
    DrainOptions {
        max_unavailable: 1 + usize::try_from(dice.roll(3)).unwrap(),
        delete_nodeclaim: dice.one_in(3),
        wait_ready_seconds: if dice.one_in(4) { 0 } else { 300 },
        surge: dice.one_in(4),
        ..DrainOptions::default()
    }
}

#[test]
fn every_run_ends_with_empty_nodes_and_whole_budgets() {
    for seed in 0..2_000 {
        let mut simulated = Simulated::new(seed);
        let options = options(&mut simulated.dice);
        let floor = simulated.floor();
        // Dies a few times, then is let through.
        let mut end = None;
        for _ in 0..4 {
            end = simulated.run(&options, true, &floor);
            if end.is_some() {
                break;
            }
        }
        let end = end.or_else(|| simulated.run(&options, false, &floor));
        assert_eq!(end, Some(Step::Done), "seed {seed}");
        assert_eq!(simulated.left_on_targets(), 0, "seed {seed}");
        for (name, node) in simulated.nodes.iter().take(TARGETS) {
            let journal = node.journal.as_ref().map(|journal| journal.phase);
            let wanted = if options.delete_nodeclaim { Phase::Deleting } else { Phase::Drained };
            assert_eq!(journal, Some(wanted), "seed {seed} {name}");
            assert_eq!(node.gone, options.delete_nodeclaim, "seed {seed} {name}");
            assert!(!node.journal.as_ref().unwrap().was_unschedulable, "seed {seed} {name}");
        }
    }
}

#[test]
fn a_pod_that_can_never_go_stops_its_node_alone() {
    for seed in 0..500 {
        let mut simulated = Simulated::new(seed);
        simulated.apps[0].twice = true;
        let options = DrainOptions { max_unavailable: 1, surge: false, ..options(&mut simulated.dice) };
        let floor = simulated.floor();
        let stuck = simulated.left_on_targets();
        let of_twice = |simulated: &Simulated| {
            let targets = format!("n{TARGETS}");
            let on = |pod: &Pod| pod.node_name.as_ref().is_some_and(|node| node.as_str() < targets.as_str());
            simulated.pods.iter().filter(|(app, pod, _)| *app == 0 && on(pod)).count()
        };
        let twice = of_twice(&simulated);
        let end = simulated.run(&options, false, &floor);
        if twice == 0 {
            assert_eq!(end, Some(Step::Done), "seed {seed}");
        } else {
            assert_eq!(end, Some(Step::Stop(StopReason::NodesFailed)), "seed {seed}, {stuck} pods");
            assert_eq!(of_twice(&simulated), twice, "seed {seed}");
        }
    }
}

#[test]
fn a_stop_ends_at_once_and_leaves_a_journal() {
    let mut simulated = Simulated::new(7);
    simulated.faults = false;
    let options = DrainOptions::default();
    let names: Vec<CompactString> = (0..TARGETS).map(|number| format!("n{number}").into()).collect();
    let planned = plan(&simulated.snapshot(), &names, &options, None, &LabelProfile::core());
    let mut stepper = Stepper::new(&planned, DaemonSets::from_names([]), simulated.ready_by_owner());
    let step = stepper.step(&simulated.view(&stepper.wants_pods()));
    let Step::Cordon { journal, .. } = step else { panic!("{step:?}") };
    assert_eq!((journal.phase, journal.was_unschedulable), (Phase::Cordoned, false));
    stepper.stop();
    let step = stepper.step(&simulated.view(&stepper.wants_pods()));
    assert_eq!(step, Step::Stop(StopReason::Interrupted));
}

#[test]
fn a_timeout_is_told_with_its_node() {
    let mut simulated = Simulated::new(11);
    simulated.faults = false;
    simulated.apps.truncate(1);
    simulated.pods.retain(|(app, ..)| *app == 0);
    simulated.apps[0].needs = Some(simulated.apps[0].replicas);
    let options = DrainOptions { timeout_seconds: 20, ..DrainOptions::default() };
    let floor = simulated.floor();
    // Whether or not its pods are on the first node, some node has one, unless none is on a target.
    let end = simulated.run(&options, false, &floor);
    match simulated.left_on_targets() {
        0 => assert_eq!(end, Some(Step::Done)),
        _ => assert_eq!(end, Some(Step::Stop(StopReason::NodesFailed))),
    }
}
