//! Hash of an EC2NodeClass, as annotation `karpenter.k8s.aws/ec2nodeclass-hash` carries it.
//!
//! AWS provider: pkg/apis/v1/ec2nodeclass.go (`Hash`). Three versions are known: v4 (1.1 to 1.11), v5 (1.12 to
//! 1.14: adds the controller's CA bundle) and v6 (1.15: kubelet settings as JSON text). Selectors, images and
//! `ipPrefixCount` are no part of any.

use std::fmt;

use compact_str::CompactString;
use serde_json::Value;

use super::family::AmiFamily;
use crate::model::hashstructure::{self as hash, Struct};
use crate::model::{
    BlockDevice, BlockDeviceMapping, ConnectionTracking, CpuOptions, Ec2NodeClassSpec, EnclaveOptions,
    MetadataOptions, NetworkInterface, PlacementGroupSelector, parse_go_duration,
};

/// Versions of the EC2NodeClass hash that can be recomputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeClassHashVersion {
    /// 1.1 to 1.11.
    V4,
    /// 1.12 to 1.14.
    V5,
    /// 1.15.
    V6,
}

impl NodeClassHashVersion {
    /// All that are known.
    pub const ALL: [Self; 3] = [Self::V4, Self::V5, Self::V6];

    /// Its text in `karpenter.k8s.aws/ec2nodeclass-hash-version`.
    pub const fn as_str(self) -> &'static str {
        match self {
            NodeClassHashVersion::V4 => "v4",
            NodeClassHashVersion::V5 => "v5",
            NodeClassHashVersion::V6 => "v6",
        }
    }

    /// Reads the annotation's text; other versions cannot be recomputed.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }
}

impl fmt::Display for NodeClassHashVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The value of annotation `karpenter.k8s.aws/ec2nodeclass-hash`, printed as a decimal there.
///
/// `ca_bundle` is the controller's CA in base64 (v4 does not read it). Takes the spec as the API server returns
/// it: a manifest that was never applied needs the server's default `metadataOptions` first.
pub fn node_class_hash(spec: &Ec2NodeClassSpec, ca_bundle: &str, version: NodeClassHashVersion) -> u64 {
    let mut parts = vec![hash_spec(spec, version), hash::string(AmiFamily::of(spec).as_str())];
    if version >= NodeClassHashVersion::V5 {
        parts.push(hash::string(ca_bundle));
    }
    if version >= NodeClassHashVersion::V6 {
        parts.push(hash::string(&kubelet_json(spec.kubelet.as_ref())));
    }
    hash::set(parts)
}

fn hash_spec(spec: &Ec2NodeClassSpec, version: NodeClassHashVersion) -> u64 {
    let typed_kubelet = spec.kubelet.as_ref().filter(|_| version < NodeClassHashVersion::V6).map(kubelet);
    Struct::new("EC2NodeClassSpec")
        .field("PlacementGroupSelector", spec.placement_group_selector.as_ref().map(placement_group))
        .field("AssociatePublicIPAddress", spec.associate_public_ip_address.map(hash::boolean))
        .field("UserData", text(&spec.user_data))
        .field("Role", text(&spec.role).filter(|_| spec.role.as_deref() != Some("")))
        .field("InstanceProfile", text(&spec.instance_profile))
        .field("Tags", (!spec.tags.is_absent()).then(|| hash::string_map(spec.tags.iter())))
        .field("Kubelet", typed_kubelet)
        .field("BlockDeviceMappings", list(&spec.block_device_mappings, block_device_mapping))
        .field("InstanceStorePolicy", text(&spec.instance_store_policy))
        .field("NetworkInterfaces", list(&spec.network_interfaces, network_interface))
        .field("DetailedMonitoring", spec.detailed_monitoring.map(hash::boolean))
        .field("MetadataOptions", spec.metadata_options.as_ref().map(metadata_options))
        .field("EnclaveOptions", spec.enclave_options.as_ref().map(enclave_options))
        .field("ConnectionTracking", spec.connection_tracking.as_ref().map(connection_tracking))
        .field("Context", text(&spec.context))
        .field("CPUOptions", spec.cpu_options.as_ref().map(cpu_options))
        .hash()
}

/// A pointer to a string: `""` counts.
fn text(value: &Option<impl AsRef<str>>) -> Option<u64> {
    value.as_ref().map(|value| hash::string(value.as_ref()))
}

fn list<T>(list: &crate::model::List<T>, element: impl Fn(&T) -> u64) -> Option<u64> {
    (!list.is_absent()).then(|| hash::set(list.iter().map(element)))
}

fn placement_group(selector: &PlacementGroupSelector) -> u64 {
    Struct::new("PlacementGroupSelector")
        .field("Name", text(&selector.name))
        .field("ID", text(&selector.id))
        .hash()
}

fn block_device_mapping(mapping: &BlockDeviceMapping) -> u64 {
    Struct::new("BlockDeviceMapping")
        .field("DeviceName", text(&mapping.device_name))
        .field("EBS", mapping.ebs.as_ref().map(block_device))
        .field("RootVolume", mapping.root_volume.then(|| hash::boolean(true)))
        .hash()
}

fn block_device(device: &BlockDevice) -> u64 {
    Struct::new("BlockDevice")
        .field("DeleteOnTermination", device.delete_on_termination.map(hash::boolean))
        .field("Encrypted", device.encrypted.map(hash::boolean))
        .field("IOPS", device.iops.map(hash::int64))
        .field("KMSKeyID", text(&device.kms_key_id))
        .field("SnapshotID", text(&device.snapshot_id))
        .field("Throughput", device.throughput.map(hash::int64))
        .field("VolumeInitializationRate", device.volume_initialization_rate.map(hash::int32))
        .field("VolumeSize", device.volume_size.map(|size| hash::string(&size.to_string())))
        .field("VolumeType", text(&device.volume_type))
        .hash()
}

fn network_interface(interface: &NetworkInterface) -> u64 {
    let index = |index: i64| (index != 0).then(|| hash::int32(index));
    let kind = &interface.interface_type;
    Struct::new("NetworkInterface")
        .field("NetworkCardIndex", index(interface.network_card_index))
        .field("DeviceIndex", index(interface.device_index))
        .field("InterfaceType", (!kind.is_empty()).then(|| hash::string(kind)))
        .hash()
}

fn metadata_options(options: &MetadataOptions) -> u64 {
    Struct::new("MetadataOptions")
        .field("HTTPEndpoint", text(&options.http_endpoint))
        .field("HTTPProtocolIPv6", text(&options.http_protocol_ipv6))
        .field("HTTPPutResponseHopLimit", options.http_put_response_hop_limit.map(hash::int64))
        .field("HTTPTokens", text(&options.http_tokens))
        .hash()
}

fn enclave_options(options: &EnclaveOptions) -> u64 {
    let enabled = options.enabled == Some(true);
    Struct::new("EnclaveOptions").field("Enabled", enabled.then(|| hash::boolean(true))).hash()
}

fn connection_tracking(tracking: &ConnectionTracking) -> u64 {
    Struct::new("ConnectionTracking")
        .field("TCPEstablishedTimeout", tracking.tcp_established_timeout.map(hash::int32))
        .field("UDPStreamTimeout", tracking.udp_stream_timeout.map(hash::int32))
        .field("UDPTimeout", tracking.udp_timeout.map(hash::int32))
        .hash()
}

fn cpu_options(options: &CpuOptions) -> u64 {
    Struct::new("CPUOptions").field("NestedVirtualization", text(&options.nested_virtualization)).hash()
}

/// The typed KubeletConfiguration of v4 and v5; keys it did not have are left out, as its CRD pruned them.
fn kubelet(value: &Value) -> u64 {
    let integer = |key: &str| value.get(key).and_then(Value::as_i64).map(hash::int32);
    let strings = |key: &str| {
        let map = value.get(key)?.as_object()?;
        Some(hash::map(map.iter().map(|(key, value)| (key.as_str(), hash::string(&scalar_text(value))))))
    };
    let durations = |key: &str| {
        let map = value.get(key)?.as_object()?;
        Some(hash::map(map.iter().map(|(key, value)| (key.as_str(), duration(value)))))
    };
    let dns = value.get("clusterDNS").and_then(Value::as_array);
    let dns = dns.map(|servers| hash::set(servers.iter().map(|server| hash::string(&scalar_text(server)))));
    Struct::new("KubeletConfiguration")
        .field("ClusterDNS", dns)
        .field("MaxPods", integer("maxPods"))
        .field("PodsPerCore", integer("podsPerCore"))
        .field("SystemReserved", strings("systemReserved"))
        .field("KubeReserved", strings("kubeReserved"))
        .field("EvictionHard", strings("evictionHard"))
        .field("EvictionSoft", strings("evictionSoft"))
        .field("EvictionSoftGracePeriod", durations("evictionSoftGracePeriod"))
        .field("EvictionMaxPodGracePeriod", integer("evictionMaxPodGracePeriod"))
        .field("ImageGCHighThresholdPercent", integer("imageGCHighThresholdPercent"))
        .field("ImageGCLowThresholdPercent", integer("imageGCLowThresholdPercent"))
        .field("CPUCFSQuota", value.get("cpuCFSQuota").and_then(Value::as_bool).map(hash::boolean))
        .hash()
}

fn duration(value: &Value) -> u64 {
    let nanos = value.as_str().and_then(parse_go_duration).unwrap_or(0);
    Struct::new("Duration").field("Duration", (nanos != 0).then(|| hash::int64(nanos))).hash()
}

fn scalar_text(value: &Value) -> CompactString {
    match value {
        Value::String(text) => text.as_str().into(),
        other => CompactString::from(other.to_string()),
    }
}

/// Kubelet settings as v6 hashes them: compact JSON as Go's encoder writes it, top-level keys in byte order. What
/// is inside them stays as it was read (the API server returns it sorted too).
fn kubelet_json(kubelet: Option<&Value>) -> String {
    let Some(settings) = kubelet.and_then(Value::as_object).filter(|settings| !settings.is_empty()) else {
        return "null".to_owned();
    };
    let mut settings: Vec<_> = settings.iter().collect();
    settings.sort_by_key(|(key, _)| key.as_str());
    let sorted: serde_json::Map<String, Value> =
        settings.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut json = String::new();
    for character in Value::Object(sorted).to_string().chars() {
        match character {
            '<' => json.push_str("\\u003c"),
            '>' => json.push_str("\\u003e"),
            '&' => json.push_str("\\u0026"),
            '\u{2028}' => json.push_str("\\u2028"),
            '\u{2029}' => json.push_str("\\u2029"),
            other => json.push(other),
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        name: String,
        hash: BTreeMap<String, String>,
        ca_bundle: String,
        spec: Ec2NodeClassSpec,
    }

    #[test]
    fn aws_91_every_recorded_hash() {
        let file = include_bytes!("../../../testdata/ec2nodeclass-hash-vectors.json.zst");
        let vectors: Vectors = serde_json::from_slice(&zstd::decode_all(&file[..]).unwrap()).unwrap();
        let mut compared = 0;
        for vector in &vectors.vectors {
            for (version, expected) in &vector.hash {
                let version = NodeClassHashVersion::parse(version).unwrap();
                let hash = node_class_hash(&vector.spec, &vector.ca_bundle, version);
                assert_eq!(hash.to_string(), *expected, "{} {version}", vector.name);
                compared += 1;
            }
        }
        assert_eq!((vectors.vectors.len(), compared), (42, 112));
    }
}
