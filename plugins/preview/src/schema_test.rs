//! The published JSON Schema, and a validator for the keywords it uses.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/schema/preview.json");

/// What is wrong with a document, with the place; empty when it is valid.
pub(crate) fn violations(document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut found = Vec::new();
    Validator { root: &schema }.check(&schema, document, "$", &mut found);
    found
}

struct Validator<'s> {
    root: &'s Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.root.pointer(pointer.trim_start_matches('#')).unwrap();
            return self.check(target, value, at, found);
        }
        if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
            let mut reasons = Vec::new();
            for option in options {
                let mut inner = Vec::new();
                self.check(option, value, at, &mut inner);
                if inner.is_empty() {
                    return;
                }
                reasons.extend(inner);
            }
            found.extend(reasons);
        }
        if schema.get("const").is_some_and(|expected| expected != value) {
            found.push(format!("{at}: {value} is not {}", schema["const"]));
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            found.push(format!("{at}: {value} is none of {}", schema["enum"]));
        }
        if let Some(kind) = schema.get("type")
            && !kinds(kind).iter().any(|kind| is_of(kind, value))
        {
            found.push(format!("{at}: {value} is no {kind}"));
        }
        if let (Some(least), Some(number)) = (schema.get("minimum"), value.as_f64())
            && number < least.as_f64().unwrap()
        {
            found.push(format!("{at}: {number} is below {least}"));
        }
        if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
            for (position, element) in elements.iter().enumerate() {
                self.check(items, element, &format!("{at}[{position}]"), found);
            }
        }
        self.check_fields(schema, value, at, found);
    }

    fn check_fields(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Some(fields) = value.as_object() else { return };
        let known = schema.get("properties").and_then(Value::as_object);
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !fields.contains_key(required.as_str().unwrap()) {
                found.push(format!("{at}: {required} is missing"));
            }
        }
        for (name, inner) in fields {
            let place = format!("{at}.{name}");
            match (known.and_then(|known| known.get(name)), schema.get("additionalProperties")) {
                (Some(schema), _) => self.check(schema, inner, &place, found),
                (None, Some(Value::Bool(false))) => found.push(format!("{place}: not in the schema")),
                (None, Some(schema)) => self.check(schema, inner, &place, found),
                (None, None) => {}
            }
        }
    }
}

fn kinds(kind: &Value) -> Vec<&str> {
    match kind {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[test]
fn wrong_documents_are_told() {
    let found = violations(&serde_json::json!({"apiVersion": "karp/v2", "kind": "Preview", "extra": 1}));
    assert!(found.iter().any(|text| text.contains("karp/v2")), "{found:?}");
    assert!(found.iter().any(|text| text.contains("$.extra")), "{found:?}");
    assert!(found.iter().any(|text| text.contains("summary")), "{found:?}");
}
