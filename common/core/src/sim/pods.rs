//! What a pod is to the controller: load to be placed, something that may be evicted, something to wait for.
//!
//! Mirrors karpenter: pkg/utils/pod/scheduling.go. Pure predicates over one pod and the moment; PDBs and nodes
//! are looked at elsewhere ([`crate::disruption`]).

use jiff::Timestamp;

use crate::model::{GoDuration, Pod, Taint, label_key, tolerates_all};

/// A DaemonSet of the apps group owns it (other daemon kinds are not recognised).
pub fn is_owned_by_daemon_set(pod: &Pod) -> bool {
    pod.metadata.is_owned_by("apps/v1", "DaemonSet")
}

/// A Node owns it: a mirror of a static pod.
pub fn is_owned_by_node(pod: &Pod) -> bool {
    pod.metadata.is_owned_by("v1", "Node")
}

/// Counts as load that must go elsewhere: running, or a terminating pod of a StatefulSet (its successor comes
/// only after it); no DaemonSet pod, no static pod.
pub fn is_reschedulable(pod: &Pod) -> bool {
    let returns = pod.metadata.is_deleting() && pod.metadata.is_owned_by("apps/v1", "StatefulSet");
    (pod.is_active() || returns) && !is_owned_by_daemon_set(pod) && !is_owned_by_node(pod)
}

/// Pending in the controller's sense: the scheduler found no place for it, nothing is pre-empted for it, and
/// neither DaemonSet nor Node owns it.
pub fn is_provisionable(pod: &Pod) -> bool {
    pod.is_marked_unschedulable()
        && pod.node_name.is_none()
        && pod.status.nominated_node_name.as_deref().is_none_or(str::is_empty)
        && !is_owned_by_daemon_set(pod)
        && !is_owned_by_node(pod)
}

/// What the do-not-disrupt annotation of a pod says at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoNotDisrupt {
    /// There is none.
    Absent,
    /// `true`: for ever.
    Always,
    /// A duration that has not passed since the pod started.
    Until(Timestamp),
    /// A duration, but the pod has not started: protected.
    NotStarted(GoDuration),
    /// A duration that has passed at this moment.
    Elapsed(Timestamp),
    /// Neither `true` nor a positive Go duration: ignored. The controller's words.
    Invalid(String),
}

impl DoNotDisrupt {
    /// The annotation of a pod.
    pub fn of(pod: &Pod, now: Timestamp) -> Self {
        let Some(value) = pod.metadata.annotations.get(label_key::DO_NOT_DISRUPT) else {
            return DoNotDisrupt::Absent;
        };
        if value == "true" {
            return DoNotDisrupt::Always;
        }
        let duration = match value.parse::<GoDuration>() {
            Err(error) => {
                return DoNotDisrupt::Invalid(format!("failed to parse {value:?} as a duration: {error}"));
            }
            Ok(duration) if duration <= GoDuration::ZERO => {
                return DoNotDisrupt::Invalid(format!("duration {value:?} must be positive"));
            }
            Ok(duration) => duration,
        };
        match pod.status.start_time {
            None => DoNotDisrupt::NotStarted(duration),
            Some(start) if GoDuration::between(start, now) < duration => {
                DoNotDisrupt::Until(duration.after(start))
            }
            Some(start) => DoNotDisrupt::Elapsed(duration.after(start)),
        }
    }

    /// Whether the pod is protected.
    pub fn is_active(&self) -> bool {
        matches!(self, DoNotDisrupt::Always | DoNotDisrupt::Until(_) | DoNotDisrupt::NotStarted(_))
    }
}

/// Nothing of its own forbids that its node goes: not active, or no do-not-disrupt in force. DaemonSet and static
/// pods count.
pub fn is_disruptable(pod: &Pod, now: Timestamp) -> bool {
    !pod.is_active() || !DoNotDisrupt::of(pod, now).is_active()
}

/// Karpenter would ask for its eviction.
pub fn is_evictable(pod: &Pod, now: Timestamp) -> bool {
    pod.is_active()
        && !tolerates_disrupted_taint(pod)
        && !is_owned_by_node(pod)
        && !DoNotDisrupt::of(pod, now).is_active()
}

/// Karpenter's drain waits until it is gone or finished (do-not-disrupt pods included).
pub fn is_waiting_eviction(pod: &Pod, now: Timestamp) -> bool {
    !pod.is_terminal() && is_drainable(pod, now)
}

/// Neither tolerates the drain, nor is stuck terminating, nor static.
pub fn is_drainable(pod: &Pod, now: Timestamp) -> bool {
    !tolerates_disrupted_taint(pod) && !is_stuck_terminating(pod, now) && !is_owned_by_node(pod)
}

/// More than a minute past the end of its grace period (the deletion timestamp already holds that end).
pub fn is_stuck_terminating(pod: &Pod, now: Timestamp) -> bool {
    const BUFFER: GoDuration = GoDuration::from_seconds(60);
    pod.metadata.deletion_timestamp.is_some_and(|end| GoDuration::between(end, now) > BUFFER)
}

/// Tolerates the taint of a node being taken out: neither evicted nor waited for, it dies with the instance.
pub fn tolerates_disrupted_taint(pod: &Pod) -> bool {
    let taint = Taint {
        key: label_key::DISRUPTED.into(),
        effect: "NoSchedule".into(),
        value: None,
        time_added: None,
    };
    tolerates_all(std::slice::from_ref(&taint), &pod.spec.tolerations)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{OwnerReference, PodSpec, Toleration};

    const NOON: &str = "2026-08-20T12:00:00Z";

    fn noon() -> Timestamp {
        NOON.parse().unwrap()
    }

    fn pod() -> Pod {
        let mut pod = Pod::default();
        pod.metadata_mut().name = "p".into();
        pod.status_mut().phase = "Running".into();
        pod.node_name = Some("n".into());
        pod
    }

    fn owned(api_version: &str, kind: &str) -> Pod {
        let mut pod = pod();
        pod.metadata_mut().owner_references =
            vec![OwnerReference { api_version: api_version.into(), kind: kind.into(), ..Default::default() }]
                .into();
        pod
    }

    fn annotated(value: &str, start: Option<&str>) -> Pod {
        let mut pod = pod();
        pod.metadata_mut().annotations = [(label_key::DO_NOT_DISRUPT, value)].into_iter().collect();
        pod.status_mut().start_time = start.map(|start| start.parse().unwrap());
        pod
    }

    #[test]
    fn c15_do_not_disrupt_values() {
        let started = Some("2026-08-20T11:30:00Z");
        for (value, start, active) in [
            ("true", None, true),
            ("false", None, false),
            ("True", None, false),
            ("", started, false),
            ("1h", started, true),
            ("30m", started, false), // the end itself is outside
            ("30m1ns", started, true),
            ("10m", started, false),
            ("10m", None, true),
            ("0s", started, false),
            ("-1h", started, false),
            ("1d", started, false),
        ] {
            let pod = annotated(value, start);
            assert_eq!(DoNotDisrupt::of(&pod, noon()).is_active(), active, "{value} since {start:?}");
            assert_eq!(is_evictable(&pod, noon()), !active, "{value} since {start:?}");
        }
        assert_eq!(
            DoNotDisrupt::of(&annotated("1d", None), noon()),
            DoNotDisrupt::Invalid(
                "failed to parse \"1d\" as a duration: time: unknown unit \"d\" in duration \"1d\"".into()
            )
        );
        assert_eq!(
            DoNotDisrupt::of(&annotated("-1h", None), noon()),
            DoNotDisrupt::Invalid("duration \"-1h\" must be positive".into())
        );
    }

    #[test]
    fn e02_what_counts_as_load() {
        let terminating = |mut pod: Pod| {
            pod.metadata_mut().deletion_timestamp = Some(noon());
            pod
        };
        let mut done = pod();
        done.status_mut().phase = "Succeeded".into();
        for (name, pod, load) in [
            ("bare", pod(), true),
            ("finished", done, false),
            ("of a DaemonSet", owned("apps/v1", "DaemonSet"), false),
            ("of another daemon kind", owned("apps.kruise.io/v1alpha1", "DaemonSet"), true),
            ("static", owned("v1", "Node"), false),
            ("terminating, of a ReplicaSet", terminating(owned("apps/v1", "ReplicaSet")), false),
            ("terminating, of a StatefulSet", terminating(owned("apps/v1", "StatefulSet")), true),
        ] {
            assert_eq!(is_reschedulable(&pod), load, "{name}");
        }
    }

    #[test]
    fn t08_a_pod_stuck_for_over_a_minute_is_not_waited_for() {
        let mut pod = pod();
        pod.metadata_mut().deletion_timestamp = Some("2026-08-20T11:59:00Z".parse().unwrap());
        assert!(is_waiting_eviction(&pod, noon()));
        pod.metadata_mut().deletion_timestamp = Some("2026-08-20T11:58:59Z".parse().unwrap());
        assert!(!is_waiting_eviction(&pod, noon()));
    }

    #[test]
    fn t03_tolerating_the_disrupted_taint() {
        let with = |key: Option<&str>, operator: &str, effect: Option<&str>| {
            let mut pod = pod();
            let mut spec = PodSpec::default();
            spec.tolerations = vec![Toleration {
                key: key.map(Into::into),
                operator: Some(operator.into()),
                value: None,
                effect: effect.map(Into::into),
                toleration_seconds: None,
            }];
            pod.spec = Arc::new(spec);
            pod
        };
        for (pod, evictable) in [
            (with(None, "Exists", None), false),
            (with(Some(label_key::DISRUPTED), "Exists", Some("NoSchedule")), false),
            (with(Some(label_key::DISRUPTED), "Equal", None), false),
            (with(Some(label_key::DISRUPTED), "Exists", Some("NoExecute")), true),
            (with(Some("node.kubernetes.io/unschedulable"), "Exists", None), true),
        ] {
            assert_eq!(is_evictable(&pod, noon()), evictable, "{:?}", pod.spec.tolerations);
            assert_eq!(is_drainable(&pod, noon()), evictable);
        }
    }
}
