//! AMI families: what differs between operating system images as far as Karpenter computes with it.
//!
//! AWS provider: pkg/providers/amifamily/{al2,al2023,bottlerocket,windows,custom}.go.

use std::fmt;

use crate::model::Ec2NodeClassSpec;

/// Family of the images of a NodeClass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AmiFamily {
    /// Amazon Linux 2.
    Al2,
    /// Amazon Linux 2023.
    Al2023,
    /// Bottlerocket.
    Bottlerocket,
    /// Whatever the user brings.
    Custom,
    /// Windows Server 2019.
    Windows2019,
    /// Windows Server 2022.
    Windows2022,
    /// Windows Server 2025.
    Windows2025,
}

impl AmiFamily {
    const ALL: [AmiFamily; 7] = [
        AmiFamily::Al2,
        AmiFamily::Al2023,
        AmiFamily::Bottlerocket,
        AmiFamily::Custom,
        AmiFamily::Windows2019,
        AmiFamily::Windows2022,
        AmiFamily::Windows2025,
    ];

    /// The family of a NodeClass: `amiFamily`, else that of the alias, else Custom.
    pub fn of(spec: &Ec2NodeClassSpec) -> Self {
        if let Some(family) = &spec.ami_family {
            return Self::parse(family).unwrap_or(AmiFamily::Custom);
        }
        let alias = spec.ami_selector_terms.iter().find_map(|term| term.alias.as_deref());
        let family = alias.and_then(|alias| alias.split('@').next());
        family.and_then(Self::parse).unwrap_or(AmiFamily::Custom)
    }

    /// Reads a spelling of `amiFamily` or of an alias; case does not count.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.as_str().eq_ignore_ascii_case(text))
    }

    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            AmiFamily::Al2 => "AL2",
            AmiFamily::Al2023 => "AL2023",
            AmiFamily::Bottlerocket => "Bottlerocket",
            AmiFamily::Custom => "Custom",
            AmiFamily::Windows2019 => "Windows2019",
            AmiFamily::Windows2022 => "Windows2022",
            AmiFamily::Windows2025 => "Windows2025",
        }
    }

    /// Build number that Windows nodes carry as a label.
    pub const fn windows_build(self) -> Option<&'static str> {
        match self {
            AmiFamily::Windows2019 => Some("10.0.17763"),
            AmiFamily::Windows2022 => Some("10.0.20348"),
            AmiFamily::Windows2025 => Some("10.0.26100"),
            _ => None,
        }
    }

    /// Whether its nodes run Windows.
    pub const fn is_windows(self) -> bool {
        self.windows_build().is_some()
    }

    /// Whether pods per node follow from network interfaces where the user says nothing; else 110.
    pub const fn limits_pods_by_interfaces(self) -> bool {
        !self.is_windows()
    }

    /// Whether the kubelet setting `podsPerCore` counts.
    pub const fn honours_pods_per_core(self) -> bool {
        !matches!(self, AmiFamily::Bottlerocket)
    }

    /// Whether memory kept for Kubernetes follows from the network interfaces alone, whatever the pod limit.
    pub const fn reserves_by_interfaces(self) -> bool {
        matches!(self, AmiFamily::Al2 | AmiFamily::Al2023 | AmiFamily::Custom)
    }

    /// The device that holds images and logs, and the GiB it has where the NodeClass says nothing; none =
    /// decided by the image.
    pub const fn ephemeral_device(self) -> Option<(&'static str, i64)> {
        match self {
            AmiFamily::Al2 | AmiFamily::Al2023 => Some(("/dev/xvda", 20)),
            AmiFamily::Bottlerocket => Some(("/dev/xvdb", 20)),
            AmiFamily::Custom => None,
            AmiFamily::Windows2019 | AmiFamily::Windows2022 | AmiFamily::Windows2025 => {
                Some(("/dev/sda1", 50))
            }
        }
    }
}

impl fmt::Display for AmiFamily {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
