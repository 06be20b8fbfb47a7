//! Where evicted pods come up again: the scheduler, run on the cluster as it would be.
//!
//! The drained nodes stay, cordoned: their NodeClaims still count against limits, and pods that tolerate the cordon
//! may come back. Pods that nobody makes again are gone.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::report::{LandsOn, NewNode};
use crate::apply::unscheduled;
use crate::explain::{self, Analyst, Depth, ObjectIndex, new_node_place};
use crate::model::{LabelProfile, Node, Pod, Snapshot, Taint, resource_name};
use crate::sim::{Outcome, PoolEligibility, Solution, Synced};

/// Runs the scheduler on a snapshot.
pub type Simulate<'s> = dyn Fn(&Snapshot) -> Solution + 's;

/// Taint of a cordoned node.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Where pods go.
#[derive(Debug, Default)]
pub(super) struct Landing {
    /// By uid.
    pub(super) pods: BTreeMap<CompactString, Lands>,
    /// Nodes that would be launched for them.
    pub(super) new_nodes: Vec<NewNode>,
    /// What keeps the answer from being certain.
    pub(super) uncertain: Vec<String>,
    /// What is not modelled.
    pub(super) not_modelled: Vec<String>,
}

/// Where one pod goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lands {
    /// To a place.
    On(LandsOn),
    /// Nowhere.
    Nowhere {
        /// The controller's words.
        error: String,
        /// Causes, in the closed vocabulary.
        causes: Vec<String>,
    },
    /// Not known.
    Unknown,
}

/// The cluster as it would be: targets cordoned, leaving pods pending or gone.
pub(super) fn as_drained(
    snapshot: &Snapshot,
    targets: &BTreeSet<&str>,
    leaves: impl Fn(&Pod) -> bool,
) -> Snapshot {
    let mut drained = snapshot.clone();
    let moment = drained.taken_at;
    for node in &mut drained.objects.nodes {
        if targets.contains(node.metadata.name.as_str()) {
            cordon(node);
        }
    }
    drained.objects.pods.retain_mut(|pod| {
        let on_target = pod.node_name.as_deref().is_some_and(|node| targets.contains(node));
        if !on_target || !leaves(pod) {
            return true;
        }
        let returns = pod.metadata.controller().is_some() && !pod.is_terminal();
        if returns {
            pod.node_name = None;
            pod.metadata_mut().deletion_timestamp = None;
            pod.status = unscheduled(moment, false).into();
        }
        returns
    });
    drained
}

fn cordon(node: &mut Node) {
    node.spec.unschedulable = true;
    if !node.spec.taints.iter().any(|taint| taint.key == UNSCHEDULABLE) {
        node.spec.taints.push(Taint {
            key: UNSCHEDULABLE.into(),
            value: None,
            effect: "NoSchedule".into(),
            time_added: None,
        });
    }
}

/// Reads the places of moved pods out of the solution of the cluster as it would be.
pub(super) fn read(
    drained: &Snapshot,
    solution: &Solution,
    moved: &BTreeSet<&str>,
    index: &ObjectIndex<'_>,
    profile: &LabelProfile,
) -> Landing {
    let mut landing = Landing::default();
    if let Synced::Waiting(_) = &solution.synced {
        landing
            .uncertain
            .push("controller-waits: places are not known while a NodeClaim has not launched".into());
        return landing;
    }
    // Without a NodePool to use, Karpenter refuses before it looks at the nodes there are; kube-scheduler does not.
    let idle = !solution.node_pools.iter().any(|pool| pool.eligibility == PoolEligibility::Eligible);
    let untyped = solution
        .node_pools
        .iter()
        .any(|pool| matches!(pool.eligibility, PoolEligibility::NoInstanceTypes(_)));
    if untyped {
        landing
            .uncertain
            .push("instance types of a NodePool are not known: new nodes are not predicted".into());
    } else if idle {
        landing.uncertain.push("places: no NodePool is in use, kube-scheduler alone decides".into());
    }
    let mut names: BTreeMap<usize, CompactString> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, claim) in solution.node_claims.iter().enumerate() {
        let uses = claim.pods.iter().any(|pod| moved.contains(solution.pods[*pod].uid.as_str()));
        if !uses {
            continue;
        }
        let number = counts.entry(claim.node_pool.as_str()).or_default();
        *number += 1;
        let name: CompactString = format!("{}-{number}", claim.node_pool).into();
        let place = new_node_place(claim, solution, index, profile);
        landing.new_nodes.push(NewNode {
            name: name.clone(),
            node_pool: claim.node_pool.clone(),
            words: explain::new_node_text(&place),
            instance_types: place.instance_types.clone(),
            instance_type_count: place.instance_type_count,
            zones: place.zones.clone(),
            capacity_types: place.capacity_types.clone(),
            price_usd_per_hour: place.price_per_hour.and_then(|price| price.usd),
            cpu: claim.object.spec.resources.requests.amount(resource_name::CPU).to_string(),
        });
        names.insert(position, name);
    }
    // Only where some pod has no place: its causes take a look at every instance type.
    let mut analyst: Option<Analyst<'_>> = None;
    for pod in solution.pods.iter().filter(|pod| moved.contains(pod.uid.as_str())) {
        let lands = match &pod.outcome {
            Outcome::Existing { node } => Lands::On(LandsOn::Node { node: node.clone() }),
            Outcome::New { node_claim } => match names.get(node_claim) {
                Some(name) => Lands::On(LandsOn::NewNode { new_node: name.clone() }),
                None => Lands::Unknown,
            },
            Outcome::Error { .. } if idle || untyped => Lands::Unknown,
            Outcome::Error { error } | Outcome::Deferred { error } | Outcome::Ignored { error } => {
                let analyst = analyst.get_or_insert_with(|| Analyst::new(drained, solution, profile));
                let found = drained.objects.pods.iter().find(|found| found.metadata.uid == pod.uid);
                let causes = found.map(|found| analyst.analyse(found, Depth::Grouped).cause);
                Lands::Nowhere { error: error.clone(), causes: causes.unwrap_or_default() }
            }
            Outcome::NotModelled(what) => {
                let note = format!("{} of pod/{} -n {}", what.feature, pod.name, pod.namespace);
                landing.not_modelled.push(note);
                Lands::Unknown
            }
            Outcome::NotConsidered(_) => Lands::Unknown,
        };
        landing.pods.insert(pod.uid.clone(), lands);
    }
    landing
}
