//! `catalog show`: instance types as nodes of AL2023 would be.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use karp_common::catalog::{CatalogError, InstanceTypesFile, load_instance_types, regional};
use karp_common::term::Out;
use karp_core::model::{
    Catalog, Ec2NodeClass, InstanceType, Labels, NodePool, ResourceList, Snapshot, Subnet, label_key,
    resource_name,
};
use karp_core::provider::CloudProvider;
use karp_core::provider::aws::{AwsProvider, ProviderFacts, label_key as aws_key};
use karp_core::report::{Error, ExitCode};
use serde::Serialize;

use crate::cli::{Cli, ShowArgs};
use crate::filter::Filter;
use crate::render::{SortBy, print};
use crate::{folder, region};

/// One instance type.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Name.
    pub name: CompactString,
    /// Memory as EC2 says it, in MiB.
    #[serde(rename = "memoryMiB")]
    pub memory_mib: i64,
    /// What a node has.
    pub capacity: ResourceList,
    /// What pods may ask for.
    pub allocatable: ResourceList,
    /// On-demand price an hour; none = not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_price: Option<f64>,
    /// Lowest spot price an hour; none = not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_price: Option<f64>,
    /// Spot price an hour by zone id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spot_prices: BTreeMap<CompactString, f64>,
    /// Ids of the zones that offer it.
    pub zones: Vec<CompactString>,
    /// Labels with one value.
    pub labels: Labels,
}

/// The rows of a catalog, by name.
pub fn rows(catalog: &Arc<Catalog>) -> Vec<Row> {
    let mut snapshot = Snapshot::empty(jiff::Timestamp::UNIX_EPOCH);
    let mut class = Ec2NodeClass::default();
    class.metadata.name = "shown".into();
    class.spec.ami_family = Some("AL2023".into());
    class.status.subnets = catalog
        .zones
        .iter()
        .map(|zone| Subnet { id: zone.id.clone(), zone: zone.id.clone(), zone_id: Some(zone.id.clone()) })
        .collect();
    snapshot.objects.ec2_node_classes = vec![class];
    let provider = AwsProvider::new(&snapshot, Arc::clone(catalog), &ProviderFacts::default());
    let mut pool = NodePool::default();
    pool.spec.template.spec.node_class_ref.name = "shown".into();
    let types = provider.instance_types(&pool).unwrap_or_else(|_| Arc::from([]));
    types.iter().filter_map(|each| row(catalog, each)).collect()
}

fn row(catalog: &Catalog, each: &InstanceType) -> Option<Row> {
    let entry = catalog.entry(&each.name)?;
    let single = |key: &str| {
        let mut values = each.requirements.get(key)?.values.iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value.clone()),
            _ => None,
        }
    };
    let place = [label_key::ZONE, label_key::ZONE_ID, label_key::REGION, label_key::CAPACITY_TYPE];
    let keys = each.requirements.keys().filter(|key| !place.contains(key) && *key != aws_key::TENANCY);
    let shown = |list: ResourceList| {
        let mut shown = ResourceList::new();
        list.iter().filter(|(_, quantity)| !quantity.is_zero()).for_each(|(name, quantity)| {
            shown.set(name, quantity);
        });
        shown
    };
    Some(Row {
        name: each.name.clone(),
        memory_mib: entry.instance_type.memory_info.size_in_mib,
        capacity: shown(each.capacity.clone()),
        allocatable: shown(each.allocatable()),
        on_demand_price: entry.on_demand_price,
        spot_price: entry.spot_prices.values().copied().min_by(f64::total_cmp),
        spot_prices: entry.spot_prices.clone(),
        zones: entry.zones.clone(),
        labels: keys.filter_map(|key| Some((key, single(key)?))).collect(),
    })
}

/// What is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    pub(crate) region: CompactString,
    pub(crate) prices: String,
    pub(crate) items: Vec<Row>,
    /// Types that have a price but no data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) priced_without_data: Vec<CompactString>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

pub(crate) fn run(cli: &Cli, show: &ShowArgs, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let filter = Filter::parse(show.filter.as_deref().unwrap_or_default())?;
    let sort = SortBy::parse(show.sort.sort_by.as_deref())?;
    let mut notes = Vec::new();
    let catalog = Arc::new(catalog(cli, show, out, &mut notes)?);
    let mut items: Vec<Row> = rows(&catalog);
    check_names(&show.types, &items, &catalog)?;
    items.retain(|row| {
        (show.types.is_empty() || show.types.iter().any(|name| *name == row.name)) && filter.holds(row)
    });
    sort.apply(&mut items);
    let all = show.types.is_empty() && show.filter.is_none();
    let without_data = catalog.priced_without_data.iter();
    let named = without_data.filter(|name| all || show.types.iter().any(|wanted| wanted == name.as_str()));
    let shown = Shown {
        region: catalog.region.clone(),
        prices: catalog.prices_text(out.now()),
        items,
        priced_without_data: named.cloned().collect(),
        notes,
    };
    print(&shown, &cli.output, out)?;
    Ok(ExitCode::Done)
}

fn catalog(cli: &Cli, show: &ShowArgs, out: &Out<'_>, notes: &mut Vec<String>) -> Result<Catalog, Error> {
    let Some(path) = &show.instance_types else {
        return regional(&region(&cli.aws)?, folder().as_deref(), out.now(), notes);
    };
    match load_instance_types(path) {
        Ok(InstanceTypesFile::Catalog(catalog)) => Ok(*catalog),
        Ok(InstanceTypesFile::Kwok(_)) => {
            Err(Error::usage(format!("{} is a list of the KWOK provider, not of EC2", path.display())))
        }
        Err(CatalogError::File { path, message }) => {
            Err(Error::usage(format!("{}: {message}", path.display())))
        }
        Err(error) => Err(Error::usage(error.to_string())),
    }
}

/// Every name that was typed must exist.
fn check_names(names: &[String], items: &[Row], catalog: &Catalog) -> Result<(), Error> {
    let known = |name: &String| {
        items.iter().any(|row| row.name == *name)
            || catalog.priced_without_data.iter().any(|priced| priced == name.as_str())
    };
    let Some(wrong) = names.iter().find(|name| !known(name)) else { return Ok(()) };
    let error = Error::not_found(format!("no instance type {wrong:?} in {}", catalog.region));
    let mut near: Vec<(usize, &str)> = items
        .iter()
        .map(|row| (strsim::osa_distance(wrong, &row.name), row.name.as_str()))
        .filter(|(distance, _)| *distance <= 2)
        .collect();
    near.sort_unstable();
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
    Err(if near.is_empty() {
        error.hint(format!("kubectl karp catalog show -o name --region {}", catalog.region))
    } else {
        error.hint(format!("did you mean {}?", near.join(", ")))
    })
}

/// Amount of a resource, zero where there is none.
pub(crate) fn pods(row: &Row) -> i64 {
    row.capacity.amount(resource_name::PODS).value()
}
