//! A NodeClaim: its reasons field by field, what is in its way, and when it rolls.

use jiff::Timestamp;
use karp_core::disruption::ClusterState;
use karp_core::disruption::blockers::Blocker;
use karp_core::disruption::claim_drift::{ClaimDrift, ControllerView, Skipped};
use karp_core::model::{GoDuration, label_key};

use crate::drift::HORIZON;
use crate::found::{Found, drifted_since, ends_at};
use crate::report::{BlockedBy, ClaimReport, ReasonReport, Unchecked};
use crate::words;

/// What is told of one NodeClaim.
pub(crate) fn claim_report(
    cluster: &ClusterState<'_>,
    found: &Found<'_>,
    position: Option<usize>,
    rolls: Option<Timestamp>,
) -> ClaimReport {
    let claim = found.drift.claim;
    let node = found.node.and_then(|node| node.node);
    let (controller, controller_reason) = match &found.drift.controller {
        ControllerView::Agrees => ("agrees", None),
        ControllerView::NotYet => ("not-yet", None),
        ControllerView::Differs(reason) => ("differs", reason.clone()),
        ControllerView::Told(reason) => ("told", Some(reason.clone())),
        ControllerView::NotEvaluated => ("not-evaluated", None),
    };
    let expires = claim
        .spec
        .expire_after
        .as_deref()
        .and_then(|after| after.parse::<GoDuration>().ok())
        .zip(claim.metadata.creation_timestamp)
        .map(|(after, created)| after.after(created));
    ClaimReport {
        name: claim.metadata.name.clone(),
        node_pool: claim.metadata.labels.get(label_key::NODE_POOL).map(Into::into),
        node: node
            .map(|node| node.metadata.name.clone())
            .or_else(|| Some(claim.status.node_name.clone()).filter(|name| !name.is_empty())),
        reasons: reasons(&found.drift),
        unchecked: found
            .drift
            .unchecked
            .iter()
            .map(|(reason, why)| Unchecked { reason: reason.name(), why: why.clone() })
            .collect(),
        controller,
        controller_reason,
        skipped: found.drift.skipped.map(skipped),
        blocked_by: found.blockers.iter().map(|blocker| blocked_by(cluster, found, blocker)).collect(),
        overridden: found.overridden && found.blockers.iter().any(Blocker::is_about_pods),
        never: found.never(),
        position,
        rolls,
        expires: expires
            .filter(|_| found.drift.is_drifted())
            .filter(|expires| *expires < rolls.unwrap_or_else(|| HORIZON.after(cluster.now()))),
        drifted_since: drifted_since(found),
        created: claim.metadata.creation_timestamp,
        image: Some(claim.status.image_id.clone()).filter(|image| !image.is_empty()),
        kubelet: node
            .and_then(|node| node.status.node_info.as_ref())
            .map(|info| info.kubelet_version.clone())
            .filter(|version| !version.is_empty()),
    }
}

fn skipped(skipped: Skipped) -> &'static str {
    match skipped {
        Skipped::Deleting => "deleting",
        Skipped::NotLaunched => "not launched",
        Skipped::NodePoolGone => "NodePool gone",
        Skipped::ForeignNodeClass => "NodeClass of another provider",
    }
}

fn reasons(drift: &ClaimDrift<'_>) -> Vec<ReasonReport> {
    let mut all = Vec::new();
    for drift in &drift.drifts {
        let name = drift.reason.name();
        let entry = |field: Option<String>| ReasonReport {
            reason: name,
            cause: name,
            field,
            has: None,
            wants: None,
            possibly: false,
        };
        if drift.fields.is_empty() {
            all.push(entry(None));
        }
        all.extend(drift.fields.iter().map(|field| ReasonReport {
            has: field.has.clone(),
            wants: field.wants.clone(),
            possibly: field.possibly,
            ..entry(Some(field.field.clone()))
        }));
    }
    all
}

fn blocked_by(cluster: &ClusterState<'_>, found: &Found<'_>, blocker: &Blocker) -> BlockedBy {
    let (object, namespace, pdbs) = match blocker {
        Blocker::PodDoNotDisrupt { namespace, name, .. } => {
            (format!("pod/{name}"), Some(namespace), Vec::new())
        }
        Blocker::Pdb { namespace, pod, pdb, .. } => {
            (format!("pod/{pod}"), Some(namespace), vec![pdb.clone()])
        }
        Blocker::SeveralPdbs { namespace, pod, pdbs } => {
            (format!("pod/{pod}"), Some(namespace), pdbs.clone())
        }
        Blocker::NodePoolNotFound { node_pool } => (format!("nodepool/{node_pool}"), None, Vec::new()),
        _ => match found.node.and_then(|node| node.node) {
            Some(node) => (format!("node/{}", node.metadata.name), None, Vec::new()),
            None => (format!("nodeclaim/{}", found.drift.claim.metadata.name), None, Vec::new()),
        },
    };
    BlockedBy {
        code: blocker.code(),
        cause: blocker.cause(),
        object,
        namespace: namespace.cloned(),
        pdbs,
        text: words::blocker(cluster, blocker),
        message: blocker.message(),
        permanent: blocker.is_permanent(),
        until: ends_at(blocker),
    }
}
