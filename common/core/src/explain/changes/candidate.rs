//! Candidate: edits of one or two objects that may alter an answer, as values that can be applied to a snapshot
//! and printed as patches.

use std::sync::Arc;

use super::node_class_edit::NodeClassEdit;
use super::node_pool_edit::NodePoolEdit;
use super::patch::JsonPatch;
use super::pod_edit::PodEdit;
use crate::explain::analysis::Analyst;
use crate::explain::owners::Owner;
use crate::explain::report::{Edit, ObjectName};
use crate::model::{DaemonSet, Ec2NodeClass, LabelProfile, NodePool, ObjectMeta, PodSpec, Snapshot};

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
    /// The edits, those of one object together.
    pub(super) fn by_object(&self, subject: &Subject<'_>) -> Vec<Vec<&ObjectEdit>> {
        let mut groups: Vec<Vec<&ObjectEdit>> = Vec::new();
        for edit in &self.edits {
            let object = edit.object(subject);
            match groups.iter_mut().find(|group| group[0].object(subject) == object) {
                Some(group) => group.push(edit),
                None => groups.push(vec![edit]),
            }
        }
        groups
    }

    /// One edit.
    pub fn single(edit: ObjectEdit) -> Self {
        Self { edits: vec![edit] }
    }

    /// Whether no edit cuts what pods ask.
    pub fn gives_room(&self) -> bool {
        self.edits.iter().all(ObjectEdit::gives_room)
    }

    /// Makes the edits, in place: a cluster is too large to be copied for each candidate.
    pub fn apply(&self, snapshot: &mut Snapshot, subject: &Subject<'_>, profile: &LabelProfile) -> Vec<Undo> {
        let mut undo = Vec::new();
        for edit in &self.edits {
            edit.apply(snapshot, subject, profile, &mut undo);
        }
        undo
    }
}

/// An object as it was before an edit, by its position in the snapshot.
#[derive(Debug)]
pub enum Undo {
    /// Spec of a pod.
    Pod(usize, Arc<PodSpec>),
    /// A DaemonSet.
    DaemonSet(usize, Box<DaemonSet>),
    /// A NodePool.
    NodePool(usize, Box<NodePool>),
    /// An EC2NodeClass.
    NodeClass(usize, Box<Ec2NodeClass>),
}

impl Undo {
    /// Puts everything back, last edit first.
    pub fn all(undo: Vec<Undo>, snapshot: &mut Snapshot) {
        let objects = &mut snapshot.objects;
        for one in undo.into_iter().rev() {
            match one {
                Undo::Pod(position, spec) => objects.pods[position].spec = spec,
                Undo::DaemonSet(position, daemon_set) => objects.daemon_sets[position] = *daemon_set,
                Undo::NodePool(position, pool) => objects.node_pools[position] = *pool,
                Undo::NodeClass(position, class) => objects.ec2_node_classes[position] = *class,
            }
        }
    }
}

/// Pods of one owner share their spec, and keep sharing the edited one.
struct SharedSpecs<'e> {
    edit: &'e PodEdit,
    profile: &'e LabelProfile,
    done: Vec<(Arc<PodSpec>, Arc<PodSpec>)>,
}

impl<'e> SharedSpecs<'e> {
    fn new(edit: &'e PodEdit, profile: &'e LabelProfile) -> Self {
        Self { edit, profile, done: Vec::new() }
    }

    fn edited(&mut self, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
        if let Some((_, edited)) = self.done.iter().find(|(before, _)| Arc::ptr_eq(before, spec)) {
            return Arc::clone(edited);
        }
        let mut edited = (**spec).clone();
        self.edit.apply(&mut edited, self.profile);
        let edited = Arc::new(edited);
        self.done.push((Arc::clone(spec), Arc::clone(&edited)));
        edited
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

    /// Whether it lifts one cause and no other, so that it is no help alone where two stand in the way. A type, a
    /// domain or a label that is no longer asked may lift several at once.
    pub(super) fn lifts_one_cause(&self) -> bool {
        match self {
            ObjectEdit::Pod(edit) => {
                matches!(edit, PodEdit::Tolerate(_) | PodEdit::LowerRequest { .. } | PodEdit::HostPort { .. })
            }
            ObjectEdit::NodePool(_, edit) => matches!(
                edit,
                NodePoolEdit::DropTaint(_) | NodePoolEdit::RaiseLimit { .. } | NodePoolEdit::MinValues { .. }
            ),
            ObjectEdit::DaemonSet(..) => true,
            ObjectEdit::NodeClass(..) => false,
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

    /// Makes the edit; what puts back what was there goes to `undo`.
    fn apply(
        &self,
        snapshot: &mut Snapshot,
        subject: &Subject<'_>,
        profile: &LabelProfile,
        undo: &mut Vec<Undo>,
    ) {
        let objects = &mut snapshot.objects;
        match self {
            ObjectEdit::Pod(edit) => {
                let mut shared = SharedSpecs::new(edit, profile);
                for &position in &subject.siblings {
                    let Some(pod) = objects.pods.get_mut(position) else { continue };
                    undo.push(Undo::Pod(position, Arc::clone(&pod.spec)));
                    pod.spec = shared.edited(&pod.spec);
                }
            }
            ObjectEdit::DaemonSet(name, edit) => {
                let found = objects.daemon_sets.iter_mut().enumerate().find(|(_, known)| {
                    known.metadata.name == name.name && known.metadata.namespace == name.namespace
                });
                let Some((position, daemon_set)) = found else { return };
                undo.push(Undo::DaemonSet(position, Box::new(daemon_set.clone())));
                edit.apply(&mut daemon_set.spec.template.spec, profile);
                let uid = daemon_set.metadata.uid.clone();
                let mut shared = SharedSpecs::new(edit, profile);
                for (position, pod) in objects.pods.iter_mut().enumerate() {
                    let is_its_own = pod.metadata.namespace == name.namespace
                        && pod.metadata.owner_references.iter().any(|owner| {
                            owner.kind == "DaemonSet" && owner.name == name.name && owner.uid == uid
                        });
                    if is_its_own {
                        undo.push(Undo::Pod(position, Arc::clone(&pod.spec)));
                        pod.spec = shared.edited(&pod.spec);
                    }
                }
            }
            ObjectEdit::NodePool(name, edit) => {
                let mut pools = objects.node_pools.iter_mut().enumerate();
                let Some((position, pool)) = pools.find(|(_, pool)| pool.metadata.name == name.name) else {
                    return;
                };
                undo.push(Undo::NodePool(position, Box::new(pool.clone())));
                edit.apply(pool, profile);
            }
            ObjectEdit::NodeClass(name, edit) => {
                let mut classes = objects.ec2_node_classes.iter_mut().enumerate();
                let Some((position, class)) = classes.find(|(_, class)| class.metadata.name == name.name)
                else {
                    return;
                };
                undo.push(Undo::NodeClass(position, Box::new(class.clone())));
                edit.apply(class);
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
        patch_of(&[self], analyst, subject)
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

    /// Metadata of the object; none where it was not read.
    pub(super) fn metadata<'m>(
        &self,
        analyst: &'m Analyst<'_>,
        subject: &Subject<'m>,
    ) -> Option<&'m ObjectMeta> {
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
}

/// One patch for edits of one object, each written for what those before it leave: list positions move.
pub(super) fn patch_of(
    edits: &[&ObjectEdit],
    analyst: &Analyst<'_>,
    subject: &Subject<'_>,
) -> Option<JsonPatch> {
    let profile = analyst.profile;
    let mut patch = JsonPatch::default();
    match edits.first()? {
        ObjectEdit::Pod(_) => {
            let mut spec = template_spec(analyst, subject)?.clone();
            for edit in edits {
                let ObjectEdit::Pod(edit) = edit else { return None };
                patch.0.extend(edit.patch(&spec, subject.owner.spec_pointer(), profile)?.0);
                edit.apply(&mut spec, profile);
            }
        }
        ObjectEdit::DaemonSet(name, _) => {
            let key = (name.namespace.as_str(), name.name.as_str());
            let mut spec = analyst.index.daemon_sets.get(&key)?.spec.template.spec.clone();
            for edit in edits {
                let ObjectEdit::DaemonSet(_, edit) = edit else { return None };
                patch.0.extend(edit.patch(&spec, "/spec/template/spec", profile)?.0);
                edit.apply(&mut spec, profile);
            }
        }
        ObjectEdit::NodePool(name, _) => {
            let mut pool = (*analyst.index.node_pools.get(name.name.as_str())?).clone();
            for edit in edits {
                let ObjectEdit::NodePool(_, edit) = edit else { return None };
                patch.0.extend(edit.patch(&pool, profile)?.0);
                edit.apply(&mut pool, profile);
            }
        }
        ObjectEdit::NodeClass(name, _) => {
            let mut class = (*analyst.index.node_classes.get(name.name.as_str())?).clone();
            for edit in edits {
                let ObjectEdit::NodeClass(_, edit) = edit else { return None };
                patch.0.extend(edit.patch(&class)?.0);
                edit.apply(&mut class);
            }
        }
    }
    Some(patch)
}

/// The pod template of the owner; the first pod's own spec where the owner was not read or is the pod.
fn template_spec<'m>(analyst: &'m Analyst<'_>, subject: &Subject<'m>) -> Option<&'m PodSpec> {
    let template = subject.owner.workload.and_then(|workload| {
        let spec = &workload.spec;
        let job = spec.job_template.as_ref().and_then(|job| job.spec.template.as_ref());
        spec.template.as_ref().or(job)
    });
    match template {
        Some(template) => Some(&template.spec),
        None => {
            let first = *subject.pods.first()?;
            Some(&*analyst.snapshot.objects.pods.get(first)?.spec)
        }
    }
}
