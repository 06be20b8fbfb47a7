//! Pages that are written from the command lines themselves: `docs/commands/VERB.md` with what the verb really prints,
//! and `docs/man/kubectl-karp-VERB.1`. A test compares them with what is in the repository.

mod markdown;

use std::ffi::OsString;

use karp_common::cli::run;
use karp_common::term::{Out, Style};
use kubectl_karp::Program;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Path within the repository.
    pub path: String,
    /// Content.
    pub text: String,
}

/// What is run for a page: the words behind `kubectl karp`, answered from the built-in example.
const SHOWN: &[(&str, &[&str])] = &[
    ("explain", &["explain --from example:workshop", "explain job/train -n ml --from example:workshop"]),
    ("preview", &["preview --from example:workshop"]),
    ("drift", &["drift --from example:workshop"]),
    ("drain", &["drain ip-10-0-1-20.ec2.internal --ignore-daemonsets --from example:workshop"]),
    ("version", &["version --client"]),
];

/// All pages of the verbs in this build.
#[must_use]
pub fn all() -> Vec<Page> {
    let verbs = kubectl_karp::commands();
    let mut pages = Vec::new();
    for (verb, command) in &verbs {
        let command = command
            .clone()
            .display_name(format!("kubectl-karp-{verb}"))
            .bin_name(format!("kubectl karp {verb}"));
        let shown = SHOWN.iter().find(|(name, _)| name == verb).map_or(&[][..], |(_, shown)| shown);
        let outputs: Vec<(String, String)> =
            shown.iter().map(|words| (format!("kubectl karp {words}"), printed(words))).collect();
        pages.push(Page {
            path: format!("docs/commands/{verb}.md"),
            text: markdown::page(verb, &command, &outputs),
        });
        pages.push(Page { path: format!("docs/man/kubectl-karp-{verb}.1"), text: man(command) });
    }
    pages
}

/// The page for `man`.
fn man(command: clap::Command) -> String {
    let mut text = Vec::new();
    // Writing into a vector does not fail.
    drop(clap_mangen::Man::new(command).date("").render(&mut text));
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// What a command prints, at 80 columns, on stdout and stderr.
fn printed(words: &str) -> String {
    let (mut out, captured) = Out::captured(Style::plain(80), jiff::Timestamp::UNIX_EPOCH);
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    let program = Program { name: "kubectl-karp".into(), ..Program::default() };
    let code = run(words, &mut out, |words, out| kubectl_karp::run(&program, words, out));
    drop(out);
    format!("{}{}(exit {})\n", captured.stdout(), captured.stderr(), u8::from(code))
}
