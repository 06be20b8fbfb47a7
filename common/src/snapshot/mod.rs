//! From what was read to a [`Snapshot`]: its moment, the controller's settings, what is missing.
//!
//! [`read()`] is what verbs call. The parts it is made of take no input from outside: [`assemble`] gets objects, flags
//! and the clock as values.

mod gaps;
mod moment;
mod read;
#[cfg(test)]
mod tests;
mod write;

use base64::Engine;
use jiff::Timestamp;
use karp_core::model::{Snapshot, TakenAtSource, VersionFit};

use crate::decode::Decoded;

pub use moment::newest_timestamp;
pub use read::{Input, read, read_files};
pub use write::{Packing, write};

/// What the user says about a snapshot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SnapshotOptions {
    /// `--at`: the moment, where the input does not record it.
    pub at: Option<Timestamp>,
    /// `--karpenter`: the version to simulate.
    pub karpenter: Option<String>,
}

/// Where objects were read from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// Files. `now` stands for the moment only where nothing in them has a timestamp.
    Files {
        /// This machine's clock.
        now: Timestamp,
    },
    /// A live cluster.
    Server {
        /// Its clock.
        taken_at: Timestamp,
        /// Its version.
        version: Option<String>,
    },
}

/// A snapshot of what was read, and what the user should know about it.
pub fn assemble(decoded: Decoded, options: &SnapshotOptions, origin: Origin) -> (Snapshot, Vec<String>) {
    let mut warnings = decoded.warnings;
    let recorded = decoded.recorded.unwrap_or_default();
    let is_dump = recorded.taken_at.is_none() && matches!(origin, Origin::Files { .. });
    let mut not_used = |moment: Timestamp, says: &str| {
        if options.at.is_some_and(|given| given != moment) {
            warnings.push(format!("--at is not used: {says} {moment}"));
        }
    };
    let (taken_at, taken_at_source, server_version) = match (origin, recorded.taken_at, options.at) {
        (Origin::Server { taken_at, version }, ..) => {
            not_used(taken_at, "the cluster's clock says");
            (taken_at, TakenAtSource::Server, version)
        }
        (Origin::Files { .. }, Some(recorded_at), _) => {
            not_used(recorded_at, "the snapshot was taken at");
            (recorded_at, TakenAtSource::Recorded, recorded.server_version)
        }
        (Origin::Files { .. }, None, Some(given)) => (given, TakenAtSource::Given, None),
        (Origin::Files { now }, None, None) => {
            let newest = newest_timestamp(&decoded.objects).unwrap_or(now);
            (newest, TakenAtSource::NewestTimestamp, None)
        }
    };
    let mut controller = match (recorded.controller, decoded.controllers.first()) {
        (Some(settings), _) => settings,
        (None, Some(deployment)) => {
            let (settings, problems) = deployment.settings();
            warnings.extend(problems);
            settings
        }
        (None, None) => Default::default(),
    };
    if controller.cluster_ca_bundle.is_none() {
        controller.cluster_ca_bundle =
            decoded.cluster_ca.map(|pem| base64::engine::general_purpose::STANDARD.encode(pem));
    }
    if let Some(asked) = &options.karpenter {
        if let Some(runs) = controller.version.as_ref().filter(|runs| !same_version(runs, asked)) {
            warnings.push(format!("simulated as Karpenter {asked}; the cluster runs {runs}"));
        }
        controller.version = Some(asked.as_str().into());
    }
    let rules = VersionFit::of(controller.version.as_deref()).rules;
    let mut gaps = decoded.gaps;
    if is_dump {
        gaps::add(&decoded.objects, &decoded.known_empty, &decoded.sources, &mut gaps);
    }
    let snapshot = Snapshot {
        taken_at,
        taken_at_source,
        objects: decoded.objects,
        controller,
        rules,
        server_version,
        gaps,
        unknown_fields: decoded.unknown_fields,
    };
    (snapshot, warnings)
}

/// Whether a version that was asked for says the same as a full one: `1.15` and `1.15.0`.
fn same_version(runs: &str, asked: &str) -> bool {
    let asked = asked.trim_start_matches('v');
    runs == asked || runs.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))
}
