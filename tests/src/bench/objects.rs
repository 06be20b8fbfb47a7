//! Objects of generated clusters as JSON, the way an API server prints them.

use serde_json::{Value, json};

pub(super) const REGION: &str = "us-west-2";
pub(super) const ZONES: [&str; 3] = ["us-west-2a", "us-west-2b", "us-west-2c"];
const CREATED: &str = "2026-08-20T10:00:00Z";

/// Small numbers that look random and are the same in every run (xorshift).
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Something like a UID.
    pub(super) fn uid(&mut self) -> String {
        let mut part = || self.below(1 << 16);
        format!(
            "{:04x}{:04x}-{:04x}-{:04x}-{:04x}-{:04x}{:04x}{:04x}",
            part(),
            part(),
            part(),
            part(),
            part(),
            part(),
            part(),
            part()
        )
    }
}

pub(super) fn conditions(kinds: &[&str]) -> Value {
    let of = |kind: &&str| json!({"type": kind, "status": "True", "reason": kind, "message": "", "lastTransitionTime": CREATED});
    kinds.iter().map(of).collect()
}

/// An EC2NodeClass that was resolved.
pub(super) fn node_class() -> Value {
    let subnets: Vec<Value> = ZONES
        .iter()
        .enumerate()
        .map(|(at, zone)| json!({"id": format!("subnet-{at}"), "zone": zone, "zoneID": format!("usw2-az{}", at + 1)}))
        .collect();
    let ami = |name: &str, arch: &str| {
        json!({
            "id": format!("ami-{arch}"), "name": name,
            "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": [arch]}],
        })
    };
    json!({
        "apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "default"},
        "spec": {
            "amiFamily": "AL2023", "amiSelectorTerms": [{"alias": "al2023@latest"}], "role": "node",
            "subnetSelectorTerms": [{"tags": {"discovery": "bench"}}],
            "securityGroupSelectorTerms": [{"tags": {"discovery": "bench"}}],
        },
        "status": {
            "subnets": subnets, "securityGroups": [{"id": "sg-1", "name": "nodes"}],
            "amis": [ami("al2023-x86", "amd64"), ami("al2023-arm", "arm64")],
            "instanceProfile": "node",
            "conditions": conditions(&["AMIsReady", "SubnetsReady", "SecurityGroupsReady",
                "InstanceProfileReady", "ValidationSucceeded", "Ready"]),
        },
    })
}

/// A NodePool of that class.
pub(super) fn node_pool(name: &str, weight: usize, requirements: &Value, taints: &Value) -> Value {
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
        "metadata": {"name": name, "uid": format!("uid-{name}")},
        "spec": {
            "weight": weight, "limits": {"cpu": "500000", "memory": "4000000Gi"},
            "disruption": {"consolidateAfter": "30s", "consolidationPolicy": "WhenEmptyOrUnderutilized"},
            "template": {"spec": {
                "expireAfter": "720h", "requirements": requirements, "taints": taints,
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
            }},
        },
        "status": {"conditions": conditions(&["NodeClassReady", "ValidationSucceeded", "Ready"])},
    })
}

/// A machine: its Node and its NodeClaim, of 16 cpu and 64Gi.
pub(super) fn machine(number: usize, pool: &str) -> [Value; 2] {
    let (zone, name) = (ZONES[number % 3], format!("ip-10-{}-{}", number / 250, number % 250));
    let provider_id = format!("aws:///{zone}/i-{number:017x}");
    let capacity_type = if number.is_multiple_of(4) { "on-demand" } else { "spot" };
    let labels = json!({
        "karpenter.sh/nodepool": pool, "karpenter.sh/capacity-type": capacity_type,
        "karpenter.sh/registered": "true", "karpenter.sh/initialized": "true",
        "karpenter.k8s.aws/ec2nodeclass": "default",
        "node.kubernetes.io/instance-type": "m6i.4xlarge", "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
        "topology.kubernetes.io/region": REGION, "topology.kubernetes.io/zone": zone,
    });
    let allocatable =
        json!({"cpu": "15890m", "memory": "60000Mi", "pods": "234", "ephemeral-storage": "17Gi"});
    let capacity = json!({"cpu": "16", "memory": "64Gi", "pods": "234", "ephemeral-storage": "20Gi"});
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "uid": format!("node-{number}"), "labels": labels, "creationTimestamp": CREATED},
        "spec": {"providerID": provider_id},
        "status": {"allocatable": allocatable, "capacity": capacity, "conditions": conditions(&["Ready"])},
    });
    let claim = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
        "metadata": {
            "name": format!("{pool}-{number:05}"), "uid": format!("claim-{number}"), "labels": labels,
            "creationTimestamp": CREATED,
        },
        "spec": {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
            "requirements": [{"key": "karpenter.sh/nodepool", "operator": "In", "values": [pool]}],
        },
        "status": {
            "providerID": provider_id, "nodeName": name, "allocatable": allocatable, "capacity": capacity,
            "conditions": conditions(&["Launched", "Registered", "Initialized", "Ready"]),
        },
    });
    [node, claim]
}

/// What pods of one owner have in common.
pub(super) struct Owner {
    pub namespace: String,
    pub name: String,
    /// `ReplicaSet` or `DaemonSet`.
    pub kind: &'static str,
    pub cpu: String,
    pub memory: String,
    /// What else its pods' spec says: affinity, spread, tolerations.
    pub demands: Value,
}

impl Owner {
    /// A pod of it, on a node or pending, with as much text around it as real ones have.
    pub(super) fn pod(&self, number: usize, node: Option<&str>, numbers: &mut Numbers) -> Value {
        let Owner { namespace, name, kind, cpu, memory, .. } = self;
        let environment: Vec<Value> = (0..24)
            .map(|at| json!({"name": format!("SETTING_{at}"), "value": format!("value-{at}-of-{name}.{namespace}.svc")}))
            .collect();
        let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "initialDelaySeconds": 5,
            "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3, "timeoutSeconds": 1});
        let mut spec = json!({
            "containers": [{
                "name": "app", "image": format!("registry.example.com/{namespace}/{name}:1.42.0"),
                "imagePullPolicy": "IfNotPresent", "env": environment,
                "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
                "livenessProbe": probe, "readinessProbe": probe,
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                    "name": "kube-api-access", "readOnly": true}],
            }],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
            "serviceAccount": name, "serviceAccountName": name, "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300},
                {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 300},
            ],
            "volumes": [{"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
                {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]}},
            ]}}],
        });
        if let (Some(spec), Some(demands)) = (spec.as_object_mut(), self.demands.as_object()) {
            spec.extend(demands.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let status = match node {
            Some(node) => {
                spec["nodeName"] = node.into();
                json!({
                    "phase": "Running", "qosClass": "Burstable", "hostIP": "10.0.0.1", "podIP": "10.1.2.3",
                    "startTime": CREATED,
                    "conditions": conditions(&["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]),
                    "containerStatuses": [{
                        "name": "app", "ready": true, "restartCount": 0, "started": true,
                        "image": format!("registry.example.com/{namespace}/{name}:1.42.0"),
                        "imageID": format!("registry.example.com/{namespace}/{name}@sha256:{:064x}", number),
                        "containerID": format!("containerd://{:064x}", number * 7919),
                        "state": {"running": {"startedAt": CREATED}}, "lastState": {},
                    }],
                })
            }
            None => json!({"phase": "Pending", "qosClass": "Burstable", "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": CREATED,
                "message": "0/5000 nodes are available: 5000 Insufficient cpu.",
            }]}),
        };
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{name}-{number:06x}"), "namespace": namespace, "uid": numbers.uid(),
                "creationTimestamp": CREATED, "resourceVersion": number.to_string(), "generateName": format!("{name}-"),
                "labels": {"app": name, "pod-template-hash": "6d4cf56db6", "team": namespace},
                "annotations": {
                    "prometheus.io/scrape": "true", "prometheus.io/port": "8080",
                    "kubectl.kubernetes.io/restartedAt": "2026-08-19T09:00:00Z",
                    "checksum/config": format!("{:064x}", name.len()),
                },
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("uid-{name}"),
                    "controller": true, "blockOwnerDeletion": true}],
            },
            "spec": spec, "status": status,
        })
    }
}
