//! From open claims to NodeClaims: reserved capacity pinned, DaemonSets added, types in launch order, the object.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{nodeclaim,nodeclaimtemplate}.go
//! (`FinalizeScheduling`, `ToNodeClaim`) and pkg/cloudprovider/types.go (`OrderByPrice`, `Truncate`).

use std::rc::Rc;
use std::sync::Arc;

use compact_str::{CompactString, format_compact};

use super::bits::Bits;
use super::packed::SetId;
use super::scheduler::Scheduler;
use super::solution::NewNodeClaim;
use super::texts::min_values_text;
use crate::model::{
    Labels, MinValuesPolicy, NODE_POOL_HASH_VERSION, NodeClaim, NodeClaimResources, NodeClaimSpec,
    ObjectMeta, Operator, OwnerReference, Requirement, RequirementSpec, Requirements, ResourceList,
    label_key, parse_nillable,
};

/// What claims with the same template, requirements and types have in common: most of the object.
pub(super) struct Shape {
    fitting_type_count: usize,
    /// Text for the pods where minValues do not survive truncation.
    pub refusal: Option<String>,
    /// Types, cheapest first, as many as may be listed.
    names: Arc<[CompactString]>,
    /// Their prices.
    prices: Arc<[f64]>,
    launch: Arc<Requirements>,
    metadata: ObjectMeta,
    spec: NodeClaimSpec,
    /// What the least of the DaemonSet groups adds.
    overhead: ResourceList,
}

impl Scheduler<'_> {
    /// Requirements and types of a claim as it is launched.
    pub(super) fn shape(&mut self, position: usize, pool_labels: &Labels) -> Rc<Shape> {
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
        let key = (template, set, self.claims[position].types.clone());
        if let Some(shape) = self.shapes.get(&key) {
            return Rc::clone(shape);
        }
        let shape = Rc::new(self.new_shape(template, set, &key.2, pool_labels));
        self.shapes.insert(key, Rc::clone(&shape));
        shape
    }

    fn new_shape(&mut self, template: usize, set: SetId, fitting: &Bits, pool_labels: &Labels) -> Shape {
        let list = &mut self.lists[self.templates[template].list];
        let order = list.launch_order(set, &self.interner);
        let mut types: Vec<(usize, f64)> =
            order.iter().filter(|(at, _)| fitting.contains(*at)).copied().collect();
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
        let list = &self.lists[self.templates[template].list];
        let names: Arc<[CompactString]> = types.iter().map(|(at, _)| list.types[*at].name.clone()).collect();
        let prices = types.iter().map(|(_, price)| *price).collect();
        let sorted_names = list.by_name.iter().filter(|at| kept.contains(**at));
        let sorted_names: Vec<CompactString> = sorted_names.map(|at| list.types[*at].name.clone()).collect();
        let launch = self.interner.unpack_set(set);
        let mut requirements = launch.clone();
        let mut listed = None;
        if sorted_names.is_empty() || launch.has(label_key::INSTANCE_TYPE) {
            requirements.add(Requirement::allow(label_key::INSTANCE_TYPE, sorted_names));
        } else {
            listed = Some(sorted_names);
        }
        let capacity_types = self.capacity_types(template, set, &types);
        if !capacity_types.is_empty() {
            requirements.add(Requirement::allow(label_key::CAPACITY_TYPE, capacity_types));
        }
        let node_pool = self.templates[template].node_pool;
        let spec = &node_pool.spec.template.spec;
        Shape {
            metadata: ObjectMeta {
                generate_name: Some(format_compact!("{}-", node_pool.name())),
                labels: self.object_labels(pool_labels, &requirements),
                annotations: self.object_annotations(template, &types),
                owner_references: vec![OwnerReference {
                    api_version: "karpenter.sh/v1".into(),
                    kind: "NodePool".into(),
                    name: node_pool.metadata.name.clone(),
                    uid: node_pool.metadata.uid.clone(),
                    block_owner_deletion: Some(true),
                    ..OwnerReference::default()
                }]
                .into(),
                ..ObjectMeta::default()
            },
            spec: NodeClaimSpec {
                requirements: object_requirements(&requirements, listed).into(),
                termination_grace_period: spec.termination_grace_period.as_deref().map(canonical_duration),
                ..spec.clone()
            },
            overhead: self.least_overhead(template, fitting),
            fitting_type_count,
            refusal,
            names,
            prices,
            launch: Arc::new(launch),
        }
    }

    /// The NodeClaim that a claim of this shape becomes.
    pub(super) fn node_claim(
        &self,
        position: usize,
        shape: &Shape,
        pods: Vec<usize>,
        create_error: Option<String>,
    ) -> NewNodeClaim {
        let claim = &self.claims[position];
        let mut requests = ResourceList::new();
        for pod in &claim.pods {
            requests.add(&self.classes[self.pods[*pod].class].requests);
        }
        requests.add(&shape.overhead);
        NewNodeClaim {
            node_pool: self.templates[claim.template].node_pool.metadata.name.clone(),
            pods,
            instance_types: Arc::clone(&shape.names),
            prices: Arc::clone(&shape.prices),
            fitting_type_count: shape.fitting_type_count,
            requirements: Arc::clone(&shape.launch),
            object: NodeClaim {
                metadata: Arc::new(shape.metadata.clone()),
                spec: Arc::new(NodeClaimSpec {
                    resources: NodeClaimResources { requests },
                    ..shape.spec.clone()
                }),
                ..NodeClaim::default()
            },
            create_error,
        }
    }

    /// Capacity types in which one of the listed types can be launched.
    fn capacity_types(&mut self, template: usize, set: SetId, types: &[(usize, f64)]) -> Vec<CompactString> {
        let list = &mut self.lists[self.templates[template].list];
        let met = list.capacity_types(types.iter().map(|(at, _)| *at), set, &self.interner);
        let key = self.interner.key(label_key::CAPACITY_TYPE);
        let name = |value| self.interner.value_name(key, value).clone();
        met.into_iter().map(|value| value.map(name).unwrap_or_default()).collect()
    }

    /// What the least of the DaemonSet groups adds: a running minimum, which a group without DaemonSets empties
    /// and the next one fills again (quirk Q12).
    fn least_overhead(&self, template: usize, types: &Bits) -> ResourceList {
        let template = &self.templates[template];
        let mut least = ResourceList::new();
        for (group, of_group) in template.groups.iter().zip(&template.group_types) {
            if !of_group.meets(types) {
                continue;
            }
            if least.is_empty() {
                least = group.overhead.clone();
            } else {
                least.min(&group.overhead);
            }
        }
        least
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

    fn object_annotations(&self, template: usize, listed: &[(usize, f64)]) -> Labels {
        let of = &self.templates[template];
        let list = &self.lists[of.list];
        let mut annotations = of.node_pool.spec.template.metadata.annotations.clone();
        annotations.insert(label_key::NODE_POOL_HASH, format_compact!("{}", of.hash));
        annotations.insert(label_key::NODE_POOL_HASH_VERSION, NODE_POOL_HASH_VERSION);
        if let Some(relaxed) = of.min_values_relaxed {
            annotations
                .insert("karpenter.sh/nodeclaim-min-values-relaxed", if relaxed { "true" } else { "false" });
        }
        let types = || listed.iter().map(|(at, _)| &list.types[*at]);
        if types().any(|of_type| of_type.offerings.iter().any(|offering| offering.price_overlay_applied)) {
            annotations.insert("karpenter.sh/price-overlay-applied", "true");
        }
        if types().any(|of_type| of_type.capacity_overlay_applied) {
            annotations.insert("karpenter.sh/capacity-overlay-applied", "true");
        }
        annotations
    }
}

/// Requirements of the object. Types that nothing narrows come in order: a set of them would sort them once more, and
/// be taken apart again.
fn object_requirements(
    requirements: &Requirements,
    types: Option<Vec<CompactString>>,
) -> Vec<RequirementSpec> {
    let kept = requirements.iter().filter(|requirement| !is_simulation_only(&requirement.key));
    let mut specs: Vec<RequirementSpec> = kept.flat_map(Requirement::to_specs).collect();
    if let Some(mut values) = types {
        values.dedup();
        let key = label_key::INSTANCE_TYPE;
        let at = specs.partition_point(|spec| spec.key.as_str() < key);
        let operator = Operator::In.as_str().into();
        specs.insert(at, RequirementSpec { key: key.into(), operator, values, min_values: None });
    }
    specs
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
