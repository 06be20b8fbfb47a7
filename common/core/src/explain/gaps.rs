//! What could not be read: where it could turn an answer, the verdict says so.

use super::report::{Group, OutcomeWord, Verdict};
use crate::model::Snapshot;

/// A gap that could turn the answer changes the verdict. `uses_claims`: whether the pod has volumes with claims.
pub(super) fn weaken(group: &mut Group, uses_claims: bool, snapshot: &Snapshot) {
    let missing = |kind: &str| snapshot.gap(kind).is_some_and(|gap| !gap.reason.starts_with("none in"));
    let volumes = ["persistentvolumeclaims", "persistentvolumes", "storageclasses"];
    match group.outcome {
        OutcomeWord::Error if missing("nodes") => {
            group.verdict = Verdict::Unknown;
            group.notes.insert(0, "nodes were not read: it may fit on one that exists".to_owned());
        }
        OutcomeWord::New if missing("daemonsets") => {
            group.verdict = Verdict::Unknown;
            group.headline = format!("it would schedule {}, but DaemonSets were not read", group.headline);
            group.notes.insert(0, "with their overhead it may need a larger node, or fit on none".to_owned());
        }
        OutcomeWord::New if missing("nodes") => {
            group.notes.insert(0, "nodes were not read: it may fit on one that exists".to_owned());
        }
        OutcomeWord::Ignored | OutcomeWord::New | OutcomeWord::Existing
            if uses_claims && volumes.iter().any(|kind| missing(kind)) =>
        {
            group.verdict = Verdict::Unknown;
            group.notes.insert(0, "its volumes were not read".to_owned());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::explain::funnel_tests::provider;
    use crate::explain::{Analyst, Depth, groups_of, pending_pods};
    use crate::model::Gap;
    use crate::provider::CloudProvider;
    use crate::sim::{SolveOptions, solve};

    /// One NodePool, one pending pod that asks this much cpu, and one kind that was forbidden.
    fn answer(cpu: &str, forbidden: &str) -> (Verdict, OutcomeWord) {
        let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
        let ready = ["ValidationSucceeded", "NodeClassReady", "Ready"]
            .map(|kind| json!({"type": kind, "status": "True"}));
        let reference = json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
        snapshot.objects.node_pools = serde_json::from_value(json!([{"metadata": {"name": "p"},
            "spec": {"template": {"spec": {"nodeClassRef": reference}}}, "status": {"conditions": ready}}]))
        .unwrap();
        snapshot.objects.pods =
            serde_json::from_value(json!([{"metadata": {"name": "x", "namespace": "shop", "uid": "u"},
            "spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}]))
            .unwrap();
        snapshot.gaps = vec![Gap { kind: forbidden.into(), reason: "forbidden for user ci-bot".to_owned() }];
        let provider = provider();
        let solution = solve(&snapshot, &provider, &SolveOptions::default());
        let analyst = Analyst::new(&snapshot, &solution, provider.labels());
        let group = groups_of(&analyst, &pending_pods(&snapshot), Depth::Full).remove(0);
        (group.verdict, group.outcome)
    }

    #[test]
    fn a_gap_that_could_turn_the_answer_changes_the_verdict() {
        for (cpu, forbidden, verdict, outcome) in [
            ("1", "events", Verdict::Yes, OutcomeWord::New),
            ("1", "nodes", Verdict::Yes, OutcomeWord::New),
            ("1", "daemonsets", Verdict::Unknown, OutcomeWord::New),
            ("99", "events", Verdict::No, OutcomeWord::Error),
            ("99", "nodes", Verdict::Unknown, OutcomeWord::Error),
        ] {
            assert_eq!(answer(cpu, forbidden), (verdict, outcome), "{cpu} cpu, {forbidden} forbidden");
        }
    }
}
