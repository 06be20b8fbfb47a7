//! Where built servers and the Python environment are kept between runs.
//!
//! `$KARP_SERVERS_CACHE`, else `$XDG_CACHE_HOME`, else `~/.cache`; in it `kubectl-karp/servers/`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

/// The cache folder of this user.
///
/// # Errors
/// When neither of the two variables nor HOME is set.
pub fn folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let Some(base) = set("KARP_SERVERS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
    else {
        bail!("no cache folder for the test servers: set KARP_SERVERS_CACHE, XDG_CACHE_HOME or HOME");
    };
    Ok(base.join("kubectl-karp").join("servers"))
}

/// A short name for exactly these inputs: 16 hexadecimal digits.
#[must_use]
pub fn key(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
