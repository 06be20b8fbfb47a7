//! Names of subnets and security groups; placement groups.

use std::collections::BTreeMap;

use compact_str::CompactString;
use karp_core::model::{AwsFacts, AwsQuestions, Ec2Subnet};

use super::reader::{Partly, Reader};
use crate::AwsError;

/// Subnets that were asked for, and those of the instances.
pub(super) fn subnets_of(questions: &AwsQuestions, facts: &AwsFacts) -> Vec<CompactString> {
    let own = facts.instances.values().map(|instance| instance.subnet_id.clone());
    sorted(questions.subnets.iter().cloned().chain(own))
}

/// Security groups that were asked for, and those of the instances.
pub(super) fn groups_of(questions: &AwsQuestions, facts: &AwsFacts) -> Vec<CompactString> {
    let own = facts.instances.values().flat_map(|instance| instance.security_groups.iter().cloned());
    sorted(questions.security_groups.iter().cloned().chain(own))
}

fn sorted(ids: impl Iterator<Item = CompactString>) -> Vec<CompactString> {
    let mut ids: Vec<CompactString> = ids.filter(|id| !id.is_empty()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Subnets by id.
pub(super) async fn subnets(
    reader: &Reader,
    ids: Vec<CompactString>,
) -> Partly<BTreeMap<CompactString, Ec2Subnet>> {
    let (subnets, error) = reader
        .by_id("subnet-id", &ids, async |filter| {
            let mut pages = reader.ec2.describe_subnets().filters(filter).into_paginator().items().send();
            let mut found = Vec::new();
            while let Some(subnet) = pages.next().await {
                let subnet = subnet.map_err(|error| AwsError::of("ec2:DescribeSubnets", &error))?;
                let Some(id) = subnet.subnet_id().map(CompactString::from) else { continue };
                let name = subnet.tags().iter().find(|tag| tag.key() == Some("Name"));
                let facts = Ec2Subnet {
                    name: name.and_then(|tag| tag.value()).map(CompactString::from),
                    zone: subnet.availability_zone().unwrap_or_default().into(),
                    free_addresses: subnet.available_ip_address_count().map(i64::from),
                };
                found.push((id, facts));
            }
            Ok(found)
        })
        .await;
    (subnets.into_iter().collect(), error)
}

/// Names of security groups by id.
pub(super) async fn security_groups(
    reader: &Reader,
    ids: Vec<CompactString>,
) -> Partly<BTreeMap<CompactString, CompactString>> {
    let (groups, error) = reader
        .by_id("group-id", &ids, async |filter| {
            let call = reader.ec2.describe_security_groups().filters(filter);
            let mut pages = call.into_paginator().items().send();
            let mut found = Vec::new();
            while let Some(group) = pages.next().await {
                let group = group.map_err(|error| AwsError::of("ec2:DescribeSecurityGroups", &error))?;
                let name = CompactString::from(group.group_name().unwrap_or_default());
                found.extend(group.group_id().map(|id| (CompactString::from(id), name)));
            }
            Ok(found)
        })
        .await;
    (groups.into_iter().collect(), error)
}

/// Ids of placement groups by NodeClass. One that is not there is a fact.
pub(super) async fn placement_groups(
    reader: &Reader,
    wanted: &[(CompactString, CompactString)],
) -> Partly<BTreeMap<CompactString, CompactString>> {
    let (groups, error) = reader
        .in_parts(wanted, 1, async |wanted| {
            let mut found = Vec::new();
            for (class, wanted) in wanted {
                let available =
                    aws_sdk_ec2::types::Filter::builder().name("state").values("available").build();
                let call = reader.ec2.describe_placement_groups().filters(available);
                let call = match wanted.starts_with("pg-") {
                    true => call.group_ids(wanted.as_str()),
                    false => call.group_names(wanted.as_str()),
                };
                let answer = call.send().await;
                match answer.map_err(|error| AwsError::of("ec2:DescribePlacementGroups", &error)) {
                    Ok(answer) => {
                        let id = answer.placement_groups().first().and_then(|group| group.group_id());
                        found.extend(id.map(|id| (class.clone(), CompactString::from(id))));
                    }
                    Err(AwsError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        })
        .await;
    (groups.into_iter().collect(), error)
}
