//! Flags of `drift`.

use clap::Parser;
use karp_common::cli::{CatalogFlags, ClusterFlags, OutputFlags, SortFlags, SourceFlags};
use karp_common::complete::{Names, Object};

const EXAMPLES: &str = "\
  kubectl karp drift                         all NodeClaims, by NodePool and reason
  kubectl karp drift nodepool/spot           one NodePool, a row per NodeClaim
  kubectl karp drift node/ip-10-0-1-137      why this node is (not) drifted
  kubectl karp drift --ami-preview 1.36      what a control plane upgrade would do
  kubectl karp drift --from cluster.yaml     no cluster needed";

/// What is drifted, by which field, and when it will roll
#[derive(Debug, Parser)]
#[command(
    name = "drift",
    version,
    before_help = EXAMPLES,
    after_help = "Exit: 0 none drifted, 1 some drifted, 2 usage, 3 unreachable, 4 not found"
)]
pub struct Cli {
    /// node/X, nodepool/X or nodeclaim/X
    #[arg(
        value_name = "KIND/NAME",
        add = Names::behind_kind(&[Object::Node, Object::NodePool, Object::NodeClaim])
    )]
    pub target: Option<String>,

    /// Also tell what drifts if the control plane were this version
    #[arg(long, value_name = "1.36")]
    pub ami_preview: Option<String>,

    /// Older snapshot with an EC2NodeClass as it was before: tells every field that changed
    #[arg(long, value_name = "FILE", add = Names::files())]
    pub against: Vec<String>,

    /// Do not shorten lists
    #[arg(long)]
    pub all: bool,

    /// AWS profile
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// AWS endpoint to use instead of the public ones
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub endpoint_url: Option<String>,

    /// What to read
    #[command(flatten)]
    pub source: SourceFlags,

    /// Instance types and prices
    #[command(flatten)]
    pub catalog: CatalogFlags,

    /// How to print
    #[command(flatten)]
    pub output: OutputFlags,

    /// In which order
    #[command(flatten)]
    pub sort: SortFlags,

    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterFlags,
}
