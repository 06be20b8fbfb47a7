//! Overhead: what Kubernetes and the system keep of a node.
//!
//! AWS provider: pkg/providers/instancetype/types.go (`kubeReservedResources`, `systemReservedResources`,
//! `evictionThreshold`).

use super::capacity::{ephemeral_storage, interface_pods, memory, pods};
use super::class::ClassView;
use crate::model::{CatalogEntry, Format, Overhead, Quantity, ResourceList, resource_name};

const MIB: i64 = 1024 * 1024;

/// Overhead of an instance type under a NodeClass.
pub(super) fn overhead(entry: &CatalogEntry, class: &ClassView) -> Overhead {
    Overhead {
        kube_reserved: kube_reserved(entry, class),
        system_reserved: class.kubelet.system_reserved.clone(),
        eviction_threshold: eviction_threshold(entry, class),
    }
}

fn kube_reserved(entry: &CatalogEntry, class: &ClassView) -> ResourceList {
    let raw = &entry.instance_type;
    let pods =
        if class.family.reserves_by_interfaces() { interface_pods(raw, class, 0) } else { pods(raw, class) };
    let mut reserved = ResourceList::new();
    reserved.set(resource_name::CPU, Quantity::from_milli(reserved_milli_cpu(raw.vcpu_info.default_vcpus)));
    reserved.set(resource_name::MEMORY, Quantity::from_bytes((11 * pods + 255) * MIB));
    reserved.set(resource_name::EPHEMERAL_STORAGE, Quantity::from_bytes(1024 * MIB));
    reserved.overlay(&class.kubelet.kube_reserved);
    reserved
}

/// 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest; each part rounded down.
fn reserved_milli_cpu(cores: i64) -> i64 {
    const PARTS: [(i64, i64, i64); 4] =
        [(0, 1000, 600), (1000, 2000, 100), (2000, 4000, 50), (4000, i64::MAX, 25)];
    let milli = cores * 1000;
    let part = |(from, to, per_ten_thousand): (i64, i64, i64)| {
        (milli.min(to) - from).max(0) * per_ten_thousand / 10_000
    };
    PARTS.into_iter().map(part).sum()
}

fn eviction_threshold(entry: &CatalogEntry, class: &ClassView) -> ResourceList {
    let raw = &entry.instance_type;
    let memory = memory(raw, class.vm_memory_overhead_percent);
    let storage = ephemeral_storage(raw, class);
    let mut threshold = ResourceList::new();
    threshold.set(resource_name::MEMORY, Quantity::from_bytes(100 * MIB));
    threshold.set(resource_name::EPHEMERAL_STORAGE, percent_of(storage, 10.0));
    for (signal, resource, capacity) in [
        ("memory.available", resource_name::MEMORY, memory),
        ("nodefs.available", resource_name::EPHEMERAL_STORAGE, storage),
    ] {
        let Some(text) = class.kubelet.eviction_hard.get(signal) else {
            continue;
        };
        let amount = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(|percent| {
                // 100 % is how the kubelet is told to switch a signal off.
                percent_of(capacity, if percent == 100.0 { 0.0 } else { percent })
            }),
            None => text.parse().ok(),
        };
        if let Some(amount) = amount {
            threshold.set(resource, amount);
        }
    }
    threshold
}

/// A share of a capacity in whole bytes, rounded up, computed in floats as the controller does.
fn percent_of(capacity: Quantity, percent: f64) -> Quantity {
    let bytes = (capacity.value() as f64 / 100.0 * percent).ceil();
    Quantity::from_bytes(bytes as i64).with_format(Format::DecimalSi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_cpu_follows_its_four_parts() {
        for (cores, milli) in [(1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (64, 230), (96, 310)] {
            assert_eq!(reserved_milli_cpu(cores), milli, "{cores} cores");
        }
    }
}
