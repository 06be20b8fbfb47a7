//! Completion of command lines, in the protocol that kubectl asks its plugins in.
//!
//! kubectl runs `kubectl_complete-karp WORDS…`, which runs `kubectl-karp __complete WORDS…`; the last word is the one
//! being typed. The answer is one candidate a line, `value<TAB>description`, and a last line `:N`, a set of
//! [`directive`] bits. clap's own engine knows flags, subcommands and values; names of objects come from the cluster or
//! from what `--from` names ([`source`]), for arguments that say so ([`Names`]).
//!
//! Nothing here fails: whoever presses Tab gets candidates or none.

mod names;
mod source;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use jiff::Timestamp;

use crate::term::Out;

pub use names::{Names, Object};
pub use source::FilesReader;
use source::Source;

/// The first word that asks for completion instead of an answer.
pub const WORD: &str = "__complete";

/// Bits of the last line, as kubectl's shell scripts read them.
/// <https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md>
pub mod directive {
    /// No blank behind the candidate: more of the word follows.
    pub const NO_SPACE: u8 = 2;
    /// Do not offer files where there is no candidate.
    pub const NO_FILES: u8 = 4;
    /// Keep the order.
    pub const KEEP_ORDER: u8 = 32;
}

/// Prints what could stand in place of the last of `words`. `name` is the command as users type it.
pub fn answer(command: clap::Command, name: &'static str, words: &[OsString], out: &mut Out<'_>) {
    let candidates = candidates(command, name, words, out.now());
    print(candidates, out);
}

/// What could stand in place of the last of `words`: values and descriptions.
pub fn candidates(
    command: clap::Command,
    name: &'static str,
    words: &[OsString],
    now: Timestamp,
) -> Vec<(String, String)> {
    let mut command = command.name(name);
    let typed = words.last().cloned().unwrap_or_default();
    let before = words.get(..words.len().saturating_sub(1)).unwrap_or_default();
    let source = Arc::new(Source::of(&command, before, now));
    command = with_names(command, &source);
    let mut line = vec![OsString::from(name)];
    line.extend(before.iter().cloned());
    line.push(typed.clone());
    let index = line.len() - 1;
    let found = complete(&mut command, line, index, None).unwrap_or_default();
    found
        .iter()
        .filter(|candidate| !is_noise(candidate, &typed))
        .map(|candidate| {
            let help = candidate.get_help().map(|help| first_line(&help.to_string())).unwrap_or_default();
            (candidate.get_value().to_string_lossy().into_owned(), help)
        })
        .collect()
}

/// Prints candidates, `(value, description)`, in the protocol. A candidate that ends in `/` or `=` goes on.
pub fn print(candidates: Vec<(String, String)>, out: &mut Out<'_>) {
    let mut bits = directive::NO_FILES | directive::KEEP_ORDER;
    if !candidates.is_empty() && candidates.iter().all(|(value, _)| value.ends_with(['/', '='])) {
        bits |= directive::NO_SPACE;
    }
    for (value, help) in candidates {
        if help.is_empty() { out.line(&value) } else { out.line(&format!("{value}\t{help}")) }
    }
    out.line(&format!(":{bits}"));
}

/// Flags are offered to whoever has begun one, as kubectl does; short flags never.
fn is_noise(candidate: &CompletionCandidate, typed: &OsStr) -> bool {
    let value = candidate.get_value().to_string_lossy();
    let is_flag = value.starts_with('-') && value != "-";
    is_flag && (typed.is_empty() || !value.starts_with("--") && value.len() <= 2)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Has every argument that wants names of objects ask `source` for them.
fn with_names(command: clap::Command, source: &Arc<Source>) -> clap::Command {
    command.mut_args(|argument| {
        let Some(names) = argument.get::<Names>().copied() else { return argument };
        let source = Arc::clone(source);
        argument.add(ArgValueCompleter::new(move |current: &OsStr| {
            names.candidates(&source, &current.to_string_lossy())
        }))
    })
}
