//! The server binaries: found, or built once into a cache folder that later runs reuse.
//!
//! Go modules of ours pin the versions (`servers/*/go.mod`, `go.sum`) and hold nothing else.
//! Each has a folder of its own in the cache, keyed by its two files, so that a changed pin rebuilds
//! one module. CRDs and KWOK's stages lie in those Go modules too; they are copied beside the binaries,
//! so that a warm run needs no Go.
//!
//! Split: [`module`] says what is in a module, [`build`] makes it be there, [`cache`] says where.

pub mod build;
pub mod cache;
pub mod module;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use module::Module;

/// envtest's variable: a folder with etcd, kube-apiserver and kubectl to be used instead of our own.
const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// Everything that a control plane with KWOK nodes runs.
#[derive(Clone, Debug)]
pub struct Servers {
    /// The etcd server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The controller manager.
    pub kube_controller_manager: PathBuf,
    /// The scheduler.
    pub kube_scheduler: PathBuf,
    /// The real kubectl.
    pub kubectl: PathBuf,
    /// KWOK, the kubelet of every node.
    pub kwok: PathBuf,
    /// KWOK's stages (how nodes and pods get ready and go), one file each.
    pub stages: Vec<PathBuf>,
}

impl Servers {
    /// Finds the binaries, and builds those that are missing (about 8 minutes on two cores, once).
    ///
    /// etcd, kube-apiserver and kubectl are taken from `KUBEBUILDER_ASSETS` where that is set.
    ///
    /// # Errors
    /// Go is missing, a build fails, or `KUBEBUILDER_ASSETS` names a folder without one of the three.
    pub fn build_or_reuse() -> Result<Self> {
        let assets = std::env::var_os(ASSETS_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self::from_assets(assets.as_deref())
    }

    fn from_assets(assets: Option<&Path>) -> Result<Self> {
        let provided = |name: &str| assets.map(|folder| folder.join(name));
        if let Some(folder) = assets {
            for name in ["etcd", "kube-apiserver", "kubectl"] {
                ensure!(
                    folder.join(name).is_file(),
                    "{ASSETS_VARIABLE} is {}, but there is no {name} in it; correct or unset it",
                    folder.display()
                );
            }
        }
        let kubernetes = if assets.is_some() {
            build::ensure(Module::Kubernetes, &["kube-controller-manager", "kube-scheduler"])?
        } else {
            build::ensure_all(Module::Kubernetes)?
        };
        let nodes = if assets.is_some() {
            build::ensure(Module::Nodes, &["kwok"])?
        } else {
            build::ensure_all(Module::Nodes)?
        };
        Ok(Self {
            etcd: provided("etcd").unwrap_or_else(|| nodes.binary("server")),
            kube_apiserver: provided("kube-apiserver").unwrap_or_else(|| kubernetes.binary("kube-apiserver")),
            kube_controller_manager: kubernetes.binary("kube-controller-manager"),
            kube_scheduler: kubernetes.binary("kube-scheduler"),
            kubectl: provided("kubectl").unwrap_or_else(|| kubernetes.binary("kubectl")),
            kwok: nodes.binary("kwok"),
            stages: nodes.asset_files("stages")?,
        })
    }
}

/// krew as users have it, and the checker that its index runs on every manifest.
#[derive(Clone, Debug)]
pub struct Krew {
    /// To be called as `kubectl-krew`.
    pub krew: PathBuf,
    /// `validate-krew-manifest`.
    pub checker: PathBuf,
}

impl Krew {
    /// Builds both where they are missing.
    ///
    /// # Errors
    /// Go is missing or the build fails.
    pub fn build_or_reuse() -> Result<Self> {
        let module = build::ensure_all(Module::Krew)?;
        Ok(Self { krew: module.binary("krew"), checker: module.binary("validate-krew-manifest") })
    }
}

/// One build of Karpenter and the CRDs it serves.
#[derive(Clone, Debug)]
pub struct KarpenterServer {
    /// The controller.
    pub controller: PathBuf,
    /// Folder with its CRDs, one YAML file each.
    pub crds: PathBuf,
    /// The KWOK provider's own instance types; the AWS provider asks EC2.
    pub instance_types: Option<PathBuf>,
    /// A larger list of EC2-like types in the same format.
    pub aws_instance_types: Option<PathBuf>,
}

impl KarpenterServer {
    /// Karpenter with its KWOK provider.
    ///
    /// # Errors
    /// Go is missing or the build fails.
    pub fn kwok() -> Result<Self> {
        let module = build::ensure_all(Module::Karpenter)?;
        Ok(Self {
            controller: module.binary("kwok"),
            crds: module.asset("crds"),
            instance_types: Some(module.asset("types").join("instance_types.json")),
            aws_instance_types: Some(module.asset("types").join("aws_instance_types.json")),
        })
    }

    /// Karpenter with the real AWS provider, whose instances become KWOK nodes.
    ///
    /// # Errors
    /// Go is missing or the build fails.
    pub fn aws() -> Result<Self> {
        let module = build::ensure_all(Module::KarpenterAws)?;
        Ok(Self {
            controller: module.binary("kwok"),
            crds: module.asset("crds"),
            instance_types: None,
            aws_instance_types: None,
        })
    }
}
