//! Which pods are shown and in which order: names, selectors, `--sort-by`.

use karp_common::term::Style;

use crate::screen_tests::{at_80, screen};

#[test]
fn names_that_are_not_there() {
    insta::assert_snapshot!(at_80("fine", "cart-1 -n shop"), @r#"
    stderr: error: pods "cart-1" not found in namespace "shop"
    hint: did you mean sts/cart -n shop, pod/dra-1 -n ml, pod/gated-0 -n ml?
    exit 4
    "#);
    insta::assert_snapshot!(at_80("fine", "cart-0 -n ml"), @r#"
    stderr: error: pods "cart-0" not found in namespace "ml"
    hint: it is in namespace shop: add -n shop
    exit 4
    "#);
    insta::assert_snapshot!(at_80("pools", "batch-42-x7k2p -n ml --funnel ondemand"), @r#"
    stderr: error: nodepools "ondemand" not found
    hint: did you mean on-demand?
    exit 4
    "#);
    insta::assert_snapshot!(at_80("fine", "node/ip-10-0-2-41"), @r#"
    stderr: error: explain node/ip-10-0-2-41 comes with consolidation and is not in this build
    hint: what Karpenter last said of it: kubectl describe node/ip-10-0-2-41
    exit 2
    "#);
}

#[test]
fn names_alone_for_xargs() {
    insta::assert_snapshot!(screen("fine", "-o name", Style::PIPE), @r#"
    pod/dra-1 -n ml
    pod/cart-0 -n shop
    pod/gated-0 -n ml
    exit 1
    "#);
}

#[test]
fn the_order_can_be_chosen() {
    insta::assert_snapshot!(screen("fine", "-o name --sort-by name", Style::PIPE), @r"
    pod/cart-0 -n shop
    pod/dra-1 -n ml
    pod/gated-0 -n ml
    exit 1
    ");
    insta::assert_snapshot!(screen("fine", "-o name --sort-by .metadata.creationTimestamp", Style::PIPE), @r"
    pod/dra-1 -n ml
    pod/gated-0 -n ml
    pod/cart-0 -n shop
    exit 1
    ");
    insta::assert_snapshot!(screen("fine", "--sort-by colour", Style::PIPE), @r#"
    stderr: error: pods cannot be sorted by "colour"
    hint: sort by: name, namespace, age, pods
    exit 2
    "#);
}

#[test]
fn fields_select_pending_pods() {
    let words = "-o name --field-selector metadata.namespace!=ml,status.phase=Pending";
    insta::assert_snapshot!(screen("fine", words, Style::PIPE), @r"
    pod/cart-0 -n shop
    exit 1
    ");
    insta::assert_snapshot!(screen("fine", "--field-selector status.podIP=1.2.3.4", Style::PIPE), @r#"
    stderr: error: --field-selector status.podIP=1.2.3.4: pods are not selected by "status.podIP"
    hint: =, == or != with metadata.name, metadata.namespace, spec.nodeName, spec.restartPolicy, spec.schedulerName, spec.hostNetwork, status.phase, status.nominatedNodeName
    exit 2
    "#);
}

#[test]
fn labels_select_pending_pods() {
    insta::assert_snapshot!(at_80("spread", "-l app=web --changes 0"), @r#"
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

    not read: daemonsets (none in spread.yaml): DaemonSet overhead is missing
    exit 1
    "#);
    insta::assert_snapshot!(at_80("spread", "-l app=api"), @r#"
    No pending pod is selected.

    not read: daemonsets (none in spread.yaml): DaemonSet overhead is missing
    exit 0
    "#);
    insta::assert_snapshot!(at_80("spread", "-n ml"), @r#"
    No pod is pending in namespace ml.

    not read: daemonsets (none in spread.yaml): DaemonSet overhead is missing
    exit 0
    "#);
}
