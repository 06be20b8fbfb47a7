//! The cache of `catalog refresh`: one file per account and region under the user's cache folder.
//!
//! `$XDG_CACHE_HOME/karp/catalog/ACCOUNT-REGION.json.zst` (`~/.cache` where the variable is not set). Written to a
//! file beside it and renamed, so that a reader never sees half of it.

use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use karp_core::model::{Catalog, CatalogOrigin};

use super::file::{read_catalog, unpack};

/// How long cached data is used without being asked for: spot prices move within a day.
pub const FRESH_HOURS: i64 = 24;

/// A catalog from the cache.
#[derive(Debug, Clone)]
pub struct CachedCatalog {
    /// The catalog; its origin is [`CatalogOrigin::Live`].
    pub catalog: Catalog,
    /// Its file.
    pub path: PathBuf,
    /// When it was read from AWS.
    pub read_at: Timestamp,
}

impl CachedCatalog {
    /// Whether it is young enough to be used without being asked for.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.read_at) < SignedDuration::from_hours(FRESH_HOURS)
    }
}

/// The folder of the cache, from the environment: `XDG_CACHE_HOME`, else `HOME`.
pub fn cache_folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification asks to ignore relative paths.
    let base = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(catalog_folder(&base.join("karp")))
}

/// Where catalogs are inside our own cache.
pub fn catalog_folder(cache: &Path) -> PathBuf {
    cache.join("catalog")
}

/// The newest cached catalog of a region, of whichever account; files that cannot be read come back as notes.
pub fn cached(folder: &Path, region: &str) -> (Option<CachedCatalog>, Vec<String>) {
    let mut newest: Option<CachedCatalog> = None;
    let mut notes = Vec::new();
    let ending = format!("-{region}.json.zst");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let named = path.file_name().and_then(|name| name.to_str());
        if !named.is_some_and(|name| name.strip_suffix(&ending).is_some_and(is_account)) {
            continue;
        }
        match read(&path) {
            Ok(found) => {
                if newest.as_ref().is_none_or(|newest| found.read_at > newest.read_at) {
                    newest = Some(found);
                }
            }
            Err(message) => notes.push(format!("{}: {message}: not used", path.display())),
        }
    }
    (newest, notes)
}

/// Files are named after accounts: letters and digits, so that `us-west-2` is no ending of `x-us-west-2`.
fn is_account(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn read(path: &Path) -> Result<CachedCatalog, String> {
    let bytes = std::fs::read(path).map_err(|cause| cause.to_string())?;
    let catalog = read_catalog(&unpack(bytes).map_err(|cause| cause.to_string())?)?;
    match catalog.origin {
        CatalogOrigin::Live { read_at, .. } => Ok(CachedCatalog { catalog, path: path.to_owned(), read_at }),
        _ => Err("not written by catalog refresh".to_owned()),
    }
}

/// Writes a catalog read from AWS into the cache, at once or not at all; its file.
///
/// # Errors
/// When the folder or file cannot be written, or the catalog is not one read from AWS.
pub fn store(folder: &Path, catalog: &Catalog) -> io::Result<PathBuf> {
    let CatalogOrigin::Live { account, .. } = &catalog.origin else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not read from AWS"));
    };
    std::fs::create_dir_all(folder)?;
    let name = format!("{account}-{}.json.zst", catalog.region);
    let (path, part) = (folder.join(&name), folder.join(format!(".{name}.{}", std::process::id())));
    let packed = zstd::encode_all(serde_json::to_vec(catalog)?.as_slice(), 9)?;
    let written = std::fs::write(&part, packed).and_then(|()| std::fs::rename(&part, &path));
    if written.is_err() {
        // Nothing is left behind; that the part may not be there either is fine.
        let _ = std::fs::remove_file(&part);
    }
    written.map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::super::embedded;
    use super::*;

    fn live(account: &str, region: &str, read_at: &str) -> Catalog {
        let read_at = read_at.parse().unwrap();
        let origin = CatalogOrigin::Live { account: account.into(), read_at };
        Catalog { origin, ..embedded(region).unwrap() }
    }

    #[test]
    fn the_newest_of_a_region_is_found() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), &live("111111111111", "us-west-2", "2026-11-25T10:00:00Z")).unwrap();
        store(folder.path(), &live("222222222222", "us-west-2", "2026-11-25T12:00:00Z")).unwrap();
        store(folder.path(), &live("222222222222", "us-west-1", "2026-11-25T13:00:00Z")).unwrap();
        std::fs::write(folder.path().join("333333333333-us-west-2.json.zst"), b"half a fi").unwrap();
        let (found, notes) = cached(folder.path(), "us-west-2");
        let found = found.unwrap();
        assert_eq!(found.read_at.to_string(), "2026-11-25T12:00:00Z");
        assert!(found.is_fresh("2026-11-26T11:59:59Z".parse().unwrap()));
        assert!(!found.is_fresh("2026-11-26T12:00:00Z".parse().unwrap()));
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(cached(folder.path(), "west-2").0.is_none());
        assert!(cached(&folder.path().join("none"), "us-west-2").0.is_none());
    }

    #[test]
    fn the_folder_follows_the_environment() {
        let folder = |cache: &str, home: &str| {
            cache_folder(|name| Some(if name == "HOME" { home } else { cache }.to_owned()))
                .map(|path| path.display().to_string())
        };
        assert_eq!(folder("/c", "/h").as_deref(), Some("/c/karp/catalog"));
        assert_eq!(folder("", "/h").as_deref(), Some("/h/.cache/karp/catalog"));
        assert_eq!(folder("relative", "/h").as_deref(), Some("/h/.cache/karp/catalog"));
        assert_eq!(folder("", ""), None);
    }

    #[test]
    fn what_did_not_come_from_aws_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        assert!(store(folder.path(), &embedded("us-west-1").unwrap()).is_err());
    }
}
