//! The krew manifest: the words stand in `krew/karp.yaml`, version and platforms are put in here.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// What the words are.
const TEMPLATE: &str = include_str!("../karp.yaml");

/// A platform of krew, and Rust's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// `linux`, `darwin`, `windows`.
    pub os: &'static str,
    /// `amd64`, `arm64`.
    pub arch: &'static str,
    /// Rust's target triple.
    pub target: &'static str,
}

/// All that are released.
pub const PLATFORMS: &[Platform] = &[
    // musl: one file for every distribution, old ones and Alpine included.
    Platform { os: "linux", arch: "amd64", target: "x86_64-unknown-linux-musl" },
    Platform { os: "linux", arch: "arm64", target: "aarch64-unknown-linux-musl" },
    Platform { os: "darwin", arch: "amd64", target: "x86_64-apple-darwin" },
    Platform { os: "darwin", arch: "arm64", target: "aarch64-apple-darwin" },
    Platform { os: "windows", arch: "amd64", target: "x86_64-pc-windows-gnu" },
];

impl Platform {
    /// The platform of krew's two words.
    #[must_use]
    pub fn find(os: &str, arch: &str) -> Option<&'static Platform> {
        PLATFORMS.iter().find(|platform| (platform.os, platform.arch) == (os, arch))
    }

    /// The executable within the archive.
    #[must_use]
    pub fn binary(&self) -> &'static str {
        if self.os == "windows" { "kubectl-karp.exe" } else { "kubectl-karp" }
    }

    /// Name of the archive of a version.
    #[must_use]
    pub fn archive(&self, version: &str) -> String {
        format!("kubectl-karp-v{version}-{}-{}.tar.gz", self.os, self.arch)
    }
}

/// What goes into the manifest.
#[derive(Debug, Clone)]
pub struct Release {
    /// `0.1.0`.
    pub version: String,
    /// The project's page.
    pub homepage: String,
    /// The address that archives lie under.
    pub address: String,
    /// Platforms with the SHA-256 of their archives.
    pub archives: Vec<(&'static Platform, String)>,
}

/// The manifest as YAML.
///
/// # Errors
/// No archive; a version that krew does not take.
pub fn manifest(release: &Release) -> Result<String> {
    ensure!(!release.archives.is_empty(), "a manifest needs the archive of a platform");
    let is_version = release.version.split('.').count() == 3
        && release.version.split('.').all(|part| part.parse::<u32>().is_ok());
    ensure!(is_version, "{:?} is no version that krew takes (example: 0.1.0)", release.version);
    let mut manifest: Value = serde_saphyr::from_str(TEMPLATE).context("krew/karp.yaml")?;
    let platforms: Vec<Value> = release
        .archives
        .iter()
        .map(|(platform, sum)| {
            let address = release.address.trim_end_matches('/');
            json!({
                "selector": {"matchLabels": {"os": platform.os, "arch": platform.arch}},
                "uri": format!("{address}/{}", platform.archive(&release.version)),
                "sha256": sum,
                "bin": platform.binary(),
            })
        })
        .collect();
    let spec =
        manifest.get_mut("spec").and_then(Value::as_object_mut).context("krew/karp.yaml has no spec")?;
    spec.insert("version".to_owned(), format!("v{}", release.version).into());
    spec.insert("homepage".to_owned(), release.homepage.clone().into());
    spec.insert("platforms".to_owned(), platforms.into());
    Ok(serde_saphyr::to_string(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_stands_in_it_once() {
        let archives = PLATFORMS.iter().map(|platform| (platform, "0".repeat(64))).collect();
        let release = Release {
            version: "1.2.3".to_owned(),
            homepage: "https://example.test/karp".to_owned(),
            address: "https://example.test/v1.2.3/".to_owned(),
            archives,
        };
        let text = manifest(&release).unwrap();
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(value["metadata"]["name"], "karp");
        assert_eq!(value["spec"]["version"], "v1.2.3");
        // krew's own rule: one line; the index's reviewers: at most 50 letters.
        let short = value["spec"]["shortDescription"].as_str().unwrap();
        assert!(short.len() <= 50 && !short.contains('\n'), "{short}");
        let platforms = value["spec"]["platforms"].as_array().unwrap();
        assert_eq!(platforms.len(), PLATFORMS.len());
        assert_eq!(platforms[4]["bin"], "kubectl-karp.exe");
        assert_eq!(platforms[0]["uri"], "https://example.test/v1.2.3/kubectl-karp-v1.2.3-linux-amd64.tar.gz");
        assert!(manifest(&Release { version: "v1".to_owned(), ..release }).is_err());
    }
}
