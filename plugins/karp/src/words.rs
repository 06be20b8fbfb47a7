//! Flags in front of the verb.

use std::ffi::OsString;

use clap::{Args, CommandFactory, Parser};
use karp_common::cli::{
    CatalogFlags, ClusterFlags, OutputFlags, ScopeFlags, SelectorFlags, SortFlags, SourceFlags,
};
use karp_core::report::Error;

/// The arguments, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Words {
    /// Flags in front of the verb, with their values.
    pub(crate) flags: Vec<OsString>,
    /// The verb.
    pub(crate) verb: Option<OsString>,
    /// Everything behind it.
    pub(crate) rest: Vec<OsString>,
}

/// The flags that may stand in front of a verb, for what they are called and whether they take a value.
#[derive(Debug, Parser)]
struct GlobalFlags {
    #[command(flatten)]
    groups: Groups,
}

#[derive(Debug, Args)]
struct Groups {
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    #[command(flatten)]
    selectors: SelectorFlags,
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    catalog: CatalogFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    sort: SortFlags,
}

/// Splits arguments at the verb: the first word that is no flag and no flag's value.
///
/// # Errors
/// A flag that no verb has, in front of the verb: whether it takes a value cannot be known.
pub(crate) fn split(arguments: Vec<OsString>) -> Result<Words, Error> {
    let command = GlobalFlags::command();
    let mut words = Words::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        if !text.starts_with('-') || text == "-" {
            words.verb = Some(argument);
            words.rest = arguments.collect();
            return Ok(words);
        }
        let takes_value = takes_value(&command, &text)?;
        words.flags.push(argument);
        if takes_value {
            words.flags.extend(arguments.next());
        }
    }
    Ok(words)
}

/// Whether the last of these flags still lacks its value.
pub(crate) fn awaits_value(flags: &[OsString]) -> bool {
    let command = GlobalFlags::command();
    flags.last().is_some_and(|flag| takes_value(&command, &flag.to_string_lossy()).unwrap_or(false))
}

/// The flags that may stand in front of a verb.
pub(crate) fn command() -> clap::Command {
    GlobalFlags::command()
}

/// Whether the next word is the value of this flag.
fn takes_value(command: &clap::Command, flag: &str) -> Result<bool, Error> {
    if matches!(flag, "-h" | "--help" | "-V" | "--version") {
        return Ok(false);
    }
    let (known, has_value) = match flag.strip_prefix("--") {
        Some(long) => {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            (command.get_arguments().find(|known| known.get_long() == Some(name)), value.is_some())
        }
        None => {
            let mut letters = flag.chars().skip(1);
            let first = letters.next();
            // `-nshop` carries its value; the letters of `-Aw` are flags without values.
            (command.get_arguments().find(|known| known.get_short() == first), letters.next().is_some())
        }
    };
    let Some(known) = known else {
        return Err(Error::usage(format!("unknown flag {flag} in front of the command"))
            .hint("put flags of a command behind it")
            .hint("kubectl karp -h"));
    };
    Ok(known.get_action().takes_values() && !has_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str) -> (String, String, String) {
        let words =
            split(words.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()).unwrap();
        let join = |list: &[OsString]| {
            list.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let verb = words.verb.map(|verb| verb.to_string_lossy().into_owned()).unwrap_or_default();
        (join(&words.flags), verb, join(&words.rest))
    }

    #[test]
    fn the_verb_is_the_first_word_that_is_no_flag() {
        for (words, flags, verb, rest) in [
            ("explain pod/x -n a", "", "explain", "pod/x -n a"),
            ("--context c explain pod/x", "--context c", "explain", "pod/x"),
            ("--context=c -n shop explain", "--context=c -n shop", "explain", ""),
            ("-nshop -A explain", "-nshop -A", "explain", ""),
            ("-Aw explain", "-Aw", "explain", ""),
            ("-o json", "-o json", "", ""),
            ("--from - explain", "--from -", "explain", ""),
            ("-h", "-h", "", ""),
            ("", "", "", ""),
        ] {
            assert_eq!(check(words), (flags.into(), verb.into(), rest.into()), "{words}");
        }
        assert!(split(vec!["--changes".into(), "3".into(), "explain".into()]).is_err());
    }
}
