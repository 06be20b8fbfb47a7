//! Instance types of the fixture, as entries of the KWOK provider's file.

use serde_json::{Value, json};

use super::world::{CAPACITY, Z1, Z2, Z3, ZONE};

/// Spot in two zones, on-demand in three.
const PLACES: [(&str, &str); 5] =
    [("spot", Z1), ("spot", Z2), ("on-demand", Z1), ("on-demand", Z2), ("on-demand", Z3)];

/// The six types.
pub(crate) fn six() -> Vec<Value> {
    let vendor = |name: &str, resource: &str| {
        let mut one = of_type(name, 4, 4, 5);
        one["resources"][resource] = json!("2");
        dearer(one, 1.0)
    };
    let mut arm = of_type("arm-instance-type", 16, 128, 5);
    arm["architecture"] = json!("arm64");
    arm["operatingSystems"] = json!(["darwin", "ios", "linux", "windows"]);
    vec![
        of_type("default-instance-type", 4, 4, 5),
        of_type("small-instance-type", 2, 2, 5),
        vendor("gpu-vendor-instance-type", "fake.com/vendor-a"),
        vendor("gpu-vendor-b-instance-type", "fake.com/vendor-b"),
        arm,
        of_type("single-pod-instance-type", 4, 4, 1),
    ]
}

/// `fake-it-0` and on: one more cpu, two more GiB and ten more pods each.
pub(crate) fn fakes(count: u32) -> Vec<Value> {
    (1..=count).map(|at| of_type(&format!("fake-it-{}", at - 1), at, 2 * at, 10 * at)).collect()
}

/// An amd64 type with the fixture's offerings and price.
pub(crate) fn of_type(name: &str, cpu: u32, gibibytes: u32, pods: u32) -> Value {
    let price = 0.1 * f64::from(cpu) + 0.1 * f64::from(gibibytes) * f64::from(1u32 << 30) / 1e9;
    let is_large = cpu > 4 && gibibytes > 8;
    let special = if is_large {
        json!({"key": "special", "operator": "In", "values": ["optional"]})
    } else {
        json!({"key": "special", "operator": "DoesNotExist"})
    };
    let offerings: Vec<Value> = PLACES.map(|(how, zone)| offering(how, zone, price)).to_vec();
    json!({
        "name": name, "architecture": "amd64", "operatingSystems": ["darwin", "linux", "windows"],
        "resources": {"cpu": cpu.to_string(), "memory": format!("{gibibytes}Gi"), "pods": pods.to_string()},
        "offerings": offerings,
        "requirements": [
            {"key": "size", "operator": "In", "values": [if is_large { "large" } else { "small" }]},
            special,
            {"key": "integer", "operator": "In", "values": [cpu.to_string()]},
        ],
    })
}

/// One offering.
pub(crate) fn offering(capacity_type: &str, zone: &str, price: f64) -> Value {
    json!({"Price": price, "Available": true, "Requirements": [
        {"key": CAPACITY, "operator": "In", "values": [capacity_type]},
        {"key": ZONE, "operator": "In", "values": [zone]},
    ]})
}

/// A reserved offering in the first zone.
pub(crate) fn reserved(id: &str, count: u32, price: f64) -> Value {
    let mut one = offering("reserved", Z1, price);
    one["ReservationCapacity"] = json!(count);
    let requirements = one["Requirements"].as_array_mut().unwrap();
    requirements.push(json!({"key": "karpenter.kwok.sh/reservation-id", "operator": "In", "values": [id]}));
    one
}

/// With these offerings instead.
pub(crate) fn offered(mut one: Value, offerings: Vec<Value>) -> Value {
    one["offerings"] = json!(offerings);
    one
}

/// With one more label.
pub(crate) fn labelled(mut one: Value, key: &str, value: &str) -> Value {
    let labels = one["requirements"].as_array_mut().unwrap();
    labels.push(json!({"key": key, "operator": "In", "values": [value]}));
    one
}

/// Every offering dearer.
fn dearer(mut one: Value, by: f64) -> Value {
    for offering in one["offerings"].as_array_mut().unwrap() {
        offering["Price"] = json!(offering["Price"].as_f64().unwrap() + by);
    }
    one
}

/// One instance of a reservation is taken.
pub(crate) fn use_reservation(types: &mut [Value], id: &str) {
    for offering in types.iter_mut().flat_map(|one| one["offerings"].as_array_mut().unwrap()) {
        let is_it = offering["Requirements"].as_array().unwrap().iter().any(|one| one["values"][0] == id);
        if is_it {
            offering["ReservationCapacity"] = json!(offering["ReservationCapacity"].as_i64().unwrap() - 1);
        }
    }
}
