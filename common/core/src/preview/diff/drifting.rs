//! Which NodeClaims an edit makes drift, as a whole and field by field.
//!
//! The controller writes the hash of an edited NodePool or NodeClass on it within seconds, then compares. Whether a
//! hash changes is decided by hashing both specs here, so that it does not matter what an unknown input of the hash
//! (the CA bundle of a NodeClass) is.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::fields::{FieldChange, field_changes};
use super::report::FieldRow;
use crate::disruption::drift::{
    DriftReason, instance_type_drift, is_evaluated, node_pool_drift, requirements_drift,
};
use crate::disruption::drift_aws::{NODE_CLASS_HASH, aws_drift};
use crate::model::{
    Ec2NodeClass, InstanceType, LabelProfile, NODE_POOL_HASH_VERSION, NodeClaim, NodePool, Snapshot,
    condition_is_true, label_key, node_pool_hash,
};
use crate::preview::edit::Edited;
use crate::provider::CloudProvider;
use crate::provider::aws::{NodeClassHashVersion, node_class_hash};

/// NodePools and NodeClasses of one state of the cluster, as NodeClaims are compared with them.
#[derive(Debug)]
pub(super) struct Wanted {
    pools: BTreeMap<CompactString, NodePool>,
    classes: BTreeMap<CompactString, Ec2NodeClass>,
}

impl Wanted {
    /// As a snapshot has them.
    pub(super) fn live(snapshot: &Snapshot) -> Self {
        let objects = &snapshot.objects;
        Self {
            pools: objects.node_pools.iter().map(|pool| (pool.metadata.name.clone(), pool.clone())).collect(),
            classes: objects
                .ec2_node_classes
                .iter()
                .map(|class| (class.metadata.name.clone(), class.clone()))
                .collect(),
        }
    }

    /// As they would be with these objects in place, hashes written anew.
    pub(super) fn edited(live: &Snapshot, edited: &Snapshot) -> Self {
        let mut wanted = Self::live(live);
        for pool in &edited.objects.node_pools {
            wanted.put_pool(pool.clone(), live);
        }
        for class in &edited.objects.ec2_node_classes {
            wanted.put_class(class.clone(), live);
        }
        wanted
    }

    fn put_pool(&mut self, mut pool: NodePool, live: &Snapshot) {
        let before = live.objects.node_pools.iter().find(|known| known.metadata.name == pool.metadata.name);
        let hash = node_pool_hash(&pool);
        if before.is_none_or(|before| node_pool_hash(before) != hash) {
            let annotations = &mut pool.metadata.annotations;
            annotations.insert(label_key::NODE_POOL_HASH, hash.to_string());
            if annotations.get(label_key::NODE_POOL_HASH_VERSION).is_none() {
                annotations.insert(label_key::NODE_POOL_HASH_VERSION, NODE_POOL_HASH_VERSION);
            }
        }
        self.pools.insert(pool.metadata.name.clone(), pool);
    }

    fn put_class(&mut self, mut class: Ec2NodeClass, live: &Snapshot) {
        let before =
            live.objects.ec2_node_classes.iter().find(|known| known.metadata.name == class.metadata.name);
        let version_key = format!("{NODE_CLASS_HASH}-version");
        let written = before.and_then(|before| before.metadata.annotations.get(&version_key));
        let version = written.and_then(NodeClassHashVersion::parse).unwrap_or(NodeClassHashVersion::V6);
        let ca = live.controller.cluster_ca_bundle.as_deref().unwrap_or_default();
        let hash = node_class_hash(&class.spec, ca, version);
        if before.is_some_and(|before| node_class_hash(&before.spec, ca, version) != hash) {
            class.metadata.annotations.insert(NODE_CLASS_HASH, hash.to_string());
        }
        self.classes.insert(class.metadata.name.clone(), class);
    }

    /// The first reason why a NodeClaim differs; none = it does not, or nothing can be compared.
    fn reason(
        &self,
        claim: &NodeClaim,
        types: &[InstanceType],
        context: &Context<'_>,
    ) -> Option<DriftReason> {
        let pool = self.pools.get(claim.metadata.labels.get(label_key::NODE_POOL)?)?;
        let profile = context.profile;
        let reserved: Vec<&str> = profile.reservation_id.as_deref().into_iter().collect();
        let core = node_pool_drift(claim, pool, profile)
            .or_else(|| requirements_drift(claim, pool, profile))
            .or_else(|| {
                let known = (!types.is_empty()).then_some(types)?;
                instance_type_drift(claim, known, profile, &reserved, context.live.taken_at)
            });
        core.map(|drift| drift.reason).or_else(|| {
            let reference = &claim.spec.node_class_ref;
            let class = self.classes.get(&reference.name).filter(|_| reference.kind == "EC2NodeClass")?;
            aws_drift(claim, class, None, profile).answer().ok().flatten()
        })
    }
}

/// What drift is judged with.
pub(super) struct Context<'a> {
    /// The cluster without the edit.
    pub(super) live: &'a Snapshot,
    /// Label tables.
    pub(super) profile: &'a LabelProfile,
    /// The provider for the cluster without the edit.
    pub(super) provider: &'a dyn CloudProvider,
}

impl Context<'_> {
    /// Instance types of every NodePool in a state; NodePools without are left out.
    fn types(&self, wanted: &Wanted, provider: &dyn CloudProvider) -> Types {
        let of = |pool: &NodePool| provider.instance_types(pool).ok();
        wanted.pools.iter().filter_map(|(name, pool)| Some((name.clone(), of(pool)?))).collect()
    }

    /// NodeClaims that the controller would look at.
    pub(super) fn claims(&self) -> impl Iterator<Item = &NodeClaim> {
        self.live.objects.node_claims.iter().filter(|claim| is_evaluated(claim))
    }
}

type Types = BTreeMap<CompactString, std::sync::Arc<[InstanceType]>>;

fn types_of<'t>(types: &'t Types, claim: &NodeClaim) -> &'t [InstanceType] {
    let pool = claim.metadata.labels.get(label_key::NODE_POOL).unwrap_or_default();
    types.get(pool).map_or(&[], |types| types)
}

/// NodeClaims by name that drift in one state and not in another.
#[derive(Debug, Default)]
pub(super) struct Drifting {
    /// Those the edit makes drift, with the controller's reason.
    pub(super) newly: BTreeMap<CompactString, DriftReason>,
    /// Those that are drifted already.
    pub(super) already: BTreeMap<CompactString, DriftReason>,
}

/// Judges all NodeClaims before and after.
pub(super) fn drifting(
    context: &Context<'_>,
    edited: &Snapshot,
    edited_provider: &dyn CloudProvider,
) -> Drifting {
    let (before, after) = (Wanted::live(context.live), Wanted::edited(context.live, edited));
    let (types_before, types_after) =
        (context.types(&before, context.provider), context.types(&after, edited_provider));
    let mut found = Drifting::default();
    for claim in context.claims() {
        let name = claim.metadata.name.clone();
        let is_condition = condition_is_true(&claim.status.conditions, "Drifted");
        let was = before.reason(claim, types_of(&types_before, claim), context);
        if let Some(reason) = was.or(is_condition.then_some(DriftReason::NodePoolDrifted)) {
            found.already.insert(name, reason);
        } else if let Some(reason) = after.reason(claim, types_of(&types_after, claim), context) {
            found.newly.insert(name, reason);
        }
    }
    found
}

/// Every field that changes, each with what it does alone.
pub(super) fn field_rows(
    context: &Context<'_>,
    edited: &Snapshot,
    names: &Edited,
    already: &BTreeMap<CompactString, DriftReason>,
) -> Vec<FieldRow> {
    let mut rows: Vec<FieldRow> = names.added.iter().map(|name| added_row(name)).collect();
    for name in &names.replaced {
        let Some((kind, object)) = name.split_once('/') else { continue };
        let (live, edited) = (&context.live.objects, &edited.objects);
        match kind {
            "nodepool" => {
                let of = |list: &[NodePool]| list.iter().find(|pool| pool.name() == object).cloned();
                let pair = of(&live.node_pools).zip(of(&edited.node_pools));
                let of_pair = |(live, edited): &(NodePool, NodePool)| {
                    self::rows(context, name, (live, edited), already, Wanted::put_pool, pool_note)
                };
                rows.extend(pair.iter().flat_map(of_pair));
            }
            "ec2nodeclass" => {
                let of =
                    |list: &[Ec2NodeClass]| list.iter().find(|class| class.metadata.name == object).cloned();
                let pair = of(&live.ec2_node_classes).zip(of(&edited.ec2_node_classes));
                let of_pair = |(live, edited): &(Ec2NodeClass, Ec2NodeClass)| {
                    self::rows(context, name, (live, edited), already, Wanted::put_class, class_note)
                };
                rows.extend(pair.iter().flat_map(of_pair));
            }
            "nodeoverlay" => {
                let of = |list: &[crate::model::NodeOverlay]| {
                    list.iter().find(|overlay| overlay.metadata.name == object).cloned()
                };
                let pair = of(&live.node_overlays).zip(of(&edited.node_overlays));
                let changes = pair.map(|(live, edited)| changes(&live, &edited)).unwrap_or_default();
                let row = |change: &FieldChange| {
                    row(name, change, &Alone::default(), "not part of drift: prices and capacity only")
                };
                rows.extend(changes.iter().map(row));
            }
            _ => {}
        }
    }
    rows
}

/// An object that is not in the cluster: no node is compared with it.
fn added_row(name: &str) -> FieldRow {
    FieldRow {
        object: name.to_owned(),
        path: String::new(),
        label: name.to_owned(),
        now: serde_json::Value::Null,
        after: serde_json::Value::Null,
        now_text: "<none>".to_owned(),
        after_text: "new".to_owned(),
        drifts: 0,
        reason: None,
        note: Some("not part of drift".to_owned()),
    }
}

fn changes<T: serde::Serialize>(live: &T, edited: &T) -> Vec<FieldChange> {
    let json = |object: &T| serde_json::to_value(object).unwrap_or_default();
    field_changes(&json(live), &json(edited))
}

/// What one change does alone.
#[derive(Debug, Default)]
struct Alone {
    drifts: usize,
    reason: Option<DriftReason>,
}

fn count_alone(
    context: &Context<'_>,
    wanted: &Wanted,
    already: &BTreeMap<CompactString, DriftReason>,
) -> Alone {
    let mut alone = Alone::default();
    for claim in context.claims().filter(|claim| !already.contains_key(&claim.metadata.name)) {
        if let Some(reason) = wanted.reason(claim, &[], context) {
            alone.drifts += 1;
            alone.reason = Some(alone.reason.map_or(reason, |known| known.min(reason)));
        }
    }
    alone
}

/// One row per changed field: the live object with that field alone edited, put in its place.
fn rows<T: serde::Serialize + serde::de::DeserializeOwned>(
    context: &Context<'_>,
    name: &str,
    (live, edited): (&T, &T),
    already: &BTreeMap<CompactString, DriftReason>,
    put: fn(&mut Wanted, T, &Snapshot),
    note: fn(&str) -> &'static str,
) -> Vec<FieldRow> {
    let json = serde_json::to_value(live).unwrap_or_default();
    let one = |change: FieldChange| {
        let mut alone = json.clone();
        change.apply(&mut alone);
        let alone = serde_json::from_value::<T>(alone).map_or_else(
            |_| Alone::default(),
            |object| {
                let mut wanted = Wanted::live(context.live);
                put(&mut wanted, object, context.live);
                count_alone(context, &wanted, already)
            },
        );
        row(name, &change, &alone, note(&change.pointer()))
    };
    changes(live, edited).into_iter().map(one).collect()
}

/// Why a changed field of a NodePool makes nothing drift.
fn pool_note(pointer: &str) -> &'static str {
    if pointer.starts_with("/spec/template/spec/requirements") {
        "all nodes still meet it"
    } else if pointer.starts_with("/spec/template") {
        "nothing to compare: no nodes, or other hash versions"
    } else {
        "not part of drift"
    }
}

/// Fields that ask EC2, whose answer is in the status and not known for the edit.
const SELECTORS: [&str; 4] = [
    "/spec/subnetSelectorTerms",
    "/spec/securityGroupSelectorTerms",
    "/spec/amiSelectorTerms",
    "/spec/capacityReservationSelectorTerms",
];

/// The same of an EC2NodeClass.
fn class_note(pointer: &str) -> &'static str {
    if SELECTORS.iter().any(|selector| pointer.starts_with(selector)) {
        "what it finds in EC2 is not known here"
    } else {
        "not part of drift"
    }
}

fn row(object: &str, change: &FieldChange, alone: &Alone, note: &str) -> FieldRow {
    FieldRow {
        object: object.to_owned(),
        path: change.pointer(),
        label: change.label(),
        now: change.now.clone().unwrap_or_default(),
        after: change.after.clone().unwrap_or_default(),
        now_text: change.now_text(),
        after_text: change.after_text(),
        drifts: alone.drifts,
        reason: alone.reason.map(|reason| reason.name().to_owned()),
        note: (alone.drifts == 0).then(|| note.to_owned()),
    }
}
