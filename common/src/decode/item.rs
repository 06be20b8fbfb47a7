//! One object as text: where it came from, and how it becomes a typed value.
//!
//! Text is decoded straight into the model types, never through a generic tree: that costs a third of the time.
//! Only where this fails is the text read a second time as a tree without its nulls (the API accepts
//! `values: null` where our lists do not), and a third time to find the path of what is wrong.

use std::fmt;

use karp_core::model::{Object, ObjectDecoder};
use karp_core::report::Error;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::locate::{Place, locate};

/// How an item is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// The text of one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// The text.
    pub(super) text: &'a str,
    /// How it is written.
    pub(super) syntax: Syntax,
    /// File it came from, for messages.
    pub(super) file: &'a str,
    /// Line of the file on which it begins, from 1.
    pub(super) line: usize,
    /// Whether it is the first object of its file: then the file says enough about which object it is.
    pub(super) is_first: bool,
}

/// What an object says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Head {
    /// `apps/v1`.
    pub(super) api_version: Option<String>,
    /// `Deployment`.
    pub(super) kind: Option<String>,
}

impl Head {
    /// API group, empty for the core group.
    pub(super) fn group(&self) -> &str {
        self.api_version.as_deref().and_then(|text| text.split_once('/')).map_or("", |(group, _)| group)
    }

    /// Version within the group.
    pub(super) fn version(&self) -> &str {
        let text = self.api_version.as_deref().unwrap_or_default();
        text.split_once('/').map_or(text, |(_, version)| version)
    }
}

/// What an object says it is. Reads no further than both fields: kubectl and API servers write them first.
/// None where it does not say both.
fn json_head(text: &str) -> Option<Head> {
    let mut head = Head::default();
    // Ends in an error as soon as both are there.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(HeadVisitor(&mut head));
    (head.api_version.is_some() && head.kind.is_some()).then_some(head)
}

/// Whether JSON says that it is a pod.
pub(super) fn is_pod(text: &str) -> bool {
    json_head(text)
        .is_some_and(|head| head.kind.as_deref() == Some("Pod") && head.api_version.as_deref() == Some("v1"))
}

struct HeadVisitor<'h>(&'h mut Head);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum HeadField {
    ApiVersion,
    Kind,
    #[serde(other)]
    Other,
}

impl<'de> Visitor<'de> for HeadVisitor<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let head = self.0;
        while let Some(field) = map.next_key::<HeadField>()? {
            match field {
                HeadField::ApiVersion => head.api_version = map.next_value()?,
                HeadField::Kind => head.kind = map.next_value()?,
                HeadField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if head.api_version.is_some() && head.kind.is_some() {
                return Err(serde::de::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// Name and namespace, for messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: NamedMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NamedMeta {
    name: String,
    generate_name: String,
    namespace: String,
}

/// Why a text is not what it should be.
#[derive(Default)]
pub(super) struct Failure {
    path: String,
    line: usize,
    column: usize,
    message: String,
}

impl Item<'_> {
    /// What the object says it is.
    pub(super) fn head(&self) -> Result<Head, Error> {
        if self.syntax == Syntax::Yaml
            && let Some(head) = yaml_head(self.text)
        {
            return Ok(head);
        }
        if self.syntax == Syntax::Json
            && let Some(head) = json_head(self.text)
        {
            return Ok(head);
        }
        self.decode()
    }

    /// The object as a value of a type.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read(false).map(|(value, _)| value)
    }

    /// The same, with the paths of the fields that the type does not know.
    pub(super) fn decode_noting_unknown<T: DeserializeOwned>(&self) -> Result<(T, Vec<String>), Error> {
        self.read(true)
    }

    /// JSON goes straight into the type; all else goes the slow way, which is compiled once per type.
    fn read<T: DeserializeOwned>(&self, note_unknown: bool) -> Result<(T, Vec<String>), Error> {
        if self.syntax == Syntax::Json
            && !note_unknown
            && let Ok(value) = serde_json::from_str(self.text)
        {
            return Ok((value, Vec::new()));
        }
        let mut value = None;
        let mut make =
            |deserializer: &mut dyn erased_serde::Deserializer<'_>| -> Result<(), erased_serde::Error> {
                value = Some(T::deserialize(deserializer)?);
                Ok(())
            };
        let unknown = match self.read_slowly(note_unknown, &mut make) {
            Ok(unknown) => unknown,
            Err(failure) => {
                self.without_nulls(note_unknown, &mut make).ok_or_else(|| self.error(&failure))?
            }
        };
        let missing = || Failure { message: "nothing to read".to_owned(), ..Failure::default() };
        value.map(|value| (value, unknown)).ok_or_else(|| self.error(&missing()))
    }

    /// Reads with paths of errors, and of unknown fields where they are asked for.
    fn read_slowly(&self, note_unknown: bool, make: &mut Make<'_>) -> Result<Vec<String>, Failure> {
        let mut found = Found::default();
        match self.syntax {
            Syntax::Json => {
                let mut deserializer = serde_json::Deserializer::from_str(self.text);
                let result = with_paths(&mut deserializer, note_unknown, make, &mut found);
                let result = result.and_then(|()| deserializer.end().map_err(|error| error.to_string()));
                result.map_err(|message| self.failure(found.path, message))?;
            }
            Syntax::Yaml => {
                let mut read = Ok(());
                let result = serde_saphyr::with_deserializer_from_str_with_options(
                    self.text,
                    yaml_options(),
                    |deserializer| {
                        read = with_paths(deserializer, note_unknown, make, &mut found);
                        Ok(())
                    },
                );
                // What went wrong first counts, not that something was left over because of it.
                let result = read.and(result.map_err(|error| error.to_string()));
                result.map_err(|message| self.failure(found.path, message))?;
            }
        }
        Ok(found.unknown)
    }

    /// Reads the text as a tree, drops every null, and makes the value from what is left.
    fn without_nulls(&self, note_unknown: bool, make: &mut Make<'_>) -> Option<Vec<String>> {
        let mut tree: serde_json::Value = match self.syntax {
            Syntax::Json => serde_json::from_str(self.text).ok()?,
            Syntax::Yaml => serde_saphyr::from_str_with_options(self.text, yaml_options()).ok()?,
        };
        if !drop_nulls(&mut tree) {
            return None;
        }
        let mut found = Found::default();
        with_paths(tree, note_unknown, make, &mut found).ok()?;
        Some(found.unknown)
    }

    /// Where and what a failure is: the parser tells the place of broken syntax, the path that of a wrong value.
    fn failure(&self, path: String, message: String) -> Failure {
        let broken = match self.syntax {
            Syntax::Json => serde_json::from_str::<IgnoredAny>(self.text)
                .err()
                .map(|error| (error.line(), error.column(), plain_json_message(&error.to_string()))),
            Syntax::Yaml => serde_saphyr::from_str_with_options::<IgnoredAny>(self.text, yaml_options())
                .err()
                .map(|error| {
                    let error = error.without_snippet();
                    let place = error.location();
                    let (line, column) =
                        place.map_or((0, 0), |place| (place.line() as usize, place.column() as usize));
                    (line, column, plain_yaml_message(&error.to_string()))
                }),
        };
        if let Some((line, column, message)) = broken {
            return Failure { path, line, column, message };
        }
        let message = match self.syntax {
            Syntax::Json => plain_json_message(&message),
            Syntax::Yaml => plain_yaml_message(&message),
        };
        let place = locate(self, &path);
        let (line, column) = place.map_or((0, 0), |place| (place.line + 1 - self.line, place.column));
        Failure { path, line, column, message }
    }

    /// The error of a failure, naming file, line, object and field.
    fn error(&self, failure: &Failure) -> Error {
        let line = failure.line.max(1);
        let place = Place { line: self.line + line - 1, column: failure.column.max(1), width: 1 };
        let field = if failure.path.is_empty() { String::new() } else { format!("{}: ", failure.path) };
        let object = self.described();
        let object = if object.is_empty() { object } else { format!("{object} ") };
        let object =
            if field.is_empty() && !object.is_empty() { format!("{}: ", object.trim_end()) } else { object };
        let mut error =
            Error::usage(format!("{}:{}: {object}{field}{}", self.file, place.line, failure.message));
        if failure.line > 0 {
            error.excerpt = self.excerpt(place, "");
        }
        error
    }

    /// The line of a place in this item with a caret under it.
    pub(super) fn excerpt(&self, place: Place, note: &str) -> Option<String> {
        let text = self.text.lines().nth(place.line.checked_sub(self.line)?)?;
        Some(place.excerpt(text, note))
    }

    /// `nodepool/spot`, `pod/web-1 -n shop`; empty where the text does not say.
    pub(super) fn described(&self) -> String {
        let quiet = |item: &Self| -> Option<(Head, Named)> {
            match item.syntax {
                Syntax::Json => {
                    Some((serde_json::from_str(item.text).ok()?, serde_json::from_str(item.text).ok()?))
                }
                Syntax::Yaml => Some((
                    serde_saphyr::from_str_with_options(item.text, yaml_options()).ok()?,
                    serde_saphyr::from_str_with_options(item.text, yaml_options()).ok()?,
                )),
            }
        };
        let Some((head, Named { metadata })) = quiet(self) else { return String::new() };
        let kind = head.kind.unwrap_or_default().to_lowercase();
        let name = if metadata.name.is_empty() { metadata.generate_name } else { metadata.name };
        if kind.is_empty() || name.is_empty() {
            return String::new();
        }
        let namespace =
            if metadata.namespace.is_empty() { String::new() } else { format!(" -n {}", metadata.namespace) };
        format!("{kind}/{name}{namespace}")
    }
}

/// Decodes an item and notes unknown fields when asked to.
pub(super) struct ItemDecoder<'a> {
    /// The item.
    pub(super) item: Item<'a>,
    /// Whether to look for unknown fields.
    pub(super) note_unknown: bool,
    /// Paths found.
    pub(super) unknown: Vec<String>,
}

impl ObjectDecoder for ItemDecoder<'_> {
    type Error = Error;
    fn decode<T: Object>(&mut self) -> Result<T, Error> {
        if !self.note_unknown {
            return self.item.decode();
        }
        let (value, unknown) = self.item.decode_noting_unknown()?;
        self.unknown = unknown;
        Ok(value)
    }
}

/// Makes a value from a deserializer whose type is not known here: so that readers, which are many, and types, which
/// are many too, are not compiled in every combination.
type Make<'m> = dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'm;

/// What was seen on the way.
#[derive(Default)]
struct Found {
    /// Where reading stopped.
    path: String,
    /// Fields that the type does not know.
    unknown: Vec<String>,
}

/// Deserializes with the path of an error; with `note_unknown` also collects ignored fields.
fn with_paths<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
    note_unknown: bool,
    make: &mut Make<'_>,
    found: &mut Found,
) -> Result<(), String> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    let result = if note_unknown {
        let mut note = |path: serde_ignored::Path<'_>| found.unknown.push(path.to_string());
        let deserializer = serde_ignored::Deserializer::new(deserializer, &mut note);
        make(&mut <dyn erased_serde::Deserializer<'_>>::erase(deserializer))
    } else {
        make(&mut <dyn erased_serde::Deserializer<'_>>::erase(deserializer))
    };
    result.map_err(|error| {
        found.path = path_text(&track.path());
        error.to_string()
    })
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

/// A path as Kubernetes prints it: `spec.template.spec.requirements[2].operator`.
fn path_text(path: &serde_path_to_error::Path) -> String {
    let text = path.to_string();
    let text = text.strip_suffix(".?").or_else(|| text.strip_suffix('?')).unwrap_or(&text);
    if text == "." { String::new() } else { text.to_owned() }
}

/// Removes nulls from maps and lists; whether there was any.
fn drop_nulls(tree: &mut serde_json::Value) -> bool {
    match tree {
        serde_json::Value::Object(map) => {
            let before = map.len();
            map.retain(|_, value| !value.is_null());
            let dropped = map.len() != before;
            map.values_mut().fold(dropped, |any, value| drop_nulls(value) | any)
        }
        serde_json::Value::Array(list) => {
            let before = list.len();
            list.retain(|value| !value.is_null());
            let dropped = list.len() != before;
            list.iter_mut().fold(dropped, |any, value| drop_nulls(value) | any)
        }
        _ => false,
    }
}

/// The message of a JSON error without the place, which is printed in front.
fn plain_json_message(text: &str) -> String {
    text.split(" at line ").next().unwrap_or(text).to_owned()
}

/// The message of a YAML error without the place, which is printed in front.
fn plain_yaml_message(text: &str) -> String {
    let first = text.lines().next().unwrap_or(text);
    let first = first.strip_prefix("error: ").unwrap_or(first);
    if first.contains("expected mapping start") {
        return "expected a map, `key: value`".to_owned();
    }
    match first.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, message)) => message.to_owned(),
        None => first.split(" at line ").next().unwrap_or(first).to_owned(),
    }
}

/// Kind and version of a block mapping from its lines alone: parsing a document twice costs as much as the rest.
/// None where the text is written in another style.
fn yaml_head(text: &str) -> Option<Head> {
    let mut indent = None;
    let mut head = Head::default();
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let depth = line.len() - content.len();
        if depth != *indent.get_or_insert(depth) {
            continue;
        }
        let plain = |value: &str| -> Option<String> {
            let value = value.split(" #").next().unwrap_or(value).trim();
            let quoted = ['"', '\'']
                .iter()
                .find_map(|quote| value.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote)));
            let value = quoted.unwrap_or(value);
            let simple = value.chars().all(|char| char.is_ascii_alphanumeric() || "./-_".contains(char));
            (simple && !value.is_empty()).then(|| value.to_owned())
        };
        if let Some(value) = content.strip_prefix("kind:") {
            head.kind = Some(plain(value)?);
        } else if let Some(value) = content.strip_prefix("apiVersion:") {
            head.api_version = Some(plain(value)?);
        }
    }
    (head.kind.is_some() && head.api_version.is_some()).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_no_further_than_it_goes() {
        for (text, kind) in [
            (r#"{"kind":"Pod","apiVersion":"v1","metadata":{"broken"#, Some("Pod")),
            (r#"{"metadata":{"kind":"no"},"apiVersion":"v1","kind":"Node","x":1}"#, Some("Node")),
            (r#"{"metadata":{},"kind":"Pod"}"#, None),
            (r#"{"apiVersion":"v1","kind":7}"#, None),
            ("[]", None),
        ] {
            assert_eq!(json_head(text).and_then(|head| head.kind).as_deref(), kind, "{text}");
        }
    }
}
