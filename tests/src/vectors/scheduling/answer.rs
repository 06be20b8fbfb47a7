//! Our answer in the form in which answers are recorded.

use karp_core::model::{NodeClaim, Taint};
use karp_core::sim::{EventText, NewNodeClaim, Outcome, PodDecision, PoolEligibility, Solution, Synced};
use serde_json::{Map, Value, json};

/// The JSON answer of a solution. `with_prices`: list the prices of instance types, as is done with NodeOverlay.
pub fn answer(solution: &Solution, with_prices: bool) -> Value {
    if matches!(solution.synced, Synced::Waiting(_)) {
        return json!({"synced": false, "pods": [], "nodeClaims": []});
    }
    let name = |pod: &PodDecision| format!("{}/{}", pod.namespace, pod.name);
    let pods_of = |claim: &NewNodeClaim| {
        let mut names: Vec<String> =
            claim.pods.iter().filter_map(|at| solution.pods.get(*at)).map(name).collect();
        names.sort();
        names
    };
    // Recorded in order of their smallest pod name; positions are counted in that order.
    let mut order: Vec<usize> = (0..solution.node_claims.len()).collect();
    order.sort_by_key(|at| pods_of(&solution.node_claims[*at]).into_iter().next());
    let position = |claim: usize| order.iter().position(|at| *at == claim);

    let mut pods: Vec<(String, Value)> =
        solution.pods.iter().map(|decision| (name(decision), pod(decision, position))).collect();
    pods.sort_by(|a, b| a.0.cmp(&b.0));
    let node_claims: Vec<Value> = order
        .iter()
        .map(|at| &solution.node_claims[*at])
        .map(|claim| node_claim(claim, pods_of(claim), with_prices))
        .collect();
    let mut whole = json!({
        "synced": true,
        "pods": pods.into_iter().map(|(_, pod)| pod).collect::<Vec<_>>(),
        "nodeClaims": node_claims,
    });
    let events = node_pool_events(solution);
    if !events.is_empty() {
        whole["nodePoolEvents"] = json!(events);
    }
    whole
}

fn pod(decision: &PodDecision, position: impl Fn(usize) -> Option<usize>) -> Value {
    let mut fields = Map::new();
    fields.insert("pod".to_owned(), json!(format!("{}/{}", decision.namespace, decision.name)));
    let mut say = |field: &str, value: Value| fields.insert(field.to_owned(), value);
    let mut usual_event = EventText::None;
    let outcome = match &decision.outcome {
        Outcome::Existing { node } => {
            say("node", json!(node));
            "existing"
        }
        Outcome::New { node_claim } => {
            say("nodeClaim", json!(position(*node_claim)));
            "new"
        }
        Outcome::Error { error } | Outcome::Deferred { error } | Outcome::Ignored { error } => {
            say("error", json!(error));
            let shown = error.strip_prefix("ignoring pod, ").unwrap_or(error);
            usual_event = EventText::FailedScheduling(format!("Failed to schedule pod, {shown}"));
            match decision.outcome {
                Outcome::Error { .. } => "error",
                Outcome::Deferred { .. } => "deferred",
                _ => "ignored",
            }
        }
        Outcome::NotConsidered(_) => "notConsidered",
        Outcome::NotModelled(_) => "notModelled",
    };
    say("outcome", json!(outcome));
    if decision.event != usual_event {
        let text = match &decision.event {
            EventText::None => "none",
            EventText::FailedScheduling(text) => text,
        };
        say("event", json!(text));
    }
    Value::Object(fields)
}

/// A NodeClaim that would be created, with the names of its pods.
pub fn node_claim_answer(claim: &NewNodeClaim, pods: Vec<String>) -> Value {
    node_claim(claim, pods, false)
}

fn node_claim(claim: &NewNodeClaim, pods: Vec<String>, with_prices: bool) -> Value {
    let NodeClaim { metadata, spec, .. } = &claim.object;
    let mut fields = Map::new();
    let mut say = |field: &str, value: Value| fields.insert(field.to_owned(), value);
    say("nodePool", json!(claim.node_pool));
    say("pods", json!(pods));
    say("instanceTypes", json!(claim.instance_types));
    if with_prices {
        say("prices", claim.prices.iter().map(|price| number(*price)).collect());
    }
    let mut requirements = spec.requirements.to_vec();
    requirements.sort_by(|a, b| (&a.key, &a.operator).cmp(&(&b.key, &b.operator)));
    say("requirements", json!(requirements));
    say("requests", json!(spec.resources.requests));
    say("labels", json!(metadata.labels));
    say("annotations", json!(metadata.annotations));
    say("nodeClassRef", json!(spec.node_class_ref));
    if !spec.taints.is_empty() {
        say("taints", taints(&spec.taints));
    }
    if !spec.startup_taints.is_empty() {
        say("startupTaints", taints(&spec.startup_taints));
    }
    for (field, value) in
        [("expireAfter", &spec.expire_after), ("terminationGracePeriod", &spec.termination_grace_period)]
    {
        if let Some(value) = value {
            say(field, json!(value));
        }
    }
    if let Some(error) = &claim.create_error {
        say("createError", json!(error));
    }
    Value::Object(fields)
}

/// A number as Go writes it: without a fraction where there is none.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// An empty value and none are the same to the API.
fn taints(taints: &[Taint]) -> Value {
    let said = taints.iter().map(|taint| {
        let mut taint = taint.clone();
        taint.value = taint.value.filter(|value| !value.is_empty());
        taint
    });
    json!(said.collect::<Vec<_>>())
}

/// What is published about NodePools whose template no instance type fits.
fn node_pool_events(solution: &Solution) -> Vec<String> {
    let text = "NodePool requirements filtered out all compatible available instance types";
    let mut events: Vec<String> = solution
        .node_pools
        .iter()
        .filter_map(|pool| match pool.eligibility {
            PoolEligibility::FilteredOut { by_min_values } => {
                let cause = if by_min_values { " due to minValues incompatibility" } else { "" };
                Some(format!("{}: {text}{cause}", pool.name))
            }
            _ => None,
        })
        .collect();
    events.sort();
    events
}
