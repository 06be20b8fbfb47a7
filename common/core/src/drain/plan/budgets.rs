//! What a PDB's answer means for a drain: now, later, or never.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::Planner;
use crate::disruption::eviction::{EvictionAnswer, PdbTrouble};
use crate::drain::refusal::Refusal;
use crate::drain::report::PodPdb;
use crate::explain::owner_of;
use crate::model::{Pod, PodDisruptionBudget, selects};

impl Planner<'_> {
    /// A PDB that lacks healthy pods for ever: even with all others healthy it would allow nothing, and the rest does
    /// not get healthy by itself.
    pub(super) fn stuck(&self, pdbs: &[&PodDisruptionBudget]) -> Option<Refusal> {
        let [pdb] = pdbs else { return None };
        let status = &pdb.status;
        if status.current_healthy >= status.desired_healthy {
            return None;
        }
        let pods: Vec<_> = self
            .selected(pdb)
            .filter(|pod| pod.is_active())
            .filter_map(|pod| Some((pod.metadata.name.clone(), failing_container(pod)?.clone())))
            .collect();
        let failing = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        let at_best = self.expected(pdb).max(i64::from(status.expected_pods)) - failing;
        (!pods.is_empty() && at_best <= i64::from(status.desired_healthy)).then(|| Refusal::PdbStuck {
            pdb: pdb.metadata.name.clone(),
            healthy: (status.current_healthy, status.desired_healthy),
            pods,
        })
    }

    /// A PDB that counts pods looks as if it wanted all of them while some are being made again: the workloads that
    /// it selects know how many there will be.
    pub(super) fn will_have_more(&self, pdbs: &[&PodDisruptionBudget]) -> bool {
        let [pdb] = pdbs else { return false };
        self.expected(pdb) > i64::from(pdb.status.desired_healthy)
    }

    /// Pods that a PDB selects once its workloads have made all of theirs.
    fn expected(&self, pdb: &PodDisruptionBudget) -> i64 {
        let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
        for pod in self.selected(pdb).filter(|pod| !pod.is_terminal()) {
            let workload = owner_of(pod, &self.index).workload;
            match workload.and_then(|workload| Some((&workload.metadata.uid, workload.spec.replicas?))) {
                Some((uid, replicas)) => *expected.entry(uid).or_default() = replicas,
                None => *expected.entry(&pod.metadata.uid).or_default() += 1,
            }
        }
        expected.values().sum()
    }

    fn selected<'p>(&'p self, pdb: &'p PodDisruptionBudget) -> impl Iterator<Item = &'p Pod> {
        self.snapshot.objects.pods.iter().filter(|pod| {
            pod.metadata.namespace == pdb.metadata.namespace
                && selects(pdb.spec.selector.as_ref(), &pod.metadata.labels)
        })
    }
}

/// Reasons of waiting containers that do not end without somebody's help.
const FAILING: [&str; 6] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
];

/// Why a container of a pod does not come up.
fn failing_container(pod: &Pod) -> Option<&CompactString> {
    let statuses = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    let mut reasons = statuses.filter_map(|status| Some(&status.state.waiting.as_ref()?.reason));
    reasons.find(|reason| FAILING.contains(&reason.as_str()))
}

/// What an answer means for a drain.
pub(super) enum Outlook {
    Now(String),
    Later(String),
    Never(Refusal),
}

pub(super) fn outlook(answer: &EvictionAnswer<'_>) -> Outlook {
    match answer {
        EvictionAnswer::Unchecked | EvictionAnswer::Unprotected | EvictionAnswer::Counted(_) => {
            Outlook::Now(String::new())
        }
        EvictionAnswer::UnhealthyPasses(pdb) => {
            Outlook::Now(format!("not Ready, pdb/{} lets it go", pdb.metadata.name))
        }
        EvictionAnswer::SeveralPdbs(pdbs) => Outlook::Never(Refusal::SeveralPdbs {
            pdbs: pdbs.iter().map(|pdb| pdb.metadata.name.clone()).collect(),
        }),
        EvictionAnswer::StatusBroken(pdb) => {
            Outlook::Never(Refusal::PdbBroken { pdb: pdb.metadata.name.clone() })
        }
        EvictionAnswer::StatusStale(pdb) => {
            Outlook::Later(format!("pdb/{}: its status is older than its spec", pdb.metadata.name))
        }
        EvictionAnswer::UsedUp(pdb) => {
            let healthy = (pdb.status.current_healthy, pdb.status.desired_healthy);
            match PdbTrouble::of(pdb) {
                Some(trouble) if trouble.is_permanent() => Outlook::Never(Refusal::PdbNever {
                    pdb: pdb.metadata.name.clone(),
                    trouble,
                    rule: rule(pdb),
                    healthy,
                }),
                _ => Outlook::Later(later_words(pdb)),
            }
        }
    }
}

/// `pdb/cart allows 0: 2 of 2`.
pub(super) fn later_words(pdb: &PodDisruptionBudget) -> String {
    let status = &pdb.status;
    format!(
        "pdb/{} allows {}: {} of {}",
        pdb.metadata.name, status.disruptions_allowed, status.current_healthy, status.desired_healthy
    )
}

pub(super) fn pod_pdb(pdb: &PodDisruptionBudget) -> PodPdb {
    PodPdb {
        name: pdb.metadata.name.clone(),
        allowed: pdb.status.disruptions_allowed,
        healthy: pdb.status.current_healthy,
        needed: pdb.status.desired_healthy,
        rule: rule(pdb),
        stale: pdb.status.observed_generation.unwrap_or_default()
            < pdb.metadata.generation.unwrap_or_default(),
    }
}

/// `minAvailable 2`, `maxUnavailable 1`.
fn rule(pdb: &PodDisruptionBudget) -> String {
    match (&pdb.spec.min_available, &pdb.spec.max_unavailable) {
        (Some(bound), _) => format!("minAvailable {bound}"),
        (None, Some(bound)) => format!("maxUnavailable {bound}"),
        (None, None) => "minAvailable 1".into(),
    }
}
