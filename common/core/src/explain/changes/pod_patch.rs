//! Patches of pod edits: what is pasted, for the object that holds the spec.

use serde_json::json;

use super::patch::{JsonPatch, token};
use super::pod_edit::{PodEdit, equals_its_limit, has_soft_twin, is_hard, toleration, written_selector};
use crate::explain::demand::required_terms;
use crate::model::{ContainerPort, LabelProfile, PodSpec};

impl PodEdit {
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
                let resources = &spec.containers[position].resources;
                let base = format!("{at}/containers/{position}");
                patch.test(format!("{base}/name"), container.as_str());
                let limited = equals_its_limit(resource) && resources.limits.get(resource).is_some();
                if limited {
                    patch.replace(format!("{base}/resources/limits/{}", token(resource)), to.to_string());
                }
                if resources.requests.is_empty() && !limited {
                    patch.add(
                        format!("{base}/resources/requests"),
                        json!({resource.as_str(): to.to_string()}),
                    );
                } else if !limited || resources.requests.get(resource).is_some() {
                    patch.add(format!("{base}/resources/requests/{}", token(resource)), to.to_string());
                }
            }
            PodEdit::HostPort { container, port, to } => {
                let position = spec.containers.iter().position(|known| known.name == *container)?;
                let base = format!("{at}/containers/{position}/ports");
                host_port_patch(&mut patch, spec, &spec.containers[position].ports, &base, *port, *to)?;
            }
            PodEdit::SoftSpread(key) if has_soft_twin(spec, key) => {
                let spreads = &spec.topology_spread_constraints;
                let position = spreads.iter().position(|spread| is_hard(spread, key))?;
                let base = format!("{at}/topologySpreadConstraints/{position}");
                patch.test(format!("{base}/topologyKey"), key.as_str());
                patch.test(format!("{base}/whenUnsatisfiable"), "DoNotSchedule").remove(base);
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

/// All entries that take the port (one per protocol). On the node's network the port of the container is the
/// node's, and a template may write only that one.
fn host_port_patch(
    patch: &mut JsonPatch,
    spec: &PodSpec,
    ports: &[ContainerPort],
    base: &str,
    port: i32,
    to: Option<i32>,
) -> Option<()> {
    let shares_network = spec.host_network == Some(true);
    let mut found = None;
    for (position, known) in ports.iter().enumerate() {
        let takes_on_network =
            shares_network && known.host_port.is_none() && known.container_port == Some(port);
        if known.host_port != Some(port) && !takes_on_network {
            continue;
        }
        found = Some(());
        let fields = [("hostPort", !takes_on_network), ("containerPort", shares_network)];
        for (field, _) in fields.into_iter().filter(|(_, is_written)| *is_written) {
            let path = format!("{base}/{position}/{field}");
            patch.test(path.as_str(), port);
            match to {
                Some(to) => patch.replace(path, to),
                None => patch.remove(path),
            };
        }
    }
    found
}

fn spread_patch(
    patch: &mut JsonPatch,
    spec: &PodSpec,
    at: &str,
    key: &str,
    field: &str,
    value: serde_json::Value,
) -> Option<()> {
    let position = spec.topology_spread_constraints.iter().position(|spread| is_hard(spread, key))?;
    let base = format!("{at}/topologySpreadConstraints/{position}");
    patch.test(format!("{base}/topologyKey"), key);
    patch.add(format!("{base}/{field}"), value);
    Some(())
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
    use compact_str::CompactString;

    use super::super::patch::apply;
    use super::*;
    use crate::model::{Quantity, Taint};

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

    /// Rules of the API server about fields that belong together.
    #[test]
    fn fields_that_belong_together_change_together() {
        let profile = LabelProfile::core();
        let gpus = PodEdit::LowerRequest {
            container: "c".into(),
            resource: "nvidia.com/gpu".into(),
            from: Quantity::from_units(4),
            to: Quantity::from_units(1),
        };
        let port = |to| PodEdit::HostPort { container: "c".into(), port: 53, to };
        let spread = |when: &str| json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": when});
        for (name, edit, before, after) in [
            (
                "the limit of a device is its request",
                &gpus,
                json!({"containers": [{"name": "c", "resources": {
                    "limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}}]}),
                json!({"containers": [{"name": "c", "resources": {
                    "limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}}]}),
            ),
            (
                "a template that writes the limit alone keeps doing so",
                &gpus,
                json!({"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "4"}}}]}),
                json!({"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}),
            ),
            (
                "both protocols of a port",
                &port(Some(54)),
                json!({"containers": [{"name": "c", "ports": [
                    {"containerPort": 53, "hostPort": 53, "protocol": "UDP"},
                    {"containerPort": 53, "hostPort": 53, "protocol": "TCP"}]}]}),
                json!({"containers": [{"name": "c", "ports": [
                    {"containerPort": 53, "hostPort": 54, "protocol": "UDP"},
                    {"containerPort": 53, "hostPort": 54, "protocol": "TCP"}]}]}),
            ),
            (
                "on the node's network the container's port is the node's",
                &port(Some(54)),
                json!({"hostNetwork": true, "containers": [{"name": "c", "ports": [
                    {"containerPort": 53, "hostPort": 53}]}]}),
                json!({"hostNetwork": true, "containers": [{"name": "c", "ports": [
                    {"containerPort": 54, "hostPort": 54}]}]}),
            ),
            (
                "a template on the node's network that leaves the host port to the API server",
                &port(Some(54)),
                json!({"hostNetwork": true, "containers": [{"name": "c", "ports": [{"containerPort": 53}]}]}),
                json!({"hostNetwork": true, "containers": [{"name": "c", "ports": [{"containerPort": 54}]}]}),
            ),
            (
                "no two constraints of one kind",
                &PodEdit::SoftSpread("zone".into()),
                json!({"topologySpreadConstraints": [spread("ScheduleAnyway"), spread("DoNotSchedule")]}),
                json!({"topologySpreadConstraints": [spread("ScheduleAnyway")]}),
            ),
        ] {
            let parsed: PodSpec = serde_json::from_value(before.clone()).unwrap();
            let patch = edit.patch(&parsed, "/spec", &profile).unwrap();
            let patched = apply(&json!({"spec": before}), &patch)
                .unwrap_or_else(|| panic!("{name}: does not apply: {patch:?}"));
            assert_eq!(patched["spec"], after, "{name}");
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
