//! One AWS account with instances, and a dump of the cluster they belong to; shared by the tests that need no
//! controller.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use karp_cluster::aws::AwsApi;
use karp_cluster::kubectl::Output;
use karp_cluster::{ControlPlane, Kubectl};
use serde_json::{Value, json};

/// Instances that are as they should be; three more differ.
pub(crate) const SAME: usize = 12;

static SHARED: Mutex<Option<Account>> = Mutex::new(None);

/// The account.
pub(crate) struct Account {
    pub(crate) api: AwsApi,
    /// What `aws/instances.py` made.
    pub(crate) made: Value,
    /// The cluster, as `kubectl get` would print it.
    pub(crate) dump: PathBuf,
}

/// Runs a test with the account; nothing is refused or paged at its beginning.
pub(crate) fn with(plane: &ControlPlane, test: impl FnOnce(&Account, &Kubectl) -> Result<()>) -> Result<()> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        *shared = Some(Account::lay_out(plane)?);
    }
    let account = shared.as_ref().context("it was laid out above")?;
    account.api.control("fail", &json!({}))?;
    account.api.control("page", &json!({"size": 0}))?;
    test(account, &plane.kubectl().with_environment(&account.api.environment()))
}

/// Ends the server.
pub(crate) fn end() {
    drop(SHARED.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Runs `kubectl karp drift` on the dump.
pub(crate) fn drift(account: &Account, kubectl: &Kubectl, words: &[&str]) -> Result<Output> {
    drift_at(account, kubectl, &account.api.url(), words)
}

/// The same with AWS at another place. That it is named at all makes AWS be asked about a dump.
pub(crate) fn drift_at(account: &Account, kubectl: &Kubectl, url: &str, words: &[&str]) -> Result<Output> {
    let dump = account.dump.display().to_string();
    let source = ["karp", "drift", "--from", &dump, "--endpoint-url", url, "--at", "2026-11-26T12:00:00Z"];
    let all: Vec<&str> = source.iter().chain(words).copied().collect();
    kubectl.run(&all)
}

impl Account {
    fn lay_out(plane: &ControlPlane) -> Result<Self> {
        let kubectl = plane.kubectl();
        kubectl.require_plugin("kubectl-karp-drift")?;
        kubectl.require_plugin("kubectl-karp-catalog")?;
        let api = AwsApi::start(plane, None)?;
        let account = api.create_account("workshop", "1.36")?;
        let made = api.create_instances("workshop", SAME)?;
        let dump = plane.folder().join("dump.json");
        fs::write(&dump, cluster(&account, &made).to_string())?;
        Ok(Self { api, made, dump })
    }
}

/// An EC2NodeClass that lists what there is, a NodePool, and a NodeClaim for every instance.
fn cluster(account: &Value, made: &Value) -> Value {
    let ami = json!({
        "id": made["image"],
        "name": "amazon-eks-node-al2023-x86_64-standard-1.36-v20261101",
        "requirements": [
            {"key": "karpenter.k8s.aws/instance-accelerator-count", "operator": "DoesNotExist"},
            {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "DoesNotExist"},
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
        ],
    });
    let subnets: Vec<Value> = account["subnets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|subnet| json!({"id": subnet["id"], "zone": subnet["zone"], "zoneID": subnet["zoneId"]}))
        .collect();
    let class = json!({
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": "default"},
        "spec": {"amiSelectorTerms": [{"alias": "al2023@latest"}]},
        "status": {
            "amis": [ami],
            "subnets": subnets,
            "securityGroups": [{"id": made["securityGroup"], "name": "default"}],
        },
    });
    let pool = json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "general"},
        "spec": {"template": {"spec": {"requirements": [], "nodeClassRef": reference()}}},
    });
    let mut items = vec![class, pool];
    let same = made["same"].as_array().into_iter().flatten();
    for (position, id) in same.enumerate() {
        items.push(claim(&format!("same-{position}"), id, &made["image"], made));
    }
    items.push(claim("image-differs", &made["imageDiffers"], &made["otherImage"], made));
    items.push(claim("group-differs", &made["groupDiffers"], &made["image"], made));
    items.push(claim("subnet-differs", &made["subnetDiffers"], &made["image"], made));
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn reference() -> Value {
    json!({"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"})
}

fn claim(name: &str, id: &Value, image: &Value, made: &Value) -> Value {
    let (zone, id) = (made["zone"].as_str().unwrap_or_default(), id.as_str().unwrap_or_default());
    json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-11-26T11:40:00Z",
            "labels": {
                "karpenter.sh/nodepool": "general",
                "karpenter.sh/capacity-type": "on-demand",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": "m6i.large",
                "topology.kubernetes.io/zone": zone,
            },
        },
        "spec": {"nodeClassRef": reference(), "requirements": []},
        "status": {
            "providerID": format!("aws:///{zone}/{id}"),
            "imageID": image,
            "nodeName": format!("node-{name}"),
            "conditions": [{
                "type": "Launched",
                "status": "True",
                "reason": "Launched",
                "lastTransitionTime": "2026-11-26T11:41:00Z",
            }],
        },
    })
}
