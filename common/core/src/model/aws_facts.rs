//! AwsFacts: what EC2 and SSM say, as far as drift, drain and doctor read it.
//!
//! Filled by the AWS edge (package karp-aws) or by a test; the pure core never asks AWS. Whatever could not be
//! read is a gap and weakens the answer; an id that was read and is not there is a fact.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Gap, Labels, MetadataOptions};

/// Facts of one account and region at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AwsFacts {
    /// Account id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<CompactString>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<CompactString>,
    /// When it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// Instances by id (`i-0123`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub instances: BTreeMap<CompactString, Ec2Instance>,
    /// Images by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<CompactString, Ec2Image>,
    /// SSM parameters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<CompactString, SsmParameter>,
    /// Subnets by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: BTreeMap<CompactString, Ec2Subnet>,
    /// Names of security groups by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub security_groups: BTreeMap<CompactString, CompactString>,
    /// Id of the placement group of each NodeClass that selects one, by NodeClass name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub placement_groups: BTreeMap<CompactString, CompactString>,
    /// What could not be read, by EC2 or SSM action (`ec2:DescribeInstances`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

impl AwsFacts {
    /// The gap of an action, where it was not read.
    pub fn gap(&self, action: &str) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.kind == action)
    }

    /// The instance of a provider id, `aws:///us-west-2a/i-0123`.
    pub fn instance(&self, provider_id: &str) -> Option<&Ec2Instance> {
        self.instances.get(instance_id(provider_id)?)
    }
}

/// What to ask AWS for, by id and name: the edge turns it into an [`AwsFacts`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AwsQuestions {
    /// Instances (`ec2:DescribeInstances`, and `ec2:DescribeVolumes` of theirs).
    pub instances: Vec<CompactString>,
    /// Images (`ec2:DescribeImages`, deprecated ones too).
    pub images: Vec<CompactString>,
    /// SSM parameters (`ssm:GetParameters`); the images they hold are read too.
    pub parameters: Vec<CompactString>,
    /// Subnets (`ec2:DescribeSubnets`); those of the instances are read too.
    pub subnets: Vec<CompactString>,
    /// Security groups (`ec2:DescribeSecurityGroups`); those of the instances are read too.
    pub security_groups: Vec<CompactString>,
    /// Placement groups (`ec2:DescribePlacementGroups`) by NodeClass: its name, and the id or name it selects.
    pub placement_groups: Vec<(CompactString, CompactString)>,
}

impl AwsQuestions {
    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The instance id in a provider id, `aws:///us-west-2a/i-0123`. As the provider itself, it takes any name in front.
pub fn instance_id(provider_id: &str) -> Option<&str> {
    let (_, id) = provider_id.split_once(":///")?.1.split_once('/')?;
    id.starts_with("i-").then_some(id)
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2Instance {
    /// Image.
    pub image_id: CompactString,
    /// Type.
    pub instance_type: CompactString,
    /// Zone name.
    pub zone: CompactString,
    /// `running`, `terminated` and so on.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub state: CompactString,
    /// Subnet.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub subnet_id: CompactString,
    /// Ids of its security groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<CompactString>,
    /// Capacity reservation it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_reservation_id: Option<CompactString>,
    /// Launch time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launched_at: Option<Timestamp>,
    /// Instance profile by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<CompactString>,
    /// Metadata service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_options: Option<MetadataOptions>,
    /// Detailed monitoring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detailed_monitoring: Option<bool>,
    /// Tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
    /// Volumes by device name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<CompactString, Ec2Volume>,
}

/// One volume of an instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2Volume {
    /// Id.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub id: CompactString,
    /// Size in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<i64>,
    /// `gp3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<CompactString>,
    /// IOPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iops: Option<i64>,
    /// MiB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<i64>,
    /// Encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2Image {
    /// Name.
    pub name: CompactString,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Since when, or from when on, its owner calls it deprecated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<Timestamp>,
    /// `x86_64` or `arm64`.
    #[serde(skip_serializing_if = "CompactString::is_empty")]
    pub architecture: CompactString,
}

/// One SSM parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SsmParameter {
    /// Its value; none = there is no such parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<CompactString>,
}

/// One subnet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ec2Subnet {
    /// Name tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// Zone name.
    pub zone: CompactString,
    /// Free addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_addresses: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_ids() {
        for (provider_id, id) in [
            ("aws:///us-west-2a/i-0123", Some("i-0123")),
            ("kwok-aws:///us-west-2a/i-0123", Some("i-0123")),
            ("kwok://n1", None),
            ("aws:///us-west-2a/fargate-ip-10-0-0-1", None),
        ] {
            assert_eq!(instance_id(provider_id), id, "{provider_id}");
        }
    }
}
