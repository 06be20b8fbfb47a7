//! Rules of the AWS provider, one test per line of its checklist: offerings, prices, reservations, launch filters.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use serde_json::{Value, json};

use super::launch::{Allocation, Filter, LaunchError, LaunchInput, LaunchPlan, plan_launch};
use super::{AwsProvider, PlacementGroup, ProviderFacts, Uncertainty, label_key, label_profile};
use crate::model::{
    Catalog, CatalogEntry, CatalogOrigin, CatalogZone, Ec2NodeClass, InstanceType, MinValuesPolicy,
    NodeClaim, NodePool, Offering, PriceKind, PriceKnowledge, RequirementSpec, Requirements, RuleSet,
    Snapshot, label_key as core_key, resource_name,
};
use crate::provider::CloudProvider;

/// A catalog of these types: (name, on-demand price, spot prices in zones a and b); raw data is that of a small
/// nitro machine, or of what the name says.
fn catalog(types: &[(&str, Option<f64>, [Option<f64>; 2])]) -> Catalog {
    let entries = types.iter().map(|(name, on_demand, spot)| {
        let metal = name.contains("metal");
        let raw = json!({
            "InstanceType": name,
            "SupportedUsageClasses": ["on-demand", "spot"],
            "SupportedVirtualizationTypes": ["hvm"],
            "Hypervisor": if metal || name.starts_with("m4") { "" } else { "nitro" },
            "NitroEnclavesSupport": if name.starts_with("m6") { "supported" } else { "unsupported" },
            "ProcessorInfo": {
                "Manufacturer": "Intel",
                "SupportedArchitectures": ["x86_64"],
                "SupportedFeatures": if name.starts_with("m8") { json!(["nested-virtualization"]) } else { json!([]) },
            },
            "VCpuInfo": {"DefaultVCpus": 4},
            "MemoryInfo": {"SizeInMiB": 16384},
            "NetworkInfo": {
                "Ipv4AddressesPerInterface": 15,
                "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 4}],
            },
            "GpuInfo": if name.starts_with('g') {
                json!({"Gpus": [{"Name": "T4", "Manufacturer": "NVIDIA", "Count": 1}]})
            } else {
                Value::Null
            },
            "PlacementGroupInfo": {"SupportedStrategies": if name.starts_with('t') {
                json!(["partition", "spread"])
            } else {
                json!(["cluster", "partition", "spread"])
            }},
        });
        let zones = ["usw2-az1", "usw2-az2"];
        let spot = zones.iter().zip(spot).filter_map(|(zone, price)| Some(((*zone).into(), (*price)?)));
        CatalogEntry {
            instance_type: serde_json::from_value(raw).unwrap(),
            zones: zones.map(CompactString::from).to_vec(),
            on_demand_price: *on_demand,
            spot_prices: spot.collect(),
            ..CatalogEntry::default()
        }
    });
    let mut catalog = Catalog {
        api_version: Catalog::API_VERSION.into(),
        kind: Catalog::KIND.into(),
        region: "us-west-2".into(),
        origin: CatalogOrigin::File,
        sources: Vec::new(),
        zones: ["usw2-az1", "usw2-az2"].map(|id| CatalogZone { id: id.into(), name: None }).to_vec(),
        on_demand: PriceKnowledge::Complete { region: "us-west-2".into() },
        spot: PriceKnowledge::Complete { region: "us-west-2".into() },
        entries: entries.collect(),
        priced_without_data: Vec::new(),
    };
    catalog.sort();
    catalog
}

/// A NodeClass with subnets in zones a and b and an image for everything, with changes on top.
fn class(changes: &Value) -> Ec2NodeClass {
    let mut class = json!({
        "metadata": {"name": "default"},
        "spec": {"amiFamily": "AL2023"},
        "status": {
            "subnets": [
                {"id": "subnet-a1", "zone": "us-west-2a", "zoneID": "usw2-az1"},
                {"id": "subnet-a2", "zone": "us-west-2a", "zoneID": "usw2-az1"},
                {"id": "subnet-b", "zone": "us-west-2b", "zoneID": "usw2-az2"},
            ],
            "amis": [{"id": "ami-1", "requirements": [
                {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
            ]}],
        },
    });
    for part in ["spec", "status"] {
        for (key, value) in changes.get(part).and_then(Value::as_object).into_iter().flatten() {
            class[part][key] = value.clone();
        }
    }
    serde_json::from_value(class).unwrap()
}

fn provider(catalog: Catalog, class: &Ec2NodeClass, facts: &ProviderFacts, rules: RuleSet) -> AwsProvider {
    let mut snapshot = Snapshot::empty(jiff::Timestamp::UNIX_EPOCH);
    snapshot.rules = rules;
    snapshot.objects.ec2_node_classes = vec![class.clone()];
    AwsProvider::new(&snapshot, Arc::new(catalog), facts)
}

fn types_of(provider: &AwsProvider) -> Arc<[InstanceType]> {
    let mut pool = NodePool::default();
    pool.spec.template.spec.node_class_ref.name = "default".into();
    provider.instance_types(&pool).unwrap()
}

fn types(catalog: Catalog, class: &Ec2NodeClass) -> Arc<[InstanceType]> {
    types_of(&provider(catalog, class, &ProviderFacts::default(), RuleSet::V1_15))
}

/// `on-demand us-west-2a 0.1` of each available offering.
fn available(each: &InstanceType) -> Vec<String> {
    let text = |offering: &Offering| {
        let place = (offering.capacity_type().unwrap_or_default(), offering.zone().unwrap_or_default());
        format!("{} {} {}", place.0, place.1, offering.price)
    };
    each.offerings.iter().filter(|offering| offering.available).map(text).collect()
}

fn requirement(key: &str, values: &[&str]) -> RequirementSpec {
    let values = values.iter().map(|value| CompactString::from(*value)).collect();
    RequirementSpec { key: key.into(), operator: "In".into(), values, min_values: None }
}

fn plan(
    class: &Ec2NodeClass,
    types: &[InstanceType],
    requirements: &[RequirementSpec],
) -> Result<LaunchPlan, LaunchError> {
    let profile = label_profile();
    let requirements = Requirements::from_specs(requirements, &profile);
    let requests = serde_json::from_value(json!({"cpu": "1"})).unwrap();
    plan_launch(&LaunchInput {
        requirements: &requirements,
        requests: &requests,
        claim: &NodeClaim::default(),
        class,
        types,
        labels: &profile,
        rules: RuleSet::V1_15,
        min_values_policy: MinValuesPolicy::Strict,
        free_addresses: &BTreeMap::from([("subnet-a2".into(), 100), ("subnet-a1".into(), 10)]),
    })
}

fn names(plan: &LaunchPlan) -> Vec<&str> {
    plan.types.iter().map(|each| each.name.as_str()).collect()
}

const BOTH: &[&str] = &["on-demand", "spot"];

#[test]
fn aws_17_23_24_25_what_the_node_class_rules_out() {
    let all = [
        ("a1.large", Some(0.05), [None, None]),
        ("m4.large", Some(0.1), [None, None]),
        ("m5.metal", Some(4.0), [None, None]),
        ("m6i.large", Some(0.1), [None, None]),
        ("m8i.large", Some(0.1), [None, None]),
        ("t3.large", Some(0.08), [None, None]),
    ];
    let cluster = PlacementGroup { id: "pg-1".into(), strategy: "cluster".into(), partitions: 0 };
    for (changes, group, left) in [
        (json!({}), false, vec!["m4.large", "m5.metal", "m6i.large", "m8i.large", "t3.large"]),
        (
            json!({"spec": {"amiFamily": "Bottlerocket"}}),
            false,
            vec!["a1.large", "m4.large", "m5.metal", "m6i.large", "m8i.large", "t3.large"],
        ),
        (
            json!({"spec": {"connectionTracking": {"udpTimeout": 30}}}),
            false,
            vec!["m6i.large", "m8i.large", "t3.large"],
        ),
        (json!({"spec": {"cpuOptions": {"nestedVirtualization": "enabled"}}}), false, vec!["m8i.large"]),
        (
            json!({"spec": {"cpuOptions": {"nestedVirtualization": "disabled"}}}),
            false,
            vec!["m4.large", "m5.metal", "m6i.large", "m8i.large", "t3.large"],
        ),
        (json!({"spec": {"enclaveOptions": {"enabled": true}}}), false, vec!["m6i.large"]),
        (json!({}), true, vec!["m4.large", "m5.metal", "m6i.large", "m8i.large"]),
    ] {
        let mut facts = ProviderFacts::default();
        if group {
            facts.placement_groups.insert("default".into(), cluster.clone());
        }
        let provider = provider(catalog(&all), &class(&changes), &facts, RuleSet::V1_15);
        let types = types_of(&provider);
        assert_eq!(types.len(), all.len(), "a type that is ruled out stays in the list");
        let able = types.iter().filter(|each| !available(each).is_empty()).map(|each| each.name.as_str());
        assert_eq!(able.collect::<Vec<_>>(), left, "{changes} {group}");
    }
}

#[test]
fn aws_28_29_32_33_what_is_known_of_prices() {
    let data = [("m5.large", Some(0.1), [Some(0.03), None]), ("m9.large", None, [None, None])];
    let known = types(catalog(&data), &class(&json!({})));
    let m5 = known.iter().find(|each| each.name == "m5.large").unwrap();
    assert_eq!(
        available(m5),
        ["on-demand us-west-2a 0.1", "spot us-west-2a 0.03", "on-demand us-west-2b 0.1"]
    );
    let unpriced = known.iter().find(|each| each.name == "m9.large").unwrap();
    assert_eq!(available(unpriced), Vec::<String>::new());

    let mut partial = catalog(&data);
    partial.on_demand = PriceKnowledge::Partial { region: "us-east-1".into() };
    partial.spot = PriceKnowledge::None;
    partial.entries.iter_mut().for_each(|entry| entry.spot_prices.clear());
    let provider = provider(partial, &class(&json!({})), &ProviderFacts::default(), RuleSet::V1_15);
    let guessed = types_of(&provider);
    let m5 = guessed.iter().find(|each| each.name == "m5.large").unwrap();
    let spot = m5.offerings.iter().find(|offering| offering.capacity_type() == Some("spot")).unwrap();
    assert_eq!((spot.price, spot.price_kind, spot.available), (0.1, PriceKind::Ceiling, true));
    let unpriced = guessed.iter().find(|each| each.name == "m9.large").unwrap();
    let kinds: Vec<PriceKind> = unpriced.offerings.iter().map(|offering| offering.price_kind).collect();
    assert_eq!(kinds, [PriceKind::Unknown; 4]);
    assert!(unpriced.offerings.iter().all(|offering| offering.available && offering.price.is_infinite()));
    assert_eq!(
        provider.uncertainties("default"),
        [Uncertainty::PricesOfRegion { region: "us-east-1".into() }, Uncertainty::SpotPricesUnknown]
    );
}

#[test]
fn zones_without_ids_take_the_union_and_say_so() {
    let mut data = catalog(&[("m5.large", Some(0.1), [Some(0.03), Some(0.03)])]);
    data.entries[0].zones = vec!["usw2-az1".into()];
    let by_id = types(data.clone(), &class(&json!({})));
    let zones = |types: &[InstanceType]| -> Vec<String> {
        let zones = types[0].requirements.get(core_key::ZONE).unwrap().values.iter();
        zones.map(ToString::to_string).collect()
    };
    assert_eq!(zones(&by_id), ["us-west-2a"]);
    let without = class(&json!({"status": {"subnets": [
        {"id": "subnet-a", "zone": "us-west-2a"}, {"id": "subnet-b", "zone": "us-west-2b"},
    ]}}));
    let provider = provider(data, &without, &ProviderFacts::default(), RuleSet::V1_15);
    assert_eq!(zones(&types_of(&provider)), ["us-west-2a", "us-west-2b"]);
    let zones = vec!["us-west-2a".into(), "us-west-2b".into()];
    assert_eq!(provider.uncertainties("default"), [Uncertainty::ZonesWithoutIds { zones }]);
}

#[test]
fn a_node_class_that_was_never_resolved_gets_every_zone_and_says_so() {
    let mut bare = class(&json!({}));
    bare.status = Default::default();
    let data = catalog(&[("m5.large", Some(0.1), [Some(0.03), None])]);
    let provider = provider(data, &bare, &ProviderFacts::default(), RuleSet::V1_15);
    assert_eq!(
        available(&types_of(&provider)[0]),
        ["on-demand us-west-2a 0.1", "spot us-west-2a 0.03", "on-demand us-west-2b 0.1"]
    );
    assert_eq!(provider.uncertainties("default"), [Uncertainty::SubnetsAssumed]);
}

#[test]
fn aws_44_to_48_reservations() {
    let reservation = |id: &str, kind: &str| {
        json!({"id": id, "availabilityZone": "us-west-2a", "instanceType": "m5.large", "ownerID": "1",
               "instanceMatchCriteria": "targeted", "reservationType": kind, "state": "active"})
    };
    let data =
        || catalog(&[("m5.large", Some(0.1), [Some(0.03), None]), ("m6i.large", Some(0.2), [None, None])]);
    let with = |reservations: Value| class(&json!({"status": {"capacityReservations": reservations}}));
    let counts = |counts: &[(&str, i64)]| ProviderFacts {
        reservation_counts: counts.iter().map(|(id, count)| ((*id).into(), *count)).collect(),
        ..ProviderFacts::default()
    };
    let all = [requirement(core_key::CAPACITY_TYPE, &["on-demand", "reserved", "spot"])];
    let launch = |class: &Ec2NodeClass, facts: &ProviderFacts| {
        let types = types_of(&provider(data(), class, facts, RuleSet::V1_15));
        plan(class, &types, &all)
    };

    let two = with(json!([reservation("cr-1", "default"), reservation("cr-2", "default")]));
    let sent = launch(&two, &counts(&[("cr-1", 1), ("cr-2", 5)])).unwrap();
    assert_eq!((sent.capacity_type, names(&sent)), ("reserved", vec!["m5.large"]));
    assert_eq!(sent.templates[0].reservation.as_deref(), Some("cr-2"), "the one with more left");

    let block = with(json!([reservation("cr-1", "capacity-block"), reservation("cr-2", "default")]));
    let sent = launch(&block, &counts(&[("cr-1", 1), ("cr-2", 1)])).unwrap();
    assert_eq!(sent.templates[0].reservation.as_deref(), Some("cr-2"), "ordinary before blocks");

    let sent = launch(&two, &counts(&[("cr-1", 0), ("cr-2", 0)])).unwrap();
    assert_eq!(sent.capacity_type, "spot", "full ones change nothing");
    let unknown = launch(&two, &ProviderFacts::default()).unwrap();
    assert_eq!(unknown.capacity_type, "spot");
    let provider = |rules| provider(data(), &two, &ProviderFacts::default(), rules);
    assert_eq!(
        provider(RuleSet::V1_15).uncertainties("default"),
        [Uncertainty::ReservationCounts { reservations: vec!["cr-1".into(), "cr-2".into()] }]
    );
    let reserved = |rules| {
        let types = types_of(&provider(rules));
        types[0]
            .offerings
            .iter()
            .filter(|each| each.reservation_id(&label_profile()).is_some() && each.available)
            .count()
    };
    // A full reservation stays available since 1.15, it only cannot be launched.
    assert_eq!((reserved(RuleSet::V1_15), reserved(RuleSet::V1_14)), (2, 0));
}

#[test]
fn aws_40_to_43_exotic_types_and_dear_spot() {
    let data = [
        ("g5.large", Some(1.0), [Some(0.3), None]),
        ("m5.large", Some(0.10), [Some(0.12), Some(0.04)]),
        ("m5.metal", Some(4.0), [Some(1.2), None]),
        ("m6i.large", Some(0.11), [Some(0.10), None]),
    ];
    let class = class(&json!({}));
    let types = types(catalog(&data), &class);
    let both = [requirement(core_key::CAPACITY_TYPE, BOTH)];

    let sent = plan(&class, &types, &both).unwrap();
    assert_eq!(names(&sent), ["m5.large", "m6i.large"]);
    let places: Vec<(&str, &str, f64)> = sent
        .overrides()
        .into_iter()
        .map(|(_, place)| (place.instance_type.as_str(), place.zone.as_str(), place.price))
        .collect();
    assert_eq!(places, [("m5.large", "us-west-2b", 0.04), ("m6i.large", "us-west-2a", 0.10)]);
    let step = |filter| sent.steps.iter().find(|step| step.filter == filter).unwrap();
    assert_eq!(step(Filter::Exotic).dropped, ["g5.large", "m5.metal"]);
    assert_eq!(step(Filter::SpotOffering).offerings_dropped, 1);

    let only = requirement(core_key::INSTANCE_TYPE, &["m5.metal"]);
    assert_eq!(names(&plan(&class, &types, &[only]).unwrap()), ["m5.metal"], "only metal: kept");

    let mut varied = both.to_vec();
    let mut families = requirement(label_key::FAMILY, &["g5", "m5", "m6i"]);
    families.min_values = Some(2);
    varied.push(families);
    let sent = plan(&class, &types, &varied).unwrap();
    assert_eq!(sent.types.len(), 4, "neither filter runs with minValues");

    let spot = [requirement(core_key::CAPACITY_TYPE, &["spot"])];
    let sent = plan(&class, &types, &spot).unwrap();
    assert_eq!(sent.overrides().len(), 3, "spot alone is not compared with on-demand");
}

#[test]
fn aws_49_51_52_53_capacity_type_tenancy_strategy_and_subnet() {
    let class = class(&json!({}));
    let types = types(catalog(&[("m5.large", Some(0.1), [Some(0.03), None])]), &class);
    let both = requirement(core_key::CAPACITY_TYPE, BOTH);
    let in_b = requirement(core_key::ZONE, &["us-west-2b"]);
    let dedicated = requirement(label_key::TENANCY, &["dedicated"]);
    for (requirements, capacity_type, tenancy, allocation, subnet) in [
        (vec![both.clone()], "spot", "default", Allocation::PriceCapacityOptimized, "subnet-a2"),
        (vec![both.clone(), in_b], "on-demand", "default", Allocation::LowestPrice, "subnet-b"),
        (vec![both, dedicated], "spot", "dedicated", Allocation::PriceCapacityOptimized, "subnet-a2"),
    ] {
        let sent = plan(&class, &types, &requirements).unwrap();
        assert_eq!((sent.capacity_type, sent.tenancy, sent.allocation), (capacity_type, tenancy, allocation));
        assert_eq!(sent.overrides()[0].1.subnet, subnet);
    }
}

#[test]
fn aws_50_sixty_types_and_min_values() {
    let data: Vec<(String, f64)> = (0..70).map(|at| (format!("m{}.large", at + 10), f64::from(at))).collect();
    let data: Vec<_> =
        data.iter().map(|(name, price)| (name.as_str(), Some(*price + 1.0), [None, None])).collect();
    let class = class(&json!({}));
    let types = types(catalog(&data), &class);
    let sent = plan(&class, &types, &[]).unwrap();
    assert_eq!((sent.types.len(), sent.cut.len(), sent.types[59].price), (60, 10, 60.0));

    let mut families = requirement(label_key::FAMILY, &[]);
    families.operator = "Exists".into();
    families.min_values = Some(61);
    let error = plan(&class, &types, &[families]).unwrap_err();
    assert_eq!(error, LaunchError::MinValues { key: label_key::FAMILY.into() });
}

#[test]
fn aws_74_types_without_an_image_are_left_out_in_silence() {
    let arm = class(&json!({"status": {"amis": [{"id": "ami-arm", "requirements": [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
    ]}]}}));
    let types = types(catalog(&[("m5.large", Some(0.1), [None, None])]), &arm);
    let error = plan(&arm, &types, &[]).unwrap_err();
    assert_eq!(error.to_string(), "no instance types satisfy requirements of amis [ami-arm]");
    let big = requirement(core_key::ZONE, &["us-west-2d"]);
    let error = plan(&arm, &types, &[big]).unwrap_err();
    assert_eq!(error, LaunchError::Unavailable { filter: Filter::Compatible });
    assert_eq!(error.to_string(), "all requested instance types were unavailable during launch");
}

#[test]
fn aws_26_memory_of_running_nodes_counts() {
    let node = |id: &str, image: &str, memory: &str| {
        let labels = json!({"karpenter.sh/registered": "true", "karpenter.sh/nodepool": "p",
                            "node.kubernetes.io/instance-type": "m5.large"});
        let provider = format!("aws:///us-west-2a/{id}");
        let node = json!({"metadata": {"name": id, "labels": labels}, "spec": {"providerID": provider},
                          "status": {"capacity": {"memory": memory}}});
        let claim = json!({"metadata": {"name": id}, "spec": {"nodeClassRef": {"name": "default"}},
                           "status": {"providerID": provider, "imageID": image}});
        (serde_json::from_value(node).unwrap(), serde_json::from_value(claim).unwrap())
    };
    for (nodes, memory) in [
        (vec![], "15155Mi"),
        (vec![node("i-1", "ami-1", "15000Mi"), node("i-2", "ami-1", "15100Mi")], "15000Mi"),
        (vec![node("i-1", "ami-old", "15000Mi")], "15155Mi"),
    ] {
        let mut snapshot = Snapshot::empty(jiff::Timestamp::UNIX_EPOCH);
        snapshot.objects.ec2_node_classes = vec![class(&json!({}))];
        (snapshot.objects.nodes, snapshot.objects.node_claims) = nodes.into_iter().unzip();
        let data = Arc::new(catalog(&[("m5.large", Some(0.1), [None, None])]));
        let provider = AwsProvider::new(&snapshot, data, &ProviderFacts::default());
        assert_eq!(types_of(&provider)[0].capacity.amount(resource_name::MEMORY), memory.parse().unwrap());
    }
}
