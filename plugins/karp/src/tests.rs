//! Which code runs for which words.

use std::ffi::OsString;
use std::path::Path;

use karp_common::cli::run as run_verb;
use karp_common::term::{Out, Style};
use karp_core::report::ExitCode;

use super::*;

fn check(program: &Program, words: &[&str]) -> (ExitCode, String, String) {
    let (mut out, captured) = Out::captured(Style::plain(80), jiff::Timestamp::UNIX_EPOCH);
    let words = words.iter().map(OsString::from).collect();
    let code = run_verb(words, &mut out, |words, out| run(program, words, out));
    drop(out);
    (code, captured.stdout(), captured.stderr())
}

fn called(name: &str) -> Program {
    Program { name: name.into(), ..Program::default() }
}

#[test]
fn the_name_chooses_the_verb() {
    for (name, verb) in [
        ("/usr/bin/kubectl-karp", None),
        ("kubectl-karp-explain", Some("explain")),
        ("/x/kubectl-karp-explain.exe", Some("explain")),
        ("kubectl-karp_explain", Some("explain")),
        ("kubectl-karp-node_claim", Some("node-claim")),
    ] {
        assert_eq!(called(name).verb().as_deref(), verb, "{name}");
    }
    let (code, stdout, _) = check(&called("kubectl-karp-version"), &["--client", "-o", "name"]);
    assert_eq!((code, stdout), (ExitCode::Done, format!("{}\n", version::OWN)));
}

#[test]
fn flags_may_stand_in_front_of_the_verb() {
    let (code, stdout, _) = check(&called("kubectl-karp"), &["-o", "name", "version", "--client"]);
    assert_eq!((code, stdout), (ExitCode::Done, format!("{}\n", version::OWN)));
}

#[test]
fn help_lists_what_there_is() {
    let (code, stdout, _) = check(&called("kubectl-karp"), &["-h"]);
    assert_eq!(code, ExitCode::Done);
    // The one verb that needs AWS is not in every build.
    let lines: String = stdout
        .lines()
        .filter(|line| !line.starts_with("  catalog"))
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(lines, @r#"
    What will Karpenter do, why, and the smallest change that alters it.

      kubectl karp explain                          why pods are Pending
      kubectl karp explain --from example:workshop  no cluster needed

    Ask
      explain      Why a pod does or does not schedule, and what would change it
      preview      The nodes Karpenter would launch, or what an edit would do
      drift        What is drifted, by which field, and when it will roll

    Act
      cordon       Stop pods from coming to nodes, or pause a NodePool
      uncordon     Let pods come back, or let a NodePool go on
      drain        Empty nodes without breaking a PodDisruptionBudget

    Keep
      snapshot     Save what the commands read, to replay with --from
      completion   Completion by your shell, through kubectl's own: install, uninstall
      version      Versions, modelled Karpenter, age of data

    Flags as kubectl: -n -A -l --context --kubeconfig --as -o json|yaml|wide|name -w
    Exit: 0 fine, 1 "no" or findings, 2 usage, 3 unreachable, 4 absent, 5 half-way
    "#);
    let (code, stdout, _) = check(&called("kubectl-karp"), &["help", "snapshot"]);
    assert_eq!(code, ExitCode::Done);
    assert!(stdout.starts_with("Save what the commands read"), "{stdout}");
}

#[test]
fn alone_it_tells_the_state() {
    let (code, stdout, stderr) = check(&called("kubectl-karp"), &["--from", "example:workshop"]);
    assert_eq!((code, stderr.as_str()), (ExitCode::Findings, ""));
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], "3 of 23 pending pods will not schedule.");
    assert!(lines[2].starts_with("pods      23 pending: 20 will schedule, 3 will not"), "{stdout}");
    assert!(lines[3].starts_with("nodes     2, 0 not Ready;"), "{stdout}");
    assert!(lines[4].starts_with("karpenter 1.15.0, 2 replicas, modelled"), "{stdout}");
    let (code, stdout, _) = check(&called("kubectl-karp"), &["--from", "example:workshop", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, value["pods"]["no"].as_u64()), (ExitCode::Findings, Some(3)));
}

#[test]
fn a_typo_is_recognised() {
    let (code, stdout, stderr) = check(&called("kubectl-karp"), &["snapshto", "x.json"]);
    assert_eq!((code, stdout.as_str()), (ExitCode::Usage, ""));
    insta::assert_snapshot!(stderr, @r#"
    error: unknown command "snapshto" for kubectl karp
    hint: did you mean snapshot?
    hint: kubectl karp -h
    "#);
    let (_, _, stderr) = check(&called("kubectl-karp"), &["frobnicate"]);
    insta::assert_snapshot!(stderr, @r#"
    error: unknown command "frobnicate" for kubectl karp
    hint: kubectl karp -h
    "#);
}

#[test]
fn the_version_as_json() {
    let (code, stdout, _) = check(&called("kubectl-karp"), &["version", "--client", "-o", "json"]);
    assert_eq!(code, ExitCode::Done);
    let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(value["apiVersion"], "karp/v1");
    assert_eq!(value["karpenter"]["default"], "1.15");
    assert!(value["catalog"]["regions"].as_u64() > Some(20), "{stdout}");
    assert_eq!(value["version"], version::OWN);
}

#[cfg(unix)]
fn script(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
#[test]
fn extensions_are_found_beside_us_and_on_path() {
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    script(own.path(), "kubectl-karp-hello", "#!/bin/sh\necho hello\n");
    script(other.path(), "kubectl-karp-hello", "#!/bin/sh\necho other\n");
    script(other.path(), "kubectl-karp-node_claim", "#!/bin/sh\necho node claim\n");
    std::fs::write(other.path().join("kubectl-karp-notes"), "no program").unwrap();
    let program = Program {
        own_folders: vec![own.path().into()],
        path: vec![other.path().into()],
        ..called("kubectl-karp")
    };
    assert_eq!(find::extension(&program, "hello").unwrap().path, own.path().join("kubectl-karp-hello"));
    assert!(find::extension(&program, "node-claim").is_some());
    assert!(find::extension(&program, "notes").is_none() && find::extension(&program, "../hello").is_none());
    let verbs: Vec<String> = find::extensions(&program).into_iter().map(|found| found.verb).collect();
    assert_eq!(verbs, ["hello", "node-claim"]);
    let (_, _, stderr) = check(&program, &["helo"]);
    assert!(stderr.contains("did you mean hello?"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_sibling_of_another_version_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "kubectl-karp-version", "#!/bin/sh\necho karp 0.0.1\n");
    let program = Program { path: vec![folder.path().into()], ..called("kubectl-karp") };
    let (_, _, stderr) = check(&program, &["version", "--client"]);
    let place = folder.path().join("kubectl-karp-version").display().to_string();
    let own = version::OWN;
    assert_eq!(stderr.replace(&place, "FILE"), format!("warning: FILE 0.0.1 hides the built-in {own}\n"));
    script(folder.path(), "kubectl-karp-snapshot", "#!/bin/sh\necho karp 0.0.1\n");
    let (_, _, stderr) = check(&program, &["snapshot", "-h"]);
    let place = folder.path().join("kubectl-karp-snapshot").display().to_string();
    assert_eq!(stderr.replace(&place, "FILE"), format!("warning: FILE is 0.0.1; this is {own}\n"));
}

#[test]
fn the_state_of_two_node_pools() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../drift/fixtures/two-node-pools.yaml");
    let (_, stdout, _) = check(&called("kubectl-karp"), &["--from", fixture]);
    insta::assert_snapshot!(stdout, @r"
    No pod is pending; 5 of 6 NodeClaims are drifted.

    pods      none pending                                  kubectl karp explain
    nodes     6, 0 not Ready; <=$1.7400/h                   kubectl get nodes
    drift     5 drifted, 1 never rolls                      kubectl karp drift
    karpenter 1.15.0, 2 replicas, modelled                  kubectl karp version
    prices: on-demand list us-east-1 2026-07-20 (embedded); spot not known here, so
      <= its on-demand price
    not read: daemonsets (none in two-node-pools.yaml)
    ");
}
