//! Reading for a verb: sources in, snapshot out; warnings and progress on stderr.

use std::time::{Duration, Instant};

use karp_core::model::{Objects, Snapshot};
use karp_core::report::Error;

use super::{SnapshotOptions, assemble};
use crate::decode::{Counts, Decoded, Decoder};
use crate::term::Out;

/// How long reading may take before it says so.
const QUIET: Duration = Duration::from_secs(1);

/// Shortest time between two progress lines.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What to read, as the user named it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Input {
    /// `--from`: files, folders, `-` or `example:NAME`.
    pub from: Vec<String>,
    /// What else is said about the snapshot.
    pub options: SnapshotOptions,
}

/// Reads a snapshot from files. Warnings go to stderr.
///
/// # Errors
/// Unreadable or malformed input.
pub fn read(input: &Input, out: &mut Out<'_>) -> Result<Snapshot, Error> {
    let decoded = decode(&input.from, out)?;
    let (snapshot, warnings) = assemble(decoded, &input.options, out.now());
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
    let started = Instant::now();
    let mut shown = started;
    let mut progress = |counts: &Counts| {
        let now = Instant::now();
        if now.duration_since(started) > QUIET && now.duration_since(shown) > PROGRESS_EVERY {
            shown = now;
            out.progress(&progress_line(counts, now.duration_since(started)));
        }
    };
    let mut decoder = Decoder::new(&mut progress);
    let result = names.iter().try_for_each(|name| decoder.read(name));
    let decoded = decoder.finish();
    out.progress_done();
    result.map(|()| decoded)
}

/// `reading pods 12500, nodes 1000, 3s`.
fn progress_line(counts: &Counts, elapsed: Duration) -> String {
    format!("reading pods {}, nodes {}, {}s", counts.pods, counts.nodes, elapsed.as_secs())
}
