//! Which instance types a NodeClass rules out by what it asks of the machine.
//!
//! A type that is ruled out keeps its labels and capacity, but none of its offerings is available. AWS provider:
//! pkg/providers/instancetype/compatibility/compatibility.go.

use std::fmt;

use super::class::ClassView;
use super::family::AmiFamily;
use crate::model::Ec2InstanceType;

/// Why a NodeClass rules an instance type out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClassIncompatibility {
    /// AL2023 has no image for first-generation Graviton.
    A1OnAl2023,
    /// `networkInterfaces` asks for cards, devices or EFA interfaces that it does not have.
    NetworkInterfaces,
    /// `cpuOptions.nestedVirtualization` is enabled and the processor cannot.
    NestedVirtualization,
    /// `enclaveOptions` is enabled and the type has no Nitro Enclaves.
    Enclaves,
    /// The placement group's strategy is not possible.
    PlacementGroup,
    /// `connectionTracking` needs the nitro hypervisor.
    ConnectionTracking,
}

impl fmt::Display for ClassIncompatibility {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ClassIncompatibility::A1OnAl2023 => "AL2023 does not run on a1",
            ClassIncompatibility::NetworkInterfaces => "spec.networkInterfaces asks for more than it has",
            ClassIncompatibility::NestedVirtualization => "no nested virtualization (spec.cpuOptions)",
            ClassIncompatibility::Enclaves => "no Nitro Enclaves (spec.enclaveOptions)",
            ClassIncompatibility::PlacementGroup => "not possible in this kind of placement group",
            ClassIncompatibility::ConnectionTracking => "not on nitro (spec.connectionTracking)",
        })
    }
}

/// The first reason why a NodeClass rules an instance type out.
pub(super) fn incompatibility(raw: &Ec2InstanceType, class: &ClassView) -> Option<ClassIncompatibility> {
    if class.family == AmiFamily::Al2023 && raw.instance_type.starts_with("a1.") {
        return Some(ClassIncompatibility::A1OnAl2023);
    }
    if !class.network_interfaces.is_empty() && !has_interfaces(raw, class) {
        return Some(ClassIncompatibility::NetworkInterfaces);
    }
    let features = &raw.processor_info.supported_features;
    if class.nested_virtualization && !features.iter().any(|feature| feature == "nested-virtualization") {
        return Some(ClassIncompatibility::NestedVirtualization);
    }
    if class.enclaves && raw.nitro_enclaves_support != "supported" {
        return Some(ClassIncompatibility::Enclaves);
    }
    if let Some(group) = &class.placement_group {
        let strategies = raw.placement_group_info.as_ref().map(|info| info.supported_strategies.as_slice());
        if !strategies.unwrap_or_default().contains(&group.strategy) {
            return Some(ClassIncompatibility::PlacementGroup);
        }
    }
    if class.connection_tracking && raw.hypervisor != "nitro" {
        return Some(ClassIncompatibility::ConnectionTracking);
    }
    None
}

fn has_interfaces(raw: &Ec2InstanceType, class: &ClassView) -> bool {
    let Some(network) = raw.network_info.as_ref().filter(|network| !network.network_cards.is_empty()) else {
        return false;
    };
    if network.ena_support == "unsupported" {
        return false;
    }
    let fits = class.network_interfaces.iter().all(|interface| {
        let index = interface.network_card_index;
        let card = network.network_cards.iter().find(|card| card.network_card_index == index);
        let exists = network.maximum_network_cards == 0 || index < network.maximum_network_cards;
        exists && card.is_some_and(|card| interface.device_index < card.maximum_network_interfaces)
    });
    let efa = network.efa_info.as_ref().map_or(0, |efa| efa.maximum_efa_interfaces);
    fits && class.efa_only().count() as i64 <= efa
}
