//! The whole report for a selection of pods.

use super::analysis::{Analyst, Depth};
use super::grouping::{groups_of, summary_of};
use super::report::{Explanation, Group, KarpenterVersions, OutcomeWord, ReportGap};
use crate::model::{Fidelity, Pod, Snapshot, TakenAtSource, VersionFit};
use crate::sim::Solution;

/// All pods that wait for a node: unbound and not finished, by namespace and name.
pub fn pending_pods(snapshot: &Snapshot) -> Vec<&Pod> {
    let mut pods: Vec<&Pod> =
        snapshot.objects.pods.iter().filter(|pod| pod.node_name.is_none() && !pod.is_terminal()).collect();
    pods.sort_by_key(|pod| (&pod.metadata.namespace, &pod.metadata.name));
    pods
}

/// The report for these pods. `version` is the controller's version as known or given.
pub fn explain(analyst: &Analyst<'_>, pods: &[&Pod], depth: Depth) -> Explanation {
    let groups = groups_of(analyst, pods, depth);
    let snapshot = analyst.snapshot;
    let karpenter = versions(snapshot);
    let mut not_modelled = Vec::new();
    if karpenter.fidelity != Fidelity::Modelled {
        not_modelled.push(karpenter.note.clone());
    }
    not_modelled.extend(snapshot.unknown_fields.iter().map(|field| format!("field {field}")));
    Explanation {
        api_version: "karp/v1",
        kind: "Explanation",
        taken_at: snapshot.taken_at,
        taken_at_guessed: snapshot.taken_at_source == TakenAtSource::NewestTimestamp,
        karpenter,
        summary: summary_of(&groups),
        uncertain: uncertain(&groups, analyst.solution),
        groups,
        prices: Vec::new(),
        gaps: snapshot
            .gaps
            .iter()
            .map(|gap| ReportGap { kind: gap.kind.clone(), reason: gap.reason.clone() })
            .collect(),
        not_modelled,
    }
}

fn versions(snapshot: &Snapshot) -> KarpenterVersions {
    let running = snapshot.controller.version.as_ref().map(ToString::to_string);
    let fit = VersionFit::of(running.as_deref());
    // The rules in force may have been given by hand; then their name is what counts.
    let given = fit.rules != snapshot.rules;
    KarpenterVersions {
        modelled: snapshot.rules.name().to_owned(),
        running,
        fidelity: if given { Fidelity::Modelled } else { fit.fidelity },
        note: if given { String::new() } else { fit.note },
    }
}

fn uncertain(groups: &[Group], solution: &Solution) -> Vec<String> {
    let mut words = Vec::new();
    let launches_on_aws = groups.iter().any(|group| group.outcome == OutcomeWord::New)
        && solution.node_claims.iter().any(|claim| claim.object.spec.node_class_ref.kind == "EC2NodeClass");
    if launches_on_aws {
        words.push("ec2-choice".to_owned());
    }
    if !solution.choices.is_empty() {
        words.push("one-of".to_owned());
    }
    words
}
