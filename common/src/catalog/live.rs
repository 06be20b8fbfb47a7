//! `--live-prices`: runs `kubectl-karp-catalog refresh`, or `kubectl-karp catalog refresh`, before the catalog is
//! read. Whoever answers questions about pods need not link AWS for it.

#[cfg(not(unix))]
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use karp_core::report::Error;

/// A program that reads the catalog from AWS, and the words in front of `refresh`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refresher {
    program: PathBuf,
    verb: Option<&'static str>,
}

/// Reads instance types and prices of a region from AWS into the cache. `folders` are looked into in order: first
/// where our own executable is, then PATH.
///
/// # Errors
/// No such program, or AWS does not answer: as that program says it.
pub fn refresh(region: &str, folders: &[PathBuf]) -> Result<(), Error> {
    let Some(found) = find(folders) else {
        return Err(Error::unreachable(
            "--live-prices needs kubectl-karp-catalog, which is neither beside this program nor on PATH",
        )
        .hint("install it, or leave out --live-prices: the cached or the embedded catalog is used then"));
    };
    let name = found.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut command = Command::new(&found.program);
    command.args(found.verb).args(["refresh", "--region", region]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|cause| {
        Error::unreachable(format!("{} cannot be started", found.program.display())).cause(cause)
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(said(&name, region, &String::from_utf8_lossy(&output.stderr)))
}

/// The folders in which [`refresh`] looks.
pub fn program_folders() -> Vec<PathBuf> {
    let own = std::env::current_exe().ok().and_then(|file| file.parent().map(Path::to_owned));
    let path = std::env::var_os("PATH").unwrap_or_default();
    own.into_iter().chain(std::env::split_paths(&path)).filter(|folder| folder.is_absolute()).collect()
}

fn find(folders: &[PathBuf]) -> Option<Refresher> {
    let programs = [("kubectl-karp-catalog", None), ("kubectl-karp", Some("catalog"))];
    folders.iter().find_map(|folder| {
        programs.iter().find_map(|(name, verb)| {
            let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            is_executable(&program).then_some(Refresher { program, verb: *verb })
        })
    })
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.extension() == Some(OsStr::new("exe")) && file.is_file()
}

/// What the program printed on stderr, as an error of ours: its cause and hints are its own.
fn said(name: &str, region: &str, stderr: &str) -> Error {
    let mut error = Error::unreachable(format!("{name} could not refresh the catalog of {region}"));
    let mut causes: Vec<&str> = Vec::new();
    for line in stderr.lines() {
        match line.split_once(": ") {
            Some(("error" | "cause", text)) => causes.push(text),
            Some(("hint", text)) => error = error.hint(text),
            _ => {}
        }
    }
    if causes.is_empty() {
        causes.extend(stderr.lines().next_back());
    }
    error.cause(causes.join(": "))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with a program of this name that runs a shell script.
    fn folder_with(name: &str, script: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn the_sibling_is_run_with_the_region() {
        for (name, words) in [
            ("kubectl-karp-catalog", "refresh --region us-west-2"),
            ("kubectl-karp", "catalog refresh --region us-west-2"),
        ] {
            let folder = folder_with(name, r#"echo "$@" > "$(dirname "$0")/said""#);
            refresh("us-west-2", &[folder.path().join("none"), folder.path().to_owned()]).unwrap();
            assert_eq!(std::fs::read_to_string(folder.path().join("said")).unwrap().trim(), words);
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = refresh("us-west-2", &[folder.path().to_owned()]).unwrap_err();
        assert_eq!(u8::from(error.exit_code()), 3);
        insta::assert_snapshot!(error, @r"
        error: --live-prices needs kubectl-karp-catalog, which is neither beside this program nor on PATH
        hint: install it, or leave out --live-prices: the cached or the embedded catalog is used then
        ");
        let script = "echo 'error: not logged in to AWS' >&2; echo 'cause: the SSO login expired' >&2; \
                      echo 'hint: aws sso login --profile prod' >&2; exit 3";
        let folder = folder_with("kubectl-karp-catalog", script);
        let error = refresh("us-west-2", &[folder.path().to_owned()]).unwrap_err();
        assert_eq!(u8::from(error.exit_code()), 3);
        insta::assert_snapshot!(error, @r"
        error: kubectl-karp-catalog could not refresh the catalog of us-west-2
        cause: not logged in to AWS: the SSO login expired
        hint: aws sso login --profile prod
        ");
    }
}
