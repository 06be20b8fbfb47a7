//! The simulated cluster: nodes and workloads, and what controllers, scheduler and kubelets do in a second.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;
use serde_json::json;

use super::dice::Dice;
use crate::drain::journal::Journal;
use crate::model::{Pod, Snapshot};

pub(super) struct App {
    pub(super) name: String,
    pub(super) replicas: usize,
    pub(super) stateful: bool,
    /// Healthy pods its PDB needs; none = no PDB.
    pub(super) needs: Option<usize>,
    pub(super) ready_seconds: i64,
    pub(super) grace: i64,
    pub(super) critical: bool,
    /// A second PDB selects its pods.
    pub(super) twice: bool,
}

pub(super) struct Node {
    pub(super) cordoned: bool,
    pub(super) journal: Option<Journal>,
    pub(super) gone: bool,
    pub(super) claim_deleting: Option<i64>,
}

pub(super) struct Simulated {
    pub(super) now: i64,
    pub(super) apps: Vec<App>,
    pub(super) pods: Vec<(usize, Pod, i64)>,
    pub(super) nodes: BTreeMap<CompactString, Node>,
    pub(super) dice: Dice,
    pub(super) faults: bool,
    pub(super) next: usize,
    /// Node, and the moment at which the volume of a pod that left it is detached.
    pub(super) attached: Vec<(CompactString, i64)>,
    /// Placeholders by uid of their pod: since when they have a Ready node.
    pub(super) placeholders: BTreeMap<CompactString, i64>,
    /// Placeholders that this run of the program made.
    pub(super) surged: Vec<CompactString>,
    /// Those of which it knows that they are there.
    pub(super) known: BTreeSet<CompactString>,
}

pub(super) const TARGETS: usize = 3;

impl Simulated {
    pub(super) fn new(seed: u64) -> Self {
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

    pub(super) fn moment(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap()
    }

    /// Controllers, scheduler and kubelets for one moment.
    pub(super) fn control(&mut self) {
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

    pub(super) fn make(&self, app: usize, name: &str, node: &str) -> Pod {
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

    pub(super) fn tick(&mut self) {
        let now = self.now;
        self.pods
            .retain(|(_, pod, _)| pod.metadata.deletion_timestamp.is_none_or(|end| end.as_second() > now));
        for (_, pod, ready_at) in &mut self.pods {
            if *ready_at <= now {
                pod.status_mut().conditions[0].status = "True".into();
            }
        }
        for node in self.nodes.values_mut() {
            node.gone |= node.claim_deleting.is_some_and(|at| at <= now);
        }
        self.control();
    }

    pub(super) fn healthy(&self, app: usize) -> usize {
        let own = self.pods.iter().filter(|(owner, ..)| *owner == app);
        own.filter(|(_, pod, _)| pod.is_ready() && !pod.metadata.is_deleting()).count()
    }

    pub(super) fn pass(&mut self, seconds: i64, floor: &[usize]) {
        for _ in 0..seconds {
            self.now += 1;
            self.tick();
            self.check(floor);
        }
    }

    /// No PDB is below its need, unless it was before we came.
    pub(super) fn check(&self, floor: &[usize]) {
        for (app, floor) in floor.iter().enumerate() {
            assert!(self.healthy(app) >= *floor, "{} fell to {}", self.apps[app].name, self.healthy(app));
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
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

    pub(super) fn left_on_targets(&self) -> usize {
        let targets = format!("n{TARGETS}");
        let on = |pod: &Pod| pod.node_name.as_ref().is_some_and(|node| node.as_str() < targets.as_str());
        self.pods.iter().filter(|(_, pod, _)| on(pod)).count()
    }

    pub(super) fn floor(&self) -> Vec<usize> {
        (0..self.apps.len()).map(|app| self.apps[app].needs.unwrap_or(0).min(self.healthy(app))).collect()
    }
}
