//! Advice: what helps where no edit of a spec that can be simulated does.

use compact_str::CompactString;

use super::cause::{Cause, is_zone};
use super::demand::{Demand, Source};
use super::funnel::PoolFunnel;
use super::index::{ClaimSource, ObjectIndex};
use super::mend;
use super::report::Next;
use super::why::WhyContext;
use crate::model::{Operator, PersistentVolumeClaim};

/// Steps outside what can be simulated, for the causes that NodePools name.
pub(super) fn advice(demand: &Demand<'_>, funnels: &[PoolFunnel], context: WhyContext<'_>) -> Vec<Next> {
    let index = context.index;
    let mut all: Vec<Next> = Vec::new();
    let not_ready = funnels.iter().filter(|funnel| {
        funnel.stopped_by.iter().any(|alternative| alternative.as_slice() == [Cause::PoolNotReady])
    });
    for next in not_ready.map(|funnel| mend::not_ready(&funnel.name, context)) {
        if !all.contains(&next) {
            all.push(next);
        }
    }
    let named = funnels.iter().flat_map(|funnel| funnel.stopped_by.iter().flatten());
    let by_volume = named.into_iter().any(|cause| matches!(cause, Cause::Volume(key) if is_zone(key)));
    if by_volume {
        all.extend(volumes(demand, index));
    }
    all
}

/// Volumes stay where they are: they are made anew elsewhere, or the zone gets nodes.
fn volumes(demand: &Demand<'_>, index: &ObjectIndex<'_>) -> Vec<Next> {
    let namespace = demand.pod.metadata.namespace.as_str();
    let zonal: Vec<(CompactString, Vec<CompactString>)> = demand
        .wishes
        .iter()
        .filter(|wish| is_zone(&wish.requirement.key) && wish.requirement.operator() == Operator::In)
        .filter_map(|wish| match &wish.source {
            Source::Volume(claim) => Some((claim.clone(), wish.requirement.values.iter().cloned().collect())),
            _ => None,
        })
        .collect();
    let apart = zonal.iter().any(|(_, zones)| zones != &zonal[0].1);
    if !apart {
        let Some((claim, zones)) = zonal.first() else { return Vec::new() };
        let zones = zones.join(" or ");
        return vec![Next {
            text: format!(
                "give the NodeClass a subnet in {zones}, or make the volume of pvc/{claim} anew in another zone \
                 from a snapshot"
            ),
            command: format!("kubectl describe pvc {claim} -n {namespace}"),
        }];
    }
    let mut all: Vec<Next> = zonal
        .iter()
        .map(|(claim, zones)| {
            let others: Vec<&str> = zonal
                .iter()
                .filter(|(other, _)| other != claim)
                .flat_map(|(_, zones)| zones.iter().map(CompactString::as_str))
                .collect();
            Next {
                text: format!(
                    "make the volume of pvc/{claim} anew in {} from a snapshot (it is in {})",
                    others.join(" or "),
                    zones.join(" or ")
                ),
                command: format!("kubectl describe pvc {claim} -n {namespace}"),
            }
        })
        .collect();
    all.extend(immediate_class(demand, index, namespace));
    all
}

/// Volumes of one pod end up apart when their class places them before the pod.
fn immediate_class(demand: &Demand<'_>, index: &ObjectIndex<'_>, namespace: &str) -> Option<Next> {
    let class = index.claims(demand.pod).into_iter().find_map(|(name, source)| {
        if let ClaimSource::Class(class) = source {
            return Some(class);
        }
        let claim: &PersistentVolumeClaim = index.claims.get(&(namespace, name.as_str()))?;
        index.storage_classes.get(claim.spec.storage_class_name.as_deref()?).copied()
    });
    let class = class.filter(|class| class.volume_binding_mode.as_deref() != Some("WaitForFirstConsumer"))?;
    let name = &class.metadata.name;
    Some(Next {
        text: format!(
            "for new volumes use a class like storageclass/{name} with volumeBindingMode WaitForFirstConsumer"
        ),
        command: format!("kubectl get storageclass {name} -o yaml"),
    })
}
