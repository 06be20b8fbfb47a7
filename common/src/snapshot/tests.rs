//! The moment, the controller and the gaps of snapshots, and their way to a file and back.

use std::io::Cursor;

use jiff::Timestamp;
use karp_core::model::{RuleSet, Snapshot, TakenAtSource};

use super::*;
use crate::decode::{Counts, Decoder};

const NOW: &str = "2027-01-01T00:00:00Z";

fn read_text(name: &str, bytes: Vec<u8>, options: &SnapshotOptions) -> (Snapshot, Vec<String>) {
    let mut quiet = |_: &Counts| {};
    let mut decoder = Decoder::new(&mut quiet);
    decoder.read_stream(name, Box::new(Cursor::new(bytes))).unwrap();
    assemble(decoder.finish(), options, Origin::Files { now: NOW.parse().unwrap() })
}

fn workshop() -> Snapshot {
    let mut quiet = |_: &Counts| {};
    let mut decoder = Decoder::new(&mut quiet);
    decoder.read("example:workshop").unwrap();
    assemble(decoder.finish(), &SnapshotOptions::default(), Origin::Files { now: NOW.parse().unwrap() }).0
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    let snapshot = workshop();
    for (name, packing) in
        [("a.json", Packing::Plain), ("a.json.gz", Packing::Gzip), ("a.json.zst", Packing::Zstd)]
    {
        assert_eq!(Packing::of(name), packing);
        let mut bytes = Vec::new();
        write(&snapshot, packing, &mut bytes).unwrap();
        let (back, warnings) = read_text(name, bytes, &SnapshotOptions::default());
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(back, snapshot, "{name}");
    }
}

#[test]
fn nothing_private_is_written() {
    let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"SECRET","a":"b"}},"spec":{"containers":[{"name":"c","command":["SECRET"],"args":["SECRET"],"env":[{"name":"PASSWORD","value":"SECRET"}]}]}}
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"k":"SECRET"}}
{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"s"},"data":{"k":"SECRET"}}"#;
    let (snapshot, _) = read_text("x.json", text.into(), &SnapshotOptions::default());
    let mut bytes = Vec::new();
    write(&snapshot, Packing::Plain, &mut bytes).unwrap();
    let written = String::from_utf8(bytes).unwrap();
    assert!(!written.contains("SECRET") && written.contains(r#""annotations":{"a":"b"}"#), "{written}");
}

#[test]
fn the_moment() {
    let recorded = "apiVersion: karp/v1\nkind: Snapshot\ntakenAt: 2026-01-01T00:00:00Z\nitems: []\n";
    let dump = "apiVersion: v1\nkind: Node\nmetadata: {name: node, creationTimestamp: 2026-02-02T00:00:00Z, deletionTimestamp: 2030-01-01T00:00:00Z}\n";
    let empty = "apiVersion: v1\nkind: Node\nmetadata: {name: node}\n";
    let at = Some("2026-03-03T00:00:00Z".parse::<Timestamp>().unwrap());
    for (text, at, taken_at, source, warned) in [
        (recorded, None, "2026-01-01T00:00:00Z", TakenAtSource::Recorded, false),
        (recorded, at, "2026-01-01T00:00:00Z", TakenAtSource::Recorded, true),
        (dump, at, "2026-03-03T00:00:00Z", TakenAtSource::Given, false),
        (dump, None, "2026-02-02T00:00:00Z", TakenAtSource::NewestTimestamp, false),
        (empty, None, NOW, TakenAtSource::NewestTimestamp, false),
    ] {
        let options = SnapshotOptions { at, karpenter: None };
        let (snapshot, warnings) = read_text("x.yaml", text.into(), &options);
        assert_eq!((snapshot.taken_at.to_string().as_str(), snapshot.taken_at_source), (taken_at, source));
        assert_eq!(warnings.is_empty(), !warned, "{warnings:?}");
    }
}

#[test]
fn the_controller() {
    let snapshot = workshop();
    let controller = &snapshot.controller;
    assert_eq!(controller.version.as_deref(), Some("1.15.0"));
    assert_eq!((controller.replicas, controller.available_replicas), (Some(2), Some(2)));
    assert_eq!(controller.cluster_name.as_deref(), Some("workshop"));
    assert_eq!(controller.deployment.as_deref(), Some("kube-system/karpenter"));
    assert_eq!(snapshot.rules, RuleSet::V1_15);
    assert_eq!(snapshot.server_version.as_deref(), Some("v1.34.2-eks-b3126f4"));

    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: karpenter}\nspec: {template: {spec: {containers: [{name: controller, image: 'karpenter/controller:1.14.1'}]}}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt, namespace: x}\ndata: {ca.crt: PEM}\n";
    let (snapshot, _) = read_text("x.yaml", deployment.into(), &SnapshotOptions::default());
    assert_eq!(
        (snapshot.rules, snapshot.controller.cluster_ca_bundle.as_deref()),
        (RuleSet::V1_14, Some("UEVN"))
    );
    let options = SnapshotOptions { at: None, karpenter: Some("1.15".to_owned()) };
    let (snapshot, warnings) = read_text("x.yaml", deployment.into(), &options);
    assert_eq!(snapshot.rules, RuleSet::V1_15);
    assert_eq!(warnings, ["simulated as Karpenter 1.15; the cluster runs 1.14.1"]);
}

#[test]
fn gaps_of_a_dump() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]}\n";
    let (snapshot, _) = read_text("dir/dump.yaml", pod.into(), &SnapshotOptions::default());
    let gaps: Vec<&str> = snapshot.gaps.iter().map(|gap| gap.kind.as_str()).collect();
    assert_eq!(gaps, ["nodes", "daemonsets", "nodepools", "persistentvolumeclaims"]);
    assert_eq!(snapshot.gaps[0].reason, "none in dump.yaml");
    assert_eq!(workshop().gaps, []);
    let known = r#"{"kind":"NodeList","apiVersion":"v1","items":[]}"#;
    let (snapshot, _) = read_text("x.json", known.into(), &SnapshotOptions::default());
    assert!(snapshot.gap("nodes").is_none() && snapshot.gap("daemonsets").is_some());
}
