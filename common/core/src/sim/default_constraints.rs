//! Spread constraints for pods that state none, from the controller's `--scheduler-config`.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/defaultconstraints.go. The selector is deduced as
//! kube-scheduler does: Services that select the pod, then its controller.

use rustc_hash::FxHashMap;

use crate::model::{LabelSelector, Labels, Objects, Pod, SelectorExpression, Service, Workload};

/// Services and controllers by what pods know of them.
pub(super) struct Selectors<'a> {
    services: FxHashMap<&'a str, Vec<&'a Service>>,
    workloads: FxHashMap<(&'a str, &'a str, &'a str, &'a str), &'a Workload>,
}

impl<'a> Selectors<'a> {
    pub(super) fn new(objects: &'a Objects) -> Self {
        let mut services: FxHashMap<&str, Vec<&Service>> = FxHashMap::default();
        for service in &objects.services {
            services.entry(&service.metadata.namespace).or_default().push(service);
        }
        services.values_mut().for_each(|list| list.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name)));
        let workloads = objects
            .workloads
            .iter()
            .map(|workload| {
                let metadata = &workload.metadata;
                let key = (
                    workload.api_version.as_str(),
                    workload.kind.as_str(),
                    metadata.namespace.as_str(),
                    metadata.name.as_str(),
                );
                (key, workload)
            })
            .collect();
        Self { services, workloads }
    }

    /// The selector for a pod's default constraints; none where nothing can be deduced.
    pub(super) fn deduce(&self, pod: &Pod) -> Option<LabelSelector> {
        let mut match_labels = Labels::default();
        for service in self.services.get(pod.metadata.namespace.as_str()).into_iter().flatten() {
            let Some(selector) = &service.spec.selector else { continue };
            if selector.iter().all(|(key, value)| pod.metadata.labels.get(key) == Some(value)) {
                match_labels.extend(selector);
            }
        }
        let mut match_expressions = Vec::new();
        if let Some(owner) = pod.metadata.controller() {
            let key = (
                owner.api_version.as_str(),
                owner.kind.as_str(),
                pod.metadata.namespace.as_str(),
                owner.name.as_str(),
            );
            let selector = self.workloads.get(&key).and_then(|workload| workload.spec.selector.as_ref());
            match (key.0, key.1, selector) {
                ("v1", "ReplicationController", Some(selector)) => {
                    match_labels.extend(&selector.match_labels)
                }
                ("apps/v1", "ReplicaSet" | "StatefulSet", Some(selector)) => {
                    match_expressions = flattened(selector);
                }
                _ => {}
            }
        }
        if match_labels.is_empty() && match_expressions.is_empty() {
            return None;
        }
        Some(LabelSelector { match_labels, match_expressions })
    }
}

/// Pairs as expressions, then the expressions.
fn flattened(selector: &LabelSelector) -> Vec<SelectorExpression> {
    let pairs = selector.match_labels.iter().map(|(key, value)| SelectorExpression {
        key: key.into(),
        operator: "In".into(),
        values: vec![value.into()],
    });
    pairs.chain(selector.match_expressions.iter().cloned()).collect()
}
