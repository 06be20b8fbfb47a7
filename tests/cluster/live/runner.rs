//! Runs the tests of one executable: what is missing is built first, one test follows the other, the servers end.
//!
//! Not libtest: its statics are never dropped, and the servers must end before the process does. The tests share one
//! cluster and Karpenter looks at all of it, so they run one after the other.

use std::process::ExitCode;

use anyhow::Result;
use karp_cluster::ControlPlane;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

use crate::cluster;

/// Runs what `prepare` yields. It builds what is missing, so that what this machine lacks is said once and in one line.
/// `end` ends what the tests share beside the control plane.
pub(crate) fn run(prepare: fn(&Arguments) -> Result<Vec<Trial>>, end: fn()) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let finished = prepare(&arguments).and_then(|trials| {
        let conclusion = libtest_mimic::run(&arguments, trials);
        end();
        ended(conclusion)
    });
    match finished {
        Ok(conclusion) => conclusion.exit_code(),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(101)
        }
    }
}

/// Ends the servers, and fails when one is left.
fn ended(conclusion: Conclusion) -> Result<Conclusion> {
    cluster::end(conclusion.has_failed())?;
    Ok(conclusion)
}

/// A test on the shared control plane.
pub(crate) fn test(name: &str, body: fn(&ControlPlane) -> Result<()>) -> Trial {
    Trial::test(name, move || outcome(cluster::with(body)))
}

/// A result as the runner wants it, with all its causes.
pub(crate) fn outcome(result: Result<()>) -> Result<(), Failed> {
    result.map_err(|error| Failed::from(format!("{error:#}")))
}
