//! Verbs that others add: executables named `kubectl-karp-VERB`, beside us and on PATH.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use karp_core::report::{Error, ExitCode};

use crate::{PREFIX, Program};

/// An executable that runs a verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// The verb.
    pub(crate) verb: String,
    /// The file.
    pub(crate) path: PathBuf,
}

impl Extension {
    /// Becomes the extension; returns only where it could not be started, or after it has ended where processes
    /// cannot be replaced.
    pub(crate) fn run(&self, arguments: Vec<OsString>) -> Result<ExitCode, Error> {
        let mut command = std::process::Command::new(&self.path);
        command.args(arguments);
        let failed = |error: std::io::Error| {
            Error::usage(format!("{} cannot be started", self.path.display())).cause(error)
        };
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            Err(failed(command.exec()))
        }
        #[cfg(not(unix))]
        {
            let status = command.status().map_err(failed)?;
            Ok(match status.code() {
                Some(0) => ExitCode::Done,
                Some(1) => ExitCode::Findings,
                Some(3) => ExitCode::Unreachable,
                Some(4) => ExitCode::NotFound,
                Some(5) => ExitCode::HalfWay,
                _ => ExitCode::Usage,
            })
        }
    }
}

/// The extension for a verb, beside us before PATH.
pub(crate) fn extension(program: &Program, verb: &str) -> Option<Extension> {
    // A name with a separator would lead out of the folders that are looked into.
    if verb.is_empty() || verb.contains(['/', '\\']) {
        return None;
    }
    let folders = program.own_folders.iter().chain(&program.path);
    let path =
        folders.flat_map(|folder| candidates(folder, verb)).find(|path| is_executable(path, program))?;
    Some(Extension { verb: verb.to_owned(), path })
}

/// The file on PATH that kubectl would run for a verb in our place, if there is one.
pub(crate) fn on_path(program: &Program, verb: &str) -> Option<PathBuf> {
    let mut files = program.path.iter().flat_map(|folder| candidates(folder, verb));
    files.find(|path| is_executable(path, program))
}

/// Every extension there is, by verb; the one that would be run.
pub(crate) fn extensions(program: &Program) -> Vec<Extension> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in program.own_folders.iter().chain(&program.path) {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(verb) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            let verb = verb.strip_suffix(".exe").unwrap_or(verb).replace('_', "-");
            if !found.contains_key(&verb) && is_executable(&entry.path(), program) {
                found.insert(verb, entry.path());
            }
        }
    }
    found.into_iter().map(|(verb, path)| Extension { verb, path }).collect()
}

/// Files that may hold a verb: with its dashes, and with underscores as kubectl spells them.
fn candidates(folder: &Path, verb: &str) -> Vec<PathBuf> {
    let suffix = std::env::consts::EXE_SUFFIX;
    let mut names =
        vec![format!("{PREFIX}{verb}{suffix}"), format!("{PREFIX}{}{suffix}", verb.replace('-', "_"))];
    names.dedup();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Whether a file can be run and is not ourselves by another name.
fn is_executable(path: &Path, program: &Program) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    metadata.is_file() && runs && path.canonicalize().ok() != program.file
}
