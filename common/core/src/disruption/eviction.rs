//! What the API server will answer to each eviction, in which order Karpenter asks, and when it stops asking.
//!
//! Mirrors kubernetes: pkg/registry/core/pod/storage/eviction.go (the answer) and karpenter:
//! pkg/controllers/node/termination/terminator (tiers, deadline). A [`Ledger`] keeps count over a series of
//! evictions, so that the fifth pod of a PDB that allows one is told to wait.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::pdb::{PdbLimits, always_allows_unhealthy, is_fully_blocking};
use crate::model::{GoDuration, IntOrPercent, NodeClaim, Pod, PodDisruptionBudget, condition};
use crate::sim::pods::is_owned_by_daemon_set;

/// Annotation of a NodeClaim: the moment by which its drain ends.
pub const TERMINATION_TIMESTAMP: &str = "karpenter.sh/nodeclaim-termination-timestamp";

/// The API server's answer to one eviction.
#[derive(Debug, Clone, PartialEq)]
pub enum EvictionAnswer<'a> {
    /// Finished, Pending or already terminating: deleted without a look at PDBs.
    Unchecked,
    /// No PDB selects it: deleted.
    Unprotected,
    /// Not Ready, and its PDB lets such pods go without counting them.
    UnhealthyPasses(&'a PodDisruptionBudget),
    /// Deleted; uses up one disruption of its PDB.
    Counted(&'a PodDisruptionBudget),
    /// 429: the PDB allows no more now.
    UsedUp(&'a PodDisruptionBudget),
    /// 429 with Retry-After 10: the PDB's status is older than its spec.
    StatusStale(&'a PodDisruptionBudget),
    /// 403: the PDB's status is below zero.
    StatusBroken(&'a PodDisruptionBudget),
    /// 500, for ever: more than one PDB selects it.
    SeveralPdbs(Vec<&'a PodDisruptionBudget>),
}

impl EvictionAnswer<'_> {
    /// Whether the pod goes.
    pub fn is_accepted(&self) -> bool {
        matches!(
            self,
            EvictionAnswer::Unchecked
                | EvictionAnswer::Unprotected
                | EvictionAnswer::UnhealthyPasses(_)
                | EvictionAnswer::Counted(_)
        )
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            EvictionAnswer::UsedUp(_) | EvictionAnswer::StatusStale(_) => 429,
            EvictionAnswer::StatusBroken(_) => 403,
            EvictionAnswer::SeveralPdbs(_) => 500,
            _ => 201,
        }
    }

    /// The API server's text where it refuses.
    pub fn message(&self) -> Option<String> {
        match self {
            EvictionAnswer::UsedUp(_) => {
                Some("Cannot evict pod as it would violate the pod's disruption budget.".into())
            }
            EvictionAnswer::StatusStale(_) => {
                Some("Cannot evict pod as it would violate the pod's disruption budget.".into())
            }
            EvictionAnswer::StatusBroken(_) => Some("pdb disruptions allowed is negative".into()),
            EvictionAnswer::SeveralPdbs(_) => Some(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
                    .into(),
            ),
            _ => None,
        }
    }

    /// The detail the API server gives beside its text.
    pub fn detail(&self) -> Option<String> {
        match self {
            EvictionAnswer::UsedUp(pdb) => Some(format!(
                "The disruption budget {} needs {} healthy pods and has {} currently",
                pdb.metadata.name, pdb.status.desired_healthy, pdb.status.current_healthy
            )),
            EvictionAnswer::StatusStale(pdb) => Some(format!(
                "The disruption budget {} is still being processed by the server.",
                pdb.metadata.name
            )),
            _ => None,
        }
    }
}

/// Disruptions left per PDB over a series of evictions.
#[derive(Debug, Clone)]
pub struct Ledger<'a> {
    limits: &'a PdbLimits<'a>,
    used: BTreeMap<String, i32>,
}

impl<'a> Ledger<'a> {
    /// At the beginning of a series.
    pub fn new(limits: &'a PdbLimits<'a>) -> Self {
        Self { limits, used: BTreeMap::new() }
    }

    /// What the API server answers to the next eviction of the series; an accepted one is counted.
    pub fn evict(&mut self, pod: &Pod) -> EvictionAnswer<'a> {
        let answer = self.ask(pod);
        if let EvictionAnswer::Counted(pdb) = &answer {
            *self.used.entry(pdb.metadata.key()).or_default() += 1;
        }
        answer
    }

    /// The same without counting: what a dry run says.
    pub fn ask(&self, pod: &Pod) -> EvictionAnswer<'a> {
        if pod.is_terminal() || pod.status.phase == "Pending" || pod.metadata.is_deleting() {
            return EvictionAnswer::Unchecked;
        }
        let pdb = match self.limits.matching(pod)[..] {
            [] => return EvictionAnswer::Unprotected,
            [pdb] => pdb,
            ref several => return EvictionAnswer::SeveralPdbs(several.to_vec()),
        };
        let status = &pdb.status;
        if !pod.is_ready() {
            let healthy = status.current_healthy >= status.desired_healthy && status.desired_healthy > 0;
            if always_allows_unhealthy(pdb) || healthy {
                return EvictionAnswer::UnhealthyPasses(pdb);
            }
        }
        if status.observed_generation.unwrap_or_default() < pdb.metadata.generation.unwrap_or_default() {
            return EvictionAnswer::StatusStale(pdb);
        }
        if status.disruptions_allowed < 0 {
            return EvictionAnswer::StatusBroken(pdb);
        }
        let used = self.used.get(&pdb.metadata.key()).copied().unwrap_or_default();
        if status.disruptions_allowed - used <= 0 {
            return EvictionAnswer::UsedUp(pdb);
        }
        EvictionAnswer::Counted(pdb)
    }
}

/// Why a PDB allows nothing, and whether time alone can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PdbTrouble {
    /// Its spec can never allow anything: `maxUnavailable: 0`, `minAvailable: 100%`.
    SpecForbids,
    /// It wants as many healthy pods as there are.
    WantsAll,
    /// The PDB controller cannot compute it: `SyncFailed`.
    SyncFailed,
    /// It counts no pod, though it selects some: none of them has a controller with a scale.
    CountsNone,
    /// Its status is older than its spec.
    Stale,
    /// Too few of its pods are healthy right now.
    TooFewHealthy,
    /// Everything is healthy; the budget is in use by pods on their way out.
    InUse,
}

impl PdbTrouble {
    /// What keeps a PDB at zero; none where it allows something.
    pub fn of(pdb: &PodDisruptionBudget) -> Option<Self> {
        let status = &pdb.status;
        if is_fully_blocking(pdb) {
            return Some(PdbTrouble::SpecForbids);
        }
        if status.disruptions_allowed > 0 {
            return None;
        }
        if status.observed_generation.unwrap_or_default() < pdb.metadata.generation.unwrap_or_default() {
            return Some(PdbTrouble::Stale);
        }
        let sync_failed = condition(&status.conditions, "DisruptionAllowed")
            .is_some_and(|allowed| allowed.reason.as_deref() == Some("SyncFailed"));
        if sync_failed {
            return Some(PdbTrouble::SyncFailed);
        }
        if status.expected_pods <= 0 {
            return Some(PdbTrouble::CountsNone);
        }
        let wants_all = match &pdb.spec.min_available {
            Some(IntOrPercent::Int(wanted)) => *wanted >= i64::from(status.expected_pods),
            _ => status.desired_healthy >= status.expected_pods,
        };
        Some(if wants_all {
            PdbTrouble::WantsAll
        } else if status.current_healthy <= status.desired_healthy {
            PdbTrouble::TooFewHealthy
        } else {
            PdbTrouble::InUse
        })
    }

    /// Whether only an edit of the PDB or of its workload helps.
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            PdbTrouble::SpecForbids | PdbTrouble::WantsAll | PdbTrouble::SyncFailed | PdbTrouble::CountsNone
        )
    }
}

/// Groups in which Karpenter evicts; the next begins when the former is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvictionTier {
    /// Ordinary pods.
    Ordinary,
    /// DaemonSet pods.
    Daemon,
    /// Pods of a system-critical class.
    Critical,
    /// DaemonSet pods of a system-critical class.
    CriticalDaemon,
}

impl EvictionTier {
    /// By priority class (the number does not count) and owner.
    pub fn of(pod: &Pod) -> Self {
        let critical = matches!(
            pod.spec.priority_class_name.as_deref(),
            Some("system-cluster-critical" | "system-node-critical")
        );
        match (critical, is_owned_by_daemon_set(pod)) {
            (false, false) => EvictionTier::Ordinary,
            (false, true) => EvictionTier::Daemon,
            (true, false) => EvictionTier::Critical,
            (true, true) => EvictionTier::CriticalDaemon,
        }
    }
}

/// The moment by which the drain of a NodeClaim that is being deleted must have ended: its annotation, else its
/// deletion plus its own terminationGracePeriod. None = the drain may last for ever.
pub fn termination_deadline(claim: &NodeClaim) -> Option<Timestamp> {
    let annotated = claim.metadata.annotations.get(TERMINATION_TIMESTAMP);
    if let Some(moment) = annotated.and_then(|text| text.parse().ok()) {
        return Some(moment);
    }
    let grace = termination_grace_period(claim)?;
    Some(grace.after(claim.metadata.deletion_timestamp?))
}

/// The longest drain of a NodeClaim, stamped when it was made; the NodePool's present value does not count.
pub fn termination_grace_period(claim: &NodeClaim) -> Option<GoDuration> {
    claim.spec.termination_grace_period.as_deref()?.parse().ok()
}

/// Seconds a pod gets to stop; Kubernetes' default is 30.
pub fn grace_seconds(pod: &Pod) -> i64 {
    pod.spec.termination_grace_period_seconds.unwrap_or(30)
}

/// When Karpenter deletes a pod outright, past PDB and do-not-disrupt, so that it is gone by the deadline.
pub fn forced_at(pod: &Pod, deadline: Timestamp) -> Timestamp {
    GoDuration::from_seconds(grace_seconds(pod)).before(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, LabelSelector, PodSpec, Snapshot};

    fn now() -> Timestamp {
        "2026-08-20T12:00:00Z".parse().unwrap()
    }

    fn pdb(name: &str, allowed: i32, healthy: i32, desired: i32) -> PodDisruptionBudget {
        let mut pdb = PodDisruptionBudget::default();
        pdb.metadata.name = name.into();
        pdb.spec.selector = Some(LabelSelector::default());
        pdb.spec.max_unavailable = Some(IntOrPercent::Int(1));
        pdb.status.disruptions_allowed = allowed;
        pdb.status.current_healthy = healthy;
        pdb.status.desired_healthy = desired;
        pdb.status.expected_pods = desired + 1;
        pdb
    }

    fn pod(phase: &str, ready: bool) -> Pod {
        let mut pod = Pod::default();
        pod.status_mut().phase = phase.into();
        let status = if ready { "True" } else { "False" };
        pod.status_mut().conditions =
            vec![Condition { kind: "Ready".into(), status: status.into(), ..Default::default() }];
        pod
    }

    fn answer(pdbs: Vec<PodDisruptionBudget>, pod: &Pod) -> (u16, bool) {
        let mut snapshot = Snapshot::empty(now());
        snapshot.objects.pod_disruption_budgets = pdbs;
        let limits = PdbLimits::new(&snapshot);
        let answer = Ledger::new(&limits).evict(pod);
        (answer.status(), answer.is_accepted())
    }

    #[test]
    fn v03_pods_that_do_not_run_go_unchecked() {
        for phase in ["Pending", "Succeeded", "Failed"] {
            assert_eq!(answer(vec![pdb("a", 0, 1, 1)], &pod(phase, false)), (201, true), "{phase}");
        }
    }

    #[test]
    fn v04_unready_pods() {
        let unready = pod("Running", false);
        assert_eq!(answer(vec![pdb("a", 0, 2, 2)], &unready), (201, true), "at the need");
        assert_eq!(answer(vec![pdb("a", 0, 1, 2)], &unready), (429, false), "below the need");
        assert_eq!(answer(vec![pdb("a", 0, 0, 0)], &unready), (429, false), "nothing needed");
        let mut lenient = pdb("a", 0, 0, 2);
        lenient.spec.unhealthy_pod_eviction_policy = Some("AlwaysAllow".into());
        assert_eq!(answer(vec![lenient], &unready), (201, true));
    }

    #[test]
    fn v05_a_stale_status_comes_before_its_numbers() {
        let mut stale = pdb("a", 1, 3, 2);
        stale.metadata.generation = Some(2);
        stale.status.observed_generation = Some(1);
        assert_eq!(answer(vec![stale], &pod("Running", true)), (429, false));
    }

    #[test]
    fn several_pdbs_are_never_served_and_a_negative_status_is_forbidden() {
        let ready = pod("Running", true);
        assert_eq!(answer(vec![pdb("a", 5, 9, 4), pdb("b", 5, 9, 4)], &ready), (500, false));
        assert_eq!(answer(vec![pdb("a", -1, 9, 4)], &ready), (403, false));
        assert_eq!(answer(vec![], &ready), (201, true));
    }

    #[test]
    fn a_series_uses_the_budget_up() {
        let mut snapshot = Snapshot::empty(now());
        snapshot.objects.pod_disruption_budgets = vec![pdb("a", 2, 5, 3)];
        let limits = PdbLimits::new(&snapshot);
        let mut ledger = Ledger::new(&limits);
        let ready = pod("Running", true);
        let codes: Vec<_> = (0..4).map(|_| ledger.evict(&ready).status()).collect();
        assert_eq!(codes, [201, 201, 429, 429]);
        assert_eq!(
            ledger.ask(&ready).detail().unwrap(),
            "The disruption budget a needs 3 healthy pods and has 5 currently"
        );
    }

    #[test]
    fn v02_what_can_never_allow_anything() {
        let mut single = pdb("a", 0, 1, 1);
        single.spec.max_unavailable = None;
        single.spec.min_available = Some(IntOrPercent::Int(1));
        single.status.expected_pods = 1;
        assert_eq!(PdbTrouble::of(&single), Some(PdbTrouble::WantsAll));
        let mut percent = single.clone();
        percent.spec.min_available = Some(IntOrPercent::Text("51%".into()));
        assert_eq!(PdbTrouble::of(&percent), Some(PdbTrouble::WantsAll));
        let mut forbidding = pdb("a", 0, 3, 3);
        forbidding.spec.max_unavailable = Some(IntOrPercent::Int(0));
        assert_eq!(PdbTrouble::of(&forbidding), Some(PdbTrouble::SpecForbids));
        let mut failed = pdb("a", 0, 0, 0);
        failed.status.conditions = vec![Condition {
            kind: "DisruptionAllowed".into(),
            status: "False".into(),
            reason: Some("SyncFailed".into()),
            ..Default::default()
        }];
        assert_eq!(PdbTrouble::of(&failed), Some(PdbTrouble::SyncFailed));
        assert_eq!(PdbTrouble::of(&pdb("a", 0, 1, 2)), Some(PdbTrouble::TooFewHealthy));
        assert_eq!(PdbTrouble::of(&pdb("a", 1, 3, 2)), None);
        assert!(PdbTrouble::WantsAll.is_permanent() && !PdbTrouble::TooFewHealthy.is_permanent());
    }

    #[test]
    fn t05_tiers() {
        let with = |class: Option<&str>| {
            let mut spec = PodSpec::default();
            spec.priority_class_name = class.map(Into::into);
            spec.priority = Some(2_000_000_000);
            let mut pod = pod("Running", true);
            pod.spec = spec.into();
            EvictionTier::of(&pod)
        };
        assert_eq!(with(None), EvictionTier::Ordinary);
        assert_eq!(with(Some("high")), EvictionTier::Ordinary);
        assert_eq!(with(Some("system-node-critical")), EvictionTier::Critical);
    }

    #[test]
    fn t10_deadline() {
        let mut claim = NodeClaim::default();
        claim.spec_mut().termination_grace_period = Some("1h".into());
        assert_eq!(termination_deadline(&claim), None);
        claim.metadata_mut().deletion_timestamp = Some(now());
        let deadline = termination_deadline(&claim).unwrap();
        assert_eq!(deadline.to_string(), "2026-08-20T13:00:00Z");
        assert_eq!(forced_at(&pod("Running", true), deadline).to_string(), "2026-08-20T12:59:30Z");
        claim.metadata_mut().annotations.insert(TERMINATION_TIMESTAMP, "2026-08-20T12:10:00Z");
        assert_eq!(termination_deadline(&claim).unwrap().to_string(), "2026-08-20T12:10:00Z");
    }
}
