//! Reading for a verb: sources in, snapshot out; warnings and progress on stderr.

use std::time::{Duration, Instant};

use karp_core::model::{Objects, Snapshot};
use karp_core::report::Error;

use super::{Origin, SnapshotOptions, assemble};
use crate::cluster::{self, ClusterOptions};
use crate::decode::{Counts, Decoded, Decoder};
use crate::term::Out;

/// How long reading may take before it says so.
const QUIET: Duration = Duration::from_secs(1);

/// Shortest time between two progress lines.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What to read, as the user named it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Input {
    /// `--from`: files, folders, `-` or `example:NAME`; none = the cluster.
    pub from: Vec<String>,
    /// Which cluster, and as whom.
    pub cluster: ClusterOptions,
    /// What else is said about the snapshot.
    pub options: SnapshotOptions,
}

/// Reads a snapshot from files, or from the cluster where no file is named. Warnings go to stderr.
///
/// # Errors
/// Unreadable or malformed input; a cluster that cannot be reached or lets nothing be read.
pub fn read(input: &Input, out: &mut Out<'_>) -> Result<Snapshot, Error> {
    let now = out.now();
    let (decoded, origin) = if input.from.is_empty() {
        let live = with_progress(out, |progress| cluster::read(&input.cluster, progress))?;
        let taken_at = live.taken_at.unwrap_or(now);
        (live.decoded, Origin::Server { taken_at, version: live.server_version })
    } else {
        (decode(&input.from, out)?, Origin::Files { now })
    };
    let (snapshot, warnings) = assemble(decoded, &input.options, origin);
    for warning in warnings {
        out.warn(&warning);
    }
    Ok(snapshot)
}

/// Reads objects that are not applied yet (`-f`).
///
/// # Errors
/// Unreadable or malformed input.
pub fn read_files(files: &[String], out: &mut Out<'_>) -> Result<Objects, Error> {
    let decoded = decode(files, out)?;
    if let Some(gap) = decoded.gaps.first() {
        return Err(Error::usage(gap.reason.clone())
            .hint("convert it first: karpenter-convert, or edit apiVersion and fields by hand"));
    }
    for warning in &decoded.warnings {
        out.warn(warning);
    }
    for field in &decoded.unknown_fields {
        out.warn(&format!("unknown field {field}"));
    }
    Ok(decoded.objects)
}

fn decode(names: &[String], out: &mut Out<'_>) -> Result<Decoded, Error> {
    with_progress(out, |progress| {
        let mut decoder = Decoder::new(progress);
        names.iter().try_for_each(|name| decoder.read(name))?;
        Ok(decoder.finish())
    })
}

/// Runs a reader and shows how far it is once that takes long.
fn with_progress<T>(
    out: &mut Out<'_>,
    work: impl FnOnce(&mut dyn FnMut(&Counts)) -> Result<T, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    let mut shown = started;
    let mut progress = |counts: &Counts| {
        // The clock is asked every now and then only: there may be a million objects.
        if !counts.all.is_multiple_of(64) {
            return;
        }
        let now = Instant::now();
        if now.duration_since(started) > QUIET && now.duration_since(shown) > PROGRESS_EVERY {
            shown = now;
            out.progress(&progress_line(counts, now.duration_since(started)));
        }
    };
    let result = work(&mut progress);
    out.progress_done();
    result
}

/// `reading pods 12500, nodes 1000, 3s`.
fn progress_line(counts: &Counts, elapsed: Duration) -> String {
    format!("reading pods {}, nodes {}, {}s", counts.pods, counts.nodes, elapsed.as_secs())
}
