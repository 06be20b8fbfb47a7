//! The verb as a user sees it: arguments in, stdout, stderr and exit code out.

use std::ffi::OsString;

use jiff::Timestamp;
use karp_common::term::{Out, Style};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/two-node-pools.yaml");

/// stdout, stderr and exit code at 80 columns, half past one on a Wednesday.
fn run(words: &[&str]) -> String {
    let (mut out, captured) = Out::captured(Style::plain(80), Timestamp::UNIX_EPOCH);
    let source = ["--from", FIXTURE, "--at", "2026-11-25T13:20:00Z"];
    let words = words.iter().chain(&source).map(OsString::from).collect();
    let code = karp_common::cli::run(words, &mut out, crate::run);
    let stderr = captured.stderr();
    let stderr = if stderr.is_empty() { String::new() } else { format!("--- stderr\n{stderr}") };
    format!("{}{stderr}--- exit {}", captured.stdout(), u8::from(code))
}

#[test]
fn two_node_pools() {
    insta::assert_snapshot!(run(&[]), @"");
}

#[test]
fn one_node() {
    insta::assert_snapshot!(run(&["node/ip-10-0-2-2"]), @"");
}

#[test]
fn names_for_xargs() {
    insta::assert_snapshot!(run(&["-o", "name"]), @"");
}

#[test]
fn what_is_not_there() {
    insta::assert_snapshot!(run(&["nodepool/sport"]), @"");
    insta::assert_snapshot!(run(&["pod/x"]), @"");
    insta::assert_snapshot!(run(&["--ami-preview", "next"]), @"");
}

#[test]
fn a_control_plane_upgrade_without_ssm() {
    insta::assert_snapshot!(run(&["nodepool/on-demand", "--ami-preview", "1.34"]), @"");
}

#[test]
fn json_carries_what_the_screen_says() {
    let text = run(&["nodeclaim/spot-b2", "-o", "json"]);
    let json = text.split("--- ").next().unwrap_or_default();
    insta::assert_snapshot!(json, @"");
}
