//! The AWS provider as a value: instance types per NodeClass, computed once from a snapshot and a catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;

use super::class::{ClassFacts, ClassView, PlacementGroup};
use super::compatibility::{ClassIncompatibility, incompatibility};
use super::discovered::discovered_memory;
use super::zones::{assumed_subnets, was_resolved, zone_ids, zones_of};
use super::{capacity, labels, offerings, overhead};
use crate::model::{
    Catalog, CatalogEntry, Ec2NodeClass, InstanceType, LabelProfile, NodeClassReference, NodePool, Quantity,
    Snapshot,
};
use crate::provider::{CloudProvider, InstanceTypesError};

/// API group of EC2NodeClasses.
pub const GROUP: &str = "karpenter.k8s.aws";
/// Kind of EC2NodeClasses.
pub const KIND: &str = "EC2NodeClass";

/// AWS as a value.
#[derive(Debug, Clone)]
pub struct AwsProvider {
    labels: LabelProfile,
    catalog: Arc<Catalog>,
    classes: BTreeMap<CompactString, Class>,
    none: BTreeSet<CompactString>,
}

#[derive(Debug, Clone)]
struct Class {
    types: Result<Arc<[InstanceType]>, InstanceTypesError>,
    uncertain: Vec<Uncertainty>,
    view: Option<ClassView>,
}

/// Facts of an AWS account that are in no Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderFacts {
    /// Placement group of each NodeClass that selects one.
    pub placement_groups: BTreeMap<CompactString, PlacementGroup>,
    /// Instances left in each capacity reservation.
    pub reservation_counts: BTreeMap<CompactString, i64>,
}

/// What makes the instance types of a NodeClass less than certain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Uncertainty {
    /// The subnets do not tell zone ids: every zone counts as offering whatever the region offers.
    ZonesWithoutIds {
        /// Those zones.
        zones: Vec<CompactString>,
    },
    /// The NodeClass was never resolved: subnets in every zone of the region are assumed.
    SubnetsAssumed,
    /// On-demand prices are those of another region.
    PricesOfRegion {
        /// That region.
        region: CompactString,
    },
    /// Spot prices are not known; the on-demand price stands for them.
    SpotPricesUnknown,
    /// How much is left in capacity reservations is not known; they count as full.
    ReservationCounts {
        /// Ids of the reservations.
        reservations: Vec<CompactString>,
    },
    /// The placement group was not read.
    PlacementGroup,
    /// Expressions in the kubelet settings are not evaluated.
    KubeletExpressions,
    /// The controller may have seen an `a1` type as available through another family's NodeClass.
    A1AcrossFamilies,
}

impl Uncertainty {
    /// Short name, as a screen prints it after `uncertain:`.
    pub fn topic(&self) -> &'static str {
        match self {
            Uncertainty::ZonesWithoutIds { .. } | Uncertainty::SubnetsAssumed => "zones",
            Uncertainty::PricesOfRegion { .. } => "on-demand prices",
            Uncertainty::SpotPricesUnknown => "spot prices",
            Uncertainty::ReservationCounts { .. } => "reservations",
            Uncertainty::PlacementGroup => "placement group",
            Uncertainty::KubeletExpressions => "kubelet expressions",
            Uncertainty::A1AcrossFamilies => "a1 types",
        }
    }
}

impl std::fmt::Display for Uncertainty {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Uncertainty::ZonesWithoutIds { zones } => {
                let zones = zones.join(", ");
                write!(out, "no zone id known for {zones}: types offered anywhere in the region count there")
            }
            Uncertainty::SubnetsAssumed => out.write_str(
                "its subnets are not resolved yet: subnets in every zone of the region are assumed",
            ),
            Uncertainty::PricesOfRegion { region } => {
                write!(out, "on-demand prices are the list of {region}, the controller's own fallback")
            }
            Uncertainty::SpotPricesUnknown => {
                out.write_str("spot prices are not known: the on-demand price is their ceiling")
            }
            Uncertainty::ReservationCounts { reservations } => {
                let ids = reservations.join(", ");
                write!(out, "instances left in {ids} are not known: they count as full")
            }
            Uncertainty::PlacementGroup => {
                out.write_str("the placement group was not read: types it cannot hold are not ruled out")
            }
            Uncertainty::KubeletExpressions => {
                out.write_str("expressions in spec.kubelet are not modelled: defaults stand for them")
            }
            Uncertainty::A1AcrossFamilies => out.write_str(
                "a1 types count as impossible for AL2023; the controller may offer them for some minutes \
                 while a NodeClass of another family uses the same subnets",
            ),
        }
    }
}

impl AwsProvider {
    /// Computes the instance types of every NodeClass in a snapshot.
    pub fn new(snapshot: &Snapshot, catalog: Arc<Catalog>, facts: &ProviderFacts) -> Self {
        Self::with_known(snapshot, catalog, facts, Vec::new())
    }

    /// The same for an edited snapshot: NodeClasses that look as before keep their instance types.
    pub fn edited(&self, snapshot: &Snapshot, facts: &ProviderFacts) -> Self {
        let known = self
            .classes
            .values()
            .filter_map(|class| Some((class.view.clone()?, class.types.as_ref().ok().map(Arc::clone)?)));
        Self::with_known(snapshot, Arc::clone(&self.catalog), facts, known.collect())
    }

    fn with_known(
        snapshot: &Snapshot,
        catalog: Arc<Catalog>,
        facts: &ProviderFacts,
        mut views: Vec<(ClassView, Arc<[InstanceType]>)>,
    ) -> Self {
        let ids = zone_ids(snapshot, &catalog);
        let mut classes = BTreeMap::new();
        for class in &snapshot.objects.ec2_node_classes {
            let computed = compute(snapshot, &catalog, facts, class, &ids, &mut views);
            classes.insert(class.metadata.name.clone(), computed);
        }
        Self { labels: labels::label_profile(), catalog, classes, none: BTreeSet::new() }
    }

    /// The catalog it was made from.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What makes the instance types of a NodeClass less than certain.
    pub fn uncertainties(&self, node_class: &str) -> &[Uncertainty] {
        self.classes.get(node_class).map(|class| class.uncertain.as_slice()).unwrap_or_default()
    }

    /// Why a NodeClass rules an instance type out: none where it does not, or either is not known.
    pub fn ruled_out(&self, node_class: &str, instance_type: &str) -> Option<ClassIncompatibility> {
        let view = self.classes.get(node_class)?.view.as_ref()?;
        incompatibility(&self.catalog.entry(instance_type)?.instance_type, view)
    }
}

/// The instance type of a catalog entry under a NodeClass.
pub(super) fn instance_type(catalog: &Catalog, entry: &CatalogEntry, class: &ClassView) -> InstanceType {
    let compatible = incompatibility(&entry.instance_type, class).is_none();
    InstanceType {
        name: entry.instance_type.instance_type.clone(),
        requirements: labels::requirements(entry, class, &catalog.region),
        offerings: offerings::offerings(catalog, entry, class, compatible),
        capacity: capacity::capacity(entry, class),
        overhead: overhead::overhead(entry, class),
        volume_attachment_limits: BTreeMap::new(),
        capacity_overlay_applied: false,
    }
}

fn compute(
    snapshot: &Snapshot,
    catalog: &Catalog,
    facts: &ProviderFacts,
    class: &Ec2NodeClass,
    ids: &BTreeMap<CompactString, CompactString>,
    views: &mut Vec<(ClassView, Arc<[InstanceType]>)>,
) -> Class {
    let name = &class.metadata.name;
    if class.metadata.is_deleting() {
        let error = InstanceTypesError::NodeClassNotFound { kind: KIND.into(), name: name.clone() };
        return Class { types: Err(error), uncertain: Vec::new(), view: None };
    }
    let assumed = !was_resolved(class);
    let subnets = if assumed { assumed_subnets(catalog, ids) } else { class.status.subnets.clone() };
    if subnets.is_empty() {
        let message = "no subnets found".to_owned();
        let error =
            InstanceTypesError::NodeClassNotResolved { kind: KIND.into(), name: name.clone(), message };
        return Class { types: Err(error), uncertain: Vec::new(), view: None };
    }
    let memory: Arc<BTreeMap<CompactString, Quantity>> =
        Arc::new(discovered_memory(snapshot, catalog, class));
    let class_facts = ClassFacts {
        placement_group: facts.placement_groups.get(name),
        reservation_counts: &facts.reservation_counts,
        discovered_memory: memory,
    };
    let zones = zones_of(&subnets, ids);
    let view = ClassView::new(class, &snapshot.controller, snapshot.rules, zones, &class_facts);
    let uncertain = uncertainties(snapshot, catalog, facts, class, &view, assumed);
    let known = views.iter().find(|(known, _)| *known == view).map(|(_, types)| Arc::clone(types));
    let types = known.unwrap_or_else(|| {
        let considered = catalog.entries.iter().filter(|entry| entry.instance_type.is_considered());
        let types: Arc<[InstanceType]> =
            considered.map(|entry| instance_type(catalog, entry, &view)).collect();
        views.push((view.clone(), Arc::clone(&types)));
        types
    });
    Class { types: Ok(types), uncertain, view: Some(view) }
}

fn uncertainties(
    snapshot: &Snapshot,
    catalog: &Catalog,
    facts: &ProviderFacts,
    class: &Ec2NodeClass,
    view: &ClassView,
    assumed: bool,
) -> Vec<Uncertainty> {
    let mut all = Vec::new();
    if assumed {
        all.push(Uncertainty::SubnetsAssumed);
    }
    let unknown = view.zones.iter().filter(|zone| zone.has_subnet && zone.id.is_none());
    let zones: Vec<CompactString> = unknown.map(|zone| zone.name.clone()).collect();
    if !zones.is_empty() {
        all.push(Uncertainty::ZonesWithoutIds { zones });
    }
    if let Some(region) = catalog.on_demand.region().filter(|_| catalog.borrows_prices()) {
        all.push(Uncertainty::PricesOfRegion { region: region.into() });
    }
    if !catalog.spot.is_complete() {
        all.push(Uncertainty::SpotPricesUnknown);
    }
    let reservations = view.reservations.iter().map(|view| &view.reservation.id);
    let reservations: Vec<CompactString> =
        reservations.filter(|id| !facts.reservation_counts.contains_key(*id)).cloned().collect();
    if !reservations.is_empty() {
        all.push(Uncertainty::ReservationCounts { reservations });
    }
    if class.spec.placement_group_selector.is_some() && view.placement_group.is_none() {
        all.push(Uncertainty::PlacementGroup);
    }
    if view.kubelet.has_expressions {
        all.push(Uncertainty::KubeletExpressions);
    }
    let al2023 = |class: &Ec2NodeClass| super::AmiFamily::of(&class.spec) == super::AmiFamily::Al2023;
    let others = snapshot.objects.ec2_node_classes.iter().any(|other| !al2023(other));
    if al2023(class) && others && catalog.entries.iter().any(|entry| entry.name().starts_with("a1.")) {
        all.push(Uncertainty::A1AcrossFamilies);
    }
    all
}

impl CloudProvider for AwsProvider {
    fn labels(&self) -> &LabelProfile {
        &self.labels
    }

    fn supports_node_class(&self, reference: &NodeClassReference) -> bool {
        reference.group == GROUP && reference.kind == KIND
    }

    fn instance_types(&self, node_pool: &NodePool) -> Result<Arc<[InstanceType]>, InstanceTypesError> {
        let reference = &node_pool.spec.template.spec.node_class_ref;
        match self.classes.get(&reference.name) {
            Some(class) => class.types.clone(),
            None => Err(InstanceTypesError::NodeClassNotFound {
                kind: reference.kind.clone(),
                name: reference.name.clone(),
            }),
        }
    }

    fn unsupported_provisioners(&self) -> &BTreeSet<CompactString> {
        &self.none
    }

    fn unsupported_topology_keys(&self) -> &BTreeSet<CompactString> {
        &self.none
    }
}
