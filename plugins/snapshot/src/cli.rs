//! Flags.

use clap::Parser;
use karp_common::cli::{ClusterFlags, OutputFlags, SourceFlags};
use karp_common::complete::{Names, Object};

/// Save what the commands read, to replay with --from
///
///   kubectl karp snapshot shop.json.zst
///   kubectl karp snapshot shop.json.zst --anonymize     to show to others
///   kubectl karp snapshot small.json --from dump.yaml   a dump in a twentieth of its size
///   kubectl karp explain --from shop.json.zst
///
/// Secrets, ConfigMap data, environment values and last-applied annotations are never written.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    disable_version_flag = true,
    after_help = "Exit: 0 written, 2 cannot be written, 3 unreachable"
)]
pub(crate) struct Cli {
    /// File to write: .zst and .gz are packed, - is stdout
    #[arg(value_name = "FILE")]
    pub(crate) file: String,

    /// Replace names, keeping every answer the same
    #[arg(long)]
    pub(crate) anonymize: bool,

    #[command(flatten)]
    pub(crate) source: SourceFlags,

    /// Where to read what may not be read in all namespaces
    #[arg(
        short,
        long,
        value_name = "NAME",
        help_heading = "As kubectl",
        add = Names::bare(&[Object::Namespace])
    )]
    pub(crate) namespace: Option<String>,

    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,

    #[command(flatten)]
    pub(crate) output: OutputFlags,
}
