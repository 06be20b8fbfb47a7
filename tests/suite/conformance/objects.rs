//! Objects of the table, in few words each.

use serde_json::{Value, json};

use super::world::{CAPACITY, HOST, ZONE};

/// Sets what stands at a path of names, `spec/affinity/nodeAffinity`, making what is missing.
pub(crate) fn put(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for name in path.split('/') {
        at = &mut at[name];
    }
    *at = value;
}

/// A NodePool.
#[derive(Clone)]
pub(crate) struct Pool(pub(super) Value);

impl Pool {
    /// Ready, with 2000 cpus to give.
    pub(crate) fn named(name: &str) -> Self {
        let conditions = ["ValidationSucceeded", "NodeClassReady", "Ready"]
            .map(|kind| json!({"type": kind, "status": "True"}));
        let class = json!({"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"});
        Self(json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
            "metadata": {"name": name, "uid": format!("uid-{name}")},
            "spec": {"limits": {"cpu": "2000"}, "template": {"spec": {"nodeClassRef": class, "requirements": []}}},
            "status": {"conditions": conditions},
        }))
    }

    /// `capacity-type Exists`.
    pub(crate) fn any_capacity(name: &str) -> Self {
        Self::named(name).needs(CAPACITY, "Exists", &[])
    }

    /// `capacity-type In [spot on-demand reserved]`.
    pub(crate) fn three_capacities(name: &str) -> Self {
        Self::named(name).needs(CAPACITY, "In", &["spot", "on-demand", "reserved"])
    }

    pub(crate) fn needs(self, key: &str, operator: &str, values: &[&str]) -> Self {
        self.needs_least(key, operator, values, None)
    }

    pub(crate) fn needs_least(
        mut self,
        key: &str,
        operator: &str,
        values: &[&str],
        least: Option<u32>,
    ) -> Self {
        let mut one = json!({"key": key, "operator": operator, "values": values});
        if let Some(least) = least {
            one["minValues"] = json!(least);
        }
        let list = self.0["spec"]["template"]["spec"]["requirements"].as_array_mut().unwrap();
        list.push(one);
        self
    }

    pub(crate) fn label(self, key: &str, value: &str) -> Self {
        self.set(&["spec", "template", "metadata", "labels", key], json!(value))
    }

    pub(crate) fn limit(self, resource: &str, quantity: &str) -> Self {
        self.set(&["spec", "limits"], json!({resource: quantity}))
    }

    pub(crate) fn weight(self, weight: u32) -> Self {
        self.set(&["spec", "weight"], json!(weight))
    }

    pub(crate) fn taint(mut self, key: &str, value: &str, effect: &str) -> Self {
        let taints = &mut self.0["spec"]["template"]["spec"]["taints"];
        let mut all = taints.as_array().cloned().unwrap_or_default();
        all.push(json!({"key": key, "value": value, "effect": effect}));
        *taints = json!(all);
        self
    }

    /// Sets what stands at a path of names that may hold slashes.
    pub(crate) fn set(mut self, path: &[&str], value: Value) -> Self {
        let mut at = &mut self.0;
        for name in path {
            at = &mut at[*name];
        }
        *at = value;
        self
    }
}

/// Equal pods of the app `web` in the namespace `default`.
#[derive(Clone)]
pub(crate) struct Pods {
    pub(crate) object: Value,
    pub(crate) count: usize,
}

/// Some that the scheduler found no place for.
pub(crate) fn pods(count: usize) -> Pods {
    let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {}}}]},
        "status": {"conditions": [condition]},
    });
    Pods { object, count }
}

/// One that asks for so much cpu.
pub(crate) fn pod(cpu: &str) -> Pods {
    pods(1).cpu(cpu)
}

impl Pods {
    pub(crate) fn named(self, name: &str) -> Self {
        self.set("metadata/name", json!(name))
    }

    pub(crate) fn cpu(self, quantity: &str) -> Self {
        self.request("cpu", quantity)
    }

    pub(crate) fn memory(self, quantity: &str) -> Self {
        self.request("memory", quantity)
    }

    pub(crate) fn request(mut self, resource: &str, quantity: &str) -> Self {
        self.object["spec"]["containers"][0]["resources"]["requests"][resource] = json!(quantity);
        self
    }

    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.object["metadata"]["labels"][key] = json!(value);
        self
    }

    pub(crate) fn app(self, app: &str) -> Self {
        self.label("app", app)
    }

    pub(crate) fn select(mut self, key: &str, value: &str) -> Self {
        self.object["spec"]["nodeSelector"][key] = json!(value);
        self
    }

    /// Runs on a node.
    pub(crate) fn on(self, node: &str) -> Self {
        self.set("spec/nodeName", json!(node)).set("status", json!({"phase": "Running"}))
    }

    /// One more required node-affinity term of one expression.
    pub(crate) fn or(self, key: &str, operator: &str, values: &[&str]) -> Self {
        let one = json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        self.push(
            "spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
            one,
        )
    }

    /// One more expression of the only required node-affinity term.
    pub(crate) fn need(mut self, key: &str, operator: &str, values: &[&str]) -> Self {
        let at = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions";
        match self.object.pointer_mut(at).and_then(Value::as_array_mut) {
            Some(list) => list.push(json!({"key": key, "operator": operator, "values": values})),
            None => self = self.or(key, operator, values),
        }
        self
    }

    pub(crate) fn prefer(self, weight: u32, key: &str, operator: &str, values: &[&str]) -> Self {
        let term = json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        let one = json!({"weight": weight, "preference": term});
        self.push("spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution", one)
    }

    /// Must be (`podAffinity`) or must not be (`podAntiAffinity`) where pods of an app are.
    pub(crate) fn required(self, kind: &str, key: &str, app: &str) -> Self {
        let one = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
        self.push(&format!("spec/affinity/{kind}/requiredDuringSchedulingIgnoredDuringExecution"), one)
    }

    pub(crate) fn near(self, key: &str, app: &str) -> Self {
        self.required("podAffinity", key, app)
    }

    pub(crate) fn apart(self, key: &str, app: &str) -> Self {
        self.required("podAntiAffinity", key, app)
    }

    /// The same, softly.
    pub(crate) fn preferred(self, kind: &str, key: &str, app: &str) -> Self {
        let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
        let one = json!({"weight": 1, "podAffinityTerm": term});
        self.push(&format!("spec/affinity/{kind}/preferredDuringSchedulingIgnoredDuringExecution"), one)
    }

    /// Spread hard over a key by at most one.
    pub(crate) fn spread(self, key: &str) -> Self {
        self.spread_so(json!({"topologyKey": key}))
    }

    /// Spread softly.
    pub(crate) fn spread_softly(self, key: &str) -> Self {
        self.spread_so(json!({"topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway"}))
    }

    /// A spread constraint with these fields; others as usual: hard, by one, over the app `web`.
    pub(crate) fn spread_so(self, fields: Value) -> Self {
        let mut one = json!({"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "topologyKey": ZONE,
                             "labelSelector": {"matchLabels": {"app": "web"}}});
        for (name, value) in fields.as_object().unwrap() {
            one[name] = value.clone();
        }
        self.push("spec/topologySpreadConstraints", one)
    }

    pub(crate) fn tolerate(self, key: &str, value: &str) -> Self {
        let one = match value {
            "" => json!({"key": key, "operator": "Exists"}),
            value => json!({"key": key, "operator": "Equal", "value": value}),
        };
        self.push("spec/tolerations", one)
    }

    pub(crate) fn host_port(self, port: u32) -> Self {
        let mut one = self;
        one.object["spec"]["containers"][0]["ports"] =
            json!([{"containerPort": port, "hostPort": port, "protocol": "TCP"}]);
        one
    }

    /// With a claim in the pod's namespace.
    pub(crate) fn volume(self, claim: &str) -> Self {
        self.push("spec/volumes", json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}}))
    }

    pub(crate) fn owner(self, api_version: &str, kind: &str, name: &str) -> Self {
        let one =
            json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": name, "controller": true});
        self.set("metadata/ownerReferences", json!([one]))
    }

    pub(crate) fn set(mut self, path: &str, value: Value) -> Self {
        put(&mut self.object, path, value);
        self
    }

    fn push(mut self, path: &str, one: Value) -> Self {
        let pointer = format!("/{path}");
        let mut list = self.object.pointer(&pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        list.push(one);
        put(&mut self.object, path, json!(list));
        self
    }
}

/// A node that no NodeClaim stands for, with 16 cpus.
pub(crate) fn node(name: &str, labels: &[(&str, &str)]) -> Value {
    let mut all = json!({HOST: name});
    for (key, value) in labels {
        all[*key] = json!(value);
    }
    let resources = json!({"cpu": "16", "memory": "64Gi", "pods": "110"});
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": all},
           "spec": {"providerID": format!("other:///{name}")},
           "status": {"capacity": resources, "allocatable": resources}})
}

/// A DaemonSet whose pods ask for this.
pub(crate) fn daemon_set(name: &str, requests: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": "default"},
           "spec": {"selector": {"matchLabels": {"daemon": name}}, "template": {"spec": {"containers": [
               {"name": "c", "resources": {"requests": requests}}]}}}})
}

/// A DaemonSet with more in its pod spec.
pub(crate) fn daemon_set_with(name: &str, requests: Value, path: &str, value: Value) -> Value {
    let mut set = daemon_set(name, requests);
    put(&mut set, &format!("spec/template/spec/{path}"), value);
    set
}

/// Required node affinity: a list of terms, each of one expression.
pub(crate) fn node_terms(terms: &[(&str, &str, &[&str])]) -> Value {
    let terms: Vec<Value> = terms
        .iter()
        .map(|(key, operator, values)| {
            json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
        })
        .collect();
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
}
