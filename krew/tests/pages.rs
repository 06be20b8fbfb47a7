//! The pages in the repository are what the command lines say, and every code that is printed is explained.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use karp_release::pages;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn pages_are_current() {
    let mut stale = Vec::new();
    for page in pages::all() {
        let there = std::fs::read_to_string(repository().join(&page.path)).unwrap_or_default();
        if there != page.text {
            stale.push(page.path);
        }
    }
    assert!(stale.is_empty(), "run `cargo run -p karp-release -- pages` and commit: {stale:?}");
}

#[test]
fn every_verb_is_in_the_list_of_questions() {
    let text = std::fs::read_to_string(repository().join("docs/questions.md")).unwrap();
    for (verb, _) in kubectl_karp::commands() {
        assert!(text.contains(&format!("(commands/{verb}.md)")), "docs/questions.md says nothing of {verb}");
    }
}

/// Codes in the sources, `KARP` and three digits within quotes.
fn codes(folder: &Path, found: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            codes(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            for part in text.split("\"KARP").skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                if digits.len() == 3 {
                    found.insert(format!("KARP{digits}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_code_is_explained_and_no_other() {
    let mut printed = BTreeSet::new();
    for folder in ["common", "plugins"] {
        codes(&repository().join(folder), &mut printed).unwrap();
    }
    let text = std::fs::read_to_string(repository().join("docs/findings.md")).unwrap();
    let explained: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## KARP"))
        .map(|rest| format!("KARP{}", rest.chars().take_while(char::is_ascii_digit).collect::<String>()))
        .collect();
    assert_eq!(printed, explained);
}
