//! A node that Karpenter already takes out: how far it is, what it waits for, and whether that ever ends.

use jiff::Timestamp;

use super::report::{Termination, WaitsFor};
use crate::disruption::eviction::{EvictionTier, Ledger, forced_at, termination_deadline};
use crate::model::{NodeClaim, Pod, StateNode, condition};
use crate::sim::pods::{DoNotDisrupt, is_waiting_eviction};

/// The state of a node's termination; none where nobody asked for it.
pub(super) fn of(
    machine: &StateNode<'_>,
    pods: &[&Pod],
    ledger: &Ledger<'_>,
    now: Timestamp,
) -> Option<Termination> {
    let claim_since = machine.node_claim.and_then(|claim| claim.metadata.deletion_timestamp);
    let node_since = machine.node.and_then(|node| node.metadata.deletion_timestamp);
    let since = claim_since.or(node_since)?;
    let deadline = machine.node_claim.and_then(termination_deadline);
    let mut waiting: Vec<(EvictionTier, WaitsFor)> = pods
        .iter()
        .filter(|pod| is_waiting_eviction(pod, now))
        .map(|pod| {
            let answer = ledger.ask(pod);
            let (why, cause) = if pod.metadata.is_deleting() {
                ("terminating".to_owned(), None)
            } else if DoNotDisrupt::of(pod, now).is_active() {
                ("do-not-disrupt".to_owned(), Some("do-not-disrupt"))
            } else {
                match answer.detail().or_else(|| answer.message()) {
                    Some(words) => (words, Some("pdb")),
                    None => ("its turn".to_owned(), None),
                }
            };
            let wait = WaitsFor {
                namespace: pod.metadata.namespace.clone(),
                pod: pod.metadata.name.clone(),
                why,
                cause,
                forced_at: deadline.map(|deadline| forced_at(pod, deadline)),
            };
            (EvictionTier::of(pod), wait)
        })
        .collect();
    waiting.sort_by(|a, b| (a.0, &a.1.namespace, &a.1.pod).cmp(&(b.0, &b.1.namespace, &b.1.pod)));
    Some(Termination {
        since,
        deadline,
        phase: phase(machine.node_claim),
        waits_for: waiting.into_iter().map(|(_, wait)| wait).collect(),
    })
}

/// How far Karpenter is, by the conditions it keeps on the NodeClaim.
fn phase(claim: Option<&NodeClaim>) -> &'static str {
    let is = |kind: &str| {
        claim.and_then(|claim| condition(&claim.status.conditions, kind)).map(|found| found.status.as_str())
    };
    if is("InstanceTerminating") == Some("True") {
        "waits for the instance to end"
    } else if is("VolumesDetached") == Some("True") {
        "ends the instance"
    } else if is("Drained") == Some("True") {
        "waits for volumes to detach"
    } else {
        "drains"
    }
}
