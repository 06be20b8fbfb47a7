//! Who we are: under which name we were called, and where our siblings could be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use karp_common::term::Out;

use crate::{PREFIX, find, version};

/// The running program and its surroundings, as values.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The name it was called by, as the first argument says it.
    pub name: OsString,
    /// Folders in which siblings lie: the link's and the real file's.
    pub own_folders: Vec<PathBuf>,
    /// Folders of PATH.
    pub path: Vec<PathBuf>,
    /// The real file, to tell it from siblings.
    pub file: Option<PathBuf>,
}

impl Program {
    /// The process itself.
    pub fn current() -> Self {
        let name = std::env::args_os().next().unwrap_or_default();
        let file = std::env::current_exe().ok();
        let real = file.as_ref().and_then(|file| file.canonicalize().ok());
        let folder =
            |path: &Path| path.parent().map(Path::to_path_buf).filter(|path| !path.as_os_str().is_empty());
        let called = folder(Path::new(&name));
        let mut own_folders: Vec<PathBuf> = Vec::new();
        for place in [called, file.as_deref().and_then(folder), real.as_deref().and_then(folder)] {
            own_folders.extend(place.filter(|place| !own_folders.contains(place)));
        }
        let path =
            std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        Program { name, own_folders, path, file: real }
    }

    /// The verb in the name, if it was called `kubectl-karp-VERB`. krew turns dashes into underscores.
    pub(crate) fn verb(&self) -> Option<String> {
        let stem = Path::new(&self.name).file_name()?.to_str()?;
        let stem = stem.strip_suffix(".exe").unwrap_or(stem);
        let verb = stem.strip_prefix(PREFIX).or_else(|| stem.strip_prefix("kubectl-karp_"))?;
        Some(verb.replace('_', "-"))
    }

    /// kubectl runs a sibling on PATH rather than the built-in verb: one of another version answers differently.
    pub(crate) fn warn_of_other_versions(&self, verb: &str, out: &mut Out<'_>) {
        let sibling = find::on_path(self, verb);
        for (path, version) in sibling.iter().filter_map(|path| Some((path, version::of_sibling(path)?))) {
            if version != version::OWN {
                let own = version::OWN;
                out.warn(&format!("{} is {version}; this is {own}", path.display()));
            }
        }
    }
}
