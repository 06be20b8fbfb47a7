//! What the controller itself said last about a pod, and whether we say the same.

use jiff::Timestamp;

use super::report::ControllerSaid;
use crate::model::{Event, Pod, Snapshot};
use crate::sim::EventText;

/// The last event of Karpenter about the pod (FailedScheduling or Nominated), compared with what the simulation
/// would publish.
pub(super) fn controller_said(
    pod: &Pod,
    snapshot: &Snapshot,
    ours: &EventText,
    nominated: bool,
) -> Option<ControllerSaid> {
    let about = |event: &&Event| {
        event.involved_object.kind == "Pod"
            && event.involved_object.name == pod.metadata.name
            && event.involved_object.namespace == pod.metadata.namespace
            && (event.involved_object.uid.is_empty()
                || pod.metadata.uid.is_empty()
                || event.involved_object.uid == pod.metadata.uid)
            && event.reporter().starts_with("karpenter")
            && matches!(event.reason.as_str(), "FailedScheduling" | "Nominated")
    };
    let last = snapshot.objects.events.iter().filter(about).max_by_key(|event| event.last_seen())?;
    let agrees = match ours {
        EventText::FailedScheduling(text) => {
            last.reason == "FailedScheduling" && same_text(&last.message, text)
        }
        EventText::None => nominated && last.reason == "Nominated",
    };
    Some(ControllerSaid {
        reason: last.reason.clone(),
        message: last.message.clone(),
        age_seconds: last.last_seen().map(|seen| age_seconds(seen, snapshot.taken_at)),
        count: last.count.unwrap_or(1),
        agrees,
    })
}

fn age_seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second()).max(0)
}

/// Whether two messages say the same: numbers of host name placeholders do not count (they run on for the life of
/// the controller), nor do typo hints, nor does what the API server cut off at 1,024 characters.
fn same_text(theirs: &str, ours: &str) -> bool {
    const EVENT_LIMIT: usize = 1024;
    let plain = |text: &str| without_typo_hints(&without_placeholder_numbers(text));
    let (theirs_full, ours_full) = (plain(theirs), plain(ours));
    let cut = theirs.len() >= EVENT_LIMIT - 4;
    theirs_full == ours_full
        || cut && ours_full.starts_with(theirs_full.trim_end_matches(['.', ' ']).trim_end_matches("..."))
}

/// Which key a hint names is chance: the controller walks a map.
fn without_typo_hints(text: &str) -> String {
    const HINT: &str = " (typo of \"";
    let mut parts = text.split(HINT);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(part.split_once("?)").map_or(part, |(_, rest)| rest));
    }
    clean
}

fn without_placeholder_numbers(text: &str) -> String {
    const PREFIX: &str = "hostname-placeholder-";
    let mut parts = text.split(PREFIX);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(PREFIX);
        clean.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholder_numbers_do_not_count() {
        let text = |number: &str| {
            format!("x, nodeDomains = kubernetes.io/hostname In [hostname-placeholder-{number}]")
        };
        assert!(same_text(&text("0001"), &text("4711")));
        assert!(!same_text("one", "two"));
        let label =
            |hint: &str| format!("label \"name\" does not have known values (typo of \"{hint}\"?); next");
        assert!(same_text(&label("a-name"), &label("b-name")));
    }
}
