//! The policy in the documentation: enough for every call, and every action of it is needed.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use karp_cluster::{ControlPlane, Kubectl};
use serde_json::{Map, Value, json};

use crate::account::{self, Account, drift};

/// The policy as it is published.
const POLICY: &str = include_str!("../../../docs/iam-policy.json");

/// A key is named after its policy. Under the whole policy both verbs do all they do; without one of its EC2 or SSM actions that action is named.
pub(crate) fn is_enough_and_not_too_much(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let policy: Value = serde_json::from_str(POLICY)?;
        let mut policies = Map::from_iter([("whole".to_owned(), policy.clone())]);
        let actions = actions(&policy);
        ensure!(actions.iter().any(|action| action == "ssm:GetParameters"), "{actions:?}");
        for action in &actions {
            policies.insert(key_of(action), without(&policy, action));
        }
        account.api.control("policies", &Value::Object(policies))?;
        let checked = check(account, kubectl, &actions);
        account.api.control("policies", &json!({}))?;
        checked
    })
}

fn check(account: &Account, kubectl: &Kubectl, actions: &[String]) -> Result<()> {
    let as_user = |user: &str| {
        kubectl.with_environment(&BTreeMap::from([("AWS_ACCESS_KEY_ID".to_owned(), user.to_owned())]))
    };
    let ask = |user: &str| drift(account, &as_user(user), &["--no-headers"]).map(|output| output.to_string());
    let refresh =
        |user: &str| as_user(user).run(&["karp", "catalog", "refresh"]).map(|output| output.to_string());
    let (drifted, refreshed) = (ask("whole")?, refresh("whole")?);
    ensure!(!drifted.contains("not read: EC2") && !drifted.contains("not read: SSM"), "{drifted}");
    ensure!(!refreshed.contains("not read") && refreshed.contains("exited 0"), "{refreshed}");
    for action in actions {
        let missed = format!("not allowed: {action}");
        let drifted = ask(&key_of(action))?;
        if drifted.contains(&missed) {
            continue;
        }
        let refreshed = refresh(&key_of(action))?;
        let named = refreshed.contains(&missed) || refreshed.contains(&format!("does not allow {action}"));
        ensure!(named, "nobody misses {action}: {drifted}\n{refreshed}");
    }
    Ok(())
}

fn key_of(action: &str) -> String {
    format!("without-{}", action.replace(':', "-"))
}

/// Actions of EC2 and SSM that the two verbs use with this account. Placement groups are asked for only where an
/// EC2NodeClass names one.
fn actions(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().into_iter().flatten());
    let actions = actions.filter_map(Value::as_str).map(str::to_owned);
    actions
        .filter(|action| action.starts_with("ec2:") || action.starts_with("ssm:"))
        .filter(|action| action != "ec2:DescribePlacementGroups")
        .collect()
}

fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|one| one != action);
            if actions.is_empty() {
                actions.push(json!("none:None"));
            }
        }
    }
    policy
}
