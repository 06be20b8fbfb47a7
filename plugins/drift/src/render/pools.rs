//! Tables of NodePools and NodeClaims.

use jiff::SignedDuration;
use karp_common::term::{Label, Table, age, duration, wrap};

use super::{View, plural};
use crate::report::PoolDrift;

impl View<'_> {
    pub(super) fn pools(&self) -> String {
        let headers = ["NODEPOOL", ">CLAIMS", ">DRIFTED", ">NEVER", ">ALLOWED", "OPENS", "DONE-BY"];
        let mut table = Table::new(headers).no_headers(self.options.no_headers);
        let shown: Vec<&PoolDrift> = self.report.node_pools.iter().filter(|pool| pool.drifted > 0).collect();
        let width = shown.iter().map(|pool| pool.name.len()).max().unwrap_or_default();
        let mut why = String::new();
        for pool in &shown {
            table.row([
                self.style.paint(Label::Name, &pool.name),
                pool.claims.to_string(),
                pool.drifted.to_string(),
                pool.never.to_string(),
                pool.allowed.map_or("all".to_owned(), |allowed| allowed.to_string()),
                self.opens(pool),
                pool.done_by.map_or("-".to_owned(), |done| self.clock(done)),
            ]);
            let sign =
                if pool.reason == "none" { format!("{} ", self.style.symbols.look) } else { String::new() };
            let first = format!("{:width$}  {sign}", pool.name);
            why.push_str(&wrap(self.style, &first, &" ".repeat(width + 2), &self.pool_why(pool)));
            if !why.ends_with('\n') {
                why.push('\n');
            }
        }
        format!("{}{why}", table.render(self.style))
    }

    pub(super) fn opens(&self, pool: &PoolDrift) -> String {
        match pool.opens {
            Some(opens) if opens <= self.report.taken_at => "now".to_owned(),
            Some(opens) => {
                let ahead = opens.duration_since(self.report.taken_at);
                format!("{} ({})", self.clock(opens), duration(ahead))
            }
            None => "never (7d)".to_owned(),
        }
    }

    pub(super) fn pool_why(&self, pool: &PoolDrift) -> String {
        let mut parts = Vec::new();
        match pool.reason {
            "none" => {
                let rolling = pool.drifted - pool.never;
                let others = if pool.other_budgets.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", pool.other_budgets.join("; "))
                };
                parts.push(format!("no budget covers Drifted: all {rolling} at once{others}"));
            }
            "schedule" => {
                parts.push(format!("{} wins now", pool.arithmetic));
                parts.extend(pool.then.as_ref().map(|then| format!("then {then}")));
            }
            _ => parts.push(pool.arithmetic.clone()),
        }
        let mut text = parts.join("; ");
        if pool.reason != "none" {
            text.push_str(&format!(", in use {}", pool.in_use));
        }
        if !pool.in_use_by.is_empty() {
            text.push_str(&format!(" ({})", self.in_use(pool)));
        }
        if pool.rounds > 0 {
            let round = duration(SignedDuration::from_secs(pool.round_seconds));
            text.push_str(&format!("; {} of about {round}", plural(pool.rounds, "round")));
        }
        text
    }

    /// `3 NotReady: a, b, c`.
    pub(super) fn in_use(&self, pool: &PoolDrift) -> String {
        let mut parts = Vec::new();
        for why in ["deleting", "rebooting", "NotReady"] {
            let nodes: Vec<&str> =
                pool.in_use_by.iter().filter(|one| one.why == why).map(|one| one.node.as_str()).collect();
            if !nodes.is_empty() {
                parts.push(format!("{} {why}: {}", nodes.len(), self.listed(&nodes)));
            }
        }
        parts.join("; ")
    }

    pub(super) fn claims(&self) -> String {
        let headers = ["NAME", "NODEPOOL", "REASON", "CONTROLLER", "BLOCKED-BY", "ROLLS", ">AGE"];
        let mut table = Table::new(headers).no_headers(self.options.no_headers);
        for claim in &self.report.node_claims {
            let mut reasons: Vec<&str> = claim.reasons.iter().map(|reason| reason.reason).collect();
            reasons.dedup();
            let none = || "<none>".to_owned();
            let mut blockers: Vec<&str> =
                claim.blocked_by.iter().map(|blocker| blocker.cause.unwrap_or(blocker.code)).collect();
            blockers.dedup();
            let rolls = match (claim.never, claim.rolls) {
                _ if claim.reasons.is_empty() => "-".to_owned(),
                (true, _) => "never".to_owned(),
                (_, Some(rolls)) if rolls <= self.report.taken_at => "now".to_owned(),
                (_, Some(rolls)) => self.clock(rolls),
                _ => "<unknown>".to_owned(),
            };
            table.row([
                self.style.paint(Label::Name, &claim.name),
                claim.node_pool.as_deref().unwrap_or("<none>").to_owned(),
                if reasons.is_empty() { none() } else { reasons.join(",") },
                claim.controller.to_owned(),
                if blockers.is_empty() { none() } else { blockers.join(",") },
                rolls,
                claim.created.map_or("<unknown>".to_owned(), |created| age(created, self.report.taken_at)),
            ]);
        }
        if table.is_empty() { String::new() } else { table.render(self.style) }
    }
}
