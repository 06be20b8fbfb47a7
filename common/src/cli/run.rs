//! From arguments to an exit code, in one place for all executables.

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;
use karp_core::report::{Error, ErrorKind as Trouble, ExitCode};

use crate::complete;
use crate::term::Out;

/// Asked for alone, an executable says which version of the suite it is of: siblings find out whether they match.
const SUITE_VERSION: &str = "--suite-version";

/// The whole `main` of an executable: runs the verb on the process's arguments and streams.
pub fn main(
    verb: impl FnOnce(Vec<OsString>, &mut Out<'_>) -> Result<ExitCode, Error>,
) -> std::process::ExitCode {
    let mut out = Out::from_environment();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == SUITE_VERSION) {
        out.line(&format!("karp {}", env!("CARGO_PKG_VERSION")));
        out.flush();
        return std::process::ExitCode::SUCCESS;
    }
    let code = run(arguments, &mut out, verb);
    std::process::ExitCode::from(u8::from(code))
}

/// Runs a verb, prints its error, and says how it ended. Also what tests call.
pub fn run(
    arguments: Vec<OsString>,
    out: &mut Out<'_>,
    verb: impl FnOnce(Vec<OsString>, &mut Out<'_>) -> Result<ExitCode, Error>,
) -> ExitCode {
    let result = verb(arguments, out);
    out.flush();
    out.progress_done();
    if let Some(failure) = out.take_failure() {
        out.error(&Error::new(Trouble::HalfWay, "cannot write the output").cause(failure));
        return ExitCode::HalfWay;
    }
    match result {
        // Whoever closed the pipe has read what it wanted.
        _ if out.is_closed() => ExitCode::Done,
        Ok(code) => code,
        Err(error) => {
            out.error(&error);
            error.exit_code()
        }
    }
}

/// What was typed, as a verb's own struct; none where help, the version or completion was asked for and has been printed.
/// `name` is the command as users type it: `kubectl karp explain`.
///
/// # Errors
/// Wrong usage.
pub fn parse<P: Parser>(
    name: &'static str,
    arguments: Vec<OsString>,
    out: &mut Out<'_>,
) -> Result<Option<P>, Error> {
    if arguments.first().is_some_and(|first| first == complete::WORD) {
        complete::answer(P::command(), name, arguments.get(1..).unwrap_or_default(), out);
        return Ok(None);
    }
    let words = std::iter::once(OsString::from(name)).chain(arguments);
    let command = P::command().bin_name(name).term_width(out.style.width());
    let parsed =
        command.try_get_matches_from(words).and_then(|mut found| P::from_arg_matches_mut(&mut found));
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let text = error.render();
            let text = if out.style.color { text.ansi().to_string() } else { text.to_string() };
            out.print(&text);
            Ok(None)
        }
        Err(error) => Err(usage_error(name, &error)),
    }
}

/// clap's message in our form: its first line, its tips as hints, and where help is.
fn usage_error(name: &str, error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let mut tips = Vec::new();
    let mut in_head = true;
    for line in lines {
        let line = line.trim();
        if let Some(tip) = line.strip_prefix("tip: ") {
            tips.push(tip.to_owned());
        } else if line.starts_with("[possible values:") {
            tips.push(line.trim_matches(['[', ']']).to_owned());
        } else if line.is_empty() || line.starts_with("Usage:") {
            in_head = false;
        } else if in_head {
            message.push(' ');
            message.push_str(line);
        }
    }
    tips.into_iter().fold(Error::usage(message), Error::hint).hint(format!("{name} -h"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::term::Style;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        output: super::super::OutputFlags,
        #[command(flatten)]
        source: super::super::SourceFlags,
    }

    fn check(words: &[&str]) -> (ExitCode, String, String) {
        let (mut out, captured) = Out::captured(Style::plain(80), Timestamp::UNIX_EPOCH);
        let words = words.iter().map(OsString::from).collect();
        let code = run(words, &mut out, |words, out| {
            let parsed: Option<Cli> = parse("kubectl karp explain", words, out)?;
            if let Some(cli) = parsed {
                out.line(&format!("{:?}", cli.output.output));
            }
            Ok(ExitCode::Done)
        });
        (code, captured.stdout(), captured.stderr())
    }

    #[test]
    fn wrong_usage_is_two_and_says_what_next() {
        let (code, stdout, stderr) = check(&["--formm"]);
        assert_eq!((code, stdout.as_str()), (ExitCode::Usage, ""));
        insta::assert_snapshot!(stderr, @r"
        error: unexpected argument '--formm' found
        hint: a similar argument exists: '--from'
        hint: kubectl karp explain -h
        ");
        let (code, _, stderr) = check(&["-o", "jsn"]);
        assert_eq!(code, ExitCode::Usage);
        insta::assert_snapshot!(stderr, @r"
        error: invalid value 'jsn' for '--output <FORMAT>'
        hint: possible values: table, wide, json, yaml, name
        hint: a similar value exists: 'json'
        hint: kubectl karp explain -h
        ");
    }

    #[test]
    fn a_closed_pipe_is_done() {
        struct Closed;
        impl std::io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut out = Out::with_writers(Closed, Vec::new(), Style::PIPE, Timestamp::UNIX_EPOCH);
        let code = run(Vec::new(), &mut out, |_, out| {
            out.line("x");
            Ok(ExitCode::Findings)
        });
        assert_eq!(code, ExitCode::Done);
    }
}
