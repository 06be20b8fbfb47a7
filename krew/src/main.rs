//! `karp-release`: writes what `krew/release` needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use karp_release::{PLATFORMS, Platform, Release, archive, manifest, pages, sha256};

/// Archives, krew manifest and pages of kubectl karp
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write docs/commands and docs/man from the command lines
    Pages {
        /// The repository
        #[arg(long, default_value = ".")]
        repository: PathBuf,
    },
    /// Pack an executable with LICENSE and NOTICE
    Archive(ArchiveArgs),
    /// Write karp.yaml and SHA256SUMS for the archives of a folder
    Manifest(ManifestArgs),
    /// Print the platforms: os, arch, target
    Platforms,
}

#[derive(Debug, Args)]
struct ArchiveArgs {
    /// linux, darwin or windows
    #[arg(long)]
    os: String,
    /// amd64 or arm64
    #[arg(long)]
    arch: String,
    /// The executable
    #[arg(long)]
    binary: PathBuf,
    /// The repository, for LICENSE and NOTICE
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// Folder to write to
    #[arg(long)]
    to: PathBuf,
}

#[derive(Debug, Args)]
struct ManifestArgs {
    /// Folder with the archives; the manifest is written there
    #[arg(long)]
    archives: PathBuf,
    /// Address that the archives lie under
    #[arg(long)]
    address: String,
    /// The project's page
    #[arg(long)]
    homepage: String,
    /// Version, if it is not this one
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    version: String,
}

fn main() -> Result<()> {
    match Cli::parse().verb {
        Verb::Pages { repository } => write_pages(&repository),
        Verb::Archive(arguments) => pack(&arguments),
        Verb::Manifest(arguments) => write_manifest(&arguments),
        Verb::Platforms => {
            for platform in PLATFORMS {
                say(&format!("{} {} {}", platform.os, platform.arch, platform.target));
            }
            Ok(())
        }
    }
}

#[expect(clippy::print_stdout, reason = "a tool for scripts")]
fn say(line: &str) {
    println!("{line}");
}

fn write_pages(repository: &Path) -> Result<()> {
    for page in pages::all() {
        let path = repository.join(&page.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if fs::read_to_string(&path).is_ok_and(|old| old == page.text) {
            continue;
        }
        fs::write(&path, &page.text).with_context(|| path.display().to_string())?;
        say(&format!("written {}", path.display()));
    }
    Ok(())
}

fn pack(arguments: &ArchiveArgs) -> Result<()> {
    let Some(platform) = Platform::find(&arguments.os, &arguments.arch) else {
        bail!("no release for {}/{}", arguments.os, arguments.arch);
    };
    let read = |path: PathBuf| fs::read(&path).with_context(|| path.display().to_string());
    let binary = read(arguments.binary.clone())?;
    let (license, notice) =
        (read(arguments.repository.join("LICENSE"))?, read(arguments.repository.join("NOTICE"))?);
    let packed = archive(&[
        (platform.binary(), &binary, true),
        ("LICENSE", &license, false),
        ("NOTICE", &notice, false),
    ])?;
    fs::create_dir_all(&arguments.to)?;
    let name = platform.archive(env!("CARGO_PKG_VERSION"));
    fs::write(arguments.to.join(&name), &packed)?;
    say(&format!("{name}: {} bytes, {} unpacked", packed.len(), binary.len()));
    Ok(())
}

fn write_manifest(arguments: &ManifestArgs) -> Result<()> {
    let mut archives = Vec::new();
    let mut sums = String::new();
    for platform in PLATFORMS {
        let name = platform.archive(&arguments.version);
        let path = arguments.archives.join(&name);
        if !path.exists() {
            say(&format!("left out: {}/{} (no {name})", platform.os, platform.arch));
            continue;
        }
        let sum = sha256(&fs::read(&path)?);
        sums.push_str(&format!("{sum}  {name}\n"));
        archives.push((platform, sum));
    }
    let text = manifest(&Release {
        version: arguments.version.clone(),
        homepage: arguments.homepage.clone(),
        address: arguments.address.clone(),
        archives,
    })?;
    fs::write(arguments.archives.join("karp.yaml"), text)?;
    fs::write(arguments.archives.join("SHA256SUMS"), sums)?;
    say(&format!("written {}", arguments.archives.join("karp.yaml").display()));
    Ok(())
}
