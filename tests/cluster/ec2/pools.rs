//! NodePools that the real AWS controller launches for: one pod group each, told apart by NodePool.

use serde_json::{Value, json};

/// A NodePool of the proof and the pods that ask for it.
pub(crate) struct Pool {
    /// Name; the pods select it.
    pub(crate) name: &'static str,
    /// Its EC2NodeClass.
    class: &'static str,
    /// Requirements, as `key operator values`; keys without a slash are `karpenter.k8s.aws/instance-KEY`.
    requirements: &'static [&'static str],
    /// Pods.
    pods: usize,
    /// Nodes that they need.
    pub(crate) nodes: usize,
}

const fn pool(name: &'static str, requirements: &'static [&'static str]) -> Pool {
    Pool { name, class: "default", requirements, pods: 2, nodes: 1 }
}

const fn drifting(name: &'static str, class: &'static str, requirements: &'static [&'static str]) -> Pool {
    Pool { name, class, requirements, pods: 1, nodes: 1 }
}

const SPOT: &str = "karpenter.sh/capacity-type In spot";
const ON_DEMAND: &str = "karpenter.sh/capacity-type In on-demand";
const AMD64: &str = "kubernetes.io/arch In amd64";

/// Every kind of requirement that narrows what EC2 is asked for.
pub(crate) const LAUNCHED: [Pool; 25] = [
    pool("spot-cmr", &[SPOT, AMD64, "category In c m r", "generation Gt 2"]),
    pool("on-demand-m6i", &[ON_DEMAND, "family In m6i"]),
    pool("arm", &[ON_DEMAND, "kubernetes.io/arch In arm64"]),
    pool("both-architectures", &[SPOT, "kubernetes.io/arch In amd64 arm64", "generation Gt 4"]),
    pool("sizes", &[ON_DEMAND, AMD64, "size In large xlarge", "category In m"]),
    pool("sizes-not", &[ON_DEMAND, "size NotIn nano micro small metal", "family In t3 m5"]),
    pool("cpu-bounds", &[SPOT, "cpu Gt 3", "cpu Lt 17", "category In c"]),
    pool("memory-bounds", &[SPOT, "memory Gt 16383", "memory Lt 65537", "category In r"]),
    pool("amd", &[ON_DEMAND, "cpu-manufacturer In amd"]),
    pool("graviton", &[SPOT, "cpu-manufacturer In aws"]),
    pool(
        "one-zone",
        &[ON_DEMAND, "topology.kubernetes.io/zone In us-west-2b", "category In m", "generation Gt 5"],
    ),
    pool(
        "two-zones",
        &[SPOT, "topology.kubernetes.io/zone In us-west-2a us-west-2c", "category In c", "generation Gt 5"],
    ),
    pool("local-nvme", &[ON_DEMAND, "local-nvme Exists", "category In c m"]),
    pool("no-local-nvme", &[ON_DEMAND, "local-nvme DoesNotExist", "category In m", "generation Gt 5"]),
    pool("nitro", &[SPOT, "hypervisor In nitro", "category In r", "generation In 5 6"]),
    pool("not-nitro", &[SPOT, AMD64, "hypervisor NotIn nitro", "category In c m r"]),
    pool("either", &["karpenter.sh/capacity-type In spot on-demand", "category In m", "generation In 6"]),
    pool("network", &[ON_DEMAND, "network-bandwidth Gt 24999", "category In c"]),
    pool("ebs", &[ON_DEMAND, "ebs-bandwidth Gt 9999", "category In m", "generation Gt 5"]),
    pool("gpu", &[ON_DEMAND, AMD64, "category In g", "gpu-manufacturer In nvidia"]),
    pool("flex", &[SPOT, "capability-flex In true"]),
    pool("metal", &[ON_DEMAND, "size In metal", "category In c m"]),
    pool("named", &[ON_DEMAND, "node.kubernetes.io/instance-type In m5.large c5.xlarge r6g.large"]),
    Pool {
        name: "kubelet",
        class: "kubelet",
        requirements: &[ON_DEMAND, "family In m6a"],
        pods: 2,
        nodes: 1,
    },
    Pool {
        name: "big-disk",
        class: "big-disk",
        requirements: &[ON_DEMAND, "family In c6i"],
        pods: 2,
        nodes: 2,
    },
];

/// One for each cause of drift, and one that is left alone.
pub(crate) const DRIFTING: [Pool; 9] = [
    drifting("image-moved", "latest", &[ON_DEMAND, "family In m6i"]),
    drifting("image-pinned", "pinned", &[ON_DEMAND, "family In m6i"]),
    drifting("label", "pinned", &[ON_DEMAND, "family In m6i"]),
    drifting("requirement", "pinned", &[ON_DEMAND, "family In m6i"]),
    drifting("subnet", "subnet", &[ON_DEMAND, "family In m6i"]),
    drifting("group", "group", &[ON_DEMAND, "family In m6i"]),
    drifting("class-edit", "class-edit", &[ON_DEMAND, "family In m6i"]),
    drifting("two-pdbs", "pinned", &[ON_DEMAND, "family In m6i"]),
    drifting("closed", "pinned", &[ON_DEMAND, "family In m6i"]),
];

/// Nodes that roll one after the other.
pub(crate) const ROLLING: Pool = Pool {
    name: "rolling",
    class: "pinned",
    requirements: &[ON_DEMAND, "size In large", "family In m6i"],
    pods: 4,
    nodes: 4,
};

impl Pool {
    /// The NodePool. Nothing rolls until its budget is opened.
    pub(crate) fn object(&self) -> Value {
        let requirements: Vec<Value> = self.requirements.iter().map(|text| requirement(text)).collect();
        json!({
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": self.name},
            "spec": {
                "disruption": {"consolidateAfter": "Never", "budgets": [{"nodes": "0"}]},
                "template": {
                    "metadata": {"labels": {"team": "shop"}},
                    "spec": {
                        "requirements": requirements,
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": self.class},
                    },
                },
            },
        })
    }

    /// Its pods. Those of `rolling` keep apart, and each asks for less than the one before: where a simulation has more
    /// pods than free nodes, the greater ones are placed first.
    pub(crate) fn pods(&self) -> Vec<Value> {
        let mut requests = json!({"cpu": "1", "memory": "1Gi"});
        if self.class == "big-disk" {
            requests["ephemeral-storage"] = json!("100Gi");
        }
        let apart = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": {"matchLabels": {"app": self.name}},
            "topologyKey": "kubernetes.io/hostname",
        }]}});
        let pod = |number: usize| {
            let mut pod = json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": format!("{}-{number}", self.name),
                    "namespace": "default",
                    "labels": {"app": self.name},
                },
                "spec": {
                    "nodeSelector": {"karpenter.sh/nodepool": self.name},
                    "containers": [{"name": "web", "image": "web:1", "resources": {"requests": requests}}],
                },
            });
            if self.name == ROLLING.name {
                pod["spec"]["affinity"] = apart.clone();
                let cpu = format!("{}m", 1600 - 100 * number);
                pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!(cpu);
            }
            pod
        };
        (0..self.pods).map(pod).collect()
    }
}

fn requirement(text: &str) -> Value {
    let mut words = text.split(' ');
    let key = words.next().unwrap_or_default();
    let key = if key.contains('/') { key.to_owned() } else { format!("karpenter.k8s.aws/instance-{key}") };
    let operator = words.next().unwrap_or_default();
    let values: Vec<&str> = words.collect();
    let mut requirement = json!({"key": key, "operator": operator});
    if !values.is_empty() {
        requirement["values"] = json!(values);
    }
    requirement
}

/// The EC2NodeClasses, from the one that fits the account.
pub(crate) fn classes(base: &Value, subnets: &[Value]) -> Vec<Value> {
    let named = |name: &str, edit: &dyn Fn(&mut Value)| {
        let mut class = base.clone();
        class["metadata"]["name"] = json!(name);
        // A release that does not move by itself, unless it is the cause.
        class["spec"]["amiSelectorTerms"] = json!([{"alias": "al2023@v20261101"}]);
        edit(&mut class["spec"]);
        class
    };
    vec![
        named("default", &|_| ()),
        named("kubelet", &|spec| spec["kubelet"] = json!({"maxPods": 20, "systemReserved": {"cpu": "200m"}})),
        named("big-disk", &|spec| {
            let ebs = json!({"volumeSize": "200Gi", "volumeType": "gp3"});
            spec["blockDeviceMappings"] =
                json!([{"deviceName": "/dev/xvda", "rootVolume": true, "ebs": ebs}]);
        }),
        named("latest", &|spec| spec["amiSelectorTerms"] = json!([{"alias": "al2023@latest"}])),
        named("pinned", &|_| ()),
        named("subnet", &|spec| {
            let terms: Vec<Value> = subnets.iter().map(|subnet| json!({"id": subnet["id"]})).collect();
            spec["subnetSelectorTerms"] = json!(terms);
        }),
        named("group", &|_| ()),
        named("class-edit", &|_| ()),
    ]
}
