//! Candidates: the nodes a disruption method may take, and what the controller publishes about the others.
//!
//! Mirrors karpenter: pkg/controllers/disruption/types.go (`NewCandidate`), helpers.go (`GetCandidates`,
//! `BuildDisruptionBudgetMapping`) and the `ShouldDisrupt` of each method.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;

use super::blockers::{Blocker, DisruptionClass, first_blocker};
use super::budgets::{DisruptionReason, PoolNodes, allowance};
use super::cluster_state::ClusterState;
use super::cost;
use crate::model::{
    InstanceType, NodeClaim, NodePool, Pod, StateNode, condition, condition_is_true, label_key,
    parse_nillable,
};
use crate::sim::pods::{self, DoNotDisrupt};

/// A disruption method, in the controller's order. Repair is not among them: it needs conditions that only a
/// live node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Deletes nodes without pods that count.
    Emptiness,
    /// Replaces drifted nodes of static NodePools.
    StaticDrift,
    /// Replaces drifted nodes.
    Drift,
    /// Deletes or replaces several nodes at once.
    MultiNodeConsolidation,
    /// Deletes or replaces one node.
    SingleNodeConsolidation,
}

impl Method {
    /// All of them, in order.
    pub const ALL: [Method; 5] = [
        Method::Emptiness,
        Method::StaticDrift,
        Method::Drift,
        Method::MultiNodeConsolidation,
        Method::SingleNodeConsolidation,
    ];

    /// The reason whose budgets apply.
    pub const fn reason(self) -> DisruptionReason {
        match self {
            Method::Emptiness => DisruptionReason::Empty,
            Method::StaticDrift | Method::Drift => DisruptionReason::Drifted,
            Method::MultiNodeConsolidation | Method::SingleNodeConsolidation => {
                DisruptionReason::Underutilized
            }
        }
    }

    /// Whether pods that block can be passed.
    pub const fn class(self) -> DisruptionClass {
        match self {
            Method::StaticDrift | Method::Drift => DisruptionClass::Eventual,
            _ => DisruptionClass::Graceful,
        }
    }
}

/// A node that a method may take.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The machine.
    pub node: StateNode<'a>,
    /// Its NodeClaim.
    pub node_claim: &'a NodeClaim,
    /// Its NodePool.
    pub node_pool: &'a NodePool,
    /// The NodePool's instance types.
    pub instance_types: Arc<[InstanceType]>,
    /// Position of its own among them.
    pub instance_type: Option<usize>,
    /// What it costs an hour; 0 where that is not known.
    pub price: f64,
    /// Cost of moving its pods.
    pub reschedule_cost: f64,
    /// Pods that must go elsewhere, by namespace and name.
    pub pods: Vec<&'a Pod>,
}

impl Candidate<'_> {
    /// Nothing on it counts (though pods with a very low cost may run).
    pub fn is_empty(&self) -> bool {
        self.reschedule_cost <= cost::PER_NODE
    }

    /// Price per unit of disruption.
    pub fn savings_ratio(&self) -> f64 {
        self.price / self.reschedule_cost
    }

    /// Since when it is drifted, where it is.
    pub fn drifted_since(&self) -> Option<Timestamp> {
        condition(&self.node_claim.status.conditions, "Drifted")?.last_transition_time
    }
}

/// Something the controller publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DisruptionEvent {
    /// `Node/n1`, `NodePool/default`, `Pod/ns/name`.
    pub object: String,
    /// Reason.
    pub reason: &'static str,
    /// Text.
    pub message: String,
}

/// What the controller has published in a pass, each text once per object.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    events: Vec<DisruptionEvent>,
    seen: BTreeSet<DisruptionEvent>,
}

impl Recorder {
    /// Publishes.
    pub fn publish(&mut self, object: String, reason: &'static str, message: impl Into<String>) {
        let event = DisruptionEvent { object, reason, message: message.into() };
        if self.seen.insert(event.clone()) {
            self.events.push(event);
        }
    }

    /// Publishes about a machine; the copy on its NodeClaim is left out.
    pub fn publish_node(&mut self, node: &StateNode<'_>, reason: &'static str, message: impl Into<String>) {
        let object = match (node.node, node.node_claim) {
            (Some(node), _) => format!("Node/{}", node.metadata.name),
            (None, Some(claim)) => format!("NodeClaim/{}", claim.metadata.name),
            (None, None) => return,
        };
        self.publish(object, reason, message);
    }

    /// Publishes what a pod's do-not-disrupt annotation gives rise to whenever the controller reads it.
    pub fn publish_do_not_disrupt(&mut self, pod: &Pod, now: Timestamp) {
        let object = || format!("Pod/{}", pod.key());
        match DoNotDisrupt::of(pod, now) {
            DoNotDisrupt::Invalid(problem) => self.publish(
                object(),
                "InvalidDoNotDisruptAnnotation",
                format!("Invalid {} annotation: {problem}, ignoring annotation", label_key::DO_NOT_DISRUPT),
            ),
            DoNotDisrupt::Until(until) => self.publish(
                object(),
                "DoNotDisruptUntil",
                format!("The {} grace period will elapse at {}", label_key::DO_NOT_DISRUPT, rfc3339(until)),
            ),
            DoNotDisrupt::Elapsed(_) => self.publish(
                object(),
                "DoNotDisruptGracePeriodElapsed",
                format!("The {} grace period has elapsed, pod is now disruptable", label_key::DO_NOT_DISRUPT),
            ),
            DoNotDisrupt::Absent | DoNotDisrupt::Always | DoNotDisrupt::NotStarted(_) => {}
        }
    }

    /// All of it: by object, then in order of publication.
    pub fn into_events(mut self) -> Vec<DisruptionEvent> {
        self.events.sort_by(|a, b| a.object.cmp(&b.object));
        self.events
    }
}

/// Whole seconds, as Go's RFC 3339 prints.
fn rfc3339(moment: Timestamp) -> String {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()
}

/// The candidates of a method, by ascending provider id.
pub fn candidates<'a>(
    cluster: &ClusterState<'a>,
    method: Method,
    recorder: &mut Recorder,
) -> Vec<Candidate<'a>> {
    let all: Vec<Candidate<'a>> = cluster
        .nodes
        .iter()
        .filter_map(|node| new_candidate(cluster, *node, method.class(), recorder))
        .collect();
    all.into_iter().filter(|candidate| should_disrupt(candidate, method, recorder)).collect()
}

/// A candidate, or the blocker that the controller tells.
pub fn new_candidate<'a>(
    cluster: &ClusterState<'a>,
    node: StateNode<'a>,
    class: DisruptionClass,
    recorder: &mut Recorder,
) -> Option<Candidate<'a>> {
    let blocker = first_blocker(cluster, &node, class);
    read_annotations(cluster, &node, blocker.as_ref(), recorder);
    if let Some(blocker) = blocker {
        // Without a NodeClaim nothing is published; a node in a command is passed over in silence.
        if node.node_claim.is_some() && blocker != Blocker::InCommand {
            recorder.publish_node(&node, "DisruptionBlocked", blocker.message());
        }
        return None;
    }
    let node_claim = node.node_claim?;
    let pool = cluster.node_pools.get(node.node_pool()?)?;
    let instance_types = pool.instance_types.clone().unwrap_or_default();
    let labels = node.labels();
    let name = labels.get(label_key::INSTANCE_TYPE).unwrap_or_default();
    let instance_type = instance_types.iter().position(|candidate| candidate.name == name);
    let pods: Vec<&Pod> =
        cluster.pods(&node).iter().copied().filter(|pod| pods::is_reschedulable(pod)).collect();
    let price = instance_type.map_or(0.0, |at| {
        let (zone, capacity_type) = (labels.get(label_key::ZONE), labels.get(label_key::CAPACITY_TYPE));
        offering_price(&instance_types[at], zone.unwrap_or_default(), capacity_type.unwrap_or_default())
    });
    let reschedule_cost = cost::reschedule_cost(pods.iter().copied(), cluster.cost_rules);
    Some(Candidate {
        node,
        node_claim,
        node_pool: pool.node_pool,
        instance_types,
        instance_type,
        price,
        reschedule_cost,
        pods,
    })
}

/// The pods whose do-not-disrupt annotation the controller reads on the way: up to the first that blocks, unless
/// something about the node stopped it before.
fn read_annotations(
    cluster: &ClusterState<'_>,
    node: &StateNode<'_>,
    blocker: Option<&Blocker>,
    recorder: &mut Recorder,
) {
    if blocker.is_some_and(|blocker| !blocker.is_about_pods()) {
        return;
    }
    for pod in cluster.pods(node).iter().filter(|pod| pod.is_active()) {
        recorder.publish_do_not_disrupt(pod, cluster.now());
        if !pods::is_disruptable(pod, cluster.now()) {
            return;
        }
    }
}

/// The price of the first offering of that zone and capacity type; 0 where there is none.
fn offering_price(instance_type: &InstanceType, zone: &str, capacity_type: &str) -> f64 {
    instance_type
        .offerings
        .iter()
        .find(|offering| {
            offering.zone().unwrap_or_default() == zone
                && offering.capacity_type().unwrap_or_default() == capacity_type
        })
        .map(|offering| offering.price)
        .filter(|price| price.is_finite())
        .unwrap_or(0.0)
}

/// Whether a method wants a candidate; the refusals that the controller tells are published.
fn should_disrupt(candidate: &Candidate<'_>, method: Method, recorder: &mut Recorder) -> bool {
    let claim = |kind: &str| condition_is_true(&candidate.node_claim.status.conditions, kind);
    let is_static = candidate.node_pool.is_static();
    match method {
        Method::StaticDrift => is_static && claim("Drifted"),
        Method::Drift => !is_static && claim("Drifted"),
        _ if is_static => false,
        Method::Emptiness => {
            if let Some(refusal) = consolidation_off(candidate) {
                recorder.publish_node(&candidate.node, "Unconsolidatable", refusal);
                return false;
            }
            candidate.is_empty() && claim("Consolidatable")
        }
        Method::MultiNodeConsolidation | Method::SingleNodeConsolidation => {
            if let Some(refusal) = cannot_compare_price(candidate).or_else(|| consolidation_off(candidate)) {
                recorder.publish_node(&candidate.node, "Unconsolidatable", refusal);
                return false;
            }
            if candidate.is_empty() {
                return false;
            }
            if candidate.node_pool.spec.disruption.consolidation_policy.as_deref() == Some("WhenEmpty") {
                let refusal = format!(
                    "NodePool {:?} has consolidation policy WhenEmpty, but node is not empty",
                    candidate.node_pool.name()
                );
                recorder.publish_node(&candidate.node, "Unconsolidatable", refusal);
                return false;
            }
            claim("Consolidatable")
        }
    }
}

fn consolidation_off(candidate: &Candidate<'_>) -> Option<String> {
    let after = candidate.node_pool.spec.disruption.consolidate_after.as_deref();
    let off = after.is_some_and(|text| parse_nillable(text) == Ok(None));
    off.then(|| format!("NodePool {:?} has consolidation disabled", candidate.node_pool.name()))
}

fn cannot_compare_price(candidate: &Candidate<'_>) -> Option<String> {
    let labels = candidate.node.labels();
    if candidate.instance_type.is_none() {
        let name = labels.get(label_key::INSTANCE_TYPE).unwrap_or_default();
        return Some(format!("Instance Type {name:?} not found"));
    }
    [label_key::CAPACITY_TYPE, label_key::ZONE]
        .into_iter()
        .find(|key| labels.get(key).is_none())
        .map(|key| format!("Node does not have label {key:?}"))
}

/// How many nodes each managed NodePool may still lose for a reason, by name. Where the allowance itself is zero
/// and the NodePool has nodes, the controller says so.
pub fn budget_mapping<'a>(
    cluster: &ClusterState<'a>,
    reason: DisruptionReason,
    recorder: &mut Recorder,
) -> BTreeMap<CompactString, i64> {
    let nodes = cluster.pool_nodes();
    let none = PoolNodes::default();
    cluster
        .node_pools
        .iter()
        .map(|(name, pool)| {
            let nodes = nodes.get(name).unwrap_or(&none);
            let allowance = allowance(pool.node_pool, reason, nodes.total, cluster.now());
            if nodes.total > 0 && allowance.allowed == 0 {
                recorder.publish(
                    format!("NodePool/{name}"),
                    "DisruptionBlocked",
                    format!("No allowed disruptions for disruption reason {reason} due to blocking budget"),
                );
            }
            ((*name).into(), nodes.left(&allowance, reason))
        })
        .collect()
}
