//! What EC2 and SSM say about the nodes of a cluster, as [`AwsFacts`].
//!
//! Everything is optional: what is refused becomes a gap with the action's name, and the rest is still told. An id
//! that was asked for and is not there is a fact, not an error.

use aws_sdk_ec2::types::Filter;
use compact_str::{CompactString, ToCompactString};
use jiff::Timestamp;
use karp_core::model::{AwsFacts, Ec2Subnet, Gap, SsmParameter};

use crate::convert;
use crate::{AwsError, Connection};

/// Ids that one call may filter by.
const FILTER_VALUES: usize = 200;
/// Names that one GetParameters call takes.
const PARAMETERS: usize = 10;

/// What to ask for; an empty list is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactsRequest {
    /// Instances by id.
    pub instances: Vec<CompactString>,
    /// Images by id.
    pub images: Vec<CompactString>,
    /// SSM parameters by name.
    pub parameters: Vec<CompactString>,
    /// Subnets by id.
    pub subnets: Vec<CompactString>,
    /// Security groups by id.
    pub security_groups: Vec<CompactString>,
    /// Placement groups by NodeClass: its name, and the id or name it selects.
    pub placement_groups: Vec<(CompactString, CompactString)>,
}

/// Reads facts. Never fails: what could not be read is a gap.
pub async fn read_facts(connection: &Connection, request: &FactsRequest, now: Timestamp) -> AwsFacts {
    let mut facts =
        AwsFacts { region: Some(connection.region.clone()), read_at: Some(now), ..AwsFacts::default() };
    match connection.account().await {
        Ok(account) => facts.account = Some(account),
        Err(error) => gap(&mut facts, "sts:GetCallerIdentity", &error),
    }
    // One after the other: few calls, and an account that limits calls is not asked six things at once.
    if let Err(error) = instances(connection, request, &mut facts).await {
        gap(&mut facts, "ec2:DescribeInstances", &error);
    }
    if let Err(error) = images(connection, request, &mut facts).await {
        gap(&mut facts, "ec2:DescribeImages", &error);
    }
    if let Err(error) = parameters(connection, request, &mut facts).await {
        gap(&mut facts, "ssm:GetParameters", &error);
    }
    if let Err(error) = subnets(connection, request, &mut facts).await {
        gap(&mut facts, "ec2:DescribeSubnets", &error);
    }
    if let Err(error) = security_groups(connection, request, &mut facts).await {
        gap(&mut facts, "ec2:DescribeSecurityGroups", &error);
    }
    if let Err(error) = placement_groups(connection, request, &mut facts).await {
        gap(&mut facts, "ec2:DescribePlacementGroups", &error);
    }
    facts
}

fn gap(facts: &mut AwsFacts, action: &str, error: &AwsError) {
    facts.gaps.push(Gap { kind: action.into(), reason: error.to_string() });
}

fn filter(name: &str, values: &[CompactString]) -> Filter {
    let values = values.iter().map(ToString::to_string).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

async fn instances(
    connection: &Connection,
    request: &FactsRequest,
    facts: &mut AwsFacts,
) -> Result<(), AwsError> {
    let client = connection.ec2();
    for ids in request.instances.chunks(FILTER_VALUES) {
        // A filter, unlike a list of ids, does not fail for one that is gone.
        let request = client.describe_instances().filters(filter("instance-id", ids));
        let mut pages = request.into_paginator().page_size(1000).items().send();
        while let Some(reservation) = pages.next().await {
            let reservation = reservation.map_err(|error| AwsError::of("ec2:DescribeInstances", &error))?;
            for instance in reservation.instances() {
                if let Some(id) = instance.instance_id() {
                    facts.instances.insert(id.into(), convert::instance(instance));
                }
            }
        }
    }
    volumes(connection, facts).await
}

/// Sizes and kinds of the volumes of the instances.
async fn volumes(connection: &Connection, facts: &mut AwsFacts) -> Result<(), AwsError> {
    let attached = facts.instances.values().flat_map(|instance| instance.volumes.values());
    let ids: Vec<CompactString> = attached.map(|volume| volume.id.clone()).collect();
    let client = connection.ec2();
    for chunk in ids.chunks(FILTER_VALUES) {
        let mut pages =
            client.describe_volumes().filters(filter("volume-id", chunk)).into_paginator().items().send();
        while let Some(volume) = pages.next().await {
            let volume = volume.map_err(|error| AwsError::of("ec2:DescribeVolumes", &error))?;
            let mine = facts.instances.values_mut().flat_map(|instance| instance.volumes.values_mut());
            for known in mine.filter(|known| Some(known.id.as_str()) == volume.volume_id()) {
                convert::describe_volume(known, &volume);
            }
        }
    }
    Ok(())
}

async fn images(
    connection: &Connection,
    request: &FactsRequest,
    facts: &mut AwsFacts,
) -> Result<(), AwsError> {
    let client = connection.ec2();
    for ids in request.images.chunks(FILTER_VALUES) {
        let request = client.describe_images().filters(filter("image-id", ids)).include_deprecated(true);
        let mut pages = request.into_paginator().page_size(500).items().send();
        while let Some(image) = pages.next().await {
            let image = image.map_err(|error| AwsError::of("ec2:DescribeImages", &error))?;
            if let Some(id) = image.image_id() {
                facts.images.insert(id.into(), convert::image(&image));
            }
        }
    }
    Ok(())
}

async fn parameters(
    connection: &Connection,
    request: &FactsRequest,
    facts: &mut AwsFacts,
) -> Result<(), AwsError> {
    let client = connection.ssm();
    for names in request.parameters.chunks(PARAMETERS) {
        let names = names.iter().map(ToString::to_string).collect();
        let answer = client.get_parameters().set_names(Some(names)).send().await;
        let answer = answer.map_err(|error| AwsError::of("ssm:GetParameters", &error))?;
        for parameter in answer.parameters() {
            if let Some(name) = parameter.name() {
                let value = parameter.value().map(CompactString::from);
                facts.parameters.insert(name.into(), SsmParameter { value });
            }
        }
        for missing in answer.invalid_parameters() {
            facts.parameters.insert(missing.to_compact_string(), SsmParameter { value: None });
        }
    }
    Ok(())
}

async fn subnets(
    connection: &Connection,
    request: &FactsRequest,
    facts: &mut AwsFacts,
) -> Result<(), AwsError> {
    let client = connection.ec2();
    for ids in request.subnets.chunks(FILTER_VALUES) {
        let mut pages =
            client.describe_subnets().filters(filter("subnet-id", ids)).into_paginator().items().send();
        while let Some(subnet) = pages.next().await {
            let subnet = subnet.map_err(|error| AwsError::of("ec2:DescribeSubnets", &error))?;
            let Some(id) = subnet.subnet_id() else { continue };
            let name = subnet.tags().iter().find(|tag| tag.key() == Some("Name"));
            facts.subnets.insert(
                id.into(),
                Ec2Subnet {
                    name: name.and_then(|tag| tag.value()).map(CompactString::from),
                    zone: subnet.availability_zone().unwrap_or_default().into(),
                    free_addresses: subnet.available_ip_address_count().map(i64::from),
                },
            );
        }
    }
    Ok(())
}

async fn security_groups(
    connection: &Connection,
    request: &FactsRequest,
    facts: &mut AwsFacts,
) -> Result<(), AwsError> {
    let client = connection.ec2();
    // Groups that instances have count as well as those the NodeClasses resolved.
    let mut ids: Vec<CompactString> =
        facts.instances.values().flat_map(|instance| instance.security_groups.iter().cloned()).collect();
    ids.extend(request.security_groups.iter().cloned());
    ids.sort();
    ids.dedup();
    for ids in ids.chunks(FILTER_VALUES) {
        let mut pages = client
            .describe_security_groups()
            .filters(filter("group-id", ids))
            .into_paginator()
            .items()
            .send();
        while let Some(group) = pages.next().await {
            let group = group.map_err(|error| AwsError::of("ec2:DescribeSecurityGroups", &error))?;
            if let Some(id) = group.group_id() {
                facts.security_groups.insert(id.into(), group.group_name().unwrap_or_default().into());
            }
        }
    }
    Ok(())
}

async fn placement_groups(
    connection: &Connection,
    request: &FactsRequest,
    facts: &mut AwsFacts,
) -> Result<(), AwsError> {
    let client = connection.ec2();
    for (class, wanted) in &request.placement_groups {
        let call = client.describe_placement_groups().filters(filter("state", &["available".into()]));
        let call = if wanted.starts_with("pg-") {
            call.group_ids(wanted.as_str())
        } else {
            call.group_names(wanted.as_str())
        };
        let groups =
            match call.send().await.map_err(|error| AwsError::of("ec2:DescribePlacementGroups", &error)) {
                Ok(answer) => answer.placement_groups.unwrap_or_default(),
                Err(AwsError::NotFound { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
        if let Some(id) = groups.first().and_then(|group| group.group_id()) {
            facts.placement_groups.insert(class.clone(), id.into());
        }
    }
    Ok(())
}
