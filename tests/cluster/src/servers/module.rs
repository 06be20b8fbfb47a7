//! What is in each of our Go modules.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::cache;

/// Part of every key: raised when the way of building changes, so that old folders are not taken.
const RECIPE: &str = "1";

/// One of our Go modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// API server, controller manager, scheduler, kubectl.
    Kubernetes,
    /// etcd and KWOK.
    Nodes,
    /// Karpenter with its KWOK provider.
    Karpenter,
    /// Karpenter with the real AWS provider.
    KarpenterAws,
    /// krew, and the checker of its index.
    Krew,
}

/// A Go command and the name that `go build` gives its binary.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// Import path.
    pub package: &'static str,
    /// File name of the binary.
    pub binary: &'static str,
}

/// Files that lie in a Go module and are wanted beside the binaries.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Folder beside the binaries.
    pub folder: &'static str,
    /// The Go module that has them.
    pub module: &'static str,
    /// File or folder in that module; of a folder, its YAML and JSON files (no deeper).
    pub path: &'static str,
}

impl Module {
    /// Name of its folder under `servers/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Nodes => "nodes",
            Self::Karpenter => "karpenter",
            Self::KarpenterAws => "karpenter-aws",
            Self::Krew => "krew",
        }
    }

    /// Its go.mod and go.sum.
    #[must_use]
    pub fn files(self) -> [&'static str; 2] {
        match self {
            Self::Kubernetes => [
                include_str!("../../servers/kubernetes/go.mod"),
                include_str!("../../servers/kubernetes/go.sum"),
            ],
            Self::Nodes => {
                [include_str!("../../servers/nodes/go.mod"), include_str!("../../servers/nodes/go.sum")]
            }
            Self::Karpenter => [
                include_str!("../../servers/karpenter/go.mod"),
                include_str!("../../servers/karpenter/go.sum"),
            ],
            Self::KarpenterAws => [
                include_str!("../../servers/karpenter-aws/go.mod"),
                include_str!("../../servers/karpenter-aws/go.sum"),
            ],
            Self::Krew => {
                [include_str!("../../servers/krew/go.mod"), include_str!("../../servers/krew/go.sum")]
            }
        }
    }

    /// Its commands: the `tool` lines of go.mod.
    #[must_use]
    pub fn tools(self) -> &'static [Tool] {
        match self {
            Self::Kubernetes => &[
                Tool { package: "k8s.io/kubernetes/cmd/kube-apiserver", binary: "kube-apiserver" },
                Tool {
                    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
                    binary: "kube-controller-manager",
                },
                Tool { package: "k8s.io/kubernetes/cmd/kube-scheduler", binary: "kube-scheduler" },
                Tool { package: "k8s.io/kubernetes/cmd/kubectl", binary: "kubectl" },
            ],
            Self::Nodes => &[
                Tool { package: "go.etcd.io/etcd/server/v3", binary: "server" },
                Tool { package: "sigs.k8s.io/kwok/cmd/kwok", binary: "kwok" },
            ],
            Self::Karpenter => &[Tool { package: "sigs.k8s.io/karpenter/kwok", binary: "kwok" }],
            Self::KarpenterAws => {
                &[Tool { package: "github.com/aws/karpenter-provider-aws/kwok", binary: "kwok" }]
            }
            Self::Krew => &[
                Tool { package: "sigs.k8s.io/krew/cmd/krew", binary: "krew" },
                Tool {
                    package: "sigs.k8s.io/krew/cmd/validate-krew-manifest",
                    binary: "validate-krew-manifest",
                },
            ],
        }
    }

    /// Files to be copied out of the Go modules it pins.
    #[must_use]
    pub fn assets(self) -> &'static [Asset] {
        const KWOK: &str = "sigs.k8s.io/kwok";
        const KARPENTER: &str = "sigs.k8s.io/karpenter";
        const AWS: &str = "github.com/aws/karpenter-provider-aws";
        match self {
            Self::Kubernetes | Self::Krew => &[],
            Self::Nodes => &[
                Asset { folder: "stages", module: KWOK, path: "kustomize/stage/node/fast" },
                Asset { folder: "stages", module: KWOK, path: "kustomize/stage/node/heartbeat-with-lease" },
                Asset { folder: "stages", module: KWOK, path: "kustomize/stage/pod/fast" },
            ],
            Self::Karpenter => &[
                Asset { folder: "crds", module: KARPENTER, path: "pkg/apis/crds" },
                Asset { folder: "crds", module: KARPENTER, path: "kwok/apis/crds" },
                Asset { folder: "types", module: KARPENTER, path: "kwok/cloudprovider/instance_types.json" },
                Asset { folder: "types", module: KARPENTER, path: "kwok/examples/aws_instance_types.json" },
            ],
            Self::KarpenterAws => &[Asset { folder: "crds", module: AWS, path: "pkg/apis/crds" }],
        }
    }

    /// What the linker writes into the binaries: the version each server reports.
    ///
    /// # Errors
    /// When go.mod does not name the module that carries the version.
    pub fn linker_flags(self) -> Result<String> {
        let strip = "-s -w";
        Ok(match self {
            Self::Kubernetes => {
                let version = self.pinned("k8s.io/kubernetes")?;
                let mut parts = version.trim_start_matches('v').split('.');
                let (major, minor) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
                let variable = "k8s.io/component-base/version";
                format!(
                    "{strip} -X {variable}.gitVersion={version} -X {variable}.gitMajor={major} -X {variable}.gitMinor={minor}"
                )
            }
            Self::Nodes | Self::Krew => strip.to_owned(),
            Self::Karpenter | Self::KarpenterAws => {
                let version = self.pinned("sigs.k8s.io/karpenter")?;
                format!(
                    "{strip} -X sigs.k8s.io/karpenter/pkg/operator.Version={}",
                    version.trim_start_matches('v')
                )
            }
        })
    }

    /// The version of a Go module that this module's go.mod requires, with its `v`.
    ///
    /// # Errors
    /// When go.mod has no such line.
    pub fn pinned(self, go_module: &str) -> Result<&'static str> {
        let [go_mod, _] = self.files();
        go_mod
            .lines()
            .map(|line| line.trim().trim_start_matches("require "))
            .filter(|line| !line.contains("=>"))
            .find_map(|line| line.strip_prefix(go_module)?.strip_prefix(' '))
            .and_then(|rest| rest.split_whitespace().next())
            .with_context(|| format!("servers/{}/go.mod does not require {go_module}", self.name()))
    }

    /// Its folder in the cache: changes with either of its two files.
    ///
    /// # Errors
    /// When there is no cache folder.
    pub fn folder(self) -> Result<PathBuf> {
        let [go_mod, go_sum] = self.files();
        let key = cache::key(&[RECIPE, go_mod, go_sum]);
        Ok(cache::folder()?.join(format!("{}-{key}", self.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_a_tool_line_and_versions_reach_the_linker() {
        for module in [Module::Kubernetes, Module::Nodes, Module::Karpenter, Module::KarpenterAws] {
            let [go_mod, _] = module.files();
            for tool in module.tools() {
                assert!(go_mod.contains(tool.package), "{} lacks {}", module.name(), tool.package);
            }
            assert!(module.linker_flags().unwrap().starts_with("-s -w"));
        }
        assert!(
            Module::Kubernetes
                .linker_flags()
                .unwrap()
                .ends_with("gitMajor=1 -X k8s.io/component-base/version.gitMinor=36")
        );
        assert!(Module::KarpenterAws.linker_flags().unwrap().ends_with("operator.Version=1.15.0"));
    }
}
