//! Edits of a NodePool.

use compact_str::CompactString;
use serde_json::json;

use super::patch::{JsonPatch, token};
use crate::explain::words;
use crate::model::{LabelProfile, NodePool, Quantity, RequirementSpec, Taint};

/// One edit of a NodePool.
#[derive(Debug, Clone, PartialEq)]
pub enum NodePoolEdit {
    /// Raise a limit.
    RaiseLimit {
        /// Resource.
        resource: CompactString,
        /// From.
        from: Quantity,
        /// To.
        to: Quantity,
    },
    /// Allow more values of a label: add to `In`, take out of `NotIn`, drop a bound.
    Allow {
        /// Label key.
        key: CompactString,
        /// Values.
        values: Vec<CompactString>,
    },
    /// Give its nodes a label.
    Label {
        /// Key.
        key: CompactString,
        /// Value.
        value: CompactString,
    },
    /// Drop a taint.
    DropTaint(Taint),
    /// Lower minValues, or drop it.
    MinValues {
        /// Label key.
        key: CompactString,
        /// From.
        from: i64,
        /// To; none = drop.
        to: Option<i64>,
    },
}

const REQUIREMENTS: &str = "/spec/template/spec/requirements";

impl NodePoolEdit {
    /// In words, after the object.
    pub fn title(&self, pool: &NodePool, profile: &LabelProfile) -> String {
        match self {
            NodePoolEdit::RaiseLimit { resource, from, to } => {
                format!("limits.{resource} {} -> {}", words::quantity(*from), words::quantity(*to))
            }
            NodePoolEdit::Allow { key, values } => {
                let joined = values.join(", ");
                match find(pool, key, profile).map(|(_, spec)| spec.operator.as_str()) {
                    Some("In") => format!("add {joined} to {key}"),
                    Some("NotIn") => format!("take {joined} out of {key} NotIn"),
                    Some(operator) => {
                        let bounds = find(pool, key, profile).map(|(_, spec)| spec.values.join(" "));
                        format!("drop {key} {operator} {}", bounds.unwrap_or_default()).trim_end().to_owned()
                    }
                    None => format!("allow {key} {joined}"),
                }
            }
            NodePoolEdit::Label { key, value } => format!("label its nodes {key}={value}"),
            NodePoolEdit::DropTaint(taint) => format!("drop taint {taint}"),
            NodePoolEdit::MinValues { key, from, to: Some(to) } => {
                format!("minValues of {key} {from} -> {to}")
            }
            NodePoolEdit::MinValues { key, from, to: None } => format!("drop minValues {from} of {key}"),
        }
    }

    /// Whether both are the same kind of edit of the same key.
    pub(super) fn is_alike(&self, other: &NodePoolEdit) -> bool {
        match (self, other) {
            (NodePoolEdit::Allow { key: mine, .. }, NodePoolEdit::Allow { key: theirs, .. })
            | (NodePoolEdit::Label { key: mine, .. }, NodePoolEdit::Label { key: theirs, .. })
            | (NodePoolEdit::MinValues { key: mine, .. }, NodePoolEdit::MinValues { key: theirs, .. }) => {
                mine == theirs
            }
            (NodePoolEdit::DropTaint(_), NodePoolEdit::DropTaint(_)) => true,
            _ => false,
        }
    }

    /// Changes a NodePool. Does nothing where it has not got what the edit is about.
    pub fn apply(&self, pool: &mut NodePool, profile: &LabelProfile) {
        match self {
            NodePoolEdit::RaiseLimit { resource, to, .. } => pool.spec.limits.set(resource.clone(), *to),
            NodePoolEdit::Allow { key, values } => {
                let Some((position, spec)) = find(pool, key, profile) else { return };
                let allowed = allow(spec, values);
                let mut specs: Vec<RequirementSpec> = pool.spec.template.spec.requirements.to_vec();
                match allowed {
                    Some(spec) => specs[position] = spec,
                    None => {
                        specs.remove(position);
                    }
                }
                pool.spec.template.spec.requirements = specs.into();
            }
            NodePoolEdit::Label { key, value } => {
                pool.spec.template.metadata.labels.insert(key.clone(), value.clone());
            }
            NodePoolEdit::DropTaint(taint) => {
                let kept = pool.spec.template.spec.taints.iter().filter(|known| *known != taint).cloned();
                pool.spec.template.spec.taints = kept.collect::<Vec<_>>().into();
            }
            NodePoolEdit::MinValues { key, to, .. } => {
                let mut specs: Vec<RequirementSpec> = pool.spec.template.spec.requirements.to_vec();
                for spec in &mut specs {
                    if profile.normalize(&spec.key) == key && spec.min_values.is_some() {
                        spec.min_values = *to;
                    }
                }
                pool.spec.template.spec.requirements = specs.into();
            }
        }
    }

    /// The patch; none where the NodePool has not got what the edit is about.
    pub fn patch(&self, pool: &NodePool, profile: &LabelProfile) -> Option<JsonPatch> {
        let mut patch = JsonPatch::default();
        match self {
            NodePoolEdit::RaiseLimit { resource, to, .. } => {
                patch.replace(format!("/spec/limits/{}", token(resource)), to.to_string());
            }
            NodePoolEdit::Allow { key, values } => {
                let (position, spec) = find(pool, key, profile)?;
                let base = format!("{REQUIREMENTS}/{position}");
                patch.test(format!("{base}/key"), spec.key.as_str());
                match allow(spec, values) {
                    None => {
                        patch.remove(base);
                    }
                    Some(_) if spec.operator == "In" => {
                        for value in values {
                            patch.add(format!("{base}/values/-"), value.as_str());
                        }
                    }
                    Some(kept) => {
                        patch.replace(format!("{base}/values"), json!(kept.values));
                    }
                }
            }
            NodePoolEdit::Label { key, value } => {
                let labels = &pool.spec.template.metadata.labels;
                if labels.is_empty() {
                    let value = json!({"labels": {key.as_str(): value.as_str()}});
                    let annotations = &pool.spec.template.metadata.annotations;
                    if annotations.is_empty() {
                        patch.add("/spec/template/metadata", value);
                    } else {
                        patch.add(
                            "/spec/template/metadata/labels",
                            json!({key.as_str(): value["labels"][key.as_str()]}),
                        );
                    }
                } else {
                    patch.add(format!("/spec/template/metadata/labels/{}", token(key)), value.as_str());
                }
            }
            NodePoolEdit::DropTaint(taint) => {
                let taints = &pool.spec.template.spec.taints;
                let position = taints.iter().position(|known| known == taint)?;
                let base = format!("/spec/template/spec/taints/{position}");
                patch.test(format!("{base}/key"), taint.key.as_str()).remove(base);
            }
            NodePoolEdit::MinValues { key, to, .. } => {
                let specs = pool.spec.template.spec.requirements.iter().enumerate();
                let (position, spec) = specs
                    .into_iter()
                    .find(|(_, spec)| profile.normalize(&spec.key) == key && spec.min_values.is_some())?;
                let base = format!("{REQUIREMENTS}/{position}");
                patch.test(format!("{base}/key"), spec.key.as_str());
                match to {
                    Some(to) => patch.replace(format!("{base}/minValues"), *to),
                    None => patch.remove(format!("{base}/minValues")),
                };
            }
        }
        Some(patch)
    }
}

fn find<'p>(pool: &'p NodePool, key: &str, profile: &LabelProfile) -> Option<(usize, &'p RequirementSpec)> {
    let specs = pool.spec.template.spec.requirements.iter().enumerate();
    specs.into_iter().find(|(_, spec)| profile.normalize(&spec.key) == key)
}

/// The entry that also allows these values; none = drop it.
fn allow(spec: &RequirementSpec, values: &[CompactString]) -> Option<RequirementSpec> {
    let mut spec = spec.clone();
    match spec.operator.as_str() {
        "In" => {
            let new = values.iter().filter(|value| !spec.values.contains(value)).cloned();
            let new: Vec<CompactString> = new.collect();
            spec.values.extend(new);
            Some(spec)
        }
        "NotIn" => {
            spec.values.retain(|value| !values.contains(value));
            (!spec.values.is_empty()).then_some(spec)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::patch::apply;
    use super::*;

    fn pool() -> NodePool {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {
            "limits": {"cpu": "200"},
            "template": {"spec": {
                "taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "spot", "value": "true", "effect": "NoSchedule"}],
                "requirements": [
                    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]},
                    {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["5"]},
                    {"key": "failure-domain.beta.kubernetes.io/zone", "operator": "NotIn", "values": ["c", "d"]},
                    {"key": "node.kubernetes.io/instance-type", "operator": "Exists", "minValues": 10}]}}}}))
        .unwrap()
    }

    #[test]
    fn patches_do_what_was_simulated() {
        let profile = LabelProfile::core();
        let allow =
            |key: &str, value: &str| NodePoolEdit::Allow { key: key.into(), values: vec![value.into()] };
        for edit in [
            NodePoolEdit::RaiseLimit {
                resource: "cpu".into(),
                from: Quantity::from_units(200),
                to: Quantity::from_units(208),
            },
            allow("karpenter.sh/capacity-type", "on-demand"),
            allow("karpenter.k8s.aws/instance-generation", "5"),
            allow("topology.kubernetes.io/zone", "c"),
            NodePoolEdit::Label { key: "name".into(), value: "x".into() },
            NodePoolEdit::DropTaint(pool().spec.template.spec.taints[1].clone()),
            NodePoolEdit::MinValues { key: "node.kubernetes.io/instance-type".into(), from: 10, to: Some(4) },
            NodePoolEdit::MinValues { key: "node.kubernetes.io/instance-type".into(), from: 10, to: None },
        ] {
            let mut simulated = pool();
            edit.apply(&mut simulated, &profile);
            assert_ne!(simulated, pool(), "{edit:?} changes nothing");
            let patch = edit.patch(&pool(), &profile).unwrap();
            let patched = apply(&serde_json::to_value(pool()).unwrap(), &patch)
                .unwrap_or_else(|| panic!("{edit:?} does not apply: {patch:?}"));
            assert_eq!(serde_json::from_value::<NodePool>(patched).unwrap(), simulated, "{edit:?}");
        }
    }
}
