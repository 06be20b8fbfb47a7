//! A catalog of one region as AWS tells it now.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use karp_common::catalog::StaticTables;
use karp_core::model::{Catalog, CatalogOrigin, CatalogZone, PriceKnowledge, TableSource};

use crate::instance_types::{instance_types, offerings, zones};
use crate::prices::{SpotZone, on_demand_prices, spot_prices};
use crate::{AwsError, Connection};

/// A catalog and what could not be read for it.
#[derive(Debug, Clone)]
pub struct LiveCatalog {
    /// The catalog.
    pub catalog: Catalog,
    /// What is missing, and what stands for it.
    pub gaps: Vec<String>,
}

/// Reads instance types, offerings, zones, spot prices and list prices. Without the first two there is no catalog;
/// what else is refused comes back as a gap.
///
/// # Errors
/// When AWS cannot be reached, or refuses instance types or offerings.
pub async fn read_catalog(
    connection: &Connection,
    tables: &StaticTables,
    now: Timestamp,
) -> Result<LiveCatalog, AwsError> {
    let account = connection.account().await?;
    let (types, offerings, zones, spot, list) = tokio::join!(
        instance_types(connection),
        offerings(connection),
        zones(connection),
        spot_prices(connection, now),
        list_prices(connection),
    );
    let (types, mut offerings) = (types?, offerings?);
    let mut gaps = Vec::new();
    let zones = zones.unwrap_or_else(|error| {
        gaps.push(format!("zone names: {error}"));
        let mut ids: Vec<CompactString> = offerings.values().flatten().cloned().collect();
        ids.sort();
        ids.dedup();
        ids.into_iter().map(|id| CatalogZone { id, name: None }).collect()
    });
    let region = connection.region.clone();
    let entries = types.into_iter().map(|raw| {
        let zones = offerings.remove(&raw.instance_type).unwrap_or_default();
        tables.entry(&region, raw, zones)
    });
    let mut catalog = Catalog {
        api_version: Catalog::API_VERSION.into(),
        kind: Catalog::KIND.into(),
        region: region.clone(),
        origin: CatalogOrigin::Live { account, read_at: now },
        sources: vec![
            live("instance types", "ec2:DescribeInstanceTypes", now),
            live("offerings", "ec2:DescribeInstanceTypeOfferings", now),
        ],
        zones,
        on_demand: PriceKnowledge::Partial { region: tables.price_region(&region).into() },
        spot: PriceKnowledge::None,
        entries: entries.collect(),
        priced_without_data: Vec::new(),
    };
    catalog.sort();
    let embedded = ["VPC limits", "network bandwidth"].into_iter().filter_map(|table| tables.source(table));
    catalog.sources.extend(embedded.cloned());
    add_list(&mut catalog, list, tables, now, &mut gaps);
    match spot {
        Ok(spot) => add_spot(&mut catalog, spot, now),
        Err(error) => gaps.push(format!("spot prices: {error}; their on-demand price is their ceiling")),
    }
    Ok(LiveCatalog { catalog, gaps })
}

/// The controller never asks for the list in GovCloud.
async fn list_prices(connection: &Connection) -> Option<Result<BTreeMap<CompactString, f64>, AwsError>> {
    if connection.region.starts_with("us-gov") {
        return None;
    }
    Some(on_demand_prices(connection).await)
}

/// List prices over the embedded ones, as the controller merges them.
fn add_list(
    catalog: &mut Catalog,
    list: Option<Result<BTreeMap<CompactString, f64>, AwsError>>,
    tables: &StaticTables,
    now: Timestamp,
    gaps: &mut Vec<String>,
) {
    let embedded = tables.price_source(&catalog.region);
    match list {
        Some(Ok(list)) if !list.is_empty() => {
            for entry in &mut catalog.entries {
                let price = list.get(entry.name()).copied();
                entry.on_demand_price = price.or(entry.on_demand_price);
            }
            let known = |name: &CompactString| catalog.entry(name).is_some();
            catalog.priced_without_data = list.keys().filter(|name| !known(name)).cloned().collect();
            catalog.sources.push(live("on-demand prices", "pricing:GetProducts", now));
            catalog.on_demand = PriceKnowledge::Complete { region: catalog.region.clone() };
        }
        other => {
            if let Some(Err(error)) = &other {
                let (source, date) = (&embedded.source, &embedded.date);
                gaps.push(format!("on-demand prices: {error}; those of {source} of {date} stand for them"));
            }
            catalog.sources.push(embedded);
        }
    }
}

fn add_spot(
    catalog: &mut Catalog,
    mut spot: BTreeMap<CompactString, BTreeMap<SpotZone, f64>>,
    now: Timestamp,
) {
    let ids: BTreeMap<CompactString, CompactString> =
        catalog.zones.iter().filter_map(|zone| Some((zone.name.clone()?, zone.id.clone()))).collect();
    for entry in &mut catalog.entries {
        for (zone, price) in spot.remove(entry.name()).unwrap_or_default() {
            if let Some(id) = zone.id.or_else(|| ids.get(&zone.name).cloned()) {
                entry.spot_prices.insert(id, price);
            }
        }
    }
    catalog.sources.push(live("spot prices", "ec2:DescribeSpotPriceHistory", now));
    catalog.spot = PriceKnowledge::Complete { region: catalog.region.clone() };
}

/// A table that AWS answered with: no licence, today's date.
fn live(table: &str, action: &str, now: Timestamp) -> TableSource {
    TableSource {
        table: table.into(),
        source: action.to_owned(),
        version: CompactString::default(),
        date: CompactString::from(now.strftime("%Y-%m-%d").to_string()),
        licence: CompactString::default(),
    }
}
