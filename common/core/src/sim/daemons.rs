//! DaemonSet pods: which of them will run on a node, and what they take from it.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/provisioner.go (`getDaemonSetPods`), pkg/utils/daemonset and
//! .../scheduling/scheduler.go (`buildDaemonOverheadGroups`). The controller changes its DaemonSet pods while it
//! checks them (quirk Q2): a required term dropped for one instance type stays dropped for all that follow.

use compact_str::CompactString;

use super::batch::claims_devices;
use super::host_ports::{HostPort, host_ports};
use super::packed::{Interner, Open, SetId};
use super::preferences::Constraints;
use super::state_node;
use crate::model::{
    Affinity, DaemonSet, LabelProfile, NodeAffinity, Pod, ResourceList, Snapshot, Taint, pod_requests,
    tolerates_all,
};

/// A pod that stands for all pods of a DaemonSet.
pub(super) struct Daemon {
    /// `namespace/name` of the pod.
    pub key: String,
    /// `namespace/name` of the DaemonSet.
    pub daemon_set: String,
    pub requests: ResourceList,
    pub ports: Vec<HostPort>,
    constraints: Constraints,
    packed: Option<SetId>,
}

/// The DaemonSets by (namespace, name); those that claim devices are left out while devices are ignored.
pub(super) fn daemons(snapshot: &Snapshot) -> Vec<Daemon> {
    let mut sets: Vec<&DaemonSet> = snapshot.objects.daemon_sets.iter().collect();
    sets.sort_by(|a, b| {
        (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
    });
    sets.into_iter()
        .map(|set| representative(set, snapshot))
        .filter(|(_, pod)| !(snapshot.controller.ignore_dra_requests && claims_devices(&pod.spec)))
        .map(|(daemon_set, pod)| Daemon {
            key: pod.key(),
            daemon_set,
            requests: pod_requests(&pod),
            ports: host_ports(&pod.spec),
            constraints: Constraints::of(&pod.spec),
            packed: None,
        })
        .collect()
}

/// The newest live pod of the DaemonSet, else one made from its template; with the template's node affinity.
fn representative(set: &DaemonSet, snapshot: &Snapshot) -> (String, Pod) {
    let controlled = |pod: &&Pod| {
        pod.metadata.namespace == set.metadata.namespace
            && pod.metadata.controller().is_some_and(|owner| {
                owner.uid == set.metadata.uid
                    && (!owner.uid.is_empty() || owner.kind == "DaemonSet" && owner.name == set.metadata.name)
            })
    };
    let newest = snapshot.objects.pods.iter().filter(controlled).max_by(|a, b| {
        let created = |pod: &Pod| pod.metadata.creation_timestamp;
        created(a).cmp(&created(b)).then_with(|| b.metadata.name.cmp(&a.metadata.name))
    });
    let mut pod = newest.cloned().unwrap_or_else(|| synthetic(set));
    let required = set
        .spec
        .template
        .spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|node| node.required.as_ref());
    if let Some(required) = required {
        let spec = std::sync::Arc::make_mut(&mut pod.spec);
        let affinity = spec.affinity.get_or_insert_with(Affinity::default);
        affinity.node_affinity.get_or_insert_with(NodeAffinity::default).required = Some(required.clone());
    }
    (set.metadata.key(), pod)
}

/// A pod of the template: limits become requests, labels are not copied.
fn synthetic(set: &DaemonSet) -> Pod {
    let mut spec = set.spec.template.spec.clone();
    for container in spec.containers.iter_mut().chain(&mut spec.init_containers) {
        let resources = &mut container.resources;
        for (name, quantity) in resources.limits.iter() {
            if resources.requests.get(name).is_none() {
                resources.requests.set(name, quantity);
            }
        }
    }
    let mut pod = Pod { spec: std::sync::Arc::new(spec), ..Pod::default() };
    pod.metadata_mut().name = set.metadata.name.clone();
    pod.metadata_mut().namespace = set.metadata.namespace.clone();
    pod
}

impl Daemon {
    fn strict(&mut self, interner: &mut Interner, profile: &LabelProfile) -> SetId {
        match self.packed {
            Some(set) => set,
            None => {
                let set = interner.pack_set(&self.constraints.strict_requirements(profile));
                self.packed = Some(set);
                set
            }
        }
    }

    /// Whether it runs on an existing node. Only the required term that is first by now counts.
    pub(super) fn runs_on_node(&mut self, taints: &[Taint], labels: SetId, interner: &mut Interner) -> bool {
        let profile = interner.shared_profile();
        tolerates_all(taints, &self.constraints.tolerations) && {
            let strict = self.strict(interner, &profile);
            interner.compatible(labels, strict, Open::Nothing)
        }
    }

    /// Whether it would run on a new node of this template and type.
    fn runs_on_type(
        &mut self,
        taints: &[Taint],
        template: SetId,
        of_type: SetId,
        interner: &mut Interner,
        profile: &LabelProfile,
    ) -> bool {
        self.constraints.tolerate_prefer_no_schedule();
        if !tolerates_all(taints, &self.constraints.tolerations) {
            return false;
        }
        loop {
            let strict = self.strict(interner, profile);
            if interner.compatible(template, strict, Open::WellKnown) && interner.intersects(of_type, strict)
            {
                return true;
            }
            if !self.constraints.drop_required_term() {
                return false;
            }
            self.packed = None;
        }
    }
}

/// Instance types of a template on which the same DaemonSet pods would run.
pub(super) struct Group {
    /// Positions in the list of types.
    pub types: Vec<usize>,
    /// Requests of those pods with `pods`; empty without any.
    pub overhead: ResourceList,
    pub ports: Vec<HostPort>,
    /// Positions of those pods among the daemons.
    pub daemons: Vec<usize>,
}

/// Groups in order of first appearance in the template's list of types.
pub(super) fn groups(
    daemons: &mut [Daemon],
    taints: &[Taint],
    template: SetId,
    types: impl Iterator<Item = (usize, SetId)>,
    interner: &mut Interner,
) -> Vec<Group> {
    let profile = interner.shared_profile();
    let mut groups: Vec<Group> = Vec::new();
    for (index, set) in types {
        let mut compatible = Vec::new();
        for (position, daemon) in daemons.iter_mut().enumerate() {
            if daemon.runs_on_type(taints, template, set, interner, &profile) {
                compatible.push(position);
            }
        }
        if let Some(group) = groups.iter_mut().find(|group| same_pods(&group.daemons, &compatible, daemons)) {
            group.types.push(index);
            continue;
        }
        let mut overhead = ResourceList::new();
        compatible.iter().for_each(|position| overhead.add(&daemons[*position].requests));
        groups.push(Group {
            types: vec![index],
            overhead: state_node::as_pod_total(overhead, compatible.len()),
            ports: compatible.iter().flat_map(|position| daemons[*position].ports.clone()).collect(),
            daemons: compatible,
        });
    }
    groups
}

/// Groups are told apart by the names of their pods.
fn same_pods(a: &[usize], b: &[usize], daemons: &[Daemon]) -> bool {
    a == b || {
        let names = |positions: &[usize]| {
            let mut names: Vec<CompactString> =
                positions.iter().map(|position| daemons[*position].key.as_str().into()).collect();
            names.sort();
            names
        };
        a.len() == b.len() && names(a) == names(b)
    }
}
