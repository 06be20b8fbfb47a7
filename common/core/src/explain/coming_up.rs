//! Nodes that are coming up: Karpenter counts on them, so that a pod planned there gets no other node however long
//! they take. Says how far they are, what they wait for, and what shows or mends it.
//!
//! Karpenter: pkg/controllers/nodeclaim/lifecycle (registration.go, initialization.go, liveness.go).

use super::index::ObjectIndex;
use super::report::{Group, Next};
use super::words;
use crate::model::{Condition, Node, NodeClaim, Snapshot, condition};
use crate::sim::ExistingNode;

/// A launched NodeClaim whose node has not joined by then is deleted.
const GIVES_UP: &str = "15m";

/// How long a node usually needs to join, with room: until then nothing is wrong.
const USUAL_SECONDS: i64 = 180;

/// Where a pod goes that was planned onto a node: `on node/x`, or `on nodeclaim/x, whose node is not registered yet`.
pub(super) fn headline(node: &str, index: &ObjectIndex<'_>) -> String {
    if index.nodes.contains_key(node) || !index.node_claims.contains_key(node) {
        return format!("on node/{node}");
    }
    format!("on nodeclaim/{node}, whose node is not registered yet")
}

/// Notes and steps for a node that is not initialized.
pub(super) fn tell(group: &mut Group, node: &ExistingNode, index: &ObjectIndex<'_>, snapshot: &Snapshot) {
    let claim = node.node_claim.as_deref().and_then(|name| index.node_claims.get(name).copied());
    let Some(claim) = claim else { return };
    let registered = condition(&claim.status.conditions, "Registered");
    match index.nodes.get(node.name.as_str()) {
        Some(object) => not_initialized(group, claim, object, snapshot),
        None => not_registered(group, claim, registered, snapshot),
    }
}

fn next(text: impl Into<String>, command: impl Into<String>) -> Next {
    Next { text: text.into(), command: command.into() }
}

fn not_registered(group: &mut Group, claim: &NodeClaim, registered: Option<&Condition>, snapshot: &Snapshot) {
    let name = &claim.metadata.name;
    let launched =
        condition(&claim.status.conditions, "Launched").and_then(|launched| launched.last_transition_time);
    let since = launched.or(claim.metadata.creation_timestamp);
    let seconds = since.map(|since| (snapshot.taken_at.as_second() - since.as_second()).max(0));
    let age = since.map(|since| format!(" {} ago", words::age(since, snapshot.taken_at))).unwrap_or_default();
    let reason =
        registered.and_then(|registered| registered.reason.as_deref()).filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let joined = snapshot.objects.nodes.iter().find(|node| node.spec.provider_id == claim.status.provider_id);
    let state = match joined {
        Some(node) => format!("node/{} is not registered with it", node.metadata.name),
        None => "its node has not joined".to_owned(),
    };
    group.notes.push(format!(
        "nodeclaim/{name} was launched{age} and {state}{reason}; Karpenter gives up after {GIVES_UP}"
    ));
    if seconds.is_some_and(|seconds| seconds < USUAL_SECONDS) {
        group.next.push(next("", format!("kubectl get nodeclaim/{name} -w")));
        return;
    }
    let instance =
        claim.status.provider_id.rsplit('/').next().filter(|id| joined.is_none() && id.starts_with("i-"));
    group.next.push(match instance {
        Some(id) => next(
            "its kubelet does not reach the API server, or is refused: see the instance's console",
            format!("aws ec2 get-console-output --instance-id {id} --latest --output text"),
        ),
        None => next("see how far it came", format!("kubectl describe nodeclaim/{name}")),
    });
}

fn not_initialized(group: &mut Group, claim: &NodeClaim, node: &Node, snapshot: &Snapshot) {
    let name = &node.metadata.name;
    let initialized = condition(&claim.status.conditions, "Initialized");
    let reason = initialized.and_then(|initialized| initialized.reason.as_deref()).unwrap_or_default();
    let state = match (initialized, reason) {
        (None, _) => "Initialized is not set",
        (Some(_), "") => "no reason given",
        (Some(_), reason) => reason,
    };
    let since = claim.metadata.creation_timestamp;
    let since =
        since.map(|since| format!(" for {}", words::age(since, snapshot.taken_at))).unwrap_or_default();
    group.notes.push(format!("node/{name} is not initialized{since} ({state})"));
    let steps = group.next.len();
    missing_resources(group, node);
    startup_taints(group, claim, node);
    let object = format!("node/{name}");
    match reason {
        "NodeNotReady" => group.next.push(next(
            format!("{object} is not Ready: see its conditions; mostly its network plugin does not run"),
            format!("kubectl describe {object}"),
        )),
        "KnownEphemeralTaintsExist" => {
            let taints = ephemeral_taints(node);
            group.next.push(next(
                format!("{taints} is still on it: the cloud controller manager or the kubelet takes it off"),
                format!("kubectl describe {object}"),
            ));
        }
        "DRADriverPoolsNotPublished" => group.next.push(next(
            "the DRA driver has not published the node's devices",
            format!("kubectl get resourceslices --field-selector spec.nodeName={name}"),
        )),
        _ if group.next.len() == steps => {
            group.next.push(next("", format!("kubectl describe nodeclaim/{}", claim.metadata.name)));
        }
        _ => {}
    }
}

/// Resources that the NodeClaim promises and the node does not report.
fn missing_resources(group: &mut Group, node: &Node) {
    let missing: Vec<String> = group
        .asks
        .requests
        .iter()
        .filter(|(name, asked)| !asked.is_zero() && node.status.allocatable.amount(name).is_zero())
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in missing {
        group.notes.push(format!(
            "{name}: the NodeClaim promises it, the node reports none, so kube-scheduler cannot place the pod and Karpenter opens no other node"
        ));
        group.next.push(next(
            format!(
                "install the device plugin DaemonSet that registers {name} and tolerates the node's taints"
            ),
            "kubectl get daemonsets -A",
        ));
    }
}

fn startup_taints(group: &mut Group, claim: &NodeClaim, node: &Node) {
    let there = |taint: &&crate::model::Taint| node.spec.taints.iter().any(|there| there.matches(taint));
    let left: Vec<String> = claim.spec.startup_taints.iter().filter(there).map(ToString::to_string).collect();
    if left.is_empty() {
        return;
    }
    let left = left.join(", ");
    group.notes.push(format!("startup taint {left} is still on it"));
    group.next.push(next(
        format!("the agent that takes {left} off has to run there and tolerate it"),
        format!("kubectl get pods -A --field-selector spec.nodeName={}", node.metadata.name),
    ));
}

fn ephemeral_taints(node: &Node) -> String {
    let is_ephemeral = |key: &str| {
        [
            "node.kubernetes.io/",
            "node.cloudprovider.kubernetes.io/",
            "readiness.k8s.io/",
            "karpenter.sh/unregistered",
        ]
        .iter()
        .any(|prefix| key.starts_with(prefix))
    };
    let found: Vec<String> =
        node.spec.taints.iter().filter(|taint| is_ephemeral(&taint.key)).map(ToString::to_string).collect();
    if found.is_empty() {
        "a taint of a node that starts".to_owned()
    } else {
        format!("taint {}", found.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::explain::funnel_tests::provider;
    use crate::explain::report::Group;
    use crate::explain::{Analyst, Depth, groups_of, pending_pods};
    use crate::provider::CloudProvider;
    use crate::sim::{SolveOptions, solve};

    /// A pod that fits a NodeClaim which was launched this long before, with these conditions; with a node where one
    /// is given.
    fn answer(launched: &str, conditions: serde_json::Value, node: Option<serde_json::Value>) -> Group {
        let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
        let reference = json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
        let ready = ["ValidationSucceeded", "NodeClassReady", "Ready"]
            .map(|kind| json!({"type": kind, "status": "True"}));
        let objects = &mut snapshot.objects;
        objects.node_pools = serde_json::from_value(json!([{"metadata": {"name": "p"},
            "spec": {"template": {"spec": {"nodeClassRef": reference}}}, "status": {"conditions": ready}}]))
        .unwrap();
        let mut all = vec![json!({"type": "Launched", "status": "True", "lastTransitionTime": launched})];
        all.extend(conditions.as_array().unwrap().iter().cloned());
        let resources = json!({"cpu": "8", "memory": "16Gi", "pods": "110", "example.com/gpu": "1"});
        objects.node_claims = serde_json::from_value(json!([{
            "metadata": {"name": "p-1", "uid": "c", "creationTimestamp": launched, "labels": {
                "karpenter.sh/nodepool": "p", "node.kubernetes.io/instance-type": "x"}},
            "spec": {"nodeClassRef": reference, "requirements": [],
                "startupTaints": [{"key": "agent", "effect": "NoSchedule"}]},
            "status": {"providerID": "aws:///us-east-1a/i-0abc", "capacity": resources, "allocatable": resources,
                "conditions": all}}]))
        .unwrap();
        objects.nodes = node
            .into_iter()
            .map(|mut node| {
                node["metadata"] = json!({"name": "n-1", "uid": "n", "labels": {
                    "karpenter.sh/nodepool": "p", "karpenter.sh/registered": "true",
                    "node.kubernetes.io/instance-type": "x", "kubernetes.io/hostname": "n-1"}});
                node["spec"]["providerID"] = json!("aws:///us-east-1a/i-0abc");
                serde_json::from_value(node).unwrap()
            })
            .collect();
        let requests = json!({"cpu": "1", "example.com/gpu": "1"});
        objects.pods =
            serde_json::from_value(json!([{"metadata": {"name": "x", "namespace": "shop", "uid": "u"},
            "spec": {"tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "main", "resources": {"requests": requests}}]},
            "status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}]))
            .unwrap();
        let provider = provider();
        let solution = solve(&snapshot, &provider, &SolveOptions::default());
        let analyst = Analyst::new(&snapshot, &solution, provider.labels());
        groups_of(&analyst, &pending_pods(&snapshot), Depth::Full).remove(0)
    }

    fn text(group: &Group) -> String {
        let mut lines = vec![group.headline.clone()];
        lines.extend(group.notes.iter().map(|note| format!("! {note}")));
        lines.extend(group.next.iter().map(|next| format!("next: {} | {}", next.text, next.command)));
        lines.join("\n")
    }

    #[test]
    fn a_node_that_has_not_joined() {
        let waiting = json!([{"type": "Registered", "status": "Unknown", "reason": "NodeNotFound"}]);
        insta::assert_snapshot!(text(&answer("2026-11-20T11:59:20Z", waiting.clone(), None)), @r"
        on nodeclaim/p-1, whose node is not registered yet
        ! nodeclaim/p-1 was launched 40s ago and its node has not joined (NodeNotFound); Karpenter gives up after 15m
        next:  | kubectl get nodeclaim/p-1 -w
        ");
        insta::assert_snapshot!(text(&answer("2026-11-20T11:48:00Z", waiting, None)), @r"
        on nodeclaim/p-1, whose node is not registered yet
        ! nodeclaim/p-1 was launched 12m ago and its node has not joined (NodeNotFound); Karpenter gives up after 15m
        next: its kubelet does not reach the API server, or is refused: see the instance's console | aws ec2 get-console-output --instance-id i-0abc --latest --output text
        ");
    }

    #[test]
    fn a_node_that_is_not_initialized_says_what_it_waits_for() {
        let has = json!({"cpu": "8", "memory": "16Gi", "pods": "110", "example.com/gpu": "1"});
        let without = json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
        let node = |has: &serde_json::Value, taints: serde_json::Value| {
            Some(json!({"spec": {"taints": taints}, "status": {"capacity": has, "allocatable": has}}))
        };
        for (reason, node, expected) in [
            ("NodeNotReady", node(&has, json!([])), "kubectl describe node/n-1"),
            ("ResourceNotRegistered", node(&without, json!([])), "kubectl get daemonsets -A"),
            (
                "StartupTaintsExist",
                node(&has, json!([{"key": "agent", "effect": "NoSchedule"}])),
                "kubectl get pods -A --field-selector spec.nodeName=n-1",
            ),
            (
                "KnownEphemeralTaintsExist",
                node(
                    &has,
                    json!([{"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}]),
                ),
                "kubectl describe node/n-1",
            ),
            (
                "DRADriverPoolsNotPublished",
                node(&has, json!([])),
                "kubectl get resourceslices --field-selector spec.nodeName=n-1",
            ),
            ("Novel", node(&has, json!([])), "kubectl describe nodeclaim/p-1"),
        ] {
            let conditions = json!([{"type": "Registered", "status": "True"},
                {"type": "Initialized", "status": "Unknown", "reason": reason}]);
            let group = answer("2026-11-20T11:20:00Z", conditions, node);
            let commands: Vec<&str> = group.next.iter().map(|next| next.command.as_str()).collect();
            assert_eq!(commands, [expected], "{reason}: {}", text(&group));
            assert!(
                group.notes[0].contains(&format!("not initialized for 40m ({reason})")),
                "{}",
                text(&group)
            );
        }
    }
}
