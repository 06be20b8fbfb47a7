//! Field selectors of pods.
//!
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/>

use compact_str::{CompactString, ToCompactString};

use super::Pod;

/// Terms that must all hold; none selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: PodField,
    is_equal: bool,
    value: CompactString,
}

/// Fields that the API server selects pods by, as far as a snapshot keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PodField {
    Name,
    Namespace,
    NodeName,
    RestartPolicy,
    SchedulerName,
    HostNetwork,
    Phase,
    NominatedNodeName,
}

impl PodField {
    const ALL: [(&str, PodField); 8] = [
        ("metadata.name", PodField::Name),
        ("metadata.namespace", PodField::Namespace),
        ("spec.nodeName", PodField::NodeName),
        ("spec.restartPolicy", PodField::RestartPolicy),
        ("spec.schedulerName", PodField::SchedulerName),
        ("spec.hostNetwork", PodField::HostNetwork),
        ("status.phase", PodField::Phase),
        ("status.nominatedNodeName", PodField::NominatedNodeName),
    ];

    /// The value as text, with the API server's default where a manifest left it out.
    fn of(self, pod: &Pod) -> CompactString {
        let (spec, status) = (&pod.spec, &pod.status);
        match self {
            PodField::Name => pod.metadata.name.clone(),
            PodField::Namespace => pod.metadata.namespace.clone(),
            PodField::NodeName => pod.node_name.clone().unwrap_or_default(),
            PodField::RestartPolicy => spec.restart_policy.clone().unwrap_or_else(|| "Always".into()),
            PodField::SchedulerName => {
                spec.scheduler_name.clone().unwrap_or_else(|| "default-scheduler".into())
            }
            PodField::HostNetwork => spec.host_network.unwrap_or_default().to_compact_string(),
            PodField::Phase if status.phase.is_empty() => "Pending".into(),
            PodField::Phase => status.phase.clone(),
            PodField::NominatedNodeName => status.nominated_node_name.clone().unwrap_or_default(),
        }
    }
}

impl FieldSelector {
    /// The fields that can be named.
    pub fn fields() -> impl Iterator<Item = &'static str> {
        PodField::ALL.iter().map(|(name, _)| *name)
    }

    /// Reads a selector as kubectl's `--field-selector` does: `status.phase=Pending,metadata.namespace!=ml`;
    /// a backslash protects `,`, `=` and itself.
    ///
    /// # Errors
    /// What part of the text is no selector, or which field pods are not selected by.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in parts(text) {
            let (field, is_equal, value) =
                split(part).ok_or_else(|| format!("{part:?} has no =, == or !="))?;
            let field = PodField::ALL
                .iter()
                .find(|(name, _)| *name == field.trim())
                .map(|(_, field)| *field)
                .ok_or_else(|| format!("pods are not selected by {:?}", field.trim()))?;
            terms.push(Term { field, is_equal, value: unescaped(value)? });
        }
        Ok(FieldSelector { terms })
    }

    /// Whether every term holds.
    pub fn matches(&self, pod: &Pod) -> bool {
        self.terms.iter().all(|term| (term.field.of(pod) == term.value) == term.is_equal)
    }
}

/// The parts between commas that no backslash protects; empty ones are left out, as the API server does.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_protected) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        if letter == ',' && !is_protected {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        is_protected = letter == '\\' && !is_protected;
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Field, whether it is to be equal, value. No field has a backslash in it, so the first sign is the operator.
fn split(part: &str) -> Option<(&str, bool, &str)> {
    let at = part.find('=')?;
    let (before, after) = (&part[..at], &part[at + 1..]);
    match before.strip_suffix('!') {
        Some(field) => Some((field, false, after)),
        None => Some((before, true, after.strip_prefix('=').unwrap_or(after))),
    }
}

fn unescaped(value: &str) -> Result<CompactString, String> {
    let mut plain = CompactString::default();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(protected @ ('\\' | ',' | '=')) => plain.push(protected),
                _ => return Err(format!("{value:?}: a backslash stands before \\ , or =")),
            },
            '=' => return Err(format!("{value:?}: write \\= for =")),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "web-0", "namespace": "shop"},
            "spec": {"nodeName": "node-1", "hostNetwork": true},
            "status": {"phase": "Running"},
        }))
        .unwrap()
    }

    #[test]
    fn terms_hold_as_the_api_server_says() {
        for (text, matches) in [
            ("", true),
            ("metadata.name=web-0", true),
            ("metadata.name==web-0,metadata.namespace=shop", true),
            ("metadata.name=web-0,metadata.namespace!=shop", false),
            ("spec.nodeName=node-1", true),
            ("spec.nodeName=", false),
            ("spec.nodeName!=", true),
            ("status.phase!=Running", false),
            ("status.nominatedNodeName=", true),
            ("spec.schedulerName=default-scheduler,spec.restartPolicy=Always", true),
            ("spec.hostNetwork=true", true),
            (r"metadata.name=web\,0", false),
        ] {
            assert_eq!(FieldSelector::parse(text).unwrap().matches(&pod()), matches, "{text}");
        }
    }

    #[test]
    fn a_pod_that_is_not_applied_yet_is_pending() {
        assert!(FieldSelector::parse("status.phase=Pending").unwrap().matches(&Pod::default()));
    }

    #[test]
    fn what_is_no_selector_is_said() {
        for (text, words) in [
            ("status.phase", "\"status.phase\" has no =, == or !="),
            ("spec.serviceAccountName=web", "pods are not selected by \"spec.serviceAccountName\""),
            ("metadata.name=a=b", "\"a=b\": write \\= for ="),
            (r"metadata.name=a\b", r#""a\\b": a backslash stands before \ , or ="#),
        ] {
            assert_eq!(FieldSelector::parse(text).unwrap_err(), words);
        }
    }
}
