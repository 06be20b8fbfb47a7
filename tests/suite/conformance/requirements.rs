//! RQ: the requirements algebra.

use karp_core::model::{
    AllowUndefined, LabelProfile, Operator, Operator::*, Requirement, RequirementSpec, Requirements,
    label_key as key,
};

use super::Table;

fn one(operator: Operator, values: &[&str]) -> Requirement {
    Requirement::new("k", operator, values.iter().copied())
}

fn set(operator: Operator, values: &[&str]) -> Requirements {
    [Requirement::new(key::ZONE, operator, values.iter().copied())].into_iter().collect()
}

pub(super) fn check(table: &mut Table) {
    compatible(table);
    intersections(table);
    texts(table);
}

fn compatible(table: &mut Table) {
    let profile = LabelProfile::core();
    let incoming = [
        Requirements::new(),
        set(Exists, &[]),
        set(DoesNotExist, &[]),
        set(In, &["A"]),
        set(In, &["B"]),
        set(NotIn, &["A"]),
        set(Gt, &["1"]),
        set(Lt, &["1"]),
    ];
    let open = AllowUndefined::WellKnown(&profile);
    // Columns as above: nothing, Exists, DoesNotExist, In A, In B, NotIn A, Gt 1, Lt 1.
    for (existing, undefined, expected) in [
        (Requirements::new(), open, "++++++++"),
        (Requirements::new(), AllowUndefined::Nothing, "+-+--+--"),
        (set(Exists, &[]), open, "++-+++++"),
        (set(DoesNotExist, &[]), open, "+-+--+--"),
        (set(In, &["A"]), open, "++-+----"),
        (set(In, &["9"]), open, "++---++-"),
        (set(NotIn, &["A"]), open, "+++-++++"),
        (set(Gt, &["1"]), open, "++---++-"),
    ] {
        let got: String = incoming
            .iter()
            .map(|incoming| if existing.compatible(incoming, undefined).is_ok() { '+' } else { '-' })
            .collect();
        table.row("RQ-01", got, expected);
    }
}

fn intersections(table: &mut Table) {
    for (line, a, b, text) in [
        ("RQ-02", one(In, &["A", "B"]), one(NotIn, &["A"]), "k In [B]"),
        ("RQ-02", one(In, &["A"]), one(In, &["B"]), "k DoesNotExist"),
        ("RQ-02", one(Exists, &[]), one(In, &["A"]), "k In [A]"),
        ("RQ-03", one(Gt, &["1"]), one(Lt, &["5"]), "k Exists >=2 <=4"),
        ("RQ-05", one(In, &["1", "9"]), one(Gt, &["5"]), "k In [9]"),
        ("RQ-05", one(In, &["a"]), one(Gte, &["0"]), "k DoesNotExist"),
    ] {
        table.row(line, a.intersection(&b), text);
        table.row(line, b.intersection(&a), text);
    }
    let exported = |one: &Requirement| {
        let entries = one.to_specs();
        let texts: Vec<String> =
            entries.iter().map(|entry| format!("{} {}", entry.operator, entry.values.join(" "))).collect();
        texts.join(", ")
    };
    table.row("RQ-03", exported(&one(Gt, &["1"]).intersection(&one(Lt, &["5"]))), "Gte 2, Lte 4");
    let least = |mut one: Requirement, count| {
        one.min_values = Some(count);
        one
    };
    let empty = least(one(Gte, &["5"]), 3).intersection(&one(Lte, &["4"]));
    table.row("RQ-04", format!("{} {:?}", empty.operator(), empty.min_values), "DoesNotExist Some(3)");
    let both = least(one(Exists, &[]), 1).intersection(&least(one(Exists, &[]), 3));
    table.row("RQ-04", format!("{:?}", both.min_values), "Some(3)");
    let bounded = one(NotIn, &["3"]).intersection(&one(Gte, &["2"]));
    let has = ["3", "4", "x"].map(|value| bounded.has(value));
    table.row("RQ-06", format!("{has:?} {}", exported(&bounded)), "[false, true, false] Gte 2");
    let only_two = one(NotIn, &["2"]).intersection(&one(Gte, &["2"]));
    table.row("RQ-06", only_two.has_intersection(&one(Lte, &["2"])), true);
}

fn texts(table: &mut Table) {
    let profile = LabelProfile::core();
    for (beta, stable) in
        [("beta.kubernetes.io/arch", key::ARCH), ("failure-domain.beta.kubernetes.io/zone", key::ZONE)]
    {
        let spec = RequirementSpec {
            key: beta.into(),
            operator: "In".into(),
            values: vec!["v".into()],
            min_values: None,
        };
        table.row("RQ-07", Requirement::from_spec(&spec, &profile), format!("{stable} In [v]"));
    }
    let seven = one(In, &["g", "f", "e", "d", "c", "b", "a"]);
    table.row("RQ-07", seven, "k In [a b c d e and 2 others]");
    for (wrong, meant) in [
        ("zone", key::ZONE),
        ("region", key::REGION),
        ("nodepool", key::NODE_POOL),
        ("instance-type", key::INSTANCE_TYPE),
        ("arch", key::ARCH),
        ("capacity-type", key::CAPACITY_TYPE),
        ("topology.kubernetesio/zone", key::ZONE),
        ("node.io/zone", key::ZONE),
        ("topology.kubernetes.io/regio", key::REGION),
        ("karpenter/nodepool", key::NODE_POOL),
        ("deployment", ""),
    ] {
        let incoming: Requirements = [Requirement::exists(wrong)].into_iter().collect();
        let error =
            Requirements::new().compatible(&incoming, AllowUndefined::WellKnown(&profile)).unwrap_err();
        let hint = if meant.is_empty() { String::new() } else { format!(" (typo of \"{meant}\"?)") };
        table.row("RQ-08", error, format!("label \"{wrong}\" does not have known values{hint}"));
    }
}
