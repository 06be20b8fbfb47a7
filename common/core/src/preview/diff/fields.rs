//! Fields that an edit changes: found by walking both specs, each change can be applied alone.
//!
//! Applying one change alone tells which field makes a node drift, whatever the field means.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::preview::limits::plain;

/// One field of a spec that the edit changes.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Where: keys from the top of the object; requirements by label key.
    path: Vec<Step>,
    /// Value before; none = absent.
    pub now: Option<Value>,
    /// Value after; none = absent.
    pub after: Option<Value>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Into an object.
    Field(String),
    /// To all entries of a list of requirements that are about one label.
    Label(String),
}

/// Lists of requirements: entries are told apart by their label.
const REQUIREMENTS: &str = "requirements";

/// The changes between two objects' `spec`, in order of path.
pub fn field_changes(now: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let path = vec![Step::Field("spec".to_owned())];
    walk(&path, now.get("spec"), after.get("spec"), &mut changes);
    changes
}

fn walk(path: &[Step], now: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    if now == after {
        return;
    }
    let empty = Map::new();
    match (now, after) {
        (Some(Value::Object(now)), Some(Value::Object(after))) => {
            walk_object(path, now, after, changes);
        }
        // A map that appears or goes is shown per key; hashes tell `{}` from nothing, so an empty one is a leaf.
        (None, Some(Value::Object(after))) if !after.is_empty() => {
            walk_object(path, &empty, after, changes);
        }
        (Some(Value::Object(now)), None) if !now.is_empty() => walk_object(path, now, &empty, changes),
        (now, after) if last_field(path) == Some(REQUIREMENTS) => {
            walk_requirements(path, now, after, changes);
        }
        (now, after) => {
            changes.push(FieldChange { path: path.to_vec(), now: now.cloned(), after: after.cloned() });
        }
    }
}

fn last_field(path: &[Step]) -> Option<&str> {
    match path.last() {
        Some(Step::Field(name)) => Some(name),
        _ => None,
    }
}

fn walk_object(
    path: &[Step],
    now: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<FieldChange>,
) {
    let keys: BTreeSet<&String> = now.keys().chain(after.keys()).collect();
    for key in keys {
        let mut inner = path.to_vec();
        inner.push(Step::Field(key.clone()));
        walk(&inner, now.get(key), after.get(key), changes);
    }
}

/// Entries per label: their order is no change.
fn walk_requirements(
    path: &[Step],
    now: Option<&Value>,
    after: Option<&Value>,
    changes: &mut Vec<FieldChange>,
) {
    let labels: BTreeSet<&str> = [now, after].into_iter().flatten().flat_map(labels_of).collect();
    for label in labels {
        let entries = |list: Option<&Value>| {
            let entries = list.map(|list| entries_about(list, label)).unwrap_or_default();
            (!entries.is_empty()).then_some(Value::Array(entries))
        };
        let (now, after) = (entries(now), entries(after));
        if now.as_ref().map(sorted_values) != after.as_ref().map(sorted_values) {
            let mut inner = path.to_vec();
            inner.push(Step::Label(label.to_owned()));
            changes.push(FieldChange { path: inner, now, after });
        }
    }
}

fn labels_of(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(|entry| entry.get("key")?.as_str())
}

fn entries_about(list: &Value, label: &str) -> Vec<Value> {
    let about = |entry: &&Value| entry.get("key").and_then(Value::as_str) == Some(label);
    list.as_array().into_iter().flatten().filter(about).cloned().collect()
}

/// The order of values says nothing either.
fn sorted_values(entries: &Value) -> Vec<Value> {
    let mut entries = entries.as_array().cloned().unwrap_or_default();
    for entry in &mut entries {
        if let Some(values) = entry.get_mut("values").and_then(Value::as_array_mut) {
            values.sort_by_key(ToString::to_string);
        }
    }
    entries.sort_by_key(ToString::to_string);
    entries
}

impl FieldChange {
    /// Makes this change alone in an object.
    pub fn apply(&self, object: &mut Value) {
        apply(&self.path, self.after.as_ref(), object);
    }

    /// JSON pointer to the field; entries of requirements by label.
    pub fn pointer(&self) -> String {
        let escape = |text: &str| text.replace('~', "~0").replace('/', "~1");
        let parts = self.path.iter().map(|step| match step {
            Step::Field(name) | Step::Label(name) => format!("/{}", escape(name)),
        });
        parts.collect()
    }

    /// The short name of tables: without `spec.template.spec.` and the prefix of a label.
    pub fn label(&self) -> String {
        let words: Vec<&str> = self
            .path
            .iter()
            .map(|step| match step {
                Step::Field(name) => name.as_str(),
                Step::Label(key) => key.rsplit_once('/').map_or(key.as_str(), |(_, last)| last),
            })
            .collect();
        let text = words.join(".");
        ["spec.template.spec.", "spec.template.metadata.", "spec.template.", "spec."]
            .into_iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(&text)
            .to_owned()
    }

    /// The value now, for people.
    pub fn now_text(&self) -> String {
        self.text(self.now.as_ref())
    }

    /// The value after, for people.
    pub fn after_text(&self) -> String {
        self.text(self.after.as_ref())
    }

    /// Limits are written out, as people write them.
    fn text(&self, value: Option<&Value>) -> String {
        let quantity = value.and_then(Value::as_str).filter(|_| self.pointer().starts_with("/spec/limits/"));
        match quantity.and_then(|text| text.parse().ok()) {
            Some(quantity) => plain(quantity),
            None => value_text(value),
        }
    }
}

fn apply(path: &[Step], after: Option<&Value>, at: &mut Value) {
    let Some((step, rest)) = path.split_first() else { return };
    match step {
        Step::Field(name) => {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Some(object) = at.as_object_mut() else { return };
            match (rest.is_empty(), after) {
                (true, Some(value)) => {
                    object.insert(name.clone(), value.clone());
                }
                (true, None) => {
                    object.remove(name);
                }
                (false, after) => {
                    if after.is_some() || object.contains_key(name) {
                        let empty = empty_for(rest);
                        apply(rest, after, object.entry(name.clone()).or_insert(empty));
                    }
                }
            }
        }
        Step::Label(label) => {
            let kept = at
                .as_array()
                .into_iter()
                .flatten()
                .filter(|entry| entry.get("key").and_then(Value::as_str) != Some(label));
            let added = after.and_then(Value::as_array).into_iter().flatten();
            *at = Value::Array(kept.chain(added).cloned().collect());
        }
    }
}

fn empty_for(rest: &[Step]) -> Value {
    match rest.first() {
        Some(Step::Label(_)) => Value::Array(Vec::new()),
        _ => Value::Object(Map::new()),
    }
}

/// `<none>`, `[c m r]`, `NotIn [x]`, `1000`.
fn value_text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "<none>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(entries)) if entries.is_empty() => "[]".to_owned(),
        Some(Value::Array(entries)) => {
            let texts: Vec<String> = entries.iter().map(entry_text).collect();
            if entries.iter().all(is_requirement) {
                texts.join(", ")
            } else {
                format!("[{}]", texts.join(" "))
            }
        }
        Some(other) => other.to_string(),
    }
}

fn is_requirement(entry: &Value) -> bool {
    entry.get("key").is_some() && entry.get("operator").is_some()
}

fn entry_text(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    match entry {
        Value::String(text) => text.clone(),
        Value::Object(_) if is_requirement(entry) => requirement_text(entry),
        Value::Object(_) if entry.get("key").is_some() && entry.get("effect").is_some() => {
            let value = match text("value") {
                "" => String::new(),
                value => format!("={value}"),
            };
            format!("{}{value}:{}", text("key"), text("effect"))
        }
        Value::Object(_) if entry.get("nodes").is_some() => budget_text(entry),
        other => other.to_string(),
    }
}

/// `[c m r]`, `NotIn [x]`, `Gt 5`, `Exists`; with minValues behind.
fn requirement_text(entry: &Value) -> String {
    let operator = entry.get("operator").and_then(Value::as_str).unwrap_or_default();
    let values: Vec<&str> = entry
        .get("values")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let shown = match operator {
        "In" => format!("[{}]", values.join(" ")),
        "NotIn" => format!("NotIn [{}]", values.join(" ")),
        other => [&[other], values.as_slice()].concat().join(" "),
    };
    match entry.get("minValues").and_then(Value::as_i64) {
        Some(least) => format!("{shown} minValues {least}"),
        None => shown,
    }
}

/// `10%`, `0 Drifted @daily 8h`.
fn budget_text(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let nodes = match entry.get("nodes") {
        Some(Value::String(nodes)) => nodes.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let reasons: Vec<&str> = entry
        .get("reasons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let parts = [nodes, reasons.join(","), text("schedule"), text("duration")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.len() > 1 { format!("({})", parts.join(" ")) } else { parts.join("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pool(requirements: Value, rest: Value) -> Value {
        let mut spec = rest;
        spec["template"]["spec"]["requirements"] = requirements;
        json!({"metadata": {"name": "spot"}, "spec": spec})
    }

    #[test]
    fn every_change_has_a_name_and_can_be_made_alone() {
        let now = pool(
            json!([
                {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]},
                {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["5"]},
            ]),
            json!({"limits": {"cpu": "1k"}, "template": {"metadata": {"labels": {"team": "shop"}}}}),
        );
        let after = pool(
            json!([
                {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["5"]},
                {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["m", "c"]},
            ]),
            json!({
                "limits": {"cpu": "2000"},
                "disruption": {"budgets": [{"nodes": "0", "schedule": "@daily", "duration": "8h"}]},
                "template": {"spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}},
            }),
        );
        let changes = field_changes(&now, &after);
        let shown: Vec<_> =
            changes.iter().map(|change| (change.label(), change.now_text(), change.after_text())).collect();
        let shown: Vec<_> = shown.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("disruption.budgets", "<none>", "[(0 @daily 8h)]"),
                ("limits.cpu", "1000", "2000"),
                ("labels.team", "shop", "<none>"),
                ("requirements.instance-category", "[c m r]", "[m c]"),
                ("taints", "<none>", "[a=b:NoSchedule]"),
            ]
        );
        assert_eq!(changes[1].pointer(), "/spec/limits/cpu");

        let mut all = now.clone();
        changes.iter().for_each(|change| change.apply(&mut all));
        let left: Vec<String> = field_changes(&all, &after).iter().map(FieldChange::label).collect();
        assert!(left.iter().all(|label| label == "labels" || label == "metadata"), "{left:?}");
    }

    #[test]
    fn equal_specs_in_another_order_are_no_change() {
        let one = pool(
            json!([{"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "Exists"}]),
            json!({}),
        );
        let other = pool(
            json!([{"key": "b", "operator": "Exists"}, {"key": "a", "operator": "In", "values": ["y", "x"]}]),
            json!({}),
        );
        assert_eq!(field_changes(&one, &other), []);
    }
}
