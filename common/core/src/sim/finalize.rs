//! From open claims to NodeClaims: reserved capacity pinned, DaemonSets added, types in launch order, the object.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{nodeclaim,nodeclaimtemplate}.go
//! (`FinalizeScheduling`, `ToNodeClaim`) and pkg/cloudprovider/types.go (`OrderByPrice`, `Truncate`).

use compact_str::{CompactString, format_compact};

use super::bits::Bits;
use super::packed::{Open, SetId};
use super::scheduler::{Claim, Scheduler};
use super::solution::NewNodeClaim;
use super::texts::min_values_text;
use crate::model::{
    Labels, MinValuesPolicy, NODE_POOL_HASH_VERSION, NodeClaim, NodeClaimResources, NodeClaimSpec,
    ObjectMeta, OwnerReference, Requirement, Requirements, ResourceList, label_key, node_pool_hash,
    parse_nillable,
};

/// A claim in launch order.
pub(super) struct Finished {
    pub set: SetId,
    /// Types with their prices, cheapest first, as many as may be listed.
    pub types: Vec<(usize, f64)>,
    pub fitting_type_count: usize,
    /// Text for its pods where minValues do not survive truncation.
    pub refusal: Option<String>,
}

impl Scheduler<'_> {
    /// Requirements and types of a claim as it is launched.
    pub(super) fn finish(&mut self, position: usize) -> Finished {
        let claim = &self.claims[position];
        let (template, reserved) = (claim.template, claim.reserved.clone());
        let mut set = claim.set;
        if !reserved.is_empty() {
            let only = Requirement::allow(label_key::CAPACITY_TYPE, ["reserved"]);
            let only = self.interner.pack(&only);
            set = self.interner.replaced(set, only);
            if let Some(key) = self.interner.profile().reservation_id.clone() {
                let ids = reserved.iter().map(|id| self.reservation_ids[*id].as_str());
                let held = Requirement::allow(key, ids);
                let held = self.interner.pack(&held);
                set = self.interner.with(set, held);
            }
        }
        let list = &self.lists[self.templates[template].list];
        let mut types: Vec<(usize, f64)> =
            self.claims[position].types.iter().map(|at| (at, list.price(at, set, &self.interner))).collect();
        types.sort_by(|a, b| {
            a.1.total_cmp(&b.1).then_with(|| list.types[a.0].name.cmp(&list.types[b.0].name))
        });
        let fitting_type_count = types.len();
        types.truncate(self.settings.max_instance_types);
        let mut kept = Bits::none(list.len());
        types.iter().for_each(|(at, _)| kept.insert(*at));
        let strict = self.settings.min_values_policy == MinValuesPolicy::Strict;
        let unmet = list.unmet_min_values(&kept, set, &self.interner, self.rules);
        let refusal = (strict && !unmet.is_empty()).then(|| {
            let keys: Vec<String> =
                unmet.iter().map(|(key, _)| self.interner.key_name(*key).to_string()).collect();
            format!(
                "pod didn\u{2019}t schedule because NodePool couldn\u{2019}t meet minValues requirements, validating minValues, {} (NodePool={})",
                min_values_text(&keys),
                self.templates[template].node_pool.name()
            )
        });
        Finished { set, types, fitting_type_count, refusal }
    }

    /// The NodeClaim that a finished claim becomes.
    pub(super) fn node_claim(
        &self,
        position: usize,
        finished: &Finished,
        pods: Vec<usize>,
        pool_labels: &Labels,
        create_error: Option<String>,
    ) -> NewNodeClaim {
        let claim = &self.claims[position];
        let template = &self.templates[claim.template];
        let list = &self.lists[template.list];
        let names: Vec<CompactString> =
            finished.types.iter().map(|(at, _)| list.types[*at].name.clone()).collect();
        let launch = self.interner.unpack_set(finished.set);
        let mut requirements = launch.clone();
        requirements.add(Requirement::allow(label_key::INSTANCE_TYPE, names.iter().cloned()));
        let capacity_types = self.capacity_types(claim.template, finished);
        if !capacity_types.is_empty() {
            requirements.add(Requirement::allow(label_key::CAPACITY_TYPE, capacity_types));
        }
        let spec = &template.node_pool.spec.template.spec;
        let object = NodeClaim {
            metadata: ObjectMeta {
                generate_name: Some(format_compact!("{}-", template.node_pool.name())),
                labels: self.object_labels(pool_labels, &requirements),
                annotations: self.object_annotations(claim.template, finished),
                owner_references: vec![OwnerReference {
                    api_version: "karpenter.sh/v1".into(),
                    kind: "NodePool".into(),
                    name: template.node_pool.metadata.name.clone(),
                    uid: template.node_pool.metadata.uid.clone(),
                    block_owner_deletion: Some(true),
                    ..OwnerReference::default()
                }],
                ..ObjectMeta::default()
            },
            spec: NodeClaimSpec {
                requirements: requirements
                    .iter()
                    .filter(|requirement| !is_simulation_only(&requirement.key))
                    .flat_map(Requirement::to_specs)
                    .collect(),
                resources: NodeClaimResources { requests: self.object_requests(claim) },
                termination_grace_period: spec.termination_grace_period.as_deref().map(canonical_duration),
                ..spec.clone()
            },
            ..NodeClaim::default()
        };
        NewNodeClaim {
            node_pool: template.node_pool.metadata.name.clone(),
            pods,
            instance_types: names,
            prices: finished.types.iter().map(|(_, price)| *price).collect(),
            fitting_type_count: finished.fitting_type_count,
            requirements: launch,
            object,
            create_error,
        }
    }

    /// Capacity types in which one of the listed types can be launched.
    fn capacity_types(&self, template: usize, finished: &Finished) -> Vec<CompactString> {
        let list = &self.lists[self.templates[template].list];
        let mut capacity_types: Vec<CompactString> = Vec::new();
        for (at, _) in &finished.types {
            for (offering, packed) in list.types[*at].offerings.iter().zip(&list.offerings[*at]) {
                let capacity_type = offering.capacity_type().unwrap_or_default();
                if packed.launchable
                    && !capacity_types.iter().any(|known| known == capacity_type)
                    && self.interner.compatible(finished.set, packed.set, Open::WellKnown)
                {
                    capacity_types.push(capacity_type.into());
                }
            }
        }
        capacity_types
    }

    /// Pods together, and what the least of the DaemonSet groups adds (quirk Q12).
    fn object_requests(&self, claim: &Claim) -> ResourceList {
        let mut requests = ResourceList::new();
        for pod in &claim.pods {
            requests.add(&self.classes[self.pods[*pod].class].requests);
        }
        let template = &self.templates[claim.template];
        let mut least = ResourceList::new();
        for (group, types) in template.groups.iter().zip(&template.group_types) {
            if !types.meets(&claim.types) {
                continue;
            }
            if least.is_empty() {
                least = group.overhead.clone();
            } else {
                least.min(&group.overhead);
            }
        }
        requests.add(&least);
        requests
    }

    /// Labels of the NodePool, and a value for every requirement on a label of the user's own. Where several
    /// values are allowed the controller picks one at random; here it is the smallest.
    fn object_labels(&self, pool_labels: &Labels, requirements: &Requirements) -> Labels {
        let profile = self.interner.profile();
        let mut labels = pool_labels.clone();
        for requirement in requirements.iter() {
            let key = &requirement.key;
            if profile.is_well_known(key) || profile.restricted.contains(key) || is_simulation_only(key) {
                continue;
            }
            let value = if requirement.complement {
                Some(format_compact!("{}", requirement.gte.unwrap_or(0)))
            } else {
                requirement.values.first().cloned()
            };
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                labels.insert(key.clone(), value);
            }
        }
        labels
    }

    fn object_annotations(&self, template: usize, finished: &Finished) -> Labels {
        let of = &self.templates[template];
        let list = &self.lists[of.list];
        let mut annotations = of.node_pool.spec.template.metadata.annotations.clone();
        annotations.insert(label_key::NODE_POOL_HASH, format_compact!("{}", node_pool_hash(of.node_pool)));
        annotations.insert(label_key::NODE_POOL_HASH_VERSION, NODE_POOL_HASH_VERSION);
        if let Some(relaxed) = of.min_values_relaxed {
            annotations
                .insert("karpenter.sh/nodeclaim-min-values-relaxed", if relaxed { "true" } else { "false" });
        }
        let types = || finished.types.iter().map(|(at, _)| &list.types[*at]);
        if types().any(|of_type| of_type.offerings.iter().any(|offering| offering.price_overlay_applied)) {
            annotations.insert("karpenter.sh/price-overlay-applied", "true");
        }
        if types().any(|of_type| of_type.capacity_overlay_applied) {
            annotations.insert("karpenter.sh/capacity-overlay-applied", "true");
        }
        annotations
    }
}

/// Keys that stand in templates only so that DaemonSets which select on them count.
fn is_simulation_only(key: &str) -> bool {
    key == label_key::REGISTERED || key == label_key::INITIALIZED
}

/// A Go duration as Go prints it.
fn canonical_duration(text: &str) -> CompactString {
    match parse_nillable(text) {
        Ok(Some(duration)) => format_compact!("{duration}"),
        _ => text.into(),
    }
}
