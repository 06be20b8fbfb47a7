//! Objects that are not applied yet, as they would be once the controllers have acted on them.

use std::collections::HashSet;
use std::sync::Arc;

use compact_str::{CompactString, format_compact};

use super::pods::{Maker, job_labels, owner_of, template_hash, with_hash};
use super::{Context, admission, position, remove_pods, uid, unscheduled};
use crate::model::{
    CLUSTER_SCOPED, Condition, DaemonSet, Ec2NodeClass, LabelSelector, ListVisitor, NodePool, Object,
    ObjectMeta, Objects, Pod, PodTemplateSpec, Snapshot, Workload, WorkloadSpec,
};

/// What applying objects did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Pods that were added, as `namespace/name`.
    pub new_pods: Vec<(CompactString, CompactString)>,
    /// What a reader must know, each a sentence without full stop.
    pub notes: Vec<String>,
}

/// Applies `files` to the snapshot. Objects replace those of the same name; workload controllers expand into their
/// pods, in `namespace` where they name none. A workload whose template is as before keeps its pods and only grows
/// or shrinks.
pub fn apply(snapshot: &mut Snapshot, mut files: Objects, namespace: &str) -> Applied {
    let context = Context { taken_at: snapshot.taken_at };
    let mut applied = Applied::default();
    files.visit_lists(&mut Defaults { namespace, context: &context });
    let objects = &mut snapshot.objects;

    for pool in std::mem::take(&mut files.node_pools) {
        apply_node_pool(objects, pool, &mut applied.notes);
    }
    for class in std::mem::take(&mut files.ec2_node_classes) {
        apply_node_class(objects, class, &mut applied.notes);
    }
    for daemon_set in std::mem::take(&mut files.daemon_sets) {
        apply_daemon_set(objects, daemon_set, &context);
    }
    let workloads = std::mem::take(&mut files.workloads);
    let pods = std::mem::take(&mut files.pods);
    replace_all(objects, files);

    let makes_pods = !workloads.is_empty() || !pods.is_empty();
    for workload in workloads {
        apply_workload(objects, workload, &context, &mut applied);
    }
    for pod in pods {
        apply_pod(objects, pod, &context, &mut applied);
    }
    if makes_pods {
        applied.notes.push("not applied to pods of files: LimitRange, admission webhooks".to_owned());
    }
    applied
}

/// Namespaces, uids and creation times that the API server would set.
struct Defaults<'a> {
    namespace: &'a str,
    context: &'a Context,
}

impl ListVisitor for Defaults<'_> {
    fn list<T: Object>(&mut self, plural: &'static str, list: &mut Vec<T>) {
        for object in list {
            let kind = object.kind().to_owned();
            let metadata = object.metadata_mut();
            if metadata.namespace.is_empty() && !CLUSTER_SCOPED.contains(&plural) {
                metadata.namespace = self.namespace.into();
            }
            if metadata.name.is_empty()
                && let Some(prefix) = metadata.generate_name.take()
            {
                metadata.name = format_compact!("{prefix}0");
            }
            if metadata.uid.is_empty() {
                metadata.uid = uid(&kind, &metadata.namespace, &metadata.name);
            }
            metadata.creation_timestamp.get_or_insert(self.context.taken_at);
        }
    }
}

/// Puts objects in the place of those with the same name.
fn replace_all(objects: &mut Objects, files: Objects) {
    macro_rules! lists {
        ($($field:ident)*) => {
            $(replace(&mut objects.$field, files.$field);)*
        };
    }
    lists!(nodes namespaces services persistent_volume_claims persistent_volumes pod_templates events
        storage_classes csi_nodes pod_disruption_budgets priority_classes node_claims node_overlays
        capacity_buffers other_node_classes);
}

fn replace<T: Object>(list: &mut Vec<T>, new: Vec<T>) {
    for object in new {
        let metadata = object.metadata();
        match position(list, object.kind(), &metadata.namespace, &metadata.name) {
            Some(at) => list[at] = object,
            None => list.push(object),
        }
    }
}

/// A NodePool that no controller has seen counts as Ready; one that exists keeps its status.
fn apply_node_pool(objects: &mut Objects, mut pool: NodePool, notes: &mut Vec<String>) {
    let name = pool.metadata.name.clone();
    let at = position(&objects.node_pools, "NodePool", "", &name);
    if pool.status.conditions.is_empty() {
        match at {
            Some(at) => pool.status = objects.node_pools[at].status.clone(),
            None => {
                pool.status.conditions = ready(&["ValidationSucceeded", "NodeClassReady", "Ready"]);
                notes.push(format!("nodepool/{name} is new: taken as Ready"));
            }
        }
    }
    match at {
        Some(at) => objects.node_pools[at] = pool,
        None => objects.node_pools.push(pool),
    }
}

/// What the selectors of an EC2NodeClass find is in its status; a new one takes it from one that selects the same.
fn apply_node_class(objects: &mut Objects, mut class: Ec2NodeClass, notes: &mut Vec<String>) {
    let name = class.metadata.name.clone();
    let at = position(&objects.ec2_node_classes, "EC2NodeClass", "", &name);
    if class.status.conditions.is_empty() && class.status.subnets.is_empty() {
        let same = |other: &&Ec2NodeClass| {
            other.spec.subnet_selector_terms == class.spec.subnet_selector_terms
                && other.spec.security_group_selector_terms == class.spec.security_group_selector_terms
        };
        let alike = at
            .map(|at| &objects.ec2_node_classes[at])
            .or_else(|| objects.ec2_node_classes.iter().find(same))
            .cloned();
        if let Some(other) = alike {
            let from = &other.metadata.name;
            if !same(&&other) {
                notes.push(format!("ec2nodeclass/{name} selects otherwise now: its old subnets are taken"));
            } else if *from != name {
                notes.push(format!("ec2nodeclass/{name} is new: subnets and AMIs as ec2nodeclass/{from}"));
            }
            class.status = other.status;
        } else {
            notes.push(format!("ec2nodeclass/{name} is new: which subnets and AMIs it selects is not known"));
        }
    }
    match at {
        Some(at) => objects.ec2_node_classes[at] = class,
        None => objects.ec2_node_classes.push(class),
    }
}

fn ready(kinds: &[&str]) -> Vec<Condition> {
    let condition =
        |kind: &&str| Condition { kind: (*kind).into(), status: "True".into(), ..Condition::default() };
    kinds.iter().map(condition).collect()
}

/// A DaemonSet's pods are overhead of nodes, not pending pods: those that run already stay as they are.
fn apply_daemon_set(objects: &mut Objects, mut daemon_set: DaemonSet, context: &Context) {
    admission::default_template(&mut daemon_set.spec.template.spec);
    daemon_set.metadata.creation_timestamp.get_or_insert(context.taken_at);
    let DaemonSet { metadata, .. } = &daemon_set;
    match position(&objects.daemon_sets, "DaemonSet", &metadata.namespace, &metadata.name) {
        Some(at) => objects.daemon_sets[at] = daemon_set,
        None => objects.daemon_sets.push(daemon_set),
    }
}

/// A pod of its own.
fn apply_pod(objects: &mut Objects, mut pod: Pod, context: &Context, applied: &mut Applied) {
    let mut spec = Arc::unwrap_or_clone(pod.spec);
    admission::admit(&mut spec, &pod.metadata.labels, objects, &mut applied.notes);
    if pod.node_name.is_none() {
        pod.status = unscheduled(context.taken_at, !spec.scheduling_gates.is_empty()).into();
    }
    pod.spec = Arc::new(spec);
    let (namespace, name) = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
    match position(&objects.pods, "Pod", &namespace, &name) {
        Some(at) => objects.pods[at] = pod,
        None => objects.pods.push(pod),
    }
    applied.new_pods.push((namespace, name));
}

/// A workload and its pods.
fn apply_workload(objects: &mut Objects, mut workload: Workload, context: &Context, applied: &mut Applied) {
    if let Some(template) = template_mut(&mut workload.spec) {
        admission::default_template(&mut template.spec);
    }
    let ObjectMeta { namespace, name, .. } = workload.metadata.clone();
    let at = position(&objects.workloads, &workload.kind, &namespace, &name);
    let old = at.map(|at| objects.workloads[at].clone());
    if let Some(old) = &old {
        workload.metadata.uid = old.metadata.uid.clone();
        workload.metadata.creation_timestamp = old.metadata.creation_timestamp;
        // Without replicas an applied object keeps what an autoscaler has set.
        workload.spec.replicas = workload.spec.replicas.or(old.spec.replicas);
    }
    let same_template = old.as_ref().is_some_and(|old| same_template(&old.spec, &workload.spec));
    let present: Vec<usize> = pods_of(objects, &workload);
    let wanted = wanted_pods(&workload);
    let keep =
        if same_template { present.len().min(usize::try_from(wanted).unwrap_or(usize::MAX)) } else { 0 };
    let gone = surplus(objects, &present, keep);
    if keep == 0 && !present.is_empty() && wanted > 0 {
        let shown = format!("{}/{name} -n {namespace}", workload.kind.to_lowercase());
        applied.notes.push(format!(
            "{shown} gets a new template: its {} pods are taken as replaced at once, not rolled",
            present.len()
        ));
    }
    remove_pods(objects, &gone);
    match at {
        Some(at) => objects.workloads[at] = workload.clone(),
        None => objects.workloads.push(workload.clone()),
    }
    add_pods(objects, &workload, wanted - i64::try_from(keep).unwrap_or(0), context, applied);
}

/// Makes more pods of a workload, with numbers that no pod of it has.
pub(super) fn add_pods(
    objects: &mut Objects,
    workload: &Workload,
    count: i64,
    context: &Context,
    applied: &mut Applied,
) {
    let Some(template) = template(&workload.spec) else { return };
    if count <= 0 {
        return;
    }
    let metadata = &workload.metadata;
    let (owner, extra_labels) = match workload.kind.as_str() {
        "Deployment" => {
            let replica_set = replica_set(workload, template, context);
            let hash = template_hash(template);
            let owner = owner_of("apps/v1", "ReplicaSet", &replica_set.metadata);
            replace(&mut objects.workloads, vec![replica_set]);
            (owner, vec![("pod-template-hash".into(), hash)])
        }
        "CronJob" => {
            let job = next_job(workload, context);
            let owner = owner_of("batch/v1", "Job", &job.metadata);
            let labels = job_labels(&job.metadata);
            applied.notes.push(format!(
                "cronjob/{} -n {}: its next run is simulated as if it began now",
                metadata.name, metadata.namespace
            ));
            replace(&mut objects.workloads, vec![job]);
            (owner, labels)
        }
        "Job" => (owner_of(&workload.api_version, "Job", metadata), job_labels(metadata)),
        kind => (owner_of(&workload.api_version, kind, metadata), Vec::new()),
    };
    let maker = Maker { workload, template, owner, extra_labels };
    let taken: HashSet<CompactString> = objects
        .pods
        .iter()
        .filter(|pod| pod.metadata.namespace == metadata.namespace)
        .map(|pod| pod.metadata.name.clone())
        .collect();
    let numbers = (0..).filter(|number| !taken.contains(&format_compact!("{}-{number}", maker.owner.name)));
    let numbers: Vec<i64> = numbers.take(usize::try_from(count).unwrap_or(0)).collect();
    let mut last = None;
    for number in numbers {
        let (mut pod, claims) = maker.pod(number, objects, context, &mut applied.notes);
        // Equal pods share one spec: the simulator asks once for all of them.
        match &last {
            Some(spec) if *spec == pod.spec => pod.spec = Arc::clone(spec),
            _ => last = Some(Arc::clone(&pod.spec)),
        }
        applied.new_pods.push((pod.metadata.namespace.clone(), pod.metadata.name.clone()));
        objects.pods.push(pod);
        objects.persistent_volume_claims.extend(claims);
    }
}

/// The ReplicaSet between a Deployment and its pods.
fn replica_set(deployment: &Workload, template: &PodTemplateSpec, context: &Context) -> Workload {
    let ObjectMeta { name, namespace, .. } = &deployment.metadata;
    let hash = template_hash(template);
    let name = format_compact!("{name}-{hash}");
    let mut template = template.clone();
    template.metadata.labels = with_hash(&template.metadata.labels, &hash);
    let selector = deployment.spec.selector.clone().map(|mut selector| {
        selector.match_labels = with_hash(&selector.match_labels, &hash);
        selector
    });
    Workload {
        api_version: "apps/v1".into(),
        kind: "ReplicaSet".into(),
        metadata: ObjectMeta {
            uid: uid("ReplicaSet", namespace, &name),
            name,
            namespace: namespace.clone(),
            creation_timestamp: Some(context.taken_at),
            labels: template.metadata.labels.clone(),
            owner_references: vec![owner_of(&deployment.api_version, "Deployment", &deployment.metadata)]
                .into(),
            ..ObjectMeta::default()
        },
        spec: WorkloadSpec {
            replicas: deployment.spec.replicas,
            selector: selector.or_else(|| {
                Some(LabelSelector {
                    match_labels: template.metadata.labels.clone(),
                    match_expressions: Vec::new(),
                })
            }),
            template: Some(template),
            ..WorkloadSpec::default()
        },
        ..Workload::default()
    }
}

/// The Job that a CronJob would make next.
fn next_job(cron_job: &Workload, context: &Context) -> Workload {
    let ObjectMeta { name, namespace, .. } = &cron_job.metadata;
    let name = format_compact!("{name}-{}", context.taken_at.as_second() / 60);
    Workload {
        api_version: "batch/v1".into(),
        kind: "Job".into(),
        metadata: ObjectMeta {
            uid: uid("Job", namespace, &name),
            name,
            namespace: namespace.clone(),
            creation_timestamp: Some(context.taken_at),
            owner_references: vec![owner_of(&cron_job.api_version, "CronJob", &cron_job.metadata)].into(),
            ..ObjectMeta::default()
        },
        spec: cron_job.spec.job_template.as_ref().map(|job| job.spec.clone()).unwrap_or_default(),
        ..Workload::default()
    }
}

/// Template of a workload's pods.
pub(super) fn template(spec: &WorkloadSpec) -> Option<&PodTemplateSpec> {
    spec.template.as_ref().or_else(|| spec.job_template.as_ref().and_then(|job| job.spec.template.as_ref()))
}

fn template_mut(spec: &mut WorkloadSpec) -> Option<&mut PodTemplateSpec> {
    match (&mut spec.template, &mut spec.job_template) {
        (Some(template), _) => Some(template),
        (None, Some(job)) => job.spec.template.as_mut(),
        (None, None) => None,
    }
}

/// Whether two templates make the same pods.
fn same_template(old: &WorkloadSpec, new: &WorkloadSpec) -> bool {
    let (Some(old), Some(new)) = (template(old), template(new)) else { return false };
    let mut old_spec = old.spec.clone();
    admission::default_template(&mut old_spec);
    old_spec == new.spec && old.metadata.labels == new.metadata.labels
}

/// Pods that a workload wants at the same time.
pub(super) fn wanted_pods(workload: &Workload) -> i64 {
    let spec = &workload.spec;
    let of_job = |spec: &WorkloadSpec| {
        let parallelism = spec.parallelism.unwrap_or(1);
        spec.completions.map_or(parallelism, |completions| parallelism.min(completions))
    };
    match workload.kind.as_str() {
        "Job" if spec.suspend == Some(true) => 0,
        "Job" => of_job(spec),
        "CronJob" => spec.job_template.as_ref().map_or(0, |job| of_job(&job.spec)),
        _ => spec.replicas.unwrap_or(1),
    }
}

/// Positions of the pods of a workload that are not over, directly or through its ReplicaSets and Jobs.
pub(super) fn pods_of(objects: &Objects, workload: &Workload) -> Vec<usize> {
    let is_owned = |metadata: &ObjectMeta, kind: &str, namespace: &str, name: &str| {
        metadata.namespace == namespace
            && metadata.controller().is_some_and(|owner| owner.kind == kind && owner.name == name)
    };
    let ObjectMeta { namespace, name, .. } = &workload.metadata;
    let owned = |metadata: &ObjectMeta| is_owned(metadata, &workload.kind, namespace, name);
    let between: HashSet<(&str, &str)> = objects
        .workloads
        .iter()
        .filter(|other| owned(&other.metadata))
        .map(|other| (other.kind.as_str(), other.metadata.name.as_str()))
        .collect();
    let through = |metadata: &ObjectMeta| {
        metadata.namespace == *namespace
            && metadata
                .controller()
                .is_some_and(|owner| between.contains(&(owner.kind.as_str(), owner.name.as_str())))
    };
    let is_own = |pod: &Pod| owned(&pod.metadata) || through(&pod.metadata);
    (0..objects.pods.len()).filter(|at| objects.pods[*at].is_active() && is_own(&objects.pods[*at])).collect()
}

/// Which pods go so that `keep` are left: those without a node first, then the youngest, as ReplicaSets do; the
/// highest numbers of a StatefulSet are its youngest.
pub(super) fn surplus(objects: &Objects, present: &[usize], keep: usize) -> HashSet<usize> {
    let mut order = present.to_vec();
    order.sort_by(|a, b| {
        let (a, b) = (&objects.pods[*a], &objects.pods[*b]);
        let rank = |pod: &Pod| (pod.node_name.is_none(), pod.metadata.creation_timestamp);
        rank(a).cmp(&rank(b)).then_with(|| a.metadata.name.cmp(&b.metadata.name))
    });
    order.into_iter().skip(keep).collect()
}
