//! Screens as drawn, from reports made by hand.

use compact_str::CompactString;
use jiff::Timestamp;
use karp_common::term::Style;
use karp_core::explain::report::{
    KarpenterVersions, ObjectName, OutcomeWord, OwnerCount, ReportGap, Verdict,
};
use karp_core::model::{Fidelity, NodeClaim, PriceKind, ResourceList};
use karp_core::preview::diff::{BlockedRow, Delta, Diff, FieldRow, NodeRow, PoolRow};
use karp_core::preview::{
    End, Landing, LimitUse, PlannedNode, PodName, Preview, PriceRange, Summary, Unplaced,
};

use crate::markdown::markdown;
use crate::render::{View, render};

fn pods(count: usize, prefix: &str) -> Vec<PodName> {
    (0..count)
        .map(|number| PodName { namespace: "shop".into(), name: format!("{prefix}-{number}").into() })
        .collect()
}

fn preview() -> Preview {
    Preview {
        taken_at: "2026-11-25T13:20:00Z".parse().unwrap(),
        taken_at_guessed: false,
        karpenter: KarpenterVersions {
            modelled: "1.15".into(),
            running: Some("1.15.0".into()),
            fidelity: Fidelity::Modelled,
            note: String::new(),
        },
        summary: Summary::default(),
        without_changes: None,
        node_claims: Vec::new(),
        existing: Vec::new(),
        pending: Vec::new(),
        limits: Vec::new(),
        diff: None,
        prices: Vec::new(),
        gaps: Vec::new(),
        not_modelled: Vec::new(),
        uncertain: Vec::new(),
        unresolved: Vec::new(),
    }
}

#[expect(clippy::too_many_arguments, reason = "one row of the screen")]
fn node(
    name: &str,
    node_pool: &str,
    pod_count: usize,
    instance_type: &str,
    more_types: usize,
    capacity_type: &str,
    used: f64,
    price: PriceRange,
) -> PlannedNode {
    let types = (0..more_types).map(|number| CompactString::from(format!("x{number}.large")));
    PlannedNode {
        name: name.into(),
        node_pool: node_pool.into(),
        capacity_types: vec![capacity_type.into()],
        zones: ["us-east-1a", "us-east-1b", "us-east-1c"].map(CompactString::from).to_vec(),
        instance_types: std::iter::once(instance_type.into()).chain(types).collect(),
        asked_types: 60,
        is_open: capacity_type == "spot",
        requests: ResourceList::new(),
        allocatable: ResourceList::new(),
        used: Some(used),
        price_per_hour: price,
        pods: pods(pod_count, name),
        one_of: Vec::new(),
        launch_error: None,
        object: NodeClaim::default(),
    }
}

fn limit(node_pool: &str, new_nodes: usize, numbers: [&str; 3], full: bool) -> LimitUse {
    LimitUse {
        node_pool: node_pool.into(),
        new_nodes,
        resource: "cpu".into(),
        before: numbers[0].into(),
        after: numbers[1].into(),
        limit: numbers[2].into(),
        full,
    }
}

/// The screen of the design: three nodes, four pods on existing ones, two without a place.
fn shop() -> Preview {
    let owner = ObjectName { kind: "Deployment".into(), namespace: "shop".into(), name: "search".into() };
    let spot = |low: f64, high: f64| PriceRange::of_node(low, high, PriceKind::Spot);
    let nodes = vec![
        node("spot-1", "spot", 20, "c6g.8xlarge", 486, "spot", 0.63, spot(0.3481, 0.4810)),
        node(
            "on-demand-1",
            "on-demand",
            6,
            "c6g.2xlarge",
            76,
            "on-demand",
            0.68,
            PriceRange::of_node(0.2720, 0.2720, PriceKind::List),
        ),
        node("spot-2", "spot", 20, "r6g.xlarge", 599, "spot", 0.84, spot(0.0711, 0.1910)),
    ];
    let landing = |node: &str| Landing {
        node: node.into(),
        node_pool: None,
        pods: pods(2, node),
        remaining: ResourceList::new(),
    };
    Preview {
        summary: Summary {
            pods: 52,
            new_nodes: 3,
            on_new_nodes: 46,
            existing_nodes: 2,
            on_existing_nodes: 4,
            placed: 50,
            pending: 2,
            stands_still: None,
            price_per_hour: nodes
                .iter()
                .fold(PriceRange::NOTHING, |total, node| total.plus(node.price_per_hour)),
        },
        node_claims: nodes,
        existing: vec![landing("ip-10-0-1-1"), landing("ip-10-0-1-2")],
        pending: vec![Unplaced {
            verdict: Verdict::No,
            outcome: OutcomeWord::Error,
            code: "KARP107".into(),
            cause: vec!["limits/cpu".into(), "capacity-type".into()],
            owners: vec![OwnerCount { owner: owner.clone(), pod_count: 2 }],
            owner,
            pods: pods(2, "search"),
            reasons: vec!["limits: NodePool on-demand has 0 cpu left; spot: asks on-demand".into()],
            error: None,
            event: "none".into(),
        }],
        limits: vec![
            limit("on-demand", 1, ["192", "200", "200"], true),
            limit("spot", 2, ["96", "132", "1000"], false),
        ],
        prices: vec!["spot us-east-1, 2h old".into(), "on-demand list 2026-07-20 (embedded)".into()],
        ..preview()
    }
}

fn view(next: &str) -> View {
    View { next: next.into(), ..View::default() }
}

#[test]
fn nodes_at_80_columns() {
    let next = "kubectl karp explain deploy/search -n shop -f shop.yaml";
    insta::assert_snapshot!(render(&shop(), &Style::plain(80), &view(next)), @r"
    3 new nodes for 46 of 52 pods, $0.6912/h ($505/mo); 2 pods stay pending.

    NAME         PODS  TYPE         +TYPES  ZONES  CAPACITY   USED          $/H
    spot-1         20  c6g.8xlarge     486  a,b,c  spot       ###.. 63%  0.3481
    on-demand-1     6  c6g.2xlarge      76  a,b,c  on-demand  ###.. 68%  0.2720
    spot-2         20  r6g.xlarge      599  a,b,c  spot       ####. 84%  0.0711

    NODEPOOL   +NODES  CPU-LIMIT
    on-demand       1  192 -> 200 of 200  ! full, the next node will not start
    spot            2  96 -> 132 of 1000

    + 4 pods   fit on 2 existing nodes
    x 2 pods   deploy/search -n shop
               limits: NodePool on-demand has 0 cpu left; spot: asks on-demand
    prices: spot us-east-1, 2h old; on-demand list 2026-07-20 (embedded)
    uncertain: EC2 picks spot type and zone itself: total $0.6912/h to $0.9440/h

    next: kubectl karp explain deploy/search -n shop -f shop.yaml
    ");
}

#[test]
fn nodes_at_120_columns_and_wide() {
    let wide = View { wide: true, ..View::default() };
    insta::assert_snapshot!(render(&shop(), &Style::plain(120), &wide), @r"
    3 new nodes for 46 of 52 pods, $0.6912/h ($505/mo); 2 pods stay pending.

    NAME         PODS  TYPE         +TYPES  ZONES  CAPACITY   USED          $/H  NODEPOOL   CPU  MEMORY  DEAREST-$/H
    spot-1         20  c6g.8xlarge     486  a,b,c  spot       ###.. 63%  0.3481  spot       0/0     0/0       0.4810
    on-demand-1     6  c6g.2xlarge      76  a,b,c  on-demand  ###.. 68%  0.2720  on-demand  0/0     0/0       0.2720
    spot-2         20  r6g.xlarge      599  a,b,c  spot       ####. 84%  0.0711  spot       0/0     0/0       0.1910

    NODEPOOL   +NODES  CPU-LIMIT
    on-demand       1  192 -> 200 of 200  ! full, the next node will not start
    spot            2  96 -> 132 of 1000

    + 4 pods   fit on 2 existing nodes
    x 2 pods   deploy/search -n shop
               limits: NodePool on-demand has 0 cpu left; spot: asks on-demand
    prices: spot us-east-1, 2h old; on-demand list 2026-07-20 (embedded)
    uncertain: EC2 picks spot type and zone itself: total $0.6912/h to $0.9440/h
    ");
}

#[test]
fn no_new_node_needed() {
    let mut preview = shop();
    preview.summary =
        Summary { pods: 12, existing_nodes: 3, on_existing_nodes: 12, placed: 12, ..Summary::default() };
    preview.node_claims.clear();
    preview.pending.clear();
    preview.limits.clear();
    preview.prices.clear();
    insta::assert_snapshot!(render(&preview, &Style::plain(80), &View::default()), @r"No new node: all 12 pods fit on 3 existing nodes. $0 more.");
}

#[test]
fn prices_that_are_ceilings_or_unknown() {
    let mut preview = shop();
    preview.node_claims[0].price_per_hour = PriceRange::of_node(1.088, 2.304, PriceKind::Ceiling);
    preview.node_claims[1].price_per_hour = PriceRange::UNKNOWN;
    preview.node_claims.truncate(2);
    preview.summary.new_nodes = 2;
    preview.summary.on_new_nodes = 26;
    preview.summary.price_per_hour =
        preview.node_claims.iter().fold(PriceRange::NOTHING, |total, node| total.plus(node.price_per_hour));
    insta::assert_snapshot!(render(&preview, &Style::plain(80), &View::default()), @r"
    2 new nodes for 26 of 52 pods, <=$1.0880/h (<=$794/mo) without 1 node of unknown
    price; 2 pods stay pending.

    NAME         PODS  TYPE         +TYPES  ZONES  CAPACITY   USED             $/H
    spot-1         20  c6g.8xlarge     486  a,b,c  spot       ###.. 63%   <=1.0880
    on-demand-1     6  c6g.2xlarge      76  a,b,c  on-demand  ###.. 68%  <unknown>

    NODEPOOL   +NODES  CPU-LIMIT
    on-demand       1  192 -> 200 of 200  ! full, the next node will not start
    spot            2  96 -> 132 of 1000

    + 4 pods   fit on 2 existing nodes
    x 2 pods   deploy/search -n shop
               limits: NodePool on-demand has 0 cpu left; spot: asks on-demand
    prices: spot us-east-1, 2h old; on-demand list 2026-07-20 (embedded)
    uncertain: EC2 picks spot type and zone itself, from up to 60 types; some have
      no known price
    ");
}

fn edit() -> Preview {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let spot = |usd: f64| PriceRange::of_node(usd, usd, PriceKind::Spot);
    let field = |label: &str, now: &str, after: &str, drifts: usize, reason: &str| FieldRow {
        object: "nodepool/spot".into(),
        path: format!("/spec/{label}"),
        label: label.into(),
        now: now.into(),
        after: after.into(),
        now_text: now.into(),
        after_text: after.into(),
        drifts,
        reason: (drifts > 0).then(|| reason.into()),
        note: (drifts == 0).then(|| reason.into()),
    };
    let row = |count: usize, names: (&str, &str), evictions: usize, now: f64, after: f64| NodeRow {
        node_pool: "spot".into(),
        instance_type: names.0.into(),
        becomes: vec![names.1.into()],
        nodes: (0..count).map(|number| format!("ip-{number}").into()).collect(),
        evictions,
        price_per_hour_now: spot(now),
        price_per_hour_after: spot(after),
    };
    let diff = Diff {
        objects: vec!["nodepool/spot".into()],
        fields: vec![
            field("requirements.instance-category", "[c m r]", "[c m]", 12, "RequirementsDrifted"),
            field("limits.cpu", "1000", "2000", 0, "not part of drift"),
            field("disruption.consolidateAfter", "0s", "1m", 0, "not part of drift"),
        ],
        node_pools: vec![PoolRow {
            name: "spot".into(),
            nodes: 17,
            drifted: 12,
            drifted_already: 0,
            never: 1,
            allowed: Some(0),
            arithmetic: "10% of 17 = 2".into(),
            opens: Some(at("2026-11-25T22:00:00Z")),
            never_opens: false,
            at_once: 2,
            rounds: 6,
            round_seconds: 275,
            done_by: Some(at("2026-11-25T22:27:30Z")),
        }],
        nodes: vec![
            row(8, ("r6g.2xlarge", "c6g.2xlarge"), 61, 1.1296, 0.7832),
            row(4, ("r7g.xlarge", "m6g.xlarge"), 23, 0.2844, 0.2364),
        ],
        blocked: vec![BlockedRow {
            node: "ip-10-0-6-15.ec2.internal".into(),
            node_claim: "spot-7xk2p".into(),
            code: "KARP301".into(),
            cause: "pdb".into(),
            object: "pdb/ledger -n shop".into(),
            text: "allows 0 (2 of 2 healthy)".into(),
            permanent: true,
        }],
        seconds: Some(32_850),
        evictions: 84,
        changed_pods: Vec::new(),
        becomes_pending: Vec::new(),
        price_per_hour_now: spot(1.4140),
        price_per_hour_after: spot(1.0196),
        price_per_hour_delta: Delta { usd: Some(-0.3944) },
    };
    Preview { diff: Some(diff), prices: vec!["spot us-east-1, 2h old".into()], ..preview() }
}

#[test]
fn edit_at_80_columns() {
    let next = "kubectl apply -f nodepool-spot.yaml";
    insta::assert_snapshot!(render(&edit(), &Style::plain(80), &view(next)), @r"
    12 of 17 nodes of NodePool spot would drift; 1 can never roll; $288/mo less.

    FIELD                           NOW      AFTER  DRIFTS
    requirements.instance-category  [c m r]  [c m]      12  RequirementsDrifted
    limits.cpu                      1000     2000        0  not part of drift
    disruption.consolidateAfter     0s       1m          0  not part of drift

    NODES  TYPE         BECOMES      EVICTS  $/H-NOW  $/H-AFTER
        8  r6g.2xlarge  c6g.2xlarge      61   1.1296     0.7832
        4  r7g.xlarge   m6g.xlarge       23   0.2844     0.2364
    budget 0 until 22:00 UTC, then 10% of 17 = 2: 6 rounds of 4m35s, about 28m
    x node/ip-10-0-6-15.ec2.internal: pdb/ledger -n shop allows 0 (2 of 2 healthy)
    0 pending pods change; 0 pods would become pending
    prices: spot us-east-1, 2h old

    next: kubectl apply -f nodepool-spot.yaml
    ");
}

#[test]
fn comments_for_a_pull_request() {
    insta::assert_snapshot!(markdown(&edit()), @r"
    <!-- karp:preview nodepool/spot -->
    **12 of 17 nodes of NodePool spot would drift; 1 can never roll; $288/mo less.**

    | field | now | after | drifts |
    |---|---|---|---:|
    | `requirements.instance-category` | `[c m r]` | `[c m]` | 12 |
    | `limits.cpu` | `1000` | `2000` | 0 |
    | `disruption.consolidateAfter` | `0s` | `1m` | 0 |

    blocked: `node/ip-10-0-6-15.ec2.internal`, `pdb/ledger -n shop` allows 0 (2 of 2 healthy)

    <details><summary>12 nodes, 84 evictions, done in about 9h08m</summary>

    | nodes | type | becomes | $/h now | $/h after |
    |---:|---|---|---:|---:|
    | 8 | r6g.2xlarge | c6g.2xlarge | 1.1296 | 0.7832 |
    | 4 | r7g.xlarge | m6g.xlarge | 0.2844 | 0.2364 |
    </details>

    <sub>prices: spot us-east-1, 2h old; snapshot 2026-11-25 13:20 UTC</sub>
    ");
    insta::assert_snapshot!(markdown(&shop()), @r"
    <!-- karp:preview -->
    **3 new nodes for 46 of 52 pods, $0.6912/h ($505/mo); 2 pods stay pending.**

    | node | pods | type | +types | zones | capacity | used | $/h |
    |---|---:|---|---:|---|---|---:|---:|
    | `spot-1` | 20 | c6g.8xlarge | 486 | a,b,c | spot | 63% | 0.3481 |
    | `on-demand-1` | 6 | c6g.2xlarge | 76 | a,b,c | on-demand | 68% | 0.2720 |
    | `spot-2` | 20 | r6g.xlarge | 599 | a,b,c | spot | 84% | 0.0711 |

    pending: 2 pods of `deploy/search -n shop`: limits: NodePool on-demand has 0 cpu left; spot: asks on-demand

    <details><summary>Limits of NodePools</summary>

    | NodePool | new nodes | resource | before | after | limit |
    |---|---:|---|---:|---:|---:|
    | `on-demand` | 1 | cpu | 192 | 200 | 200 (full) |
    | `spot` | 2 | cpu | 96 | 132 | 1000 |
    </details>

    <details><summary>4 pods on 2 existing nodes</summary>

    | node | pods |
    |---|---:|
    | `ip-10-0-1-1` | 2 |
    | `ip-10-0-1-2` | 2 |
    </details>

    <sub>prices: spot us-east-1, 2h old; on-demand list 2026-07-20 (embedded); uncertain: EC2 picks spot type and zone itself: total $0.6912/h to $0.9440/h; snapshot 2026-11-25 13:20 UTC</sub>
    ");
}

#[test]
fn comments_never_exceed_what_a_forge_takes() {
    let mut preview = shop();
    let one = preview.node_claims[0].clone();
    preview.node_claims = vec![one; 5000];
    let text = markdown(&preview);
    assert!(text.chars().count() <= 65_000 && text.ends_with("</sub>\n"), "{}", text.chars().count());
    assert!(text.contains("more rows"));
}

#[test]
fn json_follows_the_schema() {
    for report in [preview(), shop(), edit()] {
        let text = karp_common::term::document("Preview", &report, false).unwrap();
        let document = serde_json::from_str(&text).unwrap();
        assert_eq!(crate::schema_test::violations(&document), Vec::<String>::new());
    }
}

#[test]
fn a_kind_that_was_not_read_changes_the_verdict() {
    let said = |kinds: &[&str], summary: Summary| {
        let gap = |kind: &&str| ReportGap { kind: (*kind).into(), reason: "none in dump.yaml".to_owned() };
        crate::words::verdict(&Preview { gaps: kinds.iter().map(gap).collect(), summary, ..preview() }, "<=")
    };
    let waiting = |pods, placed| Summary {
        pods,
        placed,
        pending: pods - placed,
        existing_nodes: 1,
        ..Summary::default()
    };
    for (kinds, summary, sentence) in [
        (&["pods"][..], Summary::default(), "Cannot tell: no pods were read."),
        (&[], Summary::default(), "No pod is pending."),
        (&["nodepools"], waiting(1, 0), "Cannot tell for 1 pod: no NodePools were read."),
        (
            &["nodepools"],
            waiting(3, 2),
            "2 of 3 pods on 1 existing node; cannot tell for the rest: no NodePools were read.",
        ),
        (&["nodepools"], waiting(2, 2), "No new node: all 2 pods fit on 1 existing node. $0 more."),
        (&["daemonsets"], waiting(1, 0), "No new node: the pod stays pending."),
    ] {
        assert_eq!(said(kinds, summary), sentence);
    }
}

#[test]
fn where_ties_may_lead() {
    let end = |new_nodes, pending| End { new_nodes, pending };
    assert_eq!(crate::words::other_ends(&[]), None);
    assert_eq!(
        crate::words::other_ends(&[end(1, 2), end(4, 0)]).unwrap(),
        "ties are settled by chance: it may also end with 1 new node and 2 pods pending, or 4 new nodes"
    );
}
