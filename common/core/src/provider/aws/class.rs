//! Everything about an EC2NodeClass and the controller that the list of instance types depends on.
//!
//! Two NodeClasses with equal views have equal lists, and the simulator packs such a list once.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;

use super::family::AmiFamily;
use super::kubelet::KubeletSettings;
use super::zones::ZoneView;
use crate::model::{
    BlockDeviceMapping, CapacityReservation, ControllerSettings, Ec2NodeClass, NetworkInterface, Quantity,
    RuleSet,
};

/// What the list of instance types of a NodeClass depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassView {
    pub(super) family: AmiFamily,
    pub(super) kubelet: KubeletSettings,
    pub(super) block_devices: Vec<BlockDeviceMapping>,
    pub(super) raid0: bool,
    pub(super) network_interfaces: Vec<NetworkInterface>,
    pub(super) nested_virtualization: bool,
    pub(super) enclaves: bool,
    pub(super) connection_tracking: bool,
    pub(super) placement_group: Option<PlacementGroup>,
    pub(super) zones: Vec<ZoneView>,
    pub(super) reservations: Vec<ReservationView>,
    /// Memory of running nodes by instance type: replaces the computed figure.
    pub(super) discovered_memory: Arc<BTreeMap<CompactString, Quantity>>,
    pub(super) vm_memory_overhead_percent: f64,
    pub(super) reserved_enis: i64,
}

/// A capacity reservation of the NodeClass, with what is left in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReservationView {
    pub(super) reservation: CapacityReservation,
    /// Instances left; 0 where nobody told.
    pub(super) remaining: i64,
    /// Whether being full takes it out of the offer (before 1.15).
    pub(super) full_is_unavailable: bool,
}

/// A placement group as EC2 describes it: the NodeClass' status does not hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementGroup {
    /// Id, `pg-0abc`.
    pub id: CompactString,
    /// `cluster`, `partition` or `spread`.
    pub strategy: CompactString,
    /// Partitions, where the strategy is `partition`.
    pub partitions: u32,
}

impl ClassView {
    /// The view of a NodeClass.
    pub(super) fn new(
        class: &Ec2NodeClass,
        settings: &ControllerSettings,
        rules: RuleSet,
        zones: Vec<ZoneView>,
        facts: &ClassFacts<'_>,
    ) -> Self {
        let spec = &class.spec;
        let reserved = settings.gate("ReservedCapacity");
        let reservations = class.status.capacity_reservations.iter().filter(|_| reserved);
        Self {
            family: AmiFamily::of(spec),
            kubelet: KubeletSettings::read(spec.kubelet.as_ref()),
            block_devices: spec.block_device_mappings.to_vec(),
            raid0: spec.instance_store_policy.as_deref() == Some("RAID0"),
            network_interfaces: spec.network_interfaces.to_vec(),
            nested_virtualization: spec
                .cpu_options
                .as_ref()
                .is_some_and(|options| options.nested_virtualization.as_deref() == Some("enabled")),
            enclaves: rules.knows_enclaves()
                && spec.enclave_options.as_ref().is_some_and(|options| options.enabled == Some(true)),
            connection_tracking: spec.connection_tracking.is_some(),
            placement_group: facts.placement_group.cloned(),
            zones,
            reservations: reservations
                .map(|reservation| ReservationView {
                    remaining: facts.reservation_counts.get(&reservation.id).copied().unwrap_or(0),
                    full_is_unavailable: !rules.full_reservations_stay_available(),
                    reservation: reservation.clone(),
                })
                .collect(),
            discovered_memory: Arc::clone(&facts.discovered_memory),
            vm_memory_overhead_percent: settings.vm_memory_overhead_percent,
            reserved_enis: settings.reserved_enis,
        }
    }

    /// Reservations of an instance type.
    pub(super) fn reservations_of<'a>(
        &'a self,
        instance_type: &'a str,
    ) -> impl Iterator<Item = &'a ReservationView> {
        self.reservations.iter().filter(move |view| view.reservation.instance_type == instance_type)
    }

    /// Interfaces of the NodeClass that carry EFA traffic only.
    pub(super) fn efa_only(&self) -> impl Iterator<Item = &NetworkInterface> {
        self.network_interfaces.iter().filter(|interface| interface.interface_type == "efa-only")
    }
}

/// Facts about a NodeClass that are not in its object.
#[derive(Debug)]
pub(super) struct ClassFacts<'a> {
    pub(super) placement_group: Option<&'a PlacementGroup>,
    pub(super) reservation_counts: &'a BTreeMap<CompactString, i64>,
    pub(super) discovered_memory: Arc<BTreeMap<CompactString, Quantity>>,
}
