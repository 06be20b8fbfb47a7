//! The cluster after a solution has come true: pods bound, new nodes there.
//!
//! What a new node would look like is known as far as its cheapest instance type is: labels, allocatable, taints.
//! For looking further ahead than one round of the scheduler, such as replacing nodes one after the other.

use compact_str::{CompactString, format_compact};

use super::build::Launched;
use super::launch::Launch;
use crate::model::{
    Condition, InstanceType, LabelProfile, Labels, Node, NodeClaim, Pod, Requirements, Snapshot, label_key,
};
use crate::sim::{NewNodeClaim, Outcome, Solution};

/// Makes a solution come true in the snapshot it was made from. `mark` makes the names of new nodes unique; they
/// are returned in the order of [`Solution::node_claims`], none where the NodeClaim cannot launch.
pub fn settle(
    snapshot: &mut Snapshot,
    solution: &Solution,
    launches: &[Launched],
    profile: &LabelProfile,
    mark: &str,
) -> Vec<Option<CompactString>> {
    let mut names = Vec::new();
    for (number, (claim, launch)) in solution.node_claims.iter().zip(launches).enumerate() {
        let name = format_compact!("{}-{mark}-{}", claim.node_pool, number + 1);
        let launch = launch.as_ref().ok().and_then(Option::as_ref);
        let node = launch.and_then(|launch| new_node(&name, claim, launch, solution, profile));
        names.push(node.as_ref().map(|_| name));
        if let Some((node, node_claim)) = node {
            snapshot.objects.nodes.push(node);
            snapshot.objects.node_claims.push(node_claim);
        }
    }
    for decision in &solution.pods {
        let node = match &decision.outcome {
            Outcome::Existing { node } => Some(node.clone()),
            Outcome::New { node_claim } => names.get(*node_claim).cloned().flatten(),
            _ => None,
        };
        let pod = decision.pod_index.and_then(|index| snapshot.objects.pods.get_mut(index));
        if let (Some(node), Some(pod)) = (node, pod) {
            bind(pod, node);
        }
    }
    names
}

/// A pod runs on a node.
fn bind(pod: &mut Pod, node: CompactString) {
    pod.node_name = Some(node);
    pod.status_mut().phase = "Running".into();
    pod.status_mut().conditions.retain(|condition| condition.kind != "PodScheduled");
    pod.status_mut().conditions.push(is_true("PodScheduled"));
}

fn new_node(
    name: &CompactString,
    claim: &NewNodeClaim,
    launch: &Launch,
    solution: &Solution,
    profile: &LabelProfile,
) -> Option<(Node, NodeClaim)> {
    let pool = solution.node_pools.iter().find(|pool| pool.name == claim.node_pool)?;
    let instance_type =
        pool.instance_types.iter().find(|instance_type| instance_type.name == launch.instance_type)?;
    let provider_id = format_compact!("preview:///{name}");
    let labels = labels(name, claim, launch, instance_type, profile);

    let mut node = Node::default();
    node.metadata_mut().name = name.clone();
    node.metadata_mut().uid = provider_id.clone();
    node.metadata_mut().labels = labels.clone();
    node.metadata_mut().annotations = claim.object.metadata.annotations.clone();
    node.spec.provider_id = provider_id.clone();
    node.spec.taints = claim.object.spec.taints.to_vec();
    node.status_mut().capacity = launch.capacity.clone();
    node.status_mut().allocatable = launch.allocatable.clone();
    node.status_mut().conditions = vec![is_true("Ready")];

    let mut node_claim = claim.object.clone();
    node_claim.metadata_mut().name = name.clone();
    node_claim.metadata_mut().uid = format_compact!("{provider_id}#nodeclaim");
    node_claim.metadata_mut().labels = labels;
    node_claim.status_mut().node_name = name.clone();
    node_claim.status_mut().provider_id = provider_id;
    node_claim.status_mut().capacity = launch.capacity.clone();
    node_claim.status_mut().allocatable = launch.allocatable.clone();
    node_claim.status_mut().conditions =
        ["Launched", "Registered", "Initialized", "Ready"].map(is_true).to_vec();
    Some((node, node_claim))
}

/// Labels of the template, single values of the NodeClaim and of the instance type, and where it came up.
fn labels(
    name: &CompactString,
    claim: &NewNodeClaim,
    launch: &Launch,
    instance_type: &InstanceType,
    profile: &LabelProfile,
) -> Labels {
    let mut labels = single_values(&instance_type.requirements);
    labels.extend(&single_values(&claim.requirements));
    labels.extend(&claim.object.metadata.labels);
    labels.insert(label_key::INSTANCE_TYPE, instance_type.name.clone());
    labels.insert(label_key::CAPACITY_TYPE, launch.capacity_type.clone());
    labels.insert(label_key::NODE_POOL, claim.node_pool.clone());
    labels.insert(label_key::HOSTNAME, name.clone());
    labels.insert(label_key::REGISTERED, "true");
    labels.insert(label_key::INITIALIZED, "true");
    if let Some(zone) = launch.zones.first() {
        labels.insert(label_key::ZONE, zone.clone());
        let offering = instance_type.offerings.iter().find(|offering| {
            offering.zone() == Some(zone) && offering.capacity_type() == Some(launch.capacity_type.as_str())
        });
        if let Some(offering) = offering {
            labels.extend(&single_values(&offering.requirements));
        }
    }
    if let Some(reservation) =
        profile.reservation_id.as_deref().filter(|_| launch.capacity_type != "reserved")
    {
        labels.remove(reservation);
    }
    labels
}

fn single_values(requirements: &Requirements) -> Labels {
    requirements
        .iter()
        .filter(|requirement| !requirement.complement && requirement.values.len() == 1)
        .filter_map(|requirement| Some((requirement.key.clone(), requirement.values.first()?.clone())))
        .collect()
}

fn is_true(kind: &str) -> Condition {
    Condition { kind: kind.into(), status: "True".into(), ..Condition::default() }
}

/// Takes a node out: its Node and NodeClaim, and every pod still bound to it (DaemonSets' own, mostly).
pub fn remove_node(snapshot: &mut Snapshot, node: &str, node_claim: Option<&str>) {
    snapshot.objects.nodes.retain(|object| object.metadata.name != node);
    snapshot.objects.node_claims.retain(|claim| Some(claim.metadata.name.as_str()) != node_claim);
    snapshot.objects.pods.retain(|pod| pod.node_name.as_deref() != Some(node));
}
