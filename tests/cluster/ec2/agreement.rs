//! Our reasons against the controller's `Drifted` conditions, NodeClaim by NodeClaim.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use karp_cluster::wait;

use crate::stage::{Stage, condition, is_true, items, name, text};

/// Waits until both say the same: a condition may lag behind what changed last. NodeClaims by reason.
pub(crate) fn agree(stage: &mut Stage<'_>, drifted: usize) -> Result<BTreeMap<String, usize>> {
    let mut last = None;
    let waited = wait::until("Karpenter and us to say the same", Duration::from_secs(60), || {
        stage.aws.karpenter.check()?;
        Ok(match compare(stage, drifted) {
            Ok(reasons) => Some(reasons),
            Err(error) => {
                last = Some(error);
                None
            }
        })
    });
    waited.map_err(|error| last.unwrap_or(error))
}

/// The controller's `Drifted` of every NodeClaim against the first reason that we find ourselves.
fn compare(stage: &Stage<'_>, drifted: usize) -> Result<BTreeMap<String, usize>> {
    let claims = stage.claims()?;
    let ours = items(&stage.report(&[])?, "nodeClaims");
    ensure!(ours.len() == claims.len(), "{} NodeClaims, we know {}", claims.len(), ours.len());
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for claim in claims {
        let name = name(&claim);
        let said = condition(&claim, "Drifted").filter(|_| is_true(&claim, "Drifted"));
        let said = said.map(|condition| text(&condition["reason"]));
        let own = ours.iter().find(|own| own["name"] == *name).context("a NodeClaim is not in the report")?;
        let first = own["reasons"][0]["reason"].as_str().map(str::to_owned);
        ensure!(said == first, "{name}: Karpenter says {said:?}, we find {first:?}: {own}");
        ensure!(own["controller"] == "agrees", "{name}: {own}");
        let unchecked = own["unchecked"].as_array().map_or(0, Vec::len);
        ensure!(unchecked == 0, "{name} was not looked at in full: {own}");
        if let Some(reason) = said {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    ensure!(reasons.values().sum::<usize>() == drifted, "{reasons:?}, not {drifted} in all");
    Ok(reasons)
}
