//! What kubectl karp asks AWS: the only package that depends on any `aws-*` crate.
//!
//! ```text
//! Connection (region, credentials by the SDK's own chain)
//!    ├─► instance_types, prices ─► Catalog
//!    └─► facts (instances, images, parameters, network) ─► AwsFacts
//! ```
//!
//! Types of the SDK end at `convert`; what leaves speaks the model of karp-core. Read-only: nothing here
//! changes anything, and every action it calls stands in `docs/iam-policy.json`. Whatever is refused is named with the
//! action that was missing; where the rest is still worth something it comes back as a gap.

mod catalog;
mod client;
mod convert;
mod error;
mod facts;
mod instance_types;
mod prices;

pub use catalog::{LiveCatalog, read_catalog};
pub use client::{Connection, ConnectionOptions};
pub use error::AwsError;
pub use facts::{FactsRead, read_facts};

/// The permissions that everything in this package needs, and no more.
pub const IAM_POLICY: &str = include_str!("../../../docs/iam-policy.json");

/// Runs calls to AWS to their end: one thread is enough.
///
/// # Errors
/// The system lets no runtime start.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, AwsError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|cause| AwsError::Settings { message: format!("cannot start: {cause}") })?;
    Ok(runtime.block_on(future))
}
