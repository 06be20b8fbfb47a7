//! One answer with all its evidence.

use karp_common::term::{Label, Style};
use karp_core::explain::report::{Group, OutcomeWord, Verdict};
use karp_core::explain::{new_node_text, words};

use super::{View, line, matrix, topology, verdict_label};

/// The verdict and the evidence; foot and actions follow elsewhere.
pub(super) fn single(group: &Group, view: &View, style: &Style) -> String {
    let mut text = verdict_line(group, view, style);
    match (group.verdict, group.outcome) {
        (_, OutcomeWord::Running) => return text,
        (Verdict::Yes, OutcomeWord::Existing) => text.push_str(&existing(group, style)),
        (Verdict::Yes, OutcomeWord::New) => text.push_str(&new_node(group, style)),
        (_, OutcomeWord::Error) if !group.node_pools.is_empty() => text.push_str(&error(group, view, style)),
        _ => text.push_str(&situation(group, style)),
    }
    for note in &group.notes {
        text.push_str(&line(style, "note: ", "  ", note));
    }
    if view.event {
        text.push_str(&event_lines(group, style));
    }
    text
}

/// `pod/x -n y will not schedule: none of 4 NodePools fits, 3 causes.`
fn verdict_line(group: &Group, view: &View, style: &Style) -> String {
    let subject = subject(group, view);
    let subject = style.paint(Label::Name, &subject);
    let verb = style.paint(verdict_label(group.verdict), group.verdict.words());
    let sentence = match (group.verdict, group.outcome) {
        (_, OutcomeWord::Running) => format!("{subject} {}.", group.headline),
        (Verdict::Yes, _) => format!("{subject} {verb} {}.", group.headline),
        (Verdict::Unknown, OutcomeWord::Error) => {
            let no = style.paint(Label::VerdictNo, "will not schedule");
            format!("{subject} {no} on a new node; else unknown: {}.", group.headline)
        }
        _ => format!("{subject} {verb}: {}.", group.headline),
    };
    line(style, "", "  ", &sentence)
}

fn subject(group: &Group, view: &View) -> String {
    match (&view.subject, group.pods.as_slice()) {
        (Some(subject), pods) if pods.len() > 1 => format!("{subject} ({} pods)", pods.len()),
        (_, [pod]) => words::object("Pod", &pod.namespace, &pod.name),
        (_, pods) => format!("{} ({} pods)", group.owner.words(), pods.len()),
    }
}

fn existing(group: &Group, style: &Style) -> String {
    let Some(place) = &group.place else { return String::new() };
    let asked = &group.asks.requests;
    let free: karp_core::model::ResourceList = place
        .free
        .iter()
        .filter(|(name, _)| asked.get(name).is_some() || matches!(*name, "cpu" | "memory"))
        .collect();
    let free = words::requests(&free);
    let asks = words::requests(asked);
    let asks = if asks.is_empty() { "nothing".to_owned() } else { asks };
    let mut sentence = format!("Free there: {free}; asks {asks}.");
    if place.alternatives > 0 {
        sentence.push_str(&format!(" {} more would do.", words::count(place.alternatives, "node")));
    }
    line(style, "", "", &sentence)
}

fn new_node(group: &Group, style: &Style) -> String {
    let Some(place) = &group.place else { return String::new() };
    let nodes = if place.new_nodes > 1 { format!("{} new nodes: ", place.new_nodes) } else { String::new() };
    let mut text = format!("\n{}", line(style, "", "", &format!("{nodes}{}", new_node_text(place))));
    if let Some(nodes) = matrix::nodes_line(&group.nodes) {
        text.push_str(&line(style, "", "  ", &nodes));
    }
    text
}

fn error(group: &Group, view: &View, style: &Style) -> String {
    let mut text = format!("\n{}", line(style, "", "  ", &matrix::asks_line(group)));
    text.push_str(&controller_line(group, style));
    text.push('\n');
    text.push_str(&topology::tables(&group.topology, view, style));
    if !group.node_pools.is_empty() {
        text.push_str(&matrix::matrix(group, view, style));
    }
    let nodes = matrix::nodes(&group.nodes, view, style);
    if !nodes.is_empty() {
        text.push('\n');
        text.push_str(&nodes);
    }
    text
}

/// Whether the controller said the same.
fn controller_line(group: &Group, style: &Style) -> String {
    let Some(said) = &group.controller else { return String::new() };
    let ago = said.age_seconds.map(|age| format!(" {} ago", words::seconds(age))).unwrap_or_default();
    if said.agrees {
        let times = if said.count > 1 { format!(", {} times", said.count) } else { String::new() };
        let text = format!("Karpenter tried{ago} and agrees ({}{times})", said.reason);
        return line(style, "", "  ", &text);
    }
    let quoted: String = said.message.chars().take(200).collect();
    let cut = if quoted.len() < said.message.len() { "..." } else { "" };
    let text = format!(
        "Karpenter said otherwise{ago}: \"{quoted}{cut}\". The cluster changed since, or we are wrong: kubectl karp snapshot bug.json.zst"
    );
    let sign = style.paint(Label::Hint, style.symbols.look);
    line(style, &format!("{sign} "), "  ", &text)
}

fn situation(group: &Group, style: &Style) -> String {
    group.evidence.iter().map(|text| line(style, "", "  ", text)).collect()
}

/// The message word for word.
fn event_lines(group: &Group, style: &Style) -> String {
    if group.event == "none" {
        return "event: none\n".to_owned();
    }
    format!("event: {}\n", style.paint(Label::Muted, &group.event))
}
