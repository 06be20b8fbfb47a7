//! Files of recorded answers: plain, gzip or zstd, single or in folders.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const PACKED: [&str; 2] = ["zst", "gz"];
/// Folders that hold what scenarios refer to, not scenarios.
const NOT_SCENARIOS: [&str; 2] = ["types", "data"];

/// The bytes of a file, unpacked by the ending of its name.
///
/// # Errors
/// Naming the file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let unpacked = match path.extension().and_then(|ending| ending.to_str()) {
        Some("zst") => zstd::stream::decode_all(bytes.as_slice()),
        Some("gz") => {
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map(|_| plain)
        }
        _ => Ok(bytes),
    };
    unpacked.with_context(|| format!("cannot unpack {}", path.display()))
}

/// The JSON document of a file.
///
/// # Errors
/// Naming the file, line and column.
pub fn read_json(path: &Path) -> Result<serde_json::Value> {
    serde_json::from_slice(&read(path)?).with_context(|| format!("{} is not JSON", path.display()))
}

/// The file `path`, or the packed one in its place.
///
/// # Errors
/// When there is neither.
pub fn plain_or_packed(path: &Path) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let packed = PACKED.iter().map(|ending| PathBuf::from(format!("{}.{ending}", path.display())));
    match packed.into_iter().find(|packed| packed.is_file()) {
        Some(found) => Ok(found),
        None => bail!("{} does not exist, plain or packed", path.display()),
    }
}

/// `RV.json` of `RV.json.zst`.
pub fn plain_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = PACKED.iter().find_map(|ending| name.strip_suffix(&format!(".{ending}")));
    plain.map_or(name.clone(), str::to_owned)
}

/// The JSON files at or below `path`, sorted. A file given by name is taken whatever it is called.
///
/// # Errors
/// When `path` does not exist or a folder cannot be read.
pub fn walk(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![std::path::absolute(path)?]);
    }
    let mut found = Vec::new();
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
        let name = plain_name(&entry);
        if entry.is_dir() && !NOT_SCENARIOS.contains(&name.as_str()) {
            found.extend(walk(&entry)?);
        } else if entry.is_file() && name.ends_with(".json") {
            found.push(std::path::absolute(&entry)?);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_gzip_and_zstd_alike() {
        let folder = tempfile::tempdir().unwrap();
        let text = br#"{"scenarios":[]}"#;
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, text).unwrap();
        for path in [
            write("a.json", text),
            write("b.json.gz", &gzip.finish().unwrap()),
            write("c.json.zst", &zstd::encode_all(&text[..], 1).unwrap()),
        ] {
            assert_eq!(read(&path).unwrap(), text, "{}", path.display());
        }
        write("README.md", b"");
        fs::create_dir(folder.path().join("types")).unwrap();
        write("types/t.json", b"[]");
        let names: Vec<String> = walk(folder.path()).unwrap().iter().map(|path| plain_name(path)).collect();
        assert_eq!(names, ["a.json", "b.json", "c.json"]);
        assert!(plain_or_packed(&folder.path().join("c.json")).unwrap().ends_with("c.json.zst"));
        assert!(plain_or_packed(&folder.path().join("d.json")).is_err());
    }
}
