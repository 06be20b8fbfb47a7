//! What `preview` says of a recorded cluster: the same code, on the dump that Karpenter found.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use karp_common::catalog::{Provider, ProviderOptions, choose_provider};
use karp_common::snapshot::{Input, read};
use karp_common::term::{Out, Style};
use karp_core::model::Snapshot;
use karp_core::preview::preview;
use karp_core::provider::CloudProvider;
use karp_core::sim::{EventText, Outcome, SolveOptions, Synced, TieBreak, solve};
use serde_json::{Value, json};

/// A recorded cluster, read once.
pub(crate) struct Recording {
    snapshot: Snapshot,
    provider: Provider,
}

/// Our answer.
pub(crate) struct Ours {
    /// NodeClaims as the controller would create them, in order.
    pub(crate) claims: Vec<Value>,
    /// Every pod of the batch, by `namespace/name`.
    pub(crate) pods: BTreeMap<String, Place>,
    /// Whether the report says `one of`: something was a tie.
    pub(crate) has_ties: bool,
    /// Owner of every pod: those of one owner are alike.
    pub(crate) owners: BTreeMap<String, String>,
}

/// Where a pod goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To one of the NodeClaims, by position.
    New(usize),
    /// To a node that exists or is coming up.
    Existing(String),
    /// Nowhere, with the text of the event.
    Failed(String),
    /// Nowhere, and nothing is published.
    Silent,
}

impl Recording {
    /// Reads a dump.
    pub(crate) fn read(dump: &Path, instance_types: &Path) -> Result<Self> {
        let (mut out, captured) = Out::captured(Style::PIPE, Timestamp::now());
        let input = Input { from: vec![dump.display().to_string()], ..Input::default() };
        let failed = |error: karp_core::report::Error| anyhow!("{error}\n{}", captured.stderr());
        let snapshot = read(&input, &mut out).map_err(failed)?;
        let options = ProviderOptions {
            instance_types: Some(instance_types.to_owned()),
            ..ProviderOptions::at(snapshot.taken_at)
        };
        let provider = choose_provider(&snapshot, &options).map_err(failed)?.provider;
        Ok(Self { snapshot, provider })
    }

    /// Previews it, with ties settled so.
    pub(crate) fn preview(&self, ties: TieBreak) -> Ours {
        let Self { snapshot, provider } = self;
        let options = SolveOptions { ties, ..SolveOptions::guessed(snapshot) };
        let solution = solve(snapshot, provider, &options);
        let report = preview(snapshot, &solution, provider.labels());
        let claims = report.node_claims.iter();
        let claims = claims.map(|node| json!({"metadata": node.object.metadata, "spec": node.object.spec}));
        let has_ties = report.uncertain.iter().any(|word| word == "one-of");
        let mut ours =
            Ours { claims: claims.collect(), pods: BTreeMap::new(), has_ties, owners: BTreeMap::new() };
        for decision in &solution.pods {
            let name = format!("{}/{}", decision.namespace, decision.name);
            let place = match (&decision.outcome, &decision.event) {
                (Outcome::New { node_claim }, _) => Place::New(*node_claim),
                (Outcome::Existing { node }, _) => Place::Existing(node.to_string()),
                (_, EventText::FailedScheduling(text)) => {
                    let text = text.strip_prefix("Failed to schedule pod, ").unwrap_or(text);
                    Place::Failed(text.to_owned())
                }
                (_, EventText::None) => Place::Silent,
            };
            ours.pods.insert(name, place);
        }
        for pod in snapshot.objects.pods.iter().filter(|pod| pod.node_name.is_none()) {
            let name = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
            let owner = pod.metadata.controller().map_or(pod.metadata.name.as_str(), |owner| &owner.name);
            ours.owners.insert(name.clone(), format!("{}/{owner}", pod.metadata.namespace));
            if solution.synced != Synced::Yes {
                ours.pods.entry(name).or_insert(Place::Silent);
            }
        }
        ours
    }
}
