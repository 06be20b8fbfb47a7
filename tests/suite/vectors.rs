//! The recorded answers of the real controller, all of them.

use anyhow::Result;
use karp_tests::vectors::{Options, Score, Verdict, run};

use crate::in_package;

fn check(folder: &str, scenarios: usize) -> Result<()> {
    let mut score = Score::default();
    let mut disagreeing = Vec::new();
    for run in run(&Options::all([in_package(folder)]))? {
        score.add(&run.group, &run.verdict);
        if let Verdict::Disagree(differences) = &run.verdict {
            disagreeing.push(format!(
                "{} [{}]: {} differences",
                run.key.name,
                run.key.rules,
                differences.len()
            ));
        }
    }
    let list = disagreeing.join("\n");
    assert_eq!((score.total.disagree, score.total.total()), (0, scenarios), "{folder}\n{list}\n{score}");
    Ok(())
}

#[test]
fn scheduling_answers_are_those_of_the_controller() -> Result<()> {
    check("vectors/scheduling", 652 + 41 + (652 + 41 + 35))
}
