//! The cluster that a drain works on: what it looks at, and the deeds as requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compact_str::CompactString;
use jiff::Timestamp;
use karp_common::cluster::{Reply, Request, Writer};
use karp_core::drain::report::PodAction;
use karp_core::drain::{
    Answer, DRAIN_ANNOTATION, DrainPlan, Journal, NodeView, Owner, Phase, Stepper, Target, View,
    placeholder_name,
};
use karp_core::model::{Node, NodeClaim, Pod, Workload};
use karp_core::report::Error;
use serde_json::json;

use crate::apply::Cluster;
use crate::attachments::Attachments;
use crate::room::{self, Wanted};

/// The real cluster.
pub(crate) struct Live<'a> {
    writer: &'a Writer,
    plan: &'a DrainPlan,
    surge_image: &'a str,
    /// What was seen of every target; nodes whose turn has not come are not read again.
    seen: BTreeMap<CompactString, (NodeView, Option<CompactString>)>,
    looked: bool,
    stale: BTreeSet<CompactString>,
    clock: Timestamp,
    /// Names of the placeholders that this run wants.
    surged: BTreeSet<String>,
    /// Those of which it knows that they are there.
    placeholders: BTreeSet<String>,
    attachments: Attachments,
}

impl<'a> Live<'a> {
    pub(crate) fn new(writer: &'a Writer, plan: &'a DrainPlan, surge_image: &'a str) -> Self {
        Self {
            writer,
            plan,
            surge_image,
            seen: BTreeMap::new(),
            looked: false,
            stale: BTreeSet::new(),
            clock: plan.taken_at,
            surged: BTreeSet::new(),
            placeholders: BTreeSet::new(),
            attachments: Attachments::default(),
        }
    }

    /// Whether volumes were not looked at, for want of a permission.
    pub(crate) fn attachments_unknown(&self) -> bool {
        self.attachments.are_forbidden()
    }

    fn refresh(&mut self, name: &CompactString, with_pods: bool) -> Result<(), Error> {
        let Some(node) = self.writer.get::<Node>(&node_path(name))? else {
            self.seen.remove(name);
            return Ok(());
        };
        self.clock = self.writer.date().unwrap_or(self.clock).max(self.clock);
        let annotation = node.metadata.annotations.get(DRAIN_ANNOTATION);
        let journal = annotation.map(|text| Journal::parse(name, text)).transpose().map_err(|error| {
            Error::usage(error.to_string())
                .hint(format!("kubectl annotate node {name} {DRAIN_ANNOTATION}- removes it"))
        })?;
        let pods = match with_pods {
            true => {
                Some(self.writer.list::<Pod>(&format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{name}"))?)
            }
            false => None,
        };
        let planned = self.plan.nodes.iter().find(|found| found.name == *name);
        // What an earlier run began to delete is followed to its end, asked for again or not.
        let begun = journal.as_ref().is_some_and(|journal| journal.phase == Phase::Deleting);
        let claim = planned
            .and_then(|planned| planned.node_claim.as_ref())
            .filter(|_| self.plan.options.delete_nodeclaim || begun);
        let node_claim = match claim {
            Some(claim) => self.writer.get::<NodeClaim>(&claim_path(claim))?.map(|found| {
                (found.metadata.name.clone(), found.metadata.uid.clone(), found.metadata.is_deleting())
            }),
            None => None,
        };
        let view = NodeView {
            uid: node.metadata.uid.clone(),
            unschedulable: node.spec.unschedulable,
            journal,
            pods,
            attached: None,
            node_claim,
        };
        self.seen.insert(name.clone(), (view, node.metadata.resource_version.clone()));
        Ok(())
    }

    fn write_node(&mut self, node: &str, uid: &str, journal: &Journal, cordon: bool) -> Answer {
        self.stale.insert(node.into());
        let version = self.seen.get(node).and_then(|(_, version)| version.clone());
        let mut body =
            json!({"metadata": {"uid": uid, "annotations": {DRAIN_ANNOTATION: journal.to_string()}}});
        if cordon {
            body["spec"] = json!({"unschedulable": true});
            // What was read decides what an abort puts back: it must still be so.
            body["metadata"]["resourceVersion"] = json!(version);
        }
        answer(self.writer.send(Request::merge_patch(&node_path(node), body, false)))
    }

    /// Volumes of pods that stay on a node: they stay attached.
    fn staying_volumes(&self, node: &str) -> BTreeSet<CompactString> {
        let nodes = self.plan.nodes.iter().filter(|found| found.name == node);
        let staying = nodes.flat_map(|node| &node.pods).filter(|pod| pod.action == PodAction::Skip);
        staying.flat_map(|pod| &pod.volumes).map(|volume| volume.volume.clone()).collect()
    }

    /// The pod as it was last seen, with the zones its volumes can be reached from.
    fn wanted(&self, target: &Target) -> Option<Wanted<'_>> {
        let (node, _) = self.seen.get(&target.node)?;
        let pod = node.pods.as_ref()?.iter().find(|pod| pod.metadata.uid == target.uid)?;
        let planned = self.plan.pods().find(|pod| pod.uid == target.uid);
        let zones: BTreeSet<CompactString> =
            planned.iter().flat_map(|pod| &pod.volumes).flat_map(|volume| volume.zones.clone()).collect();
        Some(Wanted { pod, node_uid: &node.uid, zones: zones.into_iter().collect() })
    }

    /// What controllers that have fewer Ready pods than before want now; not known where it may not be read.
    fn wanted_by_owner(
        &self,
        stepper: &Stepper,
        ready: &BTreeMap<CompactString, usize>,
    ) -> BTreeMap<CompactString, usize> {
        let mut wanted = BTreeMap::new();
        for owner in stepper.awaited() {
            if ready.get(&owner.uid).copied().unwrap_or(0) >= owner.ready_before {
                continue;
            }
            let Some(path) = owner_path(owner) else { continue };
            match self.writer.get::<Workload>(&path) {
                Ok(Some(found)) if found.metadata.uid == owner.uid => {
                    let replicas = found.spec.replicas.unwrap_or(1);
                    wanted.insert(owner.uid.clone(), usize::try_from(replicas).unwrap_or(0));
                }
                Ok(_) => {
                    wanted.insert(owner.uid.clone(), 0);
                }
                Err(_) => {}
            }
        }
        wanted
    }

    /// Pods that an earlier run sent away are in no plan: the controllers that are awaited tell where to look.
    fn ready_by_owner(&self, stepper: &Stepper) -> Result<BTreeMap<CompactString, usize>, Error> {
        let awaited = stepper.awaited();
        let namespaces: BTreeSet<&str> = awaited.iter().map(|owner| owner.namespace.as_str()).collect();
        let mut counts = BTreeMap::new();
        for namespace in namespaces {
            let pods = self.writer.list::<Pod>(&format!("/api/v1/namespaces/{namespace}/pods"))?;
            count_ready(&pods, &mut counts);
        }
        Ok(counts)
    }
}

fn owner_path(owner: &Owner) -> Option<String> {
    let (group, plural) = match owner.kind.as_str() {
        "ReplicaSet" => ("apis/apps/v1", "replicasets"),
        "StatefulSet" => ("apis/apps/v1", "statefulsets"),
        "ReplicationController" => ("api/v1", "replicationcontrollers"),
        _ => return None,
    };
    Some(format!("/{group}/namespaces/{}/{plural}/{}", owner.namespace, owner.name))
}

/// Ready pods by uid of their controller.
pub(crate) fn count_ready(pods: &[Pod], counts: &mut BTreeMap<CompactString, usize>) {
    for pod in pods.iter().filter(|pod| pod.is_ready() && pod.is_active()) {
        if let Some(owner) = pod.metadata.controller() {
            *counts.entry(owner.uid.clone()).or_default() += 1;
        }
    }
}

impl Cluster for Live<'_> {
    fn look(&mut self, stepper: &Stepper) -> Result<View, Error> {
        let names: Vec<CompactString> = self.plan.nodes.iter().map(|node| node.name.clone()).collect();
        let with_pods: BTreeSet<CompactString> = stepper.wants_pods().into_iter().collect();
        let deleting: BTreeSet<CompactString> = stepper
            .states()
            .filter(|(_, state)| **state == karp_core::drain::NodeState::Deleting)
            .map(|(name, _)| name.clone())
            .collect();
        for name in &names {
            let wanted = with_pods.contains(name) || deleting.contains(name);
            if !self.looked || wanted || self.stale.contains(name) {
                self.refresh(name, with_pods.contains(name))?;
                self.stale.remove(name);
            } else if let Some((view, _)) = self.seen.get_mut(name) {
                view.pods = None;
            }
        }
        self.looked = true;
        let ready_by_owner =
            if stepper.wants_replacements() { self.ready_by_owner(stepper)? } else { BTreeMap::new() };
        let wanted_by_owner = self.wanted_by_owner(stepper, &ready_by_owner);
        let mut surge = (0, 0);
        if stepper.wants_surge() {
            let (there, placed) = room::placed(self.writer, &self.surged)?;
            surge = (there.len(), placed);
            self.placeholders = there;
        }
        for name in stepper.wants_attachments() {
            let staying = self.staying_volumes(&name);
            if let Some((view, _)) = self.seen.get_mut(&name) {
                view.attached = Some(self.attachments.of(self.writer, &name, &staying, self.clock)?);
            }
        }
        let nodes = self.seen.iter().map(|(name, (view, _))| (name.clone(), view.clone())).collect();
        Ok(View { now: self.clock, nodes, ready_by_owner, wanted_by_owner, surge })
    }

    fn cordon(&mut self, node: &str, uid: &str, journal: &Journal) -> Answer {
        self.write_node(node, uid, journal, true)
    }

    fn mark(&mut self, node: &str, uid: &str, journal: &Journal) -> Answer {
        self.write_node(node, uid, journal, false)
    }

    fn evict(&mut self, pods: &[Target]) -> Vec<Answer> {
        let request =
            |pod: &Target| Request::evict(&pod.namespace, &pod.name, &pod.uid, pod.grace_seconds, false);
        self.writer.send_all(pods.iter().map(request).collect()).into_iter().map(answer).collect()
    }

    fn delete(&mut self, pods: &[Target]) -> Vec<Answer> {
        let request = |pod: &Target| {
            let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
            Request::delete(&path, Some(&pod.uid), pod.grace_seconds, false)
        };
        self.writer.send_all(pods.iter().map(request).collect()).into_iter().map(answer).collect()
    }

    fn delete_node_claim(&mut self, name: &str, uid: &str) -> Answer {
        answer(self.writer.send(Request::delete(&claim_path(name), Some(uid), None, false)))
    }

    fn surge(&mut self, pods: &[Target]) -> Result<Vec<CompactString>, Answer> {
        self.surged = pods.iter().map(|pod| placeholder_name(&pod.uid)).collect();
        let is_missing = |target: &&Target| !self.placeholders.contains(&placeholder_name(&target.uid));
        let missing: Vec<Wanted<'_>> =
            pods.iter().filter(is_missing).filter_map(|target| self.wanted(target)).collect();
        let mut there = self.placeholders.clone();
        let made = room::make(self.writer, self.surge_image, &missing, &mut there);
        self.placeholders = there;
        made.map(|()| pods.iter().map(|pod| pod.uid.clone()).collect())
    }

    fn end_surge(&mut self) -> usize {
        let nodes = self.plan.nodes.iter().map(|node| node.uid.clone()).collect();
        room::give_back(self.writer, &nodes)
    }

    fn sleep(&mut self, time: Duration) {
        self.writer.sleep(time);
    }

    fn interrupts(&self) -> usize {
        self.writer.interrupts()
    }
}

pub(crate) fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Done(_) => Answer::Accepted,
        Reply::Gone => Answer::Gone,
        Reply::Conflict(_) => Answer::Conflict,
        Reply::NotNow { retry_after_seconds, message, .. } => Answer::NotNow { retry_after_seconds, message },
        Reply::Never(message) => Answer::Never { message },
        Reply::Unknown(message) => Answer::Unknown { message },
    }
}

/// What an abort did to a node.
pub(crate) enum Aborted {
    /// It takes pods again.
    Uncordoned,
    /// It was cordoned before the drain.
    LeftCordoned,
    /// No drain of ours is on it.
    NothingToUndo,
    /// Its NodeClaim is being deleted.
    TooLate,
}

/// Puts a node back as it was before its drain.
pub(crate) fn abort(writer: &Writer, name: &str) -> Result<Aborted, Error> {
    let mut last = String::new();
    for _ in 0..10 {
        let Some(node) = writer.get::<Node>(&node_path(name))? else {
            return Err(Error::not_found(format!("nodes {name:?} not found")));
        };
        let Some(text) = node.metadata.annotations.get(DRAIN_ANNOTATION) else {
            return Ok(Aborted::NothingToUndo);
        };
        let journal = Journal::parse(name, text).map_err(|error| Error::usage(error.to_string()))?;
        if journal.phase == karp_core::drain::Phase::Deleting {
            return Ok(Aborted::TooLate);
        }
        let unschedulable = if journal.was_unschedulable { json!(true) } else { json!(null) };
        let body = json!({
            "metadata": {"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version,
                "annotations": {DRAIN_ANNOTATION: null}},
            "spec": {"unschedulable": unschedulable},
        });
        match writer.send(Request::merge_patch(&node_path(name), body, false)) {
            Reply::Done(_) if journal.was_unschedulable => return Ok(Aborted::LeftCordoned),
            Reply::Done(_) => return Ok(Aborted::Uncordoned),
            Reply::Never(message) => {
                return Err(Error::unreachable(format!("not allowed to change node/{name}")).cause(message));
            }
            other => last = format!("{other:?}"),
        }
        writer.sleep(Duration::from_millis(500));
    }
    Err(Error::new(karp_core::report::ErrorKind::HalfWay, format!("node/{name} could not be put back"))
        .cause(last))
}

pub(crate) fn node_path(name: &str) -> String {
    format!("/api/v1/nodes/{name}")
}

fn claim_path(name: &str) -> String {
    format!("/apis/karpenter.sh/v1/nodeclaims/{name}")
}
