//! Plugins that ask AWS, against an EC2 and SSM server on loopback and the real AWS controller beside it.
//!
//! Apart from `live`: these run `kubectl-karp-catalog` and `kubectl-karp-drift` as built with the AWS SDK, which a plain
//! build leaves out. One executable, one control plane, one test after the other, as there.
#![expect(clippy::print_stderr, reason = "what a test measured goes beside its name")]

mod account;
mod agreement;
mod causes;
mod claims;
#[path = "../live/cluster.rs"]
#[expect(dead_code, reason = "`live` uses all of it")]
mod cluster;
mod controller;
mod network;
mod policy;
mod pools;
mod roll;
#[path = "../live/runner.rs"]
mod runner;
mod stage;

use std::process::ExitCode;

use karp_cluster::Servers;
use karp_cluster::servers::KarpenterServer;
use libtest_mimic::{Arguments, Trial};
use runner::test;

fn main() -> ExitCode {
    runner::run(prepare, account::end)
}

/// Builds what is missing; the tests.
fn prepare(arguments: &Arguments) -> anyhow::Result<Vec<Trial>> {
    if !arguments.list {
        Servers::build_or_reuse()?;
        KarpenterServer::aws()?;
    }
    Ok(tests())
}

fn tests() -> Vec<Trial> {
    vec![
        test("network::drift_asks_ec2_and_ssm", network::drift_asks_ec2_and_ssm),
        test("network::a_newer_control_plane_is_previewed", network::a_newer_control_plane_is_previewed),
        test("network::lists_come_in_pages", network::lists_come_in_pages),
        test("network::throttled_calls_are_made_again", network::throttled_calls_are_made_again),
        test("network::refused_calls_name_the_action", network::refused_calls_name_the_action),
        test("network::credentials_that_are_not_taken", network::credentials_that_are_not_taken),
        test("network::nobody_answers", network::nobody_answers),
        test("network::another_account_is_noticed", network::another_account_is_noticed),
        test("policy::the_policy_is_enough_and_nothing_is_too_much", policy::is_enough_and_not_too_much),
        test("controller::launches_and_drifts_as_we_say", controller::launches_and_drifts_as_we_say),
    ]
}
