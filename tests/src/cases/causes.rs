//! Causes: from JSON only, by the closed vocabulary.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Case;
use super::facts::quoted;
use super::kinds::ObjectRef;
use super::report::Report;
use super::tree::each_object;

/// Short spellings of label keys.
const SHORT: [(&str, &str); 8] = [
    ("zone", "topology.kubernetes.io/zone"),
    ("region", "topology.kubernetes.io/region"),
    ("capacity-type", "karpenter.sh/capacity-type"),
    ("nodepool", "karpenter.sh/nodepool"),
    ("arch", "kubernetes.io/arch"),
    ("os", "kubernetes.io/os"),
    ("hostname", "kubernetes.io/hostname"),
    ("instance-type", "node.kubernetes.io/instance-type"),
];

/// Blocker codes of reports that do not carry the cause itself.
const CODES: [(&str, &str); 2] = [("Pdb", "pdb"), ("DoNotDisrupt", "do-not-disrupt")];

pub(super) fn failures(case: &Case, report: &Report) -> Vec<String> {
    let expect = &case.expect;
    let mut failures = Vec::new();
    let named = gather(&report.scope);
    for alternatives in expect.cause.iter().map(|cause| cause.all()).filter(|all| !all.is_empty()) {
        let met = alternatives.iter().any(|cause| match cause.split_once('@') {
            Some((cause, object)) => of_object(&report.scope, object).any(cause, true),
            None => named.any(cause, true) || (named.topology_keys.contains(&normal(cause))),
        });
        if !met {
            failures.push(format!("cause: {} is not named, but {:?}", quoted(alternatives), named.all()));
        }
    }
    for cause in &expect.not_cause {
        let met = match cause.split_once('@') {
            Some((cause, object)) => of_object(&report.scope, object).any(cause, true),
            None => named.any(cause, false),
        };
        if met {
            failures.push(format!("cause: {cause:?} is named and should not be"));
        }
    }
    if let Some(start) = &expect.controller_error_starts_with {
        failures.extend(wrong_error(report, start));
    }
    failures
}

/// The beginning of `error`, where the report has one.
fn wrong_error(report: &Report, start: &str) -> Option<String> {
    let errors = report.scope.iter().filter_map(|value| value.get("error")?.as_str());
    let wrong = errors
        .map(|error| error.strip_prefix("Failed to schedule pod, ").unwrap_or(error))
        .find(|error| !error.starts_with(start));
    wrong.map(|error| format!("error: {error:?} does not start with {start:?}"))
}

/// Causes that a report names.
#[derive(Debug, Default)]
struct Named {
    causes: BTreeSet<String>,
    /// Reasons of existing nodes: count for what is expected, never against.
    node_reasons: BTreeSet<String>,
    topology_keys: BTreeSet<String>,
}

impl Named {
    fn any(&self, cause: &str, with_nodes: bool) -> bool {
        let cause = normal(cause);
        self.causes.contains(&cause) || (with_nodes && self.node_reasons.contains(&cause))
    }

    fn all(&self) -> Vec<&str> {
        self.causes.iter().chain(&self.node_reasons).map(String::as_str).collect()
    }
}

fn normal(cause: &str) -> String {
    let lower = cause.to_lowercase();
    let expand = |text: &str| {
        SHORT.iter().find(|(short, _)| *short == text).map_or(text.to_owned(), |(_, full)| (*full).to_owned())
    };
    match lower.split_once('/') {
        Some(("minvalues", key)) => format!("minvalues/{}", expand(key)),
        _ => expand(&lower),
    }
}

fn gather(scope: &[Value]) -> Named {
    let mut named = Named::default();
    let enter = |field: &str| !matches!(field, "changes" | "nodes" | "controller" | "proof");
    for value in scope {
        each_object(value, &enter, &mut |fields| collect(fields, &mut named));
        each_object(value, &|field| field != "changes", &mut |fields| {
            let nodes = fields.get("nodes").and_then(Value::as_array).into_iter().flatten();
            for node in nodes {
                named.node_reasons.extend(texts(node.get("reason")).map(normal));
                each_object(node, &enter, &mut |fields| collect(fields, &mut named));
            }
        });
    }
    named
}

fn collect(fields: &Map<String, Value>, named: &mut Named) {
    for field in ["cause", "stoppedBy"] {
        named.causes.extend(texts(fields.get(field)).map(normal));
    }
    for blocker in fields.get("blockedBy").and_then(Value::as_array).into_iter().flatten() {
        let code = || blocker.get("code").or(Some(blocker)).and_then(Value::as_str);
        let translated = || CODES.iter().find(|(known, _)| Some(*known) == code()).map(|(_, cause)| *cause);
        let cause = blocker.get("cause").and_then(Value::as_str).or_else(translated);
        named.causes.extend(cause.map(normal));
    }
    // Drift reasons stand in a list of their own; a budget's reason is none.
    for reason in fields.get("reasons").and_then(Value::as_array).into_iter().flatten() {
        named.causes.extend(texts(reason.get("reason")).map(normal));
    }
    if fields.get("allowed").and_then(Value::as_i64) == Some(0) && !fields.contains_key("minAvailable") {
        let is_pool =
            fields.contains_key("claims") || fields.contains_key("limit") || fields.contains_key("nodePool");
        if is_pool {
            named.causes.insert("budget".to_owned());
        }
    }
    for constraint in fields.get("topology").and_then(Value::as_array).into_iter().flatten() {
        named.topology_keys.extend(texts(constraint.get("key")).map(normal));
    }
}

/// Causes of one object: rows of its kind with its name.
fn of_object(scope: &[Value], object: &str) -> Named {
    let mut named = Named::default();
    let Some(wanted) = ObjectRef::parse(object, None) else { return named };
    for value in scope {
        for (list, kind) in
            [("nodePools", "nodepool"), ("nodes", "node"), ("nodeClaims", "nodeclaim"), ("pods", "pod")]
        {
            each_object(value, &|field| field != "changes", &mut |fields| {
                for row in fields.get(list).and_then(Value::as_array).into_iter().flatten() {
                    let name =
                        row.get("name").or_else(|| row.pointer("/nearest/node")).and_then(Value::as_str);
                    let is_wanted = name
                        .and_then(|name| ObjectRef::new(kind, "", name))
                        .is_some_and(|found| found.same(&wanted));
                    if is_wanted {
                        named.node_reasons.extend(texts(row.get("reason")).map(normal));
                        each_object(row, &|field| field != "changes", &mut |fields| {
                            collect(fields, &mut named)
                        });
                    }
                }
            });
        }
    }
    named
}

/// Strings of a string, a list, or a list of lists.
fn texts(value: Option<&Value>) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Some(Value::String(text)) => Box::new(std::iter::once(text.as_str())),
        Some(Value::Array(entries)) => Box::new(entries.iter().flat_map(|entry| texts(Some(entry)))),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn causes_of_a_pod() {
        let named = gather(&[json!({
            "cause": ["taint", "arch"],
            "nodePools": [{"name": "flex", "stoppedBy": [["minValues/instance-type", "cpu"], ["zone"]],
                "why": {"key": "memory"}}],
            "nodes": [{"reason": "pod-affinity", "count": 2}],
            "topology": [{"key": "capacity-spread"}],
            "changes": [{"cause": "limits/cpu"}]})]);
        for cause in [
            "taint",
            "kubernetes.io/arch",
            "arch",
            "minValues/node.kubernetes.io/instance-type",
            "cpu",
            "zone",
        ] {
            assert!(named.any(cause, false), "{cause}");
        }
        assert!(named.any("pod-affinity", true) && !named.any("pod-affinity", false));
        assert!(!named.any("memory", true) && !named.any("limits/cpu", true));
        assert!(named.topology_keys.contains("capacity-spread"));
    }

    #[test]
    fn causes_of_nodes() {
        let named = gather(&[json!({
            "nodePools": [{"name": "spot", "claims": 17, "allowed": 0, "reason": "schedule"}],
            "nodeClaims": [{"name": "a", "reasons": [{"reason": "AMIDrift", "field": "status.imageID"}],
                "blockedBy": [{"code": "KARP302", "cause": "pdb", "pdb": {"name": "web", "allowed": 0}}]}]})]);
        assert_eq!(named.all(), ["amidrift", "budget", "pdb"]);
        let pdb_only = gather(&[json!({"pdbs": [{"name": "web", "allowed": 0}]})]);
        assert_eq!(pdb_only.all(), Vec::<&str>::new());
    }

    #[test]
    fn a_cause_of_one_object() {
        let scope = [json!({"nodePools": [
            {"name": "spot", "stoppedBy": [["taint"]]}, {"name": "od", "stoppedBy": [["zone"]]}]})];
        assert!(of_object(&scope, "nodepool/spot").any("taint", true));
        assert!(!of_object(&scope, "nodepool/od").any("taint", true));
    }
}
