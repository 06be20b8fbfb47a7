//! The report as text: verdict, evidence, what to do.

mod blocked;
mod foot;
mod groups;
mod pools;

use jiff::{Timestamp, tz::TimeZone};
use karp_common::term::{Label, Style, clock, command};

use crate::report::{ClaimReport, DriftReport};

/// Lists end here unless `--all`.
const CUT: usize = 10;

/// How it is drawn.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// Width, colour, symbols.
    pub style: Style,
    /// Zone of clock times.
    pub time_zone: TimeZone,
    /// A row per NodeClaim.
    pub wide: bool,
    /// Do not shorten lists.
    pub all: bool,
    /// Leave out headers.
    pub no_headers: bool,
}

/// The whole screen.
pub fn render(report: &DriftReport, options: &RenderOptions) -> String {
    let view = View { report, options, style: &options.style };
    let mut blocks = vec![view.verdict()];
    if report.summary.drifted > 0 {
        blocks.push(view.pools());
    }
    if options.wide || report.target.is_some() {
        blocks.push(view.claims());
    }
    blocks.push(view.groups());
    blocks.push(view.blocked());
    if let Some(preview) = &report.ami_preview {
        blocks.push(view.preview(preview));
    }
    blocks.push(view.foot());
    blocks.push(view.next());
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n")
}

struct View<'a> {
    report: &'a DriftReport,
    options: &'a RenderOptions,
    style: &'a Style,
}

fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

impl View<'_> {
    fn clock(&self, at: Timestamp) -> String {
        clock(at, self.report.taken_at, &self.options.time_zone)
    }

    fn verdict(&self) -> String {
        let summary = self.report.summary;
        let single =
            self.report.node_claims.first().filter(|_| {
                self.report.target.as_ref().is_some_and(|target| !target.starts_with("nodepool/"))
            });
        if let Some(claim) = single {
            return format!("{}\n", self.claim_verdict(claim));
        }
        let of = match &self.report.target {
            Some(target) => format!(" of {target}"),
            None => String::new(),
        };
        if summary.drifted == 0 {
            let checked = self.checked();
            let text = match summary.claims {
                0 => format!("There is no NodeClaim{of}."),
                claims => format!("No NodeClaim{of} is drifted ({claims} checked by {checked})."),
            };
            return format!("{}\n", self.style.paint(Label::VerdictOk, &text));
        }
        let (subject, are) = if summary.claims == 1 { ("NodeClaim", "is") } else { ("NodeClaims", "are") };
        let known = if self.is_partial() { ", as far as the cluster tells" } else { "" };
        let never = match summary.never {
            0 => String::new(),
            1 if summary.claims == 1 => "; it can never roll".to_owned(),
            never => format!("; {never} can never roll"),
        };
        let shut =
            self.report.node_pools.iter().filter(|pool| pool.drifted > 0).all(|pool| pool.allowed == Some(0));
        let shut = if shut && summary.never < summary.drifted { "; none may go now" } else { "" };
        let text = format!(
            "{} of {} {subject}{of} {are} drifted{known}{never}{shut}.",
            summary.drifted, summary.claims
        );
        format!("{}\n", self.style.paint(Label::VerdictNo, &text))
    }

    fn claim_verdict(&self, claim: &ClaimReport) -> String {
        let node = match &claim.node {
            Some(node) => format!(" (node/{node})"),
            None => String::new(),
        };
        if claim.reasons.is_empty() {
            let text = match claim.skipped {
                Some(skipped) => format!("nodeclaim/{}{node} is not looked at: {skipped}.", claim.name),
                None => {
                    format!("nodeclaim/{}{node} is not drifted (checked by {}).", claim.name, self.checked())
                }
            };
            return self.style.paint(Label::VerdictOk, &text);
        }
        let mut names: Vec<&str> = claim.reasons.iter().map(|reason| reason.reason).collect();
        names.dedup();
        let rolls = match (claim.never, claim.rolls) {
            (true, _) => "it can never roll".to_owned(),
            (_, Some(rolls)) if rolls <= self.report.taken_at => "it may go now".to_owned(),
            (_, Some(rolls)) => format!("it rolls about {}", self.clock(rolls)),
            _ => "when it rolls is not known".to_owned(),
        };
        let text = format!("nodeclaim/{}{node} is drifted: {}; {rolls}.", claim.name, names.join(", "));
        self.style.paint(Label::VerdictNo, &text)
    }

    /// `9 reasons`, or `5 of 9 reasons` where some could not be looked at.
    fn checked(&self) -> String {
        let mut unchecked: Vec<&str> = self
            .report
            .node_claims
            .iter()
            .flat_map(|claim| claim.unchecked.iter().map(|unchecked| unchecked.reason))
            .collect();
        unchecked.sort_unstable();
        unchecked.dedup();
        let all = self.report.summary.reasons;
        match unchecked.len() {
            0 => format!("{all} reasons"),
            missing => format!("{} of {all} reasons", all - missing),
        }
    }

    fn is_partial(&self) -> bool {
        !self.report.not_read.is_empty()
    }

    fn listed(&self, names: &[&str]) -> String {
        if self.options.all || names.len() <= CUT {
            return names.join(", ");
        }
        format!("{}, {} {} more", names[..CUT].join(", "), self.style.symbols.cut, names.len() - CUT)
    }

    fn next(&self) -> String {
        let next = &self.report.next;
        let mut text = String::new();
        for (position, line) in next.iter().enumerate() {
            let first = match (next.len(), position) {
                (1, _) => "next: ".to_owned(),
                (_, position) => format!("{} ", position + 1),
            };
            text.push_str(&command(self.style, &first, "  ", line));
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        if next.len() > 1 { format!("next, any of these helps:\n{text}") } else { text }
    }
}
