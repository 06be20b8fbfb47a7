//! Where bytes come from: a file, a folder, stdin, an example; plain, gzip or zstd.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use karp_core::report::Error;

use super::cannot_read;

/// Name that stands for stdin.
pub const STDIN: &str = "-";

/// Prefix of built-in examples.
const EXAMPLE_PREFIX: &str = "example:";

/// Built-in examples by name.
const EXAMPLES: &[(&str, &[u8])] = &[("workshop", include_bytes!("../../examples/workshop.yaml"))];

/// File names that are read from folders, each also with `.gz` or `.zst` behind it.
const EXTENSIONS: &[&str] = &["json", "jsonl", "ndjson", "yaml", "yml"];

/// Something to read.
pub(super) enum Source {
    /// One stream and what to call it.
    One(String, Box<dyn Read + Send>),
    /// The files of a folder, sorted.
    Folder(Vec<PathBuf>),
}

/// Opens what the user named; `stdin` is read for `-`.
pub(super) fn open(name: &str, stdin: &mut dyn FnMut() -> Box<dyn Read + Send>) -> Result<Source, Error> {
    if name == STDIN {
        return Ok(Source::One("stdin".to_owned(), stdin()));
    }
    if let Some(example) = name.strip_prefix(EXAMPLE_PREFIX) {
        let Some((_, bytes)) = EXAMPLES.iter().find(|(known, _)| *known == example) else {
            let known: Vec<String> =
                EXAMPLES.iter().map(|(known, _)| format!("{EXAMPLE_PREFIX}{known}")).collect();
            return Err(Error::not_found(format!("there is no {name}")).hint(known.join(", ")));
        };
        return Ok(Source::One(name.to_owned(), Box::new(Cursor::new(*bytes))));
    }
    let path = Path::new(name);
    if path.is_dir() {
        let mut files = Vec::new();
        collect_files(path, &mut files, 0)?;
        files.sort();
        if files.is_empty() {
            return Err(Error::usage(format!("{name}: no .json, .yaml or .yml file in this folder")));
        }
        return Ok(Source::Folder(files));
    }
    Ok(Source::One(shown(path), open_file(path)?))
}

/// Opens one file.
pub(super) fn open_file(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    File::open(path).map(|file| Box::new(file) as Box<dyn Read + Send>).map_err(|error| {
        let name = shown(path);
        if error.kind() == std::io::ErrorKind::NotFound {
            Error::usage(format!("{name}: no such file or folder"))
                .hint("a file, a folder, - for stdin, or example:workshop")
        } else {
            cannot_read(&name, &error)
        }
    })
}

/// How a path is printed.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Deepest folder that is looked into; must-gather folders have about eight levels.
const MAX_DEPTH: usize = 32;

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), Error> {
    let failed = |error: std::io::Error| cannot_read(&shown(folder), &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        // Links to folders are left out: they may lead back up.
        if entry.file_type().map_err(failed)?.is_dir() {
            if depth < MAX_DEPTH {
                collect_files(&path, files, depth + 1)?;
            }
        } else if has_known_extension(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn has_known_extension(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

/// Text of a stream, unpacked where its first bytes say that it is packed.
pub(super) fn unpack(name: &str, reader: Box<dyn Read + Send>) -> Result<Box<dyn BufRead + Send>, Error> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let magic = reader.fill_buf().map_err(|error| cannot_read(name, &error))?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(reader))));
    }
    if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder =
            zstd::stream::read::Decoder::with_buffer(reader).map_err(|error| cannot_read(name, &error))?;
        return Ok(Box::new(BufReader::new(decoder)));
    }
    if magic.starts_with(&[0xff, 0xfe]) || magic.starts_with(&[0xfe, 0xff]) {
        return Err(Error::usage(format!("{name}: UTF-16 text"))
            .hint("save it as UTF-8; in PowerShell: kubectl get ... | Out-File -Encoding utf8 FILE"));
    }
    Ok(Box::new(reader))
}
