//! What flows out: reports, findings, plans, and errors with their exit codes.

mod error;

pub use error::{Error, ErrorKind, ExitCode};
