//! The published JSON Schema of this verb.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/schema/preview.json");

/// What is wrong with a document, with the place; empty when it is valid.
pub(crate) fn violations(document: &Value) -> Vec<String> {
    karp_tests::schema::violations(&serde_json::from_str(SCHEMA).unwrap(), document)
}

#[test]
fn wrong_documents_are_told() {
    let found = violations(&serde_json::json!({"apiVersion": "karp/v2", "kind": "Preview", "extra": 1}));
    assert!(found.iter().any(|text| text.contains("karp/v2")), "{found:?}");
    assert!(found.iter().any(|text| text.contains("$.extra")), "{found:?}");
    assert!(found.iter().any(|text| text.contains("summary")), "{found:?}");
}
