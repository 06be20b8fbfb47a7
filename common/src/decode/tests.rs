//! Decoding from text, as tables of inputs and what becomes of them.

use std::io::Cursor;

use super::*;

fn decode(name: &str, bytes: impl AsRef<[u8]>) -> Result<Decoded, Error> {
    let mut quiet = |_: &Counts| {};
    let mut decoder = Decoder::new(&mut quiet);
    decoder.read_stream(name, Box::new(Cursor::new(bytes.as_ref().to_vec())))?;
    Ok(decoder.finish())
}

fn error(name: &str, text: &str) -> String {
    match decode(name, text) {
        Ok(decoded) => panic!("no error but {:?}", decoded.objects),
        Err(error) => error.to_string(),
    }
}

const POD: &str =
    r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"x"},"spec":{"containers":[]}}"#;

#[test]
fn forms_of_the_same_pod() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: x\nspec:\n  containers: []\n";
    let indented = |prefix: &str| -> String {
        yaml.lines()
            .enumerate()
            .map(|(at, line)| {
                let start = if at == 0 { prefix.to_owned() } else { " ".repeat(prefix.len()) };
                format!("{start}{line}\n")
            })
            .collect()
    };
    for (name, text) in [
        ("object", POD.to_owned()),
        ("lines", format!("{POD}\n{POD}\n")),
        ("array", format!("[{POD}]")),
        ("list", format!(r#"{{"apiVersion":"v1","items":[{POD}],"kind":"List","metadata":{{}}}}"#)),
        ("kind first", format!(r#"{{"kind":"List","apiVersion":"v1","items":[{POD}]}}"#)),
        ("list in list", format!(r#"{{"kind":"List","apiVersion":"v1","items":[{{"kind":"List","apiVersion":"v1","items":[{POD}]}}]}}"#)),
        ("typed list", r#"{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"x"},"spec":{"containers":[]}}]}"#.to_owned()),
        ("bom", format!("\u{feff}{POD}")),
        ("nulls", r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"x","labels":null,"ownerReferences":null},"spec":{"containers":null,"volumes":null},"status":null}"#.to_owned()),
        ("yaml", yaml.to_owned()),
        ("documents", format!("---\n# nothing\n---\n{yaml}---\n")),
        ("yaml bom", format!("\u{feff}{yaml}")),
        ("yaml list", format!("apiVersion: v1\nitems:\n{}kind: List\nmetadata:\n  resourceVersion: \"\"\n", indented("- "))),
        ("indented yaml list", format!("kind: List\napiVersion: v1\nitems:\n{}", indented("  - "))),
        ("flow yaml", format!("# comment\n{POD}")),
        ("yaml nulls", yaml.replace("containers: []", "containers:\n  volumes:")),
        ("crlf", yaml.replace('\n', "\r\n")),
    ] {
        let decoded = decode(name, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let pods = &decoded.objects.pods;
        assert_eq!(pods.len(), 1, "{name}");
        assert_eq!(pods[0].key(), "x/a", "{name}");
    }
}

#[test]
fn packed_streams() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(POD.as_bytes()).unwrap();
    for bytes in [gzip.finish().unwrap(), zstd::encode_all(POD.as_bytes(), 1).unwrap()] {
        assert_eq!(decode("packed", bytes).unwrap().objects.pods.len(), 1);
    }
}

#[test]
fn equal_specs_are_one() {
    let other = POD.replace("\"a\"", "\"b\"");
    let decoded = decode("x", format!("{POD}{other}")).unwrap();
    let [a, b] = &decoded.objects.pods[..] else { panic!() };
    assert!(std::sync::Arc::ptr_eq(&a.spec, &b.spec));
}

#[test]
fn what_no_rule_reads_is_not_decoded() {
    let secret = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":17}"#;
    let decoded = decode("x", format!("{secret}{POD}")).unwrap();
    assert_eq!((decoded.ignored, decoded.objects.pods.len()), (1, 1));
}

#[test]
fn the_last_of_duplicates_counts_and_is_said_once() {
    let later = POD.replace("\"containers\"", "\"priority\":7,\"containers\"");
    let decoded = decode("x", format!("{POD}{POD}{later}")).unwrap();
    assert_eq!(decoded.objects.pods[0].spec.priority, Some(7));
    assert_eq!(decoded.warnings, ["2 objects were read twice, pod/x/a first; the last one counts"]);
}

const NODE_POOL: &str = "apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: spot
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
      requirements:
      - key: kubernetes.io/arch
        operator: Exists
      - key: kubernetes.io/os
        operator: in
        values: [linux]
";

#[test]
fn a_misspelt_operator_is_shown() {
    insta::assert_snapshot!(error("nodepool.yaml", NODE_POOL), @r#"
    error: nodepool.yaml:13: spec.template.spec.requirements[1].operator: "in"
       |
    13 |         operator: in
       |                   ^^ did you mean In?
    hint: In, NotIn, Exists, DoesNotExist, Gt, Lt, Gte, Lte
    "#);
    let pod = POD.replace("\"containers\"", "\"tolerations\":[{\"operator\":\"Exist\"}],\"containers\"");
    insta::assert_snapshot!(error("dump.json", &format!("{POD}\n{pod}")), @r#"
    error: dump.json:2: spec.tolerations[0].operator: "Exist"
      |
    2 | ,"spec":{"tolerations":[{"operator":"Exist"}],"containers":[]}}
      |                                     ^^^^^ did you mean Exists?
    cause: in pod/a -n x
    hint: Equal, Exists, Lt, Gt
    "#);
}

#[test]
fn wrong_types_are_shown() {
    insta::assert_snapshot!(error("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: c\n    resources:\n      requests:\n        cpu: 1 core\n"), @r#"
    error: pod.yaml:10: pod/a spec.containers[0].resources.requests.cpu: "1 core" is not a quantity (examples: 500m, 2, 1.5Gi)
       |
    10 |         cpu: 1 core
       |              ^
    "#);
    insta::assert_snapshot!(error("pod.json", &POD.replace("[]", "[{\"name\": 3}]")), @r#"
    error: pod.json:1: pod/a -n x spec.containers[0].name: invalid type: integer `3`, expected a string
      |
    1 | "x"},"spec":{"containers":[{"name": 3}]}}
      |                                     ^
    "#);
    // Formerly text; kubectl never took it for such.
    insta::assert_snapshot!(error("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels:\n    app.kubernetes.io/version: 1.10\n"), @r#"
    error: pod.yaml:6: pod/a metadata.labels.app.kubernetes.io/version: invalid type: floating point `1.1`, expected a string
      |
    6 |     app.kubernetes.io/version: 1.10
      |                                ^
    hint: in YAML numbers, yes, no and the like are text only in quotes
    "#);
    insta::assert_snapshot!(error("bad.yaml", "apiVersion: v1\nkind: Pod\nmetadata: [\n"), @r"
    error: bad.yaml:3: metadata: unclosed bracket '['
      |
    3 | metadata: [
      |           ^
    ");
    insta::assert_snapshot!(error("bad.json", &POD[..60]), @r"
    error: bad.json:1: the file ends inside the object that begins on line 1
    hint: was the dump cut off? write it again
    ");
    insta::assert_snapshot!(error("values.yaml", "replicas: 3\n"), @r"
    error: values.yaml:1: no kind: this is no Kubernetes object
    hint: expected what kubectl get -o json or -o yaml writes
    ");
    insta::assert_snapshot!(error("text", "hello"), @r"
    error: text:1: expected a map, `key: value`
      |
    1 | hello
      | ^
    ");
}

#[test]
fn fields_nobody_knows_are_said_once() {
    let text = NODE_POOL
        .replace("operator: in\n", "operator: In\n")
        .replace("spec:\n  template", "spec:\n  colour: red\n  template");
    let decoded = decode("x", format!("{text}---\n{text}")).unwrap();
    assert_eq!(decoded.unknown_fields, ["nodepool/spot spec.colour"]);
}

#[test]
fn older_karpenter_objects_are_a_gap() {
    let decoded = decode("x.yaml", NODE_POOL.replace("karpenter.sh/v1", "karpenter.sh/v1beta1")).unwrap();
    assert_eq!(decoded.gaps[0].reason, "x.yaml is karpenter.sh/v1beta1: only v1 is supported");
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        drop(decode("random", bytes));
    }

    #[test]
    fn no_damaged_object_panics(at in 0..NODE_POOL.len(), with in "\\PC{0,3}", cut in 0..200_usize) {
        for text in [NODE_POOL, POD] {
            let at = at % text.len();
            let mut damaged = text[..at].to_owned();
            damaged.push_str(&with);
            damaged.push_str(text.get((at + cut) % text.len()..).unwrap_or_default());
            drop(decode("damaged", damaged));
        }
    }
}

#[test]
fn the_workshop_example_reads_without_a_word() {
    let mut quiet = |_: &Counts| {};
    let mut decoder = Decoder::new(&mut quiet);
    decoder.read("example:workshop").unwrap();
    let decoded = decoder.finish();
    assert_eq!((decoded.warnings.len(), decoded.unknown_fields.len(), decoded.gaps.len()), (0, 0, 0));
    assert_eq!((decoded.objects.pods.len(), decoded.objects.nodes.len()), (35, 2));
    let pending = decoded.objects.pods.iter().filter(|pod| pod.is_marked_unschedulable()).count();
    assert_eq!(pending, 23);
    let error = Decoder::new(&mut quiet).read("example:nothing").unwrap_err();
    assert_eq!(error.to_string(), "error: there is no example:nothing\nhint: example:workshop");
}
