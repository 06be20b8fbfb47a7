//! The controller's Deployment, and the settings in its environment and arguments.
//!
//! Karpenter: pkg/operator/options/options.go; AWS provider: pkg/operator/options/options.go. A flag wins over the
//! environment variable of the same name, and both over the default.

use std::collections::BTreeMap;

use compact_str::CompactString;
use karp_core::model::{
    ControllerSettings, MinValuesPolicy, ObjectMeta, PreferencePolicy, TopologySpreadConstraint,
};
use karp_core::report::Error;
use serde::Deserialize;

use super::item::Item;
use super::yaml_json::yaml_to_json;

/// A Deployment as far as it tells how the controller runs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControllerDeployment {
    /// Metadata.
    pub metadata: ObjectMeta,
    spec: DeploymentSpec,
    status: DeploymentStatus,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct DeploymentSpec {
    replicas: Option<i64>,
    template: Template,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: TemplateSpec,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct TemplateSpec {
    containers: Vec<ControllerContainer>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct ControllerContainer {
    name: CompactString,
    image: String,
    args: Vec<String>,
    command: Vec<String>,
    env: Vec<EnvVar>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct EnvVar {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DeploymentStatus {
    available_replicas: Option<i64>,
    #[serde(skip_deserializing)]
    known: bool,
}

impl ControllerDeployment {
    /// The Deployment of an item, where it looks like Karpenter's.
    pub(super) fn from_item(item: &Item<'_>) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct HasStatus {
            #[serde(default)]
            status: Option<serde::de::IgnoredAny>,
        }
        let mut deployment: Self = item.decode()?;
        deployment.status.known = item.decode::<HasStatus>()?.status.is_some();
        Ok((deployment.rank() < u8::MAX).then_some(deployment))
    }

    /// How much it looks like Karpenter's; less is more, 255 not at all.
    pub(super) fn rank(&self) -> u8 {
        let labelled = self.metadata.labels.get("app.kubernetes.io/name") == Some("karpenter");
        let named = self.metadata.name == "karpenter";
        let image = self.container().is_some_and(|container| {
            container.image.contains("karpenter") && !container.image.contains("webhook")
        });
        match (labelled, named, image) {
            (true, _, true) | (_, true, true) => 0,
            (true, true, false) => 1,
            (_, _, true) => 2,
            (true, false, false) | (false, true, false) => 3,
            (false, false, false) => u8::MAX,
        }
    }

    fn container(&self) -> Option<&ControllerContainer> {
        let containers = &self.spec.template.spec.containers;
        containers.iter().find(|container| container.name == "controller").or(containers.first())
    }

    /// The settings it runs with, and what could not be understood of them.
    pub fn settings(&self) -> (ControllerSettings, Vec<String>) {
        let mut given = BTreeMap::new();
        if let Some(container) = self.container() {
            for variable in &container.env {
                if let Some(value) = &variable.value {
                    given.insert(variable.name.clone(), value.clone());
                }
            }
            given.extend(arguments(container.command.iter().chain(&container.args)));
        }
        let (mut settings, problems) = parse_settings(&given);
        let image = self.container().map_or("", |container| container.image.as_str());
        let label = self.metadata.labels.get("app.kubernetes.io/version");
        settings.version = image_version(image).or(label).map(|text| text.trim_start_matches('v').into());
        settings.replicas = Some(self.spec.replicas.unwrap_or(1));
        settings.available_replicas = if self.status.known {
            Some(self.status.available_replicas.unwrap_or(0))
        } else {
            self.status.available_replicas
        };
        settings.deployment = Some(self.metadata.key());
        (settings, problems)
    }
}

/// The tag of an image, if it is a version: `repository:1.15.0@sha256:...`.
fn image_version(image: &str) -> Option<&str> {
    let image = image.split('@').next().unwrap_or(image);
    let (_, tag) = image.rsplit_once('/').unwrap_or(("", image)).1.split_once(':')?;
    let digits = tag.trim_start_matches('v');
    (digits.starts_with(|first: char| first.is_ascii_digit()) && digits.contains('.')).then_some(tag)
}

/// `--batch-idle-duration=1s`, or with the value as the next argument, by the name of its variable.
fn arguments<'a>(words: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let mut given = BTreeMap::new();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match words.next_if(|next| !next.starts_with('-')) {
                Some(value) => (flag, value.clone()),
                None => (flag, "true".to_owned()),
            },
        };
        given.insert(name.to_uppercase().replace('-', "_"), value);
    }
    given
}

/// Settings from values by the name of their variable, and what could not be understood: such a value counts as
/// not set, and the controller would not even start with it.
pub fn parse_settings(given: &BTreeMap<String, String>) -> (ControllerSettings, Vec<String>) {
    let mut settings = ControllerSettings::default();
    let mut problems = Vec::new();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_empty()) {
        if set(&mut settings, name, value).is_none() {
            problems.push(format!("the controller's setting {name}={value:?} is not understood"));
        }
    }
    (settings, problems)
}

/// Sets one value; none where it cannot be understood.
fn set(settings: &mut ControllerSettings, name: &str, value: &str) -> Option<()> {
    match name {
        "PREFERENCE_POLICY" => {
            settings.preference_policy = match value {
                "Respect" => PreferencePolicy::Respect,
                "Ignore" => PreferencePolicy::Ignore,
                _ => return None,
            }
        }
        "MIN_VALUES_POLICY" => {
            settings.min_values_policy = match value {
                "Strict" => MinValuesPolicy::Strict,
                "BestEffort" => MinValuesPolicy::BestEffort,
                _ => return None,
            }
        }
        "FEATURE_GATES" => {
            for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
                let (gate, on) = pair.split_once('=')?;
                settings.feature_gates.insert(gate.trim().into(), go_bool(on.trim())?);
            }
        }
        "IGNORE_DRA_REQUESTS" => settings.ignore_dra_requests = go_bool(value)?,
        "SCHEDULER_CONFIG" => settings.default_spread_constraints = default_constraints(value)?,
        "BATCH_IDLE_DURATION" => settings.batch_idle_seconds = go_duration_seconds(value)?,
        "BATCH_MAX_DURATION" => settings.batch_max_seconds = go_duration_seconds(value)?,
        "VM_MEMORY_OVERHEAD_PERCENT" => {
            settings.vm_memory_overhead_percent =
                value.parse().ok().filter(|share: &f64| share.is_finite())?;
        }
        "RESERVED_ENIS" => settings.reserved_enis = value.parse().ok()?,
        "AWS_REGION" => settings.aws_region = Some(value.into()),
        "CLUSTER_NAME" => settings.cluster_name = Some(value.into()),
        "CLUSTER_CA_BUNDLE" => settings.cluster_ca_bundle = Some(value.to_owned()),
        "EKS_CONTROL_PLANE" => settings.eks_control_plane = go_bool(value)?,
        "ISOLATED_VPC" => settings.isolated_vpc = go_bool(value)?,
        _ => {}
    }
    Some(())
}

/// What Go's `strconv.ParseBool` accepts.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Seconds of a Go duration, `1m30s`.
fn go_duration_seconds(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let unit = rest[number..]
            .find(|char: char| char.is_ascii_digit() || char == '.')
            .map_or(rest.len(), |length| number + length);
        let scale = match &rest[number..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += rest[..number].parse::<f64>().ok()? * scale;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(seconds)
}

/// `podTopologySpread.defaultConstraints` of a scheduler configuration, written in place.
fn default_constraints(text: &str) -> Option<Vec<TopologySpreadConstraint>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Config {
        pod_topology_spread: Spread,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spread {
        default_constraints: Vec<TopologySpreadConstraint>,
    }
    let config: Config = serde_json::from_str(&yaml_to_json(text).ok()?).ok()?;
    Some(config.pod_topology_spread.default_constraints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_tags_are_versions_only_if_they_look_like_one() {
        for (image, version) in [
            ("public.ecr.aws/karpenter/controller:1.15.0", Some("1.15.0")),
            ("public.ecr.aws/karpenter/controller:v1.14.3@sha256:abc", Some("v1.14.3")),
            ("registry:5000/karpenter/controller@sha256:abc", None),
            ("karpenter/controller:latest", None),
            ("karpenter:1.15.0", Some("1.15.0")),
            ("", None),
        ] {
            assert_eq!(image_version(image), version, "{image}");
        }
    }

    #[test]
    fn flags_win_and_nonsense_is_reported() {
        let container = ControllerContainer {
            name: "controller".into(),
            image: "karpenter/controller:1.15.0".into(),
            args: ["--batch-idle-duration=2s", "--min-values-policy", "BestEffort", "--eks-control-plane"]
                .map(String::from)
                .to_vec(),
            command: Vec::new(),
            env: [
                ("BATCH_IDLE_DURATION", "5s"),
                ("BATCH_MAX_DURATION", "1m30s"),
                ("FEATURE_GATES", "NodeOverlay=true,ReservedCapacity=false"),
                ("RESERVED_ENIS", "one"),
            ]
            .map(|(name, value)| EnvVar { name: name.into(), value: Some(value.into()) })
            .to_vec(),
        };
        let template = Template { spec: TemplateSpec { containers: vec![container] } };
        let spec = DeploymentSpec { replicas: Some(2), template };
        let (settings, problems) = ControllerDeployment { spec, ..Default::default() }.settings();
        assert_eq!((settings.batch_idle_seconds, settings.batch_max_seconds), (2.0, 90.0));
        assert_eq!(settings.min_values_policy, MinValuesPolicy::BestEffort);
        assert!(settings.gate("NodeOverlay") && !settings.gate("ReservedCapacity"));
        assert!(settings.eks_control_plane);
        assert_eq!(problems, ["the controller's setting RESERVED_ENIS=\"one\" is not understood"]);
    }
}
