//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use karp_aws::ConnectionOptions;
use karp_common::cli::{OutputFlags, SortFlags};

/// EC2 instance types, offerings and prices
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  # Which data explain and preview use, and how old it is
  kubectl karp catalog

  # Read types, offerings, spot and list prices of a region from AWS
  kubectl karp catalog refresh --region us-west-2

  # Graviton types of the m7 families with 4 cores or more, cheapest first
  kubectl karp catalog show --filter 'family=m7g|m7gd,vcpu>=4' --sort-by price

  # The IAM policy for everything kubectl karp reads from AWS
  kubectl karp catalog iam-policy"
)]
pub struct Cli {
    /// What to do [default: say which data is used]
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// AWS.
    #[command(flatten)]
    pub aws: AwsFlags,
    /// Output.
    #[command(flatten)]
    pub output: OutputFlags,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Read instance types, offerings and prices from AWS into the local cache
    Refresh,
    /// Show instance types as a node of AL2023 would be
    Show(ShowArgs),
    /// Print the IAM policy for everything kubectl karp reads
    IamPolicy,
}

/// Which types to show.
#[derive(Debug, Clone, Default, Args)]
pub struct ShowArgs {
    /// Names of instance types
    #[arg(value_name = "TYPE")]
    pub types: Vec<String>,
    /// Conditions, all of which must hold: 'family=m7g,arch=arm64,vcpu>=4'
    #[arg(long, value_name = "CONDITIONS")]
    pub filter: Option<String>,
    /// Show this file instead: our catalog, or one that refresh wrote
    #[arg(long, value_name = "FILE")]
    pub instance_types: Option<PathBuf>,
    /// In which order.
    #[command(flatten)]
    pub sort: SortFlags,
}

/// Which AWS account and region.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub struct AwsFlags {
    /// Profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region [default: as the AWS configuration says]
    #[arg(long, global = true, value_name = "NAME")]
    pub region: Option<String>,
    /// Endpoint for all AWS services
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub endpoint_url: Option<String>,
}

impl AwsFlags {
    /// What the connection needs.
    pub fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
        }
    }
}
