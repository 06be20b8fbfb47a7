//! One pass of the disruption controller, method by method, each as if those before it had done nothing.
//!
//! Mirrors karpenter: pkg/controllers/disruption/controller.go (`disrupt`). Commands of emptiness and
//! consolidation are not computed here yet.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::candidates::{Candidate, DisruptionEvent, Method, Recorder, budget_mapping, candidates};
use super::cluster_state::ClusterState;
use super::command::DisruptionCommand;
use super::drift_method::drift_commands;
use super::static_drift::static_drift_commands;

/// What one method would do.
#[derive(Debug, Clone)]
pub struct MethodAnswer<'a> {
    /// The method.
    pub method: Method,
    /// The nodes it may take, by ascending provider id.
    pub candidates: Vec<Candidate<'a>>,
    /// Nodes each NodePool may still lose, by name.
    pub budgets: BTreeMap<CompactString, i64>,
    /// Its commands; none = not computed for this method.
    pub commands: Option<Vec<DisruptionCommand<'a>>>,
    /// What it publishes, by object.
    pub events: Vec<DisruptionEvent>,
    /// Its error, in the controller's words.
    pub error: Option<String>,
}

/// Whether the controller runs at all: not while a NodeClaim has not launched.
pub fn is_synced(cluster: &ClusterState<'_>) -> bool {
    cluster.unlaunched().is_empty()
}

/// Runs one method. The cluster must be as [`super::housekeeping`] leaves it.
pub fn evaluate<'a>(cluster: &ClusterState<'a>, method: Method) -> MethodAnswer<'a> {
    let mut recorder = Recorder::default();
    let found = candidates(cluster, method, &mut recorder);
    let mut budget_events = Recorder::default();
    let budgets = budget_mapping(cluster, method.reason(), &mut budget_events);
    let (mut commands, mut error) = (None, None);
    if found.is_empty() {
        commands = Some(Vec::new());
    } else {
        for event in budget_events.into_events() {
            recorder.publish(event.object, event.reason, event.message);
        }
        match method {
            Method::StaticDrift => {
                commands = Some(static_drift_commands(cluster, &budgets, found.clone(), &mut recorder));
            }
            Method::Drift => match drift_commands(cluster, &budgets, found.clone(), &mut recorder) {
                Ok(found) => commands = Some(found),
                Err(problem) => {
                    commands = Some(Vec::new());
                    error = Some(problem);
                }
            },
            _ => {}
        }
    }
    MethodAnswer { method, candidates: found, budgets, commands, events: recorder.into_events(), error }
}
