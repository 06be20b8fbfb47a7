//! The live cluster: the only code that names kube.
//!
//! Configuration as kubectl has it ([`ClusterOptions`]), exec plugins run once, bounded retries, concurrent paged lists
//! that are decoded page by page into the trimmed model. A kind that may not be read becomes a gap; only a cluster
//! that does not answer at all, or lets nothing be read, is an error. [`Writer`] is the only thing that changes
//! anything; nothing here knows what the objects are for.

mod connection;
mod exec;
mod failure;
mod list;
mod names;
mod request;
#[cfg(test)]
mod tests;
mod watch;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use karp_core::report::{Error, ErrorKind};

pub use connection::current_namespace;
pub(crate) use names::{kubeconfig_names, names};
pub use watch::Mark;
pub use write::{Reply, Request, Writer, ask};

use crate::decode::{ControllerDeployment, Counts, Decoded};

/// Which cluster, and as whom; kubectl's flags.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClusterOptions {
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--as`.
    pub as_user: Option<String>,
    /// `--as-group`.
    pub as_groups: Vec<String>,
    /// `--request-timeout`: time for one request; inner none = no limit.
    pub request_timeout: Option<Option<Duration>>,
    /// `-n`: where to read when not all namespaces may be read; none = the context's.
    pub namespace: Option<String>,
}

/// What a cluster says.
#[derive(Debug)]
pub struct Live {
    /// Its objects and gaps.
    pub decoded: Decoded,
    /// The server's clock at the last answer.
    pub taken_at: Option<Timestamp>,
    /// `v1.36.3`.
    pub server_version: Option<String>,
}

/// Reads everything that rules look at. `progress` hears of every object.
///
/// # Errors
/// The cluster cannot be reached, or nothing of it may be read.
pub fn read(options: &ClusterOptions, progress: &mut dyn FnMut(&Counts)) -> Result<Live, Error> {
    block_on(async {
        let connection = connection::Connection::open(options).await?;
        list::read_all(&connection, progress).await
    })
}

/// Deployments that look like Karpenter's controller, best match first; nothing else is read.
///
/// # Errors
/// The cluster cannot be reached, or Deployments may not be read.
pub fn controllers(options: &ClusterOptions) -> Result<Vec<ControllerDeployment>, Error> {
    block_on(async {
        let connection = connection::Connection::open(options).await?;
        list::controllers(&connection).await
    })
}

/// Where the cluster is now: what comes later is a change.
///
/// # Errors
/// The cluster cannot be reached.
pub fn mark(options: &ClusterOptions) -> Result<Mark, Error> {
    block_on(async {
        let connection = connection::Connection::open(options).await?;
        watch::mark(&connection).await
    })
}

/// Waits until something that a schedule depends on has changed since the mark. Ends by itself after `longest`, since
/// not every change is seen. `settle`: how long the rest of a burst of changes is awaited.
///
/// # Errors
/// The cluster cannot be reached; Ctrl-C.
pub fn wait_for_change(
    options: &ClusterOptions,
    mark: &Mark,
    longest: Duration,
    settle: Duration,
) -> Result<(), Error> {
    block_on(async {
        let connection = connection::Connection::open(options).await?;
        watch::any_change(&connection, mark, longest, settle).await
    })
}

/// Waits, or ends with Ctrl-C.
///
/// # Errors
/// Ctrl-C.
pub fn pause(time: Duration) -> Result<(), Error> {
    block_on(async {
        tokio::time::sleep(time).await;
        Ok(())
    })
}

/// Runs a future to its end, or to Ctrl-C.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::unreachable("cannot start reading the cluster").cause(error))?;
    runtime.block_on(async {
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Err(Error::new(ErrorKind::HalfWay, "interrupted while reading the cluster")),
        }
    })
}
