//! `kubectl karp`: the multi-call executable that links every verb.
//!
//! kubectl's longest match finds `kubectl-karp-explain` where it is on PATH; krew installs one executable alone. Both
//! must behave the same, so this one runs its built-in verb, also when it is called by the verb's name; a verb that
//! it does not know is looked for as `kubectl-karp-VERB` beside it and on PATH, so that others can extend the suite.
//! kubectl stops its search at the first flag: `kubectl karp --context c explain` comes here, and the flags in front
//! of the verb ([`words`]) go behind it.

mod completion;
mod find;
mod help;
mod program;
mod status;
mod verbs;
mod version;
mod words;

use std::ffi::OsString;

use karp_common::complete;
use karp_common::term::Out;
use karp_core::report::{Error, ExitCode};

pub use program::Program;

use find::Extension;
use verbs::VERBS;
use words::{Words, split};

/// The prefix of every executable of the suite.
const PREFIX: &str = "kubectl-karp-";

/// The verbs of this build with their command lines, for documentation.
pub fn commands() -> Vec<(&'static str, clap::Command)> {
    VERBS.iter().map(|verb| (verb.name, (verb.command)())).collect()
}

/// Runs whatever the name of the program and its arguments ask for.
///
/// # Errors
/// Those of the verb; an unknown verb.
pub fn run(program: &Program, arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    if let Some(verb) = program.verb().and_then(|name| verbs::find(&name)) {
        return verb.run(program, arguments, out);
    }
    let Words { flags, verb, rest } = split(arguments)?;
    let Some(name) = verb else { return without_verb(flags, out) };
    let text = name.to_string_lossy().into_owned();
    if text == "help" {
        return help_of(program, rest, out);
    }
    if text == complete::WORD {
        return completion::answer(program, rest, out);
    }
    let arguments: Vec<OsString> = flags.into_iter().chain(rest).collect();
    if let Some(verb) = verbs::find(&text) {
        // The version tells of every sibling itself.
        if verb.name != "version" {
            program.warn_of_other_versions(verb.name, out);
        }
        return verb.run(program, arguments, out);
    }
    match find::extension(program, &text) {
        Some(extension) => extension.run(arguments),
        None => Err(unknown(program, &text)),
    }
}

/// No verb: help, the version, or the state of the cluster.
fn without_verb(flags: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    if flags.iter().any(|flag| flag == "--help" || flag == "-h") {
        out.print(&help::overview(&out.style));
        return Ok(ExitCode::Done);
    }
    if flags.iter().any(|flag| flag == "--version" || flag == "-V") {
        out.line(&format!("karp {}", version::OWN));
        return Ok(ExitCode::Done);
    }
    status::run(flags, out)
}

/// `kubectl karp help explain`.
fn help_of(program: &Program, rest: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(name) = rest.first().map(|name| name.to_string_lossy().into_owned()) else {
        out.print(&help::overview(&out.style));
        return Ok(ExitCode::Done);
    };
    let help = vec![OsString::from("--help")];
    match (verbs::find(&name), find::extension(program, &name)) {
        (Some(verb), _) => verb.run(program, help, out),
        (None, Some(extension)) => extension.run(help),
        (None, None) => Err(unknown(program, &name)),
    }
}

/// An unknown verb, with the nearest names of all that there are.
fn unknown(program: &Program, name: &str) -> Error {
    let error = Error::usage(format!("unknown command {name:?} for kubectl karp"));
    let known = VERBS.iter().map(|verb| verb.name.to_owned());
    let known = known.chain(find::extensions(program).into_iter().map(|Extension { verb, .. }| verb));
    let nearest = known
        .map(|known| (strsim::osa_distance(&known, name), known))
        .filter(|(distance, known)| *distance <= (known.len().max(name.len()) / 2).min(3))
        .min();
    let error = match nearest {
        Some((_, known)) => error.hint(format!("did you mean {known}?")),
        None => error,
    };
    error.hint("kubectl karp -h")
}

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
