//! Archives that come out byte for byte equal wherever they are packed: sorted, without owner, at one moment.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

/// The moment of every file, 2000-01-01T00:00:00Z: some unpackers refuse the epoch itself.
const MOMENT: u64 = 946_684_800;

/// A `.tar.gz` of regular files, `(name, content, is executable)`: krew refuses archives with links.
///
/// # Errors
/// None that a vector could cause.
pub fn archive(files: &[(&str, &[u8], bool)]) -> Result<Vec<u8>> {
    let packed = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(packed);
    let mut files = files.to_vec();
    files.sort_by_key(|(name, ..)| *name);
    for (name, content, is_executable) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(if is_executable { 0o755 } else { 0o644 });
        header.set_mtime(MOMENT);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, name, content)?;
    }
    let mut packed = tar.into_inner()?;
    packed.flush()?;
    Ok(packed.finish()?)
}

/// As krew and `sha256sum` write it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_files_changes_nothing() {
        let (a, b): ((&str, &[u8], bool), _) = (("LICENSE", b"x", false), ("kubectl-karp", &b"y"[..], true));
        let (one, other) = (archive(&[a, b]).unwrap(), archive(&[b, a]).unwrap());
        assert_eq!(one, other);
        let mut names = Vec::new();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&one[..]));
        for entry in tar.entries().unwrap() {
            let entry = entry.unwrap();
            names.push((entry.path().unwrap().display().to_string(), entry.header().mode().unwrap()));
        }
        assert_eq!(names, [("LICENSE".to_owned(), 0o644), ("kubectl-karp".to_owned(), 0o755)]);
    }

    #[test]
    fn sums_as_sha256sum_writes_them() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
