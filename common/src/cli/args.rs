//! Groups of flags.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use karp_core::report::Error;

use crate::cluster::{ClusterOptions, current_namespace};
use crate::complete::{FilesReader, Names, Object};
use crate::snapshot::{Input, SnapshotOptions, read};
use crate::term::{ColorChoice, Format, Out};

/// Which cluster, and as whom: kubectl's own flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "As kubectl")]
pub struct ClusterFlags {
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", add = Names::bare(&[Object::Context]))]
    pub context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true, add = Names::bare(&[Object::Cluster]))]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true, add = Names::bare(&[Object::User]))]
    pub user: Option<String>,
    /// Kubeconfig to use instead of $KUBECONFIG
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Groups to act as
    #[arg(long, global = true, value_name = "GROUP", hide_short_help = true)]
    pub as_group: Vec<String>,
    /// Time for one request: 10s, 1m; 0 = no limit
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_timeout)]
    pub request_timeout: Option<Timeout>,
}

impl ClusterFlags {
    /// Which cluster, and as whom. `namespace` is `-n`.
    pub fn options(&self, namespace: Option<&str>) -> ClusterOptions {
        ClusterOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            kubeconfig: self.kubeconfig.clone(),
            as_user: self.as_user.clone(),
            as_groups: self.as_group.clone(),
            request_timeout: self.request_timeout.map(|timeout| timeout.0),
            namespace: namespace.map(str::to_owned),
        }
    }
}

/// Time for one request; none inside = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(pub Option<std::time::Duration>);

/// kubectl reads a bare number as seconds.
fn parse_timeout(text: &str) -> Result<Timeout, String> {
    let wrong = || format!("{text:?} is no time (examples: 10s, 1m, 0)");
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Timeout((seconds > 0).then(|| std::time::Duration::from_secs(seconds))));
    }
    let length: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let length = std::time::Duration::try_from(length).map_err(|_| wrong())?;
    Ok(Timeout((!length.is_zero()).then_some(length)))
}

/// In which namespaces.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "As kubectl")]
pub struct ScopeFlags {
    /// Namespace
    #[arg(short, long, global = true, value_name = "NAME", add = Names::bare(&[Object::Namespace]))]
    pub namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, global = true)]
    pub all_namespaces: bool,
}

/// Where the snapshot comes from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Input")]
pub struct SourceFlags {
    /// Read a snapshot, dump or folder instead of the cluster (- is stdin)
    #[arg(long, global = true, value_name = "FILE", add = Names::files(), add = FilesReader(read))]
    pub from: Vec<String>,
    /// Add objects that are not applied (- is stdin)
    #[arg(short, long, global = true, value_name = "FILE", add = Names::files())]
    pub filename: Vec<String>,
    /// The moment of a dump that does not say it, RFC 3339
    #[arg(long, global = true, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// Karpenter's version to simulate, 1.15
    #[arg(long, global = true, value_name = "VERSION", value_parser = parse_version)]
    pub karpenter: Option<String>,
}

fn parse_version(text: &str) -> Result<String, String> {
    let fit = karp_core::model::VersionFit::of(Some(text));
    let plain = text.trim_start_matches('v');
    let is_version = plain.split('.').take(2).all(|part| part.parse::<u32>().is_ok()) && plain.contains('.');
    if is_version || fit.rules.name() == text {
        Ok(plain.to_owned())
    } else {
        Err(format!("{text:?} is no version (example: 1.15)"))
    }
}

impl SourceFlags {
    /// What to read. `namespace` is `-n`.
    pub fn input(&self, cluster: &ClusterFlags, namespace: Option<&str>) -> Input {
        let options = SnapshotOptions { at: self.at, karpenter: self.karpenter.clone() };
        Input { from: self.from.clone(), cluster: cluster.options(namespace), options }
    }

    /// The namespace of what is named without one: `-n`, else the context's; files have no context.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub fn namespace(&self, cluster: &ClusterFlags, namespace: Option<&str>) -> Result<String, Error> {
        if self.from.is_empty() {
            return current_namespace(&cluster.options(namespace));
        }
        Ok(namespace.unwrap_or("default").to_owned())
    }
}

/// Where instance types and prices come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Catalog")]
pub struct CatalogFlags {
    /// Instance types to use: our catalog, or the KWOK provider's instance_types.json
    #[arg(long, global = true, value_name = "FILE")]
    pub instance_types: Option<PathBuf>,
    /// Region whose instance types and prices to use [default: the cluster's]
    #[arg(long, global = true, value_name = "NAME")]
    pub region: Option<String>,
    /// Refresh the catalog first (runs kubectl-karp-catalog)
    #[arg(long, global = true)]
    pub live_prices: bool,
}

/// How the answer is printed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Format
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// Leave out the headers of tables
    #[arg(long, global = true)]
    pub no_headers: bool,
    /// Print again when the answer changes
    #[arg(short, long, global = true)]
    pub watch: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
}

impl OutputFlags {
    /// Makes the output obey.
    pub fn apply(&self, out: &mut Out<'_>) {
        out.choose_color(self.color);
    }

    /// For verbs whose answer does not change by itself.
    ///
    /// # Errors
    /// `--watch`.
    pub fn refuse_watch(&self) -> Result<(), Error> {
        if self.watch { Err(Error::usage("--watch: this is done once")) } else { Ok(()) }
    }
}

/// In which order; for verbs whose answer is a list.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct SortFlags {
    /// Column or field to sort by
    #[arg(long, value_name = "FIELD")]
    pub sort_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_as_kubectl() {
        let seconds = |text: &str| parse_timeout(text).map(|timeout| timeout.0.map(|time| time.as_secs()));
        assert_eq!(seconds("10s"), Ok(Some(10)));
        assert_eq!(seconds("1m30s"), Ok(Some(90)));
        assert_eq!(seconds("7"), Ok(Some(7)));
        assert_eq!(seconds("0"), Ok(None));
        assert!(seconds("soon").is_err());
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(parse_version("v1.15.1"), Ok("1.15.1".to_owned()));
        assert!(parse_version("latest").is_err());
    }
}
