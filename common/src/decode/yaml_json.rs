//! YAML as the JSON that kubectl would make of it.
//!
//! kubectl turns YAML into JSON before anything looks at it, so what a word means is decided without knowing what is
//! wanted: `1.10` is a number and `no` is false, also where a string belongs. Doing the same, types are compiled for
//! one reader alone.
//!
//! kubectl: sigs.k8s.io/yaml `YAMLToJSON`.

use std::fmt;

use karp_core::model::{JsonPath, Step};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Deepest value within values: no kind that is read goes half as deep, and no text may exhaust the stack.
const MAX_DEPTH: usize = 64;

/// What is wrong with a text that is no YAML.
#[derive(Debug)]
pub struct BrokenYaml {
    /// Value in which it breaks.
    pub(super) path: JsonPath,
    /// Line, from 1; 0 where it is not known.
    pub(super) line: usize,
    /// Column, from 1.
    pub(super) column: usize,
    /// What is wrong, without the place.
    pub(super) message: String,
}

impl fmt::Display for BrokenYaml {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => out.write_str(&self.message),
            line => write!(out, "line {line}: {}", self.message),
        }
    }
}

/// JSON, on one line, that says what a YAML document says.
///
/// # Errors
/// The first thing that is not YAML.
pub fn yaml_to_json(yaml: &str) -> Result<String, BrokenYaml> {
    let (mut json, mut steps) = (Vec::new(), Vec::new());
    let read = serde_saphyr::with_deserializer_from_str_with_options(yaml, yaml_options(), |deserializer| {
        Transcribe { json: &mut json, steps: &mut steps }.deserialize(deserializer)
    });
    match read {
        // Only text was written.
        Ok(()) => Ok(String::from_utf8(json).unwrap_or_default()),
        Err(error) => {
            let error = error.without_snippet();
            let place = error.location();
            let (line, column) =
                place.map_or((0, 0), |place| (place.line() as usize, place.column() as usize));
            Err(BrokenYaml {
                path: JsonPath(steps),
                line,
                column,
                message: plain_message(&error.to_string()),
            })
        }
    }
}

/// How YAML is read everywhere: kubectl's YAML 1.1 for octals, no size limit on files that the user names, but a
/// limit on what aliases may blow up.
pub(super) fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: None,
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// The message of an error without the place, which is printed in front.
fn plain_message(text: &str) -> String {
    let first = text.lines().next().unwrap_or(text);
    let first = first.strip_prefix("error: ").unwrap_or(first);
    match first.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, message)) => message.to_owned(),
        None => first.split(" at line ").next().unwrap_or(first).to_owned(),
    }
}

/// Writes one value as JSON. When it fails, the steps lead to where it was.
struct Transcribe<'a> {
    json: &'a mut Vec<u8>,
    steps: &'a mut Vec<Step>,
}

impl Transcribe<'_> {
    fn plain<E: Error>(self, value: impl fmt::Display) -> Result<(), E> {
        use std::io::Write;
        write!(self.json, "{value}").map_err(E::custom)
    }

    /// The value one step further down, behind a comma where it is not the first.
    fn below<E: Error>(&mut self, step: Step, is_first: bool) -> Result<Transcribe<'_>, E> {
        self.steps.push(step);
        if self.steps.len() > MAX_DEPTH {
            return Err(E::custom("values within values, too deep"));
        }
        if !is_first {
            self.json.push(b',');
        }
        Ok(Transcribe { json: self.json, steps: self.steps })
    }
}

/// An element of a list, once it is known that there is one.
struct Element<'t, 'a> {
    list: &'t mut Transcribe<'a>,
    index: usize,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.list.below(Step::Index(self.index), self.index == 0)?.deserialize(deserializer)?;
        self.list.steps.pop();
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Transcribe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcribe<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("what JSON can say")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.plain("null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.plain(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.plain(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.plain(value)
    }

    /// As in Go, `1.0` and `1e3` are the whole numbers they mean.
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.plain(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        serde_json::to_writer(self.json, text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.json.push(b'[');
        let mut index = 0;
        while list.next_element_seed(Element { list: &mut self, index })?.is_some() {
            index += 1;
        }
        self.json.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.json.push(b'{');
        let mut is_first = true;
        while let Some(key) = map.next_key::<String>()? {
            let value = self.below(Step::Field(key.clone()), is_first)?;
            serde_json::to_writer(&mut *value.json, &key).map_err(Error::custom)?;
            value.json.push(b':');
            map.next_value_seed(value)?;
            self.steps.pop();
            is_first = false;
        }
        self.json.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kubectl makes of the same: sigs.k8s.io/yaml v1.6.0.
    #[test]
    fn words_mean_what_they_mean_to_kubectl() {
        for (yaml, json) in [
            ("1.10", "1.1"),
            ("'1.10'", r#""1.10""#),
            ("!!str 1", r#""1""#),
            ("yes", "true"),
            ("no", "false"),
            ("on", "true"),
            ("off", "false"),
            ("y", "true"),
            ("n", "false"),
            ("TRUE", "true"),
            ("\"no\"", r#""no""#),
            ("010", "8"),
            ("-010", "-8"),
            ("0o10", "8"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("08", "8"),
            ("1_000", "1000"),
            ("0.1", "0.1"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("1.5e3", "1500"),
            ("-1e-3", "-0.001"),
            ("+1", "1"),
            ("123456789012", "123456789012"),
            ("9223372036854775808", "9223372036854775808"),
            ("18446744073709551616", "18446744073709552000"),
            ("~", "null"),
            ("", "null"),
            ("null", "null"),
            ("2026-08-01", r#""2026-08-01""#),
            ("2026-08-01T00:00:00Z", r#""2026-08-01T00:00:00Z""#),
            ("1:30", r#""1:30""#),
            ("100m", r#""100m""#),
            ("1.5Gi", r#""1.5Gi""#),
            ("|\n  a\n  \"b\"\n", r#""a\n\"b\"\n""#),
            ("{b: [1, x], c: {}}", r#"{"b":[1,"x"],"c":{}}"#),
        ] {
            assert_eq!(yaml_to_json(&format!("a: {yaml}\n")).unwrap(), format!("{{\"a\":{json}}}"), "{yaml}");
        }
        for (yaml, json) in [
            ("1: a", r#"{"1":"a"}"#),
            ("a: &x {b: 1}\nc: *x", r#"{"a":{"b":1},"c":{"b":1}}"#),
            ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2", r#"{"a":{"b":1},"c":{"d":2,"b":1}}"#),
        ] {
            assert_eq!(yaml_to_json(yaml).unwrap(), json, "{yaml}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_located() {
        for (yaml, expected) in [
            ("a: [\n", "a line 1: unclosed bracket '['"),
            ("a: {b: .nan}", "a.b line 1: "),
            (&("[".repeat(200) + &"]".repeat(200)), "values within values"),
        ] {
            let broken = yaml_to_json(yaml).unwrap_err();
            let said = format!("{} {broken}", broken.path);
            assert!(said.contains(expected), "{yaml}: {said}");
        }
    }
}
