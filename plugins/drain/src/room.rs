//! `--surge` on a real cluster: placeholders are made, counted, and taken away again.
//!
//! They live in one namespace for all drains of a cluster; each carries the uid of its node, so that a drain takes
//! away its own. Namespace and PriorityClass go with the last placeholder.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compact_str::CompactString;
use karp_common::cluster::{Reply, Request, Writer};
use karp_core::drain::{
    Answer, DRAIN_ANNOTATION, SURGE_LABEL, SURGE_PRIORITY_CLASS, placeholder, placeholder_name,
};
use karp_core::model::{Node, Pod, condition_is_true};
use karp_core::report::Error;
use serde_json::json;

use crate::live::{answer, node_path};

/// How often what is left is looked at before it is given up.
const GIVE_BACK_LOOKS: u32 = 60;

/// A pod that wants a place elsewhere.
pub(crate) struct Wanted<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) node_uid: &'a str,
    pub(crate) zones: Vec<CompactString>,
}

/// Makes placeholders, and what they need; the names of those that are made go into `names`. What exists already is as
/// good as made.
///
/// # Errors
/// The first answer that is neither; the others may be made.
pub(crate) fn make(
    writer: &Writer,
    image: &str,
    wanted: &[Wanted<'_>],
    names: &mut BTreeSet<String>,
) -> Result<(), Answer> {
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": SURGE_PRIORITY_CLASS}, "value": -1, "globalDefault": false,
        "preemptionPolicy": "Never", "description": "Placeholders of kubectl karp drain --surge"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": SURGE_PRIORITY_CLASS, "labels": {SURGE_LABEL: ""}}});
    made(writer.send(Request::create("/apis/scheduling.k8s.io/v1/priorityclasses", class)))?;
    made(writer.send(Request::create("/api/v1/namespaces", namespace)))?;
    // Admission wants the namespace's default service account.
    let account = format!("/api/v1/namespaces/{SURGE_PRIORITY_CLASS}/serviceaccounts/default");
    for _ in 0..20 {
        if matches!(writer.get::<serde_json::Value>(&account), Ok(Some(_))) {
            break;
        }
        writer.sleep(Duration::from_millis(250));
    }
    let create = |wanted: &Wanted<'_>| {
        Request::create(&pods_path(), placeholder(wanted.pod, wanted.node_uid, image, &wanted.zones))
    };
    let mut failed = Ok(());
    for (wanted, reply) in wanted.iter().zip(writer.send_all(wanted.iter().map(create).collect())) {
        match made(reply) {
            Ok(()) => {
                names.insert(placeholder_name(&wanted.pod.metadata.uid));
            }
            Err(answer) => failed = failed.and(Err(answer)),
        }
    }
    failed
}

/// Names of these placeholders that are there, and how many of them have a Ready node.
///
/// # Errors
/// The cluster does not answer.
pub(crate) fn placed(writer: &Writer, names: &BTreeSet<String>) -> Result<(BTreeSet<String>, usize), Error> {
    let pods: Vec<Pod> = writer.list(&placeholders_path())?;
    let own: Vec<&Pod> = pods
        .iter()
        .filter(|pod| names.contains(pod.metadata.name.as_str()) && !pod.metadata.is_deleting())
        .collect();
    let mut ready: BTreeMap<&str, bool> = BTreeMap::new();
    let mut placed = 0;
    for node in own.iter().filter_map(|pod| pod.node_name.as_deref()) {
        let is_ready = match ready.get(node) {
            Some(known) => *known,
            None => {
                let found = writer.get::<Node>(&node_path(node))?;
                found.is_some_and(|node| condition_is_true(&node.status.conditions, "Ready"))
            }
        };
        ready.insert(node, is_ready);
        placed += usize::from(is_ready);
    }
    Ok((own.iter().map(|pod| pod.metadata.name.to_string()).collect(), placed))
}

/// Takes away the placeholders of these nodes, and those of nodes that nobody drains any more; with the last one,
/// namespace and PriorityClass. Waits until they are gone; the number of those that are not.
pub(crate) fn give_back(writer: &Writer, nodes: &BTreeSet<CompactString>) -> usize {
    let mut left = 0;
    for _ in 0..GIVE_BACK_LOOKS {
        let all: Vec<Pod> = match writer.list_if_allowed(&placeholders_path()) {
            Ok(Some(all)) => all,
            // Who may not even look has made none.
            Ok(None) => return left,
            Err(_) if writer.interrupts() > 1 => return left,
            Err(_) => {
                writer.sleep(Duration::from_millis(500));
                continue;
            }
        };
        let ours: Vec<&Pod> = match all.is_empty() {
            true => Vec::new(),
            false => {
                let drained = drained_nodes(writer);
                let is_ours = |pod: &&Pod| {
                    let node = pod.metadata.labels.get(SURGE_LABEL).unwrap_or_default();
                    nodes.contains(node) || drained.as_ref().is_some_and(|all| !all.contains(node))
                };
                all.iter().filter(is_ours).collect()
            }
        };
        left = ours.len();
        if left == 0 {
            if all.is_empty() {
                remove_namespace(writer);
            }
            return 0;
        }
        let delete = |pod: &&Pod| {
            let path = format!("{}/{}", pods_path(), pod.metadata.name);
            Request::delete(&path, Some(&pod.metadata.uid), Some(0), false)
        };
        let replies = writer.send_all(ours.iter().map(delete).collect());
        if replies.iter().all(|reply| matches!(reply, Reply::Never(_))) || writer.interrupts() > 1 {
            return left;
        }
        writer.sleep(Duration::from_millis(500));
    }
    left
}

/// Uids of nodes with a journal of a drain; none where they cannot be read.
fn drained_nodes(writer: &Writer) -> Option<BTreeSet<CompactString>> {
    let nodes: Vec<Node> = writer.list("/api/v1/nodes").ok()?;
    let drained = nodes.into_iter().filter(|node| node.metadata.annotations.get(DRAIN_ANNOTATION).is_some());
    Some(drained.map(|node| node.metadata.uid.clone()).collect())
}

fn remove_namespace(writer: &Writer) {
    let path = format!("/api/v1/namespaces/{SURGE_PRIORITY_CLASS}");
    let namespace: Option<serde_json::Value> = writer.get(&path).ok().flatten();
    // Only ours; and where there is none, this drain made no room.
    if namespace.is_none_or(|found| found["metadata"]["labels"][SURGE_LABEL].is_null()) {
        return;
    }
    for path in [path, format!("/apis/scheduling.k8s.io/v1/priorityclasses/{SURGE_PRIORITY_CLASS}")] {
        for _ in 0..5 {
            match writer.send(Request::delete(&path, None, None, false)) {
                Reply::NotNow { .. } | Reply::Unknown(_) => writer.sleep(Duration::from_millis(500)),
                _ => break,
            }
        }
    }
}

fn placeholders_path() -> String {
    format!("{}?labelSelector={}", pods_path(), SURGE_LABEL.replace('/', "%2F"))
}

fn pods_path() -> String {
    format!("/api/v1/namespaces/{SURGE_PRIORITY_CLASS}/pods")
}

fn made(reply: Reply) -> Result<(), Answer> {
    match reply {
        Reply::Done(_) | Reply::Conflict(_) => Ok(()),
        other => Err(answer(other)),
    }
}
