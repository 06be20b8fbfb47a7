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

/// The groups of a folder agree in full: what is not modelled counts as little as what disagrees.
fn check_groups(folder: &str, groups: &[(&str, usize)]) -> Result<()> {
    let mut score = Score::default();
    let mut disagreeing = Vec::new();
    for run in run(&Options::all([in_package(folder)]))? {
        score.add(&run.group, &run.verdict);
        if let Verdict::Disagree(differences) = &run.verdict {
            let shown: Vec<String> = differences.iter().take(3).map(ToString::to_string).collect();
            disagreeing.push(format!("{} [{}]: {}", run.key.name, run.key.rules, shown.join("; ")));
        }
    }
    let list = disagreeing.join("\n");
    for (group, scenarios) in groups {
        let count = score.groups.get(*group).copied().unwrap_or_default();
        assert_eq!((count.agree, count.total()), (*scenarios, *scenarios), "{group}\n{list}\n{score}");
    }
    assert_eq!(score.total.disagree, 0, "{list}\n{score}");
    Ok(())
}

#[test]
fn scheduling_answers_are_those_of_the_controller() -> Result<()> {
    check("vectors/scheduling", 652 + 41 + (652 + 41 + 35))
}

/// Drift and static drift in everything, budgets of all methods, conditions of NodeClaims; each by two rule sets.
/// Commands of consolidation are not modelled yet.
#[test]
fn disruption_answers_are_those_of_the_controller() -> Result<()> {
    check_groups("vectors/disruption", &[("DR", 20), ("SD", 12), ("BU", 14), ("CD", 30)])
}

/// Launches, drift and nodes of the AWS provider.
#[test]
fn aws_answers_are_those_of_the_controller() -> Result<()> {
    check_groups("vectors/aws", &[("AL", 28), ("AD", 19), ("nodes", 27)])
}

/// What `kubectl karp version` prints is what was counted here.
#[test]
fn the_printed_score_is_the_counted_one() -> Result<()> {
    let mut score = Score::default();
    for run in run(&Options::all([in_package("vectors/scheduling")]))? {
        score.add(&run.group, &run.verdict);
    }
    let printed: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(in_package("vectors/score.json"))?)?;
    let count = |name: &str| printed[name].as_u64().unwrap_or(u64::MAX) as usize;
    let counted = (score.total.agree, score.total.disagree, score.total.not_modelled);
    assert_eq!((count("agree"), count("disagree"), count("notModelled")), counted);
    Ok(())
}
