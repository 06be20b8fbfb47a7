//! Every prediction of a plan beside the API server's own answer to that eviction, asked as a dry run.
//!
//! The requests are the test's own: between the plan and the answer is nothing of the code under test. Pods that the
//! plan refuses are asked for, too.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use karp_cluster::ControlPlane;
use serde_json::{Value, json};

/// Predictions compared and met so far, over all drains of this process.
static ALL: Mutex<(usize, usize)> = Mutex::new((0, 0));

/// Asks the API server about every pod that the plan of these words predicts something for; how often it gave each
/// status.
pub(super) fn compare(plane: &ControlPlane, words: &[&str]) -> Result<BTreeMap<u64, usize>> {
    let all: Vec<&str> =
        ["karp", "drain", "--dry-run=client", "-o", "json"].iter().chain(words).copied().collect();
    let answer = plane.kubectl().run(&all)?;
    ensure!(matches!(answer.code, Some(0 | 1)), "{answer}");
    let plan: Value = serde_json::from_str(&answer.text()).with_context(|| answer.to_string())?;
    let mut statuses: BTreeMap<u64, usize> = BTreeMap::new();
    let (mut compared, mut differ) = (0, Vec::new());
    let nodes = plan["nodes"].as_array().into_iter().flatten();
    for pod in nodes.flat_map(|node| node["pods"].as_array().into_iter().flatten()) {
        let Some((status, message)) = predicted(pod) else { continue };
        let (said, text) = plane.run(ask(plane.client(), pod))?;
        compared += 1;
        *statuses.entry(said).or_default() += 1;
        if said != status || message.is_some_and(|message| !text.contains(message)) {
            differ.push(format!("{}: predicted {status} {message:?}, answered {said} {text:?}", pod["name"]));
        }
    }
    let total = {
        let mut total = ALL.lock().map_err(|_| anyhow::anyhow!("a test panicked"))?;
        total.0 += compared;
        total.1 += compared - differ.len();
        *total
    };
    eprintln!(
        "predictions of {}: {} of {compared} as the server answered {statuses:?}; all drains so far: {} of {}",
        words.join(" "),
        compared - differ.len(),
        total.1,
        total.0
    );
    ensure!(differ.is_empty(), "{differ:#?}");
    Ok(statuses)
}

/// What the plan says of a pod. Dry runs do not count against the next one, so a pod of a later round is let go.
fn predicted(pod: &Value) -> Option<(u64, Option<&str>)> {
    let status = pod["predicted"]["status"].as_u64()?;
    let is_later = status == 429 && pod["action"] == "evict" && pod["rounds"].as_u64() > Some(1);
    if is_later { Some((201, None)) } else { Some((status, pod["predicted"]["message"].as_str())) }
}

/// The server's status and text.
async fn ask(client: kube::Client, pod: &Value) -> Result<(u64, String)> {
    let (namespace, name) = (&pod["namespace"], &pod["name"]);
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}/eviction",
        namespace.as_str().context("namespace")?,
        name.as_str().context("name")?
    );
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"namespace": namespace, "name": name},
        "deleteOptions": {"dryRun": ["All"], "preconditions": {"uid": pod["uid"]}}});
    let request = http::Request::post(path).header("content-type", "application/json");
    match client.request::<Value>(request.body(eviction.to_string().into_bytes())?).await {
        Ok(_) => Ok((201, String::new())),
        Err(kube::Error::Api(status)) => Ok((u64::from(status.code), status.message)),
        Err(error) => Err(error.into()),
    }
}
