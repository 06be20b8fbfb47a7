//! The command `solve-bench`: how fast the simulator is, on recorded inputs and on generated clusters.
//!
//! ```text
//! recorded files ─┐
//! generated       ┴─► Scenario ─► measure ─► a line: pods/s, milliseconds, peak memory, growth
//! generated cluster ─► dump (.json.zst) ─► `kubectl karp explain --from` is timed from outside
//! ```
//!
//! Scheduling alone is timed, from pods to NodeClaims, as Karpenter's own benchmark does: reading, decoding and
//! instance types come before the clock starts. Figures and how to get them: `tests/bench/README.md`.

mod cluster;
mod command;
mod diverse;
mod dump;
mod measure;
mod memory;
mod objects;
mod pools;
mod scenario;

pub use command::{Options, main};
pub use measure::{Measured, measure};
pub use scenario::{Generated, Scenario};
