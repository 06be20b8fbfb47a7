//! Numbered changes with their proofs and commands, and what else to do.

use karp_common::term::{Label, Style, command, wrap};
use karp_core::explain::report::{Change, Group, Next, Proof};
use karp_core::explain::{price_text, words};

use super::{line, signs};

/// The block of changes of one answer; empty where there is none to tell of.
pub(super) fn changes(group: &Group, style: &Style) -> String {
    let mut text = String::new();
    if let Some(note) = &group.changes_note {
        text.push('\n');
        text.push_str(&line(style, "", "", note));
    }
    if group.changes.is_empty() {
        return text;
    }
    if group.changes_note.is_none() {
        let heading = match group.changes.len() {
            1 => "This is enough:",
            _ => "Any one of these is enough; least change first:",
        };
        text.push_str(&format!("\n{heading}\n"));
    }
    for change in &group.changes {
        text.push_str(&numbered(change, style));
    }
    text.push_str(&shared_remarks(&group.changes, style));
    text
}

fn numbered(change: &Change, style: &Style) -> String {
    let number = style.paint(Label::Number, &change.rank.to_string());
    let mut text = line(style, &format!("{number} "), "  ", &change.title);
    text.push_str(&proof_lines(&change.proof, "  ", style));
    for remark in change.remarks.iter().filter(|remark| remark.starts_with("managed by")) {
        text.push_str(&line(style, "  ", "  ", remark));
    }
    for paste in &change.commands {
        text.push_str(&paste_lines(paste, style));
    }
    text
}

/// Remarks that several changes share stand once, below: `2 and 3: a Job's pod template is immutable; ...`.
fn shared_remarks(changes: &[Change], style: &Style) -> String {
    let mut remarks: Vec<(&str, Vec<String>)> = Vec::new();
    for change in changes {
        for remark in change.remarks.iter().filter(|remark| !remark.starts_with("managed by")) {
            match remarks.iter_mut().find(|(known, _)| known == remark) {
                Some((_, ranks)) => ranks.push(change.rank.to_string()),
                None => remarks.push((remark, vec![change.rank.to_string()])),
            }
        }
    }
    remarks
        .into_iter()
        .map(|(remark, ranks)| line(style, "", "  ", &format!("{}: {remark}", words::list(&ranks, "and"))))
        .collect()
}

/// `proof: schedules on NodePool spot, c6g.large (+599 types), on-demand, $0.0680/h; 0 nodes drift, ...`.
pub(super) fn proof_lines(proof: &Proof, indent: &str, style: &Style) -> String {
    let wrapped = wrap(style, indent, indent, &signs(style, &proof_text(proof)));
    let painted: Vec<String> = wrapped.lines().map(|line| style.paint(Label::Muted, line)).collect();
    format!("{}\n", painted.join("\n"))
}

fn proof_text(proof: &Proof) -> String {
    let mut side_effects = vec![
        format!("{} drift", words::count(proof.drifted_nodes, "node")),
        format!("{} move", words::count(proof.moved_pods, "other pod")),
    ];
    if proof.pending_pods > 0 {
        side_effects
            .push(format!("{} would not schedule any more", words::count(proof.pending_pods, "other pod")));
    }
    let side_effects = side_effects.join(", ");
    if let Some(node) = &proof.node {
        return format!("proof: schedules on node/{node}, no new node; {side_effects}");
    }
    let mut parts = Vec::new();
    parts.extend(proof.node_pool.as_ref().map(|pool| format!("schedules on NodePool {pool}")));
    let first = proof.instance_types.first().map_or("no type", |name| name.as_str());
    parts.push(match proof.instance_type_count.saturating_sub(1) {
        0 => first.to_owned(),
        1 => format!("{first} (+1 type)"),
        more => format!("{first} (+{more} types)"),
    });
    let capacity: Vec<String> = proof.capacity_types.iter().map(ToString::to_string).collect();
    parts.extend((!capacity.is_empty()).then(|| words::list(&capacity, "or")));
    if let [zone] = proof.zones.as_slice() {
        parts.push(zone.to_string());
    }
    parts.extend(proof.price_per_hour.map(price_text));
    format!("proof: {}; {side_effects}", parts.join(", "))
}

/// A command as text to paste: broken at words, JSON broken between its parts.
fn paste_lines(paste: &str, style: &Style) -> String {
    const INDENT: &str = "  ";
    const INNER: &str = "    ";
    let broken = match paste.split_once(" -p '") {
        Some((head, json)) if !style.is_pipe() && paste.len() + INDENT.len() > style.width() => {
            let head = command(style, INDENT, INNER, &format!("{head} -p"));
            // What follows the patch stands on lines of its own.
            let (json, tail) = match json.rsplit_once("' --dry-run") {
                Some((json, tail)) => {
                    (format!("{json}'"), command(style, INNER, INNER, &format!("--dry-run{tail}")))
                }
                None => (json.to_owned(), String::new()),
            };
            let text = match merge_fits(&json, style) {
                true => format!("{head} \\\n{INNER}'{json}"),
                false => broken_json(&format!("{head} '"), INNER, &json, style.width()),
            };
            if tail.is_empty() { text } else { format!("{text} \\\n{tail}") }
        }
        _ => command(style, INDENT, INNER, paste),
    };
    let painted: Vec<String> = broken.lines().map(|line| style.paint(Label::Hint, line)).collect();
    format!("{}\n", painted.join("\n"))
}

fn merge_fits(json: &str, style: &Style) -> bool {
    json.len() + 5 <= style.width()
}

/// JSON broken after commas between its parts, where white space means nothing.
fn broken_json(head: &str, indent: &str, json: &str, width: usize) -> String {
    let mut pieces: Vec<String> = vec![String::new()];
    let mut in_string = false;
    let mut escaped = false;
    for letter in json.chars() {
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
        match (in_string, letter) {
            (true, '\\') => escaped = !escaped,
            (true, '"') if !escaped => in_string = false,
            (false, '"') => in_string = true,
            (false, ',') => pieces.push(String::new()),
            _ => escaped = false,
        }
    }
    let mut text = head.to_owned();
    let mut used = head.lines().next_back().map_or(0, str::len);
    for piece in &pieces {
        if used + piece.len() > width && used > indent.len() {
            text.push_str(&format!("\n{indent}"));
            used = indent.len();
        }
        text.push_str(piece);
        used += piece.len();
    }
    text
}

/// `next:` with what to do; the command hangs below its reason.
pub(super) fn next(all: &[Next], style: &Style) -> String {
    let label = style.paint(Label::Hint, "next:");
    all.iter()
        .map(|next| match (next.text.as_str(), next.command.as_str()) {
            ("", command) => format!("{label} {}\n", style.paint(Label::Hint, command)),
            (text, "") => line(style, &format!("{label} "), "  ", text),
            (text, command) => {
                let head = line(style, &format!("{label} "), "  ", text);
                format!("{head}  {}\n", style.paint(Label::Hint, command))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shell makes of a command: its words, pipes included as they are.
    fn words_of(command: &str) -> Vec<String> {
        let script = format!("kubectl() {{ printf '%s\\001' \"$@\"; cat; }}; {command}");
        let mut shell = std::process::Command::new("sh");
        let output = shell.args(["-c", &script]).stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        // Line ends inside JSON mean nothing.
        text.split('\u{1}').map(|word| word.split_whitespace().collect::<String>()).collect()
    }

    #[test]
    fn a_broken_command_is_the_same_to_a_shell() {
        let patch = r#"[{"op":"test","path":"/spec/template/spec/containers/0/name","value":"it'\''s"},{"op":"add","path":"/spec/template/spec/containers/0/resources/requests/cpu","value":"900m"}]"#;
        for command in [
            format!("kubectl patch deploy web -n shop --type=json -p '{patch}'"),
            format!(
                "kubectl --context 'my prod' patch job train-a-model-with-a-long-name -n machine-learning --type=json -p '{patch}' --dry-run=client -o yaml | kubectl --context 'my prod' replace --force -f -"
            ),
            "kubectl patch nodepool spot --type=merge -p '{\"spec\":{\"limits\":{\"cpu\":\"208\"}}}'"
                .to_owned(),
        ] {
            for width in [40, 80, 120] {
                let broken = paste_lines(&command, &Style::plain(width));
                assert_eq!(words_of(&broken), words_of(&command), "{broken}");
                assert!(width < 80 || broken.lines().all(|line| line.len() <= width), "{broken}");
            }
        }
    }

    #[test]
    fn json_breaks_where_it_may_and_still_parses() {
        let patch = r#"[{"op":"test","path":"/spec/template/spec/requirements/0/key","value":"karpenter.sh/capacity-type"},{"op":"add","path":"/spec/template/spec/requirements/0/values/-","value":"a, b"}]"#;
        let text =
            paste_lines(&format!("kubectl patch nodepool spot --type=json -p '{patch}'"), &Style::plain(80));
        insta::assert_snapshot!(text, @r#"
          kubectl patch nodepool spot --type=json -p '[{"op":"test",
            "path":"/spec/template/spec/requirements/0/key",
            "value":"karpenter.sh/capacity-type"},{"op":"add",
            "path":"/spec/template/spec/requirements/0/values/-","value":"a, b"}]'
        "#);
        let json = text.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\'')).map(|(json, _)| json);
        let parsed: serde_json::Value = serde_json::from_str(json.unwrap()).unwrap();
        assert_eq!(parsed, serde_json::from_str::<serde_json::Value>(patch).unwrap());
    }
}
