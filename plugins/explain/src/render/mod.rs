//! From the report to the screen: grouped, one answer, one NodePool stage by stage, names only.
//!
//! Everything here is text at a width; the report has all the facts.

mod changes;
mod foot;
mod funnel;
mod grouped;
mod matrix;
mod single;
mod topology;

use karp_common::term::{Label, Style, wrap};
use karp_core::explain::report::{Explanation, Group, Verdict};

use crate::sort::SortBy;

pub(crate) use funnel::funnel_view;

/// What the screens need to know besides the report.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Nothing is cut.
    pub(crate) all: bool,
    /// More columns.
    pub(crate) wide: bool,
    /// Print Karpenter's own message.
    pub(crate) event: bool,
    /// Leave headers out.
    pub(crate) no_headers: bool,
    /// What was asked about, where it was one workload: `deploy/web -n shop`.
    pub(crate) subject: Option<String>,
    /// The command that explains an owner: `kubectl karp explain {} --from dump.yaml`.
    pub(crate) command_suffix: String,
    /// Where prices come from.
    pub(crate) prices: Option<String>,
    /// Whether all pending pods were asked for.
    pub(crate) is_overview: bool,
    /// Whose pods were asked for; none = those of all namespaces.
    pub(crate) namespace: Option<String>,
}

/// The whole screen.
pub(crate) fn table(report: &Explanation, view: &View, style: &Style) -> String {
    let text = match report.groups.as_slice() {
        [] if !view.is_overview => "No pending pod is selected.\n".to_owned(),
        [] => match &view.namespace {
            Some(namespace) => format!("No pod is pending in namespace {namespace}.\n"),
            None => "No pod is pending.\n".to_owned(),
        },
        [only] if !view.is_overview => single::single(only, view, style),
        _ => grouped::grouped(report, view, style),
    };
    let mut screen = text;
    let foot = foot::foot(report, view, style);
    if !foot.is_empty() {
        if !ends_with_table(&screen) {
            screen.push('\n');
        }
        screen.push_str(&foot);
    }
    screen.push_str(&tail(report, view, style));
    screen
}

/// Foot lines follow a table directly, as they speak of its numbers.
fn ends_with_table(screen: &str) -> bool {
    screen.lines().next_back().is_some_and(str::is_empty)
}

/// The actions, last: changes and next of one answer, or the next command of the overview.
fn tail(report: &Explanation, view: &View, style: &Style) -> String {
    match report.groups.as_slice() {
        [] => String::new(),
        [only] if !view.is_overview => {
            let mut text = changes::changes(only, style);
            let next = changes::next(&only.next, style);
            if !next.is_empty() {
                text.push('\n');
                text.push_str(&next);
            }
            text
        }
        groups => grouped::next(groups, view, style),
    }
}

/// Names of pods that will not schedule, for xargs.
pub(crate) fn names(report: &Explanation, sort: Option<SortBy>) -> String {
    let not_yes = report.groups.iter().filter(|group| group.verdict != Verdict::Yes);
    sort.unwrap_or(SortBy::Pods)
        .flat(not_yes)
        .into_iter()
        .map(|pod| format!("pod/{} -n {}\n", pod.name, pod.namespace))
        .collect()
}

/// The label of a verdict's words.
fn verdict_label(verdict: Verdict) -> Label {
    match verdict {
        Verdict::Yes => Label::VerdictOk,
        Verdict::No => Label::VerdictNo,
        Verdict::Wait | Verdict::Unknown => Label::Hint,
    }
}

/// The sign in front of a group.
fn sign(group: &Group, style: &Style) -> String {
    let sign = match group.verdict {
        Verdict::Yes => style.symbols.yes,
        Verdict::No => style.symbols.no,
        Verdict::Wait | Verdict::Unknown => style.symbols.look,
    };
    style.paint(verdict_label(group.verdict), sign)
}

/// Signs of the terminal in place of ASCII ones. Never for what is pasted.
fn signs(style: &Style, text: &str) -> String {
    let symbols = style.symbols;
    if symbols.cut == "..." {
        return text.to_owned();
    }
    text.replace("<=$", &format!("{}$", symbols.at_most))
        .replace(" -> ", &format!(" {} ", symbols.becomes))
        .replace("... ", &format!("{} ", symbols.cut))
}

/// A wrapped line with its end.
fn line(style: &Style, first: &str, rest: &str, text: &str) -> String {
    format!("{}\n", wrap(style, first, rest, &signs(style, text)))
}
