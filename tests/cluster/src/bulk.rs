//! Many nodes and pods, fast, through the API.

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

/// Requests in flight: more gain nothing on few cores, fewer leave the API server waiting for us.
const CONCURRENCY: usize = 48;

/// A node that KWOK keeps ready: 4 CPUs, 16 GiB, 110 pods, zone by its number.
///
/// Callers change what matters to them in the returned object.
#[must_use]
pub fn node(name: &str, number: usize) -> Value {
    let zone = ["test-zone-a", "test-zone-b", "test-zone-c"][number % 3];
    let resources = json!({"cpu": "4", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                "node.kubernetes.io/instance-type": "c-4x-amd64-linux",
                "topology.kubernetes.io/zone": zone,
            },
        },
        "status": {"capacity": resources, "allocatable": resources},
    })
}

/// A pod of one container that asks for `cpu` and `memory`; bound to `node` where one is given, so
/// that no scheduler has to look at it.
#[must_use]
pub fn pod(namespace: &str, name: &str, cpu: &str, memory: &str, node: Option<&str>) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "bulk"}},
        "spec": {
            "containers": [{
                "name": "app",
                "image": "app:1",
                "resources": {"requests": {"cpu": cpu, "memory": memory}},
            }],
        },
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

/// Creates core/v1 objects (Namespaces, Nodes, Pods) with many requests in flight, and returns how many.
///
/// Cost on two shared cores: see README.md. Answers are not decoded.
///
/// # Errors
/// The first refusal, with the server's message; the other requests in flight end first.
pub async fn create(client: &kube::Client, objects: impl IntoIterator<Item = Value>) -> Result<usize> {
    let mut answers = futures::stream::iter(objects)
        .map(|object| {
            let client = client.clone();
            async move { create_one(&client, &object).await }
        })
        .buffer_unordered(CONCURRENCY);
    let mut count = 0;
    while let Some(answer) = answers.next().await {
        answer?;
        count += 1;
    }
    Ok(count)
}

async fn create_one(client: &kube::Client, object: &Value) -> Result<()> {
    let kind = object["kind"].as_str().context("the object has a kind")?;
    let plural = format!("{}s", kind.to_ascii_lowercase());
    let path = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/api/v1/namespaces/{namespace}/{plural}"),
        None => format!("/api/v1/{plural}"),
    };
    let request = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(serde_json::to_vec(object)?))?;
    let answer = client.send(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        bail!("cannot create {kind}/{name}: {status} {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
