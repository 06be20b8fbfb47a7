//! One run of the program on the simulated cluster: the loop around the stepper, until it ends or dies.

use compact_str::CompactString;

use super::cluster::{Simulated, TARGETS};
use crate::drain::stepper::{NodeState, Step, Stepper};
use crate::drain::{DaemonSets, DrainOptions, plan};
use crate::model::LabelProfile;

impl Simulated {
    /// One run of the program: until it ends, or dies.
    pub(super) fn run(&mut self, options: &DrainOptions, crashes: bool, floor: &[usize]) -> Option<Step> {
        let names: Vec<CompactString> = (0..TARGETS).map(|number| format!("n{number}").into()).collect();
        let planned = plan(&self.snapshot(), &names, options, None, &LabelProfile::core());
        let mut stepper = Stepper::new(&planned, DaemonSets::from_names([]), self.ready_by_owner());
        self.surged.clear();
        self.known.clear();
        let (mut has_room, mut taken) = (!options.surge, 0);
        for _ in 0..5_000 {
            if crashes && self.dice.one_in(15) {
                return None;
            }
            if taken < 2 && self.dice.one_in(10) {
                // Somebody with a say takes a place.
                taken += 1;
                if let Some((uid, _)) = self.placeholders.pop_first() {
                    self.known.remove(&uid);
                }
            }
            if stepper.wants_surge() {
                self.known.retain(|uid| self.placeholders.contains_key(uid));
            }
            let view = self.view(&stepper.wants_pods());
            has_room |= stepper.wants_surge() && view.surge.1 >= self.surged.len();
            let step = stepper.step(&view);
            let begun = stepper.states().filter(|(_, state)| {
                matches!(state, NodeState::Draining | NodeState::Settling | NodeState::Deleting)
            });
            assert!(begun.count() <= options.max_unavailable.max(1), "too many nodes at a time");
            match step {
                Step::Cordon { node, journal, .. } => {
                    let answer = self.write(&node, |found, _| {
                        found.cordoned = true;
                        found.journal = Some(journal);
                    });
                    stepper.node_answered(&node, &answer, self.moment());
                }
                Step::Mark { node, journal, .. } => {
                    let answer = self.write(&node, |found, _| found.journal = Some(journal));
                    stepper.node_answered(&node, &answer, self.moment());
                }
                Step::Evict { pods } => {
                    assert!(has_room, "evicted before there was room");
                    for pod in pods {
                        let answer = self.evict(&pod);
                        stepper.answered(&pod, &answer, self.moment());
                    }
                }
                Step::DeleteNodeClaim { node, .. } => {
                    let left = self.pods.iter().any(|(_, pod, _)| pod.node_name.as_ref() == Some(&node));
                    assert!(!left, "{node} still has pods");
                    let waits = options.wait_ready_seconds > 0;
                    assert!(!waits || self.attached(&node).is_empty(), "{node} still has volumes");
                    let answer = self.write(&node, |found, now| found.claim_deleting = Some(now + 5));
                    stepper.node_answered(&node, &answer, self.moment());
                }
                Step::Wait { seconds } => self.pass(seconds, floor),
                step @ (Step::Stop(_) | Step::Done) => return Some(step),
                Step::Surge { pods } => match self.surge(&pods) {
                    Ok(made) => stepper.surged(made),
                    Err(answer) => stepper.node_answered("", &answer, self.moment()),
                },
                Step::Delete { .. } => panic!("not asked for: {step:?}"),
            }
            self.check(floor);
        }
        panic!("no end in 5,000 steps: {:?}", stepper.states().collect::<Vec<_>>());
    }
}
