//! Candidates at one NodePool that make its types larger: another type, a larger disk.

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::candidate::ObjectEdit;
use super::node_class_edit::NodeClassEdit;
use super::node_pool_edit::NodePoolEdit;
use super::of_pool::PoolContext;
use crate::explain::cause::Cause;
use crate::explain::report::ObjectName;
use crate::model::{Quantity, Requirement, Requirements, label_key, resource_name};

impl PoolContext<'_, '_> {
    /// A larger disk, or local disks, where pods' storage is short.
    pub(super) fn disk(&self, cause: &Cause, name: &str) -> Vec<ObjectEdit> {
        if name != resource_name::EPHEMERAL_STORAGE {
            return Vec::new();
        }
        let Some(object) = self.pool.object else { return Vec::new() };
        let reference = &object.spec.template.spec.node_class_ref;
        if reference.kind != "EC2NodeClass"
            || !self.analyst.index.node_classes.contains_key(reference.name.as_str())
        {
            return Vec::new();
        }
        let nearest = self.funnel.nearest.get(cause).and_then(|position| self.pool.row(*position));
        let Some((instance_type, overhead)) = nearest else { return Vec::new() };
        let class = ObjectName {
            kind: "EC2NodeClass".into(),
            namespace: CompactString::default(),
            name: reference.name.clone(),
        };
        let needed = self.demand.requests.amount(name) + overhead.amount(name);
        let reserved = instance_type.overhead.kube_reserved.amount(name)
            + instance_type.overhead.system_reserved.amount(name);
        let capacity = instance_type.capacity.amount(name);
        let eviction = instance_type.overhead.eviction_threshold.amount(name);
        let share = if capacity.is_zero() { 0.1 } else { eviction.as_f64() / capacity.as_f64() };
        let gib = ((needed + reserved).as_f64() / (1.0 - share.min(0.9)) / f64::from(1 << 30)).ceil();
        let to = Quantity::from_bytes((gib as i64).saturating_mul(1 << 30));
        vec![
            ObjectEdit::NodeClass(class.clone(), NodeClassEdit::VolumeSize { from: capacity, to }),
            ObjectEdit::NodeClass(class, NodeClassEdit::InstanceStore),
        ]
    }

    /// Types outside the NodePool's requirements that would fit, if one of its requirements allowed them: per key
    /// the value of the cheapest.
    pub(super) fn other_types(&self, name: &str) -> Vec<ObjectEdit> {
        let Some(object) = self.pool.object else { return Vec::new() };
        let profile = self.analyst.profile;
        let specs = Requirements::from_specs(&object.spec.template.spec.requirements, profile);
        let wishes: Vec<&Requirement> = self.demand.wishes.iter().map(|wish| &wish.requirement).collect();
        let overheads: FxHashMap<&str, &crate::model::ResourceList> = self
            .pool
            .state
            .daemon_groups
            .iter()
            .flat_map(|group| group.types.iter().map(move |at| (at, &group.overhead)))
            .filter_map(|(at, overhead)| {
                self.pool.state.instance_types.get(*at).map(|known| (known.name.as_str(), overhead))
            })
            .collect();
        // Per key: of a family the NodePool names already, price, value.
        let mut best: Vec<(CompactString, bool, f64, CompactString)> = Vec::new();
        for candidate in self.pool.state.instance_types.iter() {
            let mut total = self.demand.requests.clone();
            let overhead = overheads.get(candidate.name.as_str()).copied();
            total.add(
                overhead
                    .or_else(|| self.pool.rows().map(|(_, overhead)| overhead).next())
                    .unwrap_or(&Default::default()),
            );
            if candidate.allocatable().amount(name) < total.amount(name)
                || !total.fits(&candidate.allocatable())
            {
                continue;
            }
            let over_limit =
                self.pool.state.limits_after.iter().any(|(name, left)| {
                    name != resource_name::NODES && candidate.capacity.amount(name) > left
                });
            let unwished = wishes.iter().any(|wish| {
                candidate.requirements.get(&wish.key).is_some_and(|has| !has.has_intersection(wish))
            });
            if over_limit || unwished {
                continue;
            }
            let mut failing = specs.iter().filter(|asked| {
                candidate.requirements.get(&asked.key).is_some_and(|has| !has.has_intersection(asked))
            });
            let (Some(only), None) = (failing.next(), failing.next()) else { continue };
            let Some(value) =
                candidate.requirements.get(&only.key).and_then(|has| has.values.first().cloned())
            else {
                continue;
            };
            let allowed = &self.pool.state.requirements;
            let price = candidate
                .offerings
                .iter()
                .filter(|offering| offering.is_launchable())
                .filter(|offering| {
                    offering.requirements.iter().all(|theirs| {
                        theirs.key == only.key
                            || allowed.get(&theirs.key).is_none_or(|mine| mine.has_intersection(theirs))
                    })
                })
                .map(|offering| offering.price)
                .fold(f64::INFINITY, f64::min);
            if !price.is_finite() && candidate.offerings.iter().all(|offering| !offering.is_launchable()) {
                continue;
            }
            let family = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
            let is_stranger = only.key != label_key::INSTANCE_TYPE
                || !only.values.iter().any(|known| family(known) == family(&value));
            match best.iter_mut().find(|(key, _, _, _)| *key == only.key) {
                Some(known) if (known.1, known.2) <= (is_stranger, price) => {}
                Some(known) => (known.1, known.2, known.3) = (is_stranger, price, value),
                None => best.push((only.key.clone(), is_stranger, price, value)),
            }
        }
        best.into_iter()
            .map(|(key, _, _, value)| self.pool_edit(NodePoolEdit::Allow { key, values: vec![value] }))
            .collect()
    }
}
