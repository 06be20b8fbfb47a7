//! SSM parameters behind an image alias: their names for a Kubernetes version, and which instance types each serves.
//!
//! AWS provider: pkg/providers/amifamily/{al2,al2023,bottlerocket,windows}.go (`DescribeImageQuery`) and
//! pkg/controllers/nodeclass/ami.go (aliases that a version does not serve). An alias without date still has the
//! Kubernetes version in its path, so a control plane upgrade moves every alias.

use super::AmiFamily;
use crate::model::RequirementSpec;

/// One parameter of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasParameter {
    /// Name of the parameter.
    pub name: String,
    /// What of it is for people: `standard arm64`.
    pub serves: String,
    /// Which instance types take its image; any one list is enough.
    pub requirements: Vec<Vec<RequirementSpec>>,
}

/// An alias that no image can come from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// Not of the form `family@version`, or an unknown family.
    #[error("{0:?} is no image alias (example: al2023@latest)")]
    Unknown(String),
    /// The family has no images for this Kubernetes version: the NodeClass becomes not Ready.
    #[error("alias {alias} has no images for Kubernetes {version}")]
    Unsupported {
        /// The alias.
        alias: String,
        /// The Kubernetes version.
        version: String,
    },
}

const GPU: &str = "karpenter.k8s.aws/instance-gpu-count";
const ACCELERATOR: &str = "karpenter.k8s.aws/instance-accelerator-count";

#[derive(Clone, Copy)]
enum Variant {
    Standard,
    Nvidia,
    Neuron,
}

/// The parameters of an alias (`al2023@latest`) for a Kubernetes minor version (`1.36`), in the provider's order.
///
/// # Errors
/// When it is no alias, or the version has no images of that family.
pub fn alias_parameters(alias: &str, version: &str) -> Result<Vec<AliasParameter>, AliasError> {
    let unknown = || AliasError::Unknown(alias.to_owned());
    let (family, release) = alias.split_once('@').ok_or_else(unknown)?;
    let family = AmiFamily::parse(family).ok_or_else(unknown)?;
    let minor: u32 = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).ok_or_else(unknown)?;
    let unsupported = || AliasError::Unsupported { alias: alias.to_owned(), version: version.to_owned() };
    match family {
        AmiFamily::Al2 if minor >= 33 => return Err(unsupported()),
        AmiFamily::Windows2025 if minor < 35 => return Err(unsupported()),
        AmiFamily::Custom => return Err(unknown()),
        _ => {}
    }
    let latest = release == "latest";
    let eks = format!("/aws/service/eks/optimized-ami/{version}");
    Ok(match family {
        AmiFamily::Al2 => {
            let image = |folder: &str, prefix: &str| {
                let node =
                    if latest { "recommended".to_owned() } else { format!("{prefix}-{version}-{release}") };
                format!("{eks}/{folder}/{node}/image_id")
            };
            let gpu = image("amazon-linux-2-gpu", "amazon-eks-gpu-node");
            vec![
                parameter(image("amazon-linux-2", "amazon-eks-node"), "amd64", &[Variant::Standard]),
                parameter(
                    image("amazon-linux-2-arm64", "amazon-eks-arm64-node"),
                    "arm64",
                    &[Variant::Standard],
                ),
                parameter(gpu, "amd64", &[Variant::Neuron, Variant::Nvidia]),
            ]
        }
        AmiFamily::Al2023 => {
            let image = |arch: &str, variant: &str| {
                let node = if latest {
                    "recommended".to_owned()
                } else {
                    format!("amazon-eks-node-al2023-{arch}-{variant}-{version}-{release}")
                };
                format!("{eks}/amazon-linux-2023/{arch}/{variant}/{node}/image_id")
            };
            vec![
                parameter(image("x86_64", "standard"), "amd64", &[Variant::Standard]),
                parameter(image("x86_64", "nvidia"), "amd64", &[Variant::Nvidia]),
                parameter(image("x86_64", "neuron"), "amd64", &[Variant::Neuron]),
                parameter(image("arm64", "standard"), "arm64", &[Variant::Standard]),
                parameter(image("arm64", "nvidia"), "arm64", &[Variant::Nvidia]),
            ]
        }
        AmiFamily::Bottlerocket => {
            let release = release.trim_start_matches('v');
            let image = |variant: &str, arch: &str| {
                format!("/aws/service/bottlerocket/aws-k8s-{version}{variant}/{arch}/{release}/image_id")
            };
            vec![
                parameter(image("", "x86_64"), "amd64", &[Variant::Standard, Variant::Neuron]),
                parameter(image("", "arm64"), "arm64", &[Variant::Standard]),
                parameter(image("-nvidia", "x86_64"), "amd64", &[Variant::Nvidia]),
                parameter(image("-nvidia", "arm64"), "arm64", &[Variant::Nvidia]),
            ]
        }
        windows => {
            let year = windows.as_str().trim_start_matches("Windows");
            let name = format!(
                "/aws/service/ami-windows-latest/Windows_Server-{year}-English-Core-EKS_Optimized-{version}/image_id"
            );
            let requirements = vec![
                one("kubernetes.io/arch", "In", &["amd64"]),
                one("kubernetes.io/os", "In", &["windows"]),
                one("node.kubernetes.io/windows-build", "In", &[windows.windows_build().unwrap_or_default()]),
            ];
            vec![AliasParameter { name, serves: format!("windows {year}"), requirements: vec![requirements] }]
        }
    })
}

fn parameter(name: String, arch: &str, variants: &[Variant]) -> AliasParameter {
    let word = |variant: &Variant| match variant {
        Variant::Standard => "standard",
        Variant::Nvidia => "nvidia",
        Variant::Neuron => "neuron",
    };
    let requirements = variants
        .iter()
        .map(|variant| {
            let mut all = vec![one("kubernetes.io/arch", "In", &[arch])];
            match variant {
                Variant::Standard => {
                    all.push(one(GPU, "DoesNotExist", &[]));
                    all.push(one(ACCELERATOR, "DoesNotExist", &[]));
                }
                Variant::Nvidia => all.push(one(GPU, "Exists", &[])),
                Variant::Neuron => all.push(one(ACCELERATOR, "Exists", &[])),
            }
            all
        })
        .collect();
    let words: Vec<&str> = variants.iter().map(word).collect();
    AliasParameter { name, serves: format!("{} {arch}", words.join("+")), requirements }
}

fn one(key: &str, operator: &str, values: &[&str]) -> RequirementSpec {
    RequirementSpec {
        key: key.into(),
        operator: operator.into(),
        values: values.iter().map(|value| (*value).into()).collect(),
        min_values: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(alias: &str, version: &str) -> Vec<String> {
        alias_parameters(alias, version).unwrap().into_iter().map(|parameter| parameter.name).collect()
    }

    #[test]
    fn paths_of_each_family() {
        assert_eq!(
            names("al2023@latest", "1.36")[0],
            "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id"
        );
        assert_eq!(
            names("al2023@v20260715", "1.36")[4],
            "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/arm64/nvidia/amazon-eks-node-al2023-arm64-nvidia-1.36-v20260715/image_id"
        );
        assert_eq!(
            names("bottlerocket@v1.46.0", "1.36"),
            [
                "/aws/service/bottlerocket/aws-k8s-1.36/x86_64/1.46.0/image_id",
                "/aws/service/bottlerocket/aws-k8s-1.36/arm64/1.46.0/image_id",
                "/aws/service/bottlerocket/aws-k8s-1.36-nvidia/x86_64/1.46.0/image_id",
                "/aws/service/bottlerocket/aws-k8s-1.36-nvidia/arm64/1.46.0/image_id",
            ]
        );
        assert_eq!(
            names("al2@v20260101", "1.32"),
            [
                "/aws/service/eks/optimized-ami/1.32/amazon-linux-2/amazon-eks-node-1.32-v20260101/image_id",
                "/aws/service/eks/optimized-ami/1.32/amazon-linux-2-arm64/amazon-eks-arm64-node-1.32-v20260101/image_id",
                "/aws/service/eks/optimized-ami/1.32/amazon-linux-2-gpu/amazon-eks-gpu-node-1.32-v20260101/image_id",
            ]
        );
        assert_eq!(
            names("windows2022@latest", "1.36"),
            ["/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.36/image_id"]
        );
    }

    #[test]
    fn families_that_a_version_does_not_serve() {
        assert!(matches!(alias_parameters("al2@latest", "1.33"), Err(AliasError::Unsupported { .. })));
        assert!(matches!(
            alias_parameters("windows2025@latest", "1.34"),
            Err(AliasError::Unsupported { .. })
        ));
        assert!(alias_parameters("al2@latest", "1.32").is_ok());
        assert!(matches!(alias_parameters("fedora@latest", "1.36"), Err(AliasError::Unknown(_))));
        assert!(matches!(alias_parameters("al2023", "1.36"), Err(AliasError::Unknown(_))));
    }
}
