//! Tests against real servers: one executable, one control plane for all of them.
#![expect(clippy::print_stderr, reason = "what a test measured goes beside its name")]

mod aws;
mod cluster;
mod drain;
mod krew;
mod listing;
mod one_executable;
mod patches;
mod proof;
mod reader;
mod runner;
mod smoke;
mod workshop;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use karp_cluster::Servers;
use karp_cluster::servers::{KarpenterServer, Krew};
use libtest_mimic::{Arguments, Trial};
use runner::{outcome, test};

fn main() -> ExitCode {
    runner::run(prepare, || ())
}

/// Builds what is missing; the tests.
fn prepare(arguments: &Arguments) -> anyhow::Result<Vec<Trial>> {
    // Answers that were recorded before, compared without any server.
    if let Some(folder) = std::env::var_os("KARP_REPLAY") {
        return replays(Path::new(&folder));
    }
    if !arguments.list {
        Servers::build_or_reuse()?;
        KarpenterServer::kwok()?;
        KarpenterServer::aws()?;
        Krew::build_or_reuse()?;
    }
    // What Karpenter does with each scenario, written down for comparison: a command, not a test.
    if std::env::var_os("KARP_RECORD").is_some() {
        return recordings();
    }
    let mut trials = tests();
    trials.extend(proofs()?);
    // Last, because thousands of pods take minutes to go.
    trials.push(test("listing::pods_beside_kubectl", listing::pods_beside_kubectl));
    Ok(trials)
}

/// Karpenter and `preview` on the same cluster: a part of the scenarios, or with `KARP_PROOF=all` all of them.
fn proofs() -> anyhow::Result<Vec<Trial>> {
    let is_all = std::env::var("KARP_PROOF").is_ok_and(|which| which == "all");
    let scenarios = proof::all()?.into_iter();
    let chosen = scenarios.filter(|scenario| is_all || proof::PART.contains(&scenario.name.as_str()));
    let one = |scenario: proof::Scenario| {
        Trial::test(format!("proof::{}", scenario.name), move || {
            outcome(play(&scenario).and_then(|folder| proof::prove(&folder)))
        })
    };
    Ok(chosen.map(one).collect())
}

/// Has Karpenter play a scenario, again where a slow machine made it part the batch; the evidence folder.
fn play(scenario: &proof::Scenario) -> anyhow::Result<PathBuf> {
    const PLAYS: usize = 3;
    let mut folder = PathBuf::new();
    for _ in 0..PLAYS {
        let mut is_parted = false;
        cluster::with_karpenter(&scenario.environment, |plane, karpenter| {
            let played = proof::record(plane, karpenter, scenario)?;
            (folder, is_parted) = (played.folder, played.is_parted);
            Ok(())
        })?;
        if !is_parted {
            break;
        }
        eprintln!("{}: Karpenter parted the batch", scenario.name);
    }
    Ok(folder)
}

fn replays(folder: &Path) -> anyhow::Result<Vec<Trial>> {
    let one = |folder: PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(format!("replay::{name}"), move || outcome(proof::prove(&folder)))
    };
    Ok(proof::recorded(folder)?.into_iter().map(one).collect())
}

fn tests() -> Vec<Trial> {
    let before = [
        test("smoke::the_scheduler_marks_pods_unschedulable", smoke::the_scheduler_marks_pods_unschedulable),
        test("smoke::a_user_without_rights_is_forbidden", smoke::a_user_without_rights_is_forbidden),
        test("smoke::karpenter_launches_what_pods_need", smoke::karpenter_launches_what_pods_need),
        test("smoke::preview_takes_what_kubectl_prints", smoke::preview_takes_what_kubectl_prints),
        test("reader::live_and_dump_are_the_same", reader::live_and_dump_are_the_same),
        test("reader::a_forbidden_kind_is_a_gap", reader::a_forbidden_kind_is_a_gap),
        test("reader::one_namespace_may_be_enough", reader::one_namespace_may_be_enough),
        test("reader::failures_name_the_next_command", reader::failures_name_the_next_command),
        test("reader::a_faulty_server_is_read_all_the_same", reader::a_faulty_server_is_read_all_the_same),
        test("workshop::live_and_dumps_are_explained_alike", workshop::live_and_dumps_are_explained_alike),
        test("workshop::a_change_is_explained_again", workshop::a_change_is_explained_again),
        test("krew::real_krew_installs_and_leaves_nothing", krew::real_krew_installs_and_leaves_nothing),
        test(
            "patches::every_printed_change_applies_and_does_what_was_proven",
            patches::every_printed_change_applies_and_does_what_was_proven,
        ),
        test(
            "one_executable::every_verb_answers_through_one_link",
            one_executable::every_verb_answers_through_one_link,
        ),
        test(
            "one_executable::anonymous_snapshots_explain_the_same",
            one_executable::anonymous_snapshots_explain_the_same,
        ),
    ];
    let drains = drain::TESTS.iter().map(|(name, body)| test(name, *body));
    let aws = test(
        "aws::the_aws_provider_launches_from_an_ec2_node_class",
        aws::the_aws_provider_launches_from_an_ec2_node_class,
    );
    before.into_iter().chain(drains).chain([aws]).collect()
}

fn recordings() -> anyhow::Result<Vec<Trial>> {
    let scenarios = proof::all()?;
    let recording = |scenario: proof::Scenario| {
        Trial::test(format!("record::{}", scenario.name), move || outcome(play(&scenario).map(|_| ())))
    };
    Ok(scenarios.into_iter().map(recording).collect())
}
