//! Compares our answer with Karpenter's: NodeClaims, which pods share a node, and the words about the others.
//!
//! Names of NodeClaims are Karpenter's own, so NodeClaims are paired by what they ask for, and nodes by the owners of
//! their pods: pods of one owner are alike, and which of them goes where is arbitrary. Where our answer says that
//! something was a tie, the simulator's answers for other ways to settle it will do as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use karp_core::sim::TieBreak;
use serde_json::{Value, json};

use super::observed::{Observed, Word};
use super::ours::{Ours, Place, Recording};
use super::placeholders::Placeholders;

/// Karpenter sends at most this many `Nominated` events at once: pods beyond may have no word.
const EVENTS_AT_ONCE: usize = 10;

/// Ways to settle ties that are tried.
const OTHER_ANSWERS: u64 = 500;

/// What came of a comparison.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// NodeClaims that were compared.
    pub(crate) claims: usize,
    /// Pods whose word was compared.
    pub(crate) pods: usize,
    /// Whether Karpenter settled a tie otherwise than we do.
    pub(crate) is_tie: bool,
    /// What differs; empty = it agrees.
    pub(crate) differences: Vec<String>,
}

impl Comparison {
    /// One line about an agreement.
    pub(crate) fn line(&self) -> String {
        let tie = if self.is_tie { ", one of a tie" } else { "" };
        format!("agrees: {} NodeClaims, {} pods{tie}", self.claims, self.pods)
    }

    /// The differences below each other.
    pub(crate) fn text(&self) -> String {
        self.differences.iter().fold(String::new(), |mut text, line| {
            let _ = write!(text, "\n  {line}");
            text
        })
    }
}

/// Compares our answer with theirs. Where ours says that something was a tie, any way to settle the ties will do,
/// and nothing else: each is another run of the simulator.
pub(crate) fn compare(recording: &Recording, theirs: &Observed) -> Comparison {
    let canonical = recording.preview(TieBreak::Smallest);
    let exact = compare_one(&canonical, theirs);
    if exact.differences.is_empty() || !canonical.has_ties {
        return exact;
    }
    let mut others =
        (0..OTHER_ANSWERS).map(|seed| compare_one(&recording.preview(TieBreak::Seeded(seed)), theirs));
    match others.find(|other| other.differences.is_empty()) {
        Some(tied) => Comparison { is_tie: true, ..tied },
        None => exact,
    }
}

fn compare_one(ours: &Ours, theirs: &Observed) -> Comparison {
    let mut differences = Vec::new();
    let our_claims: Vec<String> = ours.claims.iter().map(signature).collect();
    let their_claims: BTreeMap<&str, String> =
        theirs.claims.iter().map(|(name, claim)| (name.as_str(), signature(claim))).collect();
    compare_claims(&our_claims, their_claims.values(), &mut differences);
    compare_labels(ours, theirs, &mut differences);
    let named = theirs.pods.values().filter(|word| **word != Word::Silent).count();
    let is_complete = named < EVENTS_AT_ONCE;
    let our_hosts = Placeholders::of(ours.pods.values().filter_map(|place| match place {
        Place::Failed(text) => Some(text.as_str()),
        _ => None,
    }));
    let their_hosts = Placeholders::of(theirs.pods.values().filter_map(|word| match word {
        Word::Failed(text) => Some(text.as_str()),
        _ => None,
    }));
    let mut our_nodes: Nodes = BTreeMap::new();
    let mut their_nodes: Nodes = BTreeMap::new();
    for (pod, word) in &theirs.pods {
        let owner = ours.owners.get(pod).map_or(pod.as_str(), String::as_str);
        let place = ours.pods.get(pod).unwrap_or(&Place::Silent);
        match (place, word) {
            (Place::New(position), Word::Nominated(_) | Word::Silent) => {
                let what = our_claims.get(*position).map_or("?", String::as_str);
                add(&mut our_nodes, &format!("#{position}"), what, owner);
            }
            (Place::Existing(node), Word::Nominated(_) | Word::Silent) => {
                add(&mut our_nodes, node, node, owner);
            }
            (Place::Failed(text), Word::Failed(said))
                if our_hosts.ranked(text) == their_hosts.ranked(said) => {}
            (Place::Silent, Word::Silent) => {}
            (Place::Failed(_), Word::Silent) if !is_complete => {}
            (place, word) => differences.push(format!("pod {pod}: we say {place:?}\n    Karpenter {word:?}")),
        }
        if let (Word::Nominated(target), Place::New(_) | Place::Existing(_)) = (word, place) {
            let name = target
                .split(", ")
                .find_map(|part| part.strip_prefix("node/"))
                .or_else(|| target.split(", ").find_map(|part| part.strip_prefix("nodeclaim/")));
            let name = name.unwrap_or(target);
            let what = their_claims.get(name).map_or(name, String::as_str);
            add(&mut their_nodes, name, what, owner);
        }
        if matches!((word, place), (Word::Silent, Place::New(_) | Place::Existing(_))) && is_complete {
            differences.push(format!("pod {pod}: we say {place:?}, Karpenter says nothing"));
        }
    }
    compare_nodes(&our_nodes, &their_nodes, &mut differences);
    Comparison { claims: theirs.claims.len(), pods: named, is_tie: false, differences }
}

/// Nodes by name: what they are, and pods by owner.
type Nodes = BTreeMap<String, (String, BTreeMap<String, usize>)>;

fn add(nodes: &mut Nodes, name: &str, what: &str, owner: &str) {
    let node = nodes.entry(name.to_owned()).or_insert_with(|| (what.to_owned(), BTreeMap::new()));
    *node.1.entry(owner.to_owned()).or_default() += 1;
}

/// What a NodeClaim asks for, as one text: equal texts are equal NodeClaims.
fn signature(claim: &Value) -> String {
    let spec = &claim["spec"];
    let mut requirements: Vec<String> = spec["requirements"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|requirement| {
            let key = requirement["key"].as_str().unwrap_or_default();
            let mut values: Vec<&str> =
                requirement["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            values.sort_unstable();
            json!([key, requirement["operator"], values, requirement["minValues"]]).to_string()
        })
        .collect();
    requirements.sort();
    let asked = json!({
        "nodePool": claim["metadata"]["labels"]["karpenter.sh/nodepool"],
        "requirements": requirements,
        "requests": spec["resources"]["requests"],
        "taints": spec["taints"],
        "startupTaints": spec["startupTaints"],
        "nodeClassRef": spec["nodeClassRef"],
        "terminationGracePeriod": spec["terminationGracePeriod"],
    });
    sorted(&asked).to_string()
}

/// With the fields of every object in order: two servers need not write them alike.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> =
                fields.iter().map(|(name, value)| (name, sorted(value))).collect();
            json!(fields)
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

fn compare_claims<'a>(
    ours: &[String],
    theirs: impl Iterator<Item = &'a String>,
    differences: &mut Vec<String>,
) {
    let mut left: Vec<&String> = theirs.collect();
    let mut only_ours = Vec::new();
    for claim in ours {
        match left.iter().position(|their| *their == claim) {
            Some(at) => {
                left.remove(at);
            }
            None => only_ours.push(claim),
        }
    }
    differences.extend(only_ours.iter().map(|claim| format!("NodeClaim only we make:      {claim}")));
    differences.extend(left.iter().map(|claim| format!("NodeClaim Karpenter makes: {claim}")));
}

/// Labels and annotations that we say a NodeClaim is created with must be there; the launch adds more.
fn compare_labels(ours: &Ours, theirs: &Observed, differences: &mut Vec<String>) {
    for claim in &ours.claims {
        for field in ["labels", "annotations"] {
            let wanted = claim["metadata"][field].as_object().cloned().unwrap_or_default();
            let pool = &claim["metadata"]["labels"]["karpenter.sh/nodepool"];
            let of_pool: Vec<&Value> = theirs
                .claims
                .values()
                .filter(|their| their["metadata"]["labels"]["karpenter.sh/nodepool"] == *pool)
                .collect();
            let has_all = |their: &&Value| {
                wanted.iter().all(|(key, value)| their["metadata"][field][key.as_str()] == *value)
            };
            if !of_pool.is_empty() && !of_pool.iter().any(has_all) {
                let wanted = Value::Object(wanted);
                let has = &of_pool[0]["metadata"][field];
                differences.push(format!("{field} of a NodeClaim: we say {wanted}\n    Karpenter {has}"));
            }
        }
    }
}

/// Every node of theirs must have one of ours with the same signature and at least its pods.
fn compare_nodes(ours: &Nodes, theirs: &Nodes, differences: &mut Vec<String>) {
    let mut left: Vec<&(String, BTreeMap<String, usize>)> = ours.values().collect();
    let mut fullest: Vec<(&String, &(String, BTreeMap<String, usize>))> = theirs.iter().collect();
    fullest.sort_by_key(|(_, (_, pods))| std::cmp::Reverse(pods.values().sum::<usize>()));
    for (name, (what, pods)) in fullest {
        let holds = |mine: &&(String, BTreeMap<String, usize>)| {
            mine.0 == *what
                && pods.iter().all(|(owner, count)| mine.1.get(owner).copied().unwrap_or(0) >= *count)
        };
        match left.iter().position(holds) {
            Some(at) => {
                left.remove(at);
            }
            None => differences
                .push(format!("pods on {name}: Karpenter {pods:?}, we group otherwise: {:?}", {
                    ours.values().map(|(_, pods)| pods).collect::<Vec<_>>()
                })),
        }
    }
}
