//! What the user allows a drain to do: kubectl's flags with kubectl's meaning, and ours.

use serde::{Deserialize, Serialize};

use crate::model::LabelSelector;

/// Options of a drain. Part of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DrainOptions {
    /// DaemonSet pods do not refuse; they stay.
    pub ignore_daemonsets: bool,
    /// Pods may lose their emptyDir volumes.
    pub delete_emptydir_data: bool,
    /// Pods without a controller may go for good.
    pub force: bool,
    /// Delete instead of evict: PDBs are not asked.
    pub disable_eviction: bool,
    /// Seconds every pod gets to stop; none = its own.
    pub grace_seconds: Option<i64>,
    /// Only pods with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// Pods that terminate for longer than this are not waited for; 0 = all are.
    pub skip_wait_for_delete_seconds: i64,
    /// Evict pods whose do-not-disrupt annotation is in force.
    pub override_do_not_disrupt: bool,
    /// Go on although pods will have no place.
    pub allow_pending: bool,
    /// Have room before the first eviction.
    pub surge: bool,
    /// End by deleting the NodeClaim.
    pub delete_nodeclaim: bool,
    /// Nodes at a time, at least one.
    pub max_unavailable: usize,
    /// Longest drain of one node in seconds; 0 = without end.
    pub timeout_seconds: i64,
    /// Longest wait for replacements to be Ready, in seconds; 0 = they are not waited for.
    pub wait_ready_seconds: i64,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            ignore_daemonsets: false,
            delete_emptydir_data: false,
            force: false,
            disable_eviction: false,
            grace_seconds: None,
            pod_selector: None,
            skip_wait_for_delete_seconds: 0,
            override_do_not_disrupt: false,
            allow_pending: false,
            surge: false,
            delete_nodeclaim: false,
            max_unavailable: 1,
            timeout_seconds: 0,
            wait_ready_seconds: 300,
        }
    }
}
