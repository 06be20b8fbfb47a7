//! A set of nodes that is named by NodePool or labels grows while it is drained: Karpenter launches nodes for the pods
//! that go. The same command, run again, goes on with the nodes it began with.

use compact_str::CompactString;

use super::journal::{DRAIN_ANNOTATION, Journal, Phase};
use super::targets::Named;
use crate::model::Node;

/// Those of the nodes meant that came after an unfinished drain of the others began. Nodes named one by one are never
/// among them, nor are any once that drain is through.
pub fn came_since(all: &[Node], meant: &[CompactString], words: &[String]) -> Vec<CompactString> {
    let is_meant = |node: &&Node| meant.contains(&node.metadata.name);
    let unfinished = all.iter().filter(is_meant).filter(|node| node.spec.unschedulable).filter_map(journal);
    let began =
        unfinished.filter(|journal| journal.phase != Phase::Drained).map(|journal| journal.since).min();
    let Some(began) = began else { return Vec::new() };
    let is_named = |node: &Node| {
        words
            .iter()
            .any(|word| matches!(Named::parse(word), Ok(Named::Node(name)) if node.metadata.name == name))
    };
    all.iter()
        .filter(is_meant)
        .filter(|node| journal(node).is_none() && !is_named(node))
        .filter(|node| node.metadata.creation_timestamp.is_some_and(|at| at > began))
        .map(|node| node.metadata.name.clone())
        .collect()
}

fn journal(node: &Node) -> Option<Journal> {
    Journal::parse(&node.metadata.name, node.metadata.annotations.get(DRAIN_ANNOTATION)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, created: &str, phase: Option<&str>) -> Node {
        let mut annotations = json!({});
        if let Some(phase) = phase {
            let journal = json!({"version": 1, "id": "d-1", "since": "2026-11-20T12:00:00Z",
                "wasUnschedulable": false, "phase": phase});
            annotations[DRAIN_ANNOTATION] = json!(journal.to_string());
        }
        serde_json::from_value(json!({
            "metadata": {"name": name, "creationTimestamp": format!("2026-11-20T{created}Z"),
                "annotations": annotations},
            "spec": {"unschedulable": phase.is_some()},
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(phase: Option<&str>, words: &[&str], expected: &[&str]) {
        let all =
            [node("old", "11:00:00", phase), node("quiet", "11:30:00", None), node("new", "12:01:00", None)];
        let meant: Vec<CompactString> = all.iter().map(|node| node.metadata.name.clone()).collect();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(came_since(&all, &meant, &words), expected);
    }

    #[test]
    fn an_unfinished_drain_goes_on_with_its_own_nodes() {
        check(Some("draining"), &["nodepool/spot"], &["new"]);
        check(Some("deleting"), &[], &["new"]);
        check(Some("drained"), &["nodepool/spot"], &[]);
        check(None, &["nodepool/spot"], &[]);
        check(Some("cordoned"), &["nodepool/spot", "new"], &[]);
    }
}
