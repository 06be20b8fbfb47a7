//! Instance types against the figures of the provider's own construction code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{AwsProvider, ProviderFacts, label_key, resource_name};
use crate::model::{
    Catalog, CatalogEntry, CatalogOrigin, CatalogZone, Ec2InstanceType, NodePool, PriceKnowledge, Quantity,
    Requirement, ResourceList, Snapshot, VpcLimits,
};
use crate::provider::CloudProvider;

fn read<T: DeserializeOwned>(file: &[u8]) -> T {
    serde_json::from_slice(&zstd::decode_all(file).unwrap()).unwrap()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fixture {
    instance_types: BTreeMap<String, Ec2InstanceType>,
}

#[derive(Deserialize)]
struct Vectors {
    #[serde(rename = "_meta")]
    meta: Meta,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Meta {
    cases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    case: String,
    #[serde(rename = "type")]
    instance_type: String,
    capacity: BTreeMap<String, i64>,
    kube_reserved: BTreeMap<String, i64>,
    #[serde(default)]
    system_reserved: BTreeMap<String, i64>,
    eviction_threshold: BTreeMap<String, i64>,
    allocatable: BTreeMap<String, i64>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// VPC limits and bandwidth of the fixture's types, as far as rows show them: read back from the rows, since the
/// tables have a test of their own.
fn tables(vectors: &Vectors, name: &str) -> (Option<i64>, VpcLimits) {
    let rows = || vectors.vectors.iter().filter(|row| row.instance_type == name);
    let label = rows().find_map(|row| row.labels.get(label_key::NETWORK_BANDWIDTH));
    let find = |resource: &str| rows().find_map(|row| row.capacity.get(resource).copied());
    let branch = find(resource_name::POD_ENI).unwrap_or(0);
    let limits = VpcLimits {
        trunking: branch > 0,
        branch_interfaces: branch,
        ipv4_per_interface: find(resource_name::PRIVATE_IPV4).map_or(0, |count| count + 1),
    };
    (label.map(|text| text.parse().unwrap()), limits)
}

fn snapshot(case: &Value) -> Snapshot {
    let mut kubelet = serde_json::Map::new();
    for key in ["maxPods", "podsPerCore", "kubeReserved", "systemReserved", "evictionHard"] {
        if let Some(value) = case.get(key) {
            kubelet.insert(key.into(), value.clone());
        }
    }
    let class = json!({
        "metadata": {"name": "default"},
        "spec": {
            "amiFamily": case["amiFamily"],
            "kubelet": kubelet,
            "blockDeviceMappings": case.get("blockDeviceMappings"),
            "instanceStorePolicy": case.get("instanceStorePolicy"),
            "networkInterfaces": case.get("networkInterfaces"),
        },
        "status": {"subnets": [{"id": "subnet-1", "zone": "us-west-2a", "zoneID": "usw2-az1"}]},
    });
    let mut snapshot = Snapshot::empty(jiff::Timestamp::UNIX_EPOCH);
    snapshot.objects.ec2_node_classes.push(serde_json::from_value(class).unwrap());
    snapshot.controller.vm_memory_overhead_percent = case["vmMemoryOverheadPercent"].as_f64().unwrap();
    snapshot.controller.reserved_enis = case["reservedENIs"].as_i64().unwrap();
    snapshot
}

/// Amounts in the units of the rows; zero amounts are left out there.
fn amounts(list: &ResourceList) -> BTreeMap<String, i64> {
    let amount = |name: &str, quantity: Quantity| {
        if name == "cpu" { quantity.milli_value() } else { quantity.value() }
    };
    let all = list.iter().map(|(name, quantity)| (name.to_owned(), amount(name, quantity)));
    all.filter(|(_, amount)| *amount != 0).collect()
}

fn text(requirement: &Requirement) -> String {
    let values: Vec<&str> = requirement.values.iter().map(|value| value.as_str()).collect();
    match values.as_slice() {
        [one] => (*one).to_owned(),
        _ => format!("[{}]", values.join(" ")),
    }
}

#[test]
fn every_recorded_instance_type() {
    let fixture: Fixture = read(include_bytes!("../../../testdata/instance-types-fixture.json.zst"));
    let vectors: Vectors = read(include_bytes!("../../../testdata/instance-type-vectors.json.zst"));
    let entries = fixture.instance_types.into_values().map(|instance_type| {
        let (network_mbps, limits) = tables(&vectors, &instance_type.instance_type);
        CatalogEntry {
            instance_type,
            zones: vec!["usw2-az1".into()],
            on_demand_price: Some(1.0),
            network_mbps,
            vpc_limits: Some(limits),
            ..CatalogEntry::default()
        }
    });
    let mut catalog = Catalog {
        api_version: Catalog::API_VERSION.into(),
        kind: Catalog::KIND.into(),
        region: "us-west-2".into(),
        origin: CatalogOrigin::File,
        sources: Vec::new(),
        zones: vec![CatalogZone { id: "usw2-az1".into(), name: None }],
        on_demand: PriceKnowledge::Complete { region: "us-west-2".into() },
        spot: PriceKnowledge::None,
        entries: entries.collect(),
        priced_without_data: Vec::new(),
    };
    catalog.sort();
    let catalog = Arc::new(catalog);
    let mut compared = BTreeSet::new();
    for case in &vectors.meta.cases {
        let provider = AwsProvider::new(&snapshot(case), Arc::clone(&catalog), &ProviderFacts::default());
        let mut node_pool = NodePool::default();
        node_pool.spec.template.spec.node_class_ref.name = "default".into();
        let types = provider.instance_types(&node_pool).unwrap();
        for row in vectors.vectors.iter().filter(|row| Some(row.case.as_str()) == case["case"].as_str()) {
            let at = format!("{} {}", row.case, row.instance_type);
            let computed = types.iter().find(|each| each.name == row.instance_type).unwrap();
            assert_eq!(amounts(&computed.capacity), row.capacity, "capacity of {at}");
            let overhead = &computed.overhead;
            assert_eq!(amounts(&overhead.kube_reserved), row.kube_reserved, "kube-reserved of {at}");
            assert_eq!(amounts(&overhead.system_reserved), row.system_reserved, "system-reserved of {at}");
            assert_eq!(amounts(&overhead.eviction_threshold), row.eviction_threshold, "eviction of {at}");
            assert_eq!(amounts(&computed.allocatable()), row.allocatable, "allocatable of {at}");
            if !row.labels.is_empty() {
                let labels = computed.requirements.iter().filter(|each| !each.values.is_empty());
                let labels: BTreeMap<String, String> =
                    labels.map(|each| (each.key.to_string(), text(each))).collect();
                assert_eq!(labels, row.labels, "labels of {at}");
            }
            compared.insert(at);
        }
    }
    assert_eq!(compared.len(), 144);
}
