//! Names alone, for completion: one short list, no retries, nothing on failure.

use std::time::Duration;

use serde::Deserialize;

use super::connection::{self, Connection};
use super::{ClusterOptions, block_on};
use crate::complete::Object;

/// Names of a kind of object, with what to say about each; pods that are pending come first. Empty where the cluster
/// does not answer within `patience` or does not allow it.
pub(crate) fn names(options: &ClusterOptions, object: Object, patience: Duration) -> Vec<(String, String)> {
    let found = block_on(async {
        let asked = async {
            let connection = Connection::open(options).await?;
            let mut found = Vec::new();
            for path in paths(object, &connection.namespace) {
                let answer = connection
                    .get(&path)
                    .await
                    .map_err(|failure| failure.error(&connection.target, "names"))?;
                let list: List = serde_json::from_slice(&answer.body).unwrap_or_default();
                found.extend(list.items.into_iter().map(|item| (item.metadata.name, item.status.phase)));
            }
            Ok(found)
        };
        Ok(tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| Ok(Vec::new())))
    });
    let found = found.and_then(|inner| inner).unwrap_or_default();
    let is_pod = object == Object::Pod;
    found
        .into_iter()
        .map(|(name, phase)| (name, if is_pod && phase == "Pending" { phase } else { String::new() }))
        .collect()
}

/// Names in the user's kubeconfig.
pub(crate) fn kubeconfig_names(options: &ClusterOptions, object: Object) -> Vec<(String, String)> {
    let Some(kubeconfig) = connection::kubeconfig(options).ok().flatten() else { return Vec::new() };
    let names: Vec<String> = match object {
        Object::Context => kubeconfig.contexts.into_iter().map(|named| named.name).collect(),
        Object::Cluster => kubeconfig.clusters.into_iter().map(|named| named.name).collect(),
        Object::User => kubeconfig.auth_infos.into_iter().map(|named| named.name).collect(),
        _ => Vec::new(),
    };
    names.into_iter().map(|name| (name, String::new())).collect()
}

/// The lists to ask for, most wanted first.
fn paths(object: Object, namespace: &str) -> Vec<String> {
    let pods = |condition: &str| {
        format!("/api/v1/namespaces/{namespace}/pods?limit=500&fieldSelector=status.phase{condition}Pending")
    };
    let within =
        |group: &str, plural: &str| vec![format!("/apis/{group}/namespaces/{namespace}/{plural}?limit=500")];
    match object {
        Object::Pod => vec![pods("%3D"), pods("%21%3D")],
        Object::Node => vec!["/api/v1/nodes?limit=500".to_owned()],
        Object::Namespace => vec!["/api/v1/namespaces?limit=500".to_owned()],
        Object::NodePool => vec!["/apis/karpenter.sh/v1/nodepools?limit=500".to_owned()],
        Object::NodeClaim => vec!["/apis/karpenter.sh/v1/nodeclaims?limit=500".to_owned()],
        Object::Deployment => within("apps/v1", "deployments"),
        Object::StatefulSet => within("apps/v1", "statefulsets"),
        Object::Job => within("batch/v1", "jobs"),
        Object::Context | Object::Cluster | Object::User => Vec::new(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    metadata: Metadata,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
}
