//! What the API server fills in when a pod is made: requests from limits, priority, default tolerations, selectors
//! of `matchLabelKeys`, the default StorageClass.

use crate::model::{
    Affinity, LabelSelector, Labels, Objects, PodAffinity, PodAffinityTerm, PodSpec, ResourceRequirements,
    SelectorExpression, Toleration,
};

/// Classes that every cluster has, with their priorities.
const BUILT_IN_CLASSES: [(&str, i32); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// Taints whose default toleration lasts five minutes.
const DEFAULT_TOLERATIONS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Seconds of the default tolerations.
const DEFAULT_TOLERATION_SECONDS: i64 = 300;

/// Fills in what a template leaves to the API server; the same for templates and pods.
pub(super) fn default_template(spec: &mut PodSpec) {
    for container in spec.containers.iter_mut().chain(&mut spec.init_containers) {
        requests_from_limits(&mut container.resources);
    }
    if let Some(resources) = &mut spec.resources {
        requests_from_limits(resources);
    }
    spec.restart_policy.get_or_insert_with(|| "Always".into());
    spec.scheduler_name.get_or_insert_with(|| "default-scheduler".into());
    spec.termination_grace_period_seconds.get_or_insert(30);
}

/// Fills in what only a pod gets: priority, tolerations, merged selectors. Notes a class that does not exist.
pub(super) fn admit(spec: &mut PodSpec, labels: &Labels, objects: &Objects, notes: &mut Vec<String>) {
    default_template(spec);
    priority(spec, objects, notes);
    for key in DEFAULT_TOLERATIONS {
        let covered = spec.tolerations.iter().any(|toleration| {
            toleration.key.as_deref().unwrap_or_default() == key
                && matches!(toleration.effect.as_deref().unwrap_or_default(), "" | "NoExecute")
                || toleration.key.as_deref().unwrap_or_default().is_empty()
                    && toleration.operator.as_deref() == Some("Exists")
                    && matches!(toleration.effect.as_deref().unwrap_or_default(), "" | "NoExecute")
        });
        if !covered {
            spec.tolerations.push(Toleration {
                key: Some(key.into()),
                operator: Some("Exists".into()),
                value: None,
                effect: Some("NoExecute".into()),
                toleration_seconds: Some(DEFAULT_TOLERATION_SECONDS),
            });
        }
    }
    if let Some(affinity) = &mut spec.affinity {
        merge_label_keys(affinity, labels);
    }
}

fn requests_from_limits(resources: &mut ResourceRequirements) {
    for (name, limit) in
        resources.limits.iter().map(|(name, limit)| (name.to_owned(), limit)).collect::<Vec<_>>()
    {
        if resources.requests.get(&name).is_none() {
            resources.requests.set(name, limit);
        }
    }
}

fn priority(spec: &mut PodSpec, objects: &Objects, notes: &mut Vec<String>) {
    if spec.priority.is_some() {
        return;
    }
    let Some(name) = spec.priority_class_name.clone().filter(|name| !name.is_empty()) else {
        let default = objects.priority_classes.iter().filter(|class| class.global_default);
        // Of several defaults the lowest counts.
        let default = default.min_by_key(|class| class.value);
        spec.priority = Some(default.map_or(0, |class| class.value));
        spec.priority_class_name = default.map(|class| class.metadata.name.clone());
        return;
    };
    let known = objects
        .priority_classes
        .iter()
        .find(|class| class.metadata.name == name)
        .map(|class| class.value)
        .or_else(|| BUILT_IN_CLASSES.iter().find(|(built_in, _)| *built_in == name).map(|(_, value)| *value));
    if known.is_none() {
        let note = format!("priorityclass/{name} is not known: its pods count with priority 0");
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    spec.priority = Some(known.unwrap_or(0));
}

/// The API server turns `matchLabelKeys` and `mismatchLabelKeys` of pod affinity into expressions when a pod is
/// made. <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#matchlabelkeys>
fn merge_label_keys(affinity: &mut Affinity, labels: &Labels) {
    for rule in [&mut affinity.pod_affinity, &mut affinity.pod_anti_affinity].into_iter().flatten() {
        let PodAffinity { required, preferred } = rule;
        let soft = preferred.iter_mut().map(|soft| &mut soft.pod_affinity_term);
        required.iter_mut().chain(soft).for_each(|term| merge_term(term, labels));
    }
}

fn merge_term(term: &mut PodAffinityTerm, labels: &Labels) {
    let Some(selector) = &mut term.label_selector else { return };
    let LabelSelector { match_expressions, .. } = selector;
    for (keys, operator) in [(&term.match_label_keys, "In"), (&term.mismatch_label_keys, "NotIn")] {
        for key in keys {
            let Some(value) = labels.get(key) else { continue };
            let expression = SelectorExpression {
                key: key.clone(),
                operator: operator.into(),
                values: vec![value.into()],
            };
            if !match_expressions.contains(&expression) {
                match_expressions.push(expression);
            }
        }
    }
}

/// The StorageClass that claims without one get: the newest of those marked as default.
pub(super) fn default_storage_class(objects: &Objects) -> Option<compact_str::CompactString> {
    const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
    objects
        .storage_classes
        .iter()
        .filter(|class| class.metadata.annotations.get(DEFAULT) == Some("true"))
        .max_by(|a, b| {
            let (a, b) = (&a.metadata, &b.metadata);
            a.creation_timestamp.cmp(&b.creation_timestamp).then_with(|| b.name.cmp(&a.name))
        })
        .map(|class| class.metadata.name.clone())
}
