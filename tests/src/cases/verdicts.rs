//! Verdict, outcome and place.

use serde_json::{Map, Value};

use super::Case;
use super::cluster::Cluster;
use super::kinds::host;
use super::report::Report;
use super::tree::each_object;

const POD_WORDS: [&str; 4] = ["yes", "no", "wait", "unknown"];
const NODE_WORDS: [&str; 5] = ["drifted", "notDrifted", "blocked", "stuck", "movable"];

pub(super) fn failures(case: &Case, cluster: &Cluster, report: &Report) -> Vec<String> {
    if POD_WORDS.contains(&case.expect.tool_verdict.as_str()) {
        return report.scope.iter().flat_map(|group| pod_failures(case, group)).collect();
    }
    let deleting = case.target().and_then(|target| cluster.get(&target).cloned());
    let deleting = deleting.is_some_and(|object| object.pointer("/metadata/deletionTimestamp").is_some());
    let verdict = node_verdict(case.verb(), report, deleting);
    let wanted = std::iter::once(&case.expect.tool_verdict).chain(case.expect.alt_tool_verdict.all());
    let is_right = wanted.into_iter().any(|wanted| Some(wanted.as_str()) == verdict);
    let said = verdict.unwrap_or("none that can be read");
    if is_right { Vec::new() } else { vec![format!("verdict: {said}, not {}", case.expect.tool_verdict)] }
}

fn pod_failures(case: &Case, group: &Value) -> Vec<String> {
    let expect = &case.expect;
    let text = |field: &str| group.get(field).and_then(Value::as_str).unwrap_or("none");
    let verdict = text("verdict");
    if verdict != expect.tool_verdict && expect.alt_tool_verdict.all().iter().any(|other| other == verdict) {
        return Vec::new();
    }
    let mut failures = Vec::new();
    if verdict != expect.tool_verdict {
        failures.push(format!("verdict: {verdict}, not {}", expect.tool_verdict));
    }
    if let Some(outcome) = expect.outcome.as_deref().filter(|outcome| *outcome != text("outcome")) {
        failures.push(format!("outcome: {}, not {outcome}", text("outcome")));
    }
    if let Some(on) = &expect.on {
        let places = places(group);
        if !places.iter().any(|place| {
            place == on || (host(place) == host(on) && (!place.contains('.') || !on.contains('.')))
        }) {
            failures.push(format!("place: {places:?}, not {on:?}"));
        }
    }
    failures
}

/// Names of where a group goes: the node that exists, else the NodePool of the new one.
fn places(group: &Value) -> Vec<&str> {
    let place = group.get("place").unwrap_or(group);
    let name = |field: &str| place.get(field).and_then(Value::as_str).filter(|name| !name.is_empty());
    name("node").or_else(|| name("nodePool")).into_iter().collect()
}

/// The report's own word, else what its rows mean.
fn node_verdict(verb: &str, report: &Report, deleting: bool) -> Option<&'static str> {
    let mut own = None;
    let mut facts = Facts::default();
    let enter = |field: &str| !matches!(field, "changes" | "proof");
    for value in std::iter::once(&report.json).chain(&report.scope) {
        each_object(value, &enter, &mut |fields| {
            let word = fields.get("verdict").and_then(Value::as_str);
            own = own.or(NODE_WORDS.into_iter().find(|known| Some(*known) == word));
        });
    }
    report.scope.iter().for_each(|value| each_object(value, &enter, &mut |fields| facts.collect(fields)));
    own.or_else(|| facts.verdict(verb, deleting))
}

/// What rows of a report about nodes say.
#[derive(Debug, Default)]
struct Facts {
    drifted: i64,
    free_claims: usize,
    claims: usize,
    pools_allow: bool,
    pools: usize,
    blockers: usize,
    permanent: bool,
    refused: bool,
    moves: bool,
}

impl Facts {
    fn collect(&mut self, fields: &Map<String, Value>) {
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        if let Some(allowed) = fields.get("allowed").filter(|_| fields.contains_key("claims")) {
            self.pools += 1;
            self.pools_allow |= allowed.as_i64() != Some(0);
        }
        if let Some(drifted) = fields.get("drifted").and_then(Value::as_i64) {
            self.drifted = self.drifted.max(drifted);
        }
        if let Some(blockers) = fields.get("blockedBy").and_then(Value::as_array) {
            self.claims += 1;
            self.free_claims += usize::from(blockers.is_empty());
            self.blockers += blockers.len();
        }
        self.permanent |= fields.get("permanent") == Some(&Value::Bool(true));
        self.refused |= text("verdict") == Some("refused");
        self.moves |= matches!(text("decision"), Some("delete" | "replace"));
    }

    fn verdict(&self, verb: &str, deleting: bool) -> Option<&'static str> {
        let blocked = if deleting && self.permanent { "stuck" } else { "blocked" };
        match verb {
            "drift" if self.drifted == 0 => Some("notDrifted"),
            "drift" => {
                let none_allowed = self.pools > 0 && !self.pools_allow;
                let all_blocked = self.claims > 0 && self.free_claims == 0;
                Some(if none_allowed || all_blocked { blocked } else { "drifted" })
            }
            "drain" => Some(if self.refused { blocked } else { "movable" }),
            "consolidate" if self.moves => Some("movable"),
            "consolidate" if self.blockers > 0 => Some(blocked),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts(value: &Value) -> Facts {
        let mut facts = Facts::default();
        each_object(value, &|_| true, &mut |fields| facts.collect(fields));
        facts
    }

    #[test]
    fn places_prefer_the_node() {
        assert_eq!(places(&json!({"place": {"node": "ip-1", "nodePool": "default"}})), ["ip-1"]);
        assert_eq!(places(&json!({"place": {"node": null, "nodePool": "default"}})), ["default"]);
    }

    #[test]
    fn rows_make_the_verdict_of_drift() {
        let pool = |drifted: i64, allowed: Value| json!({"nodePools": [{"claims": 3, "drifted": drifted, "allowed": allowed}]});
        assert_eq!(facts(&pool(0, json!(1))).verdict("drift", false), Some("notDrifted"));
        assert_eq!(facts(&pool(2, json!(1))).verdict("drift", false), Some("drifted"));
        assert_eq!(facts(&pool(2, json!(0))).verdict("drift", false), Some("blocked"));
        assert_eq!(facts(&pool(2, Value::Null)).verdict("drift", false), Some("drifted"));
    }

    #[test]
    fn rows_make_the_verdict_of_drain() {
        let plan = json!({"verdict": "refused", "nodes": [{"pods": [{"permanent": true}]}]});
        assert_eq!(facts(&plan).verdict("drain", true), Some("stuck"));
        assert_eq!(facts(&plan).verdict("drain", false), Some("blocked"));
        assert_eq!(facts(&json!({"verdict": "ready"})).verdict("drain", false), Some("movable"));
    }
}
