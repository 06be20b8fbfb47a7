//! Edits of a pod's spec: at its owner's template in the patch, at its pods in the simulation.

use compact_str::CompactString;
use serde_json::json;

use super::patch::{JsonPatch, token};
use crate::explain::demand::required_terms;
use crate::explain::words;
use crate::model::{LabelProfile, NodeSelectorTerm, PodSpec, Quantity, Taint, Toleration};

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
    /// Let a spread constraint be soft.
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
                }
            }
            PodEdit::HostPort { container, port, to } => {
                let found = spec.containers.iter_mut().find(|known| known.name == *container);
                let ports = found.into_iter().flat_map(|found| &mut found.ports);
                for known in ports.filter(|known| known.host_port == Some(*port)) {
                    known.host_port = *to;
                }
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

    /// The patch of an object that holds the spec at `at` (`/spec/template/spec`). None where the spec has not
    /// got what the edit is about.
    pub fn patch(&self, spec: &PodSpec, at: &str, profile: &LabelProfile) -> Option<JsonPatch> {
        let mut patch = JsonPatch::default();
        match self {
            PodEdit::Tolerate(taint) => {
                let value = serde_json::to_value(toleration(taint)).ok()?;
                patch.append(&format!("{at}/tolerations"), spec.tolerations.len(), value);
            }
            PodEdit::DropSelector(key) => {
                let written = written_selector(spec, key, profile)?;
                let path = format!("{at}/nodeSelector/{}", token(&written));
                patch.test(path.as_str(), spec.node_selector.get(&written)?).remove(path);
            }
            PodEdit::ReplaceSelector { key, new_key, value } => {
                let written = written_selector(spec, key, profile)?;
                let path = format!("{at}/nodeSelector/{}", token(&written));
                patch.test(path.as_str(), spec.node_selector.get(&written)?);
                if written == *new_key {
                    patch.replace(path, value.as_str());
                } else {
                    patch.add(format!("{at}/nodeSelector/{}", token(new_key)), value.as_str()).remove(path);
                }
            }
            PodEdit::DropAffinity(key) => affinity_patch(&mut patch, spec, at, key, profile)?,
            PodEdit::LowerRequest { container, resource, to, .. } => {
                let position = spec.containers.iter().position(|known| known.name == *container)?;
                let requests = &spec.containers[position].resources.requests;
                let base = format!("{at}/containers/{position}");
                patch.test(format!("{base}/name"), container.as_str());
                if requests.is_empty() {
                    patch.add(
                        format!("{base}/resources/requests"),
                        json!({resource.as_str(): to.to_string()}),
                    );
                } else {
                    patch.add(format!("{base}/resources/requests/{}", token(resource)), to.to_string());
                }
            }
            PodEdit::HostPort { container, port, to } => {
                let position = spec.containers.iter().position(|known| known.name == *container)?;
                let ports = &spec.containers[position].ports;
                let at_port = ports.iter().position(|known| known.host_port == Some(*port))?;
                let path = format!("{at}/containers/{position}/ports/{at_port}/hostPort");
                patch.test(path.as_str(), *port);
                match to {
                    Some(to) => patch.replace(path, *to),
                    None => patch.remove(path),
                };
            }
            PodEdit::SoftSpread(key) => {
                spread_patch(&mut patch, spec, at, key, "whenUnsatisfiable", json!("ScheduleAnyway"))?;
            }
            PodEdit::HonorTaints(key) => {
                spread_patch(&mut patch, spec, at, key, "nodeTaintsPolicy", json!("Honor"))?;
            }
            PodEdit::RaiseSkew { key, to, .. } => {
                spread_patch(&mut patch, spec, at, key, "maxSkew", json!(to))?;
            }
            PodEdit::DropPodAffinity { key, anti } => {
                let affinity = spec.affinity.as_ref()?;
                let (field, terms) = if *anti {
                    ("podAntiAffinity", affinity.pod_anti_affinity.as_ref()?)
                } else {
                    ("podAffinity", affinity.pod_affinity.as_ref()?)
                };
                let list = format!("{at}/affinity/{field}/requiredDuringSchedulingIgnoredDuringExecution");
                let positions =
                    terms.required.iter().enumerate().filter(|(_, term)| term.topology_key == *key);
                let positions: Vec<usize> = positions.map(|(position, _)| position).collect();
                for position in positions.iter().rev() {
                    patch.test(format!("{list}/{position}/topologyKey"), key.as_str());
                    patch.remove(format!("{list}/{position}"));
                }
                if positions.is_empty() {
                    return None;
                }
            }
        }
        Some(patch)
    }
}

/// The toleration that covers exactly one taint.
fn toleration(taint: &Taint) -> Toleration {
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
fn written_selector(spec: &PodSpec, key: &str, profile: &LabelProfile) -> Option<CompactString> {
    let found = spec.node_selector.iter().find(|(written, _)| profile.normalize(written) == key);
    found.map(|(written, _)| written.into())
}

fn hard_spreads<'s>(
    spec: &'s mut PodSpec,
    key: &'s str,
) -> impl Iterator<Item = &'s mut crate::model::TopologySpreadConstraint> {
    spec.topology_spread_constraints
        .iter_mut()
        .filter(move |spread| spread.topology_key == key && spread.when_unsatisfiable == "DoNotSchedule")
}

fn spread_patch(
    patch: &mut JsonPatch,
    spec: &PodSpec,
    at: &str,
    key: &str,
    field: &str,
    value: serde_json::Value,
) -> Option<()> {
    let position = spec
        .topology_spread_constraints
        .iter()
        .position(|spread| spread.topology_key == key && spread.when_unsatisfiable == "DoNotSchedule")?;
    let base = format!("{at}/topologySpreadConstraints/{position}");
    patch.test(format!("{base}/topologyKey"), key);
    patch.add(format!("{base}/{field}"), value);
    Some(())
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

fn affinity_patch(
    patch: &mut JsonPatch,
    spec: &PodSpec,
    at: &str,
    key: &str,
    profile: &LabelProfile,
) -> Option<()> {
    let terms = required_terms(spec);
    let base = format!("{at}/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    let about = |expression: &crate::model::SelectorExpression| profile.normalize(&expression.key) == key;
    if !terms.iter().any(|term| term.match_expressions.iter().any(about)) {
        return None;
    }
    let empties =
        terms.iter().any(|term| term.match_fields.is_empty() && term.match_expressions.iter().all(about));
    if empties {
        patch.remove(base);
        return Some(());
    }
    for (at_term, term) in terms.iter().enumerate() {
        for (at_expression, expression) in term.match_expressions.iter().enumerate().rev() {
            if about(expression) {
                let path = format!("{base}/nodeSelectorTerms/{at_term}/matchExpressions/{at_expression}");
                patch.test(format!("{path}/key"), expression.key.as_str()).remove(path);
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::patch::apply;
    use super::*;

    fn spec() -> PodSpec {
        serde_json::from_value(json!({
            "nodeSelector": {"beta.kubernetes.io/arch": "arm64", "name": "x"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]},
                        {"key": "team", "operator": "Exists"}]}]}},
                "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname"}, {"topologyKey": "zone"}]}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
            "containers": [
                {"name": "side", "resources": {}},
                {"name": "main", "resources": {"requests": {"cpu": "9"}}, "ports": [{"containerPort": 80, "hostPort": 8080}]}]
        }))
        .unwrap()
    }

    /// What is printed does to the object what the simulation did to the pod.
    #[test]
    fn patches_do_what_was_simulated() {
        let profile = LabelProfile::core();
        let taint = Taint {
            key: "spot".into(),
            value: Some("true".into()),
            effect: "NoSchedule".into(),
            time_added: None,
        };
        let main = || CompactString::from("main");
        for edit in [
            PodEdit::Tolerate(taint),
            PodEdit::DropSelector("kubernetes.io/arch".into()),
            PodEdit::ReplaceSelector {
                key: "name".into(),
                new_key: "karpenter.sh/nodepool".into(),
                value: "x".into(),
            },
            PodEdit::ReplaceSelector { key: "name".into(), new_key: "name".into(), value: "y".into() },
            PodEdit::DropAffinity("zone".into()),
            PodEdit::LowerRequest {
                container: main(),
                resource: "cpu".into(),
                from: Quantity::from_units(9),
                to: Quantity::from_milli(8750),
            },
            PodEdit::HostPort { container: main(), port: 8080, to: Some(8081) },
            PodEdit::HostPort { container: main(), port: 8080, to: None },
            PodEdit::SoftSpread("zone".into()),
            PodEdit::HonorTaints("zone".into()),
            PodEdit::RaiseSkew { key: "zone".into(), from: 1, to: 2 },
            PodEdit::DropPodAffinity { key: "kubernetes.io/hostname".into(), anti: true },
        ] {
            let mut simulated = spec();
            edit.apply(&mut simulated, &profile);
            assert_ne!(simulated, spec(), "{edit:?} changes nothing");
            let patch = edit.patch(&spec(), "/spec/template/spec", &profile).unwrap();
            let object = json!({"spec": {"template": {"spec": spec()}}});
            let patched =
                apply(&object, &patch).unwrap_or_else(|| panic!("{edit:?} does not apply: {patch:?}"));
            let patched: PodSpec =
                serde_json::from_value(patched["spec"]["template"]["spec"].clone()).unwrap();
            assert_eq!(patched, simulated, "{edit:?}");
        }
    }

    #[test]
    fn dropping_the_only_expression_drops_the_rule() {
        let profile = LabelProfile::core();
        let mut spec: PodSpec = serde_json::from_value(json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["a"]}]}]}}}}))
        .unwrap();
        let edit = PodEdit::DropAffinity("kubernetes.io/hostname".into());
        let patch = edit.patch(&spec, "/spec", &profile).unwrap();
        assert_eq!(
            patch.0.iter().map(|op| op.path.as_str()).collect::<Vec<_>>(),
            ["/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"]
        );
        edit.apply(&mut spec, &profile);
        assert!(required_terms(&spec).is_empty());
    }
}
