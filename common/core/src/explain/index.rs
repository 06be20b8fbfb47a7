//! Objects of a snapshot by name, built once per report.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};
use rustc_hash::FxHashMap;

use crate::model::{
    DaemonSet, Ec2NodeClass, Node, NodeClaim, NodePool, PersistentVolume, PersistentVolumeClaim, Pod,
    Snapshot, StorageClass, Workload,
};

type ByName<'a, T> = FxHashMap<&'a str, &'a T>;
type ByKey<'a, T> = FxHashMap<(&'a str, &'a str), &'a T>;

/// Look-up tables over one snapshot.
#[derive(Debug, Default)]
pub struct ObjectIndex<'a> {
    /// Nodes.
    pub nodes: ByName<'a, Node>,
    /// NodeClaims.
    pub node_claims: ByName<'a, NodeClaim>,
    /// NodePools.
    pub node_pools: ByName<'a, NodePool>,
    /// EC2NodeClasses.
    pub node_classes: ByName<'a, Ec2NodeClass>,
    /// PersistentVolumes.
    pub volumes: ByName<'a, PersistentVolume>,
    /// PersistentVolumeClaims by namespace and name.
    pub claims: ByKey<'a, PersistentVolumeClaim>,
    /// StorageClasses.
    pub storage_classes: ByName<'a, StorageClass>,
    /// DaemonSets by namespace and name.
    pub daemon_sets: ByKey<'a, DaemonSet>,
    /// Workloads by UID.
    pub workloads_by_uid: ByName<'a, Workload>,
    /// Pods bound to each node.
    pub pods_by_node: FxHashMap<&'a str, Vec<&'a Pod>>,
    /// Unbound pods, by namespace and name.
    pub unbound: BTreeMap<(&'a str, &'a str), &'a Pod>,
}

impl<'a> ObjectIndex<'a> {
    /// Builds the tables.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let objects = &snapshot.objects;
        let mut pods_by_node: FxHashMap<&str, Vec<&Pod>> = FxHashMap::default();
        let mut unbound = BTreeMap::new();
        for pod in &objects.pods {
            match &pod.node_name {
                Some(node) => pods_by_node.entry(node).or_default().push(pod),
                None => {
                    unbound.insert((pod.metadata.namespace.as_str(), pod.metadata.name.as_str()), pod);
                }
            }
        }
        macro_rules! by_name {
            ($list:ident) => {
                objects.$list.iter().map(|object| (object.metadata.name.as_str(), object)).collect()
            };
        }
        macro_rules! by_key {
            ($list:ident) => {
                objects
                    .$list
                    .iter()
                    .map(|object| {
                        ((object.metadata.namespace.as_str(), object.metadata.name.as_str()), object)
                    })
                    .collect()
            };
        }
        Self {
            nodes: by_name!(nodes),
            node_claims: by_name!(node_claims),
            node_pools: by_name!(node_pools),
            node_classes: by_name!(ec2_node_classes),
            volumes: by_name!(persistent_volumes),
            claims: by_key!(persistent_volume_claims),
            storage_classes: by_name!(storage_classes),
            daemon_sets: by_key!(daemon_sets),
            workloads_by_uid: objects
                .workloads
                .iter()
                .map(|workload| (workload.metadata.uid.as_str(), workload))
                .collect(),
            pods_by_node,
            unbound,
        }
    }

    /// The table of EC2NodeClasses alone, for whoever only asks where nodes would come up.
    pub(super) fn of_node_classes(snapshot: &'a Snapshot) -> Self {
        let classes = snapshot.objects.ec2_node_classes.iter();
        Self {
            node_classes: classes.map(|class| (class.metadata.name.as_str(), class)).collect(),
            ..Self::default()
        }
    }

    /// The claims of a pod in volume order, each with what decides where it lives.
    pub fn claims(&self, pod: &Pod) -> Vec<(CompactString, ClaimSource<'a>)> {
        let namespace = pod.metadata.namespace.as_str();
        let names = pod.spec.volumes.iter().filter_map(|volume| {
            match (&volume.persistent_volume_claim, &volume.ephemeral) {
                (Some(claim), _) => Some(claim.claim_name.clone()),
                (None, Some(_)) => Some(format_compact!("{}-{}", pod.metadata.name, volume.name)),
                (None, None) => None,
            }
        });
        names
            .map(|name| {
                let source =
                    self.claims.get(&(namespace, name.as_str())).map_or(ClaimSource::Unknown, |claim| {
                        let class = claim.spec.storage_class_name.as_deref();
                        match (self.volumes.get(claim.spec.volume_name.as_str()), class) {
                            (Some(volume), _) => ClaimSource::Volume(volume),
                            (None, Some(class)) if claim.spec.volume_name.is_empty() => self
                                .storage_classes
                                .get(class)
                                .map_or(ClaimSource::Unknown, |class| ClaimSource::Class(class)),
                            (None, _) => ClaimSource::Unknown,
                        }
                    });
                (name, source)
            })
            .collect()
    }
}

/// What decides where a claim's pod can run.
#[derive(Debug, Clone, Copy)]
pub enum ClaimSource<'a> {
    /// The volume it is bound to.
    Volume(&'a PersistentVolume),
    /// The class that will make its volume.
    Class(&'a StorageClass),
    /// Nothing is known, so nothing is asked.
    Unknown,
}
