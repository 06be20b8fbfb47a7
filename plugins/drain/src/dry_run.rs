//! `--dry-run=server`: every request is checked by the server, nothing changes; each prediction of the plan is
//! compared with the answer.

use karp_common::cluster::{Reply, Request, Writer};
use karp_common::term::Out;
use karp_core::drain::DrainPlan;
use karp_core::drain::report::{PlannedPod, PodAction};
use karp_core::report::{Error, ExitCode};
use serde_json::json;

use crate::live::node_path;

/// Sends everything with `dryRun=All`.
pub(crate) fn run(plan: &DrainPlan, writer: &Writer, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    for node in &plan.nodes {
        let body = json!({"metadata": {"uid": node.uid}, "spec": {"unschedulable": true}});
        let done = match writer.send(Request::merge_patch(&node_path(&node.name), body, true)) {
            Reply::Done(_) if node.cordoned => "already cordoned".to_owned(),
            Reply::Done(_) => "cordoned".to_owned(),
            other => format!("not cordoned: {other:?}"),
        };
        out.line(&format!("node/{} {done} (server dry run)", node.name));
    }
    let leaving: Vec<&PlannedPod> =
        plan.pods().filter(|pod| matches!(pod.action, PodAction::Evict | PodAction::Wait)).collect();
    let request = |pod: &&PlannedPod| match plan.options.disable_eviction {
        true => {
            let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
            Request::delete(&path, Some(&pod.uid), plan.options.grace_seconds, true)
        }
        false => Request::evict(&pod.namespace, &pod.name, &pod.uid, plan.options.grace_seconds, true),
    };
    let replies = writer.send_all(leaving.iter().map(request).collect());
    let (mut agreed, mut compared) = (0, 0);
    for (pod, reply) in leaving.iter().zip(&replies) {
        let verb = if plan.options.disable_eviction { "deleted" } else { "evicted" };
        let (status, words) = match reply {
            Reply::Done(_) => (201, verb.to_owned()),
            Reply::NotNow { message, .. } => (429, format!("not {verb} now: {message}")),
            Reply::Never(message) if message.contains("more than one") => {
                (500, format!("never {verb}: {message}"))
            }
            Reply::Never(message) => (403, format!("never {verb}: {message}")),
            Reply::Gone => (404, "gone".to_owned()),
            Reply::Conflict(message) => (409, format!("changed: {message}")),
            Reply::Unknown(message) => (0, format!("no answer: {message}")),
        };
        out.line(&format!("pod/{} {words} (server dry run)", pod.name));
        if let Some(expected) = expected(pod) {
            compared += 1;
            agreed += usize::from(expected == status);
        }
    }
    if compared > 0 {
        out.line(&format!("{agreed} of {compared} predictions as the server answered"));
    }
    Ok(ExitCode::Done)
}

/// What the plan predicts for an eviction that does not count against the next one.
fn expected(pod: &PlannedPod) -> Option<u16> {
    let predicted = pod.predicted.as_ref()?;
    let serial = predicted.status == 429 && pod.action == PodAction::Evict && pod.rounds > 1;
    Some(if serial { 201 } else { predicted.status })
}
