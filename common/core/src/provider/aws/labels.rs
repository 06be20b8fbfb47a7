//! Labels: what nodes of an instance type are labelled with, as requirements.
//!
//! AWS provider: pkg/providers/instancetype/types.go (`computeRequirements`), pkg/apis/v1/labels.go.

use compact_str::{CompactString, ToCompactString, format_compact};

use super::class::ClassView;
use crate::model::{
    CatalogEntry, Ec2InstanceType, LabelProfile, Requirement, Requirements, label_key as core_key,
};

/// Label keys of the AWS provider.
pub mod key {
    /// NodeClass of a node.
    pub const EC2_NODE_CLASS: &str = "karpenter.k8s.aws/ec2nodeclass";
    /// Virtual processors.
    pub const CPU: &str = "karpenter.k8s.aws/instance-cpu";
    /// Processor manufacturer.
    pub const CPU_MANUFACTURER: &str = "karpenter.k8s.aws/instance-cpu-manufacturer";
    /// Processor clock in MHz.
    pub const CPU_CLOCK: &str = "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz";
    /// Memory in MiB.
    pub const MEMORY: &str = "karpenter.k8s.aws/instance-memory";
    /// EBS bandwidth in Mbit/s.
    pub const EBS_BANDWIDTH: &str = "karpenter.k8s.aws/instance-ebs-bandwidth";
    /// Network bandwidth in Mbit/s.
    pub const NETWORK_BANDWIDTH: &str = "karpenter.k8s.aws/instance-network-bandwidth";
    /// `m` of `m5.large`.
    pub const CATEGORY: &str = "karpenter.k8s.aws/instance-category";
    /// `m5` of `m5.large`.
    pub const FAMILY: &str = "karpenter.k8s.aws/instance-family";
    /// `5` of `m5.large`.
    pub const GENERATION: &str = "karpenter.k8s.aws/instance-generation";
    /// `large` of `m5.large`.
    pub const SIZE: &str = "karpenter.k8s.aws/instance-size";
    /// Whether it is a flex type.
    pub const FLEX: &str = "karpenter.k8s.aws/instance-capability-flex";
    /// Local NVMe disks in GB.
    pub const LOCAL_NVME: &str = "karpenter.k8s.aws/instance-local-nvme";
    /// `nitro`, `xen`, or empty for bare metal.
    pub const HYPERVISOR: &str = "karpenter.k8s.aws/instance-hypervisor";
    /// Whether traffic between instances is encrypted.
    pub const ENCRYPTION_IN_TRANSIT: &str = "karpenter.k8s.aws/instance-encryption-in-transit-supported";
    /// GPU model.
    pub const GPU_NAME: &str = "karpenter.k8s.aws/instance-gpu-name";
    /// GPU manufacturer.
    pub const GPU_MANUFACTURER: &str = "karpenter.k8s.aws/instance-gpu-manufacturer";
    /// Number of GPUs.
    pub const GPU_COUNT: &str = "karpenter.k8s.aws/instance-gpu-count";
    /// Memory of one GPU in MiB.
    pub const GPU_MEMORY: &str = "karpenter.k8s.aws/instance-gpu-memory";
    /// Accelerator model.
    pub const ACCELERATOR_NAME: &str = "karpenter.k8s.aws/instance-accelerator-name";
    /// Accelerator manufacturer.
    pub const ACCELERATOR_MANUFACTURER: &str = "karpenter.k8s.aws/instance-accelerator-manufacturer";
    /// Number of accelerators.
    pub const ACCELERATOR_COUNT: &str = "karpenter.k8s.aws/instance-accelerator-count";
    /// `default` or `dedicated`.
    pub const TENANCY: &str = "karpenter.k8s.aws/instance-tenancy";
    /// Capacity reservation.
    pub const RESERVATION_ID: &str = "karpenter.k8s.aws/capacity-reservation-id";
    /// `default` or `capacity-block`.
    pub const RESERVATION_TYPE: &str = "karpenter.k8s.aws/capacity-reservation-type";
    /// Whether AWS may take the reservation back.
    pub const RESERVATION_INTERRUPTIBLE: &str = "karpenter.k8s.aws/capacity-reservation-interruptible";
    /// Placement group.
    pub const PLACEMENT_GROUP_ID: &str = "karpenter.k8s.aws/placement-group-id";
    /// Partition of a placement group.
    pub const PLACEMENT_GROUP_PARTITION: &str = "karpenter.k8s.aws/placement-group-partition";

    /// The keys above that count as well known, and the zone id.
    pub(super) const WELL_KNOWN: [&str; 28] = [
        super::core_key::ZONE_ID,
        CPU,
        CPU_MANUFACTURER,
        CPU_CLOCK,
        MEMORY,
        EBS_BANDWIDTH,
        NETWORK_BANDWIDTH,
        CATEGORY,
        FAMILY,
        GENERATION,
        SIZE,
        FLEX,
        LOCAL_NVME,
        HYPERVISOR,
        ENCRYPTION_IN_TRANSIT,
        GPU_NAME,
        GPU_MANUFACTURER,
        GPU_COUNT,
        GPU_MEMORY,
        ACCELERATOR_NAME,
        ACCELERATOR_MANUFACTURER,
        ACCELERATOR_COUNT,
        TENANCY,
        RESERVATION_ID,
        RESERVATION_TYPE,
        RESERVATION_INTERRUPTIBLE,
        PLACEMENT_GROUP_ID,
        PLACEMENT_GROUP_PARTITION,
    ];
}

/// The keys the AWS provider treats specially.
pub fn label_profile() -> LabelProfile {
    let mut profile = LabelProfile::core();
    profile.well_known.extend(key::WELL_KNOWN.iter().map(|key| CompactString::from(*key)));
    profile.restricted_domains.insert("karpenter.k8s.aws".into());
    profile.normalized.insert("topology.ebs.csi.aws.com/zone".into(), core_key::ZONE.into());
    profile.reservation_id = Some(key::RESERVATION_ID.into());
    profile
}

/// Requirements of an instance type under a NodeClass.
pub(super) fn requirements(entry: &CatalogEntry, class: &ClassView, region: &str) -> Requirements {
    let raw = &entry.instance_type;
    let mut builder = Builder(Requirements::new());
    builder.one(core_key::INSTANCE_TYPE, Some(raw.instance_type.clone()));
    let arch = raw.processor_info.kubernetes_arch();
    builder.one(core_key::ARCH, arch.map(CompactString::from));
    let os = match (class.family.is_windows(), arch) {
        (false, _) => Some("linux"),
        (true, Some("amd64")) => Some("windows"),
        // No Windows image runs there: the empty set matches nothing.
        (true, _) => None,
    };
    builder.one(core_key::OS, os.map(CompactString::from));
    builder.one(core_key::WINDOWS_BUILD, class.family.windows_build().map(CompactString::from));
    builder.one(core_key::REGION, Some(region.into()));
    builder.location(entry, class);
    builder.capacity_types(entry, class);
    builder.name_parts(&raw.instance_type);
    builder.machine(entry);
    builder.devices(raw);
    builder.any(key::TENANCY, ["default", "dedicated"].map(CompactString::from));
    builder.placement_group(class);
    builder.0
}

struct Builder(Requirements);

impl Builder {
    /// One value, or no such label.
    fn one(&mut self, key: &str, value: Option<CompactString>) {
        self.any(key, value);
    }

    /// Several values; none = no such label.
    fn any(&mut self, key: &str, values: impl IntoIterator<Item = CompactString>) {
        self.0.set(Requirement::allow(key, values));
    }

    fn number(&mut self, key: &str, value: Option<i64>) {
        self.one(key, value.map(|value| value.to_compact_string()));
    }

    fn location(&mut self, entry: &CatalogEntry, class: &ClassView) {
        let zones = || class.zones.iter().filter(|zone| zone.has_subnet && zone.offers(entry));
        self.any(core_key::ZONE, zones().map(|zone| zone.name.clone()));
        let ids: Vec<CompactString> = zones().filter_map(|zone| zone.id.clone()).collect();
        if !ids.is_empty() {
            self.any(core_key::ZONE_ID, ids);
        }
    }

    fn capacity_types(&mut self, entry: &CatalogEntry, class: &ClassView) {
        let name = entry.name();
        let reservations = || class.reservations_of(name).map(|view| &view.reservation);
        let usual = entry.instance_type.supported_usage_classes.iter();
        let usual = usual.filter(|class| matches!(class.as_str(), "on-demand" | "spot")).cloned();
        let reserved = reservations().next().map(|_| CompactString::const_new("reserved"));
        self.any(core_key::CAPACITY_TYPE, usual.chain(reserved));
        self.any(key::RESERVATION_ID, reservations().map(|reservation| reservation.id.clone()));
        self.any(key::RESERVATION_TYPE, reservations().map(reservation_type));
        self.any(key::RESERVATION_INTERRUPTIBLE, reservations().map(reservation_interruptible));
    }

    fn name_parts(&mut self, name: &str) {
        let (category, generation) = match category_and_generation(name) {
            Some((category, generation)) => (Some(category.into()), Some(generation.into())),
            None => (None, None),
        };
        self.one(key::CATEGORY, category);
        self.one(key::GENERATION, generation);
        let parts: Vec<&str> = name.split('.').collect();
        let (family, size) = match parts.as_slice() {
            [family, size] => (Some(CompactString::from(*family)), Some(CompactString::from(*size))),
            _ => (None, None),
        };
        let flex = parts.first().is_some_and(|family| family.contains("-flex"));
        self.one(key::FAMILY, family);
        self.one(key::SIZE, size);
        self.one(key::FLEX, Some(flex.to_compact_string()));
    }

    fn machine(&mut self, entry: &CatalogEntry) {
        let raw = &entry.instance_type;
        let processor = &raw.processor_info;
        self.number(key::CPU, Some(raw.vcpu_info.default_vcpus));
        self.number(key::MEMORY, Some(raw.memory_info.size_in_mib));
        self.one(key::CPU_MANUFACTURER, Some(lower_kebab(&processor.manufacturer)));
        let clock = processor.sustained_clock_speed_in_ghz.unwrap_or(0.0);
        self.number(key::CPU_CLOCK, Some((clock * 1000.0).round() as i64));
        let ebs = raw.ebs_info.as_ref().filter(|ebs| ebs.ebs_optimized_support == "default");
        let ebs = ebs.and_then(|ebs| ebs.ebs_optimized_info.as_ref()?.maximum_bandwidth_in_mbps);
        self.number(key::EBS_BANDWIDTH, ebs);
        self.number(key::NETWORK_BANDWIDTH, entry.network_mbps);
        let disks = raw
            .instance_storage_info
            .as_ref()
            .filter(|disks| !matches!(disks.nvme_support.as_str(), "" | "unsupported"));
        self.number(key::LOCAL_NVME, disks.and_then(|disks| disks.total_size_in_gb));
        self.one(key::HYPERVISOR, Some(raw.hypervisor.clone()));
        let encrypts =
            raw.network_info.as_ref().is_some_and(|network| network.encryption_in_transit_supported);
        self.one(key::ENCRYPTION_IN_TRANSIT, Some(encrypts.to_compact_string()));
    }

    fn devices(&mut self, raw: &Ec2InstanceType) {
        // Only a single kind of device has labels.
        let gpu = match raw.gpu_info.as_ref().map(|info| info.gpus.as_slice()) {
            Some([gpu]) => Some(gpu),
            _ => None,
        };
        self.one(key::GPU_NAME, gpu.map(|gpu| lower_kebab(&gpu.name)));
        self.one(key::GPU_MANUFACTURER, gpu.map(|gpu| lower_kebab(&gpu.manufacturer)));
        self.number(key::GPU_COUNT, gpu.map(|gpu| gpu.count));
        self.number(key::GPU_MEMORY, gpu.map(|gpu| gpu.memory_info.size_in_mib));
        let neuron = raw.neuron_info.as_ref().map(|info| info.neuron_devices.as_slice());
        let inference = raw.inference_accelerator_info.as_ref().map(|info| info.accelerators.as_slice());
        let accelerator = match (neuron, inference) {
            (Some([device]), _) => Some((&device.name, "aws".into(), device.count)),
            (None, Some([device])) => Some((&device.name, lower_kebab(&device.manufacturer), device.count)),
            _ => None,
        };
        self.one(key::ACCELERATOR_NAME, accelerator.as_ref().map(|(name, _, _)| lower_kebab(name)));
        self.number(key::ACCELERATOR_COUNT, accelerator.as_ref().map(|(_, _, count)| *count));
        self.one(key::ACCELERATOR_MANUFACTURER, accelerator.map(|(_, manufacturer, _)| manufacturer));
    }

    fn placement_group(&mut self, class: &ClassView) {
        let group = class.placement_group.as_ref();
        self.one(key::PLACEMENT_GROUP_ID, group.map(|group| group.id.clone()));
        let partitions =
            group.filter(|group| group.strategy == "partition").map_or(0, |group| group.partitions);
        self.any(key::PLACEMENT_GROUP_PARTITION, (1..=partitions).map(|number| format_compact!("{number}")));
    }
}

/// Type of a reservation; `default` where the status does not say.
pub(super) fn reservation_type(reservation: &crate::model::CapacityReservation) -> CompactString {
    reservation.reservation_type.clone().unwrap_or_else(|| "default".into())
}

/// Whether AWS may take a reservation back, as label value.
pub(super) fn reservation_interruptible(reservation: &crate::model::CapacityReservation) -> CompactString {
    reservation.interruptible.unwrap_or(false).to_compact_string()
}

fn lower_kebab(text: &str) -> CompactString {
    text.to_lowercase().replace(' ', "-").into()
}

/// The letters a type name begins with, and the digits that follow (after a memory size such as `-6tb`).
fn category_and_generation(name: &str) -> Option<(&str, &str)> {
    let (family, _) = name.rsplit_once('.')?;
    let letters = family.bytes().take_while(u8::is_ascii_lowercase).count();
    let (category, rest) = family.split_at(letters);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match rest.strip_prefix('-') {
        Some(size) => size.get(digits(size).max(1)..)?.strip_prefix("tb")?,
        None => rest,
    };
    let generation = rest.get(..digits(rest))?;
    (!category.is_empty() && !generation.is_empty()).then_some((category, generation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_and_generations_come_from_names() {
        for (name, parts) in [
            ("m5.large", Some(("m", "5"))),
            ("u-6tb1.metal", Some(("u", "1"))),
            ("hpc7g.4xlarge", Some(("hpc", "7"))),
            ("p6-b300.48xlarge", Some(("p", "6"))),
            ("u7i-6tb.112xlarge", Some(("u", "7"))),
            ("mac1.metal", Some(("mac", "1"))),
            ("large", None),
            ("x.large", None),
            ("-.large", None),
            ("", None),
        ] {
            assert_eq!(category_and_generation(name), parts, "{name}");
        }
    }
}
