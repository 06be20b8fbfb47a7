//! Zones: where the zone ids of the catalog meet the zone names of a cluster.
//!
//! Names such as `us-west-2a` stand for other zones in other accounts; ids such as `usw2-az1` do not. A cluster
//! tells which is which in the status of its NodeClasses and in the labels of its nodes.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};

use crate::model::{Catalog, CatalogEntry, Ec2NodeClass, Labels, Snapshot, Subnet, label_key};

/// One zone as a NodeClass sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZoneView {
    pub(super) name: CompactString,
    /// Zone id; none = not known, then every type of the region counts as offered here.
    pub(super) id: Option<CompactString>,
    /// Whether the NodeClass has a subnet here, so that nodes can be launched.
    pub(super) has_subnet: bool,
}

impl ZoneView {
    /// Whether the zone offers a type.
    pub(super) fn offers(&self, entry: &CatalogEntry) -> bool {
        match &self.id {
            Some(id) => entry.zones.contains(id),
            None => !entry.zones.is_empty(),
        }
    }
}

/// Zone id of each zone name that the cluster tells.
pub(super) fn zone_ids(snapshot: &Snapshot, catalog: &Catalog) -> BTreeMap<CompactString, CompactString> {
    let mut ids = BTreeMap::new();
    let mut learn = |name: &str, id: &str| {
        if !name.is_empty() && !id.is_empty() {
            ids.entry(CompactString::from(name)).or_insert_with(|| CompactString::from(id));
        }
    };
    for class in &snapshot.objects.ec2_node_classes {
        for subnet in &class.status.subnets {
            learn(&subnet.zone, subnet.zone_id.as_deref().unwrap_or_default());
        }
    }
    let mut learn_labels = |labels: &Labels| {
        if let (Some(name), Some(id)) = (labels.get(label_key::ZONE), labels.get(label_key::ZONE_ID)) {
            learn(name, id);
        }
    };
    snapshot.objects.nodes.iter().for_each(|node| learn_labels(&node.metadata.labels));
    snapshot.objects.node_claims.iter().for_each(|claim| learn_labels(&claim.metadata.labels));
    for zone in &catalog.zones {
        learn(zone.name.as_deref().unwrap_or_default(), &zone.id);
    }
    ids
}

/// The zones a NodeClass sees, by name: those of its subnets, and every other zone whose name is known.
pub(super) fn zones_of(subnets: &[Subnet], ids: &BTreeMap<CompactString, CompactString>) -> Vec<ZoneView> {
    let mut zones: BTreeMap<CompactString, ZoneView> = ids
        .iter()
        .map(|(name, id)| {
            (name.clone(), ZoneView { name: name.clone(), id: Some(id.clone()), has_subnet: false })
        })
        .collect();
    for subnet in subnets {
        let id = subnet.zone_id.clone().or_else(|| ids.get(&subnet.zone).cloned());
        let zone = ZoneView { name: subnet.zone.clone(), id, has_subnet: true };
        zones.insert(subnet.zone.clone(), zone);
    }
    zones.into_values().collect()
}

/// Subnets in every zone of the region, for a NodeClass that was never resolved. Names are those the cluster
/// tells, else letters in order of zone id, which may differ in the user's account.
pub(super) fn assumed_subnets(
    catalog: &Catalog,
    ids: &BTreeMap<CompactString, CompactString>,
) -> Vec<Subnet> {
    let mut zones: Vec<&CompactString> = catalog.zones.iter().map(|zone| &zone.id).collect();
    zones.sort();
    let letters = (b'a'..=b'z').map(char::from);
    let mut free = letters
        .map(|letter| format_compact!("{}{letter}", catalog.region))
        .filter(|name| !ids.contains_key(name));
    zones
        .into_iter()
        .filter_map(|id| {
            let known = ids.iter().find(|(_, known)| *known == id).map(|(name, _)| name.clone());
            let zone = match known {
                Some(name) => name,
                None => free.next()?,
            };
            Some(Subnet { id: format_compact!("assumed-{id}"), zone, zone_id: Some(id.clone()) })
        })
        .collect()
}

/// Whether the controller has ever looked at a NodeClass.
pub(super) fn was_resolved(class: &Ec2NodeClass) -> bool {
    !(class.status.subnets.is_empty() && class.status.conditions.is_empty())
}
