//! Tables of topology domains.

use karp_common::term::{Label, Style, Table};
use karp_core::explain::report::{DomainReport, TopologyReport};

use super::{View, line};

const DOMAINS_SHOWN: usize = 12;

/// One table per constraint.
pub(super) fn tables(reports: &[TopologyReport], view: &View, style: &Style) -> String {
    reports.iter().map(|report| format!("{}\n", table(report, view, style))).collect()
}

fn table(report: &TopologyReport, view: &View, style: &Style) -> String {
    let is_spread = report.kind == "spread";
    let mut text = line(style, "", "  ", &report.heading);
    if let Some(asker) = &report.asked_by {
        text.push_str(&line(style, "", "  ", &format!("asked by {asker}, not by this pod")));
    }
    let headers: &[&str] = if is_spread {
        &["DOMAIN", ">PODS", ">SKEW-IF-PLACED", "ALLOWED", ">NODEPOOLS"]
    } else {
        &["DOMAIN", ">PODS", "ALLOWED", ">NODEPOOLS", "WHO"]
    };
    let mut table = Table::new(headers.iter().copied()).no_headers(view.no_headers);
    let (shown, left_out) = shown(&report.domains, view);
    for domain in shown {
        let allowed = if domain.allowed { "yes" } else { "no" };
        let skew = domain.skew_if_placed.map_or("-".to_owned(), |skew| skew.to_string());
        let name = style.paint(Label::Name, &domain.domain);
        let (pods, pools) = (domain.pods.to_string(), domain.node_pools.to_string());
        if is_spread {
            table.row([name, pods, skew, allowed.to_owned(), pools]);
        } else {
            table.row([name, pods, allowed.to_owned(), pools, domain.who.clone().unwrap_or("-".to_owned())]);
        }
    }
    text.push_str(&table.render(style));
    if left_out > 0 {
        text.push_str(&format!("{} {left_out} more, all no (--all)\n", style.symbols.cut));
    }
    for note in &report.notes {
        text.push_str(&line(style, "", "  ", note));
    }
    text
}

/// Over twelve domains: the allowed ones and the emptiest three others.
fn shown<'r>(domains: &'r [DomainReport], view: &View) -> (Vec<&'r DomainReport>, usize) {
    if view.all || domains.len() <= DOMAINS_SHOWN {
        return (domains.iter().collect(), 0);
    }
    let mut refused: Vec<&DomainReport> = domains.iter().filter(|domain| !domain.allowed).collect();
    refused.sort_by_key(|domain| (domain.pods, &domain.domain));
    let allowed: Vec<&DomainReport> =
        domains.iter().filter(|domain| domain.allowed).take(DOMAINS_SHOWN).collect();
    let kept = refused.into_iter().take(3);
    let shown: Vec<&DomainReport> = allowed.into_iter().chain(kept).collect();
    let left_out = domains.len() - shown.len();
    (shown, left_out)
}
