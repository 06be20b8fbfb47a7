//! Which pods of a node a drain touches, before any PDB is looked at.
//!
//! Mirrors kubectl: pkg/drain/filters.go, with two differences: a pod gets all of its reasons, not only the first,
//! and Karpenter's do-not-disrupt counts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::options::DrainOptions;
use super::refusal::Refusal;
use crate::model::{Pod, Snapshot, label_key};
use crate::sim::pods::DoNotDisrupt;

/// The annotation by which static pods show themselves.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// DaemonSets that exist: a pod whose DaemonSet is gone counts as without controller.
#[derive(Debug, Clone, Default)]
pub struct DaemonSets {
    /// `(namespace, name)`; none = they could not be read, then all are taken to exist.
    known: Option<BTreeSet<(String, String)>>,
}

impl DaemonSets {
    /// Those of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        if snapshot.gap("daemonsets").is_some() {
            return Self { known: None };
        }
        let names = snapshot.objects.daemon_sets.iter().map(|set| &set.metadata);
        Self::from_names(names.map(|meta| (meta.namespace.to_string(), meta.name.to_string())))
    }

    /// Those with these namespaces and names.
    pub fn from_names(names: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { known: Some(names.into_iter().collect()) }
    }

    fn has(&self, namespace: &str, name: &str) -> bool {
        self.known.as_ref().is_none_or(|known| known.contains(&(namespace.to_owned(), name.to_owned())))
    }
}

/// Why a pod is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A DaemonSet owns it and `--ignore-daemonsets` was given.
    DaemonSet,
    /// It mirrors a static pod.
    Static,
    /// `--pod-selector` does not select it.
    NotSelected,
    /// It terminates for longer than `--skip-wait-for-delete-timeout`.
    TerminatesTooLong,
    /// It holds room for others: a placeholder of `--surge`.
    Placeholder,
}

impl Skip {
    /// A few words.
    pub const fn words(self) -> &'static str {
        match self {
            Skip::DaemonSet => "",
            Skip::Static => "static pod",
            Skip::NotSelected => "not selected (--pod-selector)",
            Skip::TerminatesTooLong => "terminates for too long (--skip-wait-for-delete-timeout)",
            Skip::Placeholder => "holds room (--surge)",
        }
    }
}

/// What the filters say of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filtered {
    /// It is left alone; then nothing else counts.
    pub skip: Option<Skip>,
    /// Why it must not be touched.
    pub refusals: Vec<Refusal>,
    /// What a flag lets happen to it.
    pub warning: Option<Allowed>,
}

/// What a flag lets happen to a pod, in kubectl's words where kubectl has the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Allowed {
    /// `--force`.
    #[serde(rename = "deleting Pods that declare no controller")]
    NoController,
    /// `--delete-emptydir-data`.
    #[serde(rename = "deleting Pods with local storage")]
    LocalData,
    /// `--override-do-not-disrupt`.
    #[serde(rename = "evicting Pods that say do-not-disrupt")]
    DoNotDisrupt,
}

impl Allowed {
    /// The warning in front of a list of pods.
    pub fn warning(self) -> &'static str {
        match self {
            Allowed::NoController => "deleting Pods that declare no controller",
            Allowed::LocalData => "deleting Pods with local storage",
            Allowed::DoNotDisrupt => "evicting Pods that say do-not-disrupt",
        }
    }

    /// What it means for the pod, in its row.
    pub fn words(self) -> &'static str {
        match self {
            Allowed::NoController => "no controller: gone for good",
            Allowed::LocalData => "emptyDir data is lost",
            Allowed::DoNotDisrupt => "do-not-disrupt overridden",
        }
    }
}

/// What the filters say of a pod.
pub fn filter(pod: &Pod, options: &DrainOptions, daemon_sets: &DaemonSets, now: Timestamp) -> Filtered {
    let skipped = |skip| Filtered { skip: Some(skip), ..Filtered::default() };
    if options.pod_selector.as_ref().is_some_and(|selector| !selector.matches(&pod.metadata.labels)) {
        return skipped(Skip::NotSelected);
    }
    let limit = options.skip_wait_for_delete_seconds;
    if limit > 0 && pod.metadata.deletion_timestamp.is_some_and(|at| now.as_second() - at.as_second() > limit)
    {
        return skipped(Skip::TerminatesTooLong);
    }
    let mut filtered = Filtered::default();
    let finished = pod.is_terminal();
    let daemon = pod.metadata.controller().filter(|owner| {
        owner.kind == "DaemonSet" && owner.api_version.split('/').next() == Some("apps") && !finished
    });
    if let Some(owner) = daemon {
        if daemon_sets.has(&pod.metadata.namespace, &owner.name) {
            if options.ignore_daemonsets {
                return skipped(Skip::DaemonSet);
            }
            filtered.refusals.push(Refusal::DaemonSetPod);
            return filtered;
        }
        if options.force {
            filtered.warning = Some(Allowed::NoController);
        } else {
            filtered.refusals.push(Refusal::OrphanOfDaemonSet);
        }
    }
    if pod.metadata.annotations.get(MIRROR).is_some() {
        return skipped(Skip::Static);
    }
    if pod.metadata.labels.get(super::SURGE_LABEL).is_some() {
        return skipped(Skip::Placeholder);
    }
    if finished {
        return filtered;
    }
    if pod.spec.volumes.iter().any(|volume| volume.empty_dir.is_some()) {
        if options.delete_emptydir_data {
            filtered.warning = Some(Allowed::LocalData);
        } else {
            filtered.refusals.push(Refusal::LocalData);
        }
    }
    if pod.metadata.controller().is_none() {
        if options.force {
            filtered.warning = Some(Allowed::NoController);
        } else {
            filtered.refusals.push(Refusal::NoController);
        }
    }
    if !pod.metadata.is_deleting()
        && let Some(protection) = protection(pod, now)
    {
        if options.override_do_not_disrupt {
            filtered.warning.get_or_insert(Allowed::DoNotDisrupt);
        } else {
            filtered.refusals.push(protection);
        }
    }
    filtered
}

fn protection(pod: &Pod, now: Timestamp) -> Option<Refusal> {
    let until = match DoNotDisrupt::of(pod, now) {
        DoNotDisrupt::Until(until) => Some(until),
        DoNotDisrupt::Always | DoNotDisrupt::NotStarted(_) => None,
        _ => return None,
    };
    let value = pod.metadata.annotations.get(label_key::DO_NOT_DISRUPT).unwrap_or_default().into();
    Some(Refusal::DoNotDisrupt { until, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn pod(edit: Value) -> Pod {
        let mut value =
            json!({"metadata": {"name": "p", "namespace": "shop"}, "status": {"phase": "Running"}});
        for (key, part) in edit.as_object().unwrap() {
            let target = value.as_object_mut().unwrap().entry(key).or_insert(json!({}));
            for (field, inner) in part.as_object().unwrap() {
                target[field] = inner.clone();
            }
        }
        serde_json::from_value(value).unwrap()
    }

    fn owned(kind: &str) -> Value {
        json!([{"apiVersion": if kind == "Job" { "batch/v1" } else { "apps/v1" }, "kind": kind, "name": "o",
            "uid": "o", "controller": true}])
    }

    #[track_caller]
    fn check(row: &str, edit: Value, options: DrainOptions, skip: Option<Skip>, codes: &[&str]) {
        let sets = DaemonSets::from_names([("shop".to_owned(), "o".to_owned())]);
        let filtered = filter(&pod(edit), &options, &sets, now());
        let found: Vec<_> = filtered.refusals.iter().map(Refusal::code).collect();
        assert_eq!((filtered.skip, found), (skip, codes.to_vec()), "{row}");
    }

    #[test]
    fn kubectl_parity() {
        let none = DrainOptions::default;
        let ignore = DrainOptions { ignore_daemonsets: true, ..none() };
        let force = DrainOptions { force: true, ..none() };
        let data = DrainOptions { delete_emptydir_data: true, ..none() };
        let daemon = || json!({"metadata": {"ownerReferences": owned("DaemonSet")}});
        check("P02", daemon(), none(), None, &["KARP322"]);
        check("P02", daemon(), ignore.clone(), Some(Skip::DaemonSet), &[]);
        let orphan = || {
            json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gone",
                "uid": "g", "controller": true}]}})
        };
        check("P03", orphan(), ignore, None, &["KARP321"]);
        check("P03", orphan(), force.clone(), None, &[]);
        check("P04", json!({}), none(), None, &["KARP320"]);
        check("P04", json!({}), force, None, &[]);
        let empty = || {
            json!({"metadata": {"ownerReferences": owned("ReplicaSet")},
            "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}})
        };
        check("P05", empty(), none(), None, &["KARP323"]);
        check("P05", empty(), data, None, &[]);
        let bare = json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}});
        check("all reasons", bare, none(), None, &["KARP323", "KARP320"]);
        let finished =
            json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}, "status": {"phase": "Failed"}});
        check("P05 finished", finished, none(), None, &[]);
        for kind in ["ReplicaSet", "Job", "StatefulSet"] {
            check("P06", json!({"metadata": {"ownerReferences": owned(kind)}}), none(), None, &[]);
        }
        let mirror = json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}});
        check("P06 mirror", mirror, none(), Some(Skip::Static), &[]);
        let terminating = || {
            json!({"metadata": {"ownerReferences": owned("ReplicaSet"),
            "deletionTimestamp": "2026-11-20T11:59:00Z"}})
        };
        let skip = DrainOptions { skip_wait_for_delete_seconds: 10, ..none() };
        check("P11", terminating(), skip, Some(Skip::TerminatesTooLong), &[]);
        check("P11", terminating(), none(), None, &[]);
        let selector =
            DrainOptions { pod_selector: Some(crate::model::parse_selector("app=web").unwrap()), ..none() };
        check("P08", json!({}), selector, Some(Skip::NotSelected), &[]);
    }

    #[test]
    fn karpenters_protection_counts() {
        let protected = |value: &str| {
            json!({"metadata": {"ownerReferences": owned("ReplicaSet"),
            "annotations": {"karpenter.sh/do-not-disrupt": value}}, "status": {"startTime": "2026-11-20T11:00:00Z"}})
        };
        check("for ever", protected("true"), DrainOptions::default(), None, &["KARP303"]);
        check("in force", protected("4h"), DrainOptions::default(), None, &["KARP303"]);
        check("elapsed", protected("30m"), DrainOptions::default(), None, &[]);
        check("invalid", protected("1d"), DrainOptions::default(), None, &[]);
        let over = DrainOptions { override_do_not_disrupt: true, ..DrainOptions::default() };
        check("overridden", protected("true"), over.clone(), None, &[]);
        let warning =
            |value: &str| filter(&pod(protected(value)), &over, &DaemonSets::from_names([]), now()).warning;
        assert_eq!(warning("true"), Some(Allowed::DoNotDisrupt));
        assert_eq!(warning("30m"), None, "nothing is overridden where nothing is in force");
    }
}
