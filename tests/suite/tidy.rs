//! Rules of the repository that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::in_package;

/// All that karp-core may be built from: data structures, text, serde. Nothing that reads a clock, a file, a
/// socket or an environment.
const CORE_DEPENDENCIES: [&str; 27] = [
    "castaway",
    "cfg-if",
    "compact_str",
    "equivalent",
    "foldhash",
    "hashbrown",
    "indexmap",
    "itoa",
    "jiff",
    "jiff-core",
    "karp-core",
    "memchr",
    "proc-macro2",
    "quote",
    "rustc-hash",
    "rustversion",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "smallvec",
    "static_assertions",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "zmij",
];

/// What the sources of the pure core may not name.
const IMPURE: [&str; 16] = [
    "SystemTime",
    "Instant::now",
    "time::Instant",
    "Timestamp::now",
    "Zoned::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "println!",
    "print!",
    "tokio",
    "kube::",
    "aws_sdk",
];

/// Entries that hold no source of ours.
const NOT_OURS: [&str; 3] = ["target", ".git", ".cache"];

fn root() -> PathBuf {
    in_package("..")
}

/// Every file of the repository below a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if NOT_OURS.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn sources(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let paths =
        files(folder)?.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    paths.map(|path| fs::read_to_string(&path).map(|text| (path, text)).map_err(Into::into)).collect()
}

fn refuse(found: Vec<String>) -> Result<()> {
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn the_core_is_built_from_nothing_that_does_io() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--package",
            "karp-core",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(names.contains(&"serde"), "cargo tree said: {text}");
    let unknown = names.into_iter().filter(|name| !CORE_DEPENDENCIES.contains(name));
    refuse(unknown.map(|name| format!("karp-core depends on {name}, which is not on the list")).collect())
}

#[test]
fn the_core_names_no_clock_file_network_or_environment() -> Result<()> {
    let mut found = Vec::new();
    for (path, text) in sources(&root().join("common/core/src"))? {
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let named = IMPURE.iter().filter(|word| code.contains(**word));
            found.extend(named.map(|word| format!("{}:{}: {word}", path.display(), at + 1)));
        }
    }
    refuse(found)
}

#[test]
fn every_source_opens_with_what_it_is() -> Result<()> {
    let all = sources(&root())?.into_iter();
    let silent = all.filter(|(_, text)| !text.trim_start().starts_with("//!"));
    refuse(silent.map(|(path, _)| format!("{}: does not open with //!", path.display())).collect())
}

#[test]
fn nothing_is_left_undone_or_silenced() -> Result<()> {
    // Spelt in two parts, so that this file may stand under its own rule.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[", "allow("),
        concat!("#![", "allow("),
        concat!("#[", "ignore"),
    ];
    let mut found = Vec::new();
    for (path, text) in sources(&root())? {
        for (at, line) in text.lines().enumerate() {
            let named = words.iter().filter(|word| line.contains(**word));
            found.extend(named.map(|word| format!("{}:{}: {word}", path.display(), at + 1)));
        }
    }
    refuse(found)
}

#[test]
fn no_file_names_the_machine_it_was_written_on() -> Result<()> {
    let homes =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("file:", "///")];
    let mut found = Vec::new();
    for path in files(&root())? {
        // Packed files and lock files of other tools are no text of ours.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let named = homes.iter().filter(|home| text.contains(**home));
        found.extend(named.map(|home| format!("{}: {home}", path.display())));
    }
    refuse(found)
}

#[test]
fn every_case_has_both_files() -> Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(in_package("cases"))? {
        let folder = entry?.path();
        let missing = ["case.json", "cluster.yaml"].into_iter().filter(|name| !folder.join(name).is_file());
        found.extend(missing.filter(|_| folder.is_dir()).map(|name| format!("{}: {name}", folder.display())));
    }
    refuse(found)
}

#[test]
fn every_folder_of_vectors_says_where_it_comes_from() -> Result<()> {
    let note = fs::read_to_string(in_package("vectors/README.md"))?;
    let mut found = Vec::new();
    for entry in fs::read_dir(in_package("vectors"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !note.contains(&format!("`{name}`")) {
            found.push(format!("vectors/README.md does not name {name}"));
        }
    }
    refuse(found)
}
