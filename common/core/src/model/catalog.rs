//! Catalog: instance types, offerings and prices of one region, as data with an age and a source per table.
//!
//! Offerings are keyed by zone id, since zone names differ from account to account; they meet a cluster through
//! the zone ids of its subnets. What is not known is told apart from what does not exist: see
//! [`PriceKnowledge`].

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::Ec2InstanceType;

/// Everything known of one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// `karp/v1`.
    pub api_version: CompactString,
    /// `Catalog`.
    pub kind: CompactString,
    /// Region, `us-west-2`.
    pub region: CompactString,
    /// How the data came here.
    pub origin: CatalogOrigin,
    /// Where each table comes from, and how old it is.
    pub sources: Vec<TableSource>,
    /// Zones of the region.
    pub zones: Vec<CatalogZone>,
    /// Knowledge of on-demand prices.
    pub on_demand: PriceKnowledge,
    /// Knowledge of spot prices.
    pub spot: PriceKnowledge,
    /// Instance types, by name.
    pub entries: Vec<CatalogEntry>,
    /// Types that have a price but no data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priced_without_data: Vec<CompactString>,
}

/// How a catalog came here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CatalogOrigin {
    /// Part of the program.
    Embedded,
    /// Read from AWS, for one account.
    Live {
        /// Account number.
        account: CompactString,
        /// When it was read.
        read_at: jiff::Timestamp,
    },
    /// A file that the user named.
    File,
}

/// Where a table comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSource {
    /// The table: `instance types`, `offerings`, `on-demand prices`, `spot prices`, `VPC limits`,
    /// `network bandwidth`.
    pub table: CompactString,
    /// Source, for people.
    pub source: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub version: CompactString,
    /// Day of the data, `2026-07-20`.
    pub date: CompactString,
    /// Licence of the data, SPDX; empty for answers of AWS to the user.
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub licence: CompactString,
}

/// A zone of the region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogZone {
    /// Zone id, `usw2-az1`: equal in all accounts.
    pub id: CompactString,
    /// Zone name in the account the data was read for, `us-west-2a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
}

/// What a missing price means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PriceKnowledge {
    /// The table is complete: no price means that there is none, and the controller does not offer the type.
    Complete {
        /// Region of the prices.
        region: CompactString,
    },
    /// The table has gaps: a missing price is unknown.
    Partial {
        /// Region of the prices; where it is another one, the controller's own fallback is followed.
        region: CompactString,
    },
    /// Nothing is known.
    None,
}

impl PriceKnowledge {
    /// Whether a missing price means that there is none.
    pub fn is_complete(&self) -> bool {
        matches!(self, PriceKnowledge::Complete { .. })
    }

    /// Region of the prices.
    pub fn region(&self) -> Option<&str> {
        match self {
            PriceKnowledge::Complete { region } | PriceKnowledge::Partial { region } => Some(region),
            PriceKnowledge::None => None,
        }
    }
}

/// One instance type.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CatalogEntry {
    /// Raw data.
    pub instance_type: Ec2InstanceType,
    /// Ids of the zones that offer it.
    pub zones: Vec<CompactString>,
    /// On-demand price an hour, Linux; US dollars (CNY in China).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_price: Option<f64>,
    /// Spot price an hour by zone id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spot_prices: BTreeMap<CompactString, f64>,
    /// Network bandwidth in Mbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_mbps: Option<i64>,
    /// Limits of the VPC resource controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_limits: Option<VpcLimits>,
}

impl CatalogEntry {
    /// Name of the instance type.
    pub fn name(&self) -> &str {
        &self.instance_type.instance_type
    }
}

/// Limits of the VPC resource controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VpcLimits {
    /// Whether pods can have interfaces of their own.
    pub trunking: bool,
    /// How many such interfaces there are.
    pub branch_interfaces: i64,
    /// IPv4 addresses per interface.
    pub ipv4_per_interface: i64,
}

impl Catalog {
    /// `apiVersion` of the file form.
    pub const API_VERSION: &str = "karp/v1";
    /// `kind` of the file form.
    pub const KIND: &str = "Catalog";

    /// The entry of a type.
    pub fn entry(&self, instance_type: &str) -> Option<&CatalogEntry> {
        let at = self.entries.binary_search_by(|entry| entry.name().cmp(instance_type)).ok()?;
        self.entries.get(at)
    }

    /// Brings entries into order of name, which look-ups rely on; of equal names the first stays.
    pub fn sort(&mut self) {
        self.entries.sort_by(|a, b| a.name().cmp(b.name()));
        self.entries.dedup_by(|later, earlier| later.name() == earlier.name());
    }

    /// Source of a table.
    pub fn source(&self, table: &str) -> Option<&TableSource> {
        self.sources.iter().find(|source| source.table == table)
    }

    /// Where the prices come from and how old they are, as the foot line `prices:` says it.
    pub fn prices_text(&self, now: jiff::Timestamp) -> String {
        let list = self.on_demand.region().map(|region| match self.source("on-demand prices") {
            Some(source) => {
                format!("on-demand list {region} {}{}", source.date, self.origin_text(source, now))
            }
            None => format!("on-demand list {region}"),
        });
        let spot = match (self.spot.region(), self.source("spot prices")) {
            (Some(region), Some(source)) => format!("spot {region}{}", self.origin_text(source, now)),
            (Some(region), None) => format!("spot {region}"),
            (None, _) => "spot not known here, so <= its on-demand price".to_owned(),
        };
        match (list, self.spot.region()) {
            (Some(list), Some(_)) => format!("{spot}; {list}"),
            (Some(list), None) => format!("{list}; {spot}"),
            (None, _) => format!("{spot}; on-demand not known"),
        }
    }

    /// Age of a table read from AWS, or that it is part of the program.
    fn origin_text(&self, source: &TableSource, now: jiff::Timestamp) -> String {
        match &self.origin {
            // Tables that AWS does not answer with are the embedded ones, and those carry a licence.
            CatalogOrigin::Live { read_at, .. } if source.licence.is_empty() => {
                format!(", {} old", age(now.duration_since(*read_at)))
            }
            CatalogOrigin::Embedded | CatalogOrigin::Live { .. } => " (embedded)".to_owned(),
            CatalogOrigin::File => " (file)".to_owned(),
        }
    }

    /// Whether on-demand prices are those of another region.
    pub fn borrows_prices(&self) -> bool {
        self.on_demand.region().is_some_and(|region| region != self.region)
    }
}

/// `5m`, `2h`, `3d`: the largest unit that is not zero.
fn age(age: jiff::SignedDuration) -> String {
    let minutes = age.as_mins().max(0);
    match minutes {
        0..60 => format!("{minutes}m"),
        60..2880 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1440),
    }
}
