//! Pausing a NodePool without losing its settings: no launch, no disruption, and the way back.
//!
//! Launches stop by a limit of 0, disruption by one more budget of 0 nodes beside those there are (the smallest active
//! budget wins). Neither is part of the template, so nothing drifts. What was there before stands in the annotation
//! `karp/cordon` of the NodePool. The NodePool is handled as JSON: what this program does not know stays as it is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::journal::CORDON_ANNOTATION;

/// What is written beside a pause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Form of this record.
    pub version: u32,
    /// Since when.
    pub since: Timestamp,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When disruption opens by itself; launches wait for `uncordon`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `spec.limits` as it was; null = there was none.
    pub limits: Value,
    /// `spec.disruption.budgets` as it was; null = there was none.
    pub budgets: Value,
    /// `spec.disruption.budgets` as it was set.
    pub set_budgets: Value,
}

/// Who pauses, why, how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRequest {
    /// Now, by the server's clock.
    pub now: Timestamp,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Seconds after which disruption opens by itself; none = it waits for `uncordon`.
    pub for_seconds: Option<i64>,
}

/// Why a NodePool cannot be put back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// Somebody changed what the pause had set.
    #[error("was edited since it was cordoned ({field} {ours} -> {now})")]
    Edited {
        /// Field, `limits.cpu`.
        field: String,
        /// Value that the pause set.
        ours: String,
        /// Value there is.
        now: String,
    },
    /// The record cannot be read.
    #[error("annotation {CORDON_ANNOTATION} cannot be read: {0}")]
    Record(String),
}

/// The pause of a NodePool; none = it is not paused.
///
/// # Errors
/// The record cannot be read.
pub fn paused(pool: &Value) -> Result<Option<Pause>, ResumeError> {
    let text = pool["metadata"]["annotations"][CORDON_ANNOTATION].as_str();
    text.map(|text| serde_json::from_str(text).map_err(|error| ResumeError::Record(error.to_string())))
        .transpose()
}

/// The limit that stops launches: static NodePools know no other than that of nodes.
fn limit_key(pool: &Value) -> &'static str {
    if pool["spec"]["replicas"].is_null() { "cpu" } else { "nodes" }
}

/// The record and the merge patch that pauses a NodePool.
pub fn pause(pool: &Value, request: &PauseRequest) -> (Pause, Value) {
    let spec = &pool["spec"];
    let budgets = spec["disruption"]["budgets"].clone();
    let until = request.for_seconds.map(|seconds| later(request.now, seconds));
    let mut set = budgets.as_array().cloned().unwrap_or_default();
    set.push(match until {
        Some(until) => window(request.now, until),
        None => json!({"nodes": "0"}),
    });
    let record = Pause {
        version: 1,
        since: request.now,
        by: request.by.clone(),
        reason: request.reason.clone(),
        until,
        limits: spec["limits"].clone(),
        budgets,
        set_budgets: Value::Array(set.clone()),
    };
    let text = json!(record).to_string();
    let patch = json!({
        "metadata": identity(pool, json!({CORDON_ANNOTATION: text})),
        "spec": {"limits": {limit_key(pool): "0"}, "disruption": {"budgets": set}},
    });
    (record, patch)
}

/// The merge patch that puts a paused NodePool back. With `keep`, what was edited since stays.
///
/// # Errors
/// What the pause set was edited, and `keep` is not given.
pub fn resume(pool: &Value, record: &Pause, keep: bool) -> Result<Value, ResumeError> {
    let key = limit_key(pool);
    let spec = &pool["spec"];
    let mut restored = Map::new();
    let limit = plain(&spec["limits"][key]);
    if limit == "0" {
        let before = record.limits[key].clone();
        let others = spec["limits"].as_object().is_some_and(|limits| limits.len() > 1);
        let gone = record.limits.is_null() && !others;
        restored.insert("limits".into(), if gone { Value::Null } else { json!({key: before}) });
    } else if !keep {
        return Err(ResumeError::Edited { field: format!("limits.{key}"), ours: "0".into(), now: limit });
    }
    let budgets = &spec["disruption"]["budgets"];
    if *budgets == record.set_budgets {
        restored.insert("disruption".into(), json!({"budgets": record.budgets}));
    } else if keep {
        let ours = record.set_budgets.as_array().and_then(|all| all.last());
        let mut left = budgets.as_array().cloned().unwrap_or_default();
        if let Some(at) = left.iter().rposition(|budget| Some(budget) == ours) {
            left.remove(at);
            restored.insert("disruption".into(), json!({"budgets": left}));
        }
    } else {
        return Err(ResumeError::Edited {
            field: "disruption.budgets".into(),
            ours: record.set_budgets.to_string(),
            now: budgets.to_string(),
        });
    }
    Ok(json!({"metadata": identity(pool, json!({CORDON_ANNOTATION: null})), "spec": restored}))
}

/// Metadata of a patch: it must hit this object as it was read.
fn identity(pool: &Value, annotations: Value) -> Value {
    let metadata = &pool["metadata"];
    json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "annotations": annotations})
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<none>".into(),
        other => other.to_string(),
    }
}

/// A budget of 0 nodes that begins with this minute. Cron names no year: it would come again in a year, were it not
/// for `uncordon`.
fn window(now: Timestamp, until: Timestamp) -> Value {
    let start = now.to_zoned(TimeZone::UTC);
    let minutes = (until.as_second() - now.as_second() + i64::from(start.second()) + 59) / 60;
    let schedule = format!("{} {} {} {} *", start.minute(), start.hour(), start.day(), start.month());
    json!({"nodes": "0", "schedule": schedule, "duration": format!("{minutes}m")})
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    crate::model::GoDuration::from_seconds(seconds).after(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(for_seconds: Option<i64>) -> PauseRequest {
        let now = "2026-11-25T14:20:30Z".parse().unwrap();
        PauseRequest { now, by: Some("ada".into()), reason: Some("audit".into()), for_seconds }
    }

    fn pool(spec: Value) -> Value {
        json!({"metadata": {"name": "spot", "uid": "u", "resourceVersion": "7"}, "spec": spec})
    }

    /// JSON merge patch, RFC 7386.
    fn merge(target: &mut Value, patch: &Value) {
        let Value::Object(fields) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        for (key, value) in fields {
            if value.is_null() {
                target.as_object_mut().unwrap().remove(key);
            } else {
                merge(&mut target[key.as_str()], value);
            }
        }
    }

    #[test]
    fn what_was_paused_comes_back_exactly() {
        for spec in [
            json!({"disruption": {"budgets": [{"nodes": "10%"}], "consolidateAfter": "1m"}}),
            json!({"limits": {"cpu": "1000", "memory": "4000Gi"}, "disruption": {"budgets": [{"nodes": "5", "reasons": ["Drifted"]}]}}),
            json!({"limits": {"memory": "1Gi"}, "disruption": {"budgets": [{"nodes": "10%"}]}}),
            json!({"replicas": 3, "limits": {"nodes": "9"}, "disruption": {"budgets": [{"nodes": "10%"}]}}),
        ] {
            for for_seconds in [None, Some(7200)] {
                let before = pool(spec.clone());
                let mut edited = before.clone();
                let (record, patch) = pause(&before, &request(for_seconds));
                merge(&mut edited, &patch);
                assert_eq!(paused(&edited).unwrap(), Some(record.clone()));
                let back = resume(&edited, &record, false).unwrap();
                merge(&mut edited, &back);
                edited["metadata"].as_object_mut().unwrap().remove("annotations");
                assert_eq!(edited, before);
            }
        }
    }

    #[test]
    fn a_pause_with_an_end_is_a_window_of_a_budget() {
        let spec = json!({"disruption": {"budgets": [{"nodes": "10%"}]}});
        let (record, patch) = pause(&pool(spec), &request(Some(7200)));
        assert_eq!(record.until.unwrap().to_string(), "2026-11-25T16:20:30Z");
        assert_eq!(
            patch["spec"],
            json!({"limits": {"cpu": "0"}, "disruption": {"budgets": [{"nodes": "10%"},
                {"nodes": "0", "schedule": "20 14 25 11 *", "duration": "121m"}]}})
        );
    }

    #[test]
    fn an_edit_in_between_is_told_and_can_be_kept() {
        let spec = json!({"limits": {"cpu": "1000"}, "disruption": {"budgets": [{"nodes": "10%"}]}});
        let before = pool(spec);
        let (record, patch) = pause(&before, &request(None));
        let mut edited = before.clone();
        merge(&mut edited, &patch);
        edited["spec"]["limits"]["cpu"] = json!("500");
        assert_eq!(
            resume(&edited, &record, false).unwrap_err().to_string(),
            "was edited since it was cordoned (limits.cpu 0 -> 500)"
        );
        let kept = resume(&edited, &record, true).unwrap();
        assert_eq!(kept["spec"], json!({"disruption": {"budgets": [{"nodes": "10%"}]}}));
    }
}
