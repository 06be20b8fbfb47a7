//! What a plan says of one pod beside one PDB, row by row; ids of rows are those of the conformance list.

use compact_str::CompactString;
use serde_json::{Value, json};

use super::plan;
use crate::drain::DrainOptions;
use crate::drain::report::{DrainPlan, PlanVerdict, PlannedPod};
use crate::model::{LabelProfile, Snapshot};

/// A cluster of one node `n` with a Deployment `web` of three pods, the first of which stands on it.
struct Cluster {
    pods: Vec<Value>,
    pdbs: Vec<Value>,
    replicas: i64,
    node: Value,
    claim: Option<Value>,
}

fn pod(name: &str, node: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "web"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "rs",
            "controller": true}]},
        "spec": {"nodeName": node, "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// A PDB as its controller keeps it: allowed, healthy, needed, expected.
fn pdb(name: &str, rule: Value, [allowed, healthy, needed, expected]: [i32; 4]) -> Value {
    let mut spec = rule;
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    json!({"metadata": {"name": name, "namespace": "shop", "generation": 1}, "spec": spec,
        "status": {"disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": needed,
            "expectedPods": expected, "observedGeneration": 1}})
}

impl Cluster {
    fn new() -> Self {
        Self {
            pods: vec![pod("web-a", "n"), pod("web-b", "other"), pod("web-c", "other")],
            pdbs: Vec::new(),
            replicas: 3,
            node: json!({"metadata": {"name": "n", "uid": "n"}, "spec": {"providerID": "p"}}),
            claim: None,
        }
    }

    fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::empty("2026-11-20T12:00:00Z".parse().unwrap());
        let objects = &mut snapshot.objects;
        let read = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        objects.pods = self.pods.iter().map(|value| serde_json::from_value(value.clone()).unwrap()).collect();
        objects.nodes = vec![read(&self.node), read(&json!({"metadata": {"name": "other", "uid": "other"}}))];
        objects.pod_disruption_budgets =
            self.pdbs.iter().map(|value| serde_json::from_value(value.clone()).unwrap()).collect();
        objects.node_claims =
            self.claim.iter().map(|value| serde_json::from_value(value.clone()).unwrap()).collect();
        objects.workloads = vec![
            serde_json::from_value(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": {"name": "web-1", "namespace": "shop", "uid": "rs"},
                "spec": {"replicas": self.replicas}}))
            .unwrap(),
        ];
        snapshot
    }

    fn plan(&self, options: &DrainOptions) -> DrainPlan {
        plan(&self.snapshot(), &[CompactString::from("n")], options, None, &LabelProfile::core())
    }
}

/// Action, code, causes, predicted status, and why.
#[track_caller]
fn check(row: &str, cluster: Cluster, expected: (&str, Option<&str>, &[&str], u16), why: &str) {
    let plan = cluster.plan(&DrainOptions::default());
    let pod: &PlannedPod = plan.pods().next().unwrap();
    let action = serde_json::to_value(pod.action).unwrap();
    let causes: Vec<&str> = pod.cause.iter().map(String::as_str).collect();
    let status = pod.predicted.as_ref().map_or(0, |answer| answer.status);
    let found = (action.as_str().unwrap(), pod.code, &causes[..], status);
    assert_eq!((found, pod.why.as_str()), (expected, why), "{row}");
    let refused = plan.verdict == PlanVerdict::Refused;
    assert_eq!(refused, expected.0 == "refuse", "{row}");
}

fn one(rule: Value, status: [i32; 4]) -> Cluster {
    Cluster::new().with(|cluster| cluster.pdbs.push(pdb("web", rule, status)))
}

#[test]
fn budgets_that_allow() {
    let go = ("evict", None, &[][..], 201);
    check("no PDB", Cluster::new(), go, "");
    check("V01 minAvailable 2", one(json!({"minAvailable": 2}), [1, 3, 2, 3]), go, "pdb/web allows 1");
    check("V01 50%", one(json!({"minAvailable": "50%"}), [1, 3, 2, 3]), go, "pdb/web allows 1");
    let elsewhere = Cluster::new().with(|cluster| {
        let mut other = pdb("db", json!({"maxUnavailable": 0}), [0, 1, 1, 1]);
        other["spec"]["selector"] = json!({"matchLabels": {"app": "db"}});
        let mut none = pdb("none", json!({"maxUnavailable": 0}), [0, 0, 0, 0]);
        none["spec"]["selector"] = Value::Null;
        cluster.pdbs.extend([other, none]);
    });
    check("V06 another selector, and none", elsewhere, go, "");
}

#[test]
fn budgets_that_never_allow() {
    let never = ("refuse", Some("KARP301"), &["pdb"][..], 429);
    let zero = one(json!({"maxUnavailable": 0}), [0, 3, 3, 3]);
    check("maxUnavailable 0", zero, never, "pdb/web never allows (maxUnavailable 0): 3 of 3");
    let percent = one(json!({"maxUnavailable": "0%"}), [0, 3, 3, 3]);
    check("maxUnavailable 0%", percent, never, "pdb/web never allows (maxUnavailable 0%): 3 of 3");
    let all = one(json!({"minAvailable": "100%"}), [0, 3, 3, 3]);
    check("minAvailable 100%", all, never, "pdb/web never allows (minAvailable 100%): 3 of 3");
    let all = one(json!({"minAvailable": 3}), [0, 3, 3, 3]);
    check("as many as there are", all, never, "pdb/web never allows (minAvailable 3): 3 of 3");
    let single = |rule| {
        one(rule, [0, 1, 1, 1]).with(|cluster| {
            cluster.pods.truncate(1);
            cluster.replicas = 1;
        })
    };
    check("V02", single(json!({"minAvailable": 1})), never, "pdb/web never allows (minAvailable 1): 1 of 1");
    let why = "pdb/web never allows (minAvailable 51%): 1 of 1";
    check("V02 51%", single(json!({"minAvailable": "51%"})), never, why);
    let failed = one(json!({"maxUnavailable": 1}), [0, 0, 0, 0]).with(|cluster| {
        cluster.pdbs[0]["status"]["conditions"] =
            json!([{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed"}]);
    });
    check("V06 SyncFailed", failed, never, "pdb/web never allows: SyncFailed");
    let none = one(json!({"maxUnavailable": 1}), [0, 0, 0, 0]);
    check("V06 unmanaged", none, never, "pdb/web never allows: it counts no pod");
    let catch_all = Cluster::new().with(|cluster| {
        let mut all = pdb("all", json!({"maxUnavailable": 1}), [1, 3, 2, 3]);
        all["spec"]["selector"] = json!({});
        cluster.pdbs.extend([pdb("web", json!({"maxUnavailable": 1}), [1, 3, 2, 3]), all]);
    });
    let two = ("refuse", Some("KARP302"), &["pdb"][..], 500);
    check("two that both allow", catch_all, two, "2 PDBs: all, web");
    let negative = one(json!({"maxUnavailable": 1}), [-1, 3, 2, 3]);
    check(
        "below zero",
        negative,
        ("refuse", Some("KARP301"), &["pdb"], 403),
        "pdb/web: its status is below zero",
    );
}

#[test]
fn budgets_that_time_can_help() {
    let wait = ("wait", None, &["pdb"][..], 429);
    let lacks = one(json!({"maxUnavailable": 1}), [0, 2, 2, 3]);
    check("one is not Ready", lacks, wait, "pdb/web allows 0: 2 of 2");
    // While a pod is made again a count looks like all of them.
    let remade = one(json!({"minAvailable": 2}), [0, 2, 2, 2]).with(|cluster| cluster.pods.truncate(2));
    check("its workload will have more", remade, wait, "pdb/web allows 0: 2 of 2");
    let two_workloads = one(json!({"minAvailable": 4}), [0, 4, 4, 4]).with(|cluster| {
        let mut other = pod("api-a", "other");
        other["metadata"]["ownerReferences"][0]["uid"] = json!("unknown");
        cluster.pods.extend([other.clone(), other]);
        cluster.pods[4]["metadata"]["uid"] = json!("api-b");
        cluster.pods.remove(2);
    });
    check("two workloads of one PDB will have more", two_workloads, wait, "pdb/web allows 0: 4 of 4");
    let stale = one(json!({"maxUnavailable": 1}), [1, 3, 2, 3])
        .with(|cluster| cluster.pdbs[0]["metadata"]["generation"] = json!(2));
    check("V05", stale, wait, "pdb/web: its status is older than its spec");
}

#[test]
fn pods_that_are_not_ready() {
    let unready = |cluster: &mut Cluster| {
        cluster.pods[0]["status"]["conditions"][0]["status"] = json!("False");
    };
    let crashing = |cluster: &mut Cluster| {
        cluster.pods[0]["status"]["conditions"][0]["status"] = json!("False");
        cluster.pods[0]["status"]["containerStatuses"] =
            json!([{"name": "app", "restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
    };
    let rule = || json!({"maxUnavailable": 1});
    let go = ("evict", None, &[][..], 201);
    check("V04", one(rule(), [0, 2, 2, 3]).with(unready), go, "not Ready, pdb/web lets it go");
    let wait = ("wait", None, &["pdb"][..], 429);
    check("V04 below", one(rule(), [0, 1, 2, 3]).with(unready), wait, "pdb/web allows 0: 1 of 2");
    let lenient = one(rule(), [0, 1, 2, 3]).with(unready).with(|cluster| {
        cluster.pdbs[0]["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
    });
    check("V04 AlwaysAllow", lenient, go, "not Ready, pdb/web lets it go");
    let stuck =
        one(json!({"minAvailable": 2}), [0, 1, 2, 2]).with(|cluster| cluster.pods.truncate(2)).with(crashing);
    let refuse = ("refuse", Some("KARP325"), &["pdb"][..], 429);
    check("crash loop", stuck, refuse, "pdb/web allows 0: 1 of 2, web-a is in CrashLoopBackOff");
    check(
        "V03",
        one(rule(), [0, 1, 2, 3]).with(|cluster| {
            cluster.pods[0]["status"]["phase"] = json!("Pending");
        }),
        go,
        "",
    );
    check(
        "V03 finished",
        one(rule(), [0, 1, 2, 3]).with(|cluster| {
            cluster.pods[0]["status"]["phase"] = json!("Failed");
        }),
        go,
        "finished",
    );
}

#[test]
fn a_crash_loop_is_lifted_by_the_policy_of_its_pdb() {
    let cluster = one(json!({"minAvailable": 2}), [0, 1, 2, 2]).with(|cluster| {
        cluster.pods.truncate(2);
        cluster.pods[0]["status"]["conditions"][0]["status"] = json!("False");
        cluster.pods[0]["status"]["containerStatuses"] =
            json!([{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
    });
    let plan = cluster.plan(&DrainOptions::default());
    let texts: Vec<(&str, &str)> = plan
        .changes
        .iter()
        .map(|change| (change.text.as_str(), change.proof.as_ref().unwrap().verdict))
        .collect();
    assert_eq!(
        texts,
        [
            (
                r#"kubectl patch pdb web -n shop -p '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'"#,
                "yes"
            ),
            ("kubectl delete pdb web -n shop", "yes"),
        ]
    );
}

/// A node that Karpenter already takes out, with or without a terminationGracePeriod.
fn terminating(grace: Option<&str>) -> Cluster {
    Cluster::new().with(|cluster| {
        cluster.pods[0]["metadata"]["annotations"] = json!({"karpenter.sh/do-not-disrupt": "true"});
        cluster.claim = Some(json!({"metadata": {"name": "spot-1", "uid": "c",
            "deletionTimestamp": "2026-11-20T11:30:00Z"},
            "spec": {"terminationGracePeriod": grace}, "status": {"providerID": "p", "nodeName": "n"}}));
    })
}

#[test]
fn a_node_that_karpenter_takes_out_has_a_deadline_or_none() {
    for (grace, permanent, until) in [(None, true, None), (Some("1h"), false, Some("2026-11-20T12:29:30Z"))] {
        let plan = terminating(grace).plan(&DrainOptions::default());
        let node = &plan.nodes[0];
        let termination = node.termination.as_ref().unwrap();
        assert_eq!((termination.phase, termination.waits_for.len()), ("drains", 1));
        assert_eq!(termination.waits_for[0].cause, Some("do-not-disrupt"));
        let blocked = &node.pods[0].blocked_by[0];
        let ends = blocked.until.map(|until| until.to_string());
        assert_eq!((blocked.permanent, ends.as_deref()), (permanent, until), "{grace:?}");
    }
}

/// One budget over two nodes: its rounds add up, and only as many go at a time as it allows.
#[test]
fn v08_one_pdb_on_two_nodes() {
    let cluster = one(json!({"maxUnavailable": 1}), [1, 3, 2, 3]);
    let snapshot = cluster.snapshot();
    let nodes = [CompactString::from("n"), CompactString::from("other")];
    let plan = plan(&snapshot, &nodes, &DrainOptions::default(), None, &LabelProfile::core());
    let rounds: Vec<(usize, usize)> = plan.pods().map(|pod| (pod.round, pod.rounds)).collect();
    assert_eq!(rounds, [(1, 3), (2, 3), (3, 3)]);
}
