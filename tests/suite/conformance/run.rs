//! What came of one loop, in the words of the table.

use std::collections::BTreeSet;

use karp_core::model::Snapshot;
use karp_core::sim::{EventText, Outcome, Solution};
use serde_json::{Value, json};

/// One loop.
pub(crate) struct Run {
    pub(crate) solution: Solution,
    pub(crate) snapshot: Snapshot,
}

impl Run {
    /// `new 3 on 2, existing 1, error 1`; only what there is.
    pub(crate) fn said(&self) -> String {
        let mut counts =
            [("new", 0), ("existing", 0), ("error", 0), ("deferred", 0), ("ignored", 0), ("passed over", 0)];
        for pod in &self.solution.pods {
            let at = match &pod.outcome {
                Outcome::New { .. } => 0,
                Outcome::Existing { .. } => 1,
                Outcome::Error { .. } => 2,
                Outcome::Deferred { .. } => 3,
                Outcome::Ignored { .. } => 4,
                Outcome::NotConsidered(_) | Outcome::NotModelled(_) => 5,
            };
            counts[at].1 += 1;
        }
        let claims = self.solution.node_claims.len();
        let words = counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| match *word {
            "new" => format!("new {count} on {claims}"),
            word => format!("{word} {count}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Each error once, without what follows `, requirements=`.
    pub(crate) fn errors(&self) -> String {
        let texts: BTreeSet<&str> = self
            .solution
            .pods
            .iter()
            .filter_map(|pod| match &pod.outcome {
                Outcome::Error { error } | Outcome::Deferred { error } | Outcome::Ignored { error } => {
                    Some(error.split(", requirements=").next().unwrap_or_default())
                }
                _ => None,
            })
            .collect();
        texts.into_iter().collect::<Vec<_>>().join(" | ")
    }

    /// The whole error of the only pod that has one.
    pub(crate) fn error(&self) -> String {
        let texts = self.solution.pods.iter().filter_map(|pod| match &pod.outcome {
            Outcome::Error { error } | Outcome::Deferred { error } | Outcome::Ignored { error } => {
                Some(error.clone())
            }
            _ => None,
        });
        texts.collect::<Vec<_>>().join(" | ")
    }

    /// How many events are published.
    pub(crate) fn events(&self) -> usize {
        self.solution.pods.iter().filter(|pod| pod.event != EventText::None).count()
    }

    /// The instance types of a NodeClaim in order of price.
    pub(crate) fn types(&self, claim: usize) -> String {
        self.solution.node_claims[claim].instance_types.join(" ")
    }

    /// NodePools of the NodeClaims, in the order in which they were opened.
    pub(crate) fn pools(&self) -> String {
        self.solution.node_claims.iter().map(|claim| claim.node_pool.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Pods per NodeClaim, ascending.
    pub(crate) fn sizes(&self) -> String {
        let mut sizes: Vec<usize> = self.solution.node_claims.iter().map(|claim| claim.pods.len()).collect();
        sizes.sort_unstable();
        sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// The created object of a NodeClaim.
    pub(crate) fn object(&self, claim: usize) -> Value {
        json!(self.solution.node_claims[claim].object)
    }

    /// What the created object requires of a key: `In a b`, with `minValues 2`; `-` where nothing.
    pub(crate) fn requirement(&self, claim: usize, key: &str) -> String {
        let requirements = &self.solution.node_claims[claim].object.spec.requirements;
        let texts: Vec<String> = requirements
            .iter()
            .filter(|one| one.key == key)
            .map(|one| {
                let least = one.min_values.map(|least| format!(" minValues {least}")).unwrap_or_default();
                format!("{} {}{least}", one.operator, one.values.join(" ")).trim().to_owned()
            })
            .collect();
        if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
    }

    /// What is requested of a NodeClaim, as JSON.
    pub(crate) fn requests(&self, claim: usize) -> String {
        self.solution.node_claims[claim].object.spec.resources.requests.json_text()
    }

    /// Where a pod goes: `new 0`, `node n`, or the first words of its error.
    pub(crate) fn place(&self, name: &str) -> String {
        let pod = self.solution.pods.iter().find(|pod| pod.name == name).unwrap();
        match &pod.outcome {
            Outcome::New { node_claim } => format!("new {node_claim}"),
            Outcome::Existing { node } => format!("node {node}"),
            Outcome::Error { error } | Outcome::Deferred { error } | Outcome::Ignored { error } => {
                error.split(", requirements=").next().unwrap_or_default().to_owned()
            }
            Outcome::NotConsidered(_) => "passed over".to_owned(),
            Outcome::NotModelled(what) => format!("not modelled: {}", what.feature),
        }
    }
}
