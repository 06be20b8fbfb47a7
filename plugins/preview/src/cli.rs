//! Flags of `preview`.

use clap::{Parser, ValueEnum};
use karp_common::cli::{CatalogFlags, ClusterFlags, ScopeFlags, SelectorFlags, SourceFlags};
use karp_common::complete::{Names, Object};
use karp_common::term::ColorChoice;

const EXAMPLES: &str = "\
  kubectl karp preview                              nodes for all pending pods
  kubectl karp preview -f app.yaml                  before you apply
  helm template shop . | kubectl karp preview -f -  what a chart would need
  kubectl karp preview --scale deploy/web=20 -n shop
  kubectl karp preview --diff -f nodepool.yaml      what an edit would do
  kubectl karp preview --diff -f nodepool.yaml -o markdown --fail-on blocked";

/// The nodes Karpenter would launch, or what an edit would do
#[derive(Debug, Parser)]
#[command(
    name = "preview",
    version,
    before_help = EXAMPLES,
    after_help = "Exit: 0 all placed (--diff: no effect), 1 not, 2 usage, 3 unreachable, 4 not found"
)]
pub(crate) struct Cli {
    /// Simulate with a workload at N replicas, as kubectl scale
    #[arg(
        long,
        value_name = "KIND/NAME=N",
        add = Names::behind_kind(&[Object::Deployment, Object::StatefulSet]).followed_by("=")
    )]
    pub(crate) scale: Vec<String>,

    /// NodePools, NodeClasses, NodeOverlays to replace or add for this run (- is stdin)
    #[arg(long, value_name = "FILE", add = Names::files())]
    pub(crate) nodepool: Vec<String>,

    /// Simulate without this node: its pods move
    #[arg(long, value_name = "node/X", add = Names::behind_kind(&[Object::Node]))]
    pub(crate) without: Vec<String>,

    /// What the NodePools and NodeClasses of -f would do to live nodes
    #[arg(long)]
    pub(crate) diff: bool,

    /// List every pod with its place
    #[arg(long)]
    pub(crate) pods: bool,

    /// Print the NodeClaims as the controller would create them
    #[arg(long)]
    pub(crate) nodeclaims: bool,

    /// Do not shorten lists
    #[arg(long)]
    pub(crate) all: bool,

    /// What counts as exit 1 [default: pending; --diff: any effect]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub(crate) fail_on: Vec<FailOn>,

    /// Format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,

    /// Leave out the headers of tables
    #[arg(long)]
    pub(crate) no_headers: bool,

    /// Print again when the answer changes
    #[arg(short, long)]
    pub(crate) watch: bool,

    /// When to colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,

    #[command(flatten)]
    pub(crate) source: SourceFlags,

    #[command(flatten)]
    pub(crate) scope: ScopeFlags,

    #[command(flatten)]
    pub(crate) selectors: SelectorFlags,

    #[command(flatten)]
    pub(crate) catalog: CatalogFlags,

    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
}

/// What `-o` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// For people, at the width of the terminal
    #[default]
    Table,
    /// The same with more columns
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// Only names of pods that stay pending, or of nodes that would drift
    Name,
    /// For a pull request
    Markdown,
}

/// What turns the exit code to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Pods that stay pending; with --diff those that become pending
    Pending,
    /// Nodes that would drift
    Drift,
    /// Nodes that would drift and can never roll
    Blocked,
    /// A higher price by the hour, or one that is not known
    Cost,
}
