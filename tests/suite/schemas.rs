//! What commands print with `-o json` is what `docs/schema` promises.

use std::fs;

use anyhow::{Context, Result};
use karp_tests::cases::{Case, run_cli};
use karp_tests::schema::violations;

use crate::in_package;

fn schema(verb: &str) -> Result<serde_json::Value> {
    let file = in_package("../docs/schema").join(format!("{verb}.json"));
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Plans of all cases that drain, of the plugin's own fixture, and of every node of every other case's cluster.
#[test]
fn plans_of_drain_follow_the_schema() -> Result<()> {
    let schema = schema("drain")?;
    let mut files = vec![in_package("../plugins/drain/fixtures/every-refusal.json")];
    for folder in fs::read_dir(in_package("cases"))? {
        let folder = folder?.path();
        if folder.is_dir() {
            Case::read(&folder)?;
            files.push(folder.join("cluster.yaml"));
        }
    }
    files.sort();
    let mut plans = 0;
    for file in files {
        let from = file.display().to_string();
        let words =
            ["drain", "-l", "kubernetes.io/os!=none", "--at", "2026-11-20T12:00:00Z", "--from", &from];
        let words = words.iter().chain(&["-o", "json"]).map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let output = run_cli(&words).context("drain exists")?;
        // A cluster without nodes has nothing to drain.
        if output.exit == 4 {
            continue;
        }
        assert!(output.exit < 2, "{from}: {}", output.stderr);
        let plan = serde_json::from_str(&output.stdout).with_context(|| from.clone())?;
        assert_eq!(violations(&schema, &plan), Vec::<String>::new(), "{from}");
        plans += 1;
    }
    assert!(plans > 10, "{plans} plans");
    Ok(())
}
