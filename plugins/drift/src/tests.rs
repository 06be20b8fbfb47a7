//! The verb as a user sees it: arguments in, stdout, stderr and exit code out.

use std::ffi::OsString;

use jiff::Timestamp;
use karp_common::term::{Out, Style};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/two-node-pools.yaml");

/// stdout, stderr and exit code at 80 columns, half past one on a Wednesday.
fn run(words: &[&str]) -> String {
    let (mut out, captured) = Out::captured(Style::plain(80), Timestamp::UNIX_EPOCH);
    let source = ["--from", FIXTURE, "--at", "2026-11-25T13:20:00Z"];
    let words = words.iter().chain(&source).map(OsString::from).collect();
    let code = karp_common::cli::run(words, &mut out, crate::run);
    let stderr = captured.stderr();
    let stderr = if stderr.is_empty() { String::new() } else { format!("--- stderr\n{stderr}") };
    format!("{}{stderr}--- exit {}", captured.stdout(), u8::from(code))
}

#[test]
fn two_node_pools() {
    insta::assert_snapshot!(run(&[]), @r#"
    5 of 6 NodeClaims are drifted, as far as the cluster tells; 1 can never roll.

    NODEPOOL   CLAIMS  DRIFTED  NEVER  ALLOWED  OPENS              DONE-BY
    on-demand       2        1      0        1  now                13:21 UTC
    spot            4        4      1        0  22:00 UTC (8h40m)  22:07 UTC
    on-demand  50% of 2 = 1, in use 0; 1 round of about 1m35s
    spot       budget "0" Mon-Fri 06:00-22:00 UTC wins now; then 10% of 4 = 1, in
               use 0; 3 rounds of about 2m30s

    AMIDrift: 4 of NodePool spot, ec2nodeclass/default, alias al2023@latest
           AMI                    NAME                    K8S         AGE
    has    ami-0b6c1d5f8a2e47c91  <unknown>               1.33  <unknown>
    wants  ami-0d93e7a14c58b02f6  al2023 arm64 v20261118  1.33      7d13h
    NodePoolDrifted: 1 of NodePool on-demand
           spec.template.metadata.labels.team: has <none>, wants shop

    + spot-b4  pod/ledger-0 -n shop: pdb/ledger allows 0 (minAvailable 1 of 1 pods:
      never); passed by its terminationGracePeriod
    ! spot-b1  pod/report-0 -n batch is annotated do-not-disrupt=4h until 14:30 UTC
    x spot-b2  pod/orders-0 -n shop has 2 PDBs (all-shop, orders): never evicted
    Karpenter agrees on 4; not there yet on 1 (spot-b3; it looks every 5m)

    not read: EC2, SSM (the input is a file): SecurityGroupDrift, SubnetDrift,
      CapacityReservationDrift, AMI name and age
    uncertain: times are estimates: replacements ready as fast as earlier nodes,
      pods stop within their grace

    next: kubectl delete pdb all-shop -n shop
    --- exit 1
    "#);
}

#[test]
fn one_node() {
    insta::assert_snapshot!(run(&["node/ip-10-0-2-2"]), @r#"
    nodeclaim/spot-b2 (node/ip-10-0-2-2.ec2.internal) is drifted: AMIDrift; it can never roll.

    NODEPOOL  CLAIMS  DRIFTED  NEVER  ALLOWED  OPENS              DONE-BY
    spot           4        4      1        0  22:00 UTC (8h40m)  22:07 UTC
    spot  budget "0" Mon-Fri 06:00-22:00 UTC wins now; then 10% of 4 = 1, in use 0;
          3 rounds of about 2m30s

    NAME     NODEPOOL  REASON    CONTROLLER  BLOCKED-BY  ROLLS   AGE
    spot-b2  spot      AMIDrift  agrees      pdb         never  5d4h

    AMIDrift: 1 of NodePool spot, ec2nodeclass/default, alias al2023@latest
           AMI                    NAME                    K8S         AGE
    has    ami-0b6c1d5f8a2e47c91  <unknown>               1.33  <unknown>
    wants  ami-0d93e7a14c58b02f6  al2023 arm64 v20261118  1.33      7d13h

    x spot-b2  pod/orders-0 -n shop has 2 PDBs (all-shop, orders): never evicted
    Karpenter agrees on 1

    not read: EC2, SSM (the input is a file): SecurityGroupDrift, SubnetDrift,
      CapacityReservationDrift, AMI name and age
    uncertain: times are estimates: replacements ready as fast as earlier nodes,
      pods stop within their grace

    next: kubectl delete pdb all-shop -n shop
    --- exit 1
    "#);
}

#[test]
fn names_for_xargs() {
    insta::assert_snapshot!(run(&["-o", "name"]), @r#"
    nodeclaim/on-demand-a1
    nodeclaim/spot-b3
    nodeclaim/spot-b4
    nodeclaim/spot-b1
    nodeclaim/spot-b2
    --- exit 1
    "#);
}

#[test]
fn what_is_not_there() {
    insta::assert_snapshot!(run(&["nodepool/sport"]), @r#"
    --- stderr
    error: nodepools.karpenter.sh "sport" not found
    hint: did you mean spot, on-demand?
    --- exit 4
    "#);
    insta::assert_snapshot!(run(&["pod/x"]), @r#"
    --- stderr
    error: drift is about nodes, nodepools and nodeclaims, not pod
    hint: kubectl karp drift nodepool/spot
    --- exit 2
    "#);
    insta::assert_snapshot!(run(&["--ami-preview", "next"]), @r#"
    --- stderr
    error: "next" is no Kubernetes minor version
    hint: kubectl karp drift --ami-preview 1.36
    --- exit 2
    "#);
}

#[test]
fn a_control_plane_upgrade_without_ssm() {
    insta::assert_snapshot!(run(&["nodepool/on-demand", "--ami-preview", "1.34"]), @r#"
    1 of 2 NodeClaims of nodepool/on-demand are drifted, as far as the cluster tells.

    NODEPOOL   CLAIMS  DRIFTED  NEVER  ALLOWED  OPENS  DONE-BY
    on-demand       2        1      0        1  now    13:21 UTC
    on-demand  50% of 2 = 1, in use 0; 1 round of about 1m35s

    NAME          NODEPOOL   REASON           CONTROLLER  BLOCKED-BY  ROLLS   AGE
    on-demand-a1  on-demand  NodePoolDrifted  agrees      <none>      now    5d4h
    on-demand-a2  on-demand  <none>           agrees      <none>      -       50m

    NodePoolDrifted: 1 of NodePool on-demand
           spec.template.metadata.labels.team: has <none>, wants shop

    Karpenter agrees on 1

    control plane 1.34:
    ec2nodeclass/default  al2023@latest: follows the version; SSM not read, so which images is not known
      . standard arm64  not read, 6 NodeClaims

    not read: EC2, SSM (the input is a file): SecurityGroupDrift, SubnetDrift,
      CapacityReservationDrift, AMI name and age
    uncertain: times are estimates: replacements ready as fast as earlier nodes,
      pods stop within their grace
    --- exit 1
    "#);
}

#[test]
fn json_carries_what_the_screen_says() {
    let text = run(&["nodeclaim/spot-b2", "-o", "json"]);
    let json = text.split("--- ").next().unwrap_or_default();
    insta::assert_snapshot!(json, @r#"
    {
      "apiVersion": "karp/v1",
      "kind": "Drift",
      "takenAt": "2026-11-25T13:20:00Z",
      "karpenter": {
        "modelled": "1.15",
        "running": "1.15.0"
      },
      "target": "nodeclaim/spot-b2",
      "summary": {
        "claims": 1,
        "drifted": 1,
        "never": 1,
        "reasons": 9
      },
      "nodePools": [
        {
          "name": "spot",
          "claims": 4,
          "drifted": 4,
          "never": 1,
          "allowed": 0,
          "limit": 0,
          "inUse": 0,
          "inUseBy": [],
          "nodes": 4,
          "reason": "schedule",
          "arithmetic": "budget \"0\" Mon-Fri 06:00-22:00 UTC",
          "then": "10% of 4 = 1",
          "opens": "2026-11-25T22:00:00Z",
          "doneBy": "2026-11-25T22:07:30Z",
          "rounds": 3,
          "roundSeconds": 150,
          "openings": [
            {
              "from": "2026-11-25T13:20:00Z",
              "allowed": 0
            },
            {
              "from": "2026-11-25T22:00:00Z",
              "allowed": 1
            },
            {
              "from": "2026-11-26T06:00:00Z",
              "allowed": 0
            },
            {
              "from": "2026-11-26T22:00:00Z",
              "allowed": 1
            },
            {
              "from": "2026-11-27T06:00:00Z",
              "allowed": 0
            },
            {
              "from": "2026-11-27T22:00:00Z",
              "allowed": 1
            },
            {
              "from": "2026-11-30T06:00:00Z",
              "allowed": 0
            },
            {
              "from": "2026-11-30T22:00:00Z",
              "allowed": 1
            },
            {
              "from": "2026-12-01T06:00:00Z",
              "allowed": 0
            },
            {
              "from": "2026-12-01T22:00:00Z",
              "allowed": 1
            },
            {
              "from": "2026-12-02T06:00:00Z",
              "allowed": 0
            }
          ],
          "oldest": "2026-11-25T06:00:00Z",
          "isStatic": false
        }
      ],
      "nodeClaims": [
        {
          "name": "spot-b2",
          "nodePool": "spot",
          "node": "ip-10-0-2-2.ec2.internal",
          "reasons": [
            {
              "reason": "AMIDrift",
              "cause": "AMIDrift",
              "field": "status.imageID",
              "has": "ami-0b6c1d5f8a2e47c91",
              "wants": "ami-0d93e7a14c58b02f6"
            }
          ],
          "unchecked": [
            {
              "reason": "SecurityGroupDrift",
              "why": "EC2 not read"
            },
            {
              "reason": "SubnetDrift",
              "why": "EC2 not read"
            }
          ],
          "controller": "agrees",
          "blockedBy": [
            {
              "code": "KARP302",
              "cause": "pdb",
              "object": "pod/orders-0",
              "namespace": "shop",
              "pdbs": [
                "all-shop",
                "orders"
              ],
              "text": "pod/orders-0 -n shop has 2 PDBs (all-shop, orders): never evicted",
              "message": "Eviction does not support multiple PDBs (PodDisruptionBudget(s)=[shop/all-shop shop/orders])",
              "permanent": true,
              "until": null
            }
          ],
          "overridden": false,
          "never": true,
          "position": null,
          "rolls": null,
          "driftedSince": "2026-11-25T07:00:00Z",
          "created": "2026-11-20T09:00:00Z",
          "image": "ami-0b6c1d5f8a2e47c91",
          "kubelet": "v1.33.2"
        }
      ],
      "drifts": [
        {
          "reason": "AMIDrift",
          "nodePool": "spot",
          "nodeClass": "ec2nodeclass/default",
          "alias": "al2023@latest",
          "pin": "latest",
          "claims": [
            "spot-b2"
          ],
          "fields": [],
          "images": [
            {
              "side": "has",
              "id": "ami-0b6c1d5f8a2e47c91",
              "name": null,
              "kubernetes": "1.33",
              "created": null,
              "claims": 1
            },
            {
              "side": "wants",
              "id": "ami-0d93e7a14c58b02f6",
              "name": "amazon-eks-node-al2023-arm64-standard-1.33-v20261118",
              "kubernetes": "1.33",
              "created": "2026-11-18T00:00:00Z",
              "claims": 1
            }
          ]
        }
      ],
      "skew": [],
      "changes": [
        {
          "target": "pdb/all-shop -n shop",
          "title": "delete it: a pod with two PDBs is never evicted",
          "command": "kubectl delete pdb all-shop -n shop",
          "proof": {
            "verdict": "yes",
            "neverBefore": 1,
            "never": 0,
            "allowedBefore": 0,
            "allowed": 0,
            "doneByBefore": "2026-11-25T22:07:30Z",
            "doneBy": "2026-11-25T22:10:00Z"
          }
        }
      ],
      "next": [
        "kubectl delete pdb all-shop -n shop"
      ],
      "gaps": [],
      "notRead": [
        {
          "what": "EC2, SSM",
          "why": "the input is a file",
          "missing": [
            "SecurityGroupDrift",
            "SubnetDrift",
            "CapacityReservationDrift",
            "AMI name and age"
          ]
        }
      ],
      "notModelled": [],
      "uncertain": [
        "times are estimates: replacements ready as fast as earlier nodes, pods stop within their grace"
      ]
    }
    "#);
}
