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

/// The controller keeps so many types of a NodeClaim, cheapest first.
const KEPT: usize = 600;

/// What was compared.
pub(crate) struct Compared {
    /// NodePools whose NodeClaims are equal.
    pub(crate) pools: usize,
    /// NodeClaims of them.
    pub(crate) claims: usize,
    /// Instance types that they name.
    pub(crate) types: usize,
}

/// Compares them.
///
/// Every NodePool must have the same NodeClaims: requirements with their values (the controller writes types as a set),
/// requests, labels, annotations and taints. Our own list of types must rise in price, by the prices that AWS was
/// asked for; equal prices are in any order, also where the list is cut.
pub(crate) fn compare(dump: &Path, cache: &Path, theirs: &[Value], prices: &Prices) -> Result<Compared> {
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
    let mut ours: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for node in &report.node_claims {
        let object = json!({"metadata": node.object.metadata, "spec": node.object.spec});
        let spot = node.capacity_types.iter().any(|kind| kind == "spot");
        let price = |name: &str| prices.of(name, spot, &node.zones);
        let listed: Vec<&str> = node.instance_types.iter().map(|name| name.as_str()).collect();
        differences.extend(disorder(&listed, &price).map(|text| format!("{}: {text}", node.node_pool)));
        let mut claim = Claim::of(&object);
        // The sort is not stable: which of several types of one price are the last that are kept is left to chance.
        if listed.len() == KEPT {
            claim.last_price = listed.last().and_then(|name| price(name));
            claim.prices = prices.all(spot, &node.zones);
        }
        ours.entry(node.node_pool.to_string()).or_default().push(claim);
    }
    let mut made: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for claim in theirs {
        let pool = claim["metadata"]["labels"]["karpenter.sh/nodepool"].as_str().unwrap_or_default();
        made.entry(pool.to_owned()).or_default().push(Claim::of(claim));
    }
    let mut compared = Compared { pools: 0, claims: theirs.len(), types: 0 };
    for pool in ours.keys().chain(made.keys()).cloned().collect::<BTreeSet<_>>() {
        let (mut ours, mut theirs) =
            (ours.remove(&pool).unwrap_or_default(), made.remove(&pool).unwrap_or_default());
        ours.sort_by(|one, other| one.rest.cmp(&other.rest));
        theirs.sort_by(|one, other| one.rest.cmp(&other.rest));
        let mut texts: Vec<String> =
            ours.iter().zip(&theirs).filter_map(|(ours, theirs)| ours.difference(theirs)).collect();
        if ours.len() != theirs.len() {
            texts.push(format!("{} NodeClaims, Karpenter made {}", ours.len(), theirs.len()));
        }
        if texts.is_empty() {
            compared.pools += 1;
            compared.types += theirs.iter().map(|claim| claim.types.len()).sum::<usize>();
        }
        differences.extend(texts.into_iter().map(|text| format!("{pool}: {text}")));
    }
    ensure!(differences.is_empty(), "{} differences:\n  {}", differences.len(), differences.join("\n  "));
    Ok(compared)
}

/// What a NodeClaim asks for. What the launch adds is left out.
struct Claim {
    /// All but its types, as one text.
    rest: String,
    types: BTreeSet<String>,
    /// Price of the last type that is kept, where the list is cut.
    last_price: Option<f64>,
    prices: BTreeMap<String, f64>,
}

impl Claim {
    fn of(claim: &Value) -> Self {
        let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
        let mut requirements = Vec::new();
        let mut types = BTreeSet::new();
        for requirement in spec["requirements"].as_array().into_iter().flatten() {
            let values = requirement["values"].as_array().into_iter().flatten();
            let mut values: Vec<&str> = values.filter_map(Value::as_str).collect();
            values.sort_unstable();
            if requirement["key"] == TYPE && requirement["operator"] == "In" {
                types.extend(values.into_iter().map(str::to_owned));
                values = vec!["<the types>"];
            }
            requirements.push(
                json!([requirement["key"], requirement["operator"], values, requirement["minValues"]])
                    .to_string(),
            );
        }
        requirements.sort();
        let rest = json!({
            "team": metadata["labels"]["team"],
            "hash": metadata["annotations"]["karpenter.sh/nodepool-hash"],
            "requirements": requirements,
            "requests": spec["resources"]["requests"],
            "taints": spec["taints"],
            "nodeClassRef": spec["nodeClassRef"],
            "expireAfter": spec["expireAfter"],
        });
        Self { rest: rest.to_string(), types, last_price: None, prices: BTreeMap::new() }
    }

    /// What differs, in words.
    fn difference(&self, theirs: &Self) -> Option<String> {
        if self.rest != theirs.rest {
            return Some(format!("we say {}\n    Karpenter {}", self.rest, theirs.rest));
        }
        let settled = |name: &&String| {
            let price = self.prices.get(*name);
            price.zip(self.last_price).is_none_or(|(price, last)| (price - last).abs() > 1e-9)
        };
        let only = |ours: &Self, theirs: &Self| -> Vec<String> {
            ours.types.difference(&theirs.types).filter(settled).cloned().collect()
        };
        let (more, less) = (only(self, theirs), only(theirs, self));
        let same = more.is_empty() && less.is_empty() && self.types.len() == theirs.types.len();
        (!same).then(|| {
            let counts = format!("{} types, Karpenter {}", self.types.len(), theirs.types.len());
            format!("{counts}; only we say {more:?}; only Karpenter says {less:?}")
        })
    }
}

/// The first type that is cheaper than the one before it.
fn disorder(types: &[&str], price: &impl Fn(&str) -> Option<f64>) -> Option<String> {
    types.windows(2).find_map(|pair| {
        let (before, after) = (price(pair[0])?, price(pair[1])?);
        (after < before - 1e-9).then(|| format!("{} ({after}) comes after {} ({before})", pair[1], pair[0]))
    })
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

    /// The price by which the controller sorts.
    fn of(&self, name: &str, spot: bool, zones: &[impl AsRef<str>]) -> Option<f64> {
        if !spot {
            return self.on_demand[name].as_f64();
        }
        let in_zones = self.spot[name]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(zone, _)| zones.iter().any(|one| one.as_ref() == zone.as_str()));
        in_zones.filter_map(|(_, price)| price.as_str()?.parse::<f64>().ok()).reduce(f64::min)
    }

    fn all(&self, spot: bool, zones: &[impl AsRef<str>]) -> BTreeMap<String, f64> {
        let names = self.on_demand.as_object().into_iter().flatten().map(|(name, _)| name);
        names.filter_map(|name| Some((name.clone(), self.of(name, spot, zones)?))).collect()
    }
}
