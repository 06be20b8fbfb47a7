//! The servers themselves: they start, they do what a cluster does, and they end.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{ControlPlane, Karpenter, KarpenterOptions, bulk, karpenter, wait};

const NODE_POOL: &str = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      - {key: kubernetes.io/arch, operator: In, values: [amd64]}
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
---
apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
";

const INFLATE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: inflate, namespace: default}
spec:
  replicas: 5
  selector: {matchLabels: {app: inflate}}
  template:
    metadata: {labels: {app: inflate}}
    spec:
      containers:
      - {name: inflate, image: 'inflate:1', resources: {requests: {cpu: '1'}}}
";

/// Five pods of one CPU, two nodes of which nobody may use either: five times Unschedulable.
pub(crate) fn the_scheduler_marks_pods_unschedulable(plane: &ControlPlane) -> Result<()> {
    karpenter::install_crds(plane, &KarpenterServer::kwok()?.crds)?;
    let kubectl = plane.kubectl();
    let nodes = (0..2).map(|number| {
        let mut node = bulk::node(&format!("system-{number}"), number);
        node["spec"] = serde_json::json!({"taints": [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]});
        node
    });
    plane.run(bulk::create(&plane.client(), nodes))?;
    kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s"])?.success()?;
    kubectl.apply(NODE_POOL)?;
    kubectl.apply(INFLATE)?;
    let message = wait::until("five unschedulable pods", Duration::from_secs(60), || {
        let reasons = kubectl
            .run(&["get", "pods", "-l", "app=inflate", "-o", r#"jsonpath={range .items[*]}{.status.conditions[?(@.reason=="Unschedulable")].message}{"\n"}{end}"#])?
            .success()?;
        let lines: Vec<&str> = reasons.lines().filter(|line| !line.is_empty()).collect();
        Ok((lines.len() == 5).then(|| lines[0].to_owned()))
    })?;
    ensure!(message.starts_with("0/2 nodes are available: 2 node(s) had untolerated taint"), "{message}");
    Ok(())
}

/// A user known only by a client certificate, bound to no role.
pub(crate) fn a_user_without_rights_is_forbidden(plane: &ControlPlane) -> Result<()> {
    let stranger = plane.kubectl().with_kubeconfig(&plane.kubeconfig_for("stranger", Some("visitors"))?);
    let who = stranger
        .run(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}"])?
        .success()?;
    ensure!(who == r#"stranger ["visitors","system:authenticated"]"#, "{who}");
    let refused = stranger.run(&["get", "pods", "-A"])?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("Forbidden"), "{refused}");
    Ok(())
}

/// The whole circle: pods wait, Karpenter makes a NodeClaim, KWOK a node, the scheduler binds.
pub(crate) fn karpenter_launches_what_pods_need(plane: &ControlPlane) -> Result<()> {
    let mut karpenter = Karpenter::start(plane, &KarpenterOptions::default())?;
    let kubectl = plane.kubectl();
    kubectl.apply(NODE_POOL)?;
    kubectl.apply(INFLATE)?;
    let start = Instant::now();
    wait::until("five running pods", Duration::from_secs(90), || {
        karpenter.check()?;
        let phases = kubectl
            .run(&["get", "pods", "-l", "app=inflate", "-o", "jsonpath={.items[*].status.phase}"])?
            .success()?;
        Ok((phases == "Running Running Running Running Running").then_some(()))
    })?;
    eprintln!("five pods running {:.1} s after they were applied", start.elapsed().as_secs_f64());
    let claims = kubectl.get(&["nodeclaims"])?;
    let claims = claims["items"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(!claims.is_empty(), "pods run, but there is no NodeClaim");
    for claim in claims {
        ensure!(claim["metadata"]["labels"]["karpenter.sh/capacity-type"] == "spot", "{claim}");
    }
    let process = karpenter.process_id();
    drop(karpenter);
    let left = rustix::process::Pid::from_raw(i32::try_from(process)?)
        .is_some_and(|process| rustix::process::test_kill_process(process).is_ok());
    ensure!(!left, "Karpenter outlived its handle");
    Ok(())
}

/// `kubectl create … --dry-run=client -o yaml | kubectl karp preview -f -`, as a user types it.
pub(crate) fn preview_takes_what_kubectl_prints(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp-preview")?;
    let create =
        ["create", "deploy", "web", "--image=nginx", "--replicas=3", "--dry-run=client", "-o", "yaml"];
    let manifest = kubectl.run(&create)?.success()?;
    let preview = ["karp", "preview", "--from", "example:workshop", "-f", "-"];
    let said = kubectl.run_with_input(&preview, manifest.as_bytes())?;
    ensure!(said.code == Some(1) && said.text().starts_with("1 new node for 23 of 26 pods"), "{said}");
    Ok(())
}
