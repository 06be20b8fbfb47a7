//! Sorts the pods of a loop into classes of pods that scheduling cannot tell apart.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::amounts::Columns;
use super::batch::{self, BatchPod, Class, ClassKey, Demand};
use super::default_constraints::Selectors;
use super::host_ports::host_ports;
use super::packed::Interner;
use super::preferences::Constraints;
use super::prepare::{Candidate, World};
use super::state_node;
use super::topology::Topology;
use super::volumes::LookupError;
use crate::model::{PodSpec, ResourceList};

/// The pods and their classes, each with what it demands unrelaxed.
pub(super) struct Batch {
    pub pods: Vec<BatchPod>,
    pub classes: Vec<(Class, Constraints)>,
}

/// Sorts. Cost: one look-up per pod, everything else per class.
pub(super) fn classes(
    world: &World<'_, '_>,
    candidates: &[Candidate<'_>],
    specs: &[(usize, Arc<PodSpec>)],
    totals: &[Arc<ResourceList>],
    columns: &Columns,
    interner: &mut Interner,
    topology: &mut Topology<'_>,
) -> Batch {
    let settings = &world.snapshot.controller;
    let defaults = &settings.default_spread_constraints;
    let defaulting = !defaults.is_empty() && world.snapshot.rules.has_default_spread_constraints();
    let selectors = defaulting.then(|| Selectors::new(&world.snapshot.objects));
    let mut known: FxHashMap<ClassKey, usize> = FxHashMap::default();
    let mut batch = Batch { pods: Vec::with_capacity(candidates.len()), classes: Vec::new() };
    for (candidate, (total, (spec_number, spec))) in candidates.iter().zip(totals.iter().zip(specs)) {
        let pod = candidate.pod;
        let metadata = &pod.metadata;
        let has_claims = spec
            .volumes
            .iter()
            .any(|volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some());
        let deduces = spec.topology_spread_constraints.is_empty();
        let key = ClassKey {
            namespace: metadata.namespace.clone(),
            labels: metadata.labels.clone(),
            spec: *spec_number,
            requests: Arc::as_ptr(total) as usize,
            default_selector: selectors
                .as_ref()
                .filter(|_| deduces)
                .and_then(|selectors| selectors.deduce(pod)),
            unique: has_claims.then(|| metadata.name.clone()),
        };
        let class = match known.get(&key) {
            Some(class) => *class,
            None => {
                let profile = world.provider.labels();
                let alternatives = world.storage.alternatives(pod, profile);
                let registered = alternatives.is_ok();
                let mut constraints = Constraints::of(spec);
                if let Some(selector) = key.default_selector.as_ref().filter(|_| registered) {
                    constraints.spreads = defaults
                        .iter()
                        .map(|spread| {
                            let mut spread = spread.clone();
                            spread.label_selector = Some(selector.clone());
                            spread
                        })
                        .collect();
                }
                let requests = state_node::as_pod_total((**total).clone(), 1);
                let class = Class {
                    namespace: metadata.namespace.clone(),
                    labels: metadata.labels.clone(),
                    label_class: topology.label_class(&metadata.namespace, &metadata.labels),
                    amounts: columns.row(&requests),
                    rank: batch::rank(&requests),
                    requests,
                    ports: host_ports(spec),
                    volumes: world.storage.volumes(pod).map_err(|error| LookupError(error.0)),
                    alternatives: alternatives
                        .unwrap_or_default()
                        .iter()
                        .map(|alternative| Demand::new(alternative, interner))
                        .collect(),
                    claims_devices: batch::claims_devices(spec),
                    registered,
                    inverse_owned: Vec::new(),
                    views: Vec::new(),
                    exhausted: false,
                };
                batch.classes.push((class, constraints));
                known.insert(key, batch.classes.len() - 1);
                batch.classes.len() - 1
            }
        };
        batch.pods.push(BatchPod {
            decision: candidate.decision,
            class,
            created: metadata.creation_timestamp,
            uid: metadata.uid.clone(),
        });
    }
    batch
}
