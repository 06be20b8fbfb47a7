//! Where names stand in objects: one walk, used to gather them and again to replace them.

use std::sync::Arc;

use compact_str::CompactString;

use crate::model::{
    Affinity, Container, Ec2NodeClass, Event, LabelSelector, Labels, ListVisitor, NodeClaimSpec,
    NodeSelectorTerm, Object, ObjectMeta, Pod, PodAffinity, PodSpec, PodTemplateSpec, RequirementSpec,
    SelectorExpression, SelectorTerm, Snapshot, Taint, TopologySpreadConstraint, WorkloadSpec,
};

/// What is done to each name.
pub(super) trait Rename {
    /// A name.
    fn name(&mut self, name: &mut CompactString);
    /// A key of a label, taint or annotation.
    fn key(&mut self, key: &mut CompactString);
    /// A value under a key; the key is the old one.
    fn value(&mut self, key: &str, value: &mut CompactString);
    /// The claim of an ephemeral volume is named after its pod and volume.
    fn composed(&mut self, pod: &str, volume: &str);
    /// A text that names may stand in.
    fn text(&mut self, text: &mut String);
}

/// Walks over everything in a snapshot.
pub(super) fn walk(snapshot: &mut Snapshot, rename: &mut impl Rename) {
    let objects = &mut snapshot.objects;
    // Names made of others first: the walk over pods needs the old names.
    for pod in &objects.pods {
        for volume in pod.spec.volumes.iter().filter(|volume| volume.ephemeral.is_some()) {
            rename.composed(&pod.metadata.name, &volume.name);
        }
    }
    objects.visit_lists(&mut Metadata { rename });
    for pod in &mut objects.pods {
        walk_pod(pod, rename);
    }
    for node in &mut objects.nodes {
        provider_id(&mut node.spec.provider_id, rename);
        taints(&mut node.spec.taints, rename);
    }
    for service in &mut objects.services {
        if let Some(selector) = &mut service.spec.selector {
            labels(selector, rename);
        }
    }
    for claim in &mut objects.persistent_volume_claims {
        rename.name(&mut claim.spec.volume_name);
        optional(&mut claim.spec.storage_class_name, rename);
    }
    for volume in &mut objects.persistent_volumes {
        optional(&mut volume.spec.storage_class_name, rename);
        let required = volume.spec.node_affinity.as_mut().and_then(|affinity| affinity.required.as_mut());
        required.into_iter().flat_map(|required| &mut required.node_selector_terms).for_each(|term| {
            node_term(term, rename);
        });
    }
    for class in &mut objects.storage_classes {
        for term in &mut class.allowed_topologies {
            for expression in &mut term.match_label_expressions {
                let key = expression.key.clone();
                rename.key(&mut expression.key);
                expression.values.iter_mut().for_each(|value| rename.value(&key, value));
            }
        }
    }
    for template in &mut objects.pod_templates {
        pod_template(&mut template.template, rename);
    }
    for set in &mut objects.daemon_sets {
        optional_selector(&mut set.spec.selector, rename);
        pod_template(&mut set.spec.template, rename);
    }
    for budget in &mut objects.pod_disruption_budgets {
        optional_selector(&mut budget.spec.selector, rename);
    }
    for pool in &mut objects.node_pools {
        // Both are part of what new NodeClaims get, so nothing of them may go.
        labels(&mut pool.spec.template.metadata.labels, rename);
        labels(&mut pool.spec.template.metadata.annotations, rename);
        node_claim_spec(&mut pool.spec.template.spec, rename);
    }
    for claim in &mut objects.node_claims {
        node_claim_spec(&mut claim.spec, rename);
        rename.name(&mut claim.status.node_name);
        provider_id(&mut claim.status.provider_id, rename);
        rename.name(&mut claim.status.image_id);
    }
    for overlay in &mut objects.node_overlays {
        requirements(&mut overlay.spec.requirements, rename);
    }
    for buffer in &mut objects.capacity_buffers {
        if let Some(reference) = &mut buffer.spec.scalable_ref {
            rename.name(&mut reference.name);
        }
        let specs = [&mut buffer.spec.pod_template_ref, &mut buffer.status.pod_template_ref];
        specs.into_iter().flatten().for_each(|reference| rename.name(&mut reference.name));
    }
    for class in &mut objects.ec2_node_classes {
        ec2_node_class(class, rename);
    }
    for class in &mut objects.other_node_classes {
        class.rest.clear();
    }
    for workload in &mut objects.workloads {
        workload_spec(&mut workload.spec, rename);
    }
    // Last: texts are renamed by what was found elsewhere.
    for event in &mut objects.events {
        walk_event(event, rename);
    }
    let controller = &mut snapshot.controller;
    optional(&mut controller.cluster_name, rename);
    controller.default_spread_constraints.iter_mut().for_each(|spread| walk_spread(spread, rename));
    if let Some(deployment) = &mut controller.deployment {
        rename.text(deployment);
    }
    controller.cluster_ca_bundle = None;
    snapshot.unknown_fields.iter_mut().for_each(|field| rename.text(field));
    for gap in &mut snapshot.gaps {
        // `forbidden for user ci-bot` names somebody.
        if let Some((reason, _)) = gap.reason.split_once(" for user ") {
            gap.reason = reason.to_owned();
        }
    }
}

/// Metadata of every kind.
struct Metadata<'r, R> {
    rename: &'r mut R,
}

impl<R: Rename> ListVisitor for Metadata<'_, R> {
    fn list<T: Object>(&mut self, plural: &'static str, list: &mut Vec<T>) {
        for object in list {
            let metadata = object.metadata_mut();
            if plural == "events" {
                // An event is named after its object and a number.
                metadata.name = metadata.uid.clone();
                self.rename.name(&mut metadata.namespace);
                metadata.labels = Labels::default();
                metadata.annotations = Labels::default();
            } else {
                walk_metadata(metadata, self.rename);
            }
        }
    }
}

fn walk_metadata(metadata: &mut ObjectMeta, rename: &mut impl Rename) {
    rename.name(&mut metadata.name);
    rename.name(&mut metadata.namespace);
    // The API server made the name of it; nothing reads it any more.
    metadata.generate_name = None;
    labels(&mut metadata.labels, rename);
    own_annotations(&mut metadata.annotations);
    metadata.owner_references.iter_mut().for_each(|owner| rename.name(&mut owner.name));
}

fn walk_pod(pod: &mut Pod, rename: &mut impl Rename) {
    optional(&mut pod.node_name, rename);
    optional(&mut pod.status.nominated_node_name, rename);
    pod_spec(Arc::make_mut(&mut pod.spec), rename);
    for condition in &mut pod.status.conditions {
        condition.message = None;
    }
    let statuses = pod.status.container_statuses.iter_mut().chain(&mut pod.status.init_container_statuses);
    statuses.for_each(|status| rename.name(&mut status.name));
}

fn walk_event(event: &mut Event, rename: &mut impl Rename) {
    rename.name(&mut event.involved_object.name);
    rename.name(&mut event.involved_object.namespace);
    // Only Karpenter's texts are compared with ours; others may hold anything.
    if event.reporter() == "karpenter" {
        rename.text(&mut event.message);
    } else {
        event.message = String::new();
    }
}

fn pod_template(template: &mut PodTemplateSpec, rename: &mut impl Rename) {
    labels(&mut template.metadata.labels, rename);
    own_annotations(&mut template.metadata.annotations);
    pod_spec(&mut template.spec, rename);
}

fn workload_spec(spec: &mut WorkloadSpec, rename: &mut impl Rename) {
    optional_selector(&mut spec.selector, rename);
    if let Some(template) = &mut spec.template {
        pod_template(template, rename);
    }
    if let Some(job) = &mut spec.job_template {
        workload_spec(&mut job.spec, rename);
    }
    for claim in &mut spec.volume_claim_templates {
        rename.name(&mut claim.metadata.name);
        optional(&mut claim.spec.storage_class_name, rename);
    }
}

fn pod_spec(spec: &mut PodSpec, rename: &mut impl Rename) {
    labels(&mut spec.node_selector, rename);
    if let Some(affinity) = &mut spec.affinity {
        walk_affinity(affinity, rename);
    }
    for toleration in &mut spec.tolerations {
        let key = toleration.key.clone().unwrap_or_default();
        if let Some(key) = &mut toleration.key {
            rename.key(key);
        }
        if let Some(value) = &mut toleration.value {
            rename.value(&key, value);
        }
    }
    spec.topology_spread_constraints.iter_mut().for_each(|spread| walk_spread(spread, rename));
    spec.containers.iter_mut().chain(&mut spec.init_containers).for_each(|one| container(one, rename));
    for volume in &mut spec.volumes {
        rename.name(&mut volume.name);
        if let Some(claim) = &mut volume.persistent_volume_claim {
            rename.name(&mut claim.claim_name);
        }
        let template = volume.ephemeral.as_mut().and_then(|source| source.volume_claim_template.as_mut());
        if let Some(template) = template {
            optional(&mut template.spec.storage_class_name, rename);
        }
        if let Some(path) = &mut volume.host_path {
            path.path = "/".into();
        }
    }
    for claim in &mut spec.resource_claims {
        rename.name(&mut claim.name);
        optional(&mut claim.resource_claim_name, rename);
        optional(&mut claim.resource_claim_template_name, rename);
    }
    spec.scheduling_gates.iter_mut().for_each(|gate| rename.key(&mut gate.name));
    optional(&mut spec.scheduler_name, rename);
    optional(&mut spec.priority_class_name, rename);
}

fn container(container: &mut Container, rename: &mut impl Rename) {
    rename.name(&mut container.name);
    container.resources.claims.iter_mut().for_each(|claim| rename.name(&mut claim.name));
    container.ports.iter_mut().for_each(|port| port.name = None);
}

fn walk_spread(spread: &mut TopologySpreadConstraint, rename: &mut impl Rename) {
    rename.key(&mut spread.topology_key);
    optional_selector(&mut spread.label_selector, rename);
    spread.match_label_keys.iter_mut().for_each(|key| rename.key(key));
}

fn walk_affinity(affinity: &mut Affinity, rename: &mut impl Rename) {
    if let Some(node) = &mut affinity.node_affinity {
        let hard = node.required.iter_mut().flat_map(|required| &mut required.node_selector_terms);
        let soft = node.preferred.iter_mut().map(|soft| &mut soft.preference);
        hard.chain(soft).for_each(|term| node_term(term, rename));
    }
    for PodAffinity { required, preferred } in
        [&mut affinity.pod_affinity, &mut affinity.pod_anti_affinity].into_iter().flatten()
    {
        let soft = preferred.iter_mut().map(|soft| &mut soft.pod_affinity_term);
        for term in required.iter_mut().chain(soft) {
            rename.key(&mut term.topology_key);
            optional_selector(&mut term.label_selector, rename);
            optional_selector(&mut term.namespace_selector, rename);
            term.namespaces.iter_mut().for_each(|name| rename.name(name));
            term.match_label_keys
                .iter_mut()
                .chain(&mut term.mismatch_label_keys)
                .for_each(|key| rename.key(key));
        }
    }
}

fn node_term(term: &mut NodeSelectorTerm, rename: &mut impl Rename) {
    expressions(&mut term.match_expressions, rename);
    // Fields are not labels: `metadata.name` stays, its values are names.
    for field in &mut term.match_fields {
        field.values.iter_mut().for_each(|value| rename.name(value));
    }
}

fn expressions(list: &mut [SelectorExpression], rename: &mut impl Rename) {
    for expression in list {
        let key = expression.key.clone();
        rename.key(&mut expression.key);
        expression.values.iter_mut().for_each(|value| rename.value(&key, value));
    }
}

fn requirements(list: &mut [RequirementSpec], rename: &mut impl Rename) {
    for requirement in list {
        let key = requirement.key.clone();
        rename.key(&mut requirement.key);
        requirement.values.iter_mut().for_each(|value| rename.value(&key, value));
    }
}

fn optional_selector(selector: &mut Option<LabelSelector>, rename: &mut impl Rename) {
    if let Some(selector) = selector {
        labels(&mut selector.match_labels, rename);
        expressions(&mut selector.match_expressions, rename);
    }
}

fn taints(list: &mut [Taint], rename: &mut impl Rename) {
    for taint in list {
        let key = taint.key.clone();
        rename.key(&mut taint.key);
        if let Some(value) = &mut taint.value {
            rename.value(&key, value);
        }
    }
}

fn node_claim_spec(spec: &mut NodeClaimSpec, rename: &mut impl Rename) {
    for list in [&mut spec.taints, &mut spec.startup_taints].into_iter().filter(|list| !list.is_empty()) {
        let mut renamed = list.to_vec();
        taints(&mut renamed, rename);
        *list = renamed.into();
    }
    requirements(&mut spec.requirements, rename);
    rename.name(&mut spec.node_class_ref.name);
}

fn ec2_node_class(class: &mut Ec2NodeClass, rename: &mut impl Rename) {
    let spec = &mut class.spec;
    spec.user_data = None;
    let terms = spec.subnet_selector_terms.iter_mut().chain(&mut spec.security_group_selector_terms);
    terms.chain(&mut spec.capacity_reservation_selector_terms).for_each(|term| selector_term(term, rename));
    for term in &mut spec.ami_selector_terms {
        tags(&mut term.tags, rename);
        for field in [&mut term.id, &mut term.name, &mut term.owner, &mut term.ssm_parameter] {
            optional(field, rename);
        }
    }
    if let Some(selector) = &mut spec.placement_group_selector {
        optional(&mut selector.name, rename);
        optional(&mut selector.id, rename);
    }
    tags(&mut spec.tags, rename);
    for field in [&mut spec.role, &mut spec.instance_profile, &mut spec.context] {
        optional(field, rename);
    }
    let mut disks = spec.block_device_mappings.to_vec();
    for disk in disks.iter_mut().filter_map(|mapping| mapping.ebs.as_mut()) {
        optional(&mut disk.kms_key_id, rename);
        optional(&mut disk.snapshot_id, rename);
    }
    if !disks.is_empty() {
        spec.block_device_mappings = disks.into();
    }
    let status = &mut class.status;
    optional(&mut status.instance_profile, rename);
    status.subnets.iter_mut().for_each(|subnet| rename.name(&mut subnet.id));
    for group in &mut status.security_groups {
        rename.name(&mut group.id);
        optional(&mut group.name, rename);
    }
    for ami in &mut status.amis {
        rename.name(&mut ami.id);
        optional(&mut ami.name, rename);
    }
    for reservation in &mut status.capacity_reservations {
        rename.name(&mut reservation.id);
        optional(&mut reservation.owner_id, rename);
    }
}

fn selector_term(term: &mut SelectorTerm, rename: &mut impl Rename) {
    tags(&mut term.tags, rename);
    for field in [&mut term.id, &mut term.name, &mut term.owner_id] {
        optional(field, rename);
    }
}

/// AWS tags: keys of Kubernetes stay, `*` means any value.
fn tags(list: &mut Labels, rename: &mut impl Rename) {
    map(list, |key, value| {
        let old = key.clone();
        rename.key(key);
        if value != "*" {
            rename.value(&old, value);
        }
    });
}

fn labels(list: &mut Labels, rename: &mut impl Rename) {
    map(list, |key, value| {
        let old = key.clone();
        rename.key(key);
        rename.value(&old, value);
    });
}

/// Annotations that rules read stay as they are; the others say nothing and may say too much.
fn own_annotations(list: &mut Labels) {
    const READ: [&str; 3] = [
        "controller.kubernetes.io/pod-deletion-cost",
        "storageclass.kubernetes.io/is-default-class",
        "pv.kubernetes.io/bind-completed",
    ];
    list.retain(|key, _| {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        domain.starts_with("karpenter.") || domain.contains(".karpenter.") || READ.contains(&key)
    });
}

fn map(list: &mut Labels, mut change: impl FnMut(&mut CompactString, &mut CompactString)) {
    *list = list
        .iter()
        .map(|(key, value)| {
            let (mut key, mut value) = (CompactString::from(key), CompactString::from(value));
            change(&mut key, &mut value);
            (key, value)
        })
        .collect();
}

fn optional(name: &mut Option<CompactString>, rename: &mut impl Rename) {
    if let Some(name) = name {
        rename.name(name);
    }
}

/// `aws:///us-east-1a/i-0123`: scheme and zone stay, the last part is a name.
fn provider_id(id: &mut CompactString, rename: &mut impl Rename) {
    if let Some((rest, last)) = id.rsplit_once('/') {
        let mut last = CompactString::from(last);
        rename.name(&mut last);
        *id = compact_str::format_compact!("{rest}/{last}");
    }
}
