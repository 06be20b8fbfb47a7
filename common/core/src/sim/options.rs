//! What a run may assume beyond the snapshot.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::model::{Snapshot, label_key, state_nodes};

/// Assumptions of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolveOptions {
    /// Names of nodes that the controller has marked for deletion in its memory: their pods move, their room does
    /// not count. A disruption simulation names its candidates here.
    pub marked_for_deletion: BTreeSet<CompactString>,
    /// Names of nodes that take only pending pods and pods of deleting nodes, being inside their NodePool's
    /// consolidateAfter (disruption simulations).
    pub under_consolidate_after: BTreeSet<CompactString>,
    /// What to do when reserved capacity exists but none is left.
    pub reserved: ReservedMode,
    /// A capacity reservation that is thought to have one unit more: the slot that a node frees which goes before
    /// its replacement comes (1.15). An id that no offering carries is no credit.
    pub reservation_credit: Option<CompactString>,
    /// Which of equally good topology domains is taken.
    pub ties: TieBreak,
}

/// Which of equally good topology domains is taken: the controller leaves it to chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TieBreak {
    /// The smallest name, as everywhere in the canonical order.
    #[default]
    Smallest,
    /// Any, by this seed: another answer that the controller may give.
    Seeded(u64),
}

/// What to do when reserved capacity exists but none is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReservedMode {
    /// Wait for the next loop: provisioning.
    #[default]
    Strict,
    /// Go without: disruption simulations.
    Fallback,
}

impl Default for SolveOptions {
    /// Provisioning, with an empty memory.
    fn default() -> Self {
        Self {
            marked_for_deletion: BTreeSet::new(),
            under_consolidate_after: BTreeSet::new(),
            reserved: ReservedMode::Strict,
            reservation_credit: None,
            ties: TieBreak::Smallest,
        }
    }
}

impl SolveOptions {
    /// Provisioning of a running controller, whose memory is guessed from the objects: a node that carries the
    /// disruption taint is marked for deletion.
    pub fn guessed(snapshot: &Snapshot) -> Self {
        let disrupted =
            |taint: &crate::model::Taint| taint.key == label_key::DISRUPTED && taint.effect == "NoSchedule";
        let marked = state_nodes(snapshot)
            .into_iter()
            .filter(|state| state.node.is_some_and(|node| node.spec.taints.iter().any(disrupted)))
            .map(|state| state.name().into())
            .collect();
        Self { marked_for_deletion: marked, ..Self::default() }
    }
}
