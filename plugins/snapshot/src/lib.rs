//! `kubectl karp snapshot FILE`: everything the other verbs read, in one file, so that they can be run again without
//! the cluster and by somebody else.
//!
//! Reads as they do ([`karp_common::snapshot::read`]), writes [`karp_common::snapshot::write`], and says what is in
//! the file, what was left out, and what could not be read.

mod cli;
mod render;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use karp_common::cli::parse;
use karp_common::snapshot::{Packing, read, read_files, write};
use karp_common::term::{Format, Out, document};
use karp_core::anonymize::anonymize;
use karp_core::provider::aws;
use karp_core::report::{Error, ExitCode};

use cli::Cli;
use render::{Saved, object};

/// Stands for stdout.
const STDOUT: &str = "-";

/// The command line, for documentation and completion.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, unreadable input, a file that cannot be written.
pub fn run(arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp snapshot", arguments, out)? else { return Ok(ExitCode::Done) };
    cli.output.apply(out);
    cli.output.refuse_watch()?;
    want_folder(&cli.file)?;
    let namespace = cli.namespace.as_deref();
    let mut snapshot = read(&cli.source.input(&cli.cluster, namespace), out)?;
    if !cli.source.filename.is_empty() {
        let files = read_files(&cli.source.filename, out)?;
        let namespace = cli.source.namespace(&cli.cluster, namespace)?;
        for note in karp_core::apply::apply(&mut snapshot, files, &namespace).notes {
            out.warn(&note);
        }
    }
    let mut replaced = None;
    if cli.anonymize {
        let (anonymous, done) = anonymize(&snapshot, &aws::label_profile());
        snapshot = anonymous;
        for lost in &done.not_kept {
            out.warn(&format!("not kept: {lost}"));
        }
        replaced = Some(done);
    }
    let packing = Packing::of(&cli.file);
    if cli.file == STDOUT {
        let mut bytes = Vec::new();
        write(&snapshot, packing, &mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| Error::usage("packed bytes cannot go to stdout"))?;
        out.print(&text);
        let saved = Saved::of(&snapshot, "stdout", text.len() as u64, replaced);
        out.message(saved.text().trim_end());
        return Ok(ExitCode::Done);
    }
    let bytes = save(&cli.file, |file| write(&snapshot, packing, file))?;
    let saved = Saved::of(&snapshot, &cli.file, bytes, replaced);
    match cli.output.output {
        Format::Json => out.print(&document("SavedSnapshot", &saved, false)?),
        Format::Yaml => out.print(&document("SavedSnapshot", &saved, true)?),
        Format::Name => out.line(&object(&cli.file)),
        Format::Table | Format::Wide => out.print(&saved.text()),
    }
    Ok(ExitCode::Done)
}

/// A folder that is not there is told before a whole cluster is read.
fn want_folder(name: &str) -> Result<(), Error> {
    let folder = Path::new(name).parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let Some(folder) = folder.map(Path::display) else { return Ok(()) };
    Err(Error::usage(format!("{name} cannot be written: there is no folder {folder}"))
        .hint(format!("mkdir -p {folder}")))
}

/// Writes a file beside its place and moves it there, so that a broken run leaves the old one. Yields its size.
fn save(name: &str, fill: impl FnOnce(&mut File) -> Result<(), Error>) -> Result<u64, Error> {
    let failed = |error: std::io::Error| Error::usage(format!("{name} cannot be written")).cause(error);
    // Behind a link the file is replaced and the link stays.
    let path = &std::fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name));
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return save_in_place(name, path, fill);
    }
    let beside = beside(path);
    let result = File::create(&beside).map_err(failed).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        std::fs::rename(&beside, path).map_err(failed)?;
        Ok(bytes)
    });
    if result.is_err() {
        drop(std::fs::remove_file(&beside));
    }
    result
}

/// Writes to what is no file: a device or a named pipe.
fn save_in_place(
    name: &str,
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), Error>,
) -> Result<u64, Error> {
    let failed = |error: std::io::Error| Error::usage(format!("{name} cannot be written")).cause(error);
    let mut file = File::options().write(true).open(path).map_err(failed)?;
    fill(&mut file)?;
    Ok(file.metadata().map_err(failed)?.len())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use karp_common::cli::run as run_verb;
    use karp_common::term::Style;

    use super::*;

    fn check(words: &[&str]) -> (ExitCode, String, String) {
        let (mut out, captured) = Out::captured(Style::plain(80), jiff::Timestamp::UNIX_EPOCH);
        let code = run_verb(words.iter().map(OsString::from).collect(), &mut out, run);
        drop(out);
        (code, captured.stdout(), captured.stderr())
    }

    #[test]
    fn a_snapshot_of_a_snapshot_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("first.json");
        let second = folder.path().join("second.json.zst");
        let third = folder.path().join("third.json");
        let [first, second, third] = [&first, &second, &third].map(|path| path.to_str().unwrap());
        let (code, stdout, stderr) = check(&[first, "--from", "example:workshop"]);
        assert_eq!((code, stderr.as_str()), (ExitCode::Done, ""));
        let stdout = stdout.replace(first, "first.json");
        insta::assert_snapshot!(stdout, @r"
        first.json written: 2 nodes, 35 pods, 1 NodePool, 113 kB
        left out: Secrets, ConfigMap data, env values
        ");
        assert_eq!(check(&[second, "--from", first]).0, ExitCode::Done);
        assert_eq!(check(&[third, "--from", second]).0, ExitCode::Done);
        assert_eq!(std::fs::read(first).unwrap(), std::fs::read(third).unwrap());
    }

    #[test]
    fn anonymous_snapshots_hold_no_name() {
        let (code, stdout, stderr) = check(&["-", "--from", "example:workshop", "--anonymize"]);
        assert_eq!(code, ExitCode::Done);
        for name in
            ["ledger", "postgres", "inflate", "train-x7k2p", "ip-10-0", "0a10c0de", "workshop", "10.0."]
        {
            assert!(!stdout.contains(name), "{name} is still there");
        }
        assert!(stdout.contains("us-east-1d") && stdout.contains("m5.large"));
        insta::assert_snapshot!(stderr, @r"
        snapshot/stdout written: 2 nodes, 35 pods, 1 NodePool, 101 kB
        replaced: 118 names; kept: Helm, aws-node, controller, default and 17 more
        left out: Secrets, ConfigMap data, env values,
          user data, cluster CA, managedFields,
          other tools' annotations, events and NodeClass fields
        ");
    }

    #[cfg(unix)]
    #[test]
    fn devices_stay_devices() {
        let (code, _, stderr) = check(&["/dev/null", "--from", "example:workshop"]);
        assert_eq!((code, stderr.as_str()), (ExitCode::Done, ""));
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_folder_that_is_not_there() {
        let (code, _, stderr) = check(&["nowhere/x.json", "--from", "example:workshop"]);
        assert_eq!(code, ExitCode::Usage);
        insta::assert_snapshot!(stderr, @r"
        error: nowhere/x.json cannot be written: there is no folder nowhere
        hint: mkdir -p nowhere
        ");
    }
}
