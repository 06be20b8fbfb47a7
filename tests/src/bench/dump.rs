//! The generated cluster as a file, as `kubectl get … -o json` prints it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::cluster::{self, Size};

/// Writes it, packed where the name ends in `.zst`; how many bytes of JSON it is.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(path: &Path, size: Size) -> Result<u64> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let file = BufWriter::new(file);
    if path.extension().is_some_and(|ending| ending == "zst") {
        let mut packed = zstd::Encoder::new(file, 3)?;
        let bytes = list(&mut packed, size)?;
        packed.finish()?.flush()?;
        return Ok(bytes);
    }
    let mut file = file;
    let bytes = list(&mut file, size)?;
    file.flush()?;
    Ok(bytes)
}

/// A `List` with one item at a time, four blanks deep as kubectl writes it.
fn list(out: &mut dyn Write, size: Size) -> Result<u64> {
    let mut bytes = 0;
    let mut put = |text: &[u8]| -> Result<()> {
        bytes += text.len() as u64;
        Ok(out.write_all(text)?)
    };
    put(b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n")?;
    let mut first = true;
    cluster::objects(size, &mut |object: Value| {
        if !std::mem::take(&mut first) {
            put(b",\n")?;
        }
        let mut text = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        serde::Serialize::serialize(&object, &mut serde_json::Serializer::with_formatter(&mut text, format))?;
        put(&text)
    })?;
    put(b"\n    ],\n    \"kind\": \"List\"\n}\n")?;
    Ok(bytes)
}
