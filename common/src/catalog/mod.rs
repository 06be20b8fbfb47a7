//! Instance types and prices at the edge: which data a command uses, where it comes from, how old it is.
//!
//! ```text
//! --instance-types FILE ─┐
//! cache of `catalog refresh`, while fresh ─┼─► Catalog ─► provider ─► simulator
//! embedded in the program ─┘
//! ```

mod cache;
mod choose;
mod embedded;
mod file;
mod live;

use std::path::PathBuf;

use compact_str::CompactString;
use karp_core::provider::KwokTypesError;

pub use cache::{CachedCatalog, FRESH_HOURS, cache_folder, cached, catalog_folder, store};
pub use choose::{ChosenProvider, Provider, ProviderOptions, choose_provider, provider_options, regional};
pub use embedded::{FALLBACK_PRICE_REGION, StaticTables, embedded, embedded_regions};
pub use file::{InstanceTypesFile, load_instance_types, read_catalog};
pub use live::{program_folders, refresh};

/// Why there is no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The embedded data has no such region.
    #[error("no instance types of region {region} are built in (known: {})", known.join(", "))]
    UnknownRegion {
        /// The region asked for.
        region: CompactString,
        /// The regions there are.
        known: Vec<CompactString>,
    },
    /// The embedded data cannot be read.
    #[error("the built-in catalog cannot be read: {0}")]
    Embedded(String),
    /// A file cannot be read.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A file in the KWOK provider's form has a wrong entry.
    #[error("{}: {source}", path.display())]
    Kwok {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KwokTypesError,
    },
}
