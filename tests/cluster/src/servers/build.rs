//! Builds what is missing in a module's cache folder.
//!
//! Each binary is put in place by a rename and one builder works at a time in a folder (a file lock),
//! so two test runs that start together share one build and neither sees a half-written file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::module::{Asset, Module, Tool};
use crate::say;

/// Said when there is no Go; one line that names what to get.
const GO_MISSING: &str = "the test servers need Go 1.21 or newer on PATH (it fetches the exact toolchain itself): \
     install it from your distribution or go.dev/dl, then run again";

/// A module in the cache with everything that was asked for.
#[derive(Clone, Debug)]
pub struct Built {
    folder: PathBuf,
}

impl Built {
    /// Path of a binary.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Path of a folder of files that came from the Go modules.
    #[must_use]
    pub fn asset(&self, folder: &str) -> PathBuf {
        self.folder.join("files").join(folder)
    }

    /// The files of such a folder, sorted by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn asset_files(&self, folder: &str) -> Result<Vec<PathBuf>> {
        let mut files = fs::read_dir(self.asset(folder))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>>>()?;
        files.sort();
        Ok(files)
    }
}

/// Makes sure that all binaries and files of `module` are in the cache.
///
/// # Errors
/// Go is missing, or it fails; the message carries Go's last lines.
pub fn ensure_all(module: Module) -> Result<Built> {
    let names: Vec<&str> = module.tools().iter().map(|tool| tool.binary).collect();
    ensure(module, &names)
}

/// The same for some of its binaries; the files are always there.
///
/// # Errors
/// Go is missing, or it fails; the message carries Go's last lines.
pub fn ensure(module: Module, binaries: &[&str]) -> Result<Built> {
    let built = Built { folder: module.folder()? };
    if is_complete(module, &built, binaries) {
        return Ok(built);
    }
    fs::create_dir_all(&built.folder)
        .with_context(|| format!("cannot make the cache folder {}", built.folder.display()))?;
    let lock = File::create(built.folder.join("lock"))?;
    lock.lock()?;
    let missing = missing_tools(module, &built, binaries);
    let source = Source::write(module, &built.folder)?;
    if !missing.is_empty() {
        compile(module, &missing, &source, &built)?;
    }
    if !has_assets(module, &built) {
        copy_assets(module, &source, &built)?;
    }
    Ok(built)
}

fn is_complete(module: Module, built: &Built, binaries: &[&str]) -> bool {
    missing_tools(module, built, binaries).is_empty() && has_assets(module, built)
}

fn has_assets(module: Module, built: &Built) -> bool {
    module.assets().iter().all(|asset| built.asset(asset.folder).is_dir())
}

fn missing_tools(module: Module, built: &Built, binaries: &[&str]) -> Vec<Tool> {
    module
        .tools()
        .iter()
        .filter(|tool| binaries.contains(&tool.binary) && !built.binary(tool.binary).is_file())
        .copied()
        .collect()
}

/// A scratch copy of the module, so that Go never writes into the repository.
struct Source {
    folder: PathBuf,
}

impl Source {
    fn write(module: Module, cache: &Path) -> Result<Self> {
        let folder = cache.join("source");
        fs::create_dir_all(&folder)?;
        let [go_mod, go_sum] = module.files();
        fs::write(folder.join("go.mod"), go_mod)?;
        fs::write(folder.join("go.sum"), go_sum)?;
        Ok(Self { folder })
    }

    /// A `go` command in this copy. `GOTOOLCHAIN=auto` lets Go fetch the version that go.mod names;
    /// flags of the user's own (`-mod=vendor`, say) would break the build.
    fn go(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("go");
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CGO_ENABLED", "0")
            .env("GOTOOLCHAIN", "auto")
            .env("GOWORK", "off")
            .env("GOFLAGS", "-buildvcs=false");
        command
    }
}

fn compile(module: Module, tools: &[Tool], source: &Source, built: &Built) -> Result<()> {
    run(module, source.go(&["version"]))?;
    let names: Vec<&str> = tools.iter().map(|tool| tool.binary).collect();
    say(&format!(
        "building {} ({}), once, some minutes; into {}",
        module.name(),
        names.join(", "),
        built.folder.display()
    ));
    let scratch = built.folder.join("scratch");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    let flags = module.linker_flags()?;
    let output = format!("{}/", scratch.display());
    let mut command = source.go(&["build", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o", &output]);
    command.args(tools.iter().map(|tool| tool.package));
    run(module, command)?;
    fs::create_dir_all(built.folder.join("bin"))?;
    for tool in tools {
        fs::rename(scratch.join(tool.binary), built.binary(tool.binary))
            .with_context(|| format!("go build made no {}", tool.binary))?;
    }
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

fn copy_assets(module: Module, source: &Source, built: &Built) -> Result<()> {
    let scratch = built.folder.join("files.scratch");
    let _ = fs::remove_dir_all(&scratch);
    for asset in module.assets() {
        let target = scratch.join(asset.folder);
        fs::create_dir_all(&target)?;
        // `go list` knows the folder of a module that is in Go's cache only; the build may be older
        // than the last clean-up of that cache.
        run(module, source.go(&["mod", "download", asset.module]))?;
        let folder = run(module, source.go(&["list", "-m", "-f", "{{.Dir}}", asset.module]))?;
        copy_asset(*asset, Path::new(folder.trim()), &target)?;
    }
    let target = built.folder.join("files");
    let _ = fs::remove_dir_all(&target);
    fs::rename(&scratch, target)?;
    Ok(())
}

fn copy_asset(asset: Asset, module_folder: &Path, target: &Path) -> Result<()> {
    let path = module_folder.join(asset.path);
    let files = if path.is_dir() {
        fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?
    } else {
        vec![path.clone()]
    };
    let mut count = 0;
    for file in files {
        let wanted = file.extension().is_some_and(|extension| extension == "yaml" || extension == "json");
        // A kustomization lists its neighbours and is no object itself.
        if let Some(name) = file.file_name().filter(|&name| wanted && name != "kustomization.yaml") {
            // Contents only: files in Go's cache are read-only, a copy with its mode could not be removed.
            fs::write(target.join(name), fs::read(&file)?)?;
            count += 1;
        }
    }
    ensure!(count > 0, "the Go module {} has no files at {}", asset.module, asset.path);
    Ok(())
}

/// Runs a `go` command and returns what it printed.
fn run(module: Module, mut command: Command) -> Result<String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!("{GO_MISSING}"),
        Err(error) => return Err(error).context("cannot run go"),
    };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("go: downloading")).collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        bail!("go failed in servers/{} ({}):\n{tail}", module.name(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
