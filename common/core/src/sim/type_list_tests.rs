//! The fast filter of instance types beside a slow one that asks every type and every offering.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::amounts::Columns;
use super::packed::Interner;
use super::type_list::TypeList;
use crate::model::{
    AllowUndefined, InstanceType, LabelProfile, Offering, Operator, Overhead, PriceKind, Quantity,
    Requirement, Requirements, ResourceList, RuleSet, label_key,
};

const ZONES: [&str; 3] = ["a", "b", "c"];
const CAPACITY_TYPES: [&str; 2] = ["spot", "on-demand"];
const ARCHS: [&str; 2] = ["amd64", "arm64"];
const SIZE: &str = "example.com/size";

/// cpu, memory in Gi, architecture, and offerings: zone, capacity type, whether available, cents.
type Sketch = (i64, i64, usize, Vec<(usize, usize, bool, u32)>);

fn instance_type(number: usize, (cpu, memory, arch, offerings): &Sketch) -> InstanceType {
    let allow = |key: &str, value: &str| Requirement::allow(key, [value]);
    let requirements = [
        allow(label_key::INSTANCE_TYPE, &format!("t-{number}")),
        allow(label_key::ARCH, ARCHS[*arch]),
        allow(SIZE, &cpu.to_string()),
    ];
    let offerings = offerings.iter().map(|(zone, capacity_type, available, cents)| Offering {
        requirements: [
            allow(label_key::ZONE, ZONES[*zone]),
            allow(label_key::CAPACITY_TYPE, CAPACITY_TYPES[*capacity_type]),
        ]
        .into_iter()
        .collect(),
        price: f64::from(*cents) / 100.0,
        price_kind: PriceKind::List,
        available: *available,
        reservation_capacity: 0,
        capacity_override: None,
        overhead_override: None,
        price_overlay_applied: false,
    });
    InstanceType {
        name: format!("t-{number}").into(),
        requirements: requirements.into_iter().collect(),
        offerings: offerings.collect(),
        capacity: resources(*cpu * 1000, *memory),
        overhead: Overhead::default(),
        volume_attachment_limits: BTreeMap::new(),
        capacity_overlay_applied: false,
    }
}

fn resources(milli_cpu: i64, gibibytes: i64) -> ResourceList {
    [("cpu", Quantity::from_milli(milli_cpu)), ("memory", Quantity::from_bytes(gibibytes << 30))]
        .into_iter()
        .collect()
}

fn demand() -> impl Strategy<Value = Requirements> {
    let one_of = |key: &'static str, values: &'static [&'static str]| {
        let operators = vec![Operator::In, Operator::NotIn, Operator::Exists, Operator::DoesNotExist];
        let some = proptest::sample::subsequence(values, 1..=values.len());
        (proptest::sample::select(operators), some).prop_map(move |(operator, values)| {
            let values: &[&str] =
                if matches!(operator, Operator::In | Operator::NotIn) { &values } else { &[] };
            Requirement::new(key, operator, values.iter().copied())
        })
    };
    let size = (0i64..9).prop_map(|least| Requirement::new(SIZE, Operator::Gt, [least.to_string()]));
    (
        proptest::option::of(one_of(label_key::ZONE, &ZONES)),
        proptest::option::of(one_of(label_key::CAPACITY_TYPE, &CAPACITY_TYPES)),
        proptest::option::of(one_of(label_key::ARCH, &ARCHS)),
        proptest::option::of(size),
    )
        .prop_map(|(zone, capacity_type, arch, size)| {
            [zone, capacity_type, arch, size].into_iter().flatten().collect()
        })
}

proptest! {
    #[test]
    fn the_filter_and_the_prices_are_those_of_asking_every_offering(
        sketches in proptest::collection::vec(
            (1i64..10, 1i64..10, 0usize..2,
                proptest::collection::vec((0usize..3, 0usize..2, any::<bool>(), 1u32..500), 0..6)),
            1..80,
        ),
        demand in demand(),
        milli_cpu in 0i64..12_000,
        gibibytes in 0i64..12,
    ) {
        let profile = LabelProfile::core();
        let types: Vec<InstanceType> =
            sketches.iter().enumerate().map(|(number, sketch)| instance_type(number, sketch)).collect();
        let requested = resources(milli_cpu, gibibytes);

        let mut interner = Interner::new(&profile);
        let columns = Columns::new(["cpu", "memory"].into_iter());
        let mut list = TypeList::new(
            Arc::from(types.clone()), &mut interner, &columns, &profile, RuleSet::V1_15, &mut Vec::new(),
        );
        let set = interner.pack_set(&demand);
        let facts = list.facts(set, &interner);
        let (asked, nothing) = (columns.row(&requested), columns.row(&ResourceList::new()));
        let mut fast = list.fitting([&asked, &nothing, &nothing], &facts);
        fast.keep(&facts.compatible);

        let open = AllowUndefined::WellKnown(&profile);
        let agrees = |offering: &Offering| demand.compatible(&offering.requirements, open).is_ok();
        let slow: Vec<usize> = (0..types.len())
            .filter(|at| types[*at].requirements.intersects(&demand).is_ok())
            .filter(|at| types[*at].offerings.iter().any(|offering| offering.available && agrees(offering)))
            .filter(|at| requested.fits(&types[*at].allocatable()))
            .collect();
        prop_assert_eq!(fast.iter().collect::<Vec<_>>(), slow);

        for (at, price) in list.launch_order(set, &interner).iter() {
            let cheapest = types[*at].cheapest(&demand, &profile, Offering::is_launchable);
            prop_assert_eq!(*price, cheapest.map_or(f64::INFINITY, |offering| offering.price));
        }
    }
}
