//! The published JSON Schema of this verb.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/schema/explain.json");

/// What is wrong with a document, with the place; empty when it is valid.
pub(crate) fn violations(document: &Value) -> Vec<String> {
    karp_tests::schema::violations(&serde_json::from_str(SCHEMA).unwrap(), document)
}
