//! Instance types, the zones that offer them, and the zones there are.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, LocationType};
use compact_str::CompactString;
use karp_core::model::{CatalogZone, Ec2InstanceType};

use crate::convert;
use crate::{AwsError, Connection};

/// Every instance type Karpenter asks for: HVM, x86_64 or arm64.
pub(crate) async fn instance_types(connection: &Connection) -> Result<Vec<Ec2InstanceType>, AwsError> {
    let filter = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::builder().name(name).set_values(Some(values)).build()
    };
    let mut pages = connection
        .ec2()
        .describe_instance_types()
        .filters(filter("supported-virtualization-type", &["hvm"]))
        .filters(filter("processor-info.supported-architecture", &["x86_64", "arm64"]))
        .into_paginator()
        .page_size(100)
        .items()
        .send();
    let mut types = Vec::new();
    while let Some(info) = pages.next().await {
        let info = info.map_err(|error| AwsError::of("ec2:DescribeInstanceTypes", &error))?;
        types.push(convert::instance_type(&info));
    }
    Ok(types)
}

/// Ids of the zones that offer each type.
pub(crate) async fn offerings(
    connection: &Connection,
) -> Result<BTreeMap<CompactString, Vec<CompactString>>, AwsError> {
    let mut pages = connection
        .ec2()
        .describe_instance_type_offerings()
        .location_type(LocationType::AvailabilityZoneId)
        .into_paginator()
        .page_size(1000)
        .items()
        .send();
    let mut offerings: BTreeMap<CompactString, Vec<CompactString>> = BTreeMap::new();
    while let Some(offering) = pages.next().await {
        let offering = offering.map_err(|error| AwsError::of("ec2:DescribeInstanceTypeOfferings", &error))?;
        if let (Some(name), Some(zone)) = (offering.instance_type(), offering.location()) {
            offerings.entry(name.as_str().into()).or_default().push(zone.into());
        }
    }
    offerings.values_mut().for_each(|zones| zones.sort());
    Ok(offerings)
}

/// Zones of the region as this account names them.
pub(crate) async fn zones(connection: &Connection) -> Result<Vec<CatalogZone>, AwsError> {
    let answer = connection.ec2().describe_availability_zones().send().await;
    let answer = answer.map_err(|error| AwsError::of("ec2:DescribeAvailabilityZones", &error))?;
    let zones = answer.availability_zones().iter().filter_map(|zone| {
        Some(CatalogZone { id: zone.zone_id()?.into(), name: zone.zone_name().map(CompactString::from) })
    });
    let mut zones: Vec<CatalogZone> = zones.collect();
    zones.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(zones)
}
