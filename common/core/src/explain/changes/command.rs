//! Commands: an edit as text to paste, and what to mind when pasting it.
//!
//! What the API server takes in place is patched. A Pod and a Job are immutable but for little: their command reads
//! them, changes the copy, and replaces the object by deleting it and creating it again.

use super::candidate::{ObjectEdit, Subject, patch_of};
use super::node_pool_edit::NodePoolEdit;
use super::patch::{JsonPatch, token};
use crate::explain::analysis::Analyst;
use crate::explain::owners::{Owner, manager_of};
use crate::explain::report::ObjectName;
use crate::explain::words;
use crate::model::Workload;

/// How the pods of an owner get an edit; the more trouble, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// The object is patched and does the rest.
    Patch,
    /// The object is patched; its pods have to be deleted.
    PatchThenDelete,
    /// The object is patched; what it makes next is changed.
    Next,
    /// The object is deleted and created again.
    Replace,
    /// The object was not read, so that no exact patch can be written.
    ByHand,
    /// Where such an object keeps its pod template is not known.
    Unknown,
}

fn reach(edit: &ObjectEdit, owner: &Owner<'_>) -> Reach {
    let ObjectEdit::Pod(pod_edit) = edit else { return Reach::Patch };
    let kind = owner.name.kind.as_str();
    match kind {
        "Pod" if pod_edit.works_on_live_pod() => Reach::Patch,
        "Pod" => Reach::Replace,
        "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" | "Job" | "CronJob"
            if owner.workload.is_none() =>
        {
            Reach::ByHand
        }
        "Deployment" => Reach::Patch,
        "ReplicaSet" | "StatefulSet" | "ReplicationController" => Reach::PatchThenDelete,
        "Job" => Reach::Replace,
        "CronJob" => Reach::Next,
        _ => Reach::Unknown,
    }
}

/// The command to paste for edits of one object; none where none can be written.
pub(super) fn command(edits: &[&ObjectEdit], analyst: &Analyst<'_>, subject: &Subject<'_>) -> Option<String> {
    let object = edits.first()?.object(subject);
    if let [ObjectEdit::NodePool(_, NodePoolEdit::RaiseLimit { resource, to, .. })] = edits {
        let merge = serde_json::json!({"spec": {"limits": {resource.as_str(): to.to_string()}}});
        return Some(patch_command(&object, "merge", &merge.to_string()));
    }
    // One edit that a pod does not take in place is enough.
    let reach = edits.iter().map(|edit| reach(edit, &subject.owner)).max()?;
    match reach {
        Reach::Patch | Reach::PatchThenDelete | Reach::Next => {
            let patch = serde_json::to_string(&patch_of(edits, analyst, subject)?).ok()?;
            Some(patch_command(&object, "json", &patch))
        }
        Reach::Replace => {
            let mut patch = patch_of(edits, analyst, subject)?;
            if let Some(job) = subject.owner.workload.filter(|_| object.kind == "Job") {
                forget_controller(&mut patch, job);
            }
            let patch = patch_command(&object, "json", &serde_json::to_string(&patch).ok()?);
            Some(format!("{patch} --dry-run=client -o yaml | kubectl replace --force -f -"))
        }
        Reach::ByHand => Some(format!("kubectl edit {}", object.words())),
        Reach::Unknown => None,
    }
}

fn patch_command(object: &ObjectName, kind_of_patch: &str, patch: &str) -> String {
    let namespace = match object.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" -n {namespace}"),
    };
    // A quote inside a quoted shell word ends it, is escaped, and opens it again.
    let quoted = patch.replace('\'', r"'\''");
    let kind = words::short_kind(&object.kind);
    format!("kubectl patch {kind} {}{namespace} --type={kind_of_patch} -p '{quoted}'", object.name)
}

/// Takes out of a Job what its controller wrote into it: a new Job gets its own, and refuses those of another.
fn forget_controller(patch: &mut JsonPatch, job: &Workload) {
    const WRITTEN: [&str; 4] =
        ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];
    if job.spec.selector.is_some() {
        patch.remove("/spec/selector");
    }
    let Some(template) = &job.spec.template else { return };
    for label in WRITTEN.into_iter().filter(|label| template.metadata.labels.get(label).is_some()) {
        patch.remove(format!("/spec/template/metadata/labels/{}", token(label)));
    }
}

/// What to mind when applying an edit.
pub(super) fn remarks(edit: &ObjectEdit, analyst: &Analyst<'_>, subject: &Subject<'_>) -> Vec<String> {
    let owner = &subject.owner.name;
    let mut remarks = Vec::new();
    let remark = match reach(edit, &subject.owner) {
        Reach::Patch => match edit {
            ObjectEdit::DaemonSet(..) => Some("the DaemonSet replaces its pods on every node".to_owned()),
            _ => None,
        },
        Reach::PatchThenDelete => match owner.kind.as_str() {
            "StatefulSet" => Some(
                "a StatefulSet does not replace a Pending pod by itself; delete the pod afterwards"
                    .to_owned(),
            ),
            kind => Some(format!("a {kind} does not replace its pods; delete them afterwards")),
        },
        Reach::Next => {
            Some(format!("it reaches the next Job of {}; the one that waits stays as it is", owner.short()))
        }
        Reach::Replace => match owner.kind.as_str() {
            "Job" => Some(
                "a Job's pod template is immutable; the command deletes the Job and creates it again"
                    .to_owned(),
            ),
            _ => Some(
                "this field of a Pod is immutable; the command deletes the pod and creates it again"
                    .to_owned(),
            ),
        },
        Reach::ByHand => Some(format!("{} was not read: make the edit by hand", owner.short())),
        Reach::Unknown => Some(format!("edit the pod template in {} -n {}", owner.short(), owner.namespace)),
    };
    remarks.extend(remark);
    if let Some(manager) = edit.metadata(analyst, subject).and_then(manager_of) {
        remarks.push(format!("managed by {manager}: change it there"));
    }
    remarks
}
