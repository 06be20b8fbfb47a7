//! Owners: whose pod it is, where a change of it belongs, and who manages that object.

use compact_str::CompactString;

use super::index::ObjectIndex;
use super::report::ObjectName;
use crate::model::{Labels, ObjectMeta, Pod, Workload};

/// The object a person edits to change a pod.
#[derive(Debug, Clone)]
pub struct Owner<'a> {
    /// Its name; the pod's own where nobody owns it.
    pub name: ObjectName,
    /// The object, where it was read.
    pub workload: Option<&'a Workload>,
}

impl Owner<'_> {
    /// JSON pointer to the pod spec inside the owner.
    pub fn spec_pointer(&self) -> &'static str {
        match self.name.kind.as_str() {
            "Pod" => "/spec",
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        }
    }
}

/// Who owns a pod: its controller, and that one's controller where it is a ReplicaSet or a Job. A ReplicaSet that
/// was not read is taken for its Deployment's when the pod carries the template hash that only those add.
pub fn owner_of<'a>(pod: &Pod, index: &ObjectIndex<'a>) -> Owner<'a> {
    let namespace = &pod.metadata.namespace;
    let Some(controller) = pod.metadata.controller() else {
        return Owner { name: named("Pod", namespace, &pod.metadata.name), workload: None };
    };
    let workload = index.workloads_by_uid.get(controller.uid.as_str()).copied();
    if let Some(above) = workload.and_then(|workload| workload.metadata.controller()) {
        let above_object = index.workloads_by_uid.get(above.uid.as_str()).copied();
        return Owner { name: named(&above.kind, namespace, &above.name), workload: above_object };
    }
    if workload.is_none() && controller.kind == "ReplicaSet" {
        let hash = pod.metadata.labels.get("pod-template-hash");
        let stem = hash.and_then(|hash| controller.name.strip_suffix(hash)?.strip_suffix('-'));
        if let Some(stem) = stem {
            return Owner { name: named("Deployment", namespace, stem), workload: None };
        }
    }
    Owner { name: named(&controller.kind, namespace, &controller.name), workload }
}

fn named(kind: &str, namespace: &CompactString, name: &str) -> ObjectName {
    ObjectName { kind: kind.into(), namespace: namespace.clone(), name: name.into() }
}

/// Who manages an object from outside the cluster, by the marks that Helm, Argo CD and Flux leave:
/// `Helm release web`.
pub fn manager_of(metadata: &ObjectMeta) -> Option<String> {
    let (labels, annotations) = (&metadata.labels, &metadata.annotations);
    let get = |all: &Labels, key: &str| all.get(key).map(str::to_owned);
    if let Some(name) = get(labels, "helm.toolkit.fluxcd.io/name") {
        return Some(format!("Flux HelmRelease {name}"));
    }
    if let Some(name) = get(labels, "kustomize.toolkit.fluxcd.io/name") {
        return Some(format!("Flux Kustomization {name}"));
    }
    let tracking = get(annotations, "argocd.argoproj.io/tracking-id");
    let tracked = tracking.and_then(|id| id.split(':').next().map(str::to_owned));
    if let Some(name) = tracked.or_else(|| get(labels, "argocd.argoproj.io/instance")) {
        return Some(format!("Argo CD application {name}"));
    }
    if get(labels, "app.kubernetes.io/managed-by").as_deref() == Some("Helm") {
        let release = get(annotations, "meta.helm.sh/release-name");
        let release = release.or_else(|| get(labels, "app.kubernetes.io/instance"));
        return Some(format!("Helm release {}", release.unwrap_or_else(|| metadata.name.to_string())));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Snapshot;

    fn pod(json: serde_json::Value) -> Pod {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_pod_belongs_to_the_deployment_above_its_replica_set() {
        let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
        snapshot.objects.workloads = serde_json::from_value(serde_json::json!([
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "namespace": "shop",
             "uid": "rs", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
             "uid": "d", "controller": true}]}}]))
        .unwrap();
        let index = ObjectIndex::new(&snapshot);
        let owned = |uid: &str, labels: serde_json::Value| {
            pod(serde_json::json!({"metadata": {"name": "web-1-x", "namespace": "shop", "labels": labels,
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": uid,
                "controller": true}]}}))
        };
        let words = |pod: &Pod| owner_of(pod, &index).name.words();
        assert_eq!(words(&owned("rs", serde_json::json!({}))), "deploy/web -n shop");
        assert_eq!(words(&owned("?", serde_json::json!({"pod-template-hash": "1"}))), "deploy/web -n shop");
        assert_eq!(words(&owned("?", serde_json::json!({}))), "rs/web-1 -n shop");
        assert_eq!(
            words(&pod(serde_json::json!({"metadata": {"name": "p", "namespace": "shop"}}))),
            "pod/p -n shop"
        );
    }

    #[test]
    fn managers_are_known_by_their_marks() {
        let meta = |json: serde_json::Value| serde_json::from_value::<ObjectMeta>(json).unwrap();
        for (given, manager) in [
            (
                serde_json::json!({"labels": {"app.kubernetes.io/managed-by": "Helm"},
                    "annotations": {"meta.helm.sh/release-name": "web"}}),
                Some("Helm release web"),
            ),
            (
                serde_json::json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}),
                Some("Argo CD application shop"),
            ),
            (
                serde_json::json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}),
                Some("Flux Kustomization apps"),
            ),
            (serde_json::json!({}), None),
        ] {
            assert_eq!(manager_of(&meta(given)).as_deref(), manager);
        }
    }
}
