//! About how long a drain takes: rounds of a PDB times the time a pod needs to stop and to be Ready again.

use std::collections::BTreeMap;

use crate::model::{Pod, PodDisruptionBudget, Snapshot, condition, selects};

/// Seconds from a pod's creation to Ready, where nothing was measured.
const UNMEASURED: i64 = 40;

/// Seconds until a new node takes pods: launch, registration, initialization.
pub(super) const NEW_NODE_SECONDS: i64 = 60;

/// Times to Ready, measured on the pods that run.
pub(super) struct RestartTimes(BTreeMap<String, i64>);

impl RestartTimes {
    /// The median per PDB over its Ready pods that never restarted and became Ready within ten minutes.
    pub(super) fn measured(snapshot: &Snapshot) -> Self {
        let medians = snapshot.objects.pod_disruption_budgets.iter().filter_map(|pdb| {
            let mut times: Vec<i64> =
                snapshot.objects.pods.iter().filter_map(|pod| seconds(pdb, pod)).collect();
            times.sort_unstable();
            times.get(times.len() / 2).map(|median| (pdb.metadata.key(), *median))
        });
        Self(medians.collect())
    }

    /// Seconds until a pod of this PDB is Ready again.
    pub(super) fn of(&self, pdb: &PodDisruptionBudget) -> i64 {
        self.0.get(&pdb.metadata.key()).copied().unwrap_or(UNMEASURED)
    }

    /// Seconds for a pod without PDB.
    pub(super) const fn other() -> i64 {
        UNMEASURED
    }
}

fn seconds(pdb: &PodDisruptionBudget, pod: &Pod) -> Option<i64> {
    let selected = pod.metadata.namespace == pdb.metadata.namespace
        && selects(pdb.spec.selector.as_ref(), &pod.metadata.labels);
    if !selected || pod.status.container_statuses.iter().any(|status| status.restart_count > 0) {
        return None;
    }
    let ready = condition(&pod.status.conditions, "Ready").filter(|ready| ready.status == "True")?;
    let took = ready.last_transition_time?.as_second() - pod.metadata.creation_timestamp?.as_second();
    (0..600).contains(&took).then_some(took.max(1))
}
