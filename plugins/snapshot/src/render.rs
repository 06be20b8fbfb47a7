//! What was saved, in words.

use karp_core::model::{Gap, Snapshot};
use serde::Serialize;

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
    left_out: Vec<&'static str>,
    gaps: Vec<Gap>,
}

impl Saved {
    /// The facts about a file.
    pub(crate) fn of(snapshot: &Snapshot, file: &str, bytes: u64) -> Self {
        Saved {
            file: file.to_owned(),
            bytes,
            taken_at: snapshot.taken_at.to_string(),
            nodes: snapshot.objects.nodes.len(),
            pods: snapshot.objects.pods.len(),
            node_pools: snapshot.objects.node_pools.len(),
            left_out: vec!["Secrets", "ConfigMap data", "env values"],
            gaps: snapshot.gaps.clone(),
        }
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        let count = |number: usize, one: &str| {
            if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
        };
        let mut text = format!(
            "snapshot/{} written: {}, {}, {}, {}\n",
            self.file,
            count(self.nodes, "node"),
            count(self.pods, "pod"),
            count(self.node_pools, "NodePool"),
            size(self.bytes)
        );
        text.push_str(&format!("left out: {}\n", self.left_out.join(", ")));
        if !self.gaps.is_empty() {
            let gaps: Vec<String> =
                self.gaps.iter().map(|gap| format!("{} ({})", gap.kind, gap.reason)).collect();
            text.push_str(&format!("not read: {}\n", gaps.join(", ")));
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
