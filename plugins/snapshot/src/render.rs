//! What was saved, in words.

use compact_str::CompactString;
use karp_core::anonymize::Replaced;
use karp_core::model::{Gap, Snapshot};
use serde::Serialize;

/// What is in no snapshot.
const ALWAYS: [&str; 3] = ["Secrets", "ConfigMap data", "env values"];

/// What was saved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Saved {
    file: String,
    bytes: u64,
    taken_at: String,
    nodes: usize,
    pods: usize,
    node_pools: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_names: Option<usize>,
    /// Names that were not replaced, being words of Kubernetes, Karpenter or the provider.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept_names: Vec<CompactString>,
    /// What an answer may depend on and could not be kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_kept: Vec<String>,
    left_out: Vec<&'static str>,
    gaps: Vec<Gap>,
}

/// A file as kubectl names objects; a path from the root stays one.
pub(crate) fn object(file: &str) -> String {
    if file.starts_with('/') { file.to_owned() } else { format!("snapshot/{file}") }
}

impl Saved {
    /// The facts about a file.
    pub(crate) fn of(snapshot: &Snapshot, file: &str, bytes: u64, replaced: Option<Replaced>) -> Self {
        let mut left_out = ALWAYS.to_vec();
        left_out.extend(replaced.iter().flat_map(|replaced| &replaced.left_out));
        let replaced_names = replaced.as_ref().map(|replaced| replaced.names);
        let (kept_names, not_kept) =
            replaced.map(|replaced| (replaced.kept, replaced.not_kept)).unwrap_or_default();
        Saved {
            file: file.to_owned(),
            bytes,
            taken_at: snapshot.taken_at.to_string(),
            nodes: snapshot.objects.nodes.len(),
            pods: snapshot.objects.pods.len(),
            node_pools: snapshot.objects.node_pools.len(),
            replaced_names,
            kept_names,
            not_kept,
            left_out,
            gaps: snapshot.gaps.clone(),
        }
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        let count = |number: usize, one: &str| {
            if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
        };
        let mut text = format!(
            "{} written: {}, {}, {}, {}\n",
            object(&self.file),
            count(self.nodes, "node"),
            count(self.pods, "pod"),
            count(self.node_pools, "NodePool"),
            size(self.bytes)
        );
        if let Some(names) = self.replaced_names {
            text.push_str(&format!("{}\n", self.replaced(names)));
        }
        let (always, anonymous) = self.left_out.split_at(ALWAYS.len().min(self.left_out.len()));
        text.push_str(&format!("left out: {}", always.join(", ")));
        for few in anonymous.chunks(3) {
            text.push_str(&format!(",\n  {}", few.join(", ")));
        }
        text.push('\n');
        if !self.gaps.is_empty() {
            let gaps: Vec<String> =
                self.gaps.iter().map(|gap| format!("{} ({})", gap.kind, gap.reason)).collect();
            text.push_str(&format!("not read: {}\n", gaps.join(", ")));
        }
        text
    }

    /// `replaced: 84 names; kept: default, kube-system, spot`.
    fn replaced(&self, names: usize) -> String {
        /// Kept names that are listed; all of them are in the JSON.
        const SHOWN: usize = 4;
        let mut text = format!("replaced: {names} names");
        if !self.kept_names.is_empty() {
            let shown: Vec<&str> = self.kept_names.iter().take(SHOWN).map(CompactString::as_str).collect();
            text.push_str(&format!("; kept: {}", shown.join(", ")));
            if self.kept_names.len() > SHOWN {
                text.push_str(&format!(" and {} more", self.kept_names.len() - SHOWN));
            }
        }
        text
    }
}

/// A size for people: `812 kB`, `1.2 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
