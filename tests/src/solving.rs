//! The one place that calls the simulator, for vectors and the benchmark alike.

use karp_core::model::Snapshot;
use karp_core::provider::CloudProvider;
use karp_core::sim;

/// Runs one scheduling loop.
///
/// # Errors
/// What is missing here to do so.
pub fn solve(_snapshot: &Snapshot, _provider: &dyn CloudProvider) -> Result<sim::Solution, String> {
    Err("the scheduler".to_owned())
}
