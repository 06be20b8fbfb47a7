//! Screens of `drain`, as people see them.

use std::ffi::OsString;

use jiff::Timestamp;
use karp_common::cli;
use karp_common::term::{Out, Style};
use karp_core::report::ExitCode;

const EVERY_REFUSAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/every-refusal.json");

fn check(words: &[&str]) -> (ExitCode, String, String) {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let (mut out, captured) = Out::captured(Style::plain(80), now);
    let fixed = ["--from", EVERY_REFUSAL, "--at", "2026-11-20T12:00:00Z"];
    let words = words.iter().chain(&fixed).map(OsString::from).collect();
    let code = cli::run(words, &mut out, crate::run);
    (code, captured.stdout(), captured.stderr())
}

#[test]
fn every_refusal_is_named_with_what_lifts_it() {
    let (code, stdout, stderr) = check(&["ip-10-0-1-137.ec2.internal", "--ignore-daemonsets"]);
    assert_eq!((code, stderr.as_str()), (ExitCode::Findings, ""));
    assert!(stdout.starts_with("node/ip-10-0-1-137.ec2.internal cannot be drained: "), "{stdout}");
    for line in [
        "Nothing was changed.",
        "do-not-disrupt to 14:30 UTC",
        "no controller (--force)",
        "2 PDBs: all-shop, orders",
        "kubectl delete pdb orders -n shop",
        "add --delete-emptydir-data",
        "kubectl scale deploy/ledger -n shop --replicas=3",
        "  or kubectl delete pdb ledger -n shop",
    ] {
        assert!(stdout.contains(line), "{line} is missing in\n{stdout}");
    }
    assert!(stdout.lines().all(|line| line.len() <= 80), "{stdout}");
}

#[test]
fn a_selected_workload_can_go() {
    let (code, stdout, stderr) = check(&["ip-10-0-1-137.ec2.internal", "--pod-selector", "app=web"]);
    assert_eq!((code, stderr.as_str()), (ExitCode::Done, ""));
    assert!(
        stdout.starts_with("node/ip-10-0-1-137.ec2.internal can be drained: 4 of 14 pods go, "),
        "{stdout}"
    );
}

#[test]
fn deletion_past_a_pdb_is_told_per_pod() {
    let words = ["ip-10-0-1-137.ec2.internal", "--pod-selector", "app=web", "--disable-eviction"];
    let (code, stdout, _) = check(&words);
    assert_eq!(code, ExitCode::Done);
    assert!(stdout.contains("deleted past pdb/web"), "{stdout}");
}

#[test]
fn an_unknown_node_is_four() {
    let (code, stdout, stderr) = check(&["ip-10-0-1-137"]);
    assert_eq!((code, stdout.as_str()), (ExitCode::NotFound, ""));
    insta::assert_snapshot!(stderr, @r#"
    error: nodes "ip-10-0-1-137" not found
    hint: did you mean node/ip-10-0-1-137.ec2.internal?
    "#);
}

#[test]
fn documents_carry_codes_causes_and_predictions() {
    let (code, stdout, _) = check(&["ip-10-0-1-137.ec2.internal", "--ignore-daemonsets", "-o", "json"]);
    assert_eq!(code, ExitCode::Findings);
    let plan: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&plan["kind"], &plan["verdict"]), (&"DrainPlan".into(), &"refused".into()));
    let pods = plan["nodes"][0]["pods"].as_array().unwrap();
    let row = |name: &str| {
        let pod = pods.iter().find(|pod| pod["name"] == name).unwrap();
        (
            pod["action"].as_str().unwrap().to_owned(),
            pod["code"].as_str().map(str::to_owned),
            pod["predicted"]["status"].as_u64(),
        )
    };
    let some = |code: &str| Some(code.to_owned());
    assert_eq!(row("orders-0"), ("refuse".to_owned(), some("KARP302"), Some(500)));
    assert_eq!(row("ledger-5f-0"), ("refuse".to_owned(), some("KARP301"), Some(429)));
    assert_eq!(row("report-28x7k"), ("refuse".to_owned(), some("KARP303"), Some(201)));
    assert_eq!(row("debug"), ("refuse".to_owned(), some("KARP320"), Some(201)));
    assert_eq!(row("scratch-9-0"), ("refuse".to_owned(), some("KARP323"), Some(201)));
    assert_eq!(row("cart-7d-0"), ("wait".to_owned(), None, Some(429)));
    assert_eq!(row("web-6c9d-0"), ("evict".to_owned(), None, Some(201)));
    assert_eq!(row("web-6c9d-1"), ("evict".to_owned(), None, Some(429)));
    assert_eq!(row("aws-node-x"), ("skip".to_owned(), None, None));
}
