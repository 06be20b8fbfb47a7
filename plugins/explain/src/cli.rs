//! Flags of `kubectl karp explain`.

use clap::Parser;
use karp_common::cli::{
    CatalogFlags, ClusterFlags, OutputFlags, ScopeFlags, SelectorFlags, SortFlags, SourceFlags,
};
use karp_common::complete::{Names, Object};

/// Why pods do or do not schedule, and the smallest change that alters it.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "kubectl karp explain",
    version,
    override_usage = "kubectl karp explain [KIND/NAME | NAME]... [flags]",
    after_help = "Examples:
  kubectl karp explain                         all pending pods, by cause
  kubectl karp explain deploy/web -n shop      one workload
  kubectl karp explain web-6c9d-x2k4p          one pod
  kubectl karp explain web-6c9d-x2k4p --funnel spot    one NodePool, each stage
  kubectl karp explain nodeclaim/spot-7xk2p    why these instance types
  kubectl karp explain --from example:workshop no cluster needed

Exit: 0 all will schedule, 1 some will not, 3 unreachable, 4 not found"
)]
pub(crate) struct Cli {
    /// Pods by name, or workloads by kind and name; none = all pending pods
    #[arg(
        value_name = "KIND/NAME | NAME",
        add = Names::bare(&[Object::Pod]).and(&[
            Object::Pod, Object::Deployment, Object::StatefulSet, Object::Job, Object::NodeClaim,
        ])
    )]
    pub(crate) objects: Vec<String>,
    /// Show each stage of this NodePool, with what it removed
    #[arg(long, value_name = "NODEPOOL", add = Names::bare(&[Object::NodePool]))]
    pub(crate) funnel: Option<String>,
    /// How many changes to look for; 0: none
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) changes: usize,
    /// Do not shorten lists
    #[arg(long)]
    pub(crate) all: bool,
    /// Also print the message word for word as Karpenter does
    #[arg(long)]
    pub(crate) event: bool,
    #[command(flatten)]
    pub(crate) source: SourceFlags,
    #[command(flatten)]
    pub(crate) catalog: CatalogFlags,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    #[command(flatten)]
    pub(crate) selectors: SelectorFlags,
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    #[command(flatten)]
    pub(crate) sort: SortFlags,
}
