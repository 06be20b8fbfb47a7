//! Plain values: Kubernetes' and Karpenter's objects as far as rules read them, and the algebra they are made of.
//!
//! Everything here is data with its arithmetic. It knows std, serde and jiff (without a clock), and nothing of
//! scheduling.

mod aws_facts;
mod catalog;
mod controller;
mod ec2_instance_type;
mod event;
mod field_selector;
mod go_duration;
pub(crate) mod hashstructure;
mod instance_type;
mod json_path;
mod labels;
mod list;
mod managed_fields;
mod meta;
mod node;
mod node_claim;
mod node_class;
mod node_overlay;
mod node_pool;
mod node_pool_hash;
mod pdb;
mod pod;
mod pod_requests;
mod pod_status;
mod quantity;
mod requirement;
mod requirements;
mod resources;
mod selector;
mod shared;
mod shared_specs;
mod snapshot;
mod state_node;
mod storage;
mod taints;
mod workload;

pub use aws_facts::{
    AwsFacts, AwsQuestions, Ec2Image, Ec2Instance, Ec2Subnet, Ec2Volume, SsmParameter, instance_id,
};
pub use catalog::{
    Catalog, CatalogEntry, CatalogOrigin, CatalogZone, PriceKnowledge, TableSource, VpcLimits,
};
pub use controller::{ControllerSettings, Fidelity, MinValuesPolicy, PreferencePolicy, RuleSet, VersionFit};
pub use ec2_instance_type::{
    EbsInfo, EbsOptimizedInfo, Ec2InstanceType, EfaInfo, Gpu, GpuInfo, InferenceAccelerator,
    InferenceAcceleratorInfo, InstanceStorageInfo, MemoryInfo, NetworkCard, NetworkInfo, NeuronCoreInfo,
    NeuronDevice, NeuronInfo, PlacementGroupInfo, ProcessorInfo, VcpuInfo,
};
pub use event::{Event, EventSource, InvolvedObject};
pub use field_selector::FieldSelector;
pub use go_duration::{GoDuration, ParseGoDurationError, parse_go_duration, parse_nillable};
pub use instance_type::{AllocatableGroup, InstanceType, Offering, Overhead, PriceKind};
pub use json_path::{JsonPath, Step, WrongJson, from_json, path_of_error, plain_message};
pub use labels::{LabelProfile, Labels, key as label_key};
pub use list::List;
pub use managed_fields::{ManagedFields, ManagedFieldsEntry, WrittenField};
pub use meta::{Condition, ObjectMeta, OwnerReference, condition, condition_is_true};
pub use node::{CsiAllocatable, CsiDriver, CsiNode, CsiNodeSpec, Node, NodeInfo, NodeSpec, NodeStatus};
pub use node_claim::{NodeClaim, NodeClaimResources, NodeClaimSpec, NodeClaimStatus};
pub use node_class::{
    Ami, AmiSelectorTerm, BlockDevice, BlockDeviceMapping, CapacityReservation, ConnectionTracking,
    CpuOptions, Ec2NodeClass, Ec2NodeClassSpec, Ec2NodeClassStatus, EnclaveOptions, MetadataOptions,
    NetworkInterface, OtherNodeClass, OtherNodeClassStatus, PlacementGroupSelector, SecurityGroup,
    SelectorTerm, Subnet,
};
pub use node_overlay::{NodeOverlay, NodeOverlaySpec, NodeOverlayStatus};
pub use node_pool::{
    Budget, Disruption, NodeClaimTemplate, NodeClassReference, NodePool, NodePoolSpec, NodePoolStatus,
    TemplateMeta,
};
pub use node_pool_hash::{NODE_POOL_HASH_VERSION, node_pool_hash};
pub use pdb::{IntOrPercent, PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus};
pub use pod::{
    Affinity, ClaimSource, ClaimTemplate, ClaimTemplateSpec, Container, ContainerPort,
    ContainerResourceClaim, EmptyDirSource, EphemeralSource, HostPathSource, NodeAffinity, NodeSelector, Pod,
    PodAffinity, PodAffinityTerm, PodResourceClaim, PodSpec, PreferredNodeTerm, ResourceRequirements,
    SchedulingGate, TopologySpreadConstraint, Volume, WeightedPodAffinityTerm,
};
pub use pod_requests::pod_requests;
pub use pod_status::{ContainerState, ContainerStatus, ContainerWaiting, PodStatus};
pub use quantity::{Format, ParseQuantityError, Quantity};
pub use requirement::{Operator, Requirement, RequirementSpec, parse_integer};
pub use requirements::{AllowUndefined, Incompatible, Requirements};
pub use resources::{ResourceList, name as resource_name};
pub use selector::{LabelSelector, NodeSelectorTerm, SelectorExpression, parse_selector, selects};
pub use shared_specs::SharedSpecs;
pub use snapshot::{
    CLUSTER_SCOPED, Gap, KINDS, ListReader, ListVisitor, Object, ObjectDecoder, Objects, Snapshot,
    TakenAtSource, WORKLOAD_KINDS, is_node_class,
};
pub use state_node::{StateNode, state_nodes};
pub use storage::{
    CsiSource, InTreeSource, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus, PersistentVolumeSpec, StorageClass, TopologySelectorExpression,
    TopologySelectorTerm, VolumeNodeAffinity,
};
pub use taints::{PREFER_NO_SCHEDULE, Taint, Toleration, is_ephemeral, tolerates_all, untolerated};
pub use workload::{
    CapacityBuffer, CapacityBufferSpec, CapacityBufferStatus, DaemonSet, DaemonSetSpec, JobTemplate,
    LocalReference, NamedClaimTemplate, Namespace, PodTemplate, PodTemplateSpec, PriorityClass,
    ScalableReference, Service, ServiceSpec, Workload, WorkloadSpec, WorkloadStatus,
};
