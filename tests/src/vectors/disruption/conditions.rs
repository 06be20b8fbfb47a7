//! Our answer to "which NodeClaims get the conditions Drifted and Consolidatable".

use karp_core::disruption::conditions::conditions;
use karp_core::model::{Condition, Snapshot};
use karp_core::provider::CloudProvider;
use serde_json::{Map, Value, json};

/// The JSON answer. `providerDrift` of the scenario stands for the cloud provider's own check.
pub(super) fn answer(snapshot: &Snapshot, provider: &dyn CloudProvider, scenario: &Value) -> Value {
    let said = scenario.get("providerDrift");
    let found = conditions(snapshot, provider, &[], &|claim| {
        let reason = said.and_then(|said| said.get(claim.metadata.name.as_str())).and_then(Value::as_str);
        Ok(reason.map(str::to_owned))
    });
    let pools: Map<String, Value> = found
        .node_pools
        .iter()
        .map(|(name, (hash, version))| (name.to_string(), json!({"hash": hash, "version": version})))
        .collect();
    let claims: Vec<Value> = found
        .node_claims
        .iter()
        .map(|(name, after)| {
            let mut fields = Map::new();
            fields.insert("nodeClaim".into(), json!(name));
            let mut say = |field: &str, value: Option<Value>| {
                if let Some(value) = value {
                    fields.insert(field.to_owned(), value);
                }
            };
            say("hash", after.hash.as_ref().map(|hash| json!(hash)));
            say("drifted", after.drifted.as_ref().map(condition));
            say("consolidatable", after.consolidatable.as_ref().map(condition));
            say("error", after.error.as_ref().map(|error| json!(error)));
            Value::Object(fields)
        })
        .collect();
    json!({"nodePools": pools, "nodeClaims": claims})
}

fn condition(condition: &Condition) -> Value {
    json!({
        "status": condition.status,
        "reason": condition.reason,
        "since": condition.last_transition_time,
    })
}
