//! Flags that all verbs share, as kubectl spells them, and the way from arguments to an exit code.
//!
//! Groups are clap structs to be flattened into a verb's own; each knows how to become what the edges need.

mod args;
mod paste;
mod run;
mod select_pods;
mod watch;

pub use args::{CatalogFlags, ClusterFlags, OutputFlags, ScopeFlags, SortFlags, SourceFlags};
pub use paste::{for_same_cluster, quoted, repeated_flags};
pub use run::{main, parse, run};
pub use select_pods::{PodSelector, SelectorFlags};
pub use watch::{Watch, watched};
