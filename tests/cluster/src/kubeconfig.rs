//! Kubeconfig files for the servers and for test users. JSON, which is YAML too.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::certificates::Pair;

/// Writes a kubeconfig with one cluster, one user and one context, all named `karp-test`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(file: &Path, server: &str, authority: &Path, client: &Pair) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "karp-test",
            "cluster": {"server": server, "certificate-authority": authority},
        }],
        "users": [{
            "name": "karp-test",
            "user": {"client-certificate": client.certificate, "client-key": client.key},
        }],
        "contexts": [{"name": "karp-test", "context": {"cluster": "karp-test", "user": "karp-test"}}],
        "current-context": "karp-test",
    });
    fs::write(file, serde_json::to_vec_pretty(&config)?)
        .with_context(|| format!("cannot write {}", file.display()))
}
