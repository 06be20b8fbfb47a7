//! The simulated API server: what it shows, and how it answers, with faults on the way.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;

use super::cluster::{Node, Simulated, TARGETS};
use crate::disruption::eviction::EvictionTier;
use crate::drain::stepper::{Answer, Target};
use crate::drain::view::{NodeView, View};

impl Simulated {
    pub(super) fn ready_by_owner(&self) -> BTreeMap<CompactString, usize> {
        let mut counts = BTreeMap::new();
        for (app, found) in self.apps.iter().enumerate() {
            counts.insert(CompactString::from(found.name.as_str()), self.healthy(app));
        }
        counts
    }

    pub(super) fn view(&self, wants: &[CompactString]) -> View {
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

    pub(super) fn attached(&self, node: &str) -> Vec<CompactString> {
        let left = self.attached.iter().filter(|(on, until)| on == node && *until > self.now);
        left.map(|_| CompactString::from("pv")).collect()
    }

    /// Placeholders are made one request each; what exists already is as good as made.
    pub(super) fn surge(&mut self, pods: &[Target]) -> Result<Vec<CompactString>, Answer> {
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
    pub(super) fn fault(&mut self) -> (Option<Answer>, bool) {
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

    pub(super) fn evict(&mut self, target: &Target) -> Answer {
        let (answer, done) = self.fault();
        let honest = if done { self.evicted(target) } else { Answer::Accepted };
        answer.unwrap_or(honest)
    }

    pub(super) fn evicted(&mut self, target: &Target) -> Answer {
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
        pod.metadata_mut().deletion_timestamp = Some(Timestamp::from_second(now + grace).unwrap());
        Answer::Accepted
    }

    pub(super) fn write(&mut self, node: &str, deed: impl FnOnce(&mut Node, i64)) -> Answer {
        let (answer, done) = self.fault();
        let now = self.now;
        if done {
            deed(self.nodes.get_mut(node).unwrap(), now);
        }
        answer.unwrap_or(Answer::Accepted)
    }
}
