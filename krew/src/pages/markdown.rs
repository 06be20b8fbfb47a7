//! A page of Markdown for one verb.

use clap::{Arg, Command};

/// The page. `outputs` are commands with what they printed.
pub(super) fn page(verb: &str, command: &Command, outputs: &[(String, String)]) -> String {
    let mut command = command.clone();
    command.build();
    let mut text = format!("# kubectl karp {verb}\n\n");
    text.push_str("<!-- written by `cargo run -p karp-release -- pages`; do not edit -->\n\n");
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        text.push_str(&format!("{}\n\n", sentence(&about.to_string())));
    }
    text.push_str(&format!("```\n{}\n```\n", usage(&mut command)));
    let examples = [command.get_before_help(), command.get_after_help()];
    let examples: Vec<String> = examples.into_iter().flatten().map(ToString::to_string).collect();
    if !examples.is_empty() {
        text.push_str(&format!("\n```\n{}\n```\n", examples.join("\n\n").trim_end()));
    }
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("\n## {verb} {}\n\n{}\n", subcommand.get_name(), sentence(&about)));
        text.push_str(&flags(subcommand, true));
    }
    text.push_str("\n## Arguments and flags\n");
    text.push_str(&flags(&command, false));
    for (line, output) in outputs {
        text.push_str(&format!("\n## {line}\n\n```\n$ {line}\n{output}```\n"));
    }
    text
}

fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    usage.trim_start_matches("Usage: ").trim().to_owned()
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', ')', ':']) || text.is_empty() { text.to_owned() } else { format!("{text}.") }
}

/// Tables of flags, one for each heading. A subcommand shows only what is its own.
fn flags(command: &Command, own: bool) -> String {
    let shown = |argument: &&Arg| {
        !(argument.is_hide_set() || own && argument.is_global_set() || argument.get_id() == "help")
    };
    let arguments: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    let mut headings: Vec<&str> = Vec::new();
    for argument in &arguments {
        let heading = argument.get_help_heading().unwrap_or_default();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    let mut text = String::new();
    for heading in headings {
        if !heading.is_empty() {
            text.push_str(&format!("\n### {heading}\n"));
        }
        text.push_str("\n| | |\n|---|---|\n");
        for argument in arguments.iter().filter(|one| one.get_help_heading().unwrap_or_default() == heading) {
            text.push_str(&format!("| `{}` | {} |\n", spelled(argument), meaning(argument)));
        }
    }
    text
}

fn spelled(argument: &Arg) -> String {
    let value = || {
        let names = argument.get_value_names().unwrap_or_default();
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").replace('|', "\\|")
    };
    let is_positional = argument.get_long().is_none() && argument.get_short().is_none();
    if is_positional {
        return value();
    }
    let mut words = Vec::new();
    words.extend(argument.get_short().map(|letter| format!("-{letter}")));
    words.extend(argument.get_long().map(|word| format!("--{word}")));
    let words = words.join(", ");
    let takes_value = argument.get_num_args().is_some_and(|count| count.min_values() > 0);
    if takes_value { format!("{words} {}", value()) } else { words }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = help.replace('|', "\\|").replace('\n', " ").replace('<', "\\<");
    let takes_value = argument.get_num_args().is_some_and(|count| count.min_values() > 0);
    let values = argument.get_possible_values();
    if takes_value && !values.is_empty() {
        let names: Vec<String> = values
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        text.push_str(&format!(": {}", names.join(", ")));
    }
    let defaults = argument.get_default_values();
    if takes_value && !defaults.is_empty() && !argument.is_hide_default_value_set() {
        let defaults: Vec<String> =
            defaults.iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        text.push_str(&format!(" (default {})", defaults.join(", ")));
    }
    text
}
