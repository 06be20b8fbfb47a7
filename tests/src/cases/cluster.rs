//! The objects of a case: owners of pods, messages that are other people's words, and lists to look up.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::kinds::ObjectRef;
use crate::vectors::files;

/// Shorter messages are words like any other.
const MESSAGE_LENGTH: usize = 20;

/// The objects.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    objects: Vec<(ObjectRef, Value)>,
}

impl Cluster {
    /// Reads multi-document YAML.
    ///
    /// # Errors
    /// Naming the file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let path = files::plain_or_packed(path)?;
        let text = String::from_utf8(files::read(&path)?).with_context(|| path.display().to_string())?;
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&text).with_context(|| format!("{} is not YAML", path.display()))?;
        Ok(Self::new(documents))
    }

    /// From documents; lists are taken apart.
    pub(super) fn new(documents: Vec<Value>) -> Self {
        let mut objects = Vec::new();
        for document in documents {
            match document.get("items").and_then(Value::as_array) {
                Some(items) => objects.extend(items.iter().cloned()),
                None => objects.push(document),
            }
        }
        let named = objects.into_iter().filter_map(|object| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let reference =
                ObjectRef::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name"))?;
            Some((reference, object))
        });
        Self { objects: named.collect() }
    }

    /// The object, where it is there.
    pub(super) fn get(&self, wanted: &ObjectRef) -> Option<&Value> {
        self.objects.iter().find(|(object, _)| object.same(wanted)).map(|(_, value)| value)
    }

    /// An object and what it may stand as: a pod as any of its owners.
    pub(super) fn stand_ins(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let mut all = vec![object.clone()];
        if object.kind == "pod" {
            all.extend(self.owners(object));
        }
        all
    }

    /// Owners of an object, nearest first.
    fn owners(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let mut found: Vec<ObjectRef> = Vec::new();
        let mut next = Some(object.clone());
        while let Some(current) = next.take().filter(|_| found.len() < 8) {
            let value = self.get(&current);
            let namespace = value.and_then(|value| value.pointer("/metadata/namespace")?.as_str());
            let namespace = namespace.unwrap_or(&current.namespace).to_owned();
            let owners = value.and_then(|value| value.pointer("/metadata/ownerReferences")?.as_array());
            let owner = owners.into_iter().flatten().find_map(|owner| {
                let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
                ObjectRef::new(text("kind"), &namespace, text("name"))
            });
            next = owner.or_else(|| deployment_of(&current));
            found.extend(next.clone());
        }
        found
    }

    /// Whether both are one target: the same object, or a pod and its owners.
    pub(super) fn same_target(&self, one: &ObjectRef, other: &ObjectRef) -> bool {
        if one.same(other) {
            return true;
        }
        let pods = self.objects.iter().map(|(object, _)| object).filter(|object| object.kind == "pod");
        pods.into_iter().any(|pod| {
            let family = self.stand_ins(pod);
            let has = |wanted: &ObjectRef| family.iter().any(|member| member.same(wanted));
            has(one) && has(other)
        })
    }

    /// Messages of conditions and events.
    pub(super) fn messages(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (object, value) in &self.objects {
            let conditions =
                value.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
            let own = (object.kind == "event").then_some(value);
            for holder in conditions.chain(own) {
                let message = holder.get("message").and_then(Value::as_str);
                found.extend(message.filter(|text| text.len() >= MESSAGE_LENGTH).map(str::to_owned));
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

/// The Deployment of a ReplicaSet that is not there itself, by the form of its name.
fn deployment_of(object: &ObjectRef) -> Option<ObjectRef> {
    let name = object.name.rsplit_once('-').map(|(name, _)| name).filter(|_| object.kind == "replicaset")?;
    ObjectRef::new("deployment", &object.namespace, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster() -> Cluster {
        let owner = |kind: &str, name: &str| json!([{"kind": kind, "name": name}]);
        Cluster::new(vec![
            json!({"kind": "Pod", "metadata": {"name": "web-5c-x", "namespace": "shop",
                "ownerReferences": owner("ReplicaSet", "web-5c")},
                "status": {"conditions": [{"message": "0/1 nodes are available today"}, {"message": "short"}]}}),
            json!({"kind": "Pod", "metadata": {"name": "db-0", "namespace": "shop",
                "ownerReferences": owner("StatefulSet", "db")}}),
        ])
    }

    #[test]
    fn a_pod_and_its_owners_are_one_target() {
        let same = |one: &str, other: &str| {
            let target = |text: &str| ObjectRef::parse_target(text).unwrap();
            cluster().same_target(&target(one), &target(other))
        };
        assert!(same("deployment/web -n shop", "pod/web-5c-x -n shop"));
        assert!(same("rs/web-5c", "deploy/web"));
        assert!(same("sts/db -n shop", "pod/db-0"));
        assert!(!same("sts/db -n shop", "deploy/web -n shop"));
        assert!(!same("sts/db -n shop", "sts/db -n other"));
    }

    #[test]
    fn long_messages_are_other_peoples_words() {
        assert_eq!(cluster().messages(), ["0/1 nodes are available today"]);
    }
}
