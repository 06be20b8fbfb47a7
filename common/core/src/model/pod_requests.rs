//! Effective requests of a pod: what the scheduler reserves for it.
//!
//! Mirrors k8s.io/component-helpers resource.PodRequests (UseStatusResources) as karpenter:
//! pkg/utils/resources/resources.go calls it.

use super::{Container, ContainerStatus, Pod, Quantity, ResourceList, resource_name};

/// Requests of the whole pod, with `pods: 1`: containers together, the largest moment of the init containers,
/// resize in progress, pod-level overrides, and the overhead of the runtime class.
pub fn pod_requests(pod: &Pod) -> ResourceList {
    let infeasible = pod.status.conditions.iter().any(|condition| {
        condition.kind == "PodResizePending" && condition.reason.as_deref() == Some("Infeasible")
    });
    let in_effect = |container: &Container, statuses: &[ContainerStatus]| {
        let status = statuses.iter().find(|status| status.name == container.name);
        let Some((status, resources)) =
            status.and_then(|status| status.resources.as_ref().map(|resources| (status, resources)))
        else {
            return container.resources.requests.clone();
        };
        let mut requests = resources.requests.clone();
        requests.max(&status.allocated_resources);
        if !infeasible {
            requests.max(&container.resources.requests);
        }
        requests
    };

    let mut total = ResourceList::new();
    for container in &pod.spec.containers {
        total.add(&in_effect(container, &pod.status.container_statuses));
    }
    let (mut sidecars, mut largest) = (ResourceList::new(), ResourceList::new());
    for container in &pod.spec.init_containers {
        let candidate = if container.restart_policy.as_deref() == Some("Always") {
            let requests = in_effect(container, &pod.status.init_container_statuses);
            total.add(&requests);
            sidecars.add(&requests);
            sidecars.clone()
        } else {
            let mut candidate = container.resources.requests.clone();
            candidate.add(&sidecars);
            candidate
        };
        largest.max(&candidate);
    }
    total.max(&largest);
    if let Some(resources) = &pod.spec.resources {
        for (name, quantity) in resources.requests.iter().filter(|(name, _)| is_pod_level(name)) {
            total.set(name, quantity);
        }
    }
    total.add(&pod.spec.overhead);
    total.set(resource_name::PODS, Quantity::from_units(1));
    total
}

/// Whether a pod may set this resource as a whole.
fn is_pod_level(name: &str) -> bool {
    name == resource_name::CPU
        || name == resource_name::MEMORY
        || name.starts_with(resource_name::HUGEPAGES_PREFIX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(name: &str, pod: serde_json::Value, expected: &str) {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        assert_eq!(pod_requests(&pod).json_text(), expected, "{name}");
    }

    #[test]
    fn requests_follow_the_rules_of_9_1() {
        let cpu = |name: &str, cpu: &str| json!({"name": name, "resources": {"requests": {"cpu": cpu}}});
        let side = json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}});
        check("nothing", json!({"spec": {"containers": [{"name": "a"}]}}), r#"{"pods":"1"}"#);
        check(
            "containers add up",
            json!({"spec": {"containers": [cpu("a", "1"), cpu("b", "2")]}}),
            r#"{"cpu":"3","pods":"1"}"#,
        );
        check(
            "the largest init container counts, with the sidecars before it",
            json!({"spec": {"containers": [cpu("a", "1")], "initContainers": [side, cpu("i", "4")]}}),
            r#"{"cpu":"5","pods":"1"}"#,
        );
        check(
            "sidecars count for good",
            json!({"spec": {"containers": [cpu("a", "1")], "initContainers": [side]}}),
            r#"{"cpu":"2","pods":"1"}"#,
        );
        check(
            "pod level replaces, overhead adds",
            json!({"spec": {"containers": [cpu("a", "1")], "resources": {"requests": {"cpu": "500m"}},
                "overhead": {"cpu": "250m", "memory": "64Mi"}}}),
            r#"{"cpu":"750m","memory":"64Mi","pods":"1"}"#,
        );
        check(
            "a resize in progress counts the larger",
            json!({"spec": {"containers": [cpu("a", "1")]}, "status": {"containerStatuses": [
                {"name": "a", "resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"cpu": "2"}}]}}),
            r#"{"cpu":"3","pods":"1"}"#,
        );
        check(
            "an infeasible resize does not count",
            json!({"spec": {"containers": [cpu("a", "9")]}, "status": {
                "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
                "containerStatuses": [{"name": "a", "resources": {"requests": {"cpu": "3"}}}]}}),
            r#"{"cpu":"3","pods":"1"}"#,
        );
    }
}
