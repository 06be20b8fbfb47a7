//! Edits: JSON and merge patches in the form in which cases write them, and when two edits are the same.
//!
//! A path here is a list of steps; a list element is stepped into by its key, name, topologyKey, deviceName, port
//! name or containerPort rather than by its position. Paths of workloads start at the pod's `spec` or `metadata`.

use serde_json::{Map, Value, json};

use super::case::{Accept, ExpectedEdit};
use super::kinds::ObjectRef;
use super::quantities;

/// Fields by which the element of a list is known.
const NAMES: [&str; 6] = ["key", "name", "topologyKey", "deviceName", "containerPort", "hostPort"];

/// One step of a path: the names it goes by. `*` is any.
pub(super) type Step = Vec<String>;

/// One edit of a tool's change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    /// Where; empty = the object as a whole.
    pub(super) path: Vec<Step>,
    /// The new value; none = removed.
    pub(super) value: Option<Value>,
}

/// The edits of a patch on an object, JSON patch or merge patch.
pub(super) fn of_patch(target: &ObjectRef, object: Option<&Value>, patch: &Value) -> Vec<Edit> {
    let mut edits = Vec::new();
    match patch {
        Value::Array(operations) => {
            let mut current = object.cloned().unwrap_or(Value::Null);
            for operation in operations {
                let text = |field: &str| operation.get(field).and_then(Value::as_str).unwrap_or_default();
                let (op, pointer, value) = (text("op"), text("path"), operation.get("value"));
                if matches!(op, "add" | "replace" | "remove") {
                    edits.push(Edit { path: steps(pointer, &current, value), value: value.cloned() });
                    apply(&mut current, op, pointer, value);
                }
            }
        }
        Value::Object(_) => merge_leaves(patch, &mut Vec::new(), &mut edits),
        _ => {}
    }
    edits.iter_mut().for_each(|edit| from_pod_template(target, &mut edit.path));
    edits
}

fn tokens(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

fn steps(pointer: &str, object: &Value, value: Option<&Value>) -> Vec<Step> {
    let all: Vec<String> = tokens(pointer).collect();
    let mut here = Some(object);
    let mut path = Vec::with_capacity(all.len());
    for (at, token) in all.iter().enumerate() {
        let is_last = at + 1 == all.len();
        let list = here.and_then(Value::as_array);
        let element = list.and_then(|list| list.get(token.parse::<usize>().ok()?));
        let names = match (list, element, value) {
            (Some(_), Some(element), _) => names_of(element),
            (Some(_), None, Some(value)) if is_last => names_of(value),
            (None, _, Some(value)) if is_last && token == "-" => names_of(value),
            _ => Vec::new(),
        };
        path.push(std::iter::once(token.clone()).chain(names).collect());
        here = element.or_else(|| here?.get(token));
    }
    path
}

/// What an element of a list goes by.
fn names_of(element: &Value) -> Vec<String> {
    let names = NAMES.iter().filter_map(|field| element.get(field));
    names
        .filter_map(|name| {
            name.as_str().map_or_else(|| name.as_i64().map(|n| n.to_string()), |n| Some(n.to_owned()))
        })
        .collect()
}

fn apply(object: &mut Value, op: &str, pointer: &str, value: Option<&Value>) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Array(list)) => {
            let at = last.parse::<usize>().unwrap_or(list.len()).min(list.len());
            match (op, value) {
                ("remove", _) if at < list.len() => drop(list.remove(at)),
                ("replace", Some(value)) if at < list.len() => list[at] = value.clone(),
                (_, Some(value)) => list.insert(at, value.clone()),
                _ => {}
            }
        }
        Some(Value::Object(fields)) => match (op, value) {
            ("remove", _) => drop(fields.remove(&last)),
            (_, Some(value)) => drop(fields.insert(last, value.clone())),
            _ => {}
        },
        _ => {}
    }
}

fn merge_leaves(value: &Value, path: &mut Vec<Step>, edits: &mut Vec<Edit>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                path.push(vec![field.clone()]);
                merge_leaves(value, path, edits);
                path.pop();
            }
        }
        Value::Null => edits.push(Edit { path: path.clone(), value: None }),
        value => edits.push(Edit { path: path.clone(), value: Some(value.clone()) }),
    }
}

/// Paths of workloads start at the pod's `spec` or `metadata`.
fn from_pod_template(target: &ObjectRef, path: &mut Vec<Step>) {
    let template: &[&str] = match target.kind.as_str() {
        "cronjob" => &["spec", "jobTemplate", "spec", "template"],
        "deployment" | "replicaset" | "statefulset" | "daemonset" | "job" | "replicationcontroller" => {
            &["spec", "template"]
        }
        _ => return,
    };
    let is_below = path.len() > template.len()
        && template
            .iter()
            .zip(path.iter())
            .all(|(name, step)| step.first().is_some_and(|first| first == name));
    if is_below {
        path.drain(..template.len());
    }
}

/// `spec.containers[main].ports[8080]` as steps.
pub(super) fn parse_path(text: &str) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (name, after) = inside.split_once(']').unwrap_or((inside, ""));
            path.push(name.to_owned());
            rest = after;
        } else {
            let rest_of = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest_of.find(['.', '[']).unwrap_or(rest_of.len());
            path.push(rest_of[..end].to_owned());
            rest = &rest_of[end..];
        }
    }
    path
}

/// Whether a change's edits are the expected one.
pub(super) fn matches(expected: &ExpectedEdit, accept: Option<&Accept>, edits: &[Edit]) -> bool {
    let path = parse_path(&expected.path);
    let removes = expected.op == "remove";
    if path.is_empty() {
        // The object as a whole: deleting is never editing.
        return edits.iter().any(|edit| removes == (edit.path.is_empty() && edit.value.is_none()));
    }
    let mut inside = Map::new();
    for edit in edits.iter().filter(|edit| !edit.path.is_empty()) {
        if !edit.path.iter().zip(&path).all(|(step, wanted)| wanted == "*" || step.contains(wanted)) {
            continue;
        }
        if edit.path.len() <= path.len() {
            let found = edit.value.as_ref().map(|value| look_up(value, &path[edit.path.len()..]));
            let matched = match (&found, removes) {
                (None, true) => true,
                (None, false) => false,
                // Replacing the whole by one without it removes it.
                (Some(found), true) => edit.path.len() < path.len() && found.is_empty(),
                (Some(found), false) => found.iter().any(|value| accepted(value, accept)),
            };
            if matched {
                return true;
            }
        } else if edit.value.is_none() != removes {
            continue;
        } else if removes {
            // Removing a part is not removing the whole.
            continue;
        } else if let Some(value) = &edit.value {
            nest(&mut inside, &edit.path[path.len()..], value);
        }
    }
    !inside.is_empty() && accepted(&Value::Object(inside), accept)
}

/// Values below a value by the steps of a case's path.
fn look_up<'a>(value: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let Some((step, rest)) = path.split_first() else { return vec![value] };
    let below: Vec<&Value> = match value {
        Value::Object(fields) => fields.get(step).into_iter().collect(),
        Value::Array(list) => {
            let is_it = |element: &&Value| step == "*" || names_of(element).contains(step);
            let at = step.parse::<usize>().ok().and_then(|at| list.get(at));
            let named: Vec<&Value> = list.iter().filter(is_it).collect();
            if named.is_empty() { at.into_iter().collect() } else { named }
        }
        _ => Vec::new(),
    };
    below.into_iter().flat_map(|value| look_up(value, rest)).collect()
}

fn nest(into: &mut Map<String, Value>, path: &[Step], value: &Value) {
    let Some((step, rest)) = path.split_first() else { return };
    let name = step.last().cloned().unwrap_or_default();
    if rest.is_empty() {
        into.insert(name, value.clone());
    } else if let Value::Object(below) = into.entry(name).or_insert_with(|| json!({})) {
        nest(below, rest, value);
    }
}

fn accepted(value: &Value, accept: Option<&Accept>) -> bool {
    let Some(accept) = accept else { return true };
    let percent =
        value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<f64>().ok());
    if let (Some(percent), Some(least)) = (percent, accept.min_percent) {
        return percent >= least;
    }
    let min = accept.min.as_ref().is_none_or(|min| compare(value, min, std::cmp::Ordering::is_ge));
    let max = accept.max.as_ref().is_none_or(|max| compare(value, max, std::cmp::Ordering::is_le));
    let one_of = accept.one_of.as_ref().is_none_or(|all| all.iter().any(|one| equal(value, one)));
    let contains = accept.contains.as_ref().is_none_or(|part| holds(value, part));
    min && max && one_of && contains
}

fn compare(value: &Value, bound: &Value, right: fn(std::cmp::Ordering) -> bool) -> bool {
    match (value, bound) {
        (Value::Object(values), Value::Object(bounds)) => {
            let shared: Vec<_> =
                bounds.iter().filter_map(|(key, bound)| Some((values.get(key)?, bound))).collect();
            !shared.is_empty() && shared.iter().all(|(value, bound)| compare(value, bound, right))
        }
        _ => match (quantities::parse(&plain(value)), quantities::parse(&plain(bound))) {
            (Some(value), Some(bound)) => right(value.cmp(&bound)),
            _ => false,
        },
    }
}

fn equal(one: &Value, other: &Value) -> bool {
    one == other
        || plain(one) == plain(other)
        || quantities::parse(&plain(one)).is_some_and(|one| quantities::parse(&plain(other)) == Some(one))
}

fn holds(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Array(list), Value::Array(parts)) => {
            parts.iter().all(|part| list.iter().any(|element| holds(element, part)))
        }
        (Value::Array(list), part) => list.iter().any(|element| holds(element, part)),
        (Value::Object(fields), Value::Object(parts)) => {
            parts.iter().all(|(key, part)| fields.get(key).is_some_and(|value| holds(value, part)))
        }
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (value, part) => equal(value, part),
    }
}

/// A number or string as text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> ObjectRef {
        ObjectRef::parse_target(text).unwrap()
    }

    #[track_caller]
    fn check(kind: &str, object: Value, patch: Value, expected: Value, accept: Value, same: bool) {
        let edits = of_patch(&target(kind), Some(&object), &patch);
        let expected: ExpectedEdit = serde_json::from_value(expected).unwrap();
        let accept: Option<Accept> = serde_json::from_value(accept).unwrap();
        assert_eq!(matches(&expected, accept.as_ref(), &edits), same, "{edits:?}");
    }

    #[test]
    fn paths_are_read_in_both_forms() {
        assert_eq!(
            parse_path("spec.nodeSelector[kubernetes.io/arch]"),
            ["spec", "nodeSelector", "kubernetes.io/arch"]
        );
        assert_eq!(
            parse_path("spec.containers[main].ports[8080].hostPort"),
            ["spec", "containers", "main", "ports", "8080", "hostPort"]
        );
        assert_eq!(parse_path(""), Vec::<String>::new());
    }

    #[test]
    fn list_elements_go_by_their_names() {
        let deployment = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "side"}, {"name": "main", "ports": [{"containerPort": 8080, "name": "http", "hostPort": 8080}]}]}}}});
        let patch = json!([{"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "main"},
            {"op": "replace", "path": "/spec/template/spec/containers/1/ports/0/hostPort", "value": 8081}]);
        for port in ["8080", "http", "*"] {
            let expected = json!({"op": "replace", "path": format!("spec.containers[main].ports[{port}].hostPort"), "value": 1});
            check("deploy/web", deployment.clone(), patch.clone(), expected, Value::Null, true);
        }
        let other = json!({"op": "replace", "path": "spec.containers[side].ports[8080].hostPort"});
        check("deploy/web", deployment, patch, other, Value::Null, false);
    }

    #[test]
    fn appended_elements_go_by_what_is_appended() {
        let patch = json!([{"op": "add", "path": "/spec/tolerations/-", "value": {"key": "spot", "operator": "Exists"}}]);
        let expected =
            json!({"op": "tolerate", "path": "spec.tolerations[spot]", "value": "spot=true:NoSchedule"});
        check("pod/a", json!({"spec": {"tolerations": []}}), patch, expected.clone(), Value::Null, true);
        let whole = json!([{"op": "add", "path": "/spec/tolerations", "value": [{"key": "spot"}]}]);
        check("pod/a", json!({"spec": {}}), whole, expected.clone(), Value::Null, true);
        let other = json!([{"op": "add", "path": "/spec/tolerations", "value": [{"key": "gpu"}]}]);
        check("pod/a", json!({"spec": {}}), other, expected, Value::Null, false);
    }

    #[test]
    fn a_prefix_is_equal_when_the_value_is_inside() {
        let class = json!({"spec": {}});
        let expected = json!({"op": "add", "path": "spec.blockDeviceMappings[/dev/xvda].ebs.volumeSize"});
        let patch = |size: &str| {
            json!([{"op": "add", "path": "/spec/blockDeviceMappings",
                "value": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": size}}]}])
        };
        let accept = json!({"min": "105Gi"});
        check("ec2nodeclass/a", class.clone(), patch("105Gi"), expected.clone(), accept.clone(), true);
        check("ec2nodeclass/a", class.clone(), patch("107520Mi"), expected.clone(), accept.clone(), true);
        check("ec2nodeclass/a", class, patch("104Gi"), expected, accept, false);
        let deeper =
            json!([{"op": "replace", "path": "/spec/nodeSelector/karpenter.sh~1nodepool", "value": "x"}]);
        check(
            "pod/a",
            json!({"spec": {"nodeSelector": {}}}),
            deeper,
            json!({"op": "replace", "path": "spec.nodeSelector"}),
            Value::Null,
            true,
        );
    }

    #[test]
    fn merge_patches_are_edits_of_their_leaves() {
        let patch = json!({"spec": {"limits": {"cpu": "208"}}});
        let expected = json!({"op": "raise", "path": "spec.limits.cpu"});
        check("nodepool/a", json!({}), patch.clone(), expected.clone(), json!({"min": "200"}), true);
        check("nodepool/a", json!({}), patch, expected, json!({"min": "209"}), false);
        let removed = json!({"spec": {"template": {"metadata": {"labels": {"name": null}}}}});
        check(
            "nodepool/a",
            json!({}),
            removed,
            json!({"op": "remove", "path": "spec.template.metadata.labels[name]"}),
            Value::Null,
            true,
        );
    }

    #[test]
    fn removing_is_not_editing() {
        let pod = json!({"spec": {"nodeSelector": {"name": "a", "b": "c"}}});
        let expected = json!({"op": "remove", "path": "spec.nodeSelector[name]"});
        let remove = json!([{"op": "remove", "path": "/spec/nodeSelector/name"}]);
        let replace = json!([{"op": "replace", "path": "/spec/nodeSelector/name", "value": "b"}]);
        let without = json!([{"op": "replace", "path": "/spec/nodeSelector", "value": {"b": "c"}}]);
        check("pod/a", pod.clone(), remove.clone(), expected.clone(), Value::Null, true);
        check("pod/a", pod.clone(), replace, expected.clone(), Value::Null, false);
        check("pod/a", pod.clone(), without, expected, Value::Null, true);
        check(
            "pod/a",
            pod.clone(),
            remove,
            json!({"op": "replace", "path": "spec.nodeSelector[name]"}),
            Value::Null,
            false,
        );
        let whole = json!({"op": "remove", "path": ""});
        check(
            "pod/a",
            pod,
            json!([{"op": "replace", "path": "/spec/nodeName", "value": "b"}]),
            whole,
            Value::Null,
            false,
        );
    }

    #[test]
    fn values_within_what_is_accepted() {
        let rows = [
            (json!("1930m"), json!({"max": "1930m"}), true),
            (json!("2"), json!({"max": "1930m"}), false),
            (json!({"cpu": "1930m"}), json!({"max": {"cpu": "1930m", "memory": "6903Mi"}}), true),
            (
                json!({"cpu": "1930m", "memory": "7Gi"}),
                json!({"max": {"cpu": "1930m", "memory": "6903Mi"}}),
                false,
            ),
            (json!("40%"), json!({"min": "4", "minPercent": 31}), true),
            (json!("30%"), json!({"min": "4", "minPercent": 31}), false),
            (json!(4), json!({"min": "4", "minPercent": 31}), true),
            (json!("RAID0"), json!({"oneOf": ["RAID0"]}), true),
            (
                json!("A=1,SpotToSpotConsolidation=true"),
                json!({"contains": "SpotToSpotConsolidation=true"}),
                true,
            ),
            (
                json!({"nodes": "0", "reasons": ["Empty", "Drifted"]}),
                json!({"contains": {"nodes": "0", "reasons": ["Drifted"]}}),
                true,
            ),
            (json!({"nodes": "0"}), json!({"contains": {"nodes": "0", "reasons": ["Drifted"]}}), false),
        ];
        for (value, accept, right) in rows {
            let parsed: Accept = serde_json::from_value(accept.clone()).unwrap();
            assert_eq!(accepted(&value, Some(&parsed)), right, "{value} within {accept}");
        }
    }
}
