//! What the runners and tests of `kubectl karp` share: recorded answers of the real controller (`vectors`),
//! and situations from real reports with their answers (`cases`).
//!
//! The runners in `src/bin` are thin: each parses its arguments, calls one function here and returns its exit
//! code. `cargo test` calls the same functions over the copies in this folder.

pub mod bench;
pub mod cases;
pub mod changes_bench;
pub mod schema;
pub mod solving;
pub mod vectors;
