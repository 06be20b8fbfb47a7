//! Which value of a JSON text is wrong.
//!
//! A decoder that tracks where it is has to be compiled for every type once more, which is a third of an executable.
//! `serde_json` tells the place where it stopped; the path to it is found in the text, for any type.

use std::fmt;

use serde::de::DeserializeOwned;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A field.
    Field(String),
    /// An element.
    Index(usize),
}

/// Where a value stands in an object, as Kubernetes prints it: `spec.template.spec.requirements[2].operator`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonPath(pub Vec<Step>);

impl fmt::Display for JsonPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(field) if at == 0 => out.write_str(field)?,
                Step::Field(field) => write!(out, ".{field}")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongJson {
    /// Which value; empty for the whole.
    pub path: JsonPath,
    /// What is wrong with it.
    pub message: String,
}

/// A value from JSON, or which part of it is wrong.
///
/// # Errors
/// When the text is no such value.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, WrongJson> {
    serde_json::from_str(text).map_err(|error| {
        let path = path_of_error(text, &error, &mut |part| serde_json::from_str::<T>(part).err());
        WrongJson { path, message: plain_message(&error) }
    })
}

/// The message of an error without its place.
pub fn plain_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// The path to the value that an error is about; `again` decodes a part of the text in the same way.
pub fn path_of_error(
    text: &str,
    error: &serde_json::Error,
    again: &mut dyn FnMut(&str) -> Option<serde_json::Error>,
) -> JsonPath {
    let mut end = offset(text, error.line(), error.column());
    let message = plain_message(error);
    // What is found wrong with a value behind its end is told at the end of whatever encloses it, if it is the last in
    // there. Then the enclosing value need not be closed for the same message.
    while let Some(shorter) = text[..end].strip_suffix(['}', ']'])
        && again(shorter).is_some_and(|error| plain_message(&error) == message)
    {
        end = shorter.len();
    }
    path_at(&text[..end])
}

/// The offset of a place: how many bytes of the text `serde_json` had used.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(at, _)| at + 1),
    };
    let at = (start + column).min(text.len());
    // A place within a character is one in broken JSON.
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The path to the value that ends, or begins, behind a well-formed beginning of a JSON text.
fn path_at(text: &str) -> JsonPath {
    let bytes = text.as_bytes();
    let mut steps = Vec::new();
    // Whether the next string in an object is a key.
    let mut key_next = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                steps.push(None);
                key_next = true;
            }
            b'[' => {
                steps.push(Some(Step::Index(0)));
                key_next = false;
            }
            b'}' | b']' => {
                steps.pop();
                key_next = false;
            }
            b',' => {
                if let Some(Some(Step::Index(index))) = steps.last_mut() {
                    *index += 1;
                } else {
                    key_next = true;
                }
            }
            b'"' => {
                let end = end_of_string(bytes, at);
                if key_next && let Some(last) = steps.last_mut() {
                    *last = serde_json::from_str(&text[at..end]).ok().map(Step::Field);
                    key_next = false;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    JsonPath(steps.into_iter().flatten().collect())
}

/// The offset behind the string that begins with the quote at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only decoded")]
    struct Sample {
        #[serde(default)]
        list: Vec<Sample>,
        #[serde(default)]
        map: BTreeMap<String, Sample>,
        #[serde(default)]
        text: String,
        #[serde(default, deserialize_with = "even")]
        even: u8,
        needed: bool,
    }

    fn even<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        let number = u8::deserialize(deserializer)?;
        if number.is_multiple_of(2) { Ok(number) } else { Err(serde::de::Error::custom("odd")) }
    }

    #[test]
    fn the_wrong_value_is_named() {
        for (text, expected) in [
            // By its own type.
            (r#"{"needed":1}"#, "needed: invalid type: integer `1`, expected a boolean"),
            (r#"{"needed":true,"text":{"a":1}}"#, "text: invalid type: map, expected a string"),
            (
                r#"{"text":"}\"]{","list":[{"needed":true},{"needed":"no","text":""}]}"#,
                "list[1].needed: invalid type: string \"no\", expected a boolean",
            ),
            (
                "{\n  \"é\\n\": 1}",
                "é\n: unknown field `é\n`, expected one of `list`, `map`, `text`, `even`, `needed`",
            ),
            (
                r#"{"map":{"a.b/c":{"needed":null}}}"#,
                "map.a.b/c.needed: invalid type: null, expected a boolean",
            ),
            (r#""#, ": EOF while parsing a value"),
            // Behind it, in the middle and at the end.
            (r#"{"even":1,"needed":true}"#, "even: odd"),
            (r#"{"needed":true,"even":1}"#, "even: odd"),
            (r#"{"list":[{"map":{"x":{"needed":true,"even":3} } }]}"#, "list[0].map.x.even: odd"),
            // By what it lacks.
            (r#"{}"#, ": missing field `needed`"),
            (r#"{"list":[{"needed":true},{"list":[]}],"needed":true}"#, "list[1]: missing field `needed`"),
            (r#"{"needed":true,"list":[{"list":[{"even":2}]}]}"#, "list[0].list[0]: missing field `needed`"),
        ] {
            let wrong = from_json::<Sample>(text).unwrap_err();
            assert_eq!(format!("{}: {}", wrong.path, wrong.message), expected, "{text}");
        }
    }
}
