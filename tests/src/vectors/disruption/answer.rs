//! Our answer of one method in the form in which answers are recorded.

use karp_core::disruption::candidates::{Candidate, DisruptionEvent, Method};
use karp_core::disruption::command::{DisruptionCommand, Place, Placement};
use karp_core::disruption::methods::MethodAnswer;
use serde_json::{Map, Value, json};

use super::super::scheduling::node_claim_answer;

/// A method as answers spell it.
pub(super) fn method_name(method: Method) -> &'static str {
    match method {
        Method::Emptiness => "emptiness",
        Method::StaticDrift => "staticDrift",
        Method::Drift => "drift",
        Method::MultiNodeConsolidation => "multiNodeConsolidation",
        Method::SingleNodeConsolidation => "singleNodeConsolidation",
    }
}

/// The JSON answer of a method.
pub(super) fn method(answer: &MethodAnswer<'_>) -> Value {
    let name = method_name(answer.method);
    let mut candidates: Vec<&Candidate<'_>> = answer.candidates.iter().collect();
    candidates.sort_by_key(|candidate| candidate.node.name());
    let mut whole = json!({
        "method": name,
        "candidates": candidates.into_iter().map(candidate).collect::<Vec<_>>(),
        "budgets": answer.budgets,
        "commands": answer.commands.iter().flatten().map(command).collect::<Vec<_>>(),
        "events": answer.events.iter().map(event).collect::<Vec<_>>(),
    });
    if let Some(error) = &answer.error {
        whole["error"] = json!(error);
    }
    whole
}

fn candidate(candidate: &Candidate<'_>) -> Value {
    json!({
        "node": candidate.node.name(),
        "nodePool": candidate.node_pool.name(),
        "price": candidate.price,
        "rescheduleDisruptionCost": rounded(candidate.reschedule_cost),
        "pods": candidate.pods.iter().map(|pod| pod.key()).collect::<Vec<_>>(),
    })
}

fn event(event: &DisruptionEvent) -> Value {
    json!({"object": event.object, "reason": event.reason, "message": event.message})
}

fn command(command: &DisruptionCommand<'_>) -> Value {
    let mut fields = Map::new();
    fields.insert("decision".into(), json!(command.decision.to_string()));
    let nodes: Vec<&str> = command.candidates.iter().map(|candidate| candidate.node.name()).collect();
    fields.insert("nodes".into(), json!(nodes));
    fields.insert("savings".into(), json!(rounded(command.savings)));
    let replacements: Vec<Value> = command
        .replacements
        .iter()
        .zip(&command.replacement_pods)
        .map(|(claim, pods)| {
            let mut claim = node_claim_answer(claim, pods.clone());
            // A claim without pods asks for nothing at all.
            if claim.get("requests").and_then(Value::as_object).is_some_and(Map::is_empty) {
                claim["requests"] = Value::Null;
            }
            claim
        })
        .collect();
    fields.insert("replacements".into(), json!(replacements));
    if let Some(placements) = command.placements.as_ref().filter(|placements| !placements.is_empty()) {
        fields.insert("pods".into(), json!(placements.iter().map(placement).collect::<Vec<_>>()));
    }
    Value::Object(fields)
}

fn placement(placement: &Placement) -> Value {
    match &placement.place {
        Place::Node(node) => json!({"pod": placement.pod, "node": node}),
        Place::Replacement(position) => json!({"pod": placement.pod, "replacement": position}),
        Place::Error(error) => json!({"pod": placement.pod, "error": error}),
    }
}

/// Six decimals, as recorded.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
