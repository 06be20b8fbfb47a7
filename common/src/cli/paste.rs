//! Commands to paste: flags that say where data comes from are repeated in them, words are quoted as a shell wants.

use std::ffi::OsString;

/// Flags that say which data an answer is about.
const SOURCE_FLAGS: [&str; 14] = [
    "--from",
    "-f",
    "--filename",
    "--at",
    "--karpenter",
    "--context",
    "--cluster",
    "--user",
    "--kubeconfig",
    "--as",
    "--as-group",
    "--instance-types",
    "--region",
    "--nodepool",
];

/// Flags that say which cluster, and as whom: kubectl has them too.
const CLUSTER_FLAGS: [&str; 6] = ["--context", "--cluster", "--user", "--kubeconfig", "--as", "--as-group"];

/// The source flags among arguments, to be put behind a command; begins with a blank where there are some. What was
/// read from stdin is called `FILE`: it cannot be read again.
pub fn repeated_flags(arguments: &[OsString]) -> String {
    picked(arguments, &SOURCE_FLAGS)
}

/// A `kubectl` command for the cluster that the arguments name, so that it cannot hit another one: their cluster
/// flags stand behind every `kubectl` of a pipe; for our own verbs, which come before flags, behind all words.
pub fn for_same_cluster(command: &str, arguments: &[OsString]) -> String {
    let flags = picked(arguments, &CLUSTER_FLAGS);
    if flags.is_empty() {
        return command.to_owned();
    }
    if command.starts_with("kubectl karp ") {
        return format!("{command}{flags}");
    }
    let mut text = command.to_owned();
    if let Some(rest) = text.strip_prefix("kubectl ") {
        text = format!("kubectl{flags} {rest}");
    }
    text.replace(" | kubectl ", &format!(" | kubectl{flags} "))
}

fn picked(arguments: &[OsString], flags: &[&str]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut text = String::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, inline) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word.as_str(), None),
        };
        if !flags.contains(&flag) {
            continue;
        }
        let value = match inline {
            Some(value) => value.to_owned(),
            None => words.next().cloned().unwrap_or_default(),
        };
        // `explain` takes NodePools among other objects.
        let flag = if flag == "--nodepool" { "-f" } else { flag };
        let value = if value == "-" { "FILE".to_owned() } else { quoted(&value) };
        text.push_str(&format!(" {flag} {value}"));
    }
    text
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_repeated_and_nothing_else() {
        let check = |words: &[&str]| repeated_flags(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(
            check(&["pod/x", "--from", "my dump.yaml", "--at=2026-01-01T00:00:00Z", "-o", "json"]),
            " --from 'my dump.yaml' --at 2026-01-01T00:00:00Z"
        );
        assert_eq!(check(&["-f", "-", "--nodepool", "spot.yaml"]), " -f FILE -f spot.yaml");
    }

    #[test]
    fn commands_stay_with_the_cluster_that_was_named() {
        let named: Vec<OsString> =
            ["pod/x", "--context", "my prod", "--as=ann", "-n", "shop"].map(OsString::from).to_vec();
        for (command, expected) in [
            ("kubectl get pods", "kubectl --context 'my prod' --as ann get pods"),
            (
                "kubectl patch pod x -p '[]' -o yaml | kubectl replace --force -f -",
                "kubectl --context 'my prod' --as ann patch pod x -p '[]' -o yaml | kubectl --context 'my prod' --as ann replace --force -f -",
            ),
            ("kubectl karp catalog", "kubectl karp catalog --context 'my prod' --as ann"),
            ("aws sso login", "aws sso login"),
        ] {
            assert_eq!(for_same_cluster(command, &named), expected);
            assert_eq!(for_same_cluster(command, &["pod/x".into()]), command);
        }
    }
}
