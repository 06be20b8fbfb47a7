//! The report as text: verdict, evidence, what to do.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use karp_common::term::{Label, Style, Table, age, clock, command, duration, wrap};

use crate::images::short_name;
use crate::report::{ClaimReport, DriftGroup, DriftReport, ImageReport, PoolDrift, ReasonReport};

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

    fn pools(&self) -> String {
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

    fn opens(&self, pool: &PoolDrift) -> String {
        match pool.opens {
            Some(opens) if opens <= self.report.taken_at => "now".to_owned(),
            Some(opens) => {
                let ahead = opens.duration_since(self.report.taken_at);
                format!("{} ({})", self.clock(opens), duration(ahead))
            }
            None => "never (7d)".to_owned(),
        }
    }

    fn pool_why(&self, pool: &PoolDrift) -> String {
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
    fn in_use(&self, pool: &PoolDrift) -> String {
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

    fn listed(&self, names: &[&str]) -> String {
        if self.options.all || names.len() <= CUT {
            return names.join(", ");
        }
        format!("{}, {} {} more", names[..CUT].join(", "), self.style.symbols.cut, names.len() - CUT)
    }

    fn claims(&self) -> String {
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

    fn groups(&self) -> String {
        let all = &self.report.groups;
        let shown = if self.options.all { all.len() } else { all.len().min(CUT) };
        let mut text: String = all[..shown].iter().map(|group| self.group(group)).collect();
        if shown < all.len() {
            let claims: usize = all[shown..].iter().map(|group| group.claims.len()).sum();
            text.push_str(&format!(
                "{} {} more reasons, {claims} NodeClaims (--all)\n",
                self.style.symbols.cut,
                all.len() - shown
            ));
        }
        text
    }

    fn group(&self, group: &DriftGroup) -> String {
        const INDENT: &str = "       ";
        let mut head = format!("{}: {} of NodePool {}", group.reason, group.claims.len(), group.node_pool);
        if let Some(class) = &group.node_class {
            head.push_str(&format!(", {class}"));
        }
        if let Some(alias) = &group.alias {
            head.push_str(&format!(", alias {alias}"));
        }
        let mut text = format!("{head}\n");
        if !group.images.is_empty() {
            text.push_str(&self.images(&group.images));
        } else if group.fields.is_empty() {
            let why = match group.reason {
                "NodeClassDrift" => "the hashes differ; which field cannot be told from the hash alone",
                _ => "as Karpenter says; the field cannot be seen from here",
            };
            text.push_str(&format!("{INDENT}{why}\n"));
        }
        for field in &group.fields {
            let line = wrap(self.style, INDENT, &format!("{INDENT}  "), &field_text(field));
            text.push_str(line.trim_end_matches('\n'));
            text.push('\n');
        }
        text
    }

    fn images(&self, images: &[ImageReport]) -> String {
        let several = images.len() > 2;
        let mut headers = vec!["", "AMI", "NAME", "K8S", ">AGE"];
        if several {
            headers.push(">CLAIMS");
        }
        let mut table = Table::new(headers).no_headers(self.options.no_headers);
        for image in images {
            let unknown = || "<unknown>".to_owned();
            let mut row = vec![
                format!("{:5}", image.side),
                image.id.as_deref().unwrap_or("<none>").to_owned(),
                image.name.as_deref().map_or_else(unknown, short_name),
                image.kubernetes.clone().unwrap_or_else(unknown),
                image.created.map_or_else(unknown, |made| age(made, self.report.taken_at)),
            ];
            if several {
                row.push(image.claims.to_string());
            }
            table.row(row);
        }
        table.render(self.style)
    }

    fn blocked(&self) -> String {
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
    fn agreement(&self) -> Option<String> {
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

    fn preview(&self, preview: &crate::report::AmiPreview) -> String {
        let mut text = format!("control plane {}:\n", preview.version);
        for class in &preview.node_classes {
            let outcome = match class.kind {
                "follows" if class.parameters.iter().all(|parameter| parameter.state == "not-read") => {
                    "follows the version; SSM not read, so which images is not known".to_owned()
                }
                "follows" => format!(
                    "{} would drift, {} would have no image",
                    plural(class.would_drift, "NodeClaim"),
                    class.without_image
                ),
                "refused" => {
                    format!("{} no images there: its NodePools become NotReady", self.style.symbols.no)
                }
                _ => "stays: its images do not follow the version".to_owned(),
            };
            text.push_str(&format!("ec2nodeclass/{}  {}: {outcome}\n", class.name, class.selected_by));
            for parameter in
                class.parameters.iter().filter(|parameter| parameter.claims > 0 || self.options.all)
            {
                let (sign, what) = match (parameter.state, &parameter.image) {
                    ("found", Some(image)) => (self.style.symbols.yes, image.to_string()),
                    ("missing", _) => (self.style.symbols.no, "no such parameter".to_owned()),
                    _ => (self.style.symbols.todo, "not read".to_owned()),
                };
                let claims = plural(parameter.claims, "NodeClaim");
                text.push_str(&format!("  {sign} {}  {what}, {claims}\n", parameter.serves));
            }
        }
        text
    }

    fn foot(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for skew in &self.report.skew {
            let behind = match skew.behind {
                behind if behind > 0 => format!("{} behind", plural(behind as usize, "minor version")),
                behind => format!("{} ahead of", plural(behind.unsigned_abs() as usize, "minor version")),
            };
            let sign = if skew.behind >= 3 || skew.behind < 0 { "! " } else { "" };
            lines.push(format!(
                "{sign}kubelet {} on {}: {behind} the control plane ({})",
                skew.kubelet,
                plural(skew.nodes, "node"),
                skew.control_plane
            ));
        }
        for (why, claims, reasons) in self.unknown() {
            lines.push(format!("unknown: {} of {}: {why}", reasons.join(", "), plural(claims, "NodeClaim")));
        }
        for gap in &self.report.gaps {
            lines.push(format!("not read: {} ({})", gap.kind, gap.reason));
        }
        for missing in &self.report.not_read {
            lines.push(format!(
                "not read: {} ({}): {}",
                missing.what,
                missing.why,
                missing.missing.join(", ")
            ));
        }
        lines.extend(self.report.not_modelled.iter().map(|note| format!("not modelled: {note}")));
        lines.extend(self.report.uncertain.iter().map(|note| format!("uncertain: {note}")));
        lines
            .iter()
            .map(|line| {
                let wrapped = wrap(self.style, "", "  ", line);
                format!("{}\n", self.style.paint(Label::Muted, wrapped.trim_end_matches('\n')))
            })
            .collect()
    }

    /// What could not be looked at for another reason than AWS not being read: why, NodeClaims, reasons.
    fn unknown(&self) -> Vec<(String, usize, Vec<&'static str>)> {
        let mut found: Vec<(String, usize, Vec<&'static str>)> = Vec::new();
        let asked = self.report.not_read.iter().map(|missing| missing.why.as_str()).collect::<Vec<_>>();
        for claim in &self.report.node_claims {
            for unchecked in &claim.unchecked {
                if unchecked.why == "EC2 not read" || asked.contains(&unchecked.why.as_str()) {
                    continue;
                }
                match found.iter_mut().find(|(why, ..)| *why == unchecked.why) {
                    Some((_, claims, reasons)) => {
                        if reasons.first() == Some(&unchecked.reason) {
                            *claims += 1;
                        }
                        if !reasons.contains(&unchecked.reason) {
                            reasons.push(unchecked.reason);
                        }
                    }
                    None => found.push((unchecked.why.clone(), 1, vec![unchecked.reason])),
                }
            }
        }
        found
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

fn field_text(field: &ReasonReport) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "<none>".to_owned());
    let possibly = if field.possibly { " (possibly)" } else { "" };
    let name = field.field.as_deref().unwrap_or("<unknown>");
    format!("{name}: has {}, wants {}{possibly}", value(&field.has), value(&field.wants))
}
