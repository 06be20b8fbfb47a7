//! What a NodeClaim says once its instance runs.
//!
//! AWS provider: pkg/cloudprovider/cloudprovider.go (`instanceToNodeClaim`).

use compact_str::CompactString;

use super::super::capacity::resource;
use super::super::labels::key;
use crate::model::{Ec2NodeClass, InstanceType, Labels, ResourceList, label_key};

/// Labels of a NodeClaim after its launch: what it had, every label with a single possible value, and the place.
pub fn launched_labels(
    claim: &Labels,
    instance_type: &InstanceType,
    zone: &str,
    zone_id: Option<&str>,
    capacity_type: &str,
    tenancy: &str,
) -> Labels {
    let mut labels = Labels::default();
    let reservation = [key::RESERVATION_ID, key::RESERVATION_TYPE, key::RESERVATION_INTERRUPTIBLE];
    for requirement in instance_type.requirements.iter() {
        let mut values = requirement.values.iter();
        if let (false, Some(value), None) = (requirement.complement, values.next(), values.next())
            && !reservation.contains(&requirement.key.as_str())
        {
            labels.insert(requirement.key.clone(), value.clone());
        }
    }
    labels.insert(label_key::ZONE, zone);
    if let Some(id) = zone_id {
        labels.insert(label_key::ZONE_ID, id);
    }
    labels.insert(label_key::CAPACITY_TYPE, capacity_type);
    labels.insert(key::TENANCY, tenancy);
    labels.extend(claim);
    labels
}

/// Capacity and allocatable as a NodeClaim's status says them: EFA interfaces only where pods or the NodeClass ask
/// for them.
pub fn launched_capacity(
    instance_type: &InstanceType,
    class: &Ec2NodeClass,
    requests: &ResourceList,
) -> (ResourceList, ResourceList) {
    let wanted = !requests.amount(resource::EFA).is_zero() || !class.spec.network_interfaces.is_empty();
    let shown = |list: ResourceList| {
        let mut shown = ResourceList::new();
        for (name, quantity) in list.iter() {
            if !quantity.is_zero() && (name != resource::EFA || wanted) {
                shown.set(CompactString::from(name), quantity);
            }
        }
        shown
    };
    (shown(instance_type.capacity.clone()), shown(instance_type.allocatable()))
}
