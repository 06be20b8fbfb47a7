//! What Tab answers, against the built-in example and without a cluster.

use clap::Parser;
use jiff::Timestamp;

use super::*;
use crate::cli::{ClusterFlags, OutputFlags, ScopeFlags, SourceFlags};
use crate::term::Style;

#[derive(Debug, Parser)]
struct Cli {
    #[arg(add = Names::bare(&[Object::Pod]).and(&[Object::Deployment, Object::NodePool]))]
    objects: Vec<String>,
    #[arg(long, add = Names::behind_kind(&[Object::Deployment]).followed_by("="))]
    scale: Option<String>,
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn tab(words: &[&str]) -> String {
    let (mut out, captured) = Out::captured(Style::PIPE, Timestamp::UNIX_EPOCH);
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    answer(<Cli as clap::CommandFactory>::command(), "kubectl karp try", &words, &mut out);
    drop(out);
    captured.stdout()
}

#[test]
fn names_come_from_what_from_names() {
    const FROM: [&str; 2] = ["--from", "example:workshop"];
    let check = |words: &[&str], expected: &str| {
        let words: Vec<&str> = FROM.iter().chain(words).copied().collect();
        assert_eq!(tab(&words), expected, "{words:?}");
    };
    check(&["-n", "ml", "t"], "train-x7k2p\tPending\n:36\n");
    check(&["-n", "ml", "d"], "deploy/\n:38\n");
    check(&["deploy/"], "deploy/inflate\n:36\n");
    check(&["nodepool/"], "nodepool/spot\n:36\n");
    check(&["sts/"], ":36\n");
    check(&["--scale", ""], "deploy/inflate=\n:38\n");
    check(&["--scale=deploy/i"], "--scale=deploy/inflate=\n:38\n");
    check(&["-n", "s"], "shop\n:36\n");
}

#[test]
fn flags_are_offered_to_who_begins_one() {
    assert!(!tab(&["--from", "example:workshop", ""]).contains("--"));
    assert_eq!(tab(&["--kubeco"]), "--kubeconfig\tKubeconfig to use instead of $KUBECONFIG\n:36\n");
    assert_eq!(tab(&["-o", "y"]), "yaml\tYAML\n:36\n");
    assert_eq!(tab(&["--from", "example:"]), "example:workshop\tno cluster needed\n:36\n");
}

#[test]
fn a_cluster_that_is_not_there_gives_nothing() {
    assert_eq!(tab(&["--kubeconfig", "/nowhere/config", "--context", ""]), ":36\n");
    assert_eq!(tab(&["--kubeconfig", "/nowhere/config", "nodepool/"]), ":36\n");
}
