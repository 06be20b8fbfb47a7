//! The request to EC2 for one NodeClaim and what the NodeClaim says afterwards, compared with the recorded ones.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use compact_str::CompactString;
use karp_core::model::{
    ControllerSettings, Ec2NodeClass, InstanceType, LabelProfile, MinValuesPolicy, NodeClaim, Requirements,
    ResourceList, RuleSet,
};
use karp_core::provider::aws::launch::{
    LaunchError, LaunchInput, LaunchPlan, launched_capacity, launched_labels, plan_launch,
};
use karp_core::provider::aws::{NodeClassHashVersion, node_class_hash};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::compare::Difference;
use super::super::documents::text;
use super::account::Account;

/// Prices are equal within this.
const TOLERANCE: f64 = 1e-9;

/// What a launch is computed from.
pub(super) struct Launching<'a> {
    pub(super) account: &'a Account,
    pub(super) class: &'a Ec2NodeClass,
    pub(super) types: &'a [InstanceType],
    pub(super) labels: &'a LabelProfile,
}

/// Our request for a NodeClaim.
pub(super) fn plan(context: &Launching<'_>, claim: &NodeClaim) -> Result<LaunchPlan, LaunchError> {
    let requirements = Requirements::from_specs(&claim.spec.requirements, context.labels);
    plan_launch(&LaunchInput {
        requirements: &requirements,
        requests: &claim.spec.resources.requests,
        claim,
        class: context.class,
        types: context.types,
        labels: context.labels,
        rules: RuleSet::V1_15,
        min_values_policy: MinValuesPolicy::Strict,
        free_addresses: &context.account.free_addresses,
    })
}

/// Differences between our request and the recorded one.
pub(super) fn fleet(plan: &LaunchPlan, recorded: &Value, path: &str) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    let mut expect = |field: &str, theirs: Value, ours: Value| {
        if theirs != ours {
            found.push(difference(&format!("{path}.{field}"), theirs, ours));
        }
    };
    expect("allocation", recorded["allocation"].clone(), json!(plan.allocation.as_str()));
    expect(
        "targetCapacity.DefaultTargetCapacityType",
        recorded["targetCapacity"]["DefaultTargetCapacityType"].clone(),
        json!(plan.target_capacity_type()),
    );
    let theirs = recorded_places(recorded)?;
    let ours = our_places(plan);
    let types = |places: &[Place]| -> BTreeSet<CompactString> {
        places.iter().map(|place| place.instance_type.clone()).collect()
    };
    let (their_types, our_types) = (types(&theirs), types(&ours));
    // Which of several equally cheap types made it into the 60 is left to chance.
    let at_the_cut = plan.types.last().map_or(0.0, |last| last.price);
    let ranked = plan.types.iter().chain(&plan.cut);
    let price: BTreeMap<&str, f64> = ranked.map(|each| (each.name.as_str(), each.price)).collect();
    let tied = |name: &CompactString| {
        !plan.cut.is_empty() && price.get(name.as_str()).is_some_and(|price| close(*price, at_the_cut))
    };
    let unexplained = |a: &BTreeSet<CompactString>, b: &BTreeSet<CompactString>| -> Vec<CompactString> {
        a.difference(b).filter(|name| !tied(name)).cloned().collect()
    };
    expect("typesMissing", json!(unexplained(&their_types, &our_types)), json!([]));
    expect("typesTooMany", json!([]), json!(unexplained(&our_types, &their_types)));
    let common: BTreeSet<CompactString> = their_types.intersection(&our_types).cloned().collect();
    let exact = their_types == our_types;
    if exact {
        let number = |places: &[Place]| places.iter().map(|place| place.template + 1).max().unwrap_or(0);
        expect("templates", json!(number(&theirs)), json!(number(&ours)));
        expect("overrides", json!(theirs.len()), json!(ours.len()));
    }
    let of_common = |places: Vec<Place>| -> BTreeMap<(CompactString, CompactString), Place> {
        let common = places.into_iter().filter(|place| common.contains(&place.instance_type));
        common.map(|place| ((place.instance_type.clone(), place.zone.clone()), place)).collect()
    };
    let (theirs, ours) = (of_common(theirs), of_common(ours));
    expect("partition", json!(partition(&theirs)), json!(partition(&ours)));
    let keys: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    for key in keys {
        let path = format!("override {} {}", key.0, key.1);
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) => {
                if theirs.subnet != ours.subnet
                    || theirs.image != ours.image
                    || !close(theirs.price, ours.price)
                {
                    expect(&path, theirs.json(), ours.json());
                }
            }
            (theirs, ours) => {
                expect(&path, theirs.map_or(Value::Null, Place::json), ours.map_or(Value::Null, Place::json))
            }
        }
    }
    Ok(found)
}

/// A place with the number of its template.
struct Place {
    template: usize,
    instance_type: CompactString,
    zone: CompactString,
    subnet: CompactString,
    image: CompactString,
    price: f64,
}

impl Place {
    fn json(&self) -> Value {
        json!([self.subnet, self.image, self.price])
    }
}

fn recorded_places(fleet: &Value) -> Result<Vec<Place>> {
    type Row = (CompactString, CompactString, CompactString, CompactString, f64);
    let mut places = Vec::new();
    for (template, config) in fleet["configs"].as_array().into_iter().flatten().enumerate() {
        for row in config["overrides"].as_array().into_iter().flatten() {
            let (instance_type, zone, subnet, image, price) = Row::deserialize(row).context("override")?;
            places.push(Place { template, instance_type, zone, subnet, image, price });
        }
    }
    Ok(places)
}

fn our_places(plan: &LaunchPlan) -> Vec<Place> {
    let mut places = Vec::new();
    for (number, template) in plan.templates.iter().enumerate() {
        places.extend(template.overrides.iter().map(|place| Place {
            template: number,
            instance_type: place.instance_type.clone(),
            zone: place.zone.clone(),
            subnet: place.subnet.clone(),
            image: template.image.clone(),
            price: place.price,
        }));
    }
    places
}

/// Which types share a launch template, whatever its number.
fn partition(places: &BTreeMap<(CompactString, CompactString), Place>) -> BTreeSet<BTreeSet<CompactString>> {
    let mut groups: BTreeMap<usize, BTreeSet<CompactString>> = BTreeMap::new();
    for ((instance_type, _), place) in places {
        groups.entry(place.template).or_default().insert(instance_type.clone());
    }
    groups.into_values().collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE
}

/// Differences between what the NodeClaim says after our launch and the recorded one.
pub(super) fn launched(
    context: &Launching<'_>,
    claim: &NodeClaim,
    plan: &LaunchPlan,
    recorded: &Value,
    path: &str,
) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    let mut expect = |field: &str, theirs: &Value, ours: Value| {
        if *theirs != ours {
            found.push(difference(&format!("{path}.{field}"), theirs.clone(), ours));
        }
    };
    let (template, place) =
        *plan.overrides().first().context("our request names no place, but an instance was launched")?;
    let instance_type = context.types.iter().find(|each| each.name == place.instance_type);
    let instance_type = instance_type.context("a type that is not in the list")?;
    expect("imageID", &recorded["imageID"], json!(template.image));
    // Nodes are recorded without these.
    if recorded.get("instanceType").is_some() {
        expect("instanceType", &recorded["instanceType"], json!(place.instance_type));
        expect("zone", &recorded["zone"], json!(place.zone));
        expect("capacityType", &recorded["capacityType"], json!(plan.capacity_type));
        expect("subnet", &recorded["subnet"], json!(place.subnet));
    }
    let subnets = context.class.status.subnets.iter();
    let zone_id = subnets.filter(|subnet| subnet.zone == place.zone).find_map(|each| each.zone_id.as_deref());
    let labels = launched_labels(
        &claim.metadata.labels,
        instance_type,
        &place.zone,
        zone_id,
        plan.capacity_type,
        plan.tenancy,
    );
    expect("labels", &recorded["labels"], sorted(&labels.iter().collect())?);
    let (capacity, allocatable) =
        launched_capacity(instance_type, context.class, &claim.spec.resources.requests);
    for (field, ours) in [("capacity", capacity), ("allocatable", allocatable)] {
        let theirs = ResourceList::deserialize(&recorded[field])?;
        if theirs != ours {
            expect(field, &recorded[field], json!(ours));
        }
    }
    let annotations = &recorded["annotations"];
    let hash = class_hash(context.class, &context.account.settings);
    expect("hash", &annotations["karpenter.k8s.aws/ec2nodeclass-hash"], json!(hash));
    expect("hash version", &annotations["karpenter.k8s.aws/ec2nodeclass-hash-version"], json!("v6"));
    for (key, value) in claim.metadata.annotations.iter() {
        expect(&format!("annotations.{key}"), &annotations[key], json!(value));
    }
    if context.class.spec.instance_profile.is_some() {
        let profile = &annotations["karpenter.k8s.aws/instance-profile-name"];
        expect("instance profile", profile, json!(context.class.status.instance_profile));
    }
    Ok(found)
}

fn class_hash(class: &Ec2NodeClass, settings: &ControllerSettings) -> String {
    let bundle = settings.cluster_ca_bundle.as_deref().unwrap_or_default();
    node_class_hash(&class.spec, bundle, NodeClassHashVersion::V6).to_string()
}

fn sorted(labels: &BTreeMap<&str, &str>) -> Result<Value> {
    Ok(serde_json::to_value(labels)?)
}

pub(super) fn difference(path: &str, recorded: Value, ours: Value) -> Difference {
    Difference { path: path.to_owned(), recorded: Some(recorded), ours: Some(ours) }
}

/// The NodeClass with this name.
pub(super) fn class_named<'a>(classes: &'a [Ec2NodeClass], name: &str) -> Result<&'a Ec2NodeClass> {
    classes
        .iter()
        .find(|class| class.metadata.name == name)
        .with_context(|| format!("no node class {name:?}"))
}

/// The recorded image, where a launch failed: none.
pub(super) fn has_instance(launched: &Value) -> bool {
    !text(launched, "imageID").is_empty()
}
