//! PodDisruptionBudgets as the disruption controller looks at them before it starts anything.
//!
//! Mirrors karpenter: pkg/utils/pdb/pdb.go. It does not subtract: one allowed disruption lets a node with five
//! pods of that PDB pass. What the API server will answer to each eviction is [`crate::disruption::eviction`].

use jiff::Timestamp;

use super::pods;
use crate::model::{IntOrPercent, Pod, PodDisruptionBudget, Snapshot, selects};

/// All PodDisruptionBudgets, by namespace and name.
#[derive(Debug, Clone)]
pub struct PdbLimits<'a>(Vec<&'a PodDisruptionBudget>);

/// Why the controller would not start: it never tries to evict such a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum PdbBlock<'a> {
    /// The one PDB of the pod is in the way.
    One(&'a PodDisruptionBudget),
    /// Several PDBs select the pod: the eviction API refuses that whatever they allow.
    Several(Vec<&'a PodDisruptionBudget>),
}

impl<'a> PdbBlock<'a> {
    /// The PDBs.
    pub fn pdbs(&self) -> &[&'a PodDisruptionBudget] {
        match self {
            PdbBlock::One(pdb) => std::slice::from_ref(pdb),
            PdbBlock::Several(pdbs) => pdbs,
        }
    }
}

impl<'a> PdbLimits<'a> {
    /// Of a cluster.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let mut all: Vec<_> = snapshot.objects.pod_disruption_budgets.iter().collect();
        all.sort_by(|a, b| {
            (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
        });
        Self(all)
    }

    /// Those that select a pod. An absent selector selects nothing, an empty one everything in the namespace.
    pub fn matching(&self, pod: &Pod) -> Vec<&'a PodDisruptionBudget> {
        self.0
            .iter()
            .filter(|pdb| pdb.metadata.namespace == pod.metadata.namespace)
            .filter(|pdb| selects(pdb.spec.selector.as_ref(), &pod.metadata.labels))
            .copied()
            .collect()
    }

    /// What blocks the node of this pod now: several PDBs, or one that allows nothing. Pods that would not be
    /// evicted anyway block nothing here.
    pub fn blocks(&self, pod: &Pod, now: Timestamp) -> Option<PdbBlock<'a>> {
        self.block_where(pod, now, |pdb| pdb.status.disruptions_allowed == 0)
    }

    /// What makes capacity for this pod pointless: several PDBs, or one whose spec can never allow anything.
    pub fn fully_blocks(&self, pod: &Pod, now: Timestamp) -> Option<PdbBlock<'a>> {
        self.block_where(pod, now, is_fully_blocking)
    }

    fn block_where(
        &self,
        pod: &Pod,
        now: Timestamp,
        blocks: impl Fn(&PodDisruptionBudget) -> bool,
    ) -> Option<PdbBlock<'a>> {
        if !pods::is_evictable(pod, now) {
            return None;
        }
        match self.matching(pod)[..] {
            [] => None,
            [pdb] if always_allows_unhealthy(pdb) && says_not_ready(pod) => None,
            [pdb] => blocks(pdb).then_some(PdbBlock::One(pdb)),
            ref several => Some(PdbBlock::Several(several.to_vec())),
        }
    }

    /// Whether a simulation places this pod elsewhere: load, not protected, not blocked for good.
    pub fn is_currently_reschedulable(&self, pod: &Pod, now: Timestamp) -> bool {
        pods::is_reschedulable(pod) && pods::is_disruptable(pod, now) && self.fully_blocks(pod, now).is_none()
    }
}

/// Judged from the spec alone: `maxUnavailable` 0 or `0%`, `minAvailable` `100%`.
pub fn is_fully_blocking(pdb: &PodDisruptionBudget) -> bool {
    let text = |bound: &Option<IntOrPercent>, wanted: &str| matches!(bound, Some(IntOrPercent::Text(text)) if text == wanted);
    matches!(pdb.spec.max_unavailable, Some(IntOrPercent::Int(0)))
        || text(&pdb.spec.max_unavailable, "0%")
        || text(&pdb.spec.min_available, "100%")
}

/// Whether pods that are not Ready may always go.
pub fn always_allows_unhealthy(pdb: &PodDisruptionBudget) -> bool {
    pdb.spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow")
}

/// Whether the pod's Ready condition says `False`; a pod without the condition does not.
fn says_not_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "False")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, LabelSelector, OwnerReference};

    fn now() -> Timestamp {
        "2026-08-20T12:00:00Z".parse().unwrap()
    }

    fn pdb(name: &str, allowed: i32) -> PodDisruptionBudget {
        let mut pdb = PodDisruptionBudget::default();
        pdb.metadata.namespace = "shop".into();
        pdb.metadata.name = name.into();
        pdb.spec.selector = Some(LabelSelector::default());
        pdb.status.disruptions_allowed = allowed;
        pdb
    }

    fn pod() -> Pod {
        let mut pod = Pod::default();
        pod.metadata_mut().namespace = "shop".into();
        pod.metadata_mut().name = "p".into();
        pod.status_mut().phase = "Running".into();
        pod
    }

    fn unready(mut pod: Pod) -> Pod {
        pod.status_mut().conditions =
            vec![Condition { kind: "Ready".into(), status: "False".into(), ..Default::default() }];
        pod
    }

    #[track_caller]
    fn check(pdbs: Vec<PodDisruptionBudget>, pod: Pod, blocking: &[&str]) {
        let mut snapshot = Snapshot::empty(now());
        snapshot.objects.pod_disruption_budgets = pdbs;
        let limits = PdbLimits::new(&snapshot);
        let block = limits.blocks(&pod, now());
        let names: Vec<_> = block
            .iter()
            .flat_map(|block| block.pdbs().iter().map(|pdb| pdb.metadata.name.as_str()))
            .collect();
        assert_eq!(names, blocking);
    }

    #[test]
    fn c10_one_pdb_blocks_at_zero() {
        check(vec![pdb("a", 0)], pod(), &["a"]);
        check(vec![pdb("a", 1)], pod(), &[]);
    }

    #[test]
    fn c11_pods_that_are_not_evicted_and_other_namespaces_do_not_count() {
        let mut terminating = pod();
        terminating.metadata_mut().deletion_timestamp = Some(now());
        check(vec![pdb("a", 0)], terminating, &[]);
        let mut other = pod();
        other.metadata_mut().namespace = "other".into();
        check(vec![pdb("a", 0)], other, &[]);
        let mut mirror = pod();
        mirror.metadata_mut().owner_references =
            vec![OwnerReference { api_version: "v1".into(), kind: "Node".into(), ..Default::default() }]
                .into();
        check(vec![pdb("a", 0)], mirror, &[]);
        let mut daemon = pod();
        daemon.metadata_mut().owner_references = vec![OwnerReference {
            api_version: "apps/v1".into(),
            kind: "DaemonSet".into(),
            ..Default::default()
        }]
        .into();
        check(vec![pdb("a", 0)], daemon, &["a"]);
        let mut null = pdb("a", 0);
        null.spec.selector = None;
        check(vec![null], pod(), &[]);
    }

    #[test]
    fn c12_two_pdbs_block_whatever_they_allow() {
        check(vec![pdb("b", 5), pdb("a", 5)], pod(), &["a", "b"]);
    }

    #[test]
    fn c14_unready_pods_pass_only_where_always_allowed() {
        let mut lenient = pdb("a", 0);
        lenient.spec.unhealthy_pod_eviction_policy = Some("AlwaysAllow".into());
        check(vec![lenient.clone()], unready(pod()), &[]);
        check(vec![lenient], pod(), &["a"]);
        check(vec![pdb("a", 0)], unready(pod()), &["a"]);
    }

    #[test]
    fn fully_blocking_is_a_matter_of_spec() {
        use IntOrPercent::{Int, Text};
        for (min, max, blocking) in [
            (None, Some(Int(0)), true),
            (None, Some(Text("0%".into())), true),
            (None, Some(Text("0".into())), false),
            (Some(Text("100%".into())), None, true),
            (Some(Int(3)), None, false),
            (None, Some(Int(1)), false),
        ] {
            let mut pdb = pdb("a", 0);
            (pdb.spec.min_available, pdb.spec.max_unavailable) = (min, max);
            assert_eq!(is_fully_blocking(&pdb), blocking, "{:?}", pdb.spec);
        }
    }
}
