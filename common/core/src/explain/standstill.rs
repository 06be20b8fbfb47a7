//! What stops the controller for all pods at once.
//!
//! Rules: karpenter: pkg/controllers/provisioning/provisioner.go (eligible NodePools),
//! pkg/controllers/state/cluster.go (`Synced`).

use super::index::ObjectIndex;
use super::mend;
use super::report::OutcomeWord;
use super::situations::Situation;
use super::why::{WhyContext, not_ready_text};
use super::words;
use crate::model::{Condition, NodeClaim, Snapshot, condition};
use crate::sim::{PoolEligibility, Solution, Synced, Unsynced};

/// What stops the controller for all pods at once.
pub(super) fn controller_situation(
    snapshot: &Snapshot,
    solution: &Solution,
    context: WhyContext<'_>,
) -> Option<Situation> {
    if let Some(stopped) = controller_is_down(snapshot) {
        return Some(stopped);
    }
    if let Synced::Waiting(unsynced) = &solution.synced {
        return Some(unsynced_situation(snapshot, unsynced, context.index));
    }
    no_node_pool(snapshot, solution, context)
}

fn controller_is_down(snapshot: &Snapshot) -> Option<Situation> {
    let controller = &snapshot.controller;
    if controller.available_replicas != Some(0) {
        return None;
    }
    let deployment = controller.deployment.as_deref().unwrap_or("kube-system/karpenter");
    let (namespace, name) = deployment.split_once('/').unwrap_or(("kube-system", deployment));
    let wanted = controller.replicas.unwrap_or(0);
    let situation = Situation::waits(
        OutcomeWord::ControllerWaiting,
        "controller-down",
        "KARP127",
        "the Karpenter controller is not running",
    )
    .line(format!("deploy/{name} -n {namespace} has 0 of {wanted} replicas available: no pod gets a node."));
    Some(if wanted == 0 {
        situation.next("start it again", format!("kubectl scale deploy/{name} -n {namespace} --replicas=2"))
    } else {
        situation.next(
            "see why its pods do not run",
            format!("kubectl describe pods -n {namespace} -l app.kubernetes.io/name=karpenter"),
        )
    })
}

fn unsynced_situation(snapshot: &Snapshot, unsynced: &[Unsynced], index: &ObjectIndex<'_>) -> Situation {
    let mut situation = Situation::waits(
        OutcomeWord::ControllerWaiting,
        "unsynced",
        "KARP126",
        "Karpenter stands still for all pods",
    );
    for Unsynced::NodeClaimNotLaunched { node_claim } in unsynced {
        let claim = index.node_claims.get(node_claim.as_str()).copied();
        situation = situation.line(unlaunched_line(snapshot, node_claim, claim));
        if let Some(line) = claim.and_then(unlaunched_message) {
            situation = situation.line(line);
        }
        situation.next.push(mend::launch(node_claim, claim));
    }
    if let Some(Unsynced::NodeClaimNotLaunched { node_claim }) = unsynced.first() {
        situation = situation.next(
            "or take it away; a pod that still needs it brings it back",
            format!("kubectl delete nodeclaim/{node_claim}"),
        );
    }
    situation
}

fn launched(claim: &NodeClaim) -> Option<&Condition> {
    condition(&claim.status.conditions, "Launched")
}

/// `nodeclaim/spot-q9z4d has no providerID for 6m (Launched=Unknown, Unauthorized).`
fn unlaunched_line(snapshot: &Snapshot, name: &str, claim: Option<&NodeClaim>) -> String {
    let since = claim.and_then(|claim| claim.metadata.creation_timestamp);
    let since =
        since.map(|since| format!(" for {}", words::age(since, snapshot.taken_at))).unwrap_or_default();
    let state = claim.and_then(launched).map(|condition| {
        let reason = condition.reason.as_deref().filter(|reason| !reason.is_empty());
        let reason = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        format!(" (Launched={}{reason})", condition.status)
    });
    format!("nodeclaim/{name} has no providerID{since}{}.", state.unwrap_or_default())
}

fn unlaunched_message(claim: &NodeClaim) -> Option<String> {
    const SHOWN: usize = 200;
    let message = launched(claim)?.message.as_deref().filter(|message| !message.is_empty())?;
    let cut: String = message.chars().take(SHOWN).collect();
    let more = if cut.len() < message.len() { "..." } else { "" };
    Some(format!("It says: {cut}{more}"))
}

fn no_node_pool(snapshot: &Snapshot, solution: &Solution, context: WhyContext<'_>) -> Option<Situation> {
    let usable = solution.node_pools.iter().any(|pool| {
        matches!(
            pool.eligibility,
            PoolEligibility::Eligible
                | PoolEligibility::FilteredOut { .. }
                | PoolEligibility::NoInstanceTypes(_)
        )
    });
    if usable || snapshot.gap("nodepools").is_some_and(|gap| !gap.reason.starts_with("none in")) {
        return None;
    }
    if solution.node_pools.is_empty() {
        let situation = Situation::waits(
            OutcomeWord::ControllerWaiting,
            "nodepool-not-ready",
            "KARP128",
            "there is no NodePool",
        );
        return Some(situation.next(
            "write one and ask again with it, before it is applied (karpenter.sh/docs/concepts/nodepools)",
            "kubectl karp explain -f nodepool.yaml",
        ));
    }
    let mut situation = Situation::waits(
        OutcomeWord::ControllerWaiting,
        "nodepool-not-ready",
        "KARP128",
        "no NodePool can be used; Karpenter does nothing and says nothing",
    );
    for pool in &solution.node_pools {
        let object = context.index.node_pools.get(pool.name.as_str()).copied();
        let text = match &pool.eligibility {
            PoolEligibility::NotReady => not_ready_text(&pool.name, object, context),
            PoolEligibility::Static => format!("nodepool/{} is static (spec.replicas)", pool.name),
            PoolEligibility::Deleting => format!("nodepool/{} is being deleted", pool.name),
            _ => format!("nodepool/{} uses a NodeClass of another provider", pool.name),
        };
        situation = situation.line(text);
        match &pool.eligibility {
            PoolEligibility::NotReady => {
                situation.next.push(mend::not_ready(&pool.name, context));
                if mend::failing_class(&pool.name, context).is_some() {
                    situation = situation.also("nodeclass-not-ready");
                }
            }
            PoolEligibility::Static if !snapshot.controller.gate("StaticCapacity") => {
                situation = situation.also("feature-gate/StaticCapacity").next(
                    format!(
                        "take spec.replicas out of nodepool/{}, or give pods another NodePool",
                        pool.name
                    ),
                    format!("kubectl edit nodepool/{}", pool.name),
                );
            }
            PoolEligibility::Static => {
                situation = situation.next(
                    format!("nodepool/{} opens no node for pods: give them another NodePool", pool.name),
                    "kubectl get nodepools",
                );
            }
            PoolEligibility::Deleting => {
                situation = situation.next(
                    format!("nodepool/{} waits for its nodes to go", pool.name),
                    format!("kubectl get nodeclaims -l karpenter.sh/nodepool={}", pool.name),
                );
            }
            _ => {
                situation = situation.next(
                    format!("see which NodeClass nodepool/{} names", pool.name),
                    format!("kubectl get nodepool/{} -o yaml", pool.name),
                );
            }
        }
    }
    Some(situation)
}
