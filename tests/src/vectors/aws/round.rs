//! The first scheduling round: pods and the NodeClaims created for them.

use std::collections::BTreeSet;

use anyhow::Result;
use compact_str::CompactString;
use karp_core::model::{AllowUndefined, Requirements, ResourceList, Snapshot, Taint, label_key};
use karp_core::provider::CloudProvider;
use karp_core::provider::aws::AwsProvider;
use karp_core::sim::{NewNodeClaim, Outcome, PodDecision, Solution};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::compare::Difference;
use super::super::documents::text;
use super::fleet::difference;

/// Types a NodeClaim may list.
const MAX_TYPES: usize = 600;
/// Keys that only the recording controller's main registers as well known, and its domain.
const KWOK_KEYS: [&str; 4] = [
    "karpenter.kwok.sh/instance-cpu ",
    "karpenter.kwok.sh/instance-family ",
    "karpenter.kwok.sh/instance-memory ",
    "karpenter.kwok.sh/instance-size ",
];
const KWOK_DOMAIN: &str = "karpenter.kwok.sh ";

/// Our round.
pub(super) struct Round<'a> {
    snapshot: &'a Snapshot,
    provider: &'a AwsProvider,
    solution: &'a Solution,
    /// Positions of our NodeClaims by their smallest pod name.
    pub(super) order: Vec<usize>,
    /// Whether the zones of a spread tied: which NodeClaim takes which of them is left to chance.
    zones_tied: bool,
}

impl<'a> Round<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, provider: &'a AwsProvider, solution: &'a Solution) -> Self {
        let zones_tied = solution.choices.iter().any(|choice| choice.key == label_key::ZONE);
        let mut round = Self { snapshot, provider, solution, order: Vec::new(), zones_tied };
        let mut order: Vec<usize> = (0..solution.node_claims.len()).collect();
        order.sort_by_key(|at| round.pods_of(&solution.node_claims[*at]).into_iter().next());
        round.order = order;
        round
    }

    /// Our NodeClaim at a place of the recorded order.
    pub(super) fn claim(&self, at: usize) -> Option<&'a NewNodeClaim> {
        self.order.get(at).map(|position| &self.solution.node_claims[*position])
    }

    /// Where zones tied, brings our NodeClaims into the order of the recorded ones by zone.
    pub(super) fn follow_zones(&mut self, recorded: &[Value]) {
        if !self.zones_tied || recorded.len() != self.order.len() {
            return;
        }
        let zone =
            |claim: &NewNodeClaim| claim.requirements.get(label_key::ZONE).map(|zones| zones.values.clone());
        let theirs = recorded.iter().map(|claim| {
            let requirements = claim["created"]["requirements"].as_array().into_iter().flatten();
            let mut zones = requirements.filter(|each| each["key"] == label_key::ZONE);
            zones.next().and_then(|zones| BTreeSet::<CompactString>::deserialize(&zones["values"]).ok())
        });
        let found: Option<Vec<usize>> = theirs
            .map(|zones| self.order.iter().copied().find(|at| zone(&self.solution.node_claims[*at]) == zones))
            .collect();
        if let Some(order) = found.filter(|order| order.iter().collect::<BTreeSet<_>>().len() == order.len())
        {
            self.order = order;
        }
    }

    fn pods_of(&self, claim: &NewNodeClaim) -> BTreeSet<CompactString> {
        claim.pods.iter().filter_map(|at| self.solution.pods.get(*at)).map(|pod| pod.name.clone()).collect()
    }

    /// Differences in what happens to each recorded pod.
    pub(super) fn pods(&self, recorded: &[Value]) -> Vec<Difference> {
        let mut found = Vec::new();
        for pod in recorded {
            let name = text(pod, "name");
            let ours = self.outcome(name);
            let mut theirs = pod.clone();
            if self.zones_tied
                && let (Some(_), Some(_)) = (theirs.get("nodeClaim"), ours.get("nodeClaim"))
            {
                theirs["nodeClaim"] = ours["nodeClaim"].clone();
            }
            if let Some(error) = pod["error"].as_str() {
                theirs["error"] = json!(without_kwok(error));
            }
            if theirs != ours {
                found.push(difference(&format!("pods.{name}"), theirs, ours));
            }
        }
        found
    }

    fn outcome(&self, name: &str) -> Value {
        let mut fields = Map::new();
        let mut say = |field: &str, value: Value| fields.insert(field.to_owned(), value);
        say("name", json!(name));
        let pods = self.snapshot.objects.pods.iter();
        let bound = pods.filter(|pod| pod.metadata.name == name).find_map(|pod| pod.node_name.as_ref());
        let decision = self.solution.pods.iter().find(|decision| decision.name == name);
        let outcome = match decision.map(|PodDecision { outcome, .. }| outcome) {
            _ if bound.is_some() => {
                say("node", json!(bound));
                "boundByScheduler"
            }
            None => "nothing",
            Some(Outcome::Existing { node }) => {
                let is_node = self.snapshot.objects.nodes.iter().any(|each| each.metadata.name == *node);
                say(if is_node { "node" } else { "existingNodeClaim" }, json!(node));
                "existing"
            }
            Some(Outcome::New { node_claim }) => {
                say("nodeClaim", json!(self.order.iter().position(|at| at == node_claim)));
                "new"
            }
            Some(Outcome::Error { error } | Outcome::Deferred { error } | Outcome::Ignored { error }) => {
                say("error", json!(error.strip_prefix("ignoring pod, ").unwrap_or(error)));
                "error"
            }
            Some(Outcome::NotConsidered(_)) => "notConsidered",
            Some(Outcome::NotModelled(_)) => "notModelled",
        };
        say("outcome", json!(outcome));
        Value::Object(fields)
    }

    /// Differences between a NodeClaim of ours and the recorded one, as created.
    pub(super) fn created(
        &self,
        ours: &NewNodeClaim,
        recorded: &Value,
        at: usize,
    ) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        let created = &recorded["created"];
        let mut expect = |field: &str, theirs: Value, ours: Value| {
            if theirs != ours {
                found.push(difference(&format!("nodeClaims[{at}].{field}"), theirs, ours));
            }
        };
        let object = &ours.object;
        expect("nodePool", recorded["nodePool"].clone(), json!(ours.node_pool));
        if self.zones_tied {
            let number = recorded["pods"].as_array().map_or(0, Vec::len);
            expect("pods", json!(number), json!(ours.pods.len()));
        } else {
            expect("pods", recorded["pods"].clone(), json!(self.pods_of(ours)));
        }
        expect("labels", created["labels"].clone(), json!(object.metadata.labels));
        expect("annotations", created["annotations"].clone(), json!(object.metadata.annotations));
        expect("nodeClassRef", created["nodeClassRef"].clone(), json!(object.spec.node_class_ref));
        expect("expireAfter", created["expireAfter"].clone(), json!(object.spec.expire_after));
        let grace = json!(object.spec.termination_grace_period);
        expect("terminationGracePeriod", created["terminationGracePeriod"].clone(), grace);
        for (field, taints) in
            [("taints", &object.spec.taints), ("startupTaints", &object.spec.startup_taints)]
        {
            let theirs: Vec<Taint> = Option::deserialize(&created[field])?.unwrap_or_default();
            let ours: Vec<Taint> = taints.to_vec();
            if theirs != ours {
                expect(field, created[field].clone(), json!(ours));
            }
        }
        if ResourceList::deserialize(&created["requests"])? != object.spec.resources.requests {
            expect("requests", created["requests"].clone(), json!(object.spec.resources.requests));
        }
        let theirs = requirement_set(&created["requirements"]);
        let mine = requirement_set(&json!(object.spec.requirements));
        expect("requirements", json!(theirs.0), json!(mine.0));
        let (missing, extra) = self.unexplained(ours, &theirs.1, &mine.1);
        expect("instanceTypes.missing", json!(missing), json!([]));
        expect("instanceTypes.tooMany", json!([]), json!(extra));
        Ok(found)
    }

    /// Types on one side only that a tie at the cut does not explain.
    fn unexplained(
        &self,
        claim: &NewNodeClaim,
        theirs: &BTreeSet<String>,
        ours: &BTreeSet<String>,
    ) -> (Vec<String>, Vec<String>) {
        let is_cut = theirs.len() == MAX_TYPES && ours.len() == MAX_TYPES;
        let dearest = claim.prices.iter().copied().fold(0.0, f64::max);
        let tied = |name: &&String| is_cut && self.price(claim, name) == Some(dearest);
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
            a.difference(b).filter(|name| !tied(name)).cloned().collect()
        };
        (only(theirs, ours), only(ours, theirs))
    }

    /// The price a type is ranked by in a NodeClaim.
    fn price(&self, claim: &NewNodeClaim, name: &str) -> Option<f64> {
        let pool = self.solution.node_pools.iter().find(|pool| pool.name == claim.node_pool)?;
        let each = pool.instance_types.iter().find(|each| each.name == name)?;
        let mut requirements: Requirements = (*claim.requirements).clone();
        requirements.remove(label_key::INSTANCE_TYPE);
        let well_known = AllowUndefined::WellKnown(self.provider.labels());
        let offerings = each.offerings.iter().filter(|offering| offering.is_launchable());
        let compatible =
            offerings.filter(|offering| requirements.compatible(&offering.requirements, well_known).is_ok());
        compatible.map(|offering| offering.price).min_by(f64::total_cmp)
    }
}

/// Requirements as sets, and the types they list apart.
fn requirement_set(requirements: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut set, mut types) = (BTreeSet::new(), BTreeSet::new());
    for requirement in requirements.as_array().into_iter().flatten() {
        let values: BTreeSet<String> =
            requirement["values"].as_array().into_iter().flatten().map(|value| value.to_string()).collect();
        if requirement["key"] == label_key::INSTANCE_TYPE && requirement["operator"] == "In" {
            types = values.iter().map(|value| value.trim_matches('"').to_owned()).collect();
            set.insert(format!("{} minValues {}", label_key::INSTANCE_TYPE, requirement["minValues"]));
        } else {
            let values: Vec<String> = values.into_iter().collect();
            set.insert(format!(
                "{} {} {} minValues {}",
                text(requirement, "key"),
                text(requirement, "operator"),
                values.join(","),
                requirement["minValues"]
            ));
        }
    }
    (set, types)
}

/// An error text without the keys that only the recording controller's main knows.
fn without_kwok(error: &str) -> String {
    let mut text = error.to_owned();
    for key in KWOK_KEYS {
        text = text.replace(key, "");
    }
    text.replace(KWOK_DOMAIN, "")
}
