//! From the SDK's types to the model; pure.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as ec2;
use compact_str::CompactString;
use jiff::Timestamp;
use karp_core::model::{
    EbsInfo, EbsOptimizedInfo, Ec2Image, Ec2Instance, Ec2InstanceType, Ec2Volume, EfaInfo, Gpu, GpuInfo,
    InferenceAccelerator, InferenceAcceleratorInfo, InstanceStorageInfo, MemoryInfo, MetadataOptions,
    NetworkCard, NetworkInfo, NeuronCoreInfo, NeuronDevice, NeuronInfo, PlacementGroupInfo, ProcessorInfo,
    VcpuInfo,
};

/// A DescribeInstanceTypes entry, as far as rules read it.
pub(crate) fn instance_type(info: &ec2::InstanceTypeInfo) -> Ec2InstanceType {
    let text = |value: Option<&str>| CompactString::from(value.unwrap_or_default());
    Ec2InstanceType {
        instance_type: text(info.instance_type().map(ec2::InstanceType::as_str)),
        supported_usage_classes: texts(info.supported_usage_classes(), ec2::UsageClassType::as_str),
        supported_virtualization_types: texts(
            info.supported_virtualization_types(),
            ec2::VirtualizationType::as_str,
        ),
        hypervisor: text(info.hypervisor().map(ec2::InstanceTypeHypervisor::as_str)),
        nitro_enclaves_support: text(info.nitro_enclaves_support().map(ec2::NitroEnclavesSupport::as_str)),
        processor_info: info.processor_info().map(processor).unwrap_or_default(),
        vcpu_info: VcpuInfo {
            default_vcpus: number(info.v_cpu_info().and_then(ec2::VCpuInfo::default_v_cpus)),
        },
        memory_info: MemoryInfo {
            size_in_mib: info.memory_info().and_then(ec2::MemoryInfo::size_in_mib).unwrap_or(0),
        },
        instance_storage_info: info.instance_storage_info().map(|storage| InstanceStorageInfo {
            total_size_in_gb: storage.total_size_in_gb(),
            nvme_support: text(storage.nvme_support().map(ec2::EphemeralNvmeSupport::as_str)),
        }),
        ebs_info: info.ebs_info().map(|ebs| EbsInfo {
            ebs_optimized_support: text(ebs.ebs_optimized_support().map(ec2::EbsOptimizedSupport::as_str)),
            ebs_optimized_info: ebs.ebs_optimized_info().map(|figures| EbsOptimizedInfo {
                maximum_bandwidth_in_mbps: figures.maximum_bandwidth_in_mbps().map(i64::from),
            }),
        }),
        network_info: info.network_info().map(network),
        gpu_info: info.gpu_info().map(|info| GpuInfo { gpus: info.gpus().iter().map(gpu).collect() }),
        neuron_info: info
            .neuron_info()
            .map(|info| NeuronInfo { neuron_devices: info.neuron_devices().iter().map(neuron).collect() }),
        inference_accelerator_info: info.inference_accelerator_info().map(|info| InferenceAcceleratorInfo {
            accelerators: info.accelerators().iter().map(accelerator).collect(),
        }),
        placement_group_info: info.placement_group_info().map(|info| PlacementGroupInfo {
            supported_strategies: texts(info.supported_strategies(), ec2::PlacementGroupStrategy::as_str),
        }),
    }
}

fn texts<T>(values: &[T], as_str: impl Fn(&T) -> &str) -> Vec<CompactString> {
    values.iter().map(|value| CompactString::from(as_str(value))).collect()
}

fn number(value: Option<i32>) -> i64 {
    value.map(i64::from).unwrap_or_default()
}

fn processor(info: &ec2::ProcessorInfo) -> ProcessorInfo {
    ProcessorInfo {
        manufacturer: info.manufacturer().unwrap_or_default().into(),
        supported_architectures: texts(info.supported_architectures(), ec2::ArchitectureType::as_str),
        sustained_clock_speed_in_ghz: info.sustained_clock_speed_in_ghz(),
        supported_features: texts(
            info.supported_features(),
            ec2::SupportedAdditionalProcessorFeature::as_str,
        ),
    }
}

fn network(info: &ec2::NetworkInfo) -> NetworkInfo {
    NetworkInfo {
        default_network_card_index: number(info.default_network_card_index()),
        ipv4_addresses_per_interface: number(info.ipv4_addresses_per_interface()),
        maximum_network_cards: number(info.maximum_network_cards()),
        network_cards: info
            .network_cards()
            .iter()
            .map(|card| NetworkCard {
                network_card_index: number(card.network_card_index()),
                maximum_network_interfaces: number(card.maximum_network_interfaces()),
            })
            .collect(),
        ena_support: info.ena_support().map(|support| support.as_str().into()).unwrap_or_default(),
        encryption_in_transit_supported: info.encryption_in_transit_supported().unwrap_or(false),
        efa_info: info
            .efa_info()
            .map(|efa| EfaInfo { maximum_efa_interfaces: number(efa.maximum_efa_interfaces()) }),
    }
}

fn gpu(info: &ec2::GpuDeviceInfo) -> Gpu {
    Gpu {
        name: info.name().unwrap_or_default().into(),
        manufacturer: info.manufacturer().unwrap_or_default().into(),
        count: number(info.count()),
        memory_info: MemoryInfo {
            size_in_mib: number(info.memory_info().and_then(ec2::GpuDeviceMemoryInfo::size_in_mib)),
        },
    }
}

fn neuron(info: &ec2::NeuronDeviceInfo) -> NeuronDevice {
    NeuronDevice {
        name: info.name().unwrap_or_default().into(),
        count: number(info.count()),
        core_info: NeuronCoreInfo {
            count: number(info.core_info().and_then(ec2::NeuronDeviceCoreInfo::count)),
        },
    }
}

fn accelerator(info: &ec2::InferenceDeviceInfo) -> InferenceAccelerator {
    InferenceAccelerator {
        name: info.name().unwrap_or_default().into(),
        manufacturer: info.manufacturer().unwrap_or_default().into(),
        count: number(info.count()),
    }
}

/// An instance.
pub(crate) fn instance(instance: &ec2::Instance) -> Ec2Instance {
    let text = |value: Option<&str>| CompactString::from(value.unwrap_or_default());
    let profile = instance.iam_instance_profile().and_then(ec2::IamInstanceProfile::arn);
    let mut volumes = BTreeMap::new();
    for mapping in instance.block_device_mappings() {
        if let (Some(device), Some(id)) =
            (mapping.device_name(), mapping.ebs().and_then(ec2::EbsInstanceBlockDevice::volume_id))
        {
            volumes.insert(device.into(), Ec2Volume { id: id.into(), ..Ec2Volume::default() });
        }
    }
    Ec2Instance {
        image_id: text(instance.image_id()),
        instance_type: text(instance.instance_type().map(ec2::InstanceType::as_str)),
        zone: text(instance.placement().and_then(ec2::Placement::availability_zone)),
        state: text(instance.state().and_then(ec2::InstanceState::name).map(ec2::InstanceStateName::as_str)),
        subnet_id: text(instance.subnet_id()),
        security_groups: instance
            .security_groups()
            .iter()
            .filter_map(|group| group.group_id().map(CompactString::from))
            .collect(),
        capacity_reservation_id: instance.capacity_reservation_id().map(CompactString::from),
        launched_at: instance.launch_time().and_then(timestamp),
        instance_profile: profile.and_then(|arn| arn.rsplit('/').next()).map(CompactString::from),
        metadata_options: instance.metadata_options().map(metadata_options),
        detailed_monitoring: instance
            .monitoring()
            .and_then(ec2::Monitoring::state)
            .map(|state| matches!(state, ec2::MonitoringState::Enabled | ec2::MonitoringState::Pending)),
        tags: instance.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))).collect(),
        volumes,
    }
}

fn metadata_options(options: &ec2::InstanceMetadataOptionsResponse) -> MetadataOptions {
    MetadataOptions {
        http_endpoint: options.http_endpoint().map(|value| value.as_str().into()),
        http_protocol_ipv6: options.http_protocol_ipv6().map(|value| value.as_str().into()),
        http_put_response_hop_limit: options.http_put_response_hop_limit().map(i64::from),
        http_tokens: options.http_tokens().map(|value| value.as_str().into()),
    }
}

/// Adds what a volume is to what is known of it.
pub(crate) fn describe_volume(known: &mut Ec2Volume, volume: &ec2::Volume) {
    known.size_gib = volume.size().map(i64::from);
    known.volume_type = volume.volume_type().map(|kind| kind.as_str().into());
    known.iops = volume.iops().map(i64::from);
    known.throughput = volume.throughput().map(i64::from);
    known.encrypted = volume.encrypted();
}

/// An image.
pub(crate) fn image(image: &ec2::Image) -> Ec2Image {
    let time = |text: Option<&str>| text.and_then(|text| text.parse::<Timestamp>().ok());
    Ec2Image {
        name: image.name().unwrap_or_default().into(),
        created_at: time(image.creation_date()),
        deprecated_at: time(image.deprecation_time()),
        architecture: image.architecture().map(|arch| arch.as_str().into()).unwrap_or_default(),
    }
}

fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), 0).ok()
}
