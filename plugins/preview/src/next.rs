//! What to do next, as text to paste.

use std::ffi::OsString;

use karp_common::cli::{quoted, repeated_flags};
use karp_core::preview::Preview;

use crate::cli::Cli;

/// The command, or nothing where there is nothing to do.
pub(crate) fn next(report: &Preview, cli: &Cli, arguments: &[OsString]) -> String {
    let is_explained = cli.scale.is_empty() && cli.without.is_empty();
    if report.diff.is_none()
        && let Some(group) = report.pending.first().filter(|_| is_explained)
    {
        let name = group.owner.words();
        return format!("kubectl karp explain {name}{}", repeated_flags(arguments));
    }
    if report.summary.pending > 0 && report.diff.is_none() {
        return String::new();
    }
    let context = cli.cluster.context.as_deref();
    let context = context.map(|name| format!(" --context {}", quoted(name))).unwrap_or_default();
    let files: Vec<&String> = cli.source.filename.iter().chain(&cli.nodepool).collect();
    let namespace = cli.scope.namespace.as_deref().map(|name| format!(" -n {name}")).unwrap_or_default();
    if !files.is_empty() {
        let named = |file: &&String| if *file == "-" { "FILE".to_owned() } else { quoted(file) };
        let files: Vec<String> = files.iter().map(|file| format!(" -f {}", named(file))).collect();
        return format!("kubectl apply{}{namespace}{context}", files.concat());
    }
    if let Some((object, replicas)) = cli.scale.first().and_then(|words| words.rsplit_once('=')) {
        return format!("kubectl scale {object} --replicas={replicas}{namespace}{context}");
    }
    if let Some(node) = cli.without.first() {
        let node = node.rsplit('/').next().unwrap_or(node);
        return format!("kubectl karp drain {node} --ignore-daemonsets{context}");
    }
    String::new()
}
