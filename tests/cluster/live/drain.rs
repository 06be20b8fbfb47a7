//! `kubectl karp drain`, `cordon` and `uncordon` on real servers, with a watcher that knows nothing of them.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use karp_cluster::{ControlPlane, Faults, Karpenter, KarpenterOptions, Kubectl, bulk, wait};
use serde_json::{Value, json};

/// Workloads of the big drains.
const WORKLOADS: usize = 30;

/// Longest drain that a test waits for.
const LIMIT: Duration = Duration::from_secs(240);

/// Counts Ready pods per PDB again and again, from the API alone.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<Seen>>,
}

/// What the watcher saw.
struct Seen {
    looks: usize,
    violations: Vec<String>,
    lowest: BTreeMap<String, i64>,
}

impl Watcher {
    /// PDBs of `shop` all select by one label, `app`.
    fn start(kubectl: Kubectl) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen { looks: 0, violations: Vec::new(), lowest: BTreeMap::new() };
            let budgets = kubectl.get(&["pdb", "-n", "shop"])?;
            while !ended.load(Ordering::Relaxed) {
                let pods = kubectl.get(&["pods", "-n", "shop"])?;
                look(&budgets, &pods, &mut seen);
            }
            Ok(seen)
        });
        Self { stop, thread }
    }

    fn end(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))?
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn look(budgets: &Value, pods: &Value, seen: &mut Seen) {
    seen.looks += 1;
    for budget in items(budgets) {
        let name = budget["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let app = &budget["spec"]["selector"]["matchLabels"]["app"];
        let ready = items(pods).filter(|pod| pod["metadata"]["labels"]["app"] == *app).filter(|pod| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            let is_ready =
                conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
            is_ready && pod["metadata"]["deletionTimestamp"].is_null()
        });
        let ready = i64::try_from(ready.count()).unwrap_or(i64::MAX);
        let need = budget["spec"]["minAvailable"].as_i64().unwrap_or(0);
        if ready < need {
            seen.violations.push(format!("pdb/{name}: {ready} Ready, needs {need}"));
        }
        let lowest = seen.lowest.entry(name).or_insert(ready);
        *lowest = (*lowest).min(ready);
    }
}

/// Workloads with PDBs that leave one or two pods free; some StatefulSets among them.
fn workloads(count: usize) -> Value {
    let mut all = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})];
    for number in 0..count {
        let name = format!("app-{number}");
        let replicas = 2 + number % 4;
        let stateful = number % 5 == 4;
        let labels = json!({"app": name});
        let mut spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "50m"}}}],
                },
            },
        });
        if stateful {
            spec["serviceName"] = json!(name);
            spec["podManagementPolicy"] = json!("Parallel");
        }
        let kind = if stateful { "StatefulSet" } else { "Deployment" };
        all.push(json!({"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec}));
        all.push(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"minAvailable": replicas - 1 - usize::from(number % 7 == 6 && replicas > 2),
                "selector": {"matchLabels": labels}}}));
    }
    json!({"apiVersion": "v1", "kind": "List", "items": all})
}

fn lay_out(plane: &ControlPlane, nodes: usize, apps: usize) -> Result<usize> {
    let all = (0..nodes).map(|number| bulk::node(&format!("node-{number}"), number));
    plane.run(bulk::create(&plane.client(), all))?;
    let kubectl = plane.kubectl();
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"])?.success()?;
    kubectl.apply(&workloads(apps).to_string())?;
    plane.wait_for_service_account("shop")?;
    let total: usize = (0..apps).map(|number| 2 + number % 4).sum();
    all_ready(&kubectl, total)?;
    Ok(total)
}

fn all_ready(kubectl: &Kubectl, total: usize) -> Result<()> {
    wait::until("all pods to be Ready and all PDBs to know it", Duration::from_secs(300), || {
        let pods = kubectl.get(&["pods", "-n", "shop"])?;
        let ready = items(&pods).filter(|pod| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
                && pod["metadata"]["deletionTimestamp"].is_null()
        });
        let budgets = kubectl.get(&["pdb", "-n", "shop"])?;
        let open = items(&budgets).all(|one| one["status"]["disruptionsAllowed"].as_i64() > Some(0));
        Ok((ready.count() == total && open).then_some(()))
    })
}

fn left_on(kubectl: &Kubectl, node: &str) -> Result<usize> {
    let selector = format!("spec.nodeName={node}");
    Ok(items(&kubectl.get(&["pods", "-n", "shop", "--field-selector", &selector])?).count())
}

/// One node, then five, then fifty, with thirty workloads; every prediction compared with the server's answer.
pub(crate) fn drains_of_one_to_fifty_nodes_break_no_budget(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let total = lay_out(plane, 60, WORKLOADS)?;
    let mut first = 0;
    for (count, at_once) in [(1, "1"), (5, "2"), (50, "10")] {
        let nodes: Vec<String> =
            (first..(first + count)).map(|number| format!("node-{}", number % 60)).collect();
        first += count;
        let names: Vec<&str> = nodes.iter().map(String::as_str).collect();
        let mut dry = vec!["karp", "drain", "--dry-run=server"];
        dry.extend(&names);
        let dry = kubectl.run(&dry)?.success()?;
        let agreement = dry.lines().last().unwrap_or_default().to_owned();
        if let Some((agreed, rest)) = agreement.split_once(" of ") {
            let compared = rest.split(' ').next().unwrap_or_default();
            ensure!(agreed == compared, "predictions differ: {dry}");
        }
        let watcher = Watcher::start(kubectl.clone());
        let start = Instant::now();
        let mut words = vec!["karp", "drain", "--yes", "--max-unavailable", at_once];
        words.extend(&names);
        let answer = kubectl.run(&words)?;
        let seen = watcher.end()?;
        let text = answer.clone().success()?;
        ensure!(seen.violations.is_empty(), "{:?}", seen.violations);
        for name in &names {
            ensure!(left_on(&kubectl, name)? == 0, "{name} still has pods: {text}");
        }
        eprintln!(
            "drain of {count} nodes, {at_once} at a time: {:.1} s, {} looks, 0 violations; {agreement}",
            start.elapsed().as_secs_f64(),
            seen.looks
        );
        all_ready(&kubectl, total)?;
        let mut back = vec!["karp", "uncordon"];
        back.extend(&names);
        kubectl.run(&back)?.success()?;
    }
    Ok(())
}

/// Killed in the middle with SIGKILL, run again, through a proxy that loses and refuses, until it is done.
pub(crate) fn killed_drains_go_on(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    let runs: u64 = if std::env::var_os("KARP_LONG").is_some() { 50 } else { 6 };
    let total = lay_out(plane, 6, 12)?;
    let (mut kills, mut starts) = (0, 0);
    let mut faults = BTreeMap::new();
    for seed in 0..runs {
        let proxy = Faults::start(plane, seed)?;
        let ours = kubectl.with_kubeconfig(&proxy.kubeconfig()?);
        let node = format!("node-{}", seed % 6);
        let watcher = Watcher::start(kubectl.clone());
        let begun = Instant::now();
        loop {
            ensure!(begun.elapsed() < LIMIT, "seed {seed}: not done");
            starts += 1;
            let mut child = ours
                .command(&["karp", "drain", &node, "--yes", "--wait-ready", "60s"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            // Two deaths a run at moments that differ, then it may live.
            if starts % 3 != 0 {
                std::thread::sleep(Duration::from_millis(300 + (seed * 137 + starts * 211) % 2_500));
                if child.try_wait()?.is_none() {
                    child.kill()?;
                    kills += 1;
                }
            }
            let output = child.wait_with_output()?;
            if output.status.code() == Some(0) {
                break;
            }
            ensure!(
                matches!(output.status.code(), None | Some(3 | 5)),
                "seed {seed}: {:?} {} {}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let seen = watcher.end()?;
        ensure!(seen.violations.is_empty(), "seed {seed}: {:?}", seen.violations);
        ensure!(left_on(&kubectl, &node)? == 0, "seed {seed}: {node} still has pods");
        for (fault, count) in proxy.counts() {
            *faults.entry(format!("{fault:?}")).or_insert(0) += count;
        }
        kubectl.run(&["karp", "uncordon", &node])?.success()?;
        all_ready(&kubectl, total)?;
    }
    eprintln!("{runs} drains, {starts} starts, {kills} times killed, faults {faults:?}, 0 violations");
    Ok(())
}

/// A refused plan changes nothing; an abort puts back what it may.
pub(crate) fn refusal_and_abort(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    lay_out(plane, 3, 3)?;
    let bare = bulk::pod("shop", "debug", "10m", "8Mi", Some("node-0"));
    plane.run(bulk::create(&plane.client(), [bare]))?;
    let refused = kubectl.run(&["karp", "drain", "node-0", "--yes"])?;
    ensure!(refused.code == Some(1) && refused.text().contains("no controller (--force)"), "{refused}");
    let node = kubectl.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "{node}");
    ensure!(node["metadata"]["annotations"]["karp/drain"].is_null(), "{node}");

    let no_terminal = kubectl.run(&["karp", "drain", "node-1"])?;
    ensure!(no_terminal.code == Some(2), "{no_terminal}");

    let forced = kubectl.run(&["karp", "drain", "node-0", "--yes", "--force"])?;
    ensure!(forced.code == Some(0), "{forced}");
    ensure!(left_on(&kubectl, "node-0")? == 0, "{forced}");
    let aborted = kubectl.run(&["karp", "drain", "node-0", "--abort"])?;
    ensure!(aborted.code == Some(0) && aborted.text().contains("node/node-0 uncordoned"), "{aborted}");
    let node = kubectl.get(&["node", "node-0"])?;
    ensure!(node["spec"]["unschedulable"].is_null(), "{node}");
    Ok(())
}

const POOL: &str = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: spot}
spec:
  limits: {memory: 1000Gi}
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: Never, budgets: [{nodes: '1'}]}
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      - {key: node.kubernetes.io/instance-type, operator: In, values: [c-4x-amd64-linux]}
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
---
apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
";

/// kubectl's messages for nodes; a NodePool is paused and comes back exactly.
pub(crate) fn cordon_and_back(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-cordon")?;
    karp_cluster::karpenter::install_crds(plane, &karp_cluster::servers::KarpenterServer::kwok()?.crds)?;
    plane.run(bulk::create(&plane.client(), [bulk::node("node-0", 0)]))?;
    for (words, line) in [
        (["cordon", "node-0", "--dry-run=server"], "node/node-0 cordoned (server dry run)\n"),
        (["cordon", "node-0", "--reason=disk"], "node/node-0 cordoned\n"),
        (["cordon", "node-0", "--reason=disk"], "node/node-0 already cordoned\n"),
        (["uncordon", "node-0", "--dry-run=none"], "node/node-0 uncordoned\n"),
        (["uncordon", "node-0", "--dry-run=none"], "node/node-0 already uncordoned\n"),
    ] {
        let all: Vec<&str> = ["karp"].into_iter().chain(words).collect();
        let text = kubectl.run(&all)?.success()?;
        ensure!(text == line, "{text}");
    }
    let missing = kubectl.run(&["karp", "cordon", "node-0", "node-9"])?;
    ensure!(missing.code == Some(4), "{missing}");
    ensure!(
        kubectl.get(&["node", "node-0"])?["spec"]["unschedulable"].is_null(),
        "touched before all are known"
    );

    kubectl.apply(POOL)?;
    let before = kubectl.get(&["nodepool", "spot"])?["spec"].clone();
    let paused =
        kubectl.run(&["karp", "cordon", "nodepool/spot", "--for", "2h", "--reason", "audit"])?.success()?;
    ensure!(
        paused.starts_with("nodepool/spot cordoned: no launch, no disruption; 0 nodes stay\n"),
        "{paused}"
    );
    let pool = kubectl.get(&["nodepool", "spot"])?;
    ensure!(pool["spec"]["limits"]["cpu"] == "0" && pool["spec"]["limits"]["memory"] == "1000Gi", "{pool}");
    kubectl
        .run(&["patch", "nodepool", "spot", "--type=merge", "-p", r#"{"spec":{"limits":{"cpu":"500"}}}"#])?
        .success()?;
    let edited = kubectl.run(&["karp", "uncordon", "nodepool/spot"])?;
    ensure!(edited.code == Some(5) && edited.stderr.contains("(limits.cpu 0 -> 500)"), "{edited}");
    kubectl
        .run(&["patch", "nodepool", "spot", "--type=merge", "-p", r#"{"spec":{"limits":{"cpu":"0"}}}"#])?
        .success()?;
    kubectl.run(&["karp", "uncordon", "nodepool/spot"])?.success()?;
    let after = kubectl.get(&["nodepool", "spot"])?["spec"].clone();
    ensure!(before == after, "{before} != {after}");
    Ok(())
}

/// With Karpenter: room first, then the pods, then the NodeClaim; the instance goes.
pub(crate) fn surge_then_delete_the_node_claim(plane: &ControlPlane) -> Result<()> {
    let mut karpenter = Karpenter::start(plane, &KarpenterOptions::default())?;
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-drain")?;
    kubectl.apply(POOL)?;
    let mut apps = workloads(3);
    for object in apps["items"].as_array_mut().into_iter().flatten() {
        if object["spec"]["template"].is_object() {
            object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] =
                json!("300m");
        }
    }
    kubectl.apply(&apps.to_string())?;
    all_ready(&kubectl, 2 + 3 + 4)?;
    let claims = kubectl.get(&["nodeclaims"])?;
    let claim = items(&claims).next().context("Karpenter made a NodeClaim")?;
    let name = claim["metadata"]["name"].as_str().context("name")?.to_owned();
    let node = claim["status"]["nodeName"].as_str().context("node")?.to_owned();
    let pods = left_on(&kubectl, &node)?;
    let watcher = Watcher::start(kubectl.clone());
    let start = Instant::now();
    let answer = kubectl.run(&[
        "karp",
        "drain",
        &node,
        "--yes",
        "--surge",
        "--delete-nodeclaim",
        "--allow-pending",
    ])?;
    let seen = watcher.end()?;
    karpenter.check()?;
    let text = answer.clone().success()?;
    ensure!(seen.violations.is_empty(), "{:?}", seen.violations);
    ensure!(text.contains(&format!("nodeclaim/{name} deleted")), "{answer}");
    let gone = kubectl.run(&["get", "node", &node])?;
    ensure!(gone.code == Some(1), "{gone}");
    let namespace = kubectl.run(&["get", "pods", "-n", "karp-surge", "-o", "name"])?;
    eprintln!(
        "surge, drain of {pods} pods and deletion: {:.1} s, {} looks, 0 violations; placeholders left: {:?}",
        start.elapsed().as_secs_f64(),
        seen.looks,
        namespace.text().lines().count()
    );
    Ok(())
}
