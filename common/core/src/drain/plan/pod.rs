//! One pod: whether it goes, and what the API server would answer.

use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::Timestamp;

use super::Planner;
use super::budgets::{Outlook, later_words, outlook, pod_pdb};
use crate::disruption::eviction::{EvictionTier, Ledger, PdbTrouble, grace_seconds};
use crate::drain::filter::filter;
use crate::drain::refusal::{BlockedBy, Refusal};
use crate::drain::report::{PlannedPod, PodAction, PodVolume, Predicted};
use crate::explain::owner_of;
use crate::model::{Pod, label_key};

impl<'a> Planner<'a> {
    pub(super) fn pod(&self, pod: &Pod, ledger: &mut Ledger<'a>) -> PlannedPod {
        let now = self.snapshot.taken_at;
        let filtered = filter(pod, self.options, &self.daemon_sets, now);
        let matching = self.limits.matching(pod);
        let mut planned = PlannedPod {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            owner: owner_of(pod, &self.index).name,
            action: PodAction::Evict,
            code: None,
            blocked_by: Vec::new(),
            cause: Vec::new(),
            why: String::new(),
            pdbs: matching.iter().map(|pdb| pod_pdb(pdb)).collect(),
            predicted: None,
            round: 1,
            rounds: 1,
            grace_seconds: self.options.grace_seconds.unwrap_or_else(|| grace_seconds(pod)),
            lands_on: None,
            tier: EvictionTier::of(pod) as u8 + 1,
            volumes: self.volumes(pod),
            warning: filtered.warning,
        };
        if let Some(skip) = filtered.skip {
            planned.action = PodAction::Skip;
            planned.why = skip.words().to_owned();
            return planned;
        }
        let mut refusals = filtered.refusals;
        let mut wait = None;
        if self.options.disable_eviction {
            let names: Vec<String> =
                matching.iter().map(|pdb| format!("pdb/{}", pdb.metadata.name)).collect();
            if !names.is_empty() {
                planned.why = format!("deleted past {}", names.join(", "));
            }
        } else {
            let answer = if refusals.is_empty() { ledger.evict(pod) } else { ledger.ask(pod) };
            planned.predicted = Some(Predicted { status: answer.status(), message: answer.message() });
            let outlook = match outlook(&answer) {
                Outlook::Never(Refusal::PdbNever { trouble: PdbTrouble::WantsAll, .. })
                    if self.will_have_more(&matching) =>
                {
                    Outlook::Later(later_words(matching[0]))
                }
                outlook => outlook,
            };
            match outlook {
                Outlook::Never(refusal) => refusals.insert(0, refusal),
                Outlook::Later(words) => match self.stuck(&matching) {
                    Some(refusal) => refusals.insert(0, refusal),
                    None => {
                        wait = Some(words);
                        planned.cause = vec!["pdb".to_owned()];
                    }
                },
                Outlook::Now(words) => planned.why = words,
            }
        }
        if pod.is_terminal() {
            planned.why = "finished".into();
        } else if let Some(at) = pod.metadata.deletion_timestamp {
            let left = (at.as_second() - now.as_second()).max(0);
            wait = Some(format!("terminating, {left}s of {}s left", planned.grace_seconds));
        }
        if let Some(words) = wait {
            planned.action = PodAction::Wait;
            planned.why = words;
        }
        refuse(&mut planned, &refusals);
        planned
    }

    fn volumes(&self, pod: &Pod) -> Vec<PodVolume> {
        let claims = pod.spec.volumes.iter().filter_map(|volume| {
            let own = format!("{}-{}", pod.metadata.name, volume.name);
            match (&volume.persistent_volume_claim, &volume.ephemeral) {
                (Some(source), _) => Some(source.claim_name.to_string()),
                (None, Some(_)) => Some(own),
                _ => None,
            }
        });
        claims
            .filter_map(|name| {
                let claim = self.index.claims.get(&(pod.metadata.namespace.as_str(), name.as_str()))?;
                let volume = self.index.volumes.get(claim.spec.volume_name.as_str())?;
                let terms =
                    volume.spec.node_affinity.iter().filter_map(|affinity| affinity.required.as_ref());
                let zones: BTreeSet<CompactString> = terms
                    .flat_map(|required| &required.node_selector_terms)
                    .flat_map(|term| &term.match_expressions)
                    .filter(|expression| {
                        expression.key == label_key::ZONE || expression.key.ends_with("/zone")
                    })
                    .flat_map(|expression| expression.values.iter().cloned())
                    .collect();
                Some(PodVolume {
                    claim: claim.metadata.name.clone(),
                    volume: volume.metadata.name.clone(),
                    zones: zones.into_iter().collect(),
                    local: volume.spec.local.is_some() || volume.spec.host_path.is_some(),
                })
            })
            .collect()
    }
}

/// Karpenter deletes the pod outright at this moment, whatever holds it now.
pub(super) fn ends_by_itself(pod: &mut PlannedPod, at: Timestamp) {
    for blocked in pod.blocked_by.iter_mut().filter(|blocked| blocked.is_held()) {
        blocked.permanent = false;
        blocked.until = Some(blocked.until.map_or(at, |until| until.min(at)));
    }
}

/// Adds refusals to a pod.
pub(super) fn refuse(pod: &mut PlannedPod, refusals: &[Refusal]) {
    if refusals.is_empty() {
        return;
    }
    pod.action = PodAction::Refuse;
    pod.blocked_by.extend(refusals.iter().map(BlockedBy::from));
    pod.code = pod.blocked_by.first().map(|first| first.code);
    for cause in refusals.iter().flat_map(Refusal::causes) {
        if !pod.cause.contains(&cause) {
            pod.cause.push(cause);
        }
    }
    let words: Vec<&str> = pod.blocked_by.iter().map(|blocked| blocked.why.as_str()).collect();
    pod.why = words.join("; ");
}
