//! Documents for programs: `-o json` and `-o yaml`, with `apiVersion: karp/v1`.

use karp_core::report::Error;
use serde::Serialize;
use serde_json::Value;

/// What `-o` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people, at the width of the terminal.
    #[default]
    Table,
    /// The same with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Only names of what the verdict is about.
    Name,
}

/// Version of all documents.
const API_VERSION: &str = "karp/v1";

/// A document of a kind; `as_yaml` else JSON. Ends with a line end.
///
/// # Errors
/// When the body cannot be serialised, which is a bug.
pub fn document<T: Serialize>(kind: &str, body: &T, as_yaml: bool) -> Result<String, Error> {
    let mut document = serde_json::json!({ "apiVersion": API_VERSION, "kind": kind });
    if let (Some(fields), Value::Object(body)) = (document.as_object_mut(), tree(body)?) {
        fields.extend(body);
    }
    written(&document, as_yaml)
}

/// Any value as YAML, else JSON. Ends with a line end.
///
/// # Errors
/// When it cannot be serialised, which is a bug.
pub fn object<T: Serialize>(value: &T, as_yaml: bool) -> Result<String, Error> {
    written(&tree(value)?, as_yaml)
}

/// What any type goes through: the writers below are compiled for this one.
fn tree<T: Serialize>(value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| failed(&error))
}

fn written(value: &Value, as_yaml: bool) -> Result<String, Error> {
    let mut text = String::new();
    if as_yaml {
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_fmt_writer_with_options(&mut text, value, options)
            .map_err(|error| failed(&error))?;
    } else {
        text = serde_json::to_string_pretty(value).map_err(|error| failed(&error))?;
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::usage("the answer cannot be written").cause(error).hint("this is a bug: please report it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_say_what_they_are() {
        #[derive(Serialize)]
        struct Body {
            pods: u32,
            note: &'static str,
        }
        let body = Body { pods: 3, note: "yes" };
        insta::assert_snapshot!(document("Explanation", &body, false).unwrap(), @r#"
        {
          "apiVersion": "karp/v1",
          "kind": "Explanation",
          "pods": 3,
          "note": "yes"
        }
        "#);
        insta::assert_snapshot!(document("Explanation", &body, true).unwrap(), @r#"
        apiVersion: karp/v1
        kind: Explanation
        pods: 3
        note: "yes"
        "#);
    }
}
