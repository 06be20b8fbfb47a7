//! Situations from real reports, and those we thought of ourselves: every answer right by the matching rules.

use anyhow::Result;
use karp_tests::cases::{Count, Options, Verdict, run};

use crate::in_package;

#[test]
fn answers_to_real_reports_are_right() -> Result<()> {
    answers_are_right("cases")
}

/// `next:` of what is no change of a spec, and neighbours of the real reports.
#[test]
fn answers_to_situations_of_our_own_are_right() -> Result<()> {
    answers_are_right("situations")
}

fn answers_are_right(folder: &str) -> Result<()> {
    let options = Options { paths: vec![in_package(folder)], only: Vec::new(), diff: true };
    let mut count = Count::default();
    let mut failing = Vec::new();
    for run in run(&options)? {
        count.add(&run.verdict);
        if let Verdict::Fail(failures) = &run.verdict {
            failing.push(format!("{}\n  {}", run.case.id, failures.join("\n  ")));
        }
    }
    assert_eq!(count.fail, 0, "{}\n{count}", failing.join("\n"));
    Ok(())
}
