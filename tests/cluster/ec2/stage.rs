//! The cluster of the proof: the real AWS controller, what it made, and what `drift` says about it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, KarpenterAws, KarpenterAwsOptions, Kubectl, wait};
use serde_json::{Value, json};

use crate::account;
use crate::pools::Pool;

/// The controller and who asks.
pub(crate) struct Stage<'a> {
    pub(crate) plane: &'a ControlPlane,
    pub(crate) aws: KarpenterAws,
    pub(crate) kubectl: Kubectl,
}

impl<'a> Stage<'a> {
    /// Starts the controller and the EC2 server.
    pub(crate) fn start(plane: &'a ControlPlane) -> Result<Self> {
        let options = KarpenterAwsOptions {
            environment: BTreeMap::from([
                ("BATCH_IDLE_DURATION".to_owned(), "3s".to_owned()),
                ("BATCH_MAX_DURATION".to_owned(), "30s".to_owned()),
            ]),
            ..KarpenterAwsOptions::default()
        };
        account::end();
        let aws = KarpenterAws::start(plane, &options)?;
        let kubectl = plane.kubectl().with_environment(&aws.api.environment());
        Ok(Self { plane, aws, kubectl })
    }

    /// All NodeClaims.
    pub(crate) fn claims(&self) -> Result<Vec<Value>> {
        Ok(items(&self.kubectl.get(&["nodeclaims"])?, "items"))
    }

    /// The NodeClaims of a NodePool.
    pub(crate) fn claims_of(&self, pool: &str) -> Result<Vec<Value>> {
        let label = format!("karpenter.sh/nodepool={pool}");
        Ok(items(&self.kubectl.get(&["nodeclaims", "-l", &label])?, "items"))
    }

    /// Waits until a node of every NodePool is initialized.
    pub(crate) fn wait_for_nodes(&mut self, pools: &[Pool]) -> Result<()> {
        wait::until("the nodes to join", Duration::from_secs(120), || {
            self.aws.karpenter.check()?;
            let claims = self.claims()?;
            let of = |pool: &Pool| {
                let own = claims
                    .iter()
                    .filter(|claim| claim["metadata"]["labels"]["karpenter.sh/nodepool"] == pool.name);
                own.filter(|claim| is_true(claim, "Initialized")).count() >= pool.nodes
            };
            Ok(pools.iter().all(of).then_some(()))
        })
    }

    /// Waits until so many NodeClaims are `Drifted`.
    pub(crate) fn wait_for_drift(&mut self, wanted: usize, limit: Duration) -> Result<()> {
        let mut drifted = Vec::new();
        let waited = wait::until("the controller to call them drifted", limit, || {
            self.aws.karpenter.check()?;
            drifted = self.claims()?.iter().filter(|claim| is_true(claim, "Drifted")).map(name).collect();
            Ok((drifted.len() >= wanted).then_some(()))
        });
        waited.with_context(|| format!("{} of {wanted} are drifted: {drifted:?}", drifted.len()))
    }

    /// `kubectl karp drift -o json`.
    pub(crate) fn report(&self, words: &[&str]) -> Result<Value> {
        let all: Vec<&str> = ["karp", "drift", "-o", "json"].iter().chain(words).copied().collect();
        let output = self.kubectl.run(&all)?;
        serde_json::from_slice(&output.stdout).with_context(|| output.to_string())
    }

    /// Leaves what `drift` prints in `target/live-show/drift-NAME.txt`, for people.
    pub(crate) fn show(&self, file: &str, what: &str, words: &[&str]) -> Result<()> {
        let all: Vec<&str> = ["karp", "drift"].iter().chain(words).copied().collect();
        let output = self.kubectl.run(&all)?;
        ensure!(output.code == Some(1), "{output}");
        let target = self.kubectl.plugins().parent().context("the build folder")?;
        let folder = target.join("live-show");
        fs::create_dir_all(&folder)?;
        let text = format!("{what}\n\n$ kubectl {}\n{}{}", output.arguments, output.text(), output.stderr);
        fs::write(folder.join(format!("drift-{file}.txt")), text)?;
        Ok(())
    }

    /// The instance of a NodeClaim, in the form of AWS's Go SDK.
    pub(crate) fn instance_of(&self, claim: &Value) -> Result<Value> {
        let id = text(&claim["status"]["providerID"]).rsplit('/').next().unwrap_or_default().to_owned();
        let found = self.instances()?.into_iter().find(|one| one["InstanceId"] == *id);
        found.with_context(|| format!("instance {id} is not in the controller's list"))
    }

    /// Instances as the controller's main keeps them.
    fn instances(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for map in items(&self.kubectl.get(&["configmaps", "-n", "karpenter"])?, "items") {
            if name(&map).starts_with("kwok-aws-instances-") {
                let list: Vec<Value> =
                    serde_json::from_str(map["data"]["instances"].as_str().unwrap_or("[]"))?;
                all.extend(list);
            }
        }
        Ok(all)
    }

    /// The controller keeps its instances to itself: gives them to the EC2 server, for `drift` to find there.
    pub(crate) fn copy_instances(&self) -> Result<()> {
        let wanted = self.claims()?.len();
        let instances = wait::until("the list of instances", Duration::from_secs(30), || {
            let instances = self.instances()?;
            Ok((instances.len() >= wanted).then_some(instances))
        })?;
        self.aws.api.control("instances", &json!(instances)).map(|_| ())
    }
}

/// A List for `kubectl apply`.
pub(crate) fn list(items: Vec<Value>) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// A field that is a list.
pub(crate) fn items(value: &Value, field: &str) -> Vec<Value> {
    value[field].as_array().cloned().unwrap_or_default()
}

/// A field that is a text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Name of an object.
pub(crate) fn name(object: &Value) -> String {
    text(&object["metadata"]["name"])
}

/// A condition of an object.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == kind)
}

/// Whether a condition is True.
pub(crate) fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}
