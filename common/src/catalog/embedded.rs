//! The catalog embedded in the program: `common/data/catalog.json.zst`.
//!
//! How it is made, from what, and what it cannot know stands in `common/data/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use karp_core::model::{
    Catalog, CatalogEntry, CatalogOrigin, CatalogZone, Ec2InstanceType, PriceKnowledge, TableSource,
    VpcLimits,
};
use serde::Deserialize;

use super::CatalogError;

/// The packed data.
const EMBEDDED: &[u8] = include_bytes!("../../data/catalog.json.zst");
/// More than it has unpacked, which was 1.3 MB.
const MOST_BYTES: usize = 8 << 20;
/// Price column of regions that have none of their own: the controller's own fallback.
pub const FALLBACK_PRICE_REGION: &str = "us-east-1";

/// Tables that EC2 does not answer with: list prices, VPC limits, network bandwidth.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StaticTables {
    sources: Vec<TableSource>,
    price_source: TableSource,
    price_dates: BTreeMap<CompactString, CompactString>,
    prices: BTreeMap<CompactString, BTreeMap<CompactString, f64>>,
    /// Trunking, branch interfaces, IPv4 addresses per interface.
    vpc_limits: BTreeMap<CompactString, (u8, i64, i64)>,
    network_mbps: BTreeMap<CompactString, i64>,
}

#[derive(Deserialize)]
struct Embedded {
    tables: StaticTables,
    types: Vec<Ec2InstanceType>,
    regions: BTreeMap<CompactString, RegionOfferings>,
}

#[derive(Deserialize)]
struct RegionOfferings {
    /// Zone ids.
    zones: Vec<CompactString>,
    /// Per type a bit mask over `zones`.
    offered: Vec<u32>,
}

/// Regions whose instance types are embedded, by name.
///
/// # Errors
/// When the embedded data cannot be read.
pub fn embedded_regions() -> Result<Vec<CompactString>, CatalogError> {
    Ok(unpack()?.regions.into_keys().collect())
}

/// The embedded catalog of a region: every type that the region offers.
///
/// # Errors
/// When the region is not among the embedded ones.
pub fn embedded(region: &str) -> Result<Catalog, CatalogError> {
    let Embedded { tables, types, mut regions } = unpack()?;
    let Some(offerings) = regions.remove(region) else {
        return Err(CatalogError::UnknownRegion {
            region: region.into(),
            known: regions.into_keys().collect(),
        });
    };
    let prices = tables.prices(region);
    let with_data: BTreeSet<&CompactString> = types.iter().map(|raw| &raw.instance_type).collect();
    let priced_without_data = prices.keys().filter(|name| !with_data.contains(name)).cloned().collect();
    let offered = types.into_iter().zip(&offerings.offered).filter(|(_, mask)| **mask != 0);
    let entries = offered.map(|(raw, mask)| {
        let zones = offerings.zones.iter().enumerate().filter(|(bit, _)| (mask >> bit) & 1 == 1);
        tables.entry(region, raw, zones.map(|(_, zone)| zone.clone()).collect())
    });
    let mut catalog = Catalog {
        api_version: Catalog::API_VERSION.into(),
        kind: Catalog::KIND.into(),
        region: region.into(),
        origin: CatalogOrigin::Embedded,
        sources: tables.sources.iter().cloned().chain([tables.price_source(region)]).collect(),
        zones: offerings.zones.iter().map(|id| CatalogZone { id: id.clone(), name: None }).collect(),
        on_demand: PriceKnowledge::Partial { region: tables.price_region(region).into() },
        spot: PriceKnowledge::None,
        entries: entries.collect(),
        priced_without_data,
    };
    catalog.sort();
    Ok(catalog)
}

impl StaticTables {
    /// Reads the embedded tables.
    ///
    /// # Errors
    /// When the embedded data cannot be read.
    pub fn load() -> Result<Self, CatalogError> {
        Ok(unpack()?.tables)
    }

    /// The catalog entry of a type in a region: its raw data and zone ids, with what the tables say of it.
    pub fn entry(&self, region: &str, raw: Ec2InstanceType, zones: Vec<CompactString>) -> CatalogEntry {
        let name = &raw.instance_type;
        let limits = self.vpc_limits.get(name).map(|(trunking, branch, ipv4)| VpcLimits {
            trunking: *trunking != 0,
            branch_interfaces: *branch,
            ipv4_per_interface: *ipv4,
        });
        CatalogEntry {
            zones,
            on_demand_price: self.prices(region).get(name).copied(),
            spot_prices: BTreeMap::new(),
            network_mbps: self.network_mbps.get(name).copied(),
            vpc_limits: limits,
            instance_type: raw,
        }
    }

    /// Region whose list prices stand for a region.
    pub fn price_region<'a>(&self, region: &'a str) -> &'a str {
        if self.prices.contains_key(region) { region } else { FALLBACK_PRICE_REGION }
    }

    /// List prices that stand for a region.
    pub fn prices(&self, region: &str) -> &BTreeMap<CompactString, f64> {
        static NO_PRICES: BTreeMap<CompactString, f64> = BTreeMap::new();
        self.prices.get(self.price_region(region)).unwrap_or(&NO_PRICES)
    }

    /// Source of those prices, with the day of that column.
    pub fn price_source(&self, region: &str) -> TableSource {
        let column = self.price_region(region);
        let date = self.price_dates.get(column).cloned().unwrap_or_default();
        let source = format!("{}, {column}", self.price_source.source);
        TableSource { source, date, ..self.price_source.clone() }
    }

    /// Sources of the other tables; `table` as in [`TableSource::table`].
    pub fn source(&self, table: &str) -> Option<&TableSource> {
        self.sources.iter().find(|source| source.table == table)
    }
}

fn unpack() -> Result<Embedded, CatalogError> {
    let error = |error: &dyn std::fmt::Display| CatalogError::Embedded(error.to_string());
    // In one piece: a stream would ask for the 128 MiB that its frame may refer back to.
    let json = zstd::bulk::decompress(EMBEDDED, MOST_BYTES).map_err(|cause| error(&cause))?;
    serde_json::from_slice(&json).map_err(|cause| error(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_region_has_types_zones_and_prices() {
        let regions = embedded_regions().unwrap();
        assert_eq!(regions.len(), 30);
        for region in regions {
            let catalog = embedded(&region).unwrap();
            assert!(catalog.zones.len() >= 2, "{region}");
            assert!(catalog.entries.len() > 200, "{region}: {}", catalog.entries.len());
            assert!(catalog.entries.iter().all(|entry| !entry.zones.is_empty()), "{region}");
        }
    }

    #[test]
    fn a_region_without_prices_of_its_own_says_whose_they_are() {
        let catalog = embedded("eu-central-1").unwrap();
        assert!(catalog.borrows_prices());
        let source = catalog.source("on-demand prices").unwrap();
        assert_eq!(
            (source.source.as_str(), source.date.as_str()),
            ("aws/karpenter-provider-aws, us-east-1", "2026-07-20")
        );
        let entry = catalog.entry("m5.large").unwrap();
        assert_eq!((entry.on_demand_price, entry.network_mbps), (Some(0.096), Some(750)));
        assert_eq!(entry.vpc_limits.unwrap().branch_interfaces, 9);
    }

    #[test]
    fn what_is_priced_without_data_is_named() {
        let catalog = embedded("us-east-1").unwrap();
        assert!(!catalog.borrows_prices());
        assert_eq!(catalog.priced_without_data.len(), 27);
        assert!(catalog.priced_without_data.iter().any(|name| name == "g4ad.xlarge"));
        assert_eq!(catalog.entry("r9g.large").unwrap().on_demand_price, None);
    }

    #[test]
    fn an_unknown_region_names_the_known_ones() {
        let error = embedded("eu-central-9").unwrap_err().to_string();
        assert!(
            error.starts_with("no instance types of region eu-central-9 are built in (known: af-south-1,")
        );
    }
}
