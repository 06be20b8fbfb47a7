//! What is measured: a snapshot with its provider, read from a file or generated.

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use karp_core::model::{Pod, RuleSet, Snapshot};
use karp_core::provider::CloudProvider;
use serde_json::Value;

use super::{cluster, diverse, pools};
use crate::vectors::documents::text;
use crate::vectors::files;
use crate::vectors::scheduling::ScenarioInputs;

/// One input.
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The cluster.
    pub snapshot: Snapshot,
    /// What can be launched.
    pub provider: Box<dyn CloudProvider>,
}

/// Inputs that are made, not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    /// 5,000 nodes with 50,000 running pods; 2,000 are pending
    Cluster,
    /// 20 NodePools of all EC2 types of a region; 2,000 pods are pending
    Pools,
    /// Karpenter's benchmark mix with 10,000 pods
    Diverse,
    /// The same with 100,000 pods
    Diverse100k,
}

impl Generated {
    /// Makes it, `times` as large as it is described.
    ///
    /// # Errors
    /// When what was generated cannot be decoded: a fault of the generator.
    pub fn scenario(self, times: usize) -> Result<Scenario> {
        match self {
            Generated::Cluster => cluster::scenario(cluster::Size::default().times(times)),
            Generated::Pools => pools::scenario(2_000 * times),
            Generated::Diverse => diverse::scenario(10_000 * times),
            Generated::Diverse100k => diverse::scenario(100_000 * times),
        }
    }
}

impl Scenario {
    /// Those of a file: one scenario without an answer, or a list of them.
    ///
    /// # Errors
    /// When the file cannot be read, or something it needs is missing.
    pub fn of_file(path: &Path) -> Result<Vec<Scenario>> {
        let document = files::read_json(path)?;
        let whole = std::slice::from_ref(&document);
        let scenarios = document.get("scenarios").and_then(Value::as_array).map_or(whole, Vec::as_slice);
        let folder = path.parent().unwrap_or(Path::new("."));
        scenarios
            .iter()
            .map(|scenario| {
                let inputs = ScenarioInputs::new(scenario, folder, None)?;
                let name = match text(scenario, "name") {
                    "" => files::plain_name(path),
                    name => name.to_owned(),
                };
                let snapshot = inputs.snapshot(RuleSet::V1_15)?;
                Ok(Scenario { name, snapshot, provider: Box::new((*inputs.provider).clone()) })
            })
            .collect::<Result<_>>()
            .with_context(|| path.display().to_string())
    }

    /// The same with every unbound pod twice.
    pub fn with_pods_doubled(mut self) -> Scenario {
        let pods = &mut self.snapshot.objects.pods;
        let twins: Vec<Pod> = pods.iter().filter(|pod| pod.node_name.is_none()).map(twin).collect();
        pods.extend(twins);
        self
    }
}

fn twin(pod: &Pod) -> Pod {
    let mut twin = pod.clone();
    twin.metadata_mut().name = format!("{}-twin", pod.metadata.name).into();
    twin.metadata_mut().uid = format!("{}-twin", pod.metadata.uid).into();
    twin
}
