//! Words and names of the screens of `drain`.

use compact_str::CompactString;
use jiff::SignedDuration;
use karp_common::term::{Style, duration};
use karp_core::drain::report::DrainPlan;

/// The DNS suffix that all node names share, with its dot; empty on a pipe or where there is none.
pub(crate) fn shared_suffix(plan: &DrainPlan, style: &Style) -> String {
    if style.is_pipe() || style.is_wide() {
        return String::new();
    }
    let mut names = plan.nodes.iter().map(|node| node.name.as_str());
    let Some((_, suffix)) = names.next().and_then(|first| first.split_once('.')) else {
        return String::new();
    };
    let suffix = format!(".{suffix}");
    if names.all(|name| name.ends_with(&suffix)) { suffix } else { String::new() }
}

/// A node's name without the suffix.
pub(crate) fn short<'n>(name: &'n str, suffix: &str) -> &'n str {
    if suffix.is_empty() { name } else { name.strip_suffix(suffix).unwrap_or(name) }
}

/// `about 7m`, to the minute from two minutes on.
pub(crate) fn about(seconds: i64) -> String {
    let rounded = if seconds < 120 { seconds } else { (seconds + 30) / 60 * 60 };
    format!("about {}", duration(SignedDuration::from_secs(rounded)))
}

/// `1 pod`, `2 pods`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `node/a`, `2 nodes`.
pub(crate) fn subject(names: &[&CompactString]) -> String {
    match names {
        [one] => format!("node/{one}"),
        many => format!("{} nodes", many.len()),
    }
}
