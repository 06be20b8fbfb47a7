//! A watcher that knows nothing of the code under test: Ready pods per PDB, from the API alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karp_cluster::ControlPlane;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::items;
use super::workloads::is_ready;

/// Between two looks: shorter than any replacement takes to be Ready.
const PAUSE: Duration = Duration::from_millis(50);

/// Counts Ready pods of `shop` again and again.
pub(super) struct Watcher<'p> {
    plane: &'p ControlPlane,
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Seen>>,
}

/// What the watcher saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often it looked.
    pub(super) looks: usize,
    /// A line for each time a PDB had fewer Ready pods than it needs.
    pub(super) violations: Vec<String>,
    /// Ready pods at each look.
    pub(super) ready: Vec<(Duration, usize)>,
}

impl Seen {
    /// Fails where a PDB was broken.
    pub(super) fn is_whole(&self) -> Result<()> {
        ensure!(self.looks > 0, "the watcher never looked");
        ensure!(self.violations.is_empty(), "{} violations: {:?}", self.violations.len(), self.violations);
        Ok(())
    }

    /// The most pods that were not Ready at the same time, of `total`, and pods not Ready times seconds.
    pub(super) fn missing(&self, total: usize) -> (usize, f64) {
        let gaps = self.ready.iter().map(|(_, ready)| total.saturating_sub(*ready));
        let area = self.ready.windows(2).map(|pair| {
            let missing = u32::try_from(total.saturating_sub(pair[0].1)).unwrap_or(u32::MAX);
            f64::from(missing) * (pair[1].0 - pair[0].0).as_secs_f64()
        });
        (gaps.max().unwrap_or(0), area.sum())
    }
}

impl<'p> Watcher<'p> {
    /// Begins to look. PDBs of `shop` all select by one label, `app`.
    pub(super) fn start(plane: &'p ControlPlane) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = plane.spawn_task(watch(plane.client(), Arc::clone(&stop)));
        Self { plane, stop, task }
    }

    /// Ends after one more look.
    pub(super) fn end(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.plane.run(self.task)?
    }
}

async fn watch(client: kube::Client, stop: Arc<AtomicBool>) -> Result<Seen> {
    let get = async |path: &str| -> Result<Value> {
        Ok(client.request(http::Request::get(path).body(Vec::new())?).await?)
    };
    let budgets = needs(&get("/apis/policy/v1/namespaces/shop/poddisruptionbudgets").await?);
    let start = Instant::now();
    let mut seen = Seen::default();
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        let pods = get("/api/v1/namespaces/shop/pods").await?;
        look(&budgets, &pods, start.elapsed(), &mut seen);
        if is_last {
            return Ok(seen);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Name, label and need of each PDB.
fn needs(budgets: &Value) -> Vec<(String, String, i64)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    items(budgets)
        .map(|budget| {
            let app = text(&budget["spec"]["selector"]["matchLabels"]["app"]);
            (text(&budget["metadata"]["name"]), app, budget["spec"]["minAvailable"].as_i64().unwrap_or(0))
        })
        .collect()
}

fn look(budgets: &[(String, String, i64)], pods: &Value, at: Duration, seen: &mut Seen) {
    seen.looks += 1;
    let mut ready: BTreeMap<&str, i64> = BTreeMap::new();
    for pod in items(pods).filter(|pod| is_ready(pod)) {
        *ready.entry(pod["metadata"]["labels"]["app"].as_str().unwrap_or_default()).or_default() += 1;
    }
    for (name, app, need) in budgets {
        let count = ready.get(app.as_str()).copied().unwrap_or(0);
        if count < *need {
            seen.violations.push(format!("pdb/{name} at {at:.1?}: {count} Ready, needs {need}"));
        }
    }
    let total = ready.values().sum::<i64>();
    seen.ready.push((at, usize::try_from(total).unwrap_or(0)));
}
