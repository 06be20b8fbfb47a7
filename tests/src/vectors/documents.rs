//! One file of recorded answers, parsed as far as all kinds share it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use super::files;

/// A parsed file.
#[derive(Debug)]
pub struct Document {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What it holds.
    pub value: Value,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// Naming the file.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), value: files::read_json(path)? })
    }

    /// The list under a key; empty where there is none.
    pub fn list(&self, key: &str) -> &[Value] {
        self.value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Folder of the file.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Whether some entry of `scenarios` or `answers` has a recorded answer that `holds`.
    pub fn any_answer(&self, holds: impl Fn(&Value) -> bool) -> bool {
        let entries = self.list("scenarios").iter().chain(self.list("answers"));
        entries.filter_map(|entry| entry.get("answer")).any(holds)
    }
}

/// The text of a field; empty where there is none.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
