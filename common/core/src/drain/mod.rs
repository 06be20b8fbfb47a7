//! Taking nodes out: what would happen to every pod, and then one step after the other.
//!
//! [`plan()`] is a pure function of a snapshot: per node and pod refuse, wait, evict or skip, with the API server's
//! predicted answer and the place where the pod comes up again. [`Stepper`] is the machine behind the deed: it is
//! shown what is there ([`View`]), answers what to do next ([`Step`]), and is told how that went ([`Answer`]).
//! Everything that the next run must know stands on the objects ([`Journal`]); losing the stepper loses nothing.
//!
//! Mirrors kubectl: pkg/drain/filters.go (which pods), kubernetes: pkg/registry/core/pod/storage/eviction.go (the
//! answers), karpenter: pkg/controllers/node/termination/terminator (the order of pods).

mod advice;
mod filter;
mod journal;
mod landing;
mod options;
mod pause;
mod plan;
mod refusal;
pub mod report;
#[cfg(test)]
mod simulated;
mod since;
mod stale;
mod stepper;
mod surge;
mod targets;
mod termination;
mod timing;
mod view;

pub use filter::{Allowed, DaemonSets, Filtered, Skip, filter};
pub use journal::{CORDON_ANNOTATION, DRAIN_ANNOTATION, Journal, JournalError, Phase, SURGE_LABEL};
pub use landing::Simulate;
pub use options::DrainOptions;
pub use pause::{Pause, PauseRequest, ResumeError, pause, paused, resume};
pub use plan::plan;
pub use refusal::Refusal;
pub use report::DrainPlan;
pub use since::came_since;
pub use stale::{Staleness, staleness};
pub use stepper::{Answer, NodeState, Owner, Step, Stepper, StopReason, Target, Waiting};
pub use surge::{SURGE_PRIORITY_CLASS, placeholder, placeholder_name};
pub use targets::{Named, nodes_named};
pub use view::{NodeView, View};
