//! Screens as users see them: stdout, stderr and exit code together, over small clusters in `testdata`.

use std::ffi::OsString;

use jiff::Timestamp;
use karp_common::term::{Out, Style};

use crate::schema_test::violations;

const MOMENT: &str = "2026-11-20T12:00:00Z";

/// Runs the verb on a fixture and returns what it wrote: stdout, then stderr and the exit code where they matter.
pub(crate) fn screen(fixture: &str, words: &str, style: Style) -> String {
    let (stdout, stderr, exit) = run(fixture, words, style);
    let mut text = stdout;
    if !stderr.is_empty() {
        text.push_str(&format!("stderr: {stderr}"));
    }
    text.push_str(&format!("exit {exit}"));
    text
}

fn run(fixture: &str, words: &str, style: Style) -> (String, String, u8) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let mut arguments: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    if fixture.starts_with("example:") {
        arguments.extend(["--from", fixture].map(OsString::from));
    } else {
        let (from, types) = (format!("{folder}/{fixture}.yaml"), format!("{folder}/types.json"));
        arguments.extend(["--from", &from, "--instance-types", &types, "--at", MOMENT].map(OsString::from));
    }
    let now: Timestamp = MOMENT.parse().unwrap();
    let (mut out, captured) = Out::captured(style, now);
    let exit = u8::from(karp_common::cli::run(arguments, &mut out, crate::run));
    drop(out);
    // Paths of this machine are no part of a screen.
    let clean = |text: String| text.replace(&format!("{folder}/"), "");
    (clean(captured.stdout()), clean(captured.stderr()), exit)
}

pub(crate) fn at_80(fixture: &str, words: &str) -> String {
    screen(fixture, words, Style::plain(80))
}

#[test]
fn the_workshop_grouped_by_cause() {
    insta::assert_snapshot!(at_80("example:workshop", ""), @r#"
    3 of 23 pending pods will not schedule, for 3 causes; 20 will.

    x 1 pod    deploy/ledger -n shop
               offerings: pod nodeSelector capacity-type=on-demand, NodePool spot
               has [spot]
             1 nodepool/spot: add on-demand to karpenter.sh/capacity-type
               proof: schedules on NodePool spot, c6g.8xlarge (+498 types),
               on-demand, $1.0880/h; 0 nodes drift, 20 other pods move

    x 1 pod    job/train -n ml
               resources: asks 4 nvidia.com/gpu, no type of NodePool spot has any
             1 nodepool/spot: add g to karpenter.k8s.aws/instance-category
               proof: schedules on NodePool spot, g6.12xlarge (+9 types), spot,
               <=$4.6016/h; 0 nodes drift, 0 other pods move

    x 1 pod    sts/postgres -n shop
               offerings: pvc/data-postgres-0 is in us-east-1d, NodePool spot has
               zones [us-east-1a us-east-1b us-east-1c]
             1 nodepool/spot: add us-east-1d to topology.kubernetes.io/zone
               proof: schedules on NodePool spot, c6g.8xlarge (+498 types), spot,
               us-east-1d, <=$1.0880/h; 0 nodes drift, 0 other pods move

    + 20 pods  deploy/inflate -n default
               1 new node on NodePool spot: c6g.8xlarge (+498 types), spot,
               us-east-1a, b or c, <=$1.0880/h

    prices: on-demand list us-east-1 2026-07-20 (embedded); spot not known here, so
      <= its on-demand price
    uncertain: EC2 picks spot type and zone itself, from the 60 cheapest types

    next: kubectl karp explain deploy/ledger -n shop --from example:workshop
    exit 1
    "#);
}

#[test]
fn one_pod_many_node_pools() {
    insta::assert_snapshot!(at_80("pools", "batch-42-x7k2p -n ml"), @r#"
    pod/batch-42-x7k2p -n ml will not schedule: none of 4 NodePools fits, 3 causes.

    asks 9 cpu, 20Gi memory, kubernetes.io/arch=amd64; Pending for 14m

    NODEPOOL   TYPES  REQS  FIT  OFFERS  LIMITS  MINVALUES  STOPPED-BY
    critical      12    12    5       5       5          5  taint
    on-demand     22    12    5       5       0          -  limits/cpu
    spot          10     0    -       -       -          -  arch
    gpu            2     2    1       1       1          1  taint
    critical   pod does not tolerate dedicated=critical:NoSchedule
    on-demand  limit cpu 200, in use 192, 8 left; smallest type that fits has 16
               (c6a.4xlarge)
    spot       pod nodeSelector arch=amd64, NodePool has [arm64]
    gpu        pod does not tolerate nvidia.com/gpu=true:NoSchedule

    NODES  REASON  NEAREST
       12  cpu     ip-10-0-1-13.ec2.internal: short 180m (asks 9, free 8820m)
        1  arch    ip-10-0-4-77.ec2.internal: arm64, otherwise fits
        1  taint   -

    prices: as in types.json

    Any one of these is enough; least change first:
    1 nodepool/spot: add amd64 to kubernetes.io/arch
      proof: schedules on NodePool spot, c6a.4xlarge (+4 types), spot, $0.2448/h; 0
      nodes drift, 0 other pods move
      kubectl patch nodepool spot --type=json -p '[{"op":"test",
        "path":"/spec/template/spec/requirements/0/key",
        "value":"kubernetes.io/arch"},{"op":"add",
        "path":"/spec/template/spec/requirements/0/values/-","value":"amd64"}]'
    2 job/batch-42: tolerate dedicated=critical:NoSchedule
      proof: schedules on NodePool critical, c6a.4xlarge (+4 types), on-demand,
      $0.6120/h; 0 nodes drift, 0 other pods move
      kubectl patch job batch-42 -n ml --type=json -p '[{"op":"add",
        "path":"/spec/template/spec/tolerations","value":[{"key":"dedicated",
        "operator":"Equal","value":"critical","effect":"NoSchedule"}]}]' \
        --dry-run=client -o yaml | kubectl replace --force -f -
    3 nodepool/critical: drop taint dedicated=critical:NoSchedule
      proof: schedules on NodePool critical, c6a.4xlarge (+4 types), on-demand,
      $0.6120/h; 0 nodes drift, 0 other pods move
      kubectl patch nodepool critical --type=json -p '[{"op":"test",
        "path":"/spec/template/spec/taints/0/key","value":"dedicated"},
        {"op":"remove","path":"/spec/template/spec/taints/0"}]'
    2: a Job's pod template is immutable; the command deletes the Job and creates it
      again
    exit 1
    "#);
}

#[test]
fn one_pod_many_node_pools_at_120() {
    insta::assert_snapshot!(screen("pools", "batch-42-x7k2p -n ml --changes 1", Style::plain(120)), @r#"
    pod/batch-42-x7k2p -n ml will not schedule: none of 4 NodePools fits, 3 causes.

    asks 9 cpu, 20Gi memory, kubernetes.io/arch=amd64; Pending for 14m

    NODEPOOL   TYPES  REQS  FIT  OFFERS  LIMITS  MINVALUES  STOPPED-BY  WHY
    critical      12    12    5       5       5          5  taint       pod does not tolerate dedicated=critical:NoSchedule
    on-demand     22    12    5       5       0          -  limits/cpu  limit cpu 200, in use 192, 8 left; smallest type that fits has 16 (c6a.4xlarge)
    spot          10     0    -       -       -          -  arch        pod nodeSelector arch=amd64, NodePool has [arm64]
    gpu            2     2    1       1       1          1  taint       pod does not tolerate nvidia.com/gpu=true:NoSchedule

    NODES  REASON  NEAREST
       12  cpu     ip-10-0-1-13.ec2.internal: short 180m (asks 9, free 8820m)
        1  arch    ip-10-0-4-77.ec2.internal: arm64, otherwise fits
        1  taint   -

    prices: as in types.json

    This is enough:
    1 nodepool/spot: add amd64 to kubernetes.io/arch
      proof: schedules on NodePool spot, c6a.4xlarge (+4 types), spot, $0.2448/h; 0 nodes drift, 0 other pods move
      kubectl patch nodepool spot --type=json -p '[{"op":"test","path":"/spec/template/spec/requirements/0/key",
        "value":"kubernetes.io/arch"},{"op":"add","path":"/spec/template/spec/requirements/0/values/-","value":"amd64"}]'
    exit 1
    "#);
}

#[test]
fn one_pod_many_node_pools_wide_on_a_pipe() {
    insta::assert_snapshot!(screen("pools", "batch-42-x7k2p -n ml --changes 0 -o wide --event", Style::PIPE), @r#"
    pod/batch-42-x7k2p -n ml will not schedule: none of 4 NodePools fits, 3 causes.

    asks 9 cpu, 20Gi memory, kubernetes.io/arch=amd64; Pending for 14m

    NODEPOOL   TYPES  REQS  FIT  OFFERS  LIMITS  MINVALUES  STOPPED-BY  WEIGHT  DAEMONSETS
    critical      12    12    5       5       5          5  taint           30  3
    on-demand     22    12    5       5       0          -  limits/cpu      20  3
    spot          10     0    -       -       -          -  arch            10  3
    gpu            2     2    1       1       1          1  taint            0  3
    critical   pod does not tolerate dedicated=critical:NoSchedule
    on-demand  limit cpu 200, in use 192, 8 left; smallest type that fits has 16 (c6a.4xlarge)
    spot       pod nodeSelector arch=amd64, NodePool has [arm64]
    gpu        pod does not tolerate nvidia.com/gpu=true:NoSchedule

    NODES  REASON  NEAREST
       12  cpu     ip-10-0-1-13.ec2.internal: short 180m (asks 9, free 8820m)
        1  arch    ip-10-0-4-77.ec2.internal: arm64, otherwise fits
        1  taint   -
    event: Failed to schedule pod, did not tolerate taint (taint=dedicated=critical:NoSchedule); no instance type has enough resources, requirements=karpenter.kwok.sh/kwoknodeclass In [default], karpenter.sh/capacity-type In [on-demand], karpenter.sh/initialized In [true], karpenter.sh/nodepool In [on-demand], karpenter.sh/registered In [true], kubernetes.io/arch In [amd64], resources={"cpu":"9180m","memory":"20720Mi","pods":"4"}; incompatible requirements, key kubernetes.io/arch, kubernetes.io/arch In [amd64] not in kubernetes.io/arch In [arm64]; did not tolerate taint (taint=nvidia.com/gpu=true:NoSchedule)
    exit 1
    "#);
}

#[test]
fn colour_marks_verdict_names_and_commands() {
    let style = Style { color: true, ..Style::plain(80) };
    insta::assert_snapshot!(screen("stopped", "api-7d5c-m2m9x -n shop", style), @"
    \u{1b}[36mpod/api-7d5c-m2m9x -n shop\u{1b}[0m \u{1b}[33mwaits\u{1b}[0m: Karpenter stands still for all pods.
    nodeclaim/spot-q9z4d has no providerID for 6m (Launched=Unknown, Unauthorized).

    \u{1b}[2mnot read: nodes (none in stopped.yaml): answers are for an empty cluster;\u{1b}[0m
    \u{1b}[2m  daemonsets (none in stopped.yaml): DaemonSet overhead is missing\u{1b}[0m

    \u{1b}[33mnext:\u{1b}[0m the launch is denied: look for the IAM policy or service control policy
      named in its condition
      \u{1b}[33mkubectl describe nodeclaim/spot-q9z4d\u{1b}[0m
    \u{1b}[33mnext:\u{1b}[0m or take it away; a pod that still needs it brings it back
      \u{1b}[33mkubectl delete nodeclaim/spot-q9z4d\u{1b}[0m
    exit 1
    ");
}

#[test]
fn one_node_pool_each_stage() {
    insta::assert_snapshot!(at_80("pools", "batch-42-x7k2p -n ml --funnel on-demand"), @r#"
    NodePool on-demand does not fit pod/batch-42-x7k2p -n ml: limits or cpu.

    STAGE      LEFT  LOST  WITHOUT  BY
    TYPES        22     -        -  requirements of nodepool/on-demand
    REQS         12    10        0  pod nodeSelector kubernetes.io/arch=amd64
    FIT           5     7        7  asks 9 cpu, 20Gi memory + 180m cpu, 240Mi memory
                                    of 3 DaemonSets
    OFFERS        5     0        0  on-demand; us-east-1a, b or c
    LIMITS        0     5        5  8 cpu left of 200
    MINVALUES     -     -        0  <none>

    LIMITS: limit cpu 200, in use 192, 8 left; smallest type that fits has 16
      (c6a.4xlarge)
    FIT: asks 9 cpu + 180m of 3 DaemonSets = 9180m; nearest m6a.2xlarge has 7900m,
      short 1280m
    DaemonSets: kube-system/aws-node 50m cpu; kube-system/ebs-csi-node 30m cpu,
      240Mi memory; kube-system/kube-proxy 100m cpu
    exit 1
    "#);
}

#[test]
fn a_spread_that_wants_a_zone_nobody_serves() {
    insta::assert_snapshot!(at_80("spread", "web-6c9d-x2k4p -n shop"), @r#"
    pod/web-6c9d-x2k4p -n shop will not schedule: zone spread wants [us-east-1c].

    asks 1 cpu; Pending for 14m

    SPREAD topology.kubernetes.io/zone, maxSkew 1, DoNotSchedule, app=web
    DOMAIN      PODS  SKEW-IF-PLACED  ALLOWED  NODEPOOLS
    us-east-1a     3               3  no               2
    us-east-1b     3               3  no               2
    us-east-1c     1               1  yes              0
    us-east-1c counts because of pod/web-6c9d-77fzn on ip-10-0-3-9.ec2.internal
      (cordoned)

    NODEPOOL   TYPES  REQS  FIT  OFFERS  LIMITS  MINVALUES  STOPPED-BY
    spot          10    10   10       0       -          -  zone
    on-demand     22    22   22       0       -          -  zone
    2 NodePools (spot, on-demand): zone spread allows [us-east-1c], NodePool has
               zones [us-east-1a us-east-1b]

    NODES  REASON  NEAREST
        2  zone    ip-10-0-1-41.ec2.internal: zone spread is not allowed there
                   (us-east-1a)
        1  taint   ip-10-0-3-9.ec2.internal:
                   node.kubernetes.io/unschedulable:NoSchedule

    prices: as in types.json
    not read: daemonsets (none in spread.yaml): DaemonSet overhead is missing

    Any one of these is enough; least change first:
    1 nodepool/on-demand: add us-east-1c to topology.kubernetes.io/zone
      proof: schedules on NodePool on-demand, c6a.large (+11 types), on-demand,
      us-east-1c, $0.0765/h; 0 nodes drift, 0 other pods move
      kubectl patch nodepool on-demand --type=json -p '[{"op":"test",
        "path":"/spec/template/spec/requirements/0/key",
        "value":"topology.kubernetes.io/zone"},{"op":"add",
        "path":"/spec/template/spec/requirements/0/values/-","value":"us-east-1c"}]'
    2 deploy/web: whenUnsatisfiable DoNotSchedule -> ScheduleAnyway (spread over
      topology.kubernetes.io/zone)
      proof: schedules on node/ip-10-0-1-41.ec2.internal, no new node; 0 nodes
      drift, 0 other pods move
      managed by Helm release web: change it there
      kubectl patch deploy web -n shop --type=json -p '[{"op":"test",
        "path":"/spec/template/spec/topologySpreadConstraints/0/topologyKey",
        "value":"topology.kubernetes.io/zone"},{"op":"add",
        "path":"/spec/template/spec/topologySpreadConstraints/0/whenUnsatisfiable",
        "value":"ScheduleAnyway"}]'
    3 deploy/web: nodeTaintsPolicy: Honor (spread over topology.kubernetes.io/zone
      then skips nodes it cannot use)
      proof: schedules on node/ip-10-0-1-41.ec2.internal, no new node; 0 nodes
      drift, 0 other pods move
      managed by Helm release web: change it there
      kubectl patch deploy web -n shop --type=json -p '[{"op":"test",
        "path":"/spec/template/spec/topologySpreadConstraints/0/topologyKey",
        "value":"topology.kubernetes.io/zone"},{"op":"add",
        "path":"/spec/template/spec/topologySpreadConstraints/0/nodeTaintsPolicy",
        "value":"Honor"}]'
    exit 1
    "#);
}

#[test]
fn will_schedule_on_a_new_node() {
    insta::assert_snapshot!(at_80("fine", "api-7d5c-m2m9x -n shop"), @r#"
    pod/api-7d5c-m2m9x -n shop will schedule on a new node of NodePool spot.

    c6g.2xlarge (+12 types), spot, us-east-1a, b or c, $0.1088/h
    no existing node: 2 cpu (nearest short 3), 1 taint

    prices: as in types.json
    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing
    exit 0
    "#);
}

#[test]
fn will_schedule_on_an_existing_node() {
    insta::assert_snapshot!(at_80("fine", "small-7d5c-aaaaa -n shop"), @r#"
    pod/small-7d5c-aaaaa -n shop will schedule on node/ip-10-0-2-41.ec2.internal.
    Free there: 4 cpu, 32Gi memory; asks 1 cpu, 1Gi memory.

    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing
    exit 0
    "#);
}

#[test]
fn an_unbound_claim() {
    insta::assert_snapshot!(at_80("fine", "cart-0 -n shop"), @r#"
    pod/cart-0 -n shop will not schedule: pvc/data-cart-0 is not bound for 9m.
    StorageClass gp2 binds at once; Karpenter ignores pods with unbound volumes.

    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing

    next: kubectl describe pvc data-cart-0 -n shop
    exit 1
    "#);
}

#[test]
fn karpenter_stands_still() {
    insta::assert_snapshot!(at_80("stopped", "api-7d5c-m2m9x -n shop"), @r#"
    pod/api-7d5c-m2m9x -n shop waits: Karpenter stands still for all pods.
    nodeclaim/spot-q9z4d has no providerID for 6m (Launched=Unknown, Unauthorized).

    not read: nodes (none in stopped.yaml): answers are for an empty cluster;
      daemonsets (none in stopped.yaml): DaemonSet overhead is missing

    next: the launch is denied: look for the IAM policy or service control policy
      named in its condition
      kubectl describe nodeclaim/spot-q9z4d
    next: or take it away; a pod that still needs it brings it back
      kubectl delete nodeclaim/spot-q9z4d
    exit 1
    "#);
}

#[test]
fn resource_claims_are_refused_by_default() {
    insta::assert_snapshot!(at_80("fine", "dra-1 -n ml"), @r#"
    pod/dra-1 -n ml will not schedule: it uses resource claims, which Karpenter
      refuses (--ignore-dra-requests is on).
    Requests for devices as extended resources (nvidia.com/gpu: 1) are served.

    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing
    exit 1
    "#);
}

#[test]
fn a_gate_is_somebody_elses_turn() {
    insta::assert_snapshot!(at_80("fine", "gated-0 -n ml"), @r#"
    pod/gated-0 -n ml waits: scheduling gate example.com/quota not removed yet.

    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing

    next: whoever set the gate has to remove it
      kubectl describe pod/gated-0 -n ml
    exit 1
    "#);
}

#[test]
fn what_runs_or_has_finished_is_said() {
    insta::assert_snapshot!(at_80("fine", "web-6c9d-x2k4p -n shop"), @r#"
    pod/web-6c9d-x2k4p -n shop runs since 2d on node/ip-10-0-1-137.ec2.internal.

    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing
    exit 0
    "#);
    insta::assert_snapshot!(at_80("fine", "done-0 -n ml"), @r#"
    pod/done-0 -n ml has finished (Succeeded) on node/ip-10-0-1-137.ec2.internal.

    not read: daemonsets (none in fine.yaml): DaemonSet overhead is missing
    exit 0
    "#);
}

#[test]
fn why_a_node_claim_got_its_types() {
    insta::assert_snapshot!(at_80("fine", "nodeclaim/spot-7xk2p"), @r#"
    nodeclaim/spot-7xk2p got m6a.2xlarge, today the 2nd cheapest of its 3 types.

    asks 6180m cpu, 11571Mi memory (9 pods with DaemonSets): 7 types fit, the claim
      has 3
    7 cheapest go to EC2: c6a.2xlarge $0.1224/h to g6.12xlarge $1.8406/h (spot, 3
      zones)
    EC2 chose m6a.2xlarge in us-east-1a, $0.3456/h: lowest-price
    prices: as in types.json; those of the
      launch, 2d ago, are not known
    exit 0
    "#);
}

/// What `-o json` prints is what the published schema says, on every fixture.
#[test]
fn json_is_what_the_schema_says() {
    for (fixture, words) in [
        ("example:workshop", "-o json"),
        ("pools", "batch-42-x7k2p -n ml -o json"),
        ("pools", "-o json"),
        ("spread", "-o json"),
        ("fine", "-o json"),
        ("stopped", "-o json"),
    ] {
        let (stdout, stderr, _) = run(fixture, words, Style::PIPE);
        let document: serde_json::Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
        assert_eq!(violations(&document), Vec::<String>::new(), "{fixture} {words}");
    }
}

/// The README's example is the program's own output.
#[test]
fn the_readme_shows_this_very_output() {
    const BEGIN: &str = "<!-- explain-workshop-begin -->";
    const END: &str = "<!-- explain-workshop-end -->";
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let Some((_, rest)) = readme.split_once(BEGIN) else { panic!("README.md has no {BEGIN}") };
    let Some((block, _)) = rest.split_once(END) else { panic!("README.md has no {END}") };
    let lines: Vec<&str> =
        block.lines().filter(|line| !line.starts_with("```") && !line.starts_with("$ ")).collect();
    let (stdout, _, _) = run("example:workshop", "", Style::plain(80));
    assert_eq!(lines.join("\n").trim(), stdout.trim());
}
