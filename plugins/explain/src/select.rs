//! From what was typed to the pods that are meant, or to the nearest names there are.

use std::collections::BTreeMap;

use karp_common::cli::PodSelector;
use karp_core::explain::{ObjectIndex, owner_of, words};
use karp_core::model::{Pod, Snapshot};
use karp_core::report::Error;

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Selection<'a> {
    /// All pending pods.
    AllPending(Vec<&'a Pod>),
    /// These pods; `subject` is what was typed where it was one object.
    Pods {
        /// The pods.
        pods: Vec<&'a Pod>,
        /// `deploy/web -n shop`, where one workload was asked for.
        subject: Option<String>,
    },
    /// A workload without pending pods, in words.
    NothingPending(String),
    /// A NodeClaim.
    NodeClaim(String),
    /// A node.
    Node(String),
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scope {
    /// One namespace; none = all.
    pub(crate) namespace: Option<String>,
    /// `-l` and `--field-selector`.
    pub(crate) pods: PodSelector,
}

/// Finds what was asked for.
pub(crate) fn select<'a>(
    snapshot: &'a Snapshot,
    objects: &[String],
    scope: &Scope,
) -> Result<Selection<'a>, Error> {
    let index = ObjectIndex::new(snapshot);
    let in_scope = |pod: &&Pod| scope.namespace.as_deref().is_none_or(|name| pod.metadata.namespace == name);
    if objects.is_empty() {
        let mut pods: Vec<&Pod> = karp_core::explain::pending_pods(snapshot);
        pods.retain(in_scope);
        if scope.pods.is_everything() {
            return Ok(Selection::AllPending(pods));
        }
        pods.retain(|pod| scope.pods.matches(pod));
        return Ok(Selection::Pods { pods, subject: None });
    }
    if !scope.pods.is_everything() {
        return Err(Error::usage("name cannot be provided when a selector is specified")
            .hint("leave out the name, or -l and --field-selector"));
    }
    let mut pods: Vec<&Pod> = Vec::new();
    let mut subject = None;
    for object in objects {
        let (kind, name) = match object.split_once('/') {
            Some((kind, name)) => (kind.to_lowercase(), name),
            None => ("pod".to_owned(), object.as_str()),
        };
        match kind_of(&kind) {
            Some("Pod") => pods.push(pod_named(snapshot, &index, name, scope)?),
            Some("Node") => return Ok(Selection::Node(name.to_owned())),
            Some("NodeClaim") => return Ok(Selection::NodeClaim(name.to_owned())),
            Some(kind) => {
                let of_workload = pods_of(snapshot, &index, kind, name, scope)?;
                let namespace = of_workload.first().map_or("", |pod| pod.metadata.namespace.as_str());
                let words = words::object(kind, namespace, name);
                let pending: Vec<&Pod> = of_workload
                    .iter()
                    .copied()
                    .filter(|pod| pod.node_name.is_none() && !pod.is_terminal())
                    .collect();
                if pending.is_empty() && objects.len() == 1 {
                    let running = of_workload.iter().filter(|pod| pod.is_active()).count();
                    return Ok(Selection::NothingPending(format!(
                        "No pod of {words} is pending; {} run.",
                        words::count(running, "pod")
                    )));
                }
                subject = (objects.len() == 1).then_some(words);
                pods.extend(pending);
            }
            None => {
                return Err(Error::usage(format!("cannot explain kind {kind:?}"))
                    .hint("pod, deploy, rs, sts, job, cronjob, ds, rc, nodeclaim, node"));
            }
        }
    }
    Ok(Selection::Pods { pods, subject })
}

fn kind_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "pod" | "pods" | "po" => "Pod",
        "deploy" | "deployment" | "deployments" | "deployment.apps" => "Deployment",
        "rs" | "replicaset" | "replicasets" | "replicaset.apps" => "ReplicaSet",
        "sts" | "statefulset" | "statefulsets" | "statefulset.apps" => "StatefulSet",
        "ds" | "daemonset" | "daemonsets" | "daemonset.apps" => "DaemonSet",
        "job" | "jobs" | "job.batch" => "Job",
        "cronjob" | "cronjobs" | "cj" | "cronjob.batch" => "CronJob",
        "rc" | "replicationcontroller" | "replicationcontrollers" => "ReplicationController",
        "node" | "nodes" | "no" => "Node",
        "nodeclaim" | "nodeclaims" => "NodeClaim",
        _ => return None,
    })
}

fn pod_named<'a>(
    snapshot: &'a Snapshot,
    index: &ObjectIndex<'a>,
    name: &str,
    scope: &Scope,
) -> Result<&'a Pod, Error> {
    let mut found = snapshot.objects.pods.iter().filter(|pod| pod.metadata.name == name);
    let in_scope = |pod: &&Pod| scope.namespace.as_deref().is_none_or(|name| pod.metadata.namespace == name);
    if let Some(pod) = found.clone().find(in_scope) {
        return Ok(pod);
    }
    let elsewhere: Vec<&str> = found.by_ref().map(|pod| pod.metadata.namespace.as_str()).collect();
    Err(not_found("pods", name, scope, &elsewhere, &nearest(snapshot, index, name)))
}

/// Pods of a workload, direct or through what it owns.
fn pods_of<'a>(
    snapshot: &'a Snapshot,
    index: &ObjectIndex<'a>,
    kind: &str,
    name: &str,
    scope: &Scope,
) -> Result<Vec<&'a Pod>, Error> {
    let is_of = |pod: &&Pod| {
        let direct =
            pod.metadata.owner_references.iter().any(|owner| owner.kind == kind && owner.name == name);
        let owner = owner_of(pod, index).name;
        direct || owner.kind == kind && owner.name == name
    };
    let all: Vec<&Pod> = snapshot.objects.pods.iter().filter(is_of).collect();
    let mut here = all.clone();
    here.retain(|pod| scope.namespace.as_deref().is_none_or(|name| pod.metadata.namespace == name));
    if !here.is_empty() {
        here.sort_by_key(|pod| (&pod.metadata.namespace, &pod.metadata.name));
        return Ok(here);
    }
    let of_name = |namespace: &str| scope.namespace.as_deref().is_none_or(|name| name == namespace);
    let objects = &snapshot.objects;
    let mut namespaces: Vec<&str> = objects
        .workloads
        .iter()
        .filter(|workload| workload.kind == kind && workload.metadata.name == name)
        .map(|workload| workload.metadata.namespace.as_str())
        .collect();
    let daemon_sets =
        objects.daemon_sets.iter().filter(|set| kind == "DaemonSet" && set.metadata.name == name);
    namespaces.extend(daemon_sets.map(|set| set.metadata.namespace.as_str()));
    if namespaces.iter().any(|namespace| of_name(namespace)) {
        return Ok(Vec::new());
    }
    namespaces.extend(all.iter().map(|pod| pod.metadata.namespace.as_str()));
    let plural = format!("{}s", kind.to_lowercase());
    Err(not_found(&plural, name, scope, &namespaces, &nearest(snapshot, index, name)))
}

fn not_found(plural: &str, name: &str, scope: &Scope, elsewhere: &[&str], nearest: &[String]) -> Error {
    let place = match &scope.namespace {
        Some(namespace) => format!(" in namespace {namespace:?}"),
        None => String::new(),
    };
    let error = Error::not_found(format!("{plural} {name:?} not found{place}"));
    if let Some(namespace) = elsewhere.first() {
        return error.hint(format!("it is in namespace {namespace}: add -n {namespace}"));
    }
    if nearest.is_empty() {
        return error.hint("kubectl karp explain lists all pending pods");
    }
    error.hint(format!("did you mean {}?", nearest.join(", ")))
}

/// The three names that come nearest, those with pending pods first.
fn nearest(snapshot: &Snapshot, index: &ObjectIndex<'_>, name: &str) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut owners: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for pod in snapshot.objects.pods.iter().filter(|pod| !pod.is_terminal()) {
        let owner = owner_of(pod, index).name;
        let key = (owner.kind.to_string(), owner.namespace.to_string(), owner.name.to_string());
        *owners.entry(key).or_default() += usize::from(pod.node_name.is_none());
    }
    let mut ranked: Vec<(bool, usize, String)> = owners
        .into_iter()
        .map(|((kind, namespace, owner), pending)| {
            let shown_namespace = if namespace == "default" { "" } else { &namespace };
            let words = words::object(&kind, shown_namespace, &owner);
            let words = match pending {
                0 => words,
                1 => words,
                many => format!("{words} ({many} pods pending)"),
            };
            (pending == 0, strsim::levenshtein(name, &owner), words)
        })
        .collect();
    ranked.sort();
    ranked.into_iter().take(SHOWN).map(|(_, _, words)| words).collect()
}

#[cfg(test)]
mod tests {
    use karp_common::cli::SelectorFlags;

    use super::*;

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
        let pod = |name: &str, namespace: &str, owner: &str, kind: &str, node: Option<&str>| {
            serde_json::json!({"metadata": {"name": name, "namespace": namespace, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": true}]},
                "spec": {"nodeName": node}})
        };
        snapshot.objects.pods = serde_json::from_value(serde_json::json!([
            pod("train-x", "ml", "train", "Job", None),
            pod("inflate-1-a", "default", "inflate", "StatefulSet", None),
            pod("inflate-1-b", "default", "inflate", "StatefulSet", None),
            pod("web-0", "shop", "web", "StatefulSet", Some("n")),
        ]))
        .unwrap();
        snapshot
    }

    fn scope(namespace: &str) -> Scope {
        Scope { namespace: Some(namespace.to_owned()), ..Scope::default() }
    }

    #[test]
    fn an_unknown_pod_names_the_nearest() {
        let snapshot = snapshot();
        let error = select(&snapshot, &["inflat".to_owned()], &scope("default")).unwrap_err();
        insta::assert_snapshot!(error, @r#"
        error: pods "inflat" not found in namespace "default"
        hint: did you mean sts/inflate (2 pods pending), job/train -n ml, sts/web -n shop?
        "#);
        let error = select(&snapshot, &["train-x".to_owned()], &scope("default")).unwrap_err();
        insta::assert_snapshot!(error, @r#"
        error: pods "train-x" not found in namespace "default"
        hint: it is in namespace ml: add -n ml
        "#);
    }

    #[test]
    fn workloads_are_found_by_short_and_long_kinds() {
        let snapshot = snapshot();
        for object in ["sts/inflate", "StatefulSet/inflate", "statefulsets/inflate"] {
            let Ok(Selection::Pods { pods, subject }) =
                select(&snapshot, &[object.to_owned()], &scope("default"))
            else {
                panic!("{object}");
            };
            assert_eq!((pods.len(), subject.as_deref()), (2, Some("sts/inflate -n default")));
        }
        let running = select(&snapshot, &["sts/web".to_owned()], &scope("shop")).unwrap();
        assert_eq!(
            running,
            Selection::NothingPending("No pod of sts/web -n shop is pending; 1 pod run.".to_owned())
        );
        assert!(select(&snapshot, &["service/web".to_owned()], &scope("shop")).is_err());
    }

    #[test]
    fn selectors_choose_among_pending_pods() {
        let snapshot = snapshot();
        let flags = SelectorFlags {
            field_selector: Some("metadata.namespace!=ml".to_owned()),
            ..SelectorFlags::default()
        };
        let scope = Scope { namespace: None, pods: flags.pods().unwrap() };
        let Ok(Selection::Pods { pods, subject: None }) = select(&snapshot, &[], &scope) else {
            panic!("a selector selects pods")
        };
        let names: Vec<&str> = pods.iter().map(|pod| pod.metadata.name.as_str()).collect();
        assert_eq!(names, ["inflate-1-a", "inflate-1-b"]);
        let error = select(&snapshot, &["train-x".to_owned()], &scope).unwrap_err();
        insta::assert_snapshot!(error, @r"
        error: name cannot be provided when a selector is specified
        hint: leave out the name, or -l and --field-selector
        ");
    }
}
