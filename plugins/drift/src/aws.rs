//! What AWS says; where it was not asked or did not answer, what that costs.

#[cfg(feature = "aws")]
mod ask;
#[cfg(test)]
mod tests;

use karp_common::term::Out;
use karp_core::model::{NodeClaim, Snapshot};
use karp_core::provider::ProviderKind;

use crate::cli::Cli;
use crate::drift::{AwsAnswer, DriftOptions};
use crate::report::NotRead;

/// Asks AWS, where there is anything to ask.
///
/// A file is the past, and maybe another account: AWS is asked about it only when the user says of whom.
pub(crate) fn ask(cli: &Cli, snapshot: &Snapshot, options: &DriftOptions, out: &mut Out<'_>) -> AwsAnswer {
    let of_aws = |claim: &NodeClaim| {
        let class = &claim.spec.node_class_ref;
        ProviderKind::of(&class.group, &class.kind) == ProviderKind::Aws
    };
    let objects = &snapshot.objects;
    if !objects.node_claims.iter().any(of_aws) && objects.ec2_node_classes.is_empty() {
        return AwsAnswer::default();
    }
    if !cli.source.from.is_empty() && cli.profile.is_none() && cli.endpoint_url.is_none() {
        return AwsAnswer { facts: None, not_read: vec![nothing("the input is a file", Vec::new())] };
    }
    live(cli, snapshot, options, out)
}

#[cfg(feature = "aws")]
use ask::ask as live;

/// Built without AWS.
#[cfg(not(feature = "aws"))]
fn live(_: &Cli, _: &Snapshot, _: &DriftOptions, _: &mut Out<'_>) -> AwsAnswer {
    AwsAnswer { facts: None, not_read: vec![nothing("this build cannot ask AWS", Vec::new())] }
}

/// Nothing was read at all.
fn nothing(why: &str, hints: Vec<String>) -> NotRead {
    let mut missing = Vec::new();
    for action in ["ec2:DescribeInstances", "ec2:DescribeImages"] {
        missing.extend(costs(action).iter().map(|cost| (*cost).to_owned()));
    }
    NotRead { what: "EC2, SSM".into(), why: why.to_owned(), missing, hints }
}

/// What an action that did not answer leaves out.
fn costs(action: &str) -> &'static [&'static str] {
    match action {
        "ec2:DescribeInstances" => &["SecurityGroupDrift", "SubnetDrift", "CapacityReservationDrift"],
        "ec2:DescribeImages" => &["AMI name and age"],
        "ec2:DescribeVolumes" => &["volumes of NodeClassDrift"],
        "ec2:DescribeSubnets" => &["names of subnets"],
        "ec2:DescribeSecurityGroups" => &["names of security groups"],
        "ec2:DescribePlacementGroups" => &["PlacementGroupDrift"],
        "ssm:GetParameters" => &["images that aliases point to now"],
        _ => &[],
    }
}
