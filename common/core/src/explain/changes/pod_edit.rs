//! Edits of a pod's spec: at its pods in the simulation; at its owner's template in the patch (`pod_patch`).

use compact_str::CompactString;

use crate::explain::words;
use crate::model::{
    LabelProfile, NodeSelectorTerm, PodSpec, Quantity, Taint, Toleration, TopologySpreadConstraint,
    resource_name,
};

/// One edit of a pod spec.
#[derive(Debug, Clone, PartialEq)]
pub enum PodEdit {
    /// Tolerate a taint.
    Tolerate(Taint),
    /// Drop a nodeSelector pair.
    DropSelector(CompactString),
    /// Put another pair in place of one.
    ReplaceSelector {
        /// Key that goes.
        key: CompactString,
        /// Key that comes.
        new_key: CompactString,
        /// Its value.
        value: CompactString,
    },
    /// Drop every expression about a key from required node affinity.
    DropAffinity(CompactString),
    /// Lower a request of a container.
    LowerRequest {
        /// Container.
        container: CompactString,
        /// Resource.
        resource: CompactString,
        /// From.
        from: Quantity,
        /// To.
        to: Quantity,
    },
    /// Take another host port, or none.
    HostPort {
        /// Container.
        container: CompactString,
        /// Port now.
        port: i32,
        /// Port then.
        to: Option<i32>,
    },
    /// Let a spread constraint be soft; drop it where a soft one over the same key stands beside it, since the API
    /// server takes only one of a kind.
    SoftSpread(CompactString),
    /// Count only nodes whose taints the pod tolerates.
    HonorTaints(CompactString),
    /// Allow a larger skew.
    RaiseSkew {
        /// Topology key.
        key: CompactString,
        /// From.
        from: i32,
        /// To.
        to: i32,
    },
    /// Drop the required pod affinity (or anti-affinity) terms of a key.
    DropPodAffinity {
        /// Topology key.
        key: CompactString,
        /// Anti-affinity rather than affinity.
        anti: bool,
    },
}

impl PodEdit {
    /// In words, after the object.
    pub fn title(&self) -> String {
        match self {
            PodEdit::Tolerate(taint) => format!("tolerate {taint}"),
            PodEdit::DropSelector(key) => format!("drop nodeSelector {key}"),
            PodEdit::ReplaceSelector { key, new_key, value } if key == new_key => {
                format!("nodeSelector {key} -> {value}")
            }
            PodEdit::ReplaceSelector { key, new_key, value } => {
                format!("nodeSelector {new_key}={value} instead of {key}")
            }
            PodEdit::DropAffinity(key) => format!("drop {key} from required nodeAffinity"),
            PodEdit::LowerRequest { resource, from, to, .. } => {
                format!("{resource} request {} -> {}", words::quantity(*from), words::quantity(*to))
            }
            PodEdit::HostPort { port, to: Some(to), .. } => format!("hostPort {port} -> {to}"),
            PodEdit::HostPort { port, to: None, .. } => format!("no hostPort {port}"),
            PodEdit::SoftSpread(key) => {
                format!("whenUnsatisfiable DoNotSchedule -> ScheduleAnyway (spread over {key})")
            }
            PodEdit::HonorTaints(key) => {
                format!("nodeTaintsPolicy: Honor (spread over {key} then skips nodes it cannot use)")
            }
            PodEdit::RaiseSkew { key, from, to } => format!("maxSkew {from} -> {to} (spread over {key})"),
            PodEdit::DropPodAffinity { key, anti } => {
                format!("drop required {} on {key}", if *anti { "podAntiAffinity" } else { "podAffinity" })
            }
        }
    }

    /// Whether it gives room rather than cutting what the pod asks.
    pub fn gives_room(&self) -> bool {
        matches!(self, PodEdit::Tolerate(_))
    }

    /// Whether a pod that exists accepts it.
    pub fn works_on_live_pod(&self) -> bool {
        matches!(self, PodEdit::Tolerate(_))
    }

    /// Changes a spec.
    pub fn apply(&self, spec: &mut PodSpec, profile: &LabelProfile) {
        match self {
            PodEdit::Tolerate(taint) => spec.tolerations.push(toleration(taint)),
            PodEdit::DropSelector(key) => {
                if let Some(written) = written_selector(spec, key, profile) {
                    spec.node_selector.remove(&written);
                }
            }
            PodEdit::ReplaceSelector { key, new_key, value } => {
                if let Some(written) = written_selector(spec, key, profile) {
                    spec.node_selector.remove(&written);
                }
                spec.node_selector.insert(new_key.clone(), value.clone());
            }
            PodEdit::DropAffinity(key) => drop_affinity(spec, key, profile),
            PodEdit::LowerRequest { container, resource, to, .. } => {
                let found = spec.containers.iter_mut().find(|known| known.name == *container);
                if let Some(found) = found {
                    found.resources.requests.set(resource.clone(), *to);
                    if equals_its_limit(resource) && found.resources.limits.get(resource).is_some() {
                        found.resources.limits.set(resource.clone(), *to);
                    }
                }
            }
            PodEdit::HostPort { container, port, to } => {
                let shares_network = spec.host_network == Some(true);
                let found = spec.containers.iter_mut().find(|known| known.name == *container);
                let ports = found.into_iter().flat_map(|found| &mut found.ports);
                for known in ports.filter(|known| known.host_port == Some(*port)) {
                    known.host_port = *to;
                    // On the node's network both are one.
                    if shares_network {
                        known.container_port = *to;
                    }
                }
            }
            PodEdit::SoftSpread(key) if has_soft_twin(spec, key) => {
                spec.topology_spread_constraints.retain(|spread| !is_hard(spread, key));
            }
            PodEdit::SoftSpread(key) => {
                for spread in hard_spreads(spec, key) {
                    spread.when_unsatisfiable = "ScheduleAnyway".into();
                }
            }
            PodEdit::HonorTaints(key) => {
                for spread in hard_spreads(spec, key) {
                    spread.node_taints_policy = Some("Honor".into());
                }
            }
            PodEdit::RaiseSkew { key, to, .. } => {
                for spread in hard_spreads(spec, key) {
                    spread.max_skew = *to;
                }
            }
            PodEdit::DropPodAffinity { key, anti } => {
                let affinity = spec.affinity.as_mut();
                let terms = affinity.and_then(|affinity| {
                    if *anti { affinity.pod_anti_affinity.as_mut() } else { affinity.pod_affinity.as_mut() }
                });
                if let Some(terms) = terms {
                    terms.required.retain(|term| term.topology_key != *key);
                }
            }
        }
    }
}

/// The toleration that covers exactly one taint.
pub(super) fn toleration(taint: &Taint) -> Toleration {
    let has_value = !taint.value().is_empty();
    Toleration {
        key: Some(taint.key.clone()),
        operator: Some(if has_value { "Equal".into() } else { "Exists".into() }),
        value: has_value.then(|| taint.value().into()),
        effect: Some(taint.effect.clone()).filter(|effect| !effect.is_empty()),
        toleration_seconds: None,
    }
}

/// A nodeSelector key as it is written, which may be the old form of a normalised one.
pub(super) fn written_selector(spec: &PodSpec, key: &str, profile: &LabelProfile) -> Option<CompactString> {
    let found = spec.node_selector.iter().find(|(written, _)| profile.normalize(written) == key);
    found.map(|(written, _)| written.into())
}

pub(super) fn is_hard(spread: &TopologySpreadConstraint, key: &str) -> bool {
    spread.topology_key == key && spread.when_unsatisfiable == "DoNotSchedule"
}

/// Whether a soft constraint over the same key stands beside the hard one.
pub(super) fn has_soft_twin(spec: &PodSpec, key: &str) -> bool {
    let mut spreads = spec.topology_spread_constraints.iter();
    spreads.any(|spread| spread.topology_key == key && spread.when_unsatisfiable == "ScheduleAnyway")
}

fn hard_spreads<'s>(
    spec: &'s mut PodSpec,
    key: &'s str,
) -> impl Iterator<Item = &'s mut TopologySpreadConstraint> {
    spec.topology_spread_constraints.iter_mut().filter(move |spread| is_hard(spread, key))
}

/// Whether Kubernetes wants a resource's request to equal its limit: devices and huge pages cannot be shared.
/// kubernetes: pkg/apis/core/validation (`ValidateContainerResourceRequirements`).
pub(super) fn equals_its_limit(resource: &str) -> bool {
    let is_extended = resource.contains('/') && !resource.starts_with("kubernetes.io/");
    is_extended || resource.starts_with(resource_name::HUGEPAGES_PREFIX)
}

fn drop_affinity(spec: &mut PodSpec, key: &str, profile: &LabelProfile) {
    let Some(affinity) = spec.affinity.as_mut().and_then(|affinity| affinity.node_affinity.as_mut()) else {
        return;
    };
    let Some(required) = affinity.required.as_mut() else { return };
    for term in &mut required.node_selector_terms {
        term.match_expressions.retain(|expression| profile.normalize(&expression.key) != key);
    }
    // An empty term matches nothing in Kubernetes; without any expression the whole rule goes.
    if required.node_selector_terms.iter().any(is_empty) {
        affinity.required = None;
    }
}

fn is_empty(term: &NodeSelectorTerm) -> bool {
    term.match_expressions.is_empty() && term.match_fields.is_empty()
}
