//! Launch: what goes to EC2 for one NodeClaim, and what EC2 can make of it.
//!
//! ```text
//! NodeClaim ─► filters ─► 60 cheapest ─► capacity type ─► image per type, subnet per zone ─► CreateFleet
//! ```
//!
//! The NodeClaim lists up to 600 types; the provider lists all types again, filters by its own rules, and sends at
//! most 60. AWS provider: pkg/providers/instance/{instance,types}.go, filter/filter.go, pkg/providers/launchtemplate.
//! What EC2 then picks is known for on-demand (the cheapest); for spot it weighs pool depth, which nobody outside
//! sees.

mod claim;
mod filters;
mod plan;

pub use claim::{launched_capacity, launched_labels};
pub use filters::{Filter, FilterStep};
pub use plan::{
    Allocation, LaunchError, LaunchInput, LaunchPlan, LaunchType, MAX_LAUNCH_TYPES, Override, Template,
    plan_launch,
};
