//! Raw data of one EC2 instance type: the part of a DescribeInstanceTypes entry from which Karpenter computes
//! labels and capacity, in EC2's own field names.
//!
//! Raw rather than computed, since what a node offers also depends on its EC2NodeClass.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// An instance type as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ec2InstanceType {
    /// Name, `m5.large`.
    pub instance_type: CompactString,
    /// `on-demand`, `spot`, `capacity-block`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_usage_classes: Vec<CompactString>,
    /// `hvm`, `paravirtual`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_virtualization_types: Vec<CompactString>,
    /// `nitro` or `xen`; empty for bare metal.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub hypervisor: CompactString,
    /// `supported` or `unsupported`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub nitro_enclaves_support: CompactString,
    /// Processors.
    pub processor_info: ProcessorInfo,
    /// Number of virtual processors.
    #[serde(rename = "VCpuInfo")]
    pub vcpu_info: VcpuInfo,
    /// Memory.
    pub memory_info: MemoryInfo,
    /// Local disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_storage_info: Option<InstanceStorageInfo>,
    /// Bandwidth to EBS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ebs_info: Option<EbsInfo>,
    /// Network cards and interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_info: Option<NetworkInfo>,
    /// Graphics processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_info: Option<GpuInfo>,
    /// Neuron devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neuron_info: Option<NeuronInfo>,
    /// Inference accelerators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_accelerator_info: Option<InferenceAcceleratorInfo>,
    /// Placement groups it can be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement_group_info: Option<PlacementGroupInfo>,
}

impl Ec2InstanceType {
    /// Whether Karpenter asks EC2 for it: HVM, and an architecture that nodes can have. Mac types fall out.
    pub fn is_considered(&self) -> bool {
        self.supported_virtualization_types.iter().any(|kind| kind == "hvm")
            && self.processor_info.kubernetes_arch().is_some()
    }
}

/// Processors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessorInfo {
    /// `Intel`, `AMD`, `AWS`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub manufacturer: CompactString,
    /// `x86_64`, `arm64`, `i386`, `x86_64_mac`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_architectures: Vec<CompactString>,
    /// Clock speed in GHz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sustained_clock_speed_in_ghz: Option<f64>,
    /// `nested-virtualization`, `amd-sev-snp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_features: Vec<CompactString>,
}

impl ProcessorInfo {
    /// The first architecture that Kubernetes has a name for: `amd64` or `arm64`.
    pub fn kubernetes_arch(&self) -> Option<&'static str> {
        self.supported_architectures.iter().find_map(|arch| match arch.as_str() {
            "x86_64" => Some("amd64"),
            "arm64" => Some("arm64"),
            _ => None,
        })
    }
}

/// Number of virtual processors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VcpuInfo {
    /// The number.
    #[serde(rename = "DefaultVCpus")]
    pub default_vcpus: i64,
}

/// Memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryInfo {
    /// MiB.
    #[serde(rename = "SizeInMiB")]
    pub size_in_mib: i64,
}

/// Local disks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceStorageInfo {
    /// All disks together, decimal GB.
    #[serde(rename = "TotalSizeInGB", skip_serializing_if = "Option::is_none")]
    pub total_size_in_gb: Option<i64>,
    /// `required`, `supported` or `unsupported`.
    #[serde(rename = "NvmeSupport", skip_serializing_if = "CompactString::is_empty")]
    pub nvme_support: CompactString,
}

/// Bandwidth to EBS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EbsInfo {
    /// `default`, `supported` or `unsupported`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub ebs_optimized_support: CompactString,
    /// Figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ebs_optimized_info: Option<EbsOptimizedInfo>,
}

/// Bandwidth figures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EbsOptimizedInfo {
    /// Mbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_bandwidth_in_mbps: Option<i64>,
}

/// Network cards and interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInfo {
    /// Card of the primary interface, by position.
    #[serde(skip_serializing_if = "is_zero")]
    pub default_network_card_index: i64,
    /// IPv4 addresses per interface.
    pub ipv4_addresses_per_interface: i64,
    /// How many cards there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub maximum_network_cards: i64,
    /// Cards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_cards: Vec<NetworkCard>,
    /// `required`, `supported` or `unsupported`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub ena_support: CompactString,
    /// Traffic between instances is encrypted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encryption_in_transit_supported: bool,
    /// Elastic Fabric Adapters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efa_info: Option<EfaInfo>,
}

/// One network card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkCard {
    /// Index as interfaces name it.
    #[serde(skip_serializing_if = "is_zero")]
    pub network_card_index: i64,
    /// Interfaces it takes.
    pub maximum_network_interfaces: i64,
}

/// Elastic Fabric Adapters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EfaInfo {
    /// How many there can be.
    pub maximum_efa_interfaces: i64,
}

/// Graphics processors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GpuInfo {
    /// One entry per kind.
    pub gpus: Vec<Gpu>,
}

/// One kind of graphics processor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Gpu {
    /// Name, `T4`.
    pub name: CompactString,
    /// `NVIDIA`, `AMD`, `Habana`.
    pub manufacturer: CompactString,
    /// How many.
    pub count: i64,
    /// Memory of one.
    pub memory_info: MemoryInfo,
}

/// Neuron devices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NeuronInfo {
    /// One entry per kind.
    pub neuron_devices: Vec<NeuronDevice>,
}

/// One kind of Neuron device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NeuronDevice {
    /// Name, `Inferentia2`.
    pub name: CompactString,
    /// How many.
    pub count: i64,
    /// Cores of one.
    pub core_info: NeuronCoreInfo,
}

/// Cores of a Neuron device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NeuronCoreInfo {
    /// How many.
    pub count: i64,
}

/// Inference accelerators.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InferenceAcceleratorInfo {
    /// One entry per kind.
    pub accelerators: Vec<InferenceAccelerator>,
}

/// One kind of inference accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InferenceAccelerator {
    /// Name.
    pub name: CompactString,
    /// Manufacturer.
    pub manufacturer: CompactString,
    /// How many.
    pub count: i64,
}

/// Placement groups a type can be in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PlacementGroupInfo {
    /// `cluster`, `partition`, `spread`.
    pub supported_strategies: Vec<CompactString>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
