//! The plan as people read it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use karp_common::term::{Label, Style, Table, age, clock, dollars_per_hour, visible_width, wrap};
use karp_core::drain::report::{
    Change, DrainPlan, LandsOn, PlanVerdict, PlannedNode, PlannedPod, PodAction, Termination, Then,
};

use crate::words::{about, count, shared_suffix, short, subject};

/// Rows and changes beyond which a list is cut.
const LIST_LENGTH: usize = 10;

/// How a plan is printed.
pub struct RenderOptions {
    /// Looks.
    pub style: Style,
    /// Zone of clock times.
    pub time_zone: TimeZone,
    /// More columns.
    pub wide: bool,
    /// Lists are not cut.
    pub all: bool,
    /// Tables without headers.
    pub no_headers: bool,
    /// What the foot line `prices:` says.
    pub prices: Option<String>,
}

/// The whole screen.
pub fn render(plan: &DrainPlan, options: &RenderOptions) -> String {
    let screen = Screen { plan, options, suffix: shared_suffix(plan, &options.style) };
    let mut text = screen.verdict();
    text.push('\n');
    if plan.nodes.len() > 1 {
        text.push_str(&screen.nodes());
    }
    text.push_str(&screen.pods());
    text.push_str(&screen.terminations());
    text.push_str(&screen.foot());
    text.push_str(&screen.changes());
    text
}

struct Screen<'a> {
    plan: &'a DrainPlan,
    options: &'a RenderOptions,
    suffix: String,
}

impl Screen<'_> {
    fn verdict(&self) -> String {
        let plan = self.plan;
        let names: Vec<_> = plan.nodes.iter().map(|node| &node.name).collect();
        let subject = self.paint(Label::Name, &subject(&names));
        let all = plan.pods().count();
        let line = if plan.verdict == PlanVerdict::Refused {
            let refused = self.paint(Label::VerdictNo, "cannot be drained");
            let verb = if plan.count(PodAction::Refuse) == 1 { "refuses" } else { "refuse" };
            let number = self
                .paint(Label::Number, &format!("{} of {}", plan.count(PodAction::Refuse), count(all, "pod")));
            format!("{subject} {refused}: {number} {verb}.\nNothing was changed.")
        } else {
            let go = self.paint(Label::VerdictOk, "can be drained");
            let leaving = plan.count(PodAction::Evict) + plan.count(PodAction::Wait);
            match leaving {
                0 => format!("{subject} {go}: no pod has to go."),
                _ => {
                    let verb = if leaving == 1 { "goes" } else { "go" };
                    format!(
                        "{subject} {go}: {} of {} {verb}, {}.",
                        leaving,
                        count(all, "pod"),
                        about(plan.seconds)
                    )
                }
            }
        };
        let extra: Vec<String> =
            self.plan.uncertain.iter().filter(|note| note.starts_with("PDBs not read")).cloned().collect();
        let extra = extra.iter().map(|note| format!("! {note}\n")).collect::<String>();
        format!("{line}\n{extra}")
    }

    fn nodes(&self) -> String {
        let mut table =
            Table::new(["NAME", ">EVICT", ">WAIT", ">REFUSE", "TIME"]).no_headers(self.options.no_headers);
        for node in &self.plan.nodes {
            table.row([
                short(&node.name, &self.suffix).to_owned(),
                node.count(PodAction::Evict).to_string(),
                node.count(PodAction::Wait).to_string(),
                node.count(PodAction::Refuse).to_string(),
                about(node.seconds),
            ]);
        }
        format!("{}\n", table.render(&self.options.style))
    }

    /// One node: all its pods. Several: those that refuse or wait, of all.
    fn pods(&self) -> String {
        let several = self.plan.nodes.len() > 1;
        let mut rows: Vec<Row<'_>> = Vec::new();
        for node in &self.plan.nodes {
            for pod in &node.pods {
                if several && !matches!(pod.action, PodAction::Refuse | PodAction::Wait) && !self.options.all
                {
                    continue;
                }
                let why = self.why(node, pod);
                let lands = self.lands(pod);
                let same = rows.iter_mut().find(|row| {
                    let first = row.pods[0];
                    first.namespace == pod.namespace
                        && first.action == pod.action
                        && row.why == why
                        && row.lands == lands
                        && (first.owner == pod.owner || is_daemon(first) && is_daemon(pod))
                        && pod.action != PodAction::Refuse
                });
                match same {
                    Some(row) => row.pods.push(pod),
                    None => rows.push(Row { node, pods: vec![pod], why, lands }),
                }
            }
        }
        rows.sort_by_key(|row| row.pods[0].action);
        if rows.is_empty() {
            return String::new();
        }
        let cut = rows.len().saturating_sub(if self.options.all { usize::MAX } else { LIST_LENGTH });
        let cut = if cut < 3 { 0 } else { cut };
        let hidden: usize = rows[rows.len() - cut..].iter().map(|row| row.pods.len()).sum();
        rows.truncate(rows.len() - cut);
        let mut text = self.table(&rows, several);
        if cut > 0 {
            text.push_str(&format!(
                "{} {} more rows, {} (--all)\n",
                self.options.style.symbols.cut,
                cut,
                count(hidden, "pod")
            ));
        }
        text
    }

    fn table(&self, rows: &[Row<'_>], several: bool) -> String {
        let mut headers = vec!["NAMESPACE", "NAME", "ACTION", "LANDS-ON"];
        if several {
            headers.insert(0, "NODE");
        }
        if self.options.wide {
            headers.extend(["PDB", ">GRACE", "VOLUMES"]);
        }
        headers.push("WHY");
        let cells = |row: &Row<'_>| {
            let first = row.pods[0];
            let mut cells = vec![
                first.namespace.to_string(),
                row.name(),
                action(first.action).to_owned(),
                row.lands.clone(),
            ];
            if several {
                cells.insert(0, short(&row.node.name, &self.suffix).to_owned());
            }
            if self.options.wide {
                let pdbs: Vec<&str> = first.pdbs.iter().map(|pdb| pdb.name.as_str()).collect();
                let volumes: Vec<&str> = first.volumes.iter().map(|volume| volume.volume.as_str()).collect();
                cells.extend([or_none(&pdbs), format!("{}s", first.grace_seconds), or_none(&volumes)]);
            }
            cells
        };
        // A long WHY wraps under itself instead of widening the table.
        let width_of = |at: usize| {
            let widest = rows.iter().map(|row| visible_width(&cells(row)[at])).max().unwrap_or(0);
            widest.max(headers[at].trim_start_matches('>').len()) + 2
        };
        let before: usize = (0..headers.len() - 1).map(width_of).sum();
        let room = self.options.style.width().saturating_sub(before).max(20);
        let mut table = Table::new(headers.iter().copied()).no_headers(self.options.no_headers);
        let narrow = Style { columns: self.options.style.columns.map(|_| room), ..self.options.style };
        for row in rows {
            let mut line = cells(row);
            if row.pods[0].action == PodAction::Refuse {
                let at = line.iter().position(|cell| cell == "refuse").unwrap_or(0);
                line[at] = self.paint(Label::VerdictNo, "refuse");
            }
            let wrapped = wrap(&narrow, "", "", &row.why);
            let mut parts = wrapped.lines();
            line.push(parts.next().unwrap_or_default().to_owned());
            table.row(line.clone());
            for part in parts {
                let mut rest = vec![String::new(); line.len() - 1];
                rest.push(part.to_owned());
                table.row(rest);
            }
        }
        table.render(&self.options.style)
    }

    fn why(&self, node: &PlannedNode, pod: &PlannedPod) -> String {
        let mut words: Vec<String> = pod
            .blocked_by
            .iter()
            .map(|blocked| match blocked.until {
                Some(until) if node.termination.is_some() && blocked.is_held() => {
                    format!("{}; deleted outright at {}", blocked.why, self.clock(until))
                }
                Some(until) => format!("{} to {}", blocked.why, self.clock(until)),
                None => blocked.why.clone(),
            })
            .collect();
        if words.is_empty() {
            words.extend(Some(pod.why.clone()).filter(|why| !why.is_empty()));
            words.extend(pod.warning.map(|allowed| allowed.words().to_owned()));
        }
        words.join("; ")
    }

    fn lands(&self, pod: &PlannedPod) -> String {
        match &pod.lands_on {
            None => "-".to_owned(),
            Some(LandsOn::Node { node }) => short(node, &self.suffix).to_owned(),
            Some(LandsOn::NewNode { new_node }) => format!("new {new_node}"),
            Some(LandsOn::Nowhere { .. }) => "nowhere".to_owned(),
        }
    }

    fn terminations(&self) -> String {
        self.plan
            .nodes
            .iter()
            .filter_map(|node| {
                node.termination.as_ref().map(|termination| self.termination(node, termination))
            })
            .collect()
    }

    fn termination(&self, node: &PlannedNode, termination: &Termination) -> String {
        let since = age(termination.since, self.plan.taken_at);
        let end = match termination.deadline {
            Some(deadline) => {
                format!("it ends by {} whatever pods say (terminationGracePeriod)", self.clock(deadline))
            }
            None => "no terminationGracePeriod, so there is no deadline: it waits for ever".to_owned(),
        };
        let waits = match termination.waits_for.len() {
            0 => "waits for no pod".to_owned(),
            number => format!("waits for {}", count(number, "pod")),
        };
        let head = format!(
            "Karpenter takes node/{} out since {since}: it {}, {waits}; {end}.",
            short(&node.name, &self.suffix),
            termination.phase
        );
        let mut text = format!("\n{}\n", wrap(&self.options.style, "", "", &head));
        for wait in termination.waits_for.iter().take(LIST_LENGTH) {
            let forced = wait.forced_at.map(|at| format!("; deleted outright at {}", self.clock(at)));
            let line =
                format!("pod/{} -n {}: {}{}", wait.pod, wait.namespace, wait.why, forced.unwrap_or_default());
            text.push_str(&wrap(&self.options.style, "  ", "    ", &line));
            text.push('\n');
        }
        let claim =
            node.node_claim.as_ref().map_or("its NodeClaim".to_owned(), |claim| format!("nodeclaim/{claim}"));
        let note = format!(
            "Draining a node is not deleting {claim}: that is under way, and goes on whether or not you drain."
        );
        text.push_str(&wrap(&self.options.style, "", "", &note));
        text.push('\n');
        text
    }

    fn foot(&self) -> String {
        let style = &self.options.style;
        let mut lines: Vec<String> = Vec::new();
        for new in &self.plan.new_node_claims {
            lines.push(wrap(style, &format!("new {}: ", new.name), "  ", &new.words));
        }
        let leaving = self.plan.count(PodAction::Evict) + self.plan.count(PodAction::Wait);
        if leaving > 0 {
            let slowest =
                self.plan.pods().filter(|pod| pod.action != PodAction::Refuse).max_by_key(|pod| pod.rounds);
            let rounds = slowest
                .filter(|pod| pod.rounds > 1)
                .map(|pod| format!(" ({}: {} rounds)", pod.owner.short(), pod.rounds));
            let managed = self.plan.nodes.iter().any(|node| node.node_claim.is_some());
            let then = match self.plan.then {
                Then::NodeClaimDeleted => " Ends with the deletion of the NodeClaim.".to_owned(),
                Then::Cordoned if self.plan.nodes.iter().all(|node| node.termination.is_some()) => {
                    String::new()
                }
                Then::Cordoned if managed => format!(
                    " {} cordoned and billed{} unless --delete-nodeclaim",
                    if self.plan.nodes.len() == 1 { "Node stays" } else { "Nodes stay" },
                    self.plan
                        .nodes
                        .iter()
                        .filter_map(|node| node.price_usd_per_hour)
                        .next()
                        .map_or(String::new(), |price| format!(" ({})", dollars_per_hour(price)))
                ),
                Then::Cordoned if self.plan.nodes.len() == 1 => " The node stays cordoned.".to_owned(),
                Then::Cordoned => " The nodes stay cordoned.".to_owned(),
            };
            lines.push(wrap(
                style,
                "time: ",
                "  ",
                &format!("{}{}.{then}", about(self.plan.seconds), rounds.unwrap_or_default()),
            ));
        }
        let mut last = Vec::new();
        if !self.suffix.is_empty() {
            last.push(format!("names without {}", self.suffix));
        }
        last.extend(self.options.prices.as_ref().map(|prices| format!("prices: {prices}")));
        if !last.is_empty() {
            lines.push(wrap(style, "", "  ", &last.join("; ")));
        }
        for (head, notes) in
            [("uncertain: ", &self.plan.uncertain), ("not modelled: ", &self.plan.not_modelled)]
        {
            lines.extend(notes.iter().map(|note| wrap(style, head, "  ", note)));
        }
        lines.extend(
            self.plan
                .gaps
                .iter()
                .map(|gap| wrap(style, "not read: ", "  ", &format!("{} ({})", gap.kind, gap.reason))),
        );
        lines.into_iter().map(|line| format!("{}\n", self.paint(Label::Muted, &line))).collect()
    }

    fn changes(&self) -> String {
        let changes = &self.plan.changes;
        if changes.is_empty() {
            return String::new();
        }
        let mut text = "\nClear the refusals:\n".to_owned();
        let shown = if self.options.all { changes.len() } else { LIST_LENGTH.min(changes.len()) };
        let mut number = 0;
        for change in changes.iter().take(shown) {
            number += usize::from(!change.instead);
            let lead = if change.instead { "  or ".to_owned() } else { format!("{number} ") };
            text.push_str(&wrap(&self.options.style, &lead, "  ", &self.change(change)));
            text.push('\n');
        }
        if shown < changes.len() {
            text.push_str(&format!(
                "{} {} more (--all)\n",
                self.options.style.symbols.cut,
                changes.len() - shown
            ));
        }
        text
    }

    fn change(&self, change: &Change) -> String {
        let command = self.paint(Label::Hint, &change.text);
        let lead = change.until.map(|until| format!("wait until {}, or ", self.clock(until)));
        let note = change.note.as_ref().map(|note| format!("  ({note})"));
        let proof =
            change.proof.as_ref().filter(|proof| proof.verdict == "no").map(|_| "  (not enough alone)");
        format!(
            "{}{command}{}{}",
            lead.unwrap_or_default(),
            note.unwrap_or_default(),
            proof.unwrap_or_default()
        )
    }

    fn clock(&self, at: Timestamp) -> String {
        clock(at, self.plan.taken_at, &self.options.time_zone)
    }

    fn paint(&self, label: Label, text: &str) -> String {
        self.options.style.paint(label, text)
    }
}

struct Row<'a> {
    node: &'a PlannedNode,
    pods: Vec<&'a PlannedPod>,
    why: String,
    lands: String,
}

impl Row<'_> {
    fn name(&self) -> String {
        let first = self.pods[0];
        match self.pods.len() {
            1 => first.name.to_string(),
            many if is_daemon(first) => format!("{many} DaemonSets"),
            many => format!("{} ({many})", first.owner.short()),
        }
    }
}

fn is_daemon(pod: &PlannedPod) -> bool {
    pod.owner.kind == "DaemonSet" && pod.action == PodAction::Skip
}

fn action(action: PodAction) -> &'static str {
    match action {
        PodAction::Refuse => "refuse",
        PodAction::Wait => "wait",
        PodAction::Evict => "evict",
        PodAction::Skip => "skip",
    }
}

fn or_none(words: &[&str]) -> String {
    if words.is_empty() { "<none>".to_owned() } else { words.join(",") }
}
