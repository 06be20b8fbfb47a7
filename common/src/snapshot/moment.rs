//! The newest timestamp among objects: the moment of a dump that does not say when it was taken.

use jiff::Timestamp;
use karp_core::model::{Condition, ListReader, Object, Objects};

/// The newest time at which something is said to have happened; none without any timestamp. Times that lie ahead
/// (deletion, end of a reservation) do not count.
pub fn newest_timestamp(objects: &Objects) -> Option<Timestamp> {
    let created = created(objects);
    let pods = objects
        .pods
        .iter()
        .flat_map(|pod| pod.status.start_time.into_iter().chain(conditions(&pod.status.conditions)));
    let nodes = objects.nodes.iter().flat_map(|node| conditions(&node.status.conditions));
    let claims = objects.node_claims.iter().flat_map(|claim| {
        claim.status.last_pod_event_time.into_iter().chain(conditions(&claim.status.conditions))
    });
    let pools = objects.node_pools.iter().flat_map(|pool| conditions(&pool.status.conditions));
    let classes = objects.ec2_node_classes.iter().flat_map(|class| conditions(&class.status.conditions));
    let workloads = objects.workloads.iter().flat_map(|workload| conditions(&workload.status.conditions));
    let events = objects.events.iter().filter_map(|event| event.last_seen());
    created
        .into_iter()
        .chain(pods)
        .chain(nodes)
        .chain(claims)
        .chain(pools)
        .chain(classes)
        .chain(workloads)
        .chain(events)
        .max()
}

fn conditions(conditions: &[Condition]) -> impl Iterator<Item = Timestamp> {
    conditions.iter().filter_map(|condition| condition.last_transition_time)
}

/// The newest creation of all kinds.
fn created(objects: &Objects) -> Option<Timestamp> {
    struct Newest(Option<Timestamp>);
    impl ListReader for Newest {
        fn list<T: Object>(&mut self, _plural: &'static str, list: &[T]) {
            self.0 = list.iter().filter_map(|object| object.metadata().creation_timestamp).max().max(self.0);
        }
    }
    let mut newest = Newest(None);
    objects.read_lists(&mut newest);
    newest.0
}
