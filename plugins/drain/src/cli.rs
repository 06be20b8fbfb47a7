//! Flags of `drain`: kubectl's, with kubectl's names, meanings and defaults, and ours.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use karp_common::cli::{CatalogFlags, ClusterFlags, OutputFlags, SourceFlags};
use karp_common::complete::{Names, Object};
use karp_core::drain::DrainOptions;
use karp_core::model::parse_selector;
use karp_core::report::Error;

const EXAMPLES: &str = "\
  kubectl karp drain ip-10-0-1-137.ec2.internal --ignore-daemonsets
  kubectl karp drain nodepool/spot --max-unavailable 2 --ignore-daemonsets
  kubectl karp drain NODE --surge --delete-nodeclaim        room first
  kubectl karp drain NODE --dry-run=client -o yaml > plan.yaml
  kubectl karp drain --plan plan.yaml                       apply that plan
  kubectl karp drain NODE --abort                           undo what is safe";

/// `--dry-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DryRun {
    /// Do it.
    #[default]
    None,
    /// Only print the plan.
    Client,
    /// Send everything for the server to check, change nothing.
    Server,
}

/// Empty nodes without breaking a PodDisruptionBudget. Shows a plan, then asks
#[derive(Debug, Parser)]
#[command(
    name = "drain",
    version,
    before_help = EXAMPLES,
    after_help = "Ctrl-C once: finish the step and stop. Twice: stop now. Run again to go on.\n\
                  Exit: 0 drained, 1 refused (nothing touched), 3 unreachable or not allowed,\n\
                  5 stopped half-way"
)]
pub struct Cli {
    /// NODE or nodepool/NAME
    #[arg(value_name = "NODE", add = Names::bare(&[Object::Node]).and(&[Object::NodePool]))]
    pub targets: Vec<String>,
    /// Labels to select nodes by
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,

    /// Leave DaemonSet pods where they are
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, action = clap::ArgAction::Set)]
    pub ignore_daemonsets: bool,
    /// Go on although emptyDir data is lost
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, action = clap::ArgAction::Set)]
    pub delete_emptydir_data: bool,
    /// Go on although some pods have no controller: they are gone for good
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, action = clap::ArgAction::Set)]
    pub force: bool,
    /// Delete instead of evict: breaks PodDisruptionBudgets, asks for the node's name
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, action = clap::ArgAction::Set)]
    pub disable_eviction: bool,
    /// Seconds each pod gets to stop; negative = its own
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    pub grace_period: i64,
    /// Longest drain of one node; 0 = no limit
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    pub timeout: SignedDuration,
    /// Do not wait for pods that terminate for longer than this; 0 = wait for all
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub skip_wait_for_delete_timeout: i64,
    /// Labels to select pods by
    #[arg(long, value_name = "LABELS")]
    pub pod_selector: Option<String>,
    /// Objects per page of a list; 0 = all at once
    #[arg(long, value_name = "N", default_value_t = 500, hide_short_help = true)]
    pub chunk_size: u32,
    /// none, client or server
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    pub dry_run: DryRun,

    /// Have room Ready before the first eviction
    #[arg(long, help_heading = "More")]
    pub surge: bool,
    /// Image of the pods that hold room
    #[arg(
        long,
        env = "KARP_SURGE_IMAGE",
        help_heading = "More",
        value_name = "IMAGE",
        default_value = "registry.k8s.io/pause:3.10",
        hide_short_help = true
    )]
    pub surge_image: String,
    /// End by deleting the NodeClaim (else: stays cordoned)
    #[arg(long, help_heading = "More")]
    pub delete_nodeclaim: bool,
    /// Nodes at a time, number or percent
    #[arg(long, help_heading = "More", value_name = "N", default_value = "1")]
    pub max_unavailable: String,
    /// Wait for replacements to be Ready; 0 = do not
    #[arg(long, help_heading = "More", value_name = "TIME", default_value = "5m", value_parser = time)]
    pub wait_ready: SignedDuration,
    /// Evict pods that say karpenter.sh/do-not-disrupt
    #[arg(long, help_heading = "More")]
    pub override_do_not_disrupt: bool,
    /// Go on although pods will have no place
    #[arg(long, help_heading = "More")]
    pub allow_pending: bool,
    /// Do not ask
    #[arg(short = 'y', long, help_heading = "More")]
    pub yes: bool,
    /// Apply a saved plan
    #[arg(long, help_heading = "More", value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Uncordon what an unfinished drain cordoned
    #[arg(long, help_heading = "More")]
    pub abort: bool,
    /// Do not shorten lists
    #[arg(long, help_heading = "More")]
    pub all: bool,

    /// What to read
    #[command(flatten)]
    pub source: SourceFlags,
    /// Instance types and prices
    #[command(flatten)]
    pub catalog: CatalogFlags,
    /// How to print
    #[command(flatten)]
    pub output: OutputFlags,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// Go durations and bare seconds.
fn time(text: &str) -> Result<SignedDuration, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(SignedDuration::from_secs(seconds));
    }
    text.parse().map_err(|_| format!("{text:?} is no time (examples: 30s, 5m, 0)"))
}

impl Cli {
    /// What may be done, for so many nodes.
    ///
    /// # Errors
    /// A pod selector or a share of nodes that cannot be read.
    pub fn options(&self, node_count: usize) -> Result<DrainOptions, Error> {
        let pod_selector = self.pod_selector.as_deref().map(parse_selector).transpose().map_err(|cause| {
            Error::usage("--pod-selector=<pod_selector> must be a valid label selector").cause(cause)
        })?;
        Ok(DrainOptions {
            ignore_daemonsets: self.ignore_daemonsets,
            delete_emptydir_data: self.delete_emptydir_data,
            force: self.force,
            disable_eviction: self.disable_eviction,
            grace_seconds: (self.grace_period >= 0).then_some(self.grace_period),
            pod_selector,
            skip_wait_for_delete_seconds: self.skip_wait_for_delete_timeout,
            override_do_not_disrupt: self.override_do_not_disrupt,
            allow_pending: self.allow_pending,
            surge: self.surge,
            delete_nodeclaim: self.delete_nodeclaim,
            max_unavailable: at_a_time(&self.max_unavailable, node_count)?,
            timeout_seconds: self.timeout.as_secs().max(0),
            wait_ready_seconds: self.wait_ready.as_secs().max(0),
        })
    }
}

/// A share of nodes rounds up, and is at least one.
fn at_a_time(text: &str, node_count: usize) -> Result<usize, Error> {
    let wrong = || {
        Error::usage(format!("--max-unavailable {text:?} is neither a number nor a percentage"))
            .hint("--max-unavailable 2, or --max-unavailable 10%")
    };
    let number = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: usize = percent.parse().map_err(|_| wrong())?;
            (percent.min(100) * node_count).div_ceil(100)
        }
        None => text.parse().map_err(|_| wrong())?,
    };
    if number == 0 && text.trim_end_matches('%') == "0" {
        return Err(Error::usage("--max-unavailable 0 would drain nothing").hint("--max-unavailable 1"));
    }
    Ok(number.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_up() {
        for (text, nodes, expected) in
            [("1", 9, Some(1)), ("10%", 29, Some(3)), ("1%", 3, Some(1)), ("0", 3, None), ("x", 3, None)]
        {
            assert_eq!(at_a_time(text, nodes).ok(), expected, "{text} of {nodes}");
        }
    }

    #[test]
    fn flags_read_as_kubectl_reads_them() {
        let cli = Cli::parse_from(["drain", "n", "--ignore-daemonsets", "--force=true", "--grace-period=-1"]);
        assert_eq!((cli.ignore_daemonsets, cli.force, cli.grace_period), (true, true, -1));
        assert_eq!(cli.targets, ["n"]);
        let cli = Cli::parse_from(["drain", "n", "--dry-run", "--timeout=90"]);
        assert_eq!((cli.dry_run, cli.timeout.as_secs()), (DryRun::Client, 90));
    }
}
