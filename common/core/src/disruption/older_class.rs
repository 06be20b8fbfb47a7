//! An EC2NodeClass as it was when a NodeClaim was launched, from an older snapshot: the one case in which every changed
//! field is known with both values, although the hash is one-way.
//!
//! Hashes: aws: pkg/apis/v1/ec2nodeclass.go (`Hash`), pkg/controllers/nodeclass/hash.

use serde_json::Value;

use super::drift::{FieldDrift, HashComparison, compare_hashes};
use super::drift_aws::{NODE_CLASS_HASH, NOT_HASHED};
use crate::model::{Ec2NodeClass, NodeClaim};

/// Fields that differ between the EC2NodeClass of then and of now; none = it is not the one that the NodeClaim was
/// launched from, by its hash.
pub fn changed_fields(
    claim: &NodeClaim,
    older: &Ec2NodeClass,
    class: &Ec2NodeClass,
) -> Option<Vec<FieldDrift>> {
    let hashes = compare_hashes(&claim.metadata.annotations, &older.metadata.annotations, NODE_CLASS_HASH);
    if older.metadata.name != class.metadata.name || hashes != HashComparison::Same {
        return None;
    }
    let leaves = |class: &Ec2NodeClass| {
        let mut found = Vec::new();
        leaves_of("spec", &serde_json::to_value(&class.spec).unwrap_or_default(), &mut found);
        found
    };
    let (then, now) = (leaves(older), leaves(class));
    let value = |leaves: &[(String, Value)], path: &str| {
        leaves.iter().find(|(known, _)| known == path).map(|(_, value)| value.clone())
    };
    let mut paths: Vec<&String> = then.iter().chain(&now).map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    let is_hashed = |path: &str| !NOT_HASHED.contains(&path.split('.').nth(1).unwrap_or_default());
    let fields = paths.into_iter().filter(|path| is_hashed(path)).filter_map(|path| {
        let (has, wants) = (value(&then, path), value(&now, path));
        (has != wants).then(|| {
            let (has, wants) = texts(has.as_ref(), wants.as_ref());
            FieldDrift::new(path.clone(), has, wants)
        })
    });
    Some(fields.collect())
}

/// Fields with their paths. Disks go by their device, other lists are told in one piece.
fn leaves_of(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                leaves_of(&format!("{path}.{name}"), inner, found);
            }
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| device(item).is_some()) => {
            for item in items {
                leaves_of(&format!("{path}.{}", device(item).unwrap_or_default()), item, found);
            }
        }
        Value::Null => {}
        _ => found.push((path.to_owned(), value.clone())),
    }
}

fn device(item: &Value) -> Option<&str> {
    item["deviceName"].as_str()
}

/// Both values for people: of long texts such as user data the first line that differs.
fn texts(has: Option<&Value>, wants: Option<&Value>) -> (Option<String>, Option<String>) {
    let text = |value: Option<&Value>| {
        value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let (has, wants) = (text(has), text(wants));
    let is_long = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains('\n'));
    if !is_long(&has) && !is_long(&wants) {
        return (has, wants);
    }
    let lines = |text: &Option<String>| -> Vec<String> {
        text.as_deref().unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let (before, after) = (lines(&has), lines(&wants));
    let first = (0..before.len().max(after.len())).find(|at| before.get(*at) != after.get(*at)).unwrap_or(0);
    let both = has.is_some() && wants.is_some();
    let line = |lines: &[String]| match lines.get(first).filter(|_| both) {
        Some(line) => format!("line {}: {}", first + 1, line.trim()),
        None => format!("{} lines", lines.len()),
    };
    (has.is_some().then(|| line(&before)), wants.is_some().then(|| line(&after)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(hash: &str, spec: Value) -> Ec2NodeClass {
        let mut class: Ec2NodeClass =
            serde_json::from_value(json!({"metadata": {"name": "default"}, "spec": spec})).unwrap();
        class.metadata.annotations =
            [(NODE_CLASS_HASH, hash), ("karpenter.k8s.aws/ec2nodeclass-hash-version", "v6")]
                .into_iter()
                .collect();
        class
    }

    fn changed(older: &Ec2NodeClass, class: &Ec2NodeClass) -> Option<Vec<String>> {
        let mut claim = NodeClaim::default();
        claim.metadata_mut().annotations = self::class("1", json!({})).metadata.annotations;
        let fields = changed_fields(&claim, older, class)?;
        let text = |text: &Option<String>| text.clone().unwrap_or("<none>".to_owned());
        Some(
            fields
                .iter()
                .map(|one| format!("{}: {} -> {}", one.field, text(&one.has), text(&one.wants)))
                .collect(),
        )
    }

    #[test]
    fn every_hashed_field_with_both_values() {
        let then = json!({
            "amiSelectorTerms": [{"alias": "al2023@v1"}],
            "tags": {"team": "shop", "old": "1"},
            "userData": "#!/bin/bash\necho 1\necho 2",
            "kubelet": {"maxPods": 20},
            "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "20Gi"}}],
        });
        let now = json!({
            "amiSelectorTerms": [{"alias": "al2023@v2"}],
            "tags": {"team": "web"},
            "userData": "#!/bin/bash\necho 1\necho 3",
            "kubelet": {"maxPods": 30},
            "detailedMonitoring": true,
            "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "50Gi"}}],
        });
        assert_eq!(
            changed(&class("1", then), &class("2", now)).unwrap(),
            [
                "spec.blockDeviceMappings./dev/xvda.ebs.volumeSize: 20Gi -> 50Gi",
                "spec.detailedMonitoring: <none> -> true",
                "spec.kubelet.maxPods: 20 -> 30",
                "spec.tags.old: 1 -> <none>",
                "spec.tags.team: shop -> web",
                "spec.userData: line 3: echo 2 -> line 3: echo 3",
            ]
        );
    }

    #[test]
    fn a_text_that_was_not_there_is_counted() {
        let (then, now) = (json!({}), json!({"userData": "#!/bin/bash\necho 1"}));
        assert_eq!(
            changed(&class("1", then), &class("2", now)).unwrap(),
            ["spec.userData: <none> -> 2 lines"]
        );
    }

    #[test]
    fn another_one_than_it_was_launched_from_tells_nothing() {
        let now = class("3", json!({"tags": {"team": "web"}}));
        assert_eq!(changed(&class("2", json!({})), &now), None);
        let mut other = class("1", json!({}));
        other.metadata.name = "other".into();
        assert_eq!(changed(&other, &now), None);
    }
}
