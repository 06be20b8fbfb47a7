//! Inputs of a scenario: settings, objects and instance types, and the snapshot they make.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use karp_core::model::{
    ControllerSettings, MinValuesPolicy, Object, ObjectDecoder, Objects, PreferencePolicy, RuleSet,
    SharedSpecs, Snapshot, TopologySpreadConstraint,
};
use karp_core::provider::KwokProvider;
use serde::Deserialize;
use serde_json::Value;

use super::super::documents::text;
use super::super::files;

/// Where the clock stands in every scenario.
const TAKEN_AT: &str = "2026-08-20T12:00:00Z";

/// What the controller is given.
#[derive(Debug)]
pub struct Inputs {
    settings: Value,
    items: Vec<Value>,
    /// Instance types.
    pub provider: Arc<KwokProvider>,
}

impl Inputs {
    /// From a scenario in a file of `folder`; `variant` = an entry, and its folder, that has other types.
    ///
    /// # Errors
    /// When instance types are missing or wrong.
    pub fn new(scenario: &Value, folder: &Path, variant: Option<(&Value, &Path)>) -> Result<Self> {
        let (types, folder) = variant.unwrap_or((scenario, folder));
        let provider = match (types.get("instanceTypes"), types.get("instanceTypesRef")) {
            (Some(Value::Array(entries)), _) => Arc::new(KwokProvider::from_values(entries.clone())?),
            (_, Some(Value::String(reference))) => shared_types(&folder.join(reference))?,
            _ => bail!("it names no instance types"),
        };
        let items = scenario.get("items").and_then(Value::as_array).cloned().context("it has no items")?;
        Ok(Self { settings: scenario.get("settings").cloned().unwrap_or_default(), items, provider })
    }

    /// The cluster under these rules.
    ///
    /// # Errors
    /// When a setting or an object cannot be decoded, naming it.
    pub fn snapshot(&self, rules: RuleSet) -> Result<Snapshot> {
        let taken_at: Timestamp = TAKEN_AT.parse()?;
        snapshot(&self.items, controller(&self.settings)?, rules, taken_at)
    }
}

/// A list of instance types that many scenarios share: parsed once.
fn shared_types(path: &Path) -> Result<Arc<KwokProvider>> {
    static KNOWN: OnceLock<Mutex<HashMap<PathBuf, Arc<KwokProvider>>>> = OnceLock::new();
    let path = files::plain_or_packed(path)?;
    let mut known =
        KNOWN.get_or_init(Mutex::default).lock().map_err(|_| anyhow!("another scenario panicked"))?;
    if let Some(provider) = known.get(&path) {
        return Ok(Arc::clone(provider));
    }
    let provider = KwokProvider::parse(&files::read(&path)?);
    let provider = Arc::new(provider.with_context(|| path.display().to_string())?);
    known.insert(path, Arc::clone(&provider));
    Ok(provider)
}

/// A cluster of these objects. Kinds that no rule reads are left out.
///
/// # Errors
/// When an object cannot be decoded, naming it.
pub fn snapshot(
    items: &[Value],
    controller: ControllerSettings,
    rules: RuleSet,
    taken_at: Timestamp,
) -> Result<Snapshot> {
    let mut objects = Objects::default();
    let mut specs = SharedSpecs::default();
    for item in items {
        let (api_version, kind) = (text(item, "apiVersion"), text(item, "kind"));
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        objects.decode_one(group, kind, &mut FromValue(item)).with_context(|| {
            let name = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            format!("{kind} {name:?} cannot be decoded")
        })?;
        // As dumps and live clusters are read.
        if let Some(pod) = objects.pods.last_mut().filter(|_| kind == "Pod") {
            specs.share(pod);
        }
    }
    Ok(Snapshot { objects, controller, rules, ..Snapshot::empty(taken_at) })
}

struct FromValue<'a>(&'a Value);

impl ObjectDecoder for FromValue<'_> {
    type Error = serde_json::Error;

    fn decode<T: Object>(&mut self) -> Result<T, Self::Error> {
        T::deserialize(self.0)
    }
}

/// Settings as scenarios spell them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Settings {
    preference_policy: Option<PreferencePolicy>,
    min_values_policy: Option<MinValuesPolicy>,
    feature_gates: std::collections::BTreeMap<compact_str::CompactString, bool>,
    scheduler_config: Option<SchedulerConfig>,
    max_instance_types: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct SchedulerConfig {
    pod_topology_spread: PodTopologySpread,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct PodTopologySpread {
    default_constraints: Vec<TopologySpreadConstraint>,
}

fn controller(settings: &Value) -> Result<ControllerSettings> {
    let given = match settings {
        Value::Null => Settings::default(),
        settings => Settings::deserialize(settings).context("settings cannot be decoded")?,
    };
    let defaults = ControllerSettings::default();
    Ok(ControllerSettings {
        preference_policy: given.preference_policy.unwrap_or(defaults.preference_policy),
        min_values_policy: given.min_values_policy.unwrap_or(defaults.min_values_policy),
        feature_gates: given.feature_gates,
        default_spread_constraints: given
            .scheduler_config
            .unwrap_or_default()
            .pod_topology_spread
            .default_constraints,
        max_instance_types: given.max_instance_types.unwrap_or(defaults.max_instance_types),
        ..defaults
    })
}
