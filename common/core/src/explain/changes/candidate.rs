//! Candidate: edits of one or two objects that may alter an answer, as values that can be applied to a snapshot
//! and printed as patches.

use std::sync::Arc;

use super::node_class_edit::NodeClassEdit;
use super::node_pool_edit::NodePoolEdit;
use super::patch::JsonPatch;
use super::pod_edit::PodEdit;
use crate::explain::analysis::Analyst;
use crate::explain::owners::{Owner, manager_of};
use crate::explain::report::{Edit, ObjectName};
use crate::model::{LabelProfile, ObjectMeta, PodSpec, Snapshot};

/// An edit of one object.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectEdit {
    /// Of the pod asked about, at its owner.
    Pod(PodEdit),
    /// Of a DaemonSet.
    DaemonSet(ObjectName, PodEdit),
    /// Of a NodePool.
    NodePool(ObjectName, NodePoolEdit),
    /// Of an EC2NodeClass.
    NodeClass(ObjectName, NodeClassEdit),
}

/// The pods a change is for: one owner's.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Their owner.
    pub owner: Owner<'a>,
    /// Positions in the snapshot of the pods that the answer is about.
    pub pods: Vec<usize>,
    /// Positions of all unbound pods of the owner: an edit reaches them all.
    pub siblings: Vec<usize>,
}

/// Edits that are made together.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The edits, one per object.
    pub edits: Vec<ObjectEdit>,
}

impl Candidate {
    /// One edit.
    pub fn single(edit: ObjectEdit) -> Self {
        Self { edits: vec![edit] }
    }

    /// Whether no edit cuts what pods ask.
    pub fn gives_room(&self) -> bool {
        self.edits.iter().all(ObjectEdit::gives_room)
    }

    /// Makes the edits.
    pub fn apply(&self, snapshot: &mut Snapshot, subject: &Subject<'_>, profile: &LabelProfile) {
        for edit in &self.edits {
            edit.apply(snapshot, subject, profile);
        }
    }
}

impl ObjectEdit {
    fn gives_room(&self) -> bool {
        match self {
            ObjectEdit::Pod(edit) => edit.gives_room(),
            ObjectEdit::DaemonSet(..) => false,
            ObjectEdit::NodePool(..) | ObjectEdit::NodeClass(..) => true,
        }
    }

    /// Whether both do the same to different NodePools.
    pub(super) fn is_alike(&self, other: &ObjectEdit) -> bool {
        match (self, other) {
            (ObjectEdit::NodePool(_, mine), ObjectEdit::NodePool(_, theirs)) => mine.is_alike(theirs),
            _ => false,
        }
    }

    /// The object it is about.
    pub fn object(&self, subject: &Subject<'_>) -> ObjectName {
        match self {
            ObjectEdit::Pod(_) => subject.owner.name.clone(),
            ObjectEdit::DaemonSet(name, _)
            | ObjectEdit::NodePool(name, _)
            | ObjectEdit::NodeClass(name, _) => name.clone(),
        }
    }

    fn apply(&self, snapshot: &mut Snapshot, subject: &Subject<'_>, profile: &LabelProfile) {
        let objects = &mut snapshot.objects;
        match self {
            ObjectEdit::Pod(edit) => {
                let mut done: Vec<(Arc<PodSpec>, Arc<PodSpec>)> = Vec::new();
                for &position in &subject.siblings {
                    let Some(pod) = objects.pods.get_mut(position) else { continue };
                    // Pods of one owner share their spec, and keep sharing the edited one.
                    let known = done.iter().find(|(before, _)| Arc::ptr_eq(before, &pod.spec));
                    let edited = match known {
                        Some((_, edited)) => Arc::clone(edited),
                        None => {
                            let mut spec = (*pod.spec).clone();
                            edit.apply(&mut spec, profile);
                            let edited = Arc::new(spec);
                            done.push((Arc::clone(&pod.spec), Arc::clone(&edited)));
                            edited
                        }
                    };
                    pod.spec = edited;
                }
            }
            ObjectEdit::DaemonSet(name, edit) => {
                let found = objects.daemon_sets.iter_mut().find(|known| {
                    known.metadata.name == name.name && known.metadata.namespace == name.namespace
                });
                let Some(daemon_set) = found else { return };
                edit.apply(&mut daemon_set.spec.template.spec, profile);
                let uid = daemon_set.metadata.uid.clone();
                let pods = objects.pods.iter_mut().filter(|pod| {
                    pod.metadata.namespace == name.namespace
                        && pod.metadata.owner_references.iter().any(|owner| {
                            owner.kind == "DaemonSet" && owner.name == name.name && owner.uid == uid
                        })
                });
                for pod in pods {
                    let mut spec = (*pod.spec).clone();
                    edit.apply(&mut spec, profile);
                    pod.spec = Arc::new(spec);
                }
            }
            ObjectEdit::NodePool(name, edit) => {
                let pool = objects.node_pools.iter_mut().find(|pool| pool.metadata.name == name.name);
                pool.into_iter().for_each(|pool| edit.apply(pool, profile));
            }
            ObjectEdit::NodeClass(name, edit) => {
                let class =
                    objects.ec2_node_classes.iter_mut().find(|class| class.metadata.name == name.name);
                class.into_iter().for_each(|class| edit.apply(class));
            }
        }
    }

    /// In words, object first: `nodepool/spot: add g to ...`.
    pub fn title(&self, analyst: &Analyst<'_>, subject: &Subject<'_>) -> String {
        let object = self.object(subject);
        let what = match self {
            ObjectEdit::Pod(edit) => edit.title(),
            ObjectEdit::DaemonSet(_, edit) => {
                return format!("{}: {}", object.words(), edit.title());
            }
            ObjectEdit::NodePool(name, edit) => match analyst.index.node_pools.get(name.name.as_str()) {
                Some(pool) => edit.title(pool, analyst.profile),
                None => String::new(),
            },
            ObjectEdit::NodeClass(name, edit) => match analyst.index.node_classes.get(name.name.as_str()) {
                Some(class) => edit.title(class),
                None => String::new(),
            },
        };
        format!("{}: {what}", object.short())
    }

    /// The patch of the object; none where it cannot be written.
    pub fn patch(&self, analyst: &Analyst<'_>, subject: &Subject<'_>) -> Option<JsonPatch> {
        let profile = analyst.profile;
        match self {
            ObjectEdit::Pod(edit) => {
                let owner = &subject.owner;
                let template = owner.workload.and_then(|workload| {
                    let spec = &workload.spec;
                    let job = spec.job_template.as_ref().and_then(|job| job.spec.template.as_ref());
                    spec.template.as_ref().or(job)
                });
                let spec = match template {
                    Some(template) => &template.spec,
                    None => {
                        let first = *subject.pods.first()?;
                        &*analyst.snapshot.objects.pods.get(first)?.spec
                    }
                };
                edit.patch(spec, owner.spec_pointer(), profile)
            }
            ObjectEdit::DaemonSet(name, edit) => {
                let key = (name.namespace.as_str(), name.name.as_str());
                let daemon_set = analyst.index.daemon_sets.get(&key)?;
                edit.patch(&daemon_set.spec.template.spec, "/spec/template/spec", profile)
            }
            ObjectEdit::NodePool(name, edit) => {
                edit.patch(analyst.index.node_pools.get(name.name.as_str())?, profile)
            }
            ObjectEdit::NodeClass(name, edit) => {
                edit.patch(analyst.index.node_classes.get(name.name.as_str())?)
            }
        }
    }

    /// The fields that change, as the report lists them.
    pub fn fields(&self, analyst: &Analyst<'_>, subject: &Subject<'_>) -> Vec<Edit> {
        let object = self.object(subject);
        let patch = self.patch(analyst, subject).unwrap_or_default();
        patch
            .changes()
            .map(|op| Edit {
                object: object.clone(),
                op: op.op,
                path: op.path.clone(),
                value: op.value.clone(),
            })
            .collect()
    }

    fn metadata<'m>(&self, analyst: &'m Analyst<'_>, subject: &Subject<'m>) -> Option<&'m ObjectMeta> {
        match self {
            ObjectEdit::Pod(_) => subject.owner.workload.map(|workload| &workload.metadata),
            ObjectEdit::DaemonSet(name, _) => {
                let key = (name.namespace.as_str(), name.name.as_str());
                analyst.index.daemon_sets.get(&key).map(|daemon_set| &daemon_set.metadata)
            }
            ObjectEdit::NodePool(name, _) => {
                analyst.index.node_pools.get(name.name.as_str()).map(|pool| &pool.metadata)
            }
            ObjectEdit::NodeClass(name, _) => {
                analyst.index.node_classes.get(name.name.as_str()).map(|class| &class.metadata)
            }
        }
    }

    /// What to mind when applying it.
    pub fn remarks<'m>(&self, analyst: &'m Analyst<'_>, subject: &Subject<'m>) -> Vec<String> {
        let mut remarks = Vec::new();
        if let ObjectEdit::Pod(edit) = self {
            match subject.owner.name.kind.as_str() {
                "Job" => {
                    remarks
                        .push("a Job's pod template is immutable; delete it and create it again".to_owned());
                }
                "Pod" if !edit.works_on_live_pod() => {
                    remarks
                        .push("this field of a Pod is immutable; delete it and create it again".to_owned());
                }
                "StatefulSet" => remarks.push(
                    "a StatefulSet does not replace a Pending pod by itself; delete the pod afterwards"
                        .to_owned(),
                ),
                _ => {}
            }
        }
        if let Some(manager) = self.metadata(analyst, subject).and_then(manager_of) {
            remarks.push(format!("managed by {manager}: change it there"));
        }
        remarks
    }

    /// The command to paste; none where the object cannot be changed in place.
    pub fn command(&self, analyst: &Analyst<'_>, subject: &Subject<'_>) -> Option<String> {
        let object = self.object(subject);
        if let ObjectEdit::Pod(edit) = self
            && subject.owner.is_immutable()
            && !(object.kind == "Pod" && edit.works_on_live_pod())
        {
            return None;
        }
        let namespace = match object.namespace.as_str() {
            "" => String::new(),
            namespace => format!(" -n {namespace}"),
        };
        let kind = crate::explain::words::short_kind(&object.kind);
        if let ObjectEdit::NodePool(_, NodePoolEdit::RaiseLimit { resource, to, .. }) = self {
            let merge = serde_json::json!({"spec": {"limits": {resource.as_str(): to.to_string()}}});
            return Some(format!("kubectl patch {kind} {} --type=merge -p '{merge}'", object.name));
        }
        let patch = serde_json::to_string(&self.patch(analyst, subject)?).ok()?;
        // A quote inside a quoted shell word ends it, is escaped, and opens it again.
        let quoted = patch.replace('\'', r"'\''");
        Some(format!("kubectl patch {kind} {}{namespace} --type=json -p '{quoted}'", object.name))
    }
}
