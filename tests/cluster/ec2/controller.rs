//! The real AWS controller against the same EC2 server: what it launches is what `preview` says, what it calls drifted
//! is what `drift` says, and what it rolls is what `drift` forecast.
//!
//! One run for everything, since a node joins 30 s after its launch. Capacity reservations cannot be had from this EC2
//! server, and `InstanceTypeNotFound` needs nodes of an hour: the recorded answers cover what can be of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, KarpenterAws, KarpenterAwsOptions, Kubectl, wait};
use serde_json::{Value, json};

use crate::account;
use crate::claims::{Prices, compare, types};
use crate::pools::{DRIFTING, LAUNCHED, Pool, ROLLING, classes};

const PARAMETER: &str =
    "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id";
const OLDER: &str = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/amazon-eks-node-al2023-x86_64-standard-1.36-v20260901/image_id";

/// The controller and what is known of the cluster.
struct Stage<'a> {
    plane: &'a ControlPlane,
    aws: KarpenterAws,
    kubectl: Kubectl,
    /// What `drift` printed, for whoever wants to see it.
    shown: String,
}

/// The whole story; with `KARP_LONG` also a new Kubernetes version and a roll to its end.
pub(crate) fn launches_and_drifts_as_we_say(plane: &ControlPlane) -> Result<()> {
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
    let mut stage = Stage { plane, aws, kubectl, shown: String::new() };
    let is_long = std::env::var_os("KARP_LONG").is_some();
    let begun = Instant::now();
    stage.launch(is_long)?;
    eprintln!("launched after {} s", begun.elapsed().as_secs());
    stage.drift()?;
    eprintln!("drifted after {} s", begun.elapsed().as_secs());
    if is_long {
        stage.upgrade()?;
        stage.roll()?;
        eprintln!("upgraded and rolled after {} s", begun.elapsed().as_secs());
    }
    if let Some(file) = std::env::var_os("KARP_SHOW") {
        fs::write(file, &stage.shown)?;
    }
    Ok(())
}

impl Stage<'_> {
    fn pools(is_long: bool) -> Vec<&'static Pool> {
        LAUNCHED.iter().chain(&DRIFTING).chain(is_long.then_some(&ROLLING)).collect()
    }

    /// NodeClaims as `preview` says, from prices that `catalog refresh` read from the same server.
    fn launch(&mut self, is_long: bool) -> Result<()> {
        let kubectl = &self.kubectl;
        let subnets = self.aws.account["subnets"].as_array().cloned().unwrap_or_default();
        let mut objects = classes(&self.aws.node_class("default"), &subnets);
        let pools = Self::pools(is_long);
        objects.extend(pools.iter().map(|pool| pool.object()));
        kubectl.apply(&list(objects))?;
        kubectl.run(&["karp", "catalog", "refresh"])?.success()?;
        kubectl.run(&["wait", "--for=condition=Ready", "nodepools", "--all", "--timeout=90s"])?.success()?;

        self.aws.karpenter.pause()?;
        let laid_out = self.lay_out(&pools);
        self.aws.karpenter.resume()?;
        let dump = laid_out?;
        let wanted = pools.iter().map(|pool| if pool.name == ROLLING.name { 3 } else { 1 }).sum::<usize>();
        let claims = wait::until("a NodeClaim for every NodePool", Duration::from_secs(90), || {
            self.aws.karpenter.check()?;
            let claims = items(&self.kubectl.get(&["nodeclaims"])?);
            Ok((claims.len() >= wanted).then_some(claims))
        })?;
        let folder = self.plane.folder().join("aws");
        let cache = self.kubectl.home().join(".cache/karp/catalog");
        let compared = compare(&dump, &cache, &claims, &Prices::read(&folder)?)?;
        eprintln!(
            "{compared} NodeClaims of {} NodePools are as previewed, {} instance types in all",
            pools.len(),
            types(&claims)
        );
        Ok(())
    }

    /// Creates the batch and returns the cluster as Karpenter will find it.
    fn lay_out(&self, pools: &[&Pool]) -> Result<PathBuf> {
        self.kubectl.create(&list(pools.iter().flat_map(|pool| pool.pods()).collect()))?;
        wait::until("the scheduler's verdict on every pod", Duration::from_secs(30), || {
            let pods = items(&self.kubectl.get(&["pods"])?);
            let judged = |pod: &Value| {
                let conditions = pod["status"]["conditions"].as_array();
                conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "PodScheduled"))
            };
            Ok(pods.iter().all(judged).then_some(()))
        })?;
        let dump = self.plane.folder().join("batch.json");
        fs::write(&dump, self.kubectl.dump_with_aws()?)?;
        Ok(dump)
    }

    /// One cause for each NodePool; `drift` must find the same as the controller, on these and on no other.
    fn drift(&mut self) -> Result<()> {
        self.wait_for_nodes(&DRIFTING)?;
        self.copy_instances()?;
        self.cause()?;
        let causes = DRIFTING.iter().filter(|pool| pool.name != "image-pinned").count();
        self.wait_for_drift(causes, Duration::from_secs(120))?;
        self.agree(causes)?;
        self.show("AMI alias @latest moved in SSM", &["nodepool/image-moved"])?;
        self.show("NodePool label edited", &["nodepool/label"])?;
        self.show("NodePool requirement edited", &["nodepool/requirement"])?;
        self.show("subnet removed from the EC2NodeClass", &["nodepool/subnet"])?;
        self.show("security group changed", &["nodepool/group"])?;
        self.show("EC2NodeClass edited", &["nodepool/class-edit"])?;
        self.show("a node blocked by two PDBs", &["nodepool/two-pdbs"])?;
        self.show("a budget closed by cron", &["nodepool/closed"])?;
        self.show("everything", &[])?;
        self.show("the control plane at 1.37", &["--ami-preview", "1.37"])
    }

    fn cause(&mut self) -> Result<()> {
        let claim = self.claim_of("subnet")?;
        let instance = self.instance_of(&claim)?;
        let kept = self.aws.account["subnets"].as_array().into_iter().flatten();
        let kept: Vec<Value> = kept
            .filter(|subnet| subnet["id"] != instance["SubnetId"])
            .map(|subnet| json!({"id": subnet["id"]}))
            .collect();
        let relabelled = json!({"spec": {"template": {"metadata": {"labels": {"team": "web"}}}}});
        let hour: u32 = jiff::Timestamp::now().strftime("%H").to_string().parse()?;
        let closed = json!([
            {"nodes": "0", "schedule": format!("0 {hour} * * *"), "duration": "2h"},
            {"nodes": "50%"},
        ]);
        let edits = [
            ("nodepool", "label", relabelled.clone()),
            ("nodepool", "two-pdbs", relabelled.clone()),
            ("nodepool", "closed", relabelled),
            ("nodepool", "closed", json!({"spec": {"disruption": {"budgets": closed}}})),
            (
                "nodepool",
                "requirement",
                json!({"spec": {"template": {"spec": {"requirements": [
                    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]},
                ]}}}}),
            ),
            ("ec2nodeclass", "subnet", json!({"spec": {"subnetSelectorTerms": kept}})),
            (
                "ec2nodeclass",
                "group",
                json!({"spec": {"securityGroupSelectorTerms": [
                    {"id": self.aws.account["extraSecurityGroup"]},
                ]}}),
            ),
            ("ec2nodeclass", "class-edit", json!({"spec": {"tags": {"cost-centre": "42"}}})),
        ];
        for (kind, name, patch) in edits {
            self.kubectl.run(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()])?.success()?;
        }
        let pdb = |name: &str| {
            json!({
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "two-pdbs"}}},
            })
        };
        self.kubectl.apply(&list(vec![pdb("orders"), pdb("all-shop")]))?;
        self.move_image()?;
        self.aws.restart(self.plane)
    }

    /// `recommended` points to the older release: to Karpenter a move is a move.
    fn move_image(&self) -> Result<()> {
        let fixture = fs::read(self.plane.folder().join("aws/ssm.json"))?;
        let parameters: Value = serde_json::from_slice(&fixture)?;
        let older = &parameters["*"][OLDER];
        ensure!(older.is_string(), "no older image in the fixture");
        self.aws.api.control("ssm", &json!({"us-west-2": {PARAMETER: older}})).map(|_| ())
    }

    /// An alias that is pinned still has the Kubernetes version in its path.
    fn upgrade(&mut self) -> Result<()> {
        let version = json!({"region": "us-west-2", "cluster": "workshop", "version": "1.37"});
        self.aws.api.control("eks", &version)?;
        self.aws.restart(self.plane)?;
        let claims = items(&self.kubectl.get(&["nodeclaims"])?).len();
        self.wait_for_drift(claims, Duration::from_secs(180))?;
        self.copy_instances()?;
        self.agree(claims)?;
        self.show("a pinned alias after a control plane upgrade", &["nodepool/image-pinned"])
    }

    /// A budget of one: nodes go in the order that was forecast, never two at a time.
    fn roll(&mut self) -> Result<()> {
        let forecast = self.report(&["nodepool/rolling"])?;
        let order = |claim: &Value| claim["position"].as_u64().unwrap_or(u64::MAX);
        let mut expected = items_of(&forecast, "nodeClaims");
        expected.sort_by_key(order);
        // The controller goes by the time of the condition, in seconds; within one second it is free.
        let since: BTreeMap<String, String> =
            expected.iter().map(|claim| (text(&claim["name"]), text(&claim["driftedSince"]))).collect();
        let expected: Vec<String> = expected.iter().map(|claim| text(&claim["name"])).collect();
        ensure!(expected.len() == 3, "{expected:?}");
        let open = json!({"spec": {"disruption": {"budgets": [{"nodes": "1"}]}}}).to_string();
        self.kubectl.run(&["patch", "nodepool", "rolling", "--type=merge", "-p", &open])?.success()?;
        let allowed = self.report(&["nodepool/rolling"])?;
        ensure!(allowed["nodePools"][0]["allowed"] == 1, "{}", allowed["nodePools"]);
        let mut gone: Vec<String> = Vec::new();
        wait::until("three nodes to roll", Duration::from_secs(420), || {
            self.aws.karpenter.check()?;
            let claims = items(&self.kubectl.get(&["nodeclaims", "-l", "karpenter.sh/nodepool=rolling"])?);
            let going = |name: &String| {
                let claim = claims.iter().find(|claim| claim["metadata"]["name"] == **name);
                claim.is_none_or(|claim| !claim["metadata"]["deletionTimestamp"].is_null())
            };
            let now: Vec<&String> = expected.iter().filter(|name| going(name)).collect();
            let new: Vec<String> = now.into_iter().filter(|name| !gone.contains(*name)).cloned().collect();
            ensure!(new.len() <= 1, "two at a time: {new:?}");
            gone.extend(new);
            Ok((gone.len() == expected.len()).then_some(()))
        })?;
        let times = |names: &[String]| names.iter().map(|name| since[name].clone()).collect::<Vec<_>>();
        ensure!(
            times(&gone) == times(&expected),
            "rolled {gone:?}, forecast {expected:?}, drifted since {since:?}"
        );
        eprintln!("rolled {gone:?}, forecast {expected:?}, drifted since {since:?}");
        Ok(())
    }

    /// Waits until both say the same: a condition may lag behind what changed last.
    fn agree(&mut self, drifted: usize) -> Result<()> {
        let mut last = None;
        let waited = wait::until("Karpenter and us to say the same", Duration::from_secs(60), || {
            self.aws.karpenter.check()?;
            Ok(match self.compare(drifted) {
                Ok(reasons) => Some(reasons),
                Err(error) => {
                    last = Some(error);
                    None
                }
            })
        });
        match (waited, last) {
            (Ok(reasons), _) => eprintln!("the same reasons, as Karpenter counts them: {reasons:?}"),
            (Err(_), Some(error)) => return Err(error),
            (Err(error), None) => return Err(error),
        }
        Ok(())
    }

    /// The controller's `Drifted` of every NodeClaim against the first reason that we find ourselves; reasons by count.
    fn compare(&self, drifted: usize) -> Result<BTreeMap<String, usize>> {
        let report = self.report(&[])?;
        let ours = items_of(&report, "nodeClaims");
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for claim in items(&self.kubectl.get(&["nodeclaims"])?) {
            let name = text(&claim["metadata"]["name"]);
            let conditions = claim["status"]["conditions"].as_array().into_iter().flatten();
            let said = conditions.into_iter().find(|one| one["type"] == "Drifted" && one["status"] == "True");
            let said = said.map(|condition| text(&condition["reason"]));
            let own =
                ours.iter().find(|own| own["name"] == *name).context("a NodeClaim is not in the report")?;
            let first = own["reasons"][0]["reason"].as_str().map(str::to_owned);
            ensure!(said == first, "{name}: Karpenter says {said:?}, we find {first:?}: {own}");
            ensure!(own["controller"] == "agrees", "{name}: {own}");
            let unchecked = own["unchecked"].as_array().map_or(0, Vec::len);
            ensure!(unchecked == 0, "{name} was not looked at in full: {own}");
            if let Some(reason) = said {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        ensure!(reasons.values().sum::<usize>() == drifted, "{reasons:?}");
        Ok(reasons)
    }

    fn report(&self, words: &[&str]) -> Result<Value> {
        let all: Vec<&str> = ["karp", "drift", "-o", "json"].iter().chain(words).copied().collect();
        let output = self.kubectl.run(&all)?;
        serde_json::from_slice(&output.stdout).with_context(|| output.to_string())
    }

    fn show(&mut self, what: &str, words: &[&str]) -> Result<()> {
        let all: Vec<&str> = ["karp", "drift"].iter().chain(words).copied().collect();
        let output = self.kubectl.run(&all)?;
        ensure!(output.code == Some(1), "{output}");
        writeln!(
            self.shown,
            "## {what}\n\n$ kubectl {}\n{}{}",
            output.arguments,
            output.text(),
            output.stderr
        )?;
        Ok(())
    }

    fn wait_for_nodes(&mut self, pools: &[Pool]) -> Result<()> {
        wait::until("the nodes to join", Duration::from_secs(120), || {
            self.aws.karpenter.check()?;
            let claims = items(&self.kubectl.get(&["nodeclaims"])?);
            let of = |pool: &Pool| {
                claims.iter().any(|claim| {
                    claim["metadata"]["labels"]["karpenter.sh/nodepool"] == pool.name
                        && is_true(claim, "Initialized")
                })
            };
            Ok(pools.iter().all(of).then_some(()))
        })
    }

    fn wait_for_drift(&mut self, wanted: usize, limit: Duration) -> Result<()> {
        let mut last = 0;
        let waited = wait::until("the controller to call them drifted", limit, || {
            self.aws.karpenter.check()?;
            let claims = items(&self.kubectl.get(&["nodeclaims"])?);
            last = claims.iter().filter(|claim| is_true(claim, "Drifted")).count();
            Ok((last >= wanted).then_some(()))
        });
        waited.with_context(|| format!("{last} of {wanted} are drifted"))
    }

    fn claim_of(&self, pool: &str) -> Result<Value> {
        let claims =
            items(&self.kubectl.get(&["nodeclaims", "-l", &format!("karpenter.sh/nodepool={pool}")])?);
        claims.into_iter().next().with_context(|| format!("NodePool {pool} has no NodeClaim"))
    }

    fn instance_of(&self, claim: &Value) -> Result<Value> {
        let id = text(&claim["status"]["providerID"]).rsplit('/').next().unwrap_or_default().to_owned();
        let found = self.instances()?.into_iter().find(|one| one["InstanceId"] == *id);
        found.with_context(|| format!("instance {id} is not in the controller's list"))
    }

    /// Instances as the controller's main keeps them.
    fn instances(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for map in items(&self.kubectl.get(&["configmaps", "-n", "karpenter"])?) {
            if text(&map["metadata"]["name"]).starts_with("kwok-aws-instances-") {
                let list: Vec<Value> =
                    serde_json::from_str(map["data"]["instances"].as_str().unwrap_or("[]"))?;
                all.extend(list);
            }
        }
        Ok(all)
    }

    /// The controller keeps its instances to itself: gives them to the EC2 server, for `drift` to find there.
    fn copy_instances(&self) -> Result<()> {
        let wanted = items(&self.kubectl.get(&["nodeclaims"])?).len();
        let instances = wait::until("the list of instances", Duration::from_secs(30), || {
            let instances = self.instances()?;
            Ok((instances.len() >= wanted).then_some(instances))
        })?;
        self.aws.api.control("instances", &json!(instances)).map(|_| ())
    }
}

fn list(items: Vec<Value>) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn items(list: &Value) -> Vec<Value> {
    items_of(list, "items")
}

fn items_of(value: &Value, field: &str) -> Vec<Value> {
    value[field].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn is_true(claim: &Value, condition: &str) -> bool {
    let conditions = claim["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["type"] == condition && one["status"] == "True")
}
