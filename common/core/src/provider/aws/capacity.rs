//! Capacity: how much of each resource a node of an instance type has.
//!
//! AWS provider: pkg/providers/instancetype/types.go (`computeCapacity` and its parts).

use super::class::ClassView;
use super::family::AmiFamily;
use crate::model::{
    CatalogEntry, Ec2InstanceType, Format, Quantity, ResourceList, resource_name as core_resource,
};

/// Names of resources that only AWS nodes have.
pub mod resource {
    /// Interfaces of their own for pods.
    pub const POD_ENI: &str = "vpc.amazonaws.com/pod-eni";
    /// IPv4 addresses for Windows pods.
    pub const PRIVATE_IPV4: &str = "vpc.amazonaws.com/PrivateIPv4Address";
    /// Elastic Fabric Adapters.
    pub const EFA: &str = "vpc.amazonaws.com/efa";
    /// NVIDIA GPUs.
    pub const NVIDIA_GPU: &str = "nvidia.com/gpu";
    /// AMD GPUs.
    pub const AMD_GPU: &str = "amd.com/gpu";
    /// Gaudi accelerators.
    pub const HABANA_GAUDI: &str = "habana.ai/gaudi";
    /// Neuron devices.
    pub const NEURON: &str = "aws.amazon.com/neuron";
    /// Neuron cores.
    pub const NEURON_CORE: &str = "aws.amazon.com/neuroncore";
}

const MIB: i64 = 1024 * 1024;
const GIB: i64 = 1024 * MIB;
/// Disk of a node where nothing says otherwise.
const DEFAULT_DISK: i64 = 20 * GIB;
/// Pods of a node whose family does not count interfaces.
const DEFAULT_PODS: i64 = 110;

/// Capacity of an instance type under a NodeClass. Resources it has none of are left out.
pub(super) fn capacity(entry: &CatalogEntry, class: &ClassView) -> ResourceList {
    let raw = &entry.instance_type;
    let mut list = ResourceList::new();
    list.set(core_resource::CPU, Quantity::from_units(raw.vcpu_info.default_vcpus));
    let discovered = class.discovered_memory.get(&raw.instance_type).copied();
    let memory = discovered.unwrap_or_else(|| memory(raw, class.vm_memory_overhead_percent));
    list.set(core_resource::MEMORY, memory);
    list.set(core_resource::EPHEMERAL_STORAGE, ephemeral_storage(raw, class));
    let mut count = |name: &str, count: i64| {
        if count != 0 {
            list.set(name, Quantity::from_units(count));
        }
    };
    count(core_resource::PODS, pods(raw, class));
    let limits = entry.vpc_limits.unwrap_or_default();
    count(resource::POD_ENI, if limits.trunking { limits.branch_interfaces } else { 0 });
    if class.family.is_windows() && raw.processor_info.kubernetes_arch() == Some("amd64") {
        count(resource::PRIVATE_IPV4, (limits.ipv4_per_interface - 1).max(0));
    }
    let gpus = |manufacturer: &str| -> i64 {
        let gpus = raw.gpu_info.iter().flat_map(|info| &info.gpus);
        gpus.filter(|gpu| gpu.manufacturer == manufacturer).map(|gpu| gpu.count).sum()
    };
    count(resource::NVIDIA_GPU, gpus("NVIDIA"));
    count(resource::AMD_GPU, gpus("AMD"));
    count(resource::HABANA_GAUDI, gpus("Habana"));
    let neuron = raw.neuron_info.as_ref().map(|info| info.neuron_devices.as_slice()).unwrap_or_default();
    count(resource::NEURON, neuron.iter().map(|device| device.count).sum());
    count(resource::NEURON_CORE, neuron.first().map_or(0, |device| device.count * device.core_info.count));
    count(resource::EFA, efa(raw, class));
    list
}

/// Memory after the hypervisor's share.
pub(super) fn memory(raw: &Ec2InstanceType, overhead_percent: f64) -> Quantity {
    let is_arm = raw.processor_info.supported_architectures.first().is_some_and(|arch| arch == "arm64");
    // On arm64 EC2 keeps another 64 MiB (CMA) that kubelets do not see.
    let mib = raw.memory_info.size_in_mib - if is_arm { 64 } else { 0 };
    let overhead = ((mib * MIB) as f64 * overhead_percent / 1024.0 / 1024.0).ceil() as i64;
    Quantity::from_bytes((mib - overhead) * MIB)
}

/// Size of the disk (or array) that pods share.
pub(super) fn ephemeral_storage(raw: &Ec2InstanceType, class: &ClassView) -> Quantity {
    let local = raw.instance_storage_info.as_ref().and_then(|info| info.total_size_in_gb);
    if let Some(gigabytes) = local.filter(|_| class.raid0) {
        return Quantity::from_nanos(
            i128::from(gigabytes) * 1_000_000_000 * 1_000_000_000,
            Format::DecimalSi,
        );
    }
    let size = |mapping: &crate::model::BlockDeviceMapping| mapping.ebs.as_ref()?.volume_size;
    let root = class.block_devices.iter().find(|mapping| mapping.root_volume).and_then(size);
    if let Some(size) = root {
        return size;
    }
    if let (AmiFamily::Custom, Some(last)) = (class.family, class.block_devices.last()) {
        return size(last).unwrap_or(Quantity::from_bytes(DEFAULT_DISK));
    }
    let Some((device, default_gib)) = class.family.ephemeral_device() else {
        return Quantity::from_bytes(DEFAULT_DISK);
    };
    let mapping = class.block_devices.iter().find(|mapping| mapping.device_name.as_deref() == Some(device));
    mapping.and_then(size).unwrap_or(Quantity::from_bytes(default_gib * GIB))
}

/// How many pods a node takes.
pub(super) fn pods(raw: &Ec2InstanceType, class: &ClassView) -> i64 {
    let count = match class.kubelet.max_pods {
        Some(count) => count,
        None if class.family.limits_pods_by_interfaces() => interface_pods(raw, class, class.reserved_enis),
        None => DEFAULT_PODS,
    };
    match class.kubelet.pods_per_core.filter(|_| class.family.honours_pods_per_core()) {
        Some(per_core) if per_core > 0 => count.min(per_core.saturating_mul(raw.vcpu_info.default_vcpus)),
        _ => count,
    }
}

/// How many pods the addresses of the network interfaces allow, `reserved` interfaces left out.
pub(super) fn interface_pods(raw: &Ec2InstanceType, class: &ClassView, reserved: i64) -> i64 {
    let Some(network) = &raw.network_info else {
        return 0;
    };
    let card = usize::try_from(network.default_network_card_index).unwrap_or(0);
    let interfaces = network.network_cards.get(card).map_or(0, |card| card.maximum_network_interfaces);
    let efa_only = class.efa_only().filter(|interface| interface.network_card_index == 0).count() as i64;
    match interfaces - reserved - efa_only {
        // No interface left for pods: none at all, not even the two on the host network.
        usable if usable <= 0 => 0,
        usable => usable * (network.ipv4_addresses_per_interface - 1) + 2,
    }
}

fn efa(raw: &Ec2InstanceType, class: &ClassView) -> i64 {
    if class.network_interfaces.is_empty() {
        let info = raw.network_info.as_ref().and_then(|network| network.efa_info.as_ref());
        return info.map_or(0, |efa| efa.maximum_efa_interfaces);
    }
    class.efa_only().count() as i64
}
