//! Completion: which verb answers who pressed Tab, and the scripts by which kubectl finds us.
//!
//! kubectl asks an executable `kubectl_complete-karp` on PATH, for a verb that is an executable of its own
//! `kubectl_complete-karp-VERB`, with no fallback between them. krew installs one link and no such script, so
//! [`run`] writes them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use karp_common::cli::parse;
use karp_common::complete::{self, candidates};
use karp_common::term::Out;
use karp_core::report::{Error, ExitCode};

use crate::Program;
use crate::find::{self, Extension};
use crate::verbs::{self, VERBS};
use crate::words::{self, Words, split};

/// In the second line of every script of ours: no other file is overwritten or removed.
const MARK: &str = "# written by kubectl karp completion install";

/// Completion by your shell, through kubectl's own: install, uninstall
#[derive(Debug, Parser)]
#[command(
    disable_version_flag = true,
    after_help = "kubectl's own completion must be on: source <(kubectl completion bash), or zsh, or fish.

Examples:
  kubectl karp completion install              beside kubectl-karp, on your PATH
  kubectl karp completion install --dir ~/bin
  kubectl karp completion uninstall"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the scripts that kubectl asks
    Install(Place),
    /// Remove them
    Uninstall(Place),
    /// Print the script
    Script,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Folder of PATH to write to [default: where kubectl-karp is found]
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// The command line.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Runs the verb.
pub(crate) fn run(program: &Program, arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp completion", arguments, out)? else {
        return Ok(ExitCode::Done);
    };
    match cli.verb {
        Verb::Install(place) => install(program, &place, out),
        Verb::Uninstall(place) => uninstall(program, &place, out),
        Verb::Script => {
            out.print(&script("kubectl-karp"));
            Ok(ExitCode::Done)
        }
    }
}

/// What kubectl runs.
fn script(executable: &str) -> String {
    format!("#!/bin/sh\n{MARK}\nexec {executable} {} \"$@\"\n", complete::WORD)
}

fn folder(program: &Program, place: &Place) -> Result<PathBuf, Error> {
    if let Some(folder) = &place.dir {
        return Ok(folder.clone());
    }
    let file = format!("kubectl-karp{}", std::env::consts::EXE_SUFFIX);
    let found = program.path.iter().find(|folder| folder.join(&file).exists());
    found.cloned().ok_or_else(|| {
        Error::usage("kubectl-karp is in no folder of PATH, so kubectl does not find it either")
            .hint("kubectl karp completion install --dir FOLDER, a folder of PATH")
    })
}

/// Executables on PATH that kubectl asks scripts for.
fn executables(program: &Program) -> Vec<String> {
    let siblings =
        find::extensions(program).into_iter().filter(|found| find::on_path(program, &found.verb).is_some());
    let names = siblings.filter_map(|Extension { path, .. }| Some(path.file_stem()?.to_str()?.to_owned()));
    std::iter::once("kubectl-karp".to_owned()).chain(names).collect()
}

/// `kubectl-karp-explain` is asked through `kubectl_complete-karp-explain`.
fn script_name(executable: &str) -> String {
    executable.replacen("kubectl-", "kubectl_complete-", 1)
}

fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().nth(1) == Some(MARK))
}

fn install(program: &Program, place: &Place, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    if cfg!(windows) {
        return Err(Error::usage("kubectl completes plugins by scripts of a Unix shell, not on Windows"));
    }
    let folder = folder(program, place)?;
    for executable in executables(program) {
        let path = folder.join(script_name(&executable));
        if path.exists() && !is_ours(&path) {
            return Err(Error::usage(format!("{} is there and not ours", path.display()))
                .hint("remove it, or choose another folder of PATH: --dir FOLDER"));
        }
        write(&path, &script(&executable))?;
        out.line(&format!("{} written", path.display()));
    }
    if !program.path.contains(&folder) {
        out.warn(&format!("{} is not on PATH: kubectl will not find it there", folder.display()));
    }
    Ok(ExitCode::Done)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::usage(format!("{} cannot be written", path.display()))
            .cause(error)
            .hint("kubectl karp completion install --dir FOLDER, a folder of PATH")
    };
    fs::write(path, text).map_err(failed)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(failed)?;
    Ok(())
}

/// Also what was written for executables that have gone since.
fn uninstall(program: &Program, place: &Place, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let folder = folder(program, place)?;
    let entries = fs::read_dir(&folder)
        .map_err(|error| Error::usage(format!("{} cannot be read", folder.display())).cause(error))?;
    let mut ours: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("kubectl_complete-karp"))
        .map(|entry| entry.path())
        .filter(|path| is_ours(path))
        .collect();
    ours.sort();
    for path in &ours {
        fs::remove_file(path)
            .map_err(|error| Error::usage(format!("{} cannot be removed", path.display())).cause(error))?;
        out.line(&format!("{} removed", path.display()));
    }
    if ours.is_empty() {
        out.line(&format!("nothing of ours in {}", folder.display()));
    }
    Ok(ExitCode::Done)
}

/// Answers kubectl: the last word is the one being typed.
pub(crate) fn answer(program: &Program, words: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let (typed, before) = match words.split_last() {
        Some((typed, before)) => (typed.clone(), before.to_vec()),
        None => (OsString::new(), Vec::new()),
    };
    // A flag in front of the verb that nobody knows: nothing can be said.
    let Ok(Words { flags, verb, rest }) = split(before.clone()) else {
        complete::print(Vec::new(), out);
        return Ok(ExitCode::Done);
    };
    if let Some(verb) = verb {
        let asked = std::iter::once(OsString::from(complete::WORD));
        let arguments: Vec<OsString> = asked.chain(flags).chain(rest).chain([typed]).collect();
        let name = verb.to_string_lossy();
        return match (verbs::find(&name), find::extension(program, &name)) {
            (Some(verb), _) => verb.run(program, arguments, out),
            (None, Some(extension)) => extension.run(arguments),
            (None, None) => {
                complete::print(Vec::new(), out);
                Ok(ExitCode::Done)
            }
        };
    }
    let text = typed.to_string_lossy().into_owned();
    let found = if text.starts_with('-') || words::awaits_value(&flags) {
        let words: Vec<OsString> = before.into_iter().chain([typed]).collect();
        candidates(words::command(), "kubectl karp", &words, out.now())
    } else {
        let built_in = VERBS.iter().map(|verb| (verb.name.to_owned(), verb.about.to_owned()));
        let others = find::extensions(program).into_iter().map(|found| found.verb);
        let others = others.filter(|verb| verbs::find(verb).is_none()).map(|verb| (verb, String::new()));
        built_in.chain(others).filter(|(name, _)| name.starts_with(&text)).collect()
    };
    complete::print(found, out);
    Ok(ExitCode::Done)
}

#[cfg(test)]
mod tests {
    use karp_common::term::Style;

    use super::*;

    fn tab(words: &[&str]) -> String {
        let (mut out, captured) = Out::captured(Style::PIPE, jiff::Timestamp::UNIX_EPOCH);
        let words =
            std::iter::once(complete::WORD).chain(words.iter().copied()).map(OsString::from).collect();
        let program = Program { name: "kubectl-karp".into(), ..Program::default() };
        crate::run(&program, words, &mut out).unwrap();
        drop(out);
        captured.stdout()
    }

    #[test]
    fn verbs_then_what_the_verb_takes() {
        assert_eq!(
            tab(&["ex"]),
            "explain\tWhy a pod does or does not schedule, and what would change it\n:36\n"
        );
        assert_eq!(tab(&["-n", "shop", "une"]), ":36\n");
        assert_eq!(
            tab(&["--from", "example:workshop", "-n", "ml", "explain", "tr"]),
            "train-x7k2p\tPending\n:36\n"
        );
        assert_eq!(tab(&["explain", "--from", "example:workshop", "--funnel", ""]), "spot\n:36\n");
        assert_eq!(tab(&["--kubec"]), "--kubeconfig\tKubeconfig to use instead of $KUBECONFIG\n:36\n");
        assert_eq!(tab(&["nothing", ""]), ":36\n");
        assert_eq!(tab(&["--nothing", ""]), ":36\n");
        assert_eq!(tab(&["completion", "uni"]), "uninstall\tRemove them\n:36\n");
    }

    #[test]
    fn scripts_are_written_once_and_only_ours_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { dir: Some(folder.path().to_owned()) };
        let program = Program { path: vec![folder.path().to_owned()], ..Program::default() };
        let file = |name: &str| folder.path().join(name);
        fs::write(file("kubectl-karp-explain"), "").unwrap();
        fs::set_permissions(
            file("kubectl-karp-explain"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        fs::write(file("kubectl_complete-karp-other"), "#!/bin/sh\n").unwrap();
        let (mut out, captured) = Out::captured(Style::PIPE, jiff::Timestamp::UNIX_EPOCH);
        for _ in 0..2 {
            install(&program, &place, &mut out).unwrap();
        }
        assert_eq!(
            fs::read_to_string(file("kubectl_complete-karp-explain")).unwrap(),
            format!("#!/bin/sh\n{MARK}\nexec kubectl-karp-explain __complete \"$@\"\n")
        );
        assert!(file("kubectl_complete-karp").exists());
        uninstall(&program, &place, &mut out).unwrap();
        drop(out);
        assert!(!file("kubectl_complete-karp").exists() && file("kubectl_complete-karp-other").exists());
        assert!(
            captured.stdout().ends_with("kubectl_complete-karp-explain removed\n"),
            "{}",
            captured.stdout()
        );
    }

    #[test]
    fn a_strangers_script_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { dir: Some(folder.path().to_owned()) };
        fs::write(folder.path().join("kubectl_complete-karp"), "#!/bin/sh\n").unwrap();
        let (mut out, _) = Out::captured(Style::PIPE, jiff::Timestamp::UNIX_EPOCH);
        let refused = install(&Program::default(), &place, &mut out).unwrap_err();
        assert!(refused.to_string().contains("not ours"), "{refused}");
    }
}
