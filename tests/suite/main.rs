//! Everything of karp-tests that needs no server, in one executable: one module per subject.

mod anonymize;
mod cases;
#[cfg(test)]
mod conformance;
mod drains;
#[cfg(test)]
mod properties;
mod schemas;
mod tidy;
mod vectors;

use std::path::PathBuf;

/// A file or folder of this package.
fn in_package(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
