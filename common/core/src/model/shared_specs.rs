//! Pods of one owner have equal specs; one copy of each is enough.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{Pod, PodSpec};

/// Pod specs of which equal ones are kept once.
#[derive(Debug, Default)]
pub struct SharedSpecs(FxHashSet<Arc<PodSpec>>);

impl SharedSpecs {
    /// Lets a pod share its spec with an equal one seen before; whether there was none.
    pub fn share(&mut self, pod: &mut Pod) -> bool {
        if let Some(shared) = self.0.get(&pod.spec) {
            pod.spec = Arc::clone(shared);
            return false;
        }
        self.0.insert(Arc::clone(&pod.spec))
    }
}
