//! The AWS account the vectors were recorded in.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, anyhow};
use compact_str::CompactString;
use karp_common::catalog::embedded;
use karp_core::model::{Catalog, CatalogOrigin, CatalogZone, ControllerSettings, PriceKnowledge};
use serde::Deserialize;

use super::super::files;

const REGION: &str = "us-west-2";

/// Instance types and prices as its controller saw them, and its subnets.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) catalog: Arc<Catalog>,
    pub(super) settings: ControllerSettings,
    /// Free addresses by subnet id, when a scenario starts.
    pub(super) free_addresses: BTreeMap<CompactString, i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ec2 {
    describe_subnets: Vec<Subnet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Subnet {
    subnet_id: CompactString,
    availability_zone: CompactString,
    availability_zone_id: CompactString,
    available_ip_address_count: i64,
}

impl Account {
    /// The account of `data` in a folder of vectors; `kind` = `launch` or `drift`. Read once.
    pub(super) fn of(folder: &Path, kind: &str) -> Result<Arc<Account>> {
        type Known = HashMap<(PathBuf, String), Arc<Account>>;
        static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
        let known = KNOWN.get_or_init(Mutex::default);
        let mut known = known.lock().map_err(|_| anyhow!("another scenario panicked"))?;
        let key = (folder.to_owned(), kind.to_owned());
        if let Some(account) = known.get(&key) {
            return Ok(Arc::clone(account));
        }
        let account = Self::read(folder, kind).with_context(|| format!("data of {}", folder.display()))?;
        let account = Arc::new(account);
        known.insert(key, Arc::clone(&account));
        Ok(account)
    }

    fn read(folder: &Path, kind: &str) -> Result<Self> {
        let read = |name: &str| files::read_json(&files::plain_or_packed(&folder.join("data").join(name))?);
        let mut ec2: BTreeMap<String, Ec2> = serde_json::from_value(read("ec2.json")?)?;
        let ec2 = ec2.remove(kind).with_context(|| format!("ec2.json has no account {kind:?}"))?;
        let mut prices: BTreeMap<String, BTreeMap<CompactString, f64>> =
            serde_json::from_value(read("prices.json")?)?;
        let prices = prices.remove(REGION).unwrap_or_default();
        let mut spot: BTreeMap<String, BTreeMap<CompactString, BTreeMap<CompactString, String>>> =
            serde_json::from_value(read("spot.json")?)?;
        let spot = spot.remove(REGION).unwrap_or_default();
        let ids: BTreeMap<&CompactString, &CompactString> = ec2
            .describe_subnets
            .iter()
            .map(|subnet| (&subnet.availability_zone, &subnet.availability_zone_id))
            .collect();

        let mut catalog = embedded(REGION)?;
        // The EC2 double loses types that list i386 beside x86_64.
        catalog.entries.retain(|entry| entry.instance_type.processor_info.supported_architectures.len() == 1);
        for entry in &mut catalog.entries {
            let name = CompactString::from(entry.name());
            entry.on_demand_price = prices.get(&name).copied();
            entry.spot_prices.clear();
            for (zone, price) in spot.get(&name).into_iter().flatten() {
                let id = ids.get(zone).with_context(|| format!("no subnet tells the id of zone {zone}"))?;
                entry.spot_prices.insert((*id).clone(), price.parse()?);
            }
        }
        catalog.zones = ids
            .iter()
            .map(|(name, id)| CatalogZone { id: (*id).clone(), name: Some((*name).clone()) })
            .collect();
        catalog.on_demand = PriceKnowledge::Complete { region: REGION.into() };
        catalog.spot = PriceKnowledge::Complete { region: REGION.into() };
        catalog.origin = CatalogOrigin::File;
        let mut settings = ControllerSettings {
            version: Some("1.15.0".into()),
            cluster_name: Some("workshop".into()),
            cluster_ca_bundle: Some(String::new()),
            eks_control_plane: true,
            ..ControllerSettings::default()
        };
        settings.feature_gates.insert("ReservedCapacity".into(), false);
        let free = ec2.describe_subnets.iter();
        let free = free.map(|subnet| (subnet.subnet_id.clone(), subnet.available_ip_address_count));
        Ok(Self { catalog: Arc::new(catalog), settings, free_addresses: free.collect() })
    }
}
