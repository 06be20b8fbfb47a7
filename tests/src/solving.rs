//! The simulator as tests and measurements run it: provisioning, with nothing in the controller's memory.

use karp_core::model::Snapshot;
use karp_core::provider::CloudProvider;
use karp_core::sim;

/// One loop.
///
/// # Errors
/// What is missing of the simulator; nothing today.
pub fn solve(snapshot: &Snapshot, provider: &dyn CloudProvider) -> Result<sim::Solution, String> {
    Ok(sim::solve(snapshot, provider, &sim::SolveOptions::default()))
}
