//! EC2NodeClass: what nodes of AWS are made of, and what its selectors resolved to.
//!
//! Source: aws/karpenter-provider-aws pkg/apis/v1/ec2nodeclass.go, ec2nodeclass_status.go.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Condition, Labels, List, ObjectMeta, RequirementSpec};

/// An EC2NodeClass.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2NodeClass {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec.
    pub spec: Ec2NodeClassSpec,
    /// Status.
    pub status: Ec2NodeClassStatus,
}

/// Spec of an EC2NodeClass.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2NodeClassSpec {
    /// Subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnet_selector_terms: Vec<SelectorTerm>,
    /// Security groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_group_selector_terms: Vec<SelectorTerm>,
    /// Capacity reservations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capacity_reservation_selector_terms: Vec<SelectorTerm>,
    /// Placement group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement_group_selector: Option<PlacementGroupSelector>,
    /// Whether instances get public addresses.
    #[serde(rename = "associatePublicIPAddress", skip_serializing_if = "Option::is_none")]
    pub associate_public_ip_address: Option<bool>,
    /// IPv4 prefixes per interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_prefix_count: Option<i64>,
    /// Images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ami_selector_terms: Vec<AmiSelectorTerm>,
    /// Image family, where the alias does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_family: Option<CompactString>,
    /// User data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Role of the instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<CompactString>,
    /// Instance profile of the instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<CompactString>,
    /// Tags of what is made.
    #[serde(skip_serializing_if = "Labels::is_absent")]
    pub tags: Labels,
    /// Kubelet settings, an open object since 1.15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<serde_json::Value>,
    /// Disks.
    #[serde(skip_serializing_if = "List::is_absent")]
    pub block_device_mappings: List<BlockDeviceMapping>,
    /// `RAID0` or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_store_policy: Option<CompactString>,
    /// Network interfaces.
    #[serde(skip_serializing_if = "List::is_absent")]
    pub network_interfaces: List<NetworkInterface>,
    /// CloudWatch detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detailed_monitoring: Option<bool>,
    /// Instance metadata service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_options: Option<MetadataOptions>,
    /// Connection tracking timeouts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_tracking: Option<ConnectionTracking>,
    /// Fleet context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<CompactString>,
    /// Processor options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_options: Option<CpuOptions>,
    /// Nitro enclaves (1.15).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enclave_options: Option<EnclaveOptions>,
}

/// One term that selects subnets, security groups or capacity reservations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectorTerm {
    /// Tags; `*` = the key exists.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
    /// Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<CompactString>,
    /// Name (security groups).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// Owner account (capacity reservations).
    #[serde(rename = "ownerID", skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<CompactString>,
    /// `open` or `targeted` (capacity reservations).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_match_criteria: Option<CompactString>,
}

/// One term that selects images.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AmiSelectorTerm {
    /// `al2023@latest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<CompactString>,
    /// Tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
    /// Image id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<CompactString>,
    /// Image name, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// Owner account or alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<CompactString>,
    /// SSM parameter that holds the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssm_parameter: Option<CompactString>,
}

/// Selects one placement group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlacementGroupSelector {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<CompactString>,
}

/// One disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockDeviceMapping {
    /// Device, `/dev/xvda`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<CompactString>,
    /// EBS settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ebs: Option<BlockDevice>,
    /// Whether kubelet and images live on it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub root_volume: bool,
}

/// EBS settings of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockDevice {
    /// Goes with the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_on_termination: Option<bool>,
    /// Encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// IOPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iops: Option<i64>,
    /// Key.
    #[serde(rename = "kmsKeyID", skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<CompactString>,
    /// Snapshot it starts from.
    #[serde(rename = "snapshotID", skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<CompactString>,
    /// MiB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<i64>,
    /// MiB/s while filled from the snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_initialization_rate: Option<i64>,
    /// Size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_size: Option<super::Quantity>,
    /// `gp3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<CompactString>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkInterface {
    /// Card.
    pub network_card_index: i64,
    /// Device on the card.
    pub device_index: i64,
    /// `interface` or `efa-only`.
    pub interface_type: CompactString,
}

/// Instance metadata service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetadataOptions {
    /// `enabled` or `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_endpoint: Option<CompactString>,
    /// `enabled` or `disabled`.
    #[serde(rename = "httpProtocolIPv6", skip_serializing_if = "Option::is_none")]
    pub http_protocol_ipv6: Option<CompactString>,
    /// Hops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_put_response_hop_limit: Option<i64>,
    /// `required` or `optional`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_tokens: Option<CompactString>,
}

/// Connection tracking timeouts, Go durations or seconds as the CRD holds them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionTracking {
    /// TCP established.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_established_timeout: Option<i64>,
    /// UDP stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_stream_timeout: Option<i64>,
    /// UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_timeout: Option<i64>,
}

/// Processor options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CpuOptions {
    /// `enabled` or `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested_virtualization: Option<CompactString>,
}

/// Nitro enclaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnclaveOptions {
    /// Whether instances can start enclaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// What the selectors resolved to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2NodeClassStatus {
    /// Subnets, most free addresses first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
    /// Security groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<SecurityGroup>,
    /// Images, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amis: Vec<Ami>,
    /// Capacity reservations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capacity_reservations: Vec<CapacityReservation>,
    /// Instance profile in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<CompactString>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subnet {
    /// Id.
    pub id: CompactString,
    /// Zone name.
    pub zone: CompactString,
    /// Zone id.
    #[serde(rename = "zoneID", skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<CompactString>,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityGroup {
    /// Id.
    pub id: CompactString,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
}

/// An image and the nodes it is for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ami {
    /// Id.
    pub id: CompactString,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// Whether its owner has deprecated it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Which instance types it runs on.
    pub requirements: Vec<RequirementSpec>,
}

/// A capacity reservation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityReservation {
    /// Id.
    pub id: CompactString,
    /// Zone name.
    pub availability_zone: CompactString,
    /// Instance type.
    pub instance_type: CompactString,
    /// Owner account.
    #[serde(rename = "ownerID", skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<CompactString>,
    /// `open` or `targeted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_match_criteria: Option<CompactString>,
    /// `default` or `capacity-block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_type: Option<CompactString>,
    /// Whether AWS may take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruptible: Option<bool>,
    /// `active` or `expiring`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<CompactString>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<jiff::Timestamp>,
}

/// Any other NodeClass (KWOK's, Azure's, EKS Auto Mode's): only readiness is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtherNodeClass {
    /// API version, `karpenter.kwok.sh/v1alpha1`.
    pub api_version: CompactString,
    /// Kind.
    pub kind: CompactString,
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Status.
    pub status: OtherNodeClassStatus,
    /// Everything else, as written.
    #[serde(flatten)]
    pub rest: BTreeMap<String, serde_json::Value>,
}

/// Status of such a NodeClass.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtherNodeClassStatus {
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
