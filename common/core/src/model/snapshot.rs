//! Snapshot: everything known of a cluster at one moment, and what could not be read.
//!
//! The only input of the pure core. Edges fill it from a live cluster or from files; the order of objects never
//! matters, rules sort where order can be seen.

use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    CapacityBuffer, ControllerSettings, CsiNode, DaemonSet, Ec2NodeClass, Event, Namespace, Node, NodeClaim,
    NodeOverlay, NodePool, ObjectMeta, OtherNodeClass, PersistentVolume, PersistentVolumeClaim, Pod,
    PodDisruptionBudget, PodTemplate, PriorityClass, RuleSet, Service, StorageClass, Workload,
};

/// A cluster at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The moment. Budgets, ages and do-not-disrupt use nothing else.
    pub taken_at: Timestamp,
    /// How the moment is known.
    pub taken_at_source: TakenAtSource,
    /// The objects.
    pub objects: Objects,
    /// The controller's settings.
    pub controller: ControllerSettings,
    /// Rules to apply.
    pub rules: RuleSet,
    /// Version of the API server, `v1.36.3`.
    pub server_version: Option<String>,
    /// What could not be read, and why.
    pub gaps: Vec<Gap>,
    /// Fields of Karpenter objects that are not known here, each once: `nodepool/spot spec.foo`.
    pub unknown_fields: Vec<String>,
}

impl Snapshot {
    /// An empty cluster at a moment.
    pub fn empty(taken_at: Timestamp) -> Self {
        Self {
            taken_at,
            taken_at_source: TakenAtSource::Given,
            objects: Objects::default(),
            controller: ControllerSettings::default(),
            rules: RuleSet::default(),
            server_version: None,
            gaps: Vec::new(),
            unknown_fields: Vec::new(),
        }
    }

    /// Whether EKS Auto Mode runs Karpenter for this cluster: AWS' own controller, whose settings nobody sees.
    pub fn uses_eks_auto_mode(&self) -> bool {
        const GROUP: &str = "eks.amazonaws.com";
        self.objects
            .other_node_classes
            .iter()
            .any(|class| class.api_version.split_once('/').is_some_and(|(group, _)| group == GROUP))
            || self
                .objects
                .node_pools
                .iter()
                .any(|pool| pool.spec.template.spec.node_class_ref.group == GROUP)
    }

    /// The gap of a kind (plural, `nodes`), where it was not read.
    pub fn gap(&self, kind: &str) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.kind == kind)
    }
}

/// How the moment of a snapshot is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakenAtSource {
    /// The server's clock.
    Server,
    /// The field of a saved snapshot.
    Recorded,
    /// The user said so.
    Given,
    /// The newest timestamp in the input: `as of ...` must be said.
    NewestTimestamp,
}

/// A kind that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Plural of the kind, `nodes`.
    pub kind: CompactString,
    /// Why, for people: `forbidden for user ci-bot`, `none in dump.yaml`.
    pub reason: String,
}

/// Where metadata is kept: in the object, or shared between its copies.
trait MetadataPlace {
    /// The metadata of this copy alone.
    fn own(&mut self) -> &mut ObjectMeta;
}

impl MetadataPlace for ObjectMeta {
    fn own(&mut self) -> &mut ObjectMeta {
        self
    }
}

impl MetadataPlace for Arc<ObjectMeta> {
    fn own(&mut self) -> &mut ObjectMeta {
        Arc::make_mut(self)
    }
}

/// An object with metadata.
pub trait Object: Serialize + DeserializeOwned {
    /// Whether it is one of Karpenter's own kinds, in which a field that nobody knows matters.
    const OF_KARPENTER: bool;
    /// Kind, `Pod`.
    fn kind(&self) -> &str;
    /// API version, `apps/v1`.
    fn api_version(&self) -> CompactString;
    /// Its metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// Its metadata, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
}

macro_rules! impl_object {
    ($($type:ty)*) => {$(
        impl Object for $type {
            const OF_KARPENTER: bool = false;
            fn kind(&self) -> &str {
                &self.kind
            }
            fn api_version(&self) -> CompactString {
                self.api_version.clone()
            }
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                MetadataPlace::own(&mut self.metadata)
            }
        }
    )*};
}

impl_object!(Workload OtherNodeClass);

/// Makes one object from whatever holds its text.
pub trait ObjectDecoder {
    /// What can go wrong.
    type Error;
    /// The object.
    ///
    /// # Errors
    /// When the text is no such object.
    fn decode<T: Object>(&mut self) -> Result<T, Self::Error>;
}

/// Looks at lists of objects of every kind.
pub trait ListVisitor {
    /// One list, with the plural of its kind.
    fn list<T: Object>(&mut self, plural: &'static str, list: &mut Vec<T>);
}

/// Looks at lists of objects of every kind without changing them.
pub trait ListReader {
    /// One list, with the plural of its kind.
    fn list<T: Object>(&mut self, plural: &'static str, list: &[T]);
}

/// The kinds that share [`Objects::workloads`]: (group, version, kind, plural).
pub const WORKLOAD_KINDS: &[(&str, &str, &str, &str)] = &[
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "ReplicaSet", "replicasets"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("batch", "v1", "Job", "jobs"),
    ("batch", "v1", "CronJob", "cronjobs"),
    ("", "v1", "ReplicationController", "replicationcontrollers"),
];

/// Plurals of the kinds that are in no namespace.
pub const CLUSTER_SCOPED: &[&str] = &[
    "nodes",
    "namespaces",
    "persistentvolumes",
    "storageclasses",
    "csinodes",
    "priorityclasses",
    "nodepools",
    "nodeclaims",
    "nodeoverlays",
    "ec2nodeclasses",
    "nodeclasses",
];

/// Whether a kind is the NodeClass of some provider other than EC2's: `KWOKNodeClass`, `AKSNodeClass`, and
/// `NodeClass` of EKS Auto Mode.
pub fn is_node_class(group: &str, kind: &str) -> bool {
    kind.ends_with("NodeClass") && group.contains('.') && kind != "EC2NodeClass"
}

/// Declares the lists of objects with the API group, version, kind and plural of each.
macro_rules! objects {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $group:literal $version:literal $kind:literal $plural:literal,)*) => {
        /// Objects by kind, in no particular order.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Objects {
            $($(#[$doc])* pub $field: Vec<$type>,)*
            /// Deployments, ReplicaSets, StatefulSets, Jobs, CronJobs, ReplicationControllers.
            pub workloads: Vec<Workload>,
            /// NodeClasses of other providers.
            pub other_node_classes: Vec<OtherNodeClass>,
        }

        /// The kinds with a list of their own: (group, version, kind, plural).
        pub const KINDS: &[(&str, &str, &str, &str)] = &[$(($group, $version, $kind, $plural),)*];

        $(impl Object for $type {
            const OF_KARPENTER: bool = matches!($group.as_bytes(), b"karpenter.sh" | b"karpenter.k8s.aws");
            fn kind(&self) -> &str {
                $kind
            }
            fn api_version(&self) -> CompactString {
                if $group.is_empty() { $version.into() } else { concat!($group, "/", $version).into() }
            }
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                MetadataPlace::own(&mut self.metadata)
            }
        })*

        impl Objects {
            /// Has `decoder` make one object of this kind and keeps it; false where the kind has no list here.
            ///
            /// # Errors
            /// Those of the decoder.
            pub fn decode_one<D: ObjectDecoder>(
                &mut self,
                group: &str,
                kind: &str,
                decoder: &mut D,
            ) -> Result<bool, D::Error> {
                match (group, kind) {
                    $(($group, $kind) => self.$field.push(decoder.decode()?),)*
                    _ if WORKLOAD_KINDS.iter().any(|known| (known.0, known.2) == (group, kind)) => {
                        self.workloads.push(decoder.decode()?);
                    }
                    _ if is_node_class(group, kind) => self.other_node_classes.push(decoder.decode()?),
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// Shows every list to `visitor`, those of [`KINDS`] in their order, then workloads and NodeClasses
            /// of other providers.
            pub fn visit_lists<V: ListVisitor>(&mut self, visitor: &mut V) {
                $(visitor.list($plural, &mut self.$field);)*
                visitor.list("workloads", &mut self.workloads);
                visitor.list("nodeclasses", &mut self.other_node_classes);
            }

            /// The same without changing them.
            pub fn read_lists<V: ListReader>(&self, visitor: &mut V) {
                $(visitor.list($plural, &self.$field);)*
                visitor.list("workloads", &self.workloads);
                visitor.list("nodeclasses", &self.other_node_classes);
            }
        }
    };
}

objects! {
    /// Pods.
    pods: Pod = "" "v1" "Pod" "pods",
    /// Nodes.
    nodes: Node = "" "v1" "Node" "nodes",
    /// Namespaces.
    namespaces: Namespace = "" "v1" "Namespace" "namespaces",
    /// Services.
    services: Service = "" "v1" "Service" "services",
    /// PersistentVolumeClaims.
    persistent_volume_claims: PersistentVolumeClaim = "" "v1" "PersistentVolumeClaim" "persistentvolumeclaims",
    /// PersistentVolumes.
    persistent_volumes: PersistentVolume = "" "v1" "PersistentVolume" "persistentvolumes",
    /// PodTemplates.
    pod_templates: PodTemplate = "" "v1" "PodTemplate" "podtemplates",
    /// Events about pods, nodes, NodePools and NodeClaims.
    events: Event = "" "v1" "Event" "events",
    /// DaemonSets.
    daemon_sets: DaemonSet = "apps" "v1" "DaemonSet" "daemonsets",
    /// StorageClasses.
    storage_classes: StorageClass = "storage.k8s.io" "v1" "StorageClass" "storageclasses",
    /// CSINodes.
    csi_nodes: CsiNode = "storage.k8s.io" "v1" "CSINode" "csinodes",
    /// PodDisruptionBudgets.
    pod_disruption_budgets: PodDisruptionBudget = "policy" "v1" "PodDisruptionBudget" "poddisruptionbudgets",
    /// PriorityClasses.
    priority_classes: PriorityClass = "scheduling.k8s.io" "v1" "PriorityClass" "priorityclasses",
    /// NodePools.
    node_pools: NodePool = "karpenter.sh" "v1" "NodePool" "nodepools",
    /// NodeClaims.
    node_claims: NodeClaim = "karpenter.sh" "v1" "NodeClaim" "nodeclaims",
    /// NodeOverlays.
    node_overlays: NodeOverlay = "karpenter.sh" "v1alpha1" "NodeOverlay" "nodeoverlays",
    /// CapacityBuffers.
    capacity_buffers: CapacityBuffer = "autoscaling.x-k8s.io" "v1beta1" "CapacityBuffer" "capacitybuffers",
    /// EC2NodeClasses.
    ec2_node_classes: Ec2NodeClass = "karpenter.k8s.aws" "v1" "EC2NodeClass" "ec2nodeclasses",
}
