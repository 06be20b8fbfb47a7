//! What a disruption method decides: which nodes go, and what is launched for their pods first.

use std::fmt;

use super::candidates::Candidate;
use crate::sim::NewNodeClaim;

/// What is done with the nodes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// They go; nothing is launched for them.
    Delete,
    /// Replacements become ready, then they go.
    Replace,
    /// They go although their pods need new nodes: the reservation or node limit they hold must be freed first
    /// (1.15, behind a gate).
    TerminateFirst,
}

impl fmt::Display for Decision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Decision::Delete => "delete",
            Decision::Replace => "replace",
            Decision::TerminateFirst => "terminate-first",
        })
    }
}

/// A command. Named after Karpenter's `Command`.
#[derive(Debug, Clone)]
pub struct DisruptionCommand<'a> {
    /// What is done.
    pub decision: Decision,
    /// The nodes, in order.
    pub candidates: Vec<Candidate<'a>>,
    /// What is launched first.
    pub replacements: Vec<NewNodeClaim>,
    /// Names of the pods on each replacement, `namespace/name`, sorted; aligned with the replacements.
    pub replacement_pods: Vec<Vec<String>>,
    /// Where the simulation put its pods, by namespace and name; none where nothing was simulated.
    pub placements: Option<Vec<Placement>>,
    /// Price of the nodes less the price of the replacements, US dollars an hour.
    pub savings: f64,
}

/// Where a simulation put a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// `namespace/name`.
    pub pod: String,
    /// Where.
    pub place: Place,
}

/// A place in a simulation.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A node that exists or is coming up.
    Node(String),
    /// A replacement, by position in the command.
    Replacement(usize),
    /// None, in the controller's words.
    Error(String),
}
