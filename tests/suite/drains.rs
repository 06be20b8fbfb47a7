//! What `drain` says of a cluster from a real report, and of small variations of it.

use std::fs;

use anyhow::{Context, Result};
use karp_tests::cases::run_cli;
use serde_json::Value;

use crate::in_package;

/// The plan for the node that Karpenter takes out, after an edit of the cluster's YAML.
fn plan(edits: &[(&str, &str)], flags: &[&str]) -> Result<Value> {
    let mut text = fs::read_to_string(in_package("cases/14-two-pdbs-one-pod/cluster.yaml"))?;
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in the cluster");
        text = text.replacen(from, to, 1);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cluster.yaml");
    fs::write(&file, text)?;
    let from = file.display().to_string();
    let words =
        ["drain", "ip-10-0-1-33.ec2.internal", "--at", "2026-11-20T12:00:00Z", "--from", &from, "-o", "json"];
    let words: Vec<String> = words.iter().chain(flags).map(|word| (*word).to_owned()).collect();
    let output = run_cli(&words).context("drain exists")?;
    serde_json::from_str(&output.stdout).with_context(|| output.stderr)
}

/// Verdict, and code, permanence and causes of the one pod's refusals.
fn refusals(plan: &Value) -> (&str, Vec<(&str, bool)>, Vec<&str>) {
    let pod = &plan["nodes"][0]["pods"][0];
    let blocked = pod["blockedBy"].as_array().into_iter().flatten();
    let codes = blocked
        .map(|one| (one["code"].as_str().unwrap_or_default(), one["permanent"].as_bool().unwrap_or_default()))
        .collect();
    let causes = pod["cause"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    (plan["verdict"].as_str().unwrap_or_default(), codes, causes)
}

/// The second PDB selects by another label value.
const ONE_PDB: (&str, &str) =
    ("      component: gateway\n  maxUnavailable: 1", "      component: other\n  maxUnavailable: 1");

#[test]
fn a_node_that_is_taken_out() -> Result<()> {
    let as_reported = plan(&[], &[])?;
    assert_eq!(refusals(&as_reported), ("refused", vec![("KARP302", true)], vec!["pdb"]));
    assert_eq!(as_reported["nodes"][0]["termination"]["deadline"], Value::Null);

    let one_less = plan(&[ONE_PDB], &[])?;
    assert_eq!(refusals(&one_less), ("go", vec![], vec![]));

    let deadline =
        ("\nspec:\n  expireAfter: 720h", "\nspec:\n  terminationGracePeriod: 24h\n  expireAfter: 720h");
    let ends = plan(&[deadline], &[])?;
    assert_eq!(refusals(&ends), ("refused", vec![("KARP302", false)], vec!["pdb"]));
    assert_eq!(ends["nodes"][0]["termination"]["deadline"], "2026-11-21T11:00:00Z");

    let protected = (
        "  name: ingress-5c8b9d7f6-m1\n  namespace: edge\n",
        "  name: ingress-5c8b9d7f6-m1\n  namespace: edge\n  annotations: {karpenter.sh/do-not-disrupt: 'true'}\n",
    );
    let held = plan(&[ONE_PDB, protected], &[])?;
    assert_eq!(refusals(&held), ("refused", vec![("KARP303", true)], vec!["do-not-disrupt"]));
    let over = plan(&[ONE_PDB, protected], &["--override-do-not-disrupt"])?;
    assert_eq!(refusals(&over), ("go", vec![], vec![]));
    Ok(())
}

#[test]
fn a_pod_without_a_place_names_its_cause() -> Result<()> {
    let picky = (
        "  nodeName: ip-10-0-1-33.ec2.internal\nstatus:\n  phase: Running",
        "  nodeSelector: {team: nobody}\n  nodeName: ip-10-0-1-33.ec2.internal\nstatus:\n  phase: Running",
    );
    let nowhere = plan(&[ONE_PDB, picky], &[])?;
    assert_eq!(refusals(&nowhere), ("refused", vec![("KARP324", false)], vec!["team"]));
    assert_eq!(nowhere["nodes"][0]["pods"][0]["landsOn"]["nowhere"], true);
    let pending = plan(&[ONE_PDB, picky], &["--allow-pending"])?;
    assert_eq!(refusals(&pending), ("go", vec![], vec![]));
    Ok(())
}
