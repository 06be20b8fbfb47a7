//! Scenarios that Karpenter itself plays, and what it answers.
//!
//! For each scenario: the NodePools get ready, the pods of the batch are created while Karpenter is
//! paused, the real scheduler gives its verdict, and the cluster is dumped just as Karpenter will find
//! it; then Karpenter goes on, and what it created and said is collected. Both are left in
//! `target/live-proof/NAME/`: `dump.json` answers to `--from`, `karpenter.json` is the real answer.

mod observed;
mod random;
mod scenario;
mod stage;

pub(crate) use scenario::{Scenario, all};
pub(crate) use stage::record;
