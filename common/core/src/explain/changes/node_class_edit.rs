//! Edits of an EC2NodeClass: the disk that pods' ephemeral storage comes from.

use serde_json::json;

use super::patch::JsonPatch;
use crate::explain::words;
use crate::model::{BlockDevice, BlockDeviceMapping, Ec2NodeClass, Quantity};
use crate::provider::aws::AmiFamily;

/// One edit of an EC2NodeClass.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeClassEdit {
    /// Make the disk for pods larger.
    VolumeSize {
        /// Now.
        from: Quantity,
        /// Then.
        to: Quantity,
    },
    /// Use local NVMe disks.
    InstanceStore,
}

impl NodeClassEdit {
    /// In words, after the object.
    pub fn title(&self, class: &Ec2NodeClass) -> String {
        match self {
            NodeClassEdit::VolumeSize { from, to } => {
                let device = device_of(class);
                format!(
                    "blockDeviceMappings {device} volumeSize {} -> {}",
                    words::quantity(*from),
                    words::quantity(*to)
                )
            }
            NodeClassEdit::InstanceStore => "instanceStorePolicy RAID0 (local NVMe counts)".to_owned(),
        }
    }

    /// Changes an EC2NodeClass.
    pub fn apply(&self, class: &mut Ec2NodeClass) {
        match self {
            NodeClassEdit::InstanceStore => class.spec.instance_store_policy = Some("RAID0".into()),
            NodeClassEdit::VolumeSize { to, .. } => match position_of(class) {
                Some(position) => {
                    let mut mappings = class.spec.block_device_mappings.to_vec();
                    if let Some(mapping) = mappings.get_mut(position) {
                        mapping.ebs.get_or_insert_default().volume_size = Some(*to);
                    }
                    class.spec.block_device_mappings = mappings.into();
                }
                None => class.spec.block_device_mappings = new_mappings(class, *to).into(),
            },
        }
    }

    /// The patch.
    pub fn patch(&self, class: &Ec2NodeClass) -> Option<JsonPatch> {
        let mut patch = JsonPatch::default();
        match self {
            NodeClassEdit::InstanceStore => {
                patch.add("/spec/instanceStorePolicy", "RAID0");
            }
            NodeClassEdit::VolumeSize { to, .. } => match position_of(class) {
                Some(position) => {
                    let base = format!("/spec/blockDeviceMappings/{position}");
                    let mapping = &class.spec.block_device_mappings[position];
                    if let Some(device) = &mapping.device_name {
                        patch.test(format!("{base}/deviceName"), device.as_str());
                    }
                    match mapping.ebs {
                        Some(_) => patch.add(format!("{base}/ebs/volumeSize"), to.to_string()),
                        None => patch.add(format!("{base}/ebs"), json!({"volumeSize": to.to_string()})),
                    };
                }
                None => {
                    let mappings = serde_json::to_value(new_mappings(class, *to)).ok()?;
                    patch.add("/spec/blockDeviceMappings", mappings);
                }
            },
        }
        Some(patch)
    }
}

/// The device that pods' ephemeral storage is on, per image family. AWS provider: pkg/providers/amifamily
/// (`EphemeralBlockDevice`).
fn device_of(class: &Ec2NodeClass) -> &'static str {
    match AmiFamily::of(&class.spec) {
        AmiFamily::Bottlerocket => "/dev/xvdb",
        AmiFamily::Windows2019 | AmiFamily::Windows2022 | AmiFamily::Windows2025 => "/dev/sda1",
        AmiFamily::Al2 | AmiFamily::Al2023 | AmiFamily::Custom => "/dev/xvda",
    }
}

/// The mapping whose size counts, where there is one.
fn position_of(class: &Ec2NodeClass) -> Option<usize> {
    let mappings = &class.spec.block_device_mappings;
    let root = mappings.iter().position(|mapping| mapping.root_volume);
    root.or_else(|| match AmiFamily::of(&class.spec) {
        AmiFamily::Custom => mappings.len().checked_sub(1),
        _ => mappings.iter().position(|mapping| mapping.device_name.as_deref() == Some(device_of(class))),
    })
}

/// The mappings written where none covers the device: the family's defaults with the new size.
fn new_mappings(class: &Ec2NodeClass, size: Quantity) -> Vec<BlockDeviceMapping> {
    let volume = |device: &str, size: Quantity| BlockDeviceMapping {
        device_name: Some(device.into()),
        ebs: Some(BlockDevice {
            volume_size: Some(size),
            volume_type: Some("gp3".into()),
            encrypted: Some(true),
            ..BlockDevice::default()
        }),
        root_volume: false,
    };
    let mut mappings = class.spec.block_device_mappings.to_vec();
    if mappings.is_empty() && AmiFamily::of(&class.spec) == AmiFamily::Bottlerocket {
        mappings.push(volume("/dev/xvda", Quantity::from_bytes(4 << 30)));
    }
    mappings.push(volume(device_of(class), size));
    mappings
}

#[cfg(test)]
mod tests {
    use super::super::patch::apply;
    use super::*;

    #[test]
    fn patches_do_what_was_simulated() {
        let size = |text: &str| text.parse::<Quantity>().unwrap();
        let larger = NodeClassEdit::VolumeSize { from: size("20Gi"), to: size("105Gi") };
        let family = |family: &str| json!({"amiFamily": family});
        let mapped = json!({"amiFamily": "AL2023", "blockDeviceMappings": [
            {"deviceName": "/dev/xvdz", "ebs": {"volumeSize": "5Gi"}},
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "20Gi", "iops": 3000}}]});
        for (edit, spec, devices) in [
            (&larger, family("AL2023"), vec!["/dev/xvda"]),
            (&larger, family("Bottlerocket"), vec!["/dev/xvda", "/dev/xvdb"]),
            (&larger, mapped, vec!["/dev/xvdz", "/dev/xvda"]),
            (&NodeClassEdit::InstanceStore, family("AL2023"), vec![]),
        ] {
            let class: Ec2NodeClass =
                serde_json::from_value(json!({"metadata": {"name": "c"}, "spec": spec})).unwrap();
            let mut simulated = class.clone();
            edit.apply(&mut simulated);
            let patch = edit.patch(&class).unwrap();
            let patched = apply(&serde_json::to_value(&class).unwrap(), &patch).unwrap();
            let patched: Ec2NodeClass = serde_json::from_value(patched).unwrap();
            assert_eq!(patched, simulated, "{edit:?}");
            let named: Vec<_> = patched
                .spec
                .block_device_mappings
                .iter()
                .filter_map(|mapping| mapping.device_name.as_deref())
                .collect();
            assert_eq!(named, devices);
        }
    }
}
