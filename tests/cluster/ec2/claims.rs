//! `preview` of a batch against the NodeClaims that Karpenter made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use jiff::Timestamp;
use karp_common::catalog::{ProviderOptions, choose_provider};
use karp_common::snapshot::{Input, read};
use karp_common::term::{Out, Style};
use karp_core::preview::preview;
use karp_core::provider::CloudProvider;
use karp_core::sim::{SolveOptions, solve};
use serde_json::{Value, json};

const TYPE: &str = "node.kubernetes.io/instance-type";

/// Compares them; the number of NodeClaims.
///
/// Every NodePool must have the same NodeClaims: requirements with their values (the controller writes types as a set),
/// requests, labels, annotations and taints. Our own list of types must rise in price, by the prices that AWS was
/// asked for; equal prices are in any order.
pub(crate) fn compare(dump: &Path, cache: &Path, theirs: &[Value], prices: &Prices) -> Result<usize> {
    let (mut out, captured) = Out::captured(Style::PIPE, Timestamp::now());
    let failed = |error: karp_core::report::Error| anyhow!("{error}\n{}", captured.stderr());
    let input = Input { from: vec![dump.display().to_string()], ..Input::default() };
    let snapshot = read(&input, &mut out).map_err(failed)?;
    let options = ProviderOptions { cache: Some(cache.to_owned()), ..ProviderOptions::at(Timestamp::now()) };
    let chosen = choose_provider(&snapshot, &options).map_err(failed)?;
    let said = chosen.prices.clone().unwrap_or_default();
    ensure!(said.contains("spot us-west-2"), "prices are not those of the refreshed catalog: {said}");
    let solution = solve(&snapshot, &chosen.provider, &SolveOptions::guessed(&snapshot));
    let report = preview(&snapshot, &solution, chosen.provider.labels());

    let mut differences = Vec::new();
    let mut ours: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &report.node_claims {
        let object = json!({"metadata": node.object.metadata, "spec": node.object.spec});
        ours.entry(node.node_pool.to_string()).or_default().push(signature(&object));
        let spot = node.capacity_types.iter().any(|kind| kind == "spot");
        let types: Vec<&str> = node.instance_types.iter().map(|name| name.as_str()).collect();
        differences.extend(
            prices.disorder(&types, spot, &node.zones).map(|text| format!("{}: {text}", node.node_pool)),
        );
    }
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for claim in theirs {
        let pool = claim["metadata"]["labels"]["karpenter.sh/nodepool"].as_str().unwrap_or_default();
        made.entry(pool.to_owned()).or_default().push(signature(claim));
    }
    for pool in ours.keys().chain(made.keys()).collect::<BTreeSet<_>>() {
        let sorted = |claims: Option<&Vec<String>>| {
            let mut claims = claims.cloned().unwrap_or_default();
            claims.sort();
            claims
        };
        let (ours, theirs) = (sorted(ours.get(pool)), sorted(made.get(pool)));
        if ours != theirs {
            differences.push(format!("{pool}\n    we say    {ours:?}\n    Karpenter {theirs:?}"));
        }
    }
    ensure!(differences.is_empty(), "{} differences:\n  {}", differences.len(), differences.join("\n  "));
    Ok(theirs.len())
}

/// What a NodeClaim asks for, as one text: equal texts are equal NodeClaims. What the launch adds is left out.
fn signature(claim: &Value) -> String {
    let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
    let mut requirements: Vec<String> = spec["requirements"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|requirement| {
            let mut values: Vec<&str> =
                requirement["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            values.sort_unstable();
            json!([requirement["key"], requirement["operator"], values, requirement["minValues"]]).to_string()
        })
        .collect();
    requirements.sort();
    json!({
        "team": metadata["labels"]["team"],
        "hash": metadata["annotations"]["karpenter.sh/nodepool-hash"],
        "requirements": requirements,
        "requests": spec["resources"]["requests"],
        "taints": spec["taints"],
        "nodeClassRef": spec["nodeClassRef"],
        "expireAfter": spec["expireAfter"],
    })
    .to_string()
}

/// Prices that the AWS server answers with.
pub(crate) struct Prices {
    on_demand: Value,
    spot: Value,
}

impl Prices {
    /// From the files of the server.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| -> Result<Value> {
            let whole: Value = serde_json::from_slice(&std::fs::read(folder.join(name))?)?;
            Ok(whole["us-west-2"].clone())
        };
        Ok(Self { on_demand: file("prices.json")?, spot: file("spot.json")? })
    }

    /// The first type that is cheaper than the one before it.
    fn disorder(&self, types: &[&str], spot: bool, zones: &[impl AsRef<str>]) -> Option<String> {
        let price = |name: &str| {
            let spot_prices = self.spot[name].as_object().into_iter().flatten();
            let in_zones =
                spot_prices.filter(|(zone, _)| zones.iter().any(|one| one.as_ref() == zone.as_str()));
            let lowest =
                in_zones.filter_map(|(_, price)| price.as_str()?.parse::<f64>().ok()).reduce(f64::min);
            if spot { lowest } else { self.on_demand[name].as_f64() }
        };
        types.windows(2).find_map(|pair| {
            let (before, after) = (price(pair[0])?, price(pair[1])?);
            (after < before - 1e-9)
                .then(|| format!("{} ({after}) comes after {} ({before})", pair[1], pair[0]))
        })
    }
}

/// How many types the NodeClaims name.
pub(crate) fn types(claims: &[Value]) -> usize {
    let requirements =
        claims.iter().flat_map(|claim| claim["spec"]["requirements"].as_array().into_iter().flatten());
    let of_type = requirements.filter(|requirement| requirement["key"] == TYPE);
    of_type.map(|requirement| requirement["values"].as_array().map_or(0, Vec::len)).sum()
}
