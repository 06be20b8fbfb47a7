//! `--surge`: room before the first eviction.
//!
//! Placeholders that are not there any more (a pod with a say took their place, somebody deleted them) are made again:
//! a second request for one that exists is answered by a conflict and changes nothing.

use compact_str::CompactString;

use super::{LOOK_EVERY_SECONDS, NodeState, Step, Stepper, StopReason};
use crate::drain::view::View;

impl Stepper {
    /// With `--surge`: placeholders for all pods that will go, and a wait until they have Ready nodes.
    pub(super) fn make_room(&mut self, view: &View) -> Option<Step> {
        if self.surge_ready {
            return None;
        }
        if let Some(seconds) = self.pause_of("", view.now) {
            return Some(Step::Wait { seconds });
        }
        let (there, placed) = view.surge;
        let wanted = self.surged.as_ref().map(Vec::len);
        if wanted.is_some_and(|wanted| there >= wanted && placed >= wanted) {
            self.surge_ready = true;
            return None;
        }
        let since = *self.surge_since.get_or_insert(view.now);
        let limit = self.options.wait_ready_seconds;
        if limit > 0 && view.now.as_second() - since.as_second() >= limit {
            return Some(Step::Stop(StopReason::NoRoom { placed, wanted: wanted.unwrap_or(0) }));
        }
        let is_complete = wanted.is_some_and(|wanted| there >= wanted);
        if is_complete || self.surge_asked == Some(view.now) {
            return Some(Step::Wait { seconds: LOOK_EVERY_SECONDS });
        }
        let step = self.ask_for_room(view);
        if matches!(step, Step::Surge { .. }) {
            self.surge_asked = Some(view.now);
        }
        Some(step)
    }

    /// One placeholder for each pod that will come back.
    fn ask_for_room(&self, view: &View) -> Step {
        let mut pods = Vec::new();
        for node in self.nodes.iter().filter(|node| node.state == NodeState::ToDo) {
            let Some(seen) = view.nodes.get(&node.name) else { continue };
            if seen.pods.is_none() {
                return Step::Wait { seconds: 0 };
            }
            let leaving = self.leaving(node, seen, view.now).into_iter();
            let returning = leaving.filter(|pod| pod.metadata.controller().is_some() && pod.is_active());
            pods.extend(returning.map(|pod| self.target(&node.name, pod)));
        }
        Step::Surge { pods }
    }

    /// Says which placeholders were made.
    pub fn surged(&mut self, pods: Vec<CompactString>) {
        self.surged = Some(pods);
    }
}
