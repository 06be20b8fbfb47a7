//! What is not Karpenter's problem, or not its turn: why one pod is not even tried.
//!
//! Rules: karpenter: pkg/utils/pod/scheduling.go (which pods count), pkg/controllers/provisioning/provisioner.go
//! (`Validate`). What stops all pods at once: [`super::standstill`].

use super::demand::required_terms;
use super::index::{ClaimSource, ObjectIndex};
use super::report::{Next, OutcomeWord, Verdict};
use super::why::WhyContext;
use super::words;
use crate::model::{Pod, SelectorExpression, Snapshot, label_key};
use crate::sim::NotConsidered;

/// Why a pod is not tried.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The answer.
    pub verdict: Verdict,
    /// What happens.
    pub outcome: OutcomeWord,
    /// Words of the closed vocabulary.
    pub causes: Vec<String>,
    /// Finding code.
    pub code: &'static str,
    /// The sentence after the verdict.
    pub headline: String,
    /// More lines.
    pub evidence: Vec<String>,
    /// What to do.
    pub next: Vec<Next>,
}

impl Situation {
    pub(super) fn waits(
        outcome: OutcomeWord,
        cause: &str,
        code: &'static str,
        headline: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Wait,
            outcome,
            causes: vec![cause.to_owned()],
            code,
            headline: headline.into(),
            evidence: Vec::new(),
            next: Vec::new(),
        }
    }

    pub(super) fn also(mut self, cause: &str) -> Self {
        if !self.causes.iter().any(|known| known == cause) {
            self.causes.push(cause.to_owned());
        }
        self
    }

    pub(super) fn line(mut self, text: impl Into<String>) -> Self {
        self.evidence.push(text.into());
        self
    }

    pub(super) fn next(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.next.push(Next { text: text.into(), command: command.into() });
        self
    }
}

/// Why the controller does not look at one pod.
pub(super) fn not_considered(pod: &Pod, why: NotConsidered, snapshot: &Snapshot) -> Situation {
    let waits = |cause: &str, code, headline: String| {
        Situation::waits(OutcomeWord::NotConsidered, cause, code, headline)
    };
    let object = words::object("Pod", &pod.metadata.namespace, &pod.metadata.name);
    match why {
        NotConsidered::NotMarkedUnschedulable => not_marked(pod, snapshot),
        NotConsidered::Nominated => {
            let node = pod.status.nominated_node_name.as_deref().unwrap_or("a node");
            waits("nominated", "KARP122", format!("it is nominated to node/{node} by preemption"))
                .line("kube-scheduler is evicting pods there for it; Karpenter leaves it alone.")
                .next("", format!("kubectl get {object} -w"))
        }
        NotConsidered::DaemonSetPod => {
            let owner = pod.metadata.owner_references.iter().find(|owner| owner.kind == "DaemonSet");
            let name = owner.map_or("", |owner| owner.name.as_str());
            waits(
                "daemonset-pod",
                "KARP123",
                format!("it belongs to daemonset/{name}; Karpenter never adds a node for it"),
            )
        }
        NotConsidered::StaticPod => {
            waits("static-pod", "KARP124", "a Node owns it; Karpenter never adds a node for it".to_owned())
        }
    }
}

fn not_marked(pod: &Pod, snapshot: &Snapshot) -> Situation {
    let waits = |cause: &str, code, headline: String| {
        Situation::waits(OutcomeWord::NotConsidered, cause, code, headline)
    };
    let object = words::object("Pod", &pod.metadata.namespace, &pod.metadata.name);
    let gates: Vec<&str> = pod.spec.scheduling_gates.iter().map(|gate| gate.name.as_str()).collect();
    if !gates.is_empty() {
        let noun = if gates.len() == 1 { "scheduling gate" } else { "scheduling gates" };
        let situation =
            waits("scheduling-gate", "KARP120", format!("{noun} {} not removed yet", gates.join(", ")));
        let kueue = gates.iter().any(|gate| gate.contains("kueue"));
        return if kueue {
            situation.next(
                "Kueue has to admit it: quota, or its Workload",
                format!("kubectl get workloads -n {}", pod.metadata.namespace),
            )
        } else {
            situation.next("whoever set the gate has to remove it", format!("kubectl describe {object}"))
        };
    }
    let scheduler = pod.spec.scheduler_name.as_deref().filter(|name| *name != "default-scheduler");
    if let Some(scheduler) = scheduler {
        return waits(
            "other-scheduler",
            "KARP121",
            format!("scheduler {scheduler} has not marked it Unschedulable"),
        )
        .next("", format!("kubectl describe {object}"));
    }
    let since = pod.metadata.creation_timestamp.map(|since| words::age(since, snapshot.taken_at));
    let since = since.map(|since| format!(", {since} after its creation")).unwrap_or_default();
    waits(
        "not-yet-unschedulable",
        "KARP125",
        format!("kube-scheduler has not marked it Unschedulable yet{since}"),
    )
    .next("", format!("kubectl get {object} -w"))
}

/// Why a pod failed validation.
pub(super) fn ignored(pod: &Pod, error: &str, context: WhyContext<'_>, snapshot: &Snapshot) -> Situation {
    let no = |cause: &str, code, headline: String| Situation {
        verdict: Verdict::No,
        ..Situation::waits(OutcomeWord::Ignored, cause, code, headline)
    };
    if let Some((place, expression)) = restricted_expression(pod, context) {
        let values = words::values(expression.values.iter());
        let asked = match expression.values.len() {
            0 => format!("{} {}", expression.key, expression.operator),
            _ => format!("{} {} {values}", expression.key, expression.operator),
        };
        return no(
            "restricted-label",
            "KARP113",
            format!("{place} uses {}, a label Karpenter refuses", expression.key),
        )
        .line(format!(
            "{place}: {asked}; refused with every operator, before any NodePool or node is looked at."
        ));
    }
    if let Some(situation) = claim_problem(pod, context.index, snapshot) {
        return situation;
    }
    let text = error.strip_prefix("ignoring pod, ").unwrap_or(error);
    if text.contains("matchFields") {
        return no(
            "restricted-label",
            "KARP113",
            "pod nodeAffinity uses matchFields, which Karpenter refuses".to_owned(),
        );
    }
    if text.contains("configured to not run on a Karpenter") {
        return no(
            "karpenter.sh/nodepool",
            "KARP102",
            "it asks not to run on Karpenter's nodes (karpenter.sh/nodepool DoesNotExist)".to_owned(),
        );
    }
    if text.contains("no valid values found in") && text.contains(label_key::CAPACITY_TYPE) {
        return no(
            "capacity-type",
            "KARP102",
            "it asks a karpenter.sh/capacity-type that does not exist (on-demand, reserved, spot)".to_owned(),
        )
        .line(format!("Karpenter refuses it: {text}"));
    }
    no("invalid", "KARP114", format!("Karpenter refuses it: {text}"))
}

/// A pod with device claims, which the controller refuses by default (`--ignore-dra-requests`).
pub(super) fn device_claims() -> Situation {
    let situation = Situation::waits(
        OutcomeWord::Error,
        "resource-claims",
        "KARP116",
        "it uses resource claims, which Karpenter refuses (--ignore-dra-requests is on)",
    );
    Situation { verdict: Verdict::No, ..situation }
        .line("Requests for devices as extended resources (nvidia.com/gpu: 1) are served.")
}

/// The first expression of nodeSelector or required node affinity on a restricted label, with its place.
fn restricted_expression(pod: &Pod, context: WhyContext<'_>) -> Option<(&'static str, SelectorExpression)> {
    let profile = context.profile;
    let is_restricted = |key: &str| profile.is_restricted(profile.normalize(key));
    let selector = pod.spec.node_selector.iter().find(|(key, _)| is_restricted(key));
    if let Some((key, value)) = selector {
        let expression =
            SelectorExpression { key: key.into(), operator: "In".into(), values: vec![value.into()] };
        return Some(("nodeSelector", expression));
    }
    let expressions = required_terms(&pod.spec).iter().flat_map(|term| &term.match_expressions);
    let found = expressions.into_iter().find(|expression| is_restricted(&expression.key));
    found.map(|expression| ("required nodeAffinity", expression.clone()))
}

fn claim_problem(pod: &Pod, index: &ObjectIndex<'_>, snapshot: &Snapshot) -> Option<Situation> {
    let namespace = pod.metadata.namespace.as_str();
    let no = |cause: &str, headline: String| Situation {
        verdict: Verdict::No,
        ..Situation::waits(OutcomeWord::Ignored, cause, "KARP115", headline)
    };
    for (name, source) in index.claims(pod) {
        let describe = format!("kubectl describe pvc {name} -n {namespace}");
        let Some(claim) = index.claims.get(&(namespace, name.as_str())) else {
            let headline = format!("pvc/{name} does not exist");
            return Some(no("pvc-missing", headline).next("", format!("kubectl get pvc -n {namespace}")));
        };
        let class = claim.spec.storage_class_name.as_deref().unwrap_or_default();
        if claim.metadata.is_deleting() {
            return Some(no("pvc-deleting", format!("pvc/{name} is being deleted")).next("", describe));
        }
        if claim.status.phase == "Lost" {
            let headline = format!("pvc/{name} has lost its volume {}", claim.spec.volume_name);
            return Some(no("pvc-lost", headline).next("", describe));
        }
        if !claim.spec.volume_name.is_empty() {
            if !index.volumes.contains_key(claim.spec.volume_name.as_str()) {
                let headline = format!("volume pv/{} of pvc/{name} does not exist", claim.spec.volume_name);
                return Some(no("pv-missing", headline).next("", describe));
            }
            if claim.metadata.annotations.get("pv.kubernetes.io/bind-completed").is_none() {
                let headline = format!("pvc/{name} is not bound to pv/{} yet", claim.spec.volume_name);
                return Some(no("pvc-unbound", headline).next("", describe));
            }
            continue;
        }
        let since = claim.metadata.creation_timestamp;
        let since = since.map(|at| format!(" for {}", words::age(at, snapshot.taken_at))).unwrap_or_default();
        match source {
            ClaimSource::Class(found) if found.volume_binding_mode.as_deref() == Some("Immediate") => {
                return Some(
                    no("pvc-unbound", format!("pvc/{name} is not bound{since}"))
                        .line(format!(
                            "StorageClass {class} binds at once; Karpenter ignores pods with unbound volumes."
                        ))
                        .next("", describe),
                );
            }
            ClaimSource::Class(_) | ClaimSource::Volume(_) => {}
            ClaimSource::Unknown if class.is_empty() => {
                let headline = format!("pvc/{name} is not bound and names no StorageClass");
                return Some(no("pvc-unbound", headline).next("", describe));
            }
            ClaimSource::Unknown => {
                let headline = format!("pvc/{name} names storageclass/{class}, which does not exist");
                return Some(no("storageclass-missing", headline).next("", "kubectl get storageclasses"));
            }
        }
    }
    None
}
