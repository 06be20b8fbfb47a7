//! The two forms of a report, cut down to what they say of the object asked about.

use serde_json::Value;

use super::Case;
use super::cluster::Cluster;
use super::command::Output;
use super::kinds::ObjectRef;
use super::screen::Screen;
use super::spelling::Said;
use super::tree::{self, Tree};

/// A report.
#[derive(Debug)]
pub(super) struct Report {
    /// The screen.
    pub(super) screen: Screen,
    /// The whole JSON.
    pub(super) json: Value,
    /// The part of the JSON that is about the object asked about: groups of pods, else everything.
    pub(super) scope: Vec<Value>,
    /// All that is said of it.
    pub(super) said: Said,
}

impl Report {
    /// Reads what the command wrote.
    ///
    /// # Errors
    /// Why it cannot pass at all: no output, a crash, trouble, or JSON that is none.
    pub(super) fn new(case: &Case, cluster: &Cluster, outputs: &[Output; 2]) -> Result<Self, String> {
        for (output, form) in outputs.iter().zip(["table", "JSON"]) {
            if output.exit > 1 && output.exit != 5 {
                let first = output.stderr.lines().next().unwrap_or("nothing on stderr");
                return Err(format!("{form}: exit {}: {first}", output.exit));
            }
            if output.stdout.trim().is_empty() {
                return Err(format!("{form}: no output"));
            }
        }
        let [table, json] = outputs;
        let json: Value = serde_json::from_str(&json.stdout).map_err(|error| format!("JSON: {error}"))?;
        let screen = Screen::read(&table.stdout, &case.command);
        let scope = scope(&json, case.target().as_ref());
        if scope.is_empty() {
            return Err("JSON: the report says nothing of the object asked about".to_owned());
        }
        let said = Said::new(&screen, &Tree::read(&scope), &cluster.messages());
        Ok(Self { screen, json, scope, said })
    }
}

/// Groups that hold the pod asked about (all groups, where no pod is named); of other reports everything.
fn scope(json: &Value, target: Option<&ObjectRef>) -> Vec<Value> {
    let Some(groups) = json.get("groups").and_then(Value::as_array) else {
        return vec![tree::body(json)];
    };
    let Some(pod) = target.filter(|target| target.kind == "pod") else { return groups.clone() };
    let holds = |group: &&Value| {
        let pods = group.get("pods").and_then(Value::as_array);
        pods.into_iter().flatten().any(|entry| {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
            ObjectRef::new("pod", text("namespace"), text("name")).is_some_and(|named| named.same(pod))
        })
    };
    groups.iter().filter(holds).cloned().collect()
}
