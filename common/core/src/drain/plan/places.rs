//! Where pods come up again.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::Planner;
use super::pod::refuse;
use crate::drain::landing::{self, Landing, Lands, Simulate};
use crate::drain::refusal::Refusal;
use crate::drain::report::{LandsOn, PlannedNode, PlannedPod, PodAction, PodVolume};
use crate::model::LabelProfile;

impl Planner<'_> {
    /// Fills in where pods come up again; pods without a place refuse.
    pub(super) fn land(
        &self,
        planned: &mut [PlannedNode],
        simulate: Option<&Simulate<'_>>,
        profile: &LabelProfile,
    ) -> Landing {
        let Some(simulate) = simulate else { return Landing::default() };
        let targets: BTreeSet<CompactString> = planned.iter().map(|node| node.name.clone()).collect();
        let targets: BTreeSet<&str> = targets.iter().map(CompactString::as_str).collect();
        let leaving: BTreeSet<CompactString> = planned
            .iter()
            .flat_map(|node| &node.pods)
            .filter(|pod| pod.action != PodAction::Skip && !is_daemon(pod))
            .map(|pod| pod.uid.clone())
            .collect();
        let drained =
            landing::as_drained(self.snapshot, &targets, |pod| leaving.contains(pod.metadata.uid.as_str()));
        let moved: BTreeSet<&str> = leaving.iter().map(CompactString::as_str).collect();
        let landing = landing::read(&drained, &simulate(&drained), &moved, &self.index, profile);
        for pod in planned.iter_mut().flat_map(|node| &mut node.pods) {
            if !leaving.contains(&pod.uid) || pod.why == "finished" {
                continue;
            }
            if pod.owner.kind == "Pod" {
                pod.lands_on = Some(LandsOn::Nowhere { nowhere: true });
                continue;
            }
            match landing.pods.get(&pod.uid) {
                Some(Lands::On(place)) => pod.lands_on = Some(place.clone()),
                Some(Lands::Nowhere { error, causes }) => {
                    pod.lands_on = Some(LandsOn::Nowhere { nowhere: true });
                    if !self.options.allow_pending {
                        refuse(pod, &[Refusal::NoPlace { error: error.clone(), causes: causes.clone() }]);
                    }
                }
                Some(Lands::Unknown) | None => {}
            }
            if pod.why.is_empty() && !pod.volumes.is_empty() {
                pod.why = moves(&pod.volumes);
            }
        }
        landing
    }
}

fn is_daemon(pod: &PlannedPod) -> bool {
    pod.owner.kind == "DaemonSet"
}

fn moves(volumes: &[PodVolume]) -> String {
    let zones: BTreeSet<&str> =
        volumes.iter().flat_map(|volume| &volume.zones).map(CompactString::as_str).collect();
    let noun = if volumes.len() == 1 { "volume moves" } else { "volumes move" };
    if volumes.iter().any(|volume| volume.local) {
        return "its volume is a disk of this node".into();
    }
    match zones.is_empty() {
        true => noun.to_owned(),
        false => format!("{noun} ({})", zones.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
