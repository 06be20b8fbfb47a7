//! Documents against the published JSON Schemas in `docs/schema`: a validator for the few keywords they use.

use serde_json::{Map, Value};

/// What is wrong with a document, with the place; empty when it is valid. A keyword that the validator does not know is
/// wrong, too.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, document, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { return };
    for (keyword, expected) in keywords {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "properties" | "required" => {}
            "$ref" => {
                let pointer = expected.as_str().unwrap_or_default().trim_start_matches('#');
                match root.pointer(pointer) {
                    Some(schema) => check(root, schema, value, at, found),
                    None => found.push(format!("{at}: the schema has no {expected}")),
                }
            }
            "anyOf" => {
                let fits = expected.as_array().into_iter().flatten().any(|option| {
                    let mut inner = Vec::new();
                    check(root, option, value, at, &mut inner);
                    inner.is_empty()
                });
                if !fits {
                    found.push(format!("{at}: fits no alternative: {value}"));
                }
            }
            "const" if value == expected => {}
            "enum" if expected.as_array().is_some_and(|all| all.contains(value)) => {}
            "const" | "enum" => found.push(format!("{at}: {value} is not {expected}")),
            "type" => {
                let names: Vec<&str> = match expected {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    name => name.as_str().into_iter().collect(),
                };
                if !names.iter().any(|name| is_of(value, name)) {
                    found.push(format!("{at}: {value} is not {expected}"));
                }
            }
            "items" => {
                for (position, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, expected, item, &format!("{at}[{position}]"), found);
                }
            }
            "minimum" => {
                if value.as_f64().zip(expected.as_f64()).is_some_and(|(number, least)| number < least) {
                    found.push(format!("{at}: {value} is below {expected}"));
                }
            }
            "additionalProperties" => {}
            other => found.push(format!("{at}: the validator does not know {other}")),
        }
    }
    if let Some(fields) = value.as_object() {
        check_fields(root, keywords, fields, at, found);
    }
}

fn check_fields(
    root: &Value,
    keywords: &Map<String, Value>,
    fields: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    let required = keywords.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name)) {
        found.push(format!("{at}: {name} is missing"));
    }
    let properties = keywords.get("properties").and_then(Value::as_object);
    for (name, field) in fields {
        let at = format!("{at}.{name}");
        match (properties.and_then(|known| known.get(name)), keywords.get("additionalProperties")) {
            (Some(schema), _) | (None, Some(schema @ Value::Object(_))) => {
                check(root, schema, field, &at, found)
            }
            (None, Some(Value::Bool(false))) => found.push(format!("{at}: not in the schema")),
            _ => {}
        }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}
