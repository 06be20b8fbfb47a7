//! Instances and their volumes.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Volume;
use compact_str::CompactString;
use karp_core::model::Ec2Instance;

use super::reader::{Partly, Reader};
use crate::AwsError;
use crate::convert;

/// Instances by id.
pub(super) async fn read(
    reader: &Reader,
    ids: &[CompactString],
) -> Partly<BTreeMap<CompactString, Ec2Instance>> {
    let (instances, error) = reader
        .by_id("instance-id", ids, async |filter| {
            let call = reader.ec2.describe_instances().filters(filter);
            let mut pages = call.into_paginator().page_size(1000).items().send();
            let mut found = Vec::new();
            while let Some(reservation) = pages.next().await {
                let reservation =
                    reservation.map_err(|error| AwsError::of("ec2:DescribeInstances", &error))?;
                for instance in reservation.instances() {
                    let id = instance.instance_id().map(CompactString::from);
                    found.extend(id.map(|id| (id, convert::instance(instance))));
                }
            }
            Ok(found)
        })
        .await;
    (instances.into_iter().collect(), error)
}

/// The volumes of these instances.
pub(super) async fn volumes(
    reader: &Reader,
    instances: &BTreeMap<CompactString, Ec2Instance>,
) -> Partly<Vec<Volume>> {
    let attached = instances.values().flat_map(|instance| instance.volumes.values());
    let ids: Vec<CompactString> = attached.map(|volume| volume.id.clone()).collect();
    reader
        .by_id("volume-id", &ids, async |filter| {
            let call = reader.ec2.describe_volumes().filters(filter);
            let mut pages = call.into_paginator().page_size(500).items().send();
            let mut found = Vec::new();
            while let Some(volume) = pages.next().await {
                found.push(volume.map_err(|error| AwsError::of("ec2:DescribeVolumes", &error))?);
            }
            Ok(found)
        })
        .await
}

/// Adds sizes and kinds to the volumes of instances.
pub(super) fn add_volumes(instances: &mut BTreeMap<CompactString, Ec2Instance>, volumes: Vec<Volume>) {
    let by_id: BTreeMap<&str, &Volume> =
        volumes.iter().filter_map(|volume| Some((volume.volume_id()?, volume))).collect();
    for known in instances.values_mut().flat_map(|instance| instance.volumes.values_mut()) {
        if let Some(volume) = by_id.get(known.id.as_str()) {
            convert::describe_volume(known, volume);
        }
    }
}
