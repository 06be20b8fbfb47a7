//! What Karpenter did with a batch, read from the objects it created and the events it published.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use karp_cluster::{ControlPlane, wait};
use serde_json::{Value, json};

use super::stage::items;

/// How long Karpenter may take over one batch; a pod without any word by then was passed over.
const LIMIT: Duration = Duration::from_secs(20);

/// How long after the last word nothing more is expected: a batch's events come within a second.
const QUIET: Duration = Duration::from_secs(4);

/// Within this time, in whole seconds, the NodeClaims of one batch are created.
const ONE_BATCH: SignedDuration = SignedDuration::from_secs(2);

/// Karpenter's answer.
pub(crate) struct Observed {
    /// NodeClaims that were not in the dump, by name.
    pub(crate) claims: BTreeMap<String, Value>,
    /// Every pod of the batch, by `namespace/name`.
    pub(crate) pods: BTreeMap<String, Word>,
}

/// What Karpenter said about a pod, first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// `nodeclaim/x`, or `nodeclaim/x, node/y` for a node that exists.
    Nominated(String),
    /// The text after `Failed to schedule pod, `.
    Failed(String),
    /// No event within the limit: passed over, or dropped by the recorder's limit of five a second.
    Silent,
}

impl Observed {
    /// Waits for a word about every unbound pod of the dump.
    pub(crate) fn collect(plane: &ControlPlane, dump: &Value) -> Result<Self> {
        let kubectl = plane.kubectl();
        let batch: Vec<(String, String)> = items(dump)
            .iter()
            .filter(|item| item["kind"] == "Pod" && item["spec"]["nodeName"].is_null())
            .map(|pod| (key(&pod["metadata"]), text(&pod["metadata"]["uid"])))
            .collect();
        let mut pods: BTreeMap<String, Word> = BTreeMap::new();
        let mut last_word = Instant::now() + LIMIT - QUIET;
        let mut complete = || -> Result<Option<()>> {
            let events = kubectl.get(&["events", "-A"])?;
            let now: BTreeMap<String, Word> =
                batch.iter().map(|(name, uid)| (name.clone(), word(&events, uid))).collect();
            if now != pods && now.values().any(|word| *word != Word::Silent) {
                last_word = Instant::now();
            }
            pods = now;
            let is_complete = pods.values().all(|word| *word != Word::Silent);
            Ok((is_complete || Instant::now() > last_word + QUIET).then_some(()))
        };
        wait::until("Karpenter's word on the batch", LIMIT + QUIET, &mut complete)?;
        let known: Vec<&Value> = items(dump).iter().filter(|item| item["kind"] == "NodeClaim").collect();
        let list = kubectl.get(&["nodeclaims"])?;
        let claims = items(&list)
            .iter()
            .filter(|claim| known.iter().all(|old| old["metadata"]["uid"] != claim["metadata"]["uid"]))
            .map(|claim| (text(&claim["metadata"]["name"]), claim.clone()))
            .collect();
        Ok(Self { claims, pods })
    }

    /// Whether NodeClaims came at different times: those of one batch are created at once.
    pub(crate) fn is_parted(&self) -> bool {
        let times: BTreeSet<Timestamp> = self
            .claims
            .values()
            .filter_map(|claim| claim["metadata"]["creationTimestamp"].as_str()?.parse().ok())
            .collect();
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return false };
        last.duration_since(*first) > ONE_BATCH
    }

    /// Reads what was left in an evidence folder.
    pub(crate) fn from_json(value: &Value) -> Self {
        let claims = value["nodeClaims"].as_array().into_iter().flatten();
        let pods = value["pods"].as_object().into_iter().flatten();
        let word = |word: &Value| match (word["nominated"].as_str(), word["failed"].as_str()) {
            (Some(target), _) => Word::Nominated(target.to_owned()),
            (_, Some(message)) => Word::Failed(message.to_owned()),
            _ => Word::Silent,
        };
        Self {
            claims: claims.map(|claim| (text(&claim["metadata"]["name"]), claim.clone())).collect(),
            pods: pods.map(|(name, said)| (name.clone(), word(said))).collect(),
        }
    }

    /// For the evidence folder.
    pub(crate) fn to_json(&self) -> Value {
        let pods: BTreeMap<&str, Value> = self
            .pods
            .iter()
            .map(|(name, word)| {
                let value = match word {
                    Word::Nominated(target) => json!({"nominated": target}),
                    Word::Failed(message) => json!({"failed": message}),
                    Word::Silent => json!(null),
                };
                (name.as_str(), value)
            })
            .collect();
        json!({"pods": pods, "nodeClaims": self.claims.values().collect::<Vec<_>>()})
    }
}

/// Karpenter's first event about a pod; the scheduler's own FailedScheduling is another's word.
fn word(events: &Value, uid: &str) -> Word {
    let mut own: Vec<&Value> = items(events)
        .iter()
        .filter(|event| event["involvedObject"]["uid"] == uid)
        .filter(|event| {
            event["source"]["component"] == "karpenter" || event["reportingComponent"] == "karpenter"
        })
        .collect();
    own.sort_by_key(|event| text(&event["firstTimestamp"]));
    own.iter()
        .find_map(|event| {
            let message = text(&event["message"]);
            match event["reason"].as_str() {
                Some("Nominated") => message
                    .strip_prefix("Pod should schedule on: ")
                    .map(|target| Word::Nominated(target.to_owned())),
                Some("FailedScheduling") => message
                    .strip_prefix("Failed to schedule pod, ")
                    .map(|error| Word::Failed(error.to_owned())),
                _ => None,
            }
        })
        .unwrap_or(Word::Silent)
}

fn key(metadata: &Value) -> String {
    format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
