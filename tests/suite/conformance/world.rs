//! The fixture of the checklist: a small cluster that solves batches and launches what they ask for.
//!
//! Instance types, zones and prices are those of the checklist's fixture. Between batches a pretended launch turns
//! every NodeClaim into an initialized node of its cheapest instance type and binds the pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use karp_core::model::{
    AllowUndefined, ControllerSettings, InstanceType, LabelProfile, NodeClassReference, NodePool, Offering,
    Operator, RuleSet,
};
use karp_core::provider::{CloudProvider, InstanceTypesError, KwokProvider};
use karp_core::sim::{NewNodeClaim, Outcome, SolveOptions, solve};
use karp_tests::vectors::scheduling::snapshot;
use serde_json::{Value, json};

use super::objects::{Pods, Pool, put};
use super::run::Run;
use super::types;

pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";
pub(crate) const HOST: &str = "kubernetes.io/hostname";
pub(crate) const CAPACITY: &str = "karpenter.sh/capacity-type";
pub(crate) const ARCH: &str = "kubernetes.io/arch";
pub(crate) const OS: &str = "kubernetes.io/os";
pub(crate) const TYPE: &str = "node.kubernetes.io/instance-type";
pub(crate) const POOL: &str = "karpenter.sh/nodepool";
pub(crate) const Z1: &str = "test-zone-1";
pub(crate) const Z2: &str = "test-zone-2";
pub(crate) const Z3: &str = "test-zone-3";

/// A cluster, and what the controller is told.
pub(crate) struct World {
    /// Entries of the instance types file.
    pub(crate) types: Vec<Value>,
    /// Objects by (kind, namespace, name).
    items: BTreeMap<(String, String, String), Value>,
    pub(crate) settings: ControllerSettings,
    pub(crate) rules: RuleSet,
    pub(crate) options: SolveOptions,
    pub(crate) unsupported_provisioner: Option<&'static str>,
    pub(crate) unsupported_topology_key: Option<&'static str>,
    made: usize,
}

impl World {
    /// With these NodePools.
    pub(crate) fn of(pools: impl IntoIterator<Item = Pool>) -> Self {
        let mut world = Self {
            types: types::six(),
            items: BTreeMap::new(),
            settings: ControllerSettings::default(),
            rules: RuleSet::default(),
            options: SolveOptions::default(),
            unsupported_provisioner: None,
            unsupported_topology_key: None,
            made: 0,
        };
        for pool in pools {
            world.add(pool.0);
        }
        world
    }

    /// Under the rules before 1.15.
    pub(crate) fn before(mut self) -> Self {
        self.rules = RuleSet::Main202608;
        self
    }

    /// With other instance types.
    pub(crate) fn with(mut self, types: Vec<Value>) -> Self {
        self.types = types;
        self
    }

    /// Adds an object, or puts it in the place of its namesake.
    pub(crate) fn add(&mut self, item: Value) -> &mut Self {
        let text = |at: &str| item.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        self.items.insert(key, item);
        self
    }

    /// Adds several.
    pub(crate) fn add_all(mut self, items: impl IntoIterator<Item = Value>) -> Self {
        for item in items {
            self.add(item);
        }
        self
    }

    /// Creates pods; their names follow the order of creation.
    pub(crate) fn create(&mut self, groups: impl IntoIterator<Item = Pods>) {
        for group in groups {
            for _ in 0..group.count {
                self.made += 1;
                let number = format!("{:04}", self.made);
                let mut pod = group.object.clone();
                if pod["metadata"]["name"].is_null() {
                    pod["metadata"]["name"] = json!(format!("p{number}"));
                }
                pod["metadata"]["uid"] = json!(format!("uid-{number}"));
                self.add(pod);
            }
        }
    }

    /// One loop without consequences.
    pub(crate) fn solve(&self) -> Run {
        self.solve_in_order(self.items())
    }

    /// The same with the objects read in this order.
    pub(crate) fn solve_in_order(&self, items: Vec<Value>) -> Run {
        let now = "2026-08-20T12:00:00Z".parse().unwrap();
        let snapshot = snapshot(&items, self.settings.clone(), self.rules, now).unwrap();
        let solution = solve(&snapshot, &self.provider(), &self.options);
        Run { solution, snapshot }
    }

    /// All objects.
    pub(crate) fn items(&self) -> Vec<Value> {
        self.items.values().cloned().collect()
    }

    /// Creates pods and solves.
    pub(crate) fn ask(&mut self, groups: impl IntoIterator<Item = Pods>) -> Run {
        self.create(groups);
        self.solve()
    }

    /// Creates pods, solves, launches what is asked for and binds the pods.
    pub(crate) fn batch(&mut self, groups: impl IntoIterator<Item = Pods>) -> Run {
        let run = self.ask(groups);
        let names: Vec<String> = run.solution.node_claims.iter().map(|claim| self.launch(claim)).collect();
        for decision in &run.solution.pods {
            let node = match &decision.outcome {
                Outcome::New { node_claim } => names[*node_claim].clone(),
                Outcome::Existing { node } => node.to_string(),
                _ => continue,
            };
            let key = ("Pod".to_owned(), decision.namespace.to_string(), decision.name.to_string());
            let Some(pod) = self.items.get_mut(&key) else { continue };
            pod["spec"]["nodeName"] = json!(node);
            pod["status"] = json!({"phase": "Running"});
        }
        run
    }

    pub(crate) fn provider(&self) -> Fixture {
        let kwok = KwokProvider::from_values(self.types.clone()).unwrap();
        let set = |one: Option<&'static str>| one.map(CompactString::from).into_iter().collect();
        Fixture {
            kwok,
            provisioners: set(self.unsupported_provisioner),
            topology_keys: set(self.unsupported_topology_key),
        }
    }

    /// The pretended launch; the node's name.
    fn launch(&mut self, claim: &NewNodeClaim) -> String {
        let provider = self.provider();
        self.made += 1;
        let name = format!("{}-{:04}", claim.node_pool, self.made);
        let requests = &claim.object.spec.resources.requests;
        let chosen = claim
            .instance_types
            .iter()
            .filter_map(|name| provider.kwok.types().iter().find(|one| one.name == *name))
            .find(|one| requests.fits(&one.allocatable()))
            .unwrap();
        let open = AllowUndefined::WellKnown(provider.labels());
        let fits = |one: &&Offering| {
            one.is_launchable() && claim.requirements.compatible(&one.requirements, open).is_ok()
        };
        let mut offerings: Vec<&Offering> = chosen.offerings.iter().filter(fits).collect();
        offerings.sort_by_key(|one| one.capacity_type() != Some("reserved"));
        let offering = offerings[0];
        if let Some(id) = offering.reservation_id(provider.labels()) {
            types::use_reservation(&mut self.types, id);
        }
        let mut labels = json!(claim.object.metadata.labels);
        let single = chosen.requirements.iter().chain(offering.requirements.iter());
        for one in single.filter(|one| one.operator() == Operator::In && one.values.len() == 1) {
            labels[one.key.as_str()] = json!(one.values.first());
        }
        labels[OS] = json!("linux");
        for node in managed(&name, &claim.node_pool, labels, chosen, json!(claim.object.spec)) {
            self.add(node);
        }
        name
    }

    /// Pods bound to nodes, by value of a node label: `a 2, b 1`.
    pub(crate) fn by(&self, key: &str) -> String {
        let texts: Vec<String> =
            self.domains(key).iter().map(|(value, count)| format!("{value} {count}")).collect();
        texts.join(", ")
    }

    /// The same as bare numbers in ascending order: `1,1,2`.
    pub(crate) fn counts(&self, key: &str) -> String {
        let mut counts: Vec<usize> = self.domains(key).into_values().collect();
        counts.sort_unstable();
        counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// Running pods of the app `web`, by value of a label of their node.
    fn domains(&self, key: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let counts_here = |pod: &&Value| {
            pod["metadata"]["labels"]["app"] == "web"
                && pod["metadata"]["namespace"] == "default"
                && pod["metadata"]["deletionTimestamp"].is_null()
                && pod["status"]["phase"] == "Running"
        };
        for pod in self.of_kind("Pod").filter(counts_here) {
            let Some(node) = pod["spec"]["nodeName"].as_str() else { continue };
            let Some(node) = self.of_kind("Node").find(|item| item["metadata"]["name"] == node) else {
                continue;
            };
            let Some(value) = node["metadata"]["labels"][key].as_str() else { continue };
            *counts.entry(value.trim_start_matches("test-").to_owned()).or_default() += 1;
        }
        counts
    }

    /// Objects of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.items.iter().filter(move |(key, _)| key.0 == kind).map(|(_, item)| item)
    }

    /// Changes every object of a kind.
    pub(crate) fn change(&mut self, kind: &str, mut change: impl FnMut(&mut Value)) {
        self.items.iter_mut().filter(|(key, _)| key.0 == kind).for_each(|(_, item)| change(item));
    }

    /// Deletes objects of a kind.
    pub(crate) fn delete(&mut self, kind: &str, mut goes: impl FnMut(&Value) -> bool) {
        self.items.retain(|key, item| key.0 != kind || !goes(item));
    }
}

/// An initialized node and its NodeClaim.
pub(crate) fn managed(
    name: &str,
    pool: &str,
    mut labels: Value,
    of_type: &InstanceType,
    spec: Value,
) -> [Value; 2] {
    for (key, value) in [
        (POOL, pool),
        (HOST, name),
        ("karpenter.sh/registered", "true"),
        ("karpenter.sh/initialized", "true"),
    ] {
        labels[key] = json!(value);
    }
    let provider_id = format!("fake:///{name}");
    let resources = json!({"capacity": of_type.capacity, "allocatable": of_type.allocatable()});
    let mut status = resources.clone();
    put(&mut status, "providerID", json!(provider_id));
    put(&mut status, "nodeName", json!(name));
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": provider_id, "taints": spec["taints"]}, "status": resources,
    });
    let claim = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": {"name": name, "labels": labels},
        "spec": spec, "status": status,
    });
    [node, claim].map(|mut item| {
        if item["spec"]["taints"].is_null() {
            item["spec"].as_object_mut().unwrap().remove("taints");
        }
        item
    })
}

/// KWOK's instance types with a provider's refusals.
pub(crate) struct Fixture {
    pub(crate) kwok: KwokProvider,
    provisioners: BTreeSet<CompactString>,
    topology_keys: BTreeSet<CompactString>,
}

impl CloudProvider for Fixture {
    fn labels(&self) -> &LabelProfile {
        self.kwok.labels()
    }

    fn supports_node_class(&self, reference: &NodeClassReference) -> bool {
        self.kwok.supports_node_class(reference)
    }

    fn instance_types(&self, pool: &NodePool) -> Result<Arc<[InstanceType]>, InstanceTypesError> {
        self.kwok.instance_types(pool)
    }

    fn unsupported_provisioners(&self) -> &BTreeSet<CompactString> {
        &self.provisioners
    }

    fn unsupported_topology_keys(&self) -> &BTreeSet<CompactString> {
        &self.topology_keys
    }
}
