//! What is in the way of nodes, and whether Karpenter says the same.

use karp_common::term::wrap;

use super::{CUT, View};

impl View<'_> {
    pub(super) fn blocked(&self) -> String {
        let mut lines = Vec::new();
        let drifted = self.report.node_claims.iter().filter(|claim| !claim.reasons.is_empty());
        for claim in drifted {
            for blocker in &claim.blocked_by {
                let about_pods = blocker.namespace.is_some();
                let (sign, note) = if claim.overridden && about_pods {
                    (self.style.symbols.yes, "; passed by its terminationGracePeriod".to_owned())
                } else if blocker.permanent {
                    (self.style.symbols.no, String::new())
                } else {
                    let until = blocker.until.map(|until| format!(" until {}", self.clock(until)));
                    (self.style.symbols.look, until.unwrap_or_default())
                };
                let first = format!("{sign} {}  ", claim.name);
                let text = format!("{}{note}", blocker.text);
                lines.push(wrap(self.style, &first, "  ", &text).trim_end_matches('\n').to_owned());
            }
            if let Some(expires) = claim.expires {
                let text = format!("expires {} before it rolls", self.clock(expires));
                lines.push(format!("{} {}  {text}", self.style.symbols.look, claim.name));
            }
        }
        let total = lines.len();
        if !self.options.all && total > CUT {
            lines.truncate(CUT);
            lines.push(format!("{} {} more (--all)", self.style.symbols.cut, total - CUT));
        }
        if let Some(agreement) = self.agreement() {
            lines.push(agreement);
        }
        if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" }
    }

    /// `Karpenter agrees on 13; not there yet on 1 (spot-k8w1c; it looks every 5m)`.
    pub(super) fn agreement(&self) -> Option<String> {
        let of = |view: &'static str| {
            self.report.node_claims.iter().filter(move |claim| {
                claim.controller == view && (!claim.reasons.is_empty() || view == "differs")
            })
        };
        let names = |view: &'static str| of(view).map(|claim| claim.name.as_str()).collect::<Vec<_>>();
        let mut parts = Vec::new();
        let agrees = of("agrees").count();
        if agrees > 0 {
            parts.push(format!("agrees on {agrees}"));
        }
        let told = of("told").count();
        if told > 0 {
            parts.push(format!("says so itself on {told}, which cannot be looked at from here"));
        }
        let not_yet = names("not-yet");
        if !not_yet.is_empty() {
            parts.push(format!(
                "not there yet on {} ({}; it looks every 5m)",
                not_yet.len(),
                self.listed(&not_yet)
            ));
        }
        let differs: Vec<String> = of("differs")
            .map(|claim| {
                format!(
                    "{}: says {}",
                    claim.name,
                    claim.controller_reason.as_deref().unwrap_or("not drifted")
                )
            })
            .collect();
        if !differs.is_empty() {
            let names: Vec<&str> = differs.iter().map(String::as_str).collect();
            parts.push(format!("differs on {} ({})", differs.len(), self.listed(&names)));
        }
        let text = format!("Karpenter {}", parts.join("; "));
        (!parts.is_empty()).then(|| wrap(self.style, "", "  ", &text).trim_end_matches('\n').to_owned())
    }
}
