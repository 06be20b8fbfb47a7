//! The controller's own settings and version, as read from its Deployment.
//!
//! Karpenter: pkg/operator/options/options.go; AWS provider: pkg/operator/options/options.go.

use std::collections::BTreeMap;
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::TopologySpreadConstraint;

/// Settings of the controller; missing ones have Karpenter's defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControllerSettings {
    /// Version as the image tag or label says, `1.15.0`; none = not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<CompactString>,
    /// Replicas that are available; none = not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<i64>,
    /// Replicas wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// `namespace/name` of the Deployment the settings were read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// What to do with soft terms.
    pub preference_policy: PreferencePolicy,
    /// What to do when minValues cannot be met.
    pub min_values_policy: MinValuesPolicy,
    /// Gates that are set; unset ones have the rule set's default.
    pub feature_gates: BTreeMap<CompactString, bool>,
    /// Whether pods with device claims are refused.
    pub ignore_dra_requests: bool,
    /// Spread constraints for pods without any (`--scheduler-config`).
    pub default_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Instance types a NodeClaim may list.
    pub max_instance_types: usize,
    /// Quiet seconds that close a batch.
    pub batch_idle_seconds: f64,
    /// Longest batch in seconds.
    pub batch_max_seconds: f64,
    /// Share of memory that the hypervisor keeps, as a fraction (AWS).
    pub vm_memory_overhead_percent: f64,
    /// Network interfaces kept from pods (AWS).
    pub reserved_enis: i64,
    /// Cluster name (AWS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<CompactString>,
    /// Region the controller was told (AWS): its variable `AWS_REGION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_region: Option<CompactString>,
    /// CA bundle in base64, part of the NodeClass hash (AWS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_ca_bundle: Option<String>,
    /// Whether the AWS provider asks EKS for the Kubernetes version.
    pub eks_control_plane: bool,
    /// Whether the cluster has no route to public AWS endpoints.
    pub isolated_vpc: bool,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            version: None,
            available_replicas: None,
            replicas: None,
            deployment: None,
            preference_policy: PreferencePolicy::Respect,
            min_values_policy: MinValuesPolicy::Strict,
            feature_gates: BTreeMap::new(),
            ignore_dra_requests: true,
            default_spread_constraints: Vec::new(),
            max_instance_types: 600,
            batch_idle_seconds: 1.0,
            batch_max_seconds: 10.0,
            vm_memory_overhead_percent: 0.075,
            reserved_enis: 0,
            cluster_name: None,
            aws_region: None,
            cluster_ca_bundle: None,
            eks_control_plane: false,
            isolated_vpc: false,
        }
    }
}

impl ControllerSettings {
    /// Whether a feature gate is on; unset gates have Karpenter's default (only `ReservedCapacity` is on).
    pub fn gate(&self, name: &str) -> bool {
        self.feature_gates.get(name).copied().unwrap_or(name == "ReservedCapacity")
    }
}

/// What to do with soft terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum PreferencePolicy {
    /// Treat them as hard until they prove impossible.
    #[default]
    Respect,
    /// Leave them out.
    Ignore,
}

/// What to do when minValues cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum MinValuesPolicy {
    /// Fail.
    #[default]
    Strict,
    /// Lower them.
    BestEffort,
}

/// The sets of rules that are modelled. Every difference between versions is a method here; nothing else
/// compares versions. Rule numbers Vn are those of the project's version notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum RuleSet {
    /// Released 1.14.0 to 1.14.2.
    #[serde(rename = "1.14")]
    V1_14,
    /// Released 1.14.3: minValues count allowed values only.
    #[serde(rename = "1.14.3")]
    V1_14_3,
    /// The unreleased state of August 2026 in which the older vectors were recorded.
    #[serde(rename = "main-2026-08")]
    Main202608,
    /// Released 1.15.
    #[default]
    #[serde(rename = "1.15")]
    V1_15,
}

impl RuleSet {
    /// All of them, oldest first.
    pub const ALL: [RuleSet; 4] = [RuleSet::V1_14, RuleSet::V1_14_3, RuleSet::Main202608, RuleSet::V1_15];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            RuleSet::V1_14 => "1.14",
            RuleSet::V1_14_3 => "1.14.3",
            RuleSet::Main202608 => "main-2026-08",
            RuleSet::V1_15 => "1.15",
        }
    }

    /// V1, V2: instance types limit attached volumes; an uncounted CSI driver is unbounded.
    pub const fn limits_volumes_by_instance_type(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V3: a failing volume lookup fails the whole attempt.
    pub const fn volume_lookup_fails_pod(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V4: minValues counts only values that the requirement still allows.
    pub const fn min_values_count_allowed_only(self) -> bool {
        matches!(self, RuleSet::V1_14_3 | RuleSet::V1_15)
    }

    /// V5, V6, V7: a full reservation is available but not launchable.
    pub const fn full_reservations_stay_available(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V43: a NodeClass can ask for Nitro Enclaves.
    pub const fn knows_enclaves(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V8: rebooting nodes count as coming back.
    pub const fn knows_rebooting(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V14, V13: the candidate gate asks for reboot and deletion before initialization and tells a node that is
    /// not registered; rebooting nodes use up budget.
    pub const fn gates_on_registration(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V24, V25: a drifted node may go before its replacement where a gate allows it, and a static NodePool at
    /// its node limit says so.
    pub const fn tells_static_node_limit(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// V26: `karpenter.sh/disruption-cost` is read, and costs are 32-bit integers.
    pub const fn reads_disruption_cost(self) -> bool {
        matches!(self, RuleSet::V1_15)
    }

    /// Default spread constraints of `--scheduler-config` (not in 1.14.x).
    pub const fn has_default_spread_constraints(self) -> bool {
        matches!(self, RuleSet::Main202608 | RuleSet::V1_15)
    }

    /// Capacity and overhead overrides of offerings replace the base value (in 1.14.x they are added to it).
    pub const fn overrides_replace(self) -> bool {
        matches!(self, RuleSet::Main202608 | RuleSet::V1_15)
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// How well a controller version is modelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionFit {
    /// Rules that are applied.
    pub rules: RuleSet,
    /// How close they are.
    pub fidelity: Fidelity,
    /// What differs, for people; empty where nothing does.
    pub note: String,
}

/// How close the applied rules are to the running controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fidelity {
    /// The controller's own answer.
    Modelled,
    /// Nearest rules.
    Approximate,
    /// Nearest rules, not to be relied upon.
    NotModelled,
}

impl VersionFit {
    /// The rules for a version text such as `1.15.0`, `v1.14.3` or `main-2026-08`; none = the default, 1.15.
    pub fn of(version: Option<&str>) -> Self {
        let fit = |rules, fidelity, note: &str| VersionFit { rules, fidelity, note: note.to_owned() };
        let Some(text) = version else {
            return fit(RuleSet::V1_15, Fidelity::Modelled, "");
        };
        if let Some(rules) = RuleSet::ALL.into_iter().find(|rules| rules.name() == text) {
            return fit(rules, Fidelity::Modelled, "");
        }
        let mut parts =
            text.trim_start_matches('v').split(['.', '-', '+']).map_while(|part| part.parse::<u32>().ok());
        match (parts.next(), parts.next(), parts.next().unwrap_or(0)) {
            (Some(1), Some(15), _) => fit(RuleSet::V1_15, Fidelity::Modelled, ""),
            (Some(1), Some(14), patch) if patch >= 3 => fit(RuleSet::V1_14_3, Fidelity::Modelled, ""),
            (Some(1), Some(14), _) => fit(RuleSet::V1_14, Fidelity::Modelled, ""),
            (Some(1), Some(minor @ 6..=13), _) => fit(
                RuleSet::V1_14,
                Fidelity::Approximate,
                &format!("Karpenter 1.{minor} by the rules of 1.14"),
            ),
            (Some(1), Some(minor @ 0..=5), _) => {
                let note = format!("Karpenter 1.{minor} beyond requirements, limits, taints and resources");
                fit(RuleSet::V1_14, Fidelity::NotModelled, &note)
            }
            (Some(major), Some(minor), _) if (major, minor) > (1, 15) => {
                let note =
                    format!("Karpenter {major}.{minor} is newer than modelled; rules are those of 1.15");
                fit(RuleSet::V1_15, Fidelity::NotModelled, &note)
            }
            _ => fit(
                RuleSet::V1_15,
                Fidelity::NotModelled,
                &format!("Karpenter {text}; rules are those of 1.15"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_pick_their_rules() {
        for (version, rules, fidelity) in [
            (None, RuleSet::V1_15, Fidelity::Modelled),
            (Some("1.15"), RuleSet::V1_15, Fidelity::Modelled),
            (Some("v1.15.1"), RuleSet::V1_15, Fidelity::Modelled),
            (Some("1.14.1"), RuleSet::V1_14, Fidelity::Modelled),
            (Some("1.14.3"), RuleSet::V1_14_3, Fidelity::Modelled),
            (Some("main-2026-08"), RuleSet::Main202608, Fidelity::Modelled),
            (Some("1.9.0"), RuleSet::V1_14, Fidelity::Approximate),
            (Some("1.2.0"), RuleSet::V1_14, Fidelity::NotModelled),
            (Some("1.17.0"), RuleSet::V1_15, Fidelity::NotModelled),
            (Some("latest"), RuleSet::V1_15, Fidelity::NotModelled),
        ] {
            let fit = VersionFit::of(version);
            assert_eq!((fit.rules, fit.fidelity), (rules, fidelity), "{version:?}");
        }
    }
}
