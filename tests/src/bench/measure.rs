//! One scenario, timed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use karp_core::sim::{Outcome, Solution};

use super::memory;
use super::scenario::Scenario;
use crate::solving::solve;

/// One measured scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Pods that were to be scheduled.
    pub pod_count: usize,
    /// NodeClaims that were opened.
    pub node_claim_count: usize,
    /// Pods without a place.
    pub unplaced_count: usize,
    /// Median of the runs.
    pub median: Duration,
    /// Most memory held while it ran, the input included; none where the system does not tell.
    pub peak_bytes: Option<u64>,
}

/// Measures a scenario: the median of so many runs.
///
/// # Errors
/// When something the simulator needs is missing.
pub fn measure(scenario: &Scenario, runs: u32) -> Result<Measured> {
    let mut times = Vec::new();
    let mut last: Option<Solution> = None;
    memory::forget_peak();
    for _ in 0..runs {
        // Freed outside the clock, as the benchmark of the controller does not time its garbage collector.
        drop(last.take());
        let start = Instant::now();
        let solution = solve(&scenario.snapshot, &*scenario.provider)
            .map_err(|missing| anyhow!("missing: {missing}"))?;
        times.push(start.elapsed());
        last = Some(solution);
    }
    let solution = last.context("no run was asked for")?;
    times.sort();
    let is_placed = |outcome: &Outcome| matches!(outcome, Outcome::New { .. } | Outcome::Existing { .. });
    Ok(Measured {
        name: scenario.name.clone(),
        pod_count: solution.pods.len(),
        node_claim_count: solution.node_claims.len(),
        unplaced_count: solution.pods.iter().filter(|pod| !is_placed(&pod.outcome)).count(),
        median: times[times.len() / 2],
        peak_bytes: memory::peak_bytes(),
    })
}

impl Measured {
    /// Pods per second.
    pub fn rate(&self) -> f64 {
        self.pod_count as f64 / self.median.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}
