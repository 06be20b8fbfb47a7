//! What EC2 and SSM say about the nodes of a cluster, as [`AwsFacts`].
//!
//! Everything is optional: what is refused becomes a gap with the action's name, and the rest is still told. An id
//! that was asked for and is not there is a fact, not an error.

mod instances;
mod network;
mod parameters;
mod reader;

use jiff::Timestamp;
use karp_core::model::{AwsFacts, AwsQuestions, Gap};

use crate::{AwsError, Connection};
use reader::Reader;

/// Facts, and why some of them are missing.
#[derive(Debug, Clone, Default)]
pub struct FactsRead {
    /// The facts; their gaps name the actions in `refused`.
    pub facts: AwsFacts,
    /// The first error of each action that did not answer in full.
    pub refused: Vec<(&'static str, AwsError)>,
}

/// Reads facts: a few calls at a time, every page. Never fails: what could not be read is a gap. Credentials that
/// AWS does not take at all are found out by the first call, and no other is made.
pub async fn read_facts(connection: &Connection, questions: &AwsQuestions, now: Timestamp) -> FactsRead {
    let mut read = FactsRead {
        facts: AwsFacts {
            region: Some(connection.region.clone()),
            read_at: Some(now),
            ..AwsFacts::default()
        },
        refused: Vec::new(),
    };
    match connection.account().await {
        Ok(account) => read.facts.account = Some(account),
        Err(error) if error.is_about_credentials() => {
            asked(questions).into_iter().for_each(|action| read.refuse(action, error.clone()));
            return read;
        }
        // Who asks is good to know, no more: a network may let EC2 through and not STS.
        Err(_) => {}
    }
    let reader = Reader::new(&connection.for_few_calls());
    let (instances, images, parameters, placement_groups) = tokio::join!(
        instances::read(&reader, &questions.instances),
        reader.images(&questions.images),
        parameters::read(&reader, &questions.parameters),
        network::placement_groups(&reader, &questions.placement_groups),
    );
    read.facts.instances = read.take("ec2:DescribeInstances", instances);
    read.facts.images = read.take("ec2:DescribeImages", images);
    read.facts.parameters = read.take("ssm:GetParameters", parameters);
    read.facts.placement_groups = read.take("ec2:DescribePlacementGroups", placement_groups);

    let published = parameters::images(&read.facts);
    let (volumes, images, subnets, groups) = tokio::join!(
        instances::volumes(&reader, &read.facts.instances),
        reader.images(&published),
        network::subnets(&reader, network::subnets_of(questions, &read.facts)),
        network::security_groups(&reader, network::groups_of(questions, &read.facts)),
    );
    let volumes = read.take("ec2:DescribeVolumes", volumes);
    instances::add_volumes(&mut read.facts.instances, volumes);
    let images = read.take("ec2:DescribeImages", images);
    read.facts.images.extend(images);
    read.facts.subnets = read.take("ec2:DescribeSubnets", subnets);
    read.facts.security_groups = read.take("ec2:DescribeSecurityGroups", groups);
    read
}

impl FactsRead {
    /// What an action answered, with its first error noted.
    fn take<T>(&mut self, action: &'static str, (answer, error): (T, Option<AwsError>)) -> T {
        if let Some(error) = error {
            self.refuse(action, error);
        }
        answer
    }

    fn refuse(&mut self, action: &'static str, error: AwsError) {
        if self.facts.gap(action).is_none() {
            self.facts.gaps.push(Gap { kind: action.into(), reason: error.to_string() });
            self.refused.push((action, error));
        }
    }
}

/// Actions that the questions need.
fn asked(questions: &AwsQuestions) -> Vec<&'static str> {
    [
        ("ec2:DescribeInstances", questions.instances.is_empty()),
        ("ec2:DescribeImages", questions.images.is_empty()),
        ("ssm:GetParameters", questions.parameters.is_empty()),
        ("ec2:DescribeSubnets", questions.subnets.is_empty()),
        ("ec2:DescribeSecurityGroups", questions.security_groups.is_empty()),
        ("ec2:DescribePlacementGroups", questions.placement_groups.is_empty()),
    ]
    .into_iter()
    .filter(|(_, is_empty)| !is_empty)
    .map(|(action, _)| action)
    .collect()
}
