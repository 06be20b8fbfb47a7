//! What `-o json` prints is what `docs/schema` promises, for the documents that no other package checks: those of
//! `explain`, `preview` and `drain` are checked beside them.

use std::ffi::OsString;
use std::path::PathBuf;

use karp_common::cli::run as run_verb;
use karp_common::term::{Out, Style};
use karp_tests::schema::violations;

use super::*;

const MOMENT: &str = "2026-11-25T13:20:00Z";

fn in_repository(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../..", path].iter().collect()
}

/// Runs `kubectl karp WORDS -o json` and checks what it prints.
fn check(schema: &str, words: &str) {
    let (mut out, captured) = Out::captured(Style::PIPE, MOMENT.parse().unwrap());
    let program = Program { name: "kubectl-karp".into(), ..Program::default() };
    let words: Vec<OsString> = words.split(' ').chain(["-o", "json"]).map(OsString::from).collect();
    let code = run_verb(words.clone(), &mut out, |words, out| run(&program, words, out));
    drop(out);
    assert!(u8::from(code) < 2, "{words:?}: {}", captured.stderr());
    let file = in_repository("docs/schema").join(schema);
    let schema = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let document = serde_json::from_str(&captured.stdout()).unwrap();
    assert_eq!(violations(&schema, &document), Vec::<String>::new(), "{words:?}");
}

#[test]
fn status_version_and_snapshot() {
    check("status.json", "--from example:workshop");
    check("version.json", "version --client");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.json").display().to_string();
    check("snapshot.json", &format!("snapshot {file} --from example:workshop"));
    check("snapshot.json", &format!("snapshot {file} --anonymize --from example:workshop"));
}

#[test]
fn drift_of_every_case_and_situation() {
    let mut clusters = vec![in_repository("plugins/drift/fixtures/two-node-pools.yaml")];
    for folder in ["tests/cases", "tests/situations"] {
        let entries = std::fs::read_dir(in_repository(folder)).unwrap();
        clusters.extend(
            entries.map(|entry| entry.unwrap().path().join("cluster.yaml")).filter(|file| file.exists()),
        );
    }
    assert!(clusters.len() > 50, "{}", clusters.len());
    for cluster in clusters {
        check("drift.json", &format!("drift --at {MOMENT} --from {}", cluster.display()));
    }
    let fixture = in_repository("plugins/drift/fixtures/two-node-pools.yaml");
    check("drift.json", &format!("drift --ami-preview 1.36 --at {MOMENT} --from {}", fixture.display()));
}

#[test]
fn a_node_claim_and_a_funnel() {
    let fixture = in_repository("plugins/explain/testdata/fine.yaml");
    let types = in_repository("plugins/explain/testdata/types.json");
    let from = format!("--from {} --instance-types {}", fixture.display(), types.display());
    check("explain-nodeclaim.json", &format!("explain nodeclaim/spot-7xk2p {from}"));
    check(
        "explain-funnel.json",
        "explain ledger-f4fxx969c-q8w2z -n shop --funnel spot --from example:workshop",
    );
}

#[cfg(feature = "aws")]
#[test]
fn the_catalog() {
    check("catalog.json", "catalog --region us-east-1");
    check("catalog-show.json", "catalog show --region us-east-1 --filter family=m7g");
}
