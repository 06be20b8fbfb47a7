//! Order, structure and what stays.

use proptest::prelude::*;

use super::*;
use crate::anonymize::fields::Rename;
use crate::provider::aws::label_profile;

fn names(old: &[&str]) -> Names {
    let profile = label_profile();
    let mut collected = Collected::new(&profile);
    for name in old {
        collected.key(&mut (*name).to_owned());
    }
    collected.into_names()
}

#[test]
fn order_is_kept_also_against_words_that_stay() {
    let old = [
        "acme.com/team",
        "team",
        "tea",
        "topologyz",
        "kubernetes.iox",
        "zone",
        "a",
        "nodz",
        "karpenter.shy/x",
    ];
    let names = names(&old);
    let mut all: Vec<String> = old.map(String::from).to_vec();
    all.extend(label_profile().well_known.iter().map(ToString::to_string));
    all.sort();
    let renamed: Vec<String> = all.iter().map(|name| names.name(name).to_string()).collect();
    assert!(renamed.is_sorted(), "{renamed:?}");
    assert!(!renamed.iter().any(|name| name.contains("acme") || name.contains("team")), "{renamed:?}");
}

#[test]
fn names_made_of_names_stay_so() {
    let profile = label_profile();
    let mut collected = Collected::new(&profile);
    for name in ["postgres", "data-postgres-0", "postgres-0", "e", "e-", "e0", "e-1"] {
        collected.name(&mut name.to_owned());
    }
    let names = collected.into_names();
    let postgres = names.name("postgres");
    assert_eq!(names.name("postgres-0"), format!("{postgres}-0"));
    assert_eq!(names.name("data-postgres-0"), format!("{}-{postgres}-0", names.name("data")));
    assert_eq!(names.not_kept(), Vec::<String>::new());
}

#[test]
fn texts_are_renamed_word_by_word() {
    let names = names(&["web", "team", "web-7f9c"]);
    let (web, team) = (names.name("web"), names.name("team"));
    for (old, new) in [
        (
            "pod \"web\" of default/web, team=web. cpu web-1",
            format!("pod \"{web}\" of default/{web}, {team}={web}. cpu {web}-1"),
        ),
        ("pod/web-7f9c: no anti-affinity", format!("pod/{}: no anti-affinity", names.name("web-7f9c"))),
        ("arn:aws:iam::123456789012:role/Ops may not", "arn:aws:x::x:x/x may not".to_owned()),
        (
            "resources {\"cpu\":\"100m\",\"memory\":\"1500Mi\"}",
            "resources {\"cpu\":\"100m\",\"memory\":\"1500Mi\"}".to_owned(),
        ),
        ("i-0abc1234567 in us-east-1a", "i-x in x-x-x".to_owned()),
    ] {
        assert_eq!(names.text(old), new);
    }
}

proptest! {
    #[test]
    fn order_is_kept(old in proptest::collection::btree_set("[a-z0-9]([a-z0-9./-]{0,6}[a-z0-9])?", 1..40)) {
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let names = names(&old);
        let mut all: Vec<CompactString> = label_profile().well_known.into_iter().collect();
        all.extend(old.iter().map(|name| CompactString::from(*name)));
        all.sort();
        all.dedup();
        let renamed: Vec<CompactString> = all.iter().map(|name| names.name(name)).collect();
        for pair in renamed.windows(2) {
            prop_assert!(pair[0] < pair[1], "{:?} of {:?}", pair, all);
        }
    }

    #[test]
    fn no_name_is_left(old in proptest::collection::btree_set("[a-z]{4,9}(-[a-z0-9]{5})?", 1..40)) {
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let names = names(&old);
        let kept: std::collections::BTreeSet<_> = names.kept().cloned().collect();
        for name in &old {
            let new = names.name(name);
            prop_assert!(kept.contains(*name) || !old.contains(&new.as_str()), "{name} became {new}");
        }
    }
}
