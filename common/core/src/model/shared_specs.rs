//! Pods of one owner have equal specs; one copy of each is enough.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Pod, PodSpec};

/// Pod specs of which equal ones are kept once.
#[derive(Debug, Default)]
pub struct SharedSpecs {
    distinct: FxHashSet<Arc<PodSpec>>,
    /// Specs that somebody else holds, too, by where they stand, and which one is kept instead: who decodes pods shares
    /// specs already, and to find one by its value is to read all of it. As they are held here, nothing else can come
    /// to stand there.
    by_place: FxHashMap<usize, (Arc<PodSpec>, Arc<PodSpec>)>,
}

impl SharedSpecs {
    /// Lets a pod share its spec with an equal one seen before; whether there was none.
    pub fn share(&mut self, pod: &mut Pod) -> bool {
        let place = Arc::as_ptr(&pod.spec) as usize;
        if let Some((_, shared)) = self.by_place.get(&place) {
            pod.spec = Arc::clone(shared);
            return false;
        }
        let will_come_again = Arc::strong_count(&pod.spec) > 1;
        let given = Arc::clone(&pod.spec);
        let shared = self.distinct.get(&given).map(Arc::clone);
        let is_new = shared.is_none();
        match shared {
            Some(shared) => pod.spec = shared,
            None => drop(self.distinct.insert(Arc::clone(&given))),
        }
        if will_come_again {
            self.by_place.insert(place, (given, Arc::clone(&pod.spec)));
        }
        is_new
    }
}
