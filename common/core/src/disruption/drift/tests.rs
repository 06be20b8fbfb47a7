//! Reasons that every provider has, field by field.

use super::*;
use crate::model::{Condition, node_pool_hash};

fn profile() -> LabelProfile {
    LabelProfile::core()
}

fn pool() -> NodePool {
    let mut pool = NodePool::default();
    pool.metadata.name = "spot".into();
    pool.spec.template.metadata.labels = [("team", "shop")].into_iter().collect();
    pool.spec.template.spec.expire_after = Some("720h".into());
    stamp(pool)
}

fn stamp(mut pool: NodePool) -> NodePool {
    let hash = node_pool_hash(&pool).to_string();
    pool.metadata.annotations.insert(label_key::NODE_POOL_HASH, hash);
    pool.metadata.annotations.insert(label_key::NODE_POOL_HASH_VERSION, "v3");
    pool
}

fn claim_of(pool: &NodePool) -> NodeClaim {
    let mut claim = NodeClaim::default();
    claim.metadata_mut().name = "spot-1".into();
    claim.metadata_mut().annotations = pool.metadata.annotations.clone();
    claim.metadata_mut().labels = pool.spec.template.metadata.labels.clone();
    claim.metadata_mut().labels.insert(label_key::NODE_POOL, "spot");
    claim.metadata_mut().labels.insert(label_key::ARCH, "amd64");
    claim.spec_mut().expire_after = pool.spec.template.spec.expire_after.clone();
    claim.status_mut().conditions =
        vec![Condition { kind: "Launched".into(), status: "True".into(), ..Default::default() }];
    claim
}

fn show(drift: Option<Drift>) -> Vec<String> {
    drift
        .into_iter()
        .flat_map(|drift| drift.fields)
        .map(|field| {
            let text = |value: Option<String>| value.unwrap_or_else(|| "<none>".into());
            format!("{}: {} -> {}", field.field, text(field.has), text(field.wants))
        })
        .collect()
}

#[test]
fn r01_each_hashed_field_is_named_and_nothing_else_drifts() {
    let before = pool();
    let claim = claim_of(&before);
    let check = |edit: &dyn Fn(&mut NodePool), expected: &[&str]| {
        let mut after = before.clone();
        edit(&mut after);
        let found = show(node_pool_drift(&claim, &stamp(after), &profile()));
        assert_eq!(found, expected);
    };
    let taint = |key: &str| Taint {
        key: key.into(),
        effect: "NoSchedule".into(),
        value: Some("x".into()),
        time_added: None,
    };
    check(&|_| (), &[]);
    check(
        &|pool| pool.spec.template.metadata.labels.insert("team", "web"),
        &["spec.template.metadata.labels.team: shop -> web"],
    );
    check(
        &|pool| {
            pool.spec.template.metadata.labels.remove("team");
        },
        &["spec.template.metadata.labels.team: shop -> <none>"],
    );
    check(
        &|pool| pool.spec.template.metadata.annotations.insert("note", "x"),
        &["spec.template.metadata.annotations.note: <none> -> x"],
    );
    check(
        &|pool| pool.spec.template.spec.taints = vec![taint("gpu")].into(),
        &["spec.template.spec.taints: <none> -> gpu=x:NoSchedule"],
    );
    check(
        &|pool| pool.spec.template.spec.startup_taints = vec![taint("agent")].into(),
        &["spec.template.spec.startupTaints: <none> -> agent=x:NoSchedule"],
    );
    check(
        &|pool| pool.spec.template.spec.node_class_ref.name = "other".into(),
        &["spec.template.spec.nodeClassRef.name: <none> -> other"],
    );
    check(
        &|pool| pool.spec.template.spec.expire_after = Some("Never".into()),
        &["spec.template.spec.expireAfter: 720h -> Never"],
    );
    check(
        &|pool| pool.spec.template.spec.termination_grace_period = Some("1h".into()),
        &["spec.template.spec.terminationGracePeriod: <none> -> 1h"],
    );
    check(&|pool| pool.spec.weight = Some(10), &[]);
    check(&|pool| pool.spec.disruption.consolidate_after = Some("Never".into()), &[]);
}

#[test]
fn r03_hashes_without_version_or_of_another_version_are_not_compared() {
    let pool = pool();
    let mut claim = claim_of(&pool);
    claim.metadata_mut().annotations.insert(label_key::NODE_POOL_HASH, "5");
    assert!(node_pool_drift(&claim, &pool, &profile()).is_some());
    claim.metadata_mut().annotations.insert(label_key::NODE_POOL_HASH_VERSION, "v2");
    assert!(node_pool_drift(&claim, &pool, &profile()).is_none());
    claim.metadata_mut().annotations.remove(label_key::NODE_POOL_HASH_VERSION);
    assert!(node_pool_drift(&claim, &pool, &profile()).is_none());
}

#[test]
fn r02_requirements_against_labels() {
    let base = pool();
    let claim = claim_of(&base);
    let check = |key: &str, operator: &str, values: &[&str], expected: &[&str]| {
        let mut pool = base.clone();
        pool.spec.template.spec.requirements = vec![RequirementSpec {
            key: key.into(),
            operator: operator.into(),
            values: values.iter().map(|value| (*value).into()).collect(),
            min_values: None,
        }]
        .into();
        assert_eq!(show(requirements_drift(&claim, &pool, &profile())), expected);
    };
    check("kubernetes.io/arch", "In", &["amd64", "arm64"], &[]);
    check(
        "kubernetes.io/arch",
        "In",
        &["arm64"],
        &["spec.template.spec.requirements.kubernetes.io/arch: amd64 -> In [arm64]"],
    );
    check("missing", "Exists", &[], &["spec.template.spec.requirements.missing: <none> -> Exists"]);
    check("missing", "DoesNotExist", &[], &[]);
    check("missing", "NotIn", &["x"], &[]);
    check("missing", "Gt", &["1"], &["spec.template.spec.requirements.missing: <none> -> Gt [1]"]);
}
