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
    let mut refused = false;
    for node in &plan.nodes {
        let body = json!({"metadata": {"uid": node.uid}, "spec": {"unschedulable": true}});
        let done = match writer.send(Request::merge_patch(&node_path(&node.name), body, true)) {
            Reply::Done(_) if node.cordoned => "already cordoned".to_owned(),
            Reply::Done(_) => "cordoned".to_owned(),
            reply => {
                refused |= matches!(reply, Reply::Never(_));
                format!("not cordoned: {}", said(&reply))
            }
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
        let status = match reply {
            Reply::Done(_) => Some(201),
            Reply::NotNow { .. } => Some(429),
            Reply::Never(message) if message.contains("more than one") => Some(500),
            Reply::Gone => Some(404),
            Reply::Conflict(_) => Some(409),
            // Not an answer about the pod: the user may not ask, or nobody heard it.
            Reply::Never(_) | Reply::Unknown(_) => None,
        };
        refused |= matches!(reply, Reply::Never(_));
        let words = match reply {
            Reply::Done(_) => verb.to_owned(),
            Reply::NotNow { .. } => format!("not {verb} now: {}", said(reply)),
            _ => format!("not {verb}: {}", said(reply)),
        };
        out.line(&format!("pod/{} {words} (server dry run)", pod.name));
        if let Some((expected, status)) = expected(pod).zip(status) {
            compared += 1;
            agreed += usize::from(expected == status);
        }
    }
    if compared > 0 {
        out.line(&format!("{agreed} of {compared} predictions as the server answered"));
    }
    Ok(if refused { ExitCode::Findings } else { ExitCode::Done })
}

/// The server's words.
fn said(reply: &Reply) -> &str {
    match reply {
        Reply::Done(_) => "done",
        Reply::Gone => "it is gone",
        Reply::NotNow { message, .. }
        | Reply::Never(message)
        | Reply::Conflict(message)
        | Reply::Unknown(message) => message,
    }
}

/// What the plan predicts for an eviction that does not count against the next one.
fn expected(pod: &PlannedPod) -> Option<u16> {
    let predicted = pod.predicted.as_ref()?;
    let serial = predicted.status == 429 && pod.action == PodAction::Evict && pod.rounds > 1;
    Some(if serial { 201 } else { predicted.status })
}
