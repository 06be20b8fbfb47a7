//! The command line in process: what it prints, and how it ends.

use std::ffi::OsString;

use jiff::Timestamp;
use karp_common::term::{Out, Style};
use karp_core::report::ExitCode;

/// Runs on the small cluster; stdout, stderr and exit code together.
fn run_at(style: Style, words: &str) -> String {
    // Tests run in the folder of the package.
    let fixture =
        "--from testdata/cluster.yaml --instance-types testdata/types.json --at 2026-11-25T13:20:00Z";
    let all = fixture.split(' ').chain(words.split_whitespace());
    let (code, stdout, stderr) = run_words(style, all.map(str::to_owned).collect());
    format!("{stdout}{stderr}exit {}", u8::from(code))
}

fn run_words(style: Style, words: Vec<String>) -> (ExitCode, String, String) {
    let now: Timestamp = "2026-11-25T13:20:00Z".parse().unwrap();
    let (mut out, captured) = Out::captured(style, now);
    let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    let code = karp_common::cli::run(words, &mut out, crate::run);
    (code, captured.stdout(), captured.stderr())
}

fn run(words: &str) -> String {
    run_at(Style::plain(80), words)
}

#[test]
fn pending_pods() {
    insta::assert_snapshot!(run(""), @r"
    1 new node for 3 of 8 pods, $0.0600/h ($44/mo); 2 pods stay pending.

    NAME    PODS  TYPE  +TYPES  ZONES  CAPACITY  USED          $/H
    spot-1     3  c-4x       4  a      spot      ####. 77%  0.0600

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  12 -> 16 of 100

    + 3 pods   fit on 3 existing nodes
    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has
               4 (c-4x)
    prices: as in testdata/types.json
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing

    next: kubectl karp explain deploy/search -n shop --from testdata/cluster.yaml \
      --instance-types testdata/types.json --at 2026-11-25T13:20:00Z
    exit 1
    ");
}

#[test]
fn only_selected_pods() {
    insta::assert_snapshot!(run("--field-selector metadata.namespace=shop -l app=search"), @r"
    No new node: all 2 pods stay pending.

    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has
               4 (c-4x)
    prices: as in testdata/types.json
    uncertain: simulated without 6 other pending pods; Karpenter places all in one
      batch
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing

    next: kubectl karp explain deploy/search -n shop --from testdata/cluster.yaml \
      --instance-types testdata/types.json --at 2026-11-25T13:20:00Z
    exit 1
    ");
}

#[test]
fn pending_pods_at_120_columns_and_wide() {
    insta::assert_snapshot!(run_at(Style::plain(120), "-o wide"), @r"
    1 new node for 3 of 8 pods, $0.0600/h ($44/mo); 2 pods stay pending.

    NAME    PODS  TYPE  +TYPES  ZONES  CAPACITY  USED          $/H  NODEPOOL      CPU      MEMORY  DEAREST-$/H
    spot-1     3  c-4x       4  a      spot      ####. 77%  0.0600  spot      3/3900m  3Gi/7.99Gi       0.0600

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  12 -> 16 of 100

    + 3 pods   fit on 3 existing nodes
    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has 4 (c-4x)
    prices: as in testdata/types.json
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing

    next: kubectl karp explain deploy/search -n shop --from testdata/cluster.yaml --instance-types testdata/types.json \
      --at 2026-11-25T13:20:00Z
    exit 1
    ");
}

#[test]
fn every_pod_with_its_place() {
    insta::assert_snapshot!(run("--pods"), @r"
    1 new node for 3 of 8 pods, $0.0600/h ($44/mo); 2 pods stay pending.

    NAME    PODS  TYPE  +TYPES  ZONES  CAPACITY  USED          $/H
    spot-1     3  c-4x       4  a      spot      ####. 77%  0.0600

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  12 -> 16 of 100

    + 3 pods   fit on 3 existing nodes
    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has
               4 (c-4x)

    NAME           NAMESPACE  PLACE
    api-7d5c-a     shop       node/spot-a
    api-7d5c-b     shop       node/spot-b
    api-7d5c-c     shop       node/spot-c
    api-7d5c-d     shop       spot-1 (new)
    api-7d5c-e     shop       spot-1 (new)
    api-7d5c-f     shop       spot-1 (new)
    search-7d5c-a  shop       pending: capacity-type, limits/cpu, cpu
    search-7d5c-b  shop       pending: capacity-type, limits/cpu, cpu
    prices: as in testdata/types.json
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing

    next: kubectl karp explain deploy/search -n shop --from testdata/cluster.yaml \
      --instance-types testdata/types.json --at 2026-11-25T13:20:00Z
    exit 1
    ");
}

#[test]
fn manifests_that_are_not_applied() {
    insta::assert_snapshot!(run("-f testdata/deploy.yaml --nodepool testdata/nodepool-spot.yaml"), @r"
    1 new node for 3 of 11 pods, $0.0700/h ($51/mo); 2 pods stay pending.

    NAME    PODS  TYPE  +TYPES  ZONES  CAPACITY  USED          $/H
    spot-1     3  m-4x       1  a      spot      ####. 77%  0.0700

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  12 -> 16 of 200

    + 6 pods   fit on 3 existing nodes
    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has
               4 (c-4x)
    without this change: 1 new node, 2 pods pending, $0.0600/h ($44/mo)
    prices: as in testdata/types.json
    not modelled: not applied to pods of files: LimitRange, admission webhooks
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing

    next: kubectl karp explain deploy/search -n shop --from testdata/cluster.yaml \
      --instance-types testdata/types.json --at 2026-11-25T13:20:00Z -f \
      testdata/deploy.yaml -f testdata/nodepool-spot.yaml
    exit 1
    ");
}

#[test]
fn a_workload_scaled_and_a_node_left_out() {
    insta::assert_snapshot!(run("--scale deploy/web=6 -n shop"), @r"
    1 new node for 5 of 10 pods, $0.1200/h ($88/mo); 2 pods stay pending.

    NAME    PODS  TYPE  +TYPES  ZONES  CAPACITY  USED          $/H
    spot-1     5  c-8x       1  a      spot      ####. 76%  0.1200

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  12 -> 20 of 100

    + 3 pods   fit on 3 existing nodes
    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has
               4 (c-4x)
    without this change: 1 new node, 2 pods pending, $0.0600/h ($44/mo)
    prices: as in testdata/types.json
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing
    exit 1
    ");
    insta::assert_snapshot!(run("--without node/spot-c"), @r"
    1 new node for 5 of 9 pods, $0.1200/h ($88/mo); 2 pods stay pending.

    NAME    PODS  TYPE  +TYPES  ZONES  CAPACITY  USED          $/H
    spot-1     5  c-8x       1  a      spot      ####. 89%  0.1200

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  8 -> 16 of 100

    + 2 pods   fit on 2 existing nodes
    x 2 pods   deploy/search -n shop
               spot: pod nodeSelector capacity-type=on-demand, NodePool has [spot]
               on-demand: limit cpu 2, in use 0, 2 left; smallest type that fits has
               4 (c-4x)
    without this change: 1 new node, 2 pods pending, $0.0600/h ($44/mo)
    prices: as in testdata/types.json
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing
    exit 1
    ");
}

#[test]
fn node_claims_as_the_controller_creates_them() {
    insta::assert_snapshot!(run("--nodeclaims"), @r#"
    apiVersion: karpenter.sh/v1
    kind: NodeClaim
    metadata:
      generateName: spot-
      labels:
        karpenter.kwok.sh/kwoknodeclass: default
        karpenter.sh/nodepool: spot
      annotations:
        karpenter.sh/nodeclaim-min-values-relaxed: "false"
        karpenter.sh/nodepool-hash: "12745407319442031341"
        karpenter.sh/nodepool-hash-version: v3
      ownerReferences:
      - apiVersion: karpenter.sh/v1
        kind: NodePool
        name: spot
        uid: pool-spot
        blockOwnerDeletion: true
    spec:
      requirements:
      - key: karpenter.kwok.sh/instance-family
        operator: In
        values:
        - c
        - m
        - r
      - key: karpenter.kwok.sh/kwoknodeclass
        operator: In
        values:
        - default
      - key: karpenter.sh/capacity-type
        operator: In
        values:
        - spot
      - key: karpenter.sh/nodepool
        operator: In
        values:
        - spot
      - key: node.kubernetes.io/instance-type
        operator: In
        values:
        - c-4x
        - c-8x
        - m-4x
        - m-8x
        - r-4x
      resources:
        requests:
          cpu: "3"
          memory: 3Gi
          pods: "3"
      nodeClassRef:
        group: karpenter.kwok.sh
        kind: KWOKNodeClass
        name: default
      expireAfter: 720h
    exit 1
    "#);
}

#[test]
fn what_an_edit_does() {
    insta::assert_snapshot!(run("--diff -f testdata/nodepool-spot.yaml"), @r"
    3 of 3 nodes of NodePool spot would drift; 1 can never roll; 3 pending pods
    change place; $1/mo less.

    FIELD                         NOW      AFTER  DRIFTS
    limits.cpu                    100      200         0  not part of drift
    requirements.instance-family  [c m r]  [m]         3  RequirementsDrifted

    NODES  TYPE  BECOMES  EVICTS  $/H-NOW  $/H-AFTER
        1  c-4x  m-4x          1   0.0720     0.0700
        1  r-4x  m-8x          2   0.1000     0.1400
        1  r-4x  m-4x          2   0.1100     0.0700
    budget 1: 2 rounds of 2m40s, about 5m20s
    x node/spot-c: pdb/ledger -n shop allows 0 (1 of 1 healthy)
    3 pending pods change (pod/api-7d5c-d -n shop, pod/api-7d5c-e -n shop,
      pod/api-7d5c-f -n shop); 0 pods would become pending
    prices: as in testdata/types.json
    not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing

    next: kubectl apply -f testdata/nodepool-spot.yaml
    exit 1
    ");
    insta::assert_snapshot!(run("--diff -f testdata/nodepool-spot.yaml -o markdown --fail-on pending"), @r"
    <!-- karp:preview nodepool/spot -->
    **3 of 3 nodes of NodePool spot would drift; 1 can never roll; 3 pending pods change place; $1/mo less.**

    | field | now | after | drifts |
    |---|---|---|---:|
    | `limits.cpu` | `100` | `200` | 0 |
    | `requirements.instance-family` | `[c m r]` | `[m]` | 3 |

    blocked: `node/spot-c`, `pdb/ledger -n shop` allows 0 (1 of 1 healthy)

    <details><summary>3 nodes, 5 evictions, done in about 5m20s</summary>

    | nodes | type | becomes | $/h now | $/h after |
    |---:|---|---|---:|---:|
    | 1 | c-4x | m-4x | 0.0720 | 0.0700 |
    | 1 | r-4x | m-8x | 0.1000 | 0.1400 |
    | 1 | r-4x | m-4x | 0.1100 | 0.0700 |
    </details>

    <sub>prices: as in testdata/types.json; not read: daemonsets (none in cluster.yaml): DaemonSet overhead is missing; snapshot 2026-11-25 13:20 UTC</sub>
    exit 0
    ");
}

#[test]
fn names_for_xargs() {
    insta::assert_snapshot!(run("-o name"), @r"
    pod/search-7d5c-a -n shop
    pod/search-7d5c-b -n shop
    exit 1
    ");
    insta::assert_snapshot!(run("--diff -f testdata/nodepool-spot.yaml -o name"), @r"
    node/spot-c
    node/spot-a
    node/spot-b
    exit 1
    ");
}

#[test]
fn fail_on_narrows_what_counts() {
    for (words, code) in [
        ("-o name", 1),
        ("-o name --fail-on cost", 1),
        ("-o name --fail-on drift", 0),
        ("-o name --diff -f testdata/nodepool-spot.yaml", 1),
        ("-o name --diff -f testdata/nodepool-spot.yaml --fail-on drift", 1),
        ("-o name --diff -f testdata/nodepool-spot.yaml --fail-on pending", 0),
    ] {
        let text = run(words);
        assert!(text.ends_with(&format!("exit {code}")), "{words}: {text}");
    }
}

#[test]
fn errors_name_the_object_and_the_next_step() {
    let errors: Vec<String> = [
        "--scale deploy/webb=6 -n shop",
        "--scale deploy/web=6",
        "--scale web=6",
        "--scale deploy/web",
        "--scale ds/web=6",
        "--without node/spot-x",
        "--diff",
        "--nodepool testdata/deploy.yaml",
    ]
    .map(|words| format!("{words}\n{}\n", run(words)))
    .to_vec();
    insta::assert_snapshot!(errors.concat(), @r#"
    --scale deploy/webb=6 -n shop
    error: Deployment "webb" not found in namespace "shop"
    hint: did you mean web, api, ledger?
    exit 4
    --scale deploy/web=6
    error: Deployment "web" not found in namespace "default"
    hint: it is in namespace shop: add -n shop
    exit 4
    --scale web=6
    error: --scale web=6: KIND/NAME is missing
    hint: for example --scale deploy/inflate=20
    exit 2
    --scale deploy/web
    error: --scale deploy/web: the number of replicas is missing
    hint: for example --scale deploy/inflate=20
    exit 2
    --scale ds/web=6
    error: --scale ds/web=6: ds has no replicas
    hint: for example --scale deploy/inflate=20
    hint: kinds: deploy, sts, rs, rc, job
    exit 2
    --without node/spot-x
    error: nodes "spot-x" not found
    hint: did you mean spot-a, spot-b, spot-c?
    exit 4
    --diff
    error: --diff needs a NodePool, NodeClass or NodeOverlay to compare with the live one
    hint: kubectl karp preview --diff -f nodepool.yaml
    exit 2
    --nodepool testdata/deploy.yaml
    error: --nodepool: no NodePool, NodeClass or NodeOverlay in it
    hint: other objects go into -f
    exit 2
    "#);
}

#[test]
fn json_follows_the_schema() {
    for words in
        ["-o json", "-o json --diff -f testdata/nodepool-spot.yaml", "-o json -f testdata/deploy.yaml"]
    {
        let text = run(words);
        let json = text.rsplit_once("exit ").unwrap().0;
        let document = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(crate::schema_test::violations(&document), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn the_built_in_example() {
    let words = ["--from", "example:workshop"].map(str::to_owned).to_vec();
    let (code, stdout, stderr) = run_words(Style::plain(80), words);
    insta::assert_snapshot!(format!("{stdout}{stderr}exit {}", u8::from(code)), @r"
    1 new node for 20 of 23 pods, <=$1.0880/h (<=$794/mo); 3 pods stay pending.

    NAME    PODS  TYPE         +TYPES  ZONES  CAPACITY  USED            $/H
    spot-1    20  c6g.8xlarge     498  a,b,c  spot      ###.. 63%  <=1.0880

    NODEPOOL  +NODES  CPU-LIMIT
    spot           1  0 -> 32 of 1000

    x 1 pod    deploy/ledger -n shop
               offerings: pod nodeSelector capacity-type=on-demand, NodePool spot
               has [spot]
    x 1 pod    job/train -n ml
               resources: asks 4 nvidia.com/gpu, no type of NodePool spot has any
    x 1 pod    sts/postgres -n shop
               offerings: pvc/data-postgres-0 is in us-east-1d, NodePool spot has
               zones [us-east-1a us-east-1b us-east-1c]
    prices: on-demand list us-east-1 2026-07-20 (embedded); spot not known here, so
      <= its on-demand price
    uncertain: EC2 picks spot type and zone itself, from up to 60 types: total
      <=$2.1115/h

    next: kubectl karp explain deploy/ledger -n shop --from example:workshop
    exit 1
    ");
}
