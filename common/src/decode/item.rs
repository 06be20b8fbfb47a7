//! One object as text: where it came from, and how it becomes a typed value.
//!
//! JSON is decoded straight into the model types, never through a generic tree: that costs a third of the time. YAML
//! becomes JSON first, as kubectl does it: so each type is compiled for one reader alone, which is a third of an
//! executable. Only where decoding fails is the text read a second time as a tree without its nulls (the API accepts
//! `values: null` where our lists do not); what is wrong is found by where the reader stopped.

use std::borrow::Cow;
use std::fmt;

use karp_core::model::{JsonPath, Object, ObjectDecoder, path_of_error, plain_message};
use karp_core::report::Error;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::locate::{Place, locate};
use super::yaml_json::yaml_to_json;

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

/// Kind, name and namespace, for messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    kind: String,
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
struct Failure {
    path: JsonPath,
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
        self.read(|text| serde_json::from_str(text))
    }

    /// The same, with the paths of the fields that the type does not know.
    fn decode_noting_unknown<T: DeserializeOwned>(&self) -> Result<(T, Vec<String>), Error> {
        self.read(|text| {
            let mut unknown = Vec::new();
            let mut note = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let value = serde_ignored::deserialize(&mut deserializer, &mut note)?;
            deserializer.end()?;
            Ok((value, unknown))
        })
    }

    /// What `make` makes of the text as JSON. All that is done for each type is here.
    fn read<T>(&self, make: impl Fn(&str) -> serde_json::Result<T>) -> Result<T, Error> {
        if self.syntax == Syntax::Json
            && let Ok(value) = make(self.text)
        {
            return Ok(value);
        }
        let mut value = None;
        let read = self.read_slowly(&mut |text| {
            value = Some(make(text)?);
            Ok(())
        });
        match (read, value) {
            (Ok(()), Some(value)) => Ok(value),
            (Err(failure), _) => Err(self.error(&failure)),
            (Ok(()), None) => Err(self.error(&Failure::of_the_whole("nothing to read"))),
        }
    }

    /// Reads, or tells what is wrong; nulls may be missing.
    fn read_slowly(&self, make: &mut Make<'_>) -> Result<(), Failure> {
        let json = self.json()?;
        let Err(error) = make(&json) else { return Ok(()) };
        if without_nulls(&json).is_some_and(|json| make(&json).is_ok()) {
            return Ok(());
        }
        Err(self.failure(&json, error, make))
    }

    /// The object as JSON.
    fn json(&self) -> Result<Cow<'_, str>, Failure> {
        if self.syntax == Syntax::Json {
            return Ok(Cow::Borrowed(self.text));
        }
        let json = yaml_to_json(self.text).map_err(|broken| Failure {
            path: broken.path,
            line: broken.line,
            column: broken.column,
            message: broken.message,
        })?;
        if json.starts_with('{') {
            return Ok(Cow::Owned(json));
        }
        let mut failure = Failure::of_the_whole("expected a map, `key: value`");
        (failure.line, failure.column) = self.locate(&failure.path);
        Err(failure)
    }

    /// Where and what a failure is. Broken syntax counts, wherever it is, before values that are wrong.
    fn failure(&self, json: &str, error: serde_json::Error, make: &mut Make<'_>) -> Failure {
        if let Err(broken) = serde_json::from_str::<IgnoredAny>(json) {
            let path = path_of_error(json, &broken, &mut |_| None);
            let message = plain_message(&broken);
            return Failure { path, line: broken.line(), column: broken.column(), message };
        }
        let path = path_of_error(json, &error, &mut |part| make(part).err());
        let (line, column) = self.locate(&path);
        Failure { path, line, column, message: plain_message(&error) }
    }

    /// Line within the item and column of the value at a path; zeros where it is none that stands in one place.
    fn locate(&self, path: &JsonPath) -> (usize, usize) {
        locate(self, path).map_or((0, 0), |place| (place.line + 1 - self.line, place.column))
    }

    /// The error of a failure, naming file, line, object and field.
    fn error(&self, failure: &Failure) -> Error {
        let line = failure.line.max(1);
        let place = Place { line: self.line + line - 1, column: failure.column.max(1), width: 1 };
        let field = failure.path.to_string();
        let field = if field.is_empty() { field } else { format!("{field}: ") };
        let object = self.described();
        let object = if object.is_empty() { object } else { format!("{object} ") };
        let object =
            if field.is_empty() && !object.is_empty() { format!("{}: ", object.trim_end()) } else { object };
        let mut error =
            Error::usage(format!("{}:{}: {object}{field}{}", self.file, place.line, failure.message));
        if failure.line > 0 {
            error.excerpt = self.excerpt(place, "");
        }
        let takes_text = failure.message.ends_with("expected a string");
        if takes_text && self.syntax == Syntax::Yaml && !failure.message.contains("map") {
            error = error.hint("in YAML numbers, yes, no and the like are text only in quotes");
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
        let named = self.json().ok().and_then(|json| serde_json::from_str(&json).ok());
        let Some(Named { kind, metadata }) = named else { return String::new() };
        let kind = kind.to_lowercase();
        let name = if metadata.name.is_empty() { metadata.generate_name } else { metadata.name };
        if kind.is_empty() || name.is_empty() {
            return String::new();
        }
        let namespace =
            if metadata.namespace.is_empty() { String::new() } else { format!(" -n {}", metadata.namespace) };
        format!("{kind}/{name}{namespace}")
    }
}

/// Decodes an item; of Karpenter's objects also notes unknown fields.
pub(super) struct ItemDecoder<'a> {
    /// The item.
    pub(super) item: Item<'a>,
    /// Paths of unknown fields found.
    pub(super) unknown: Vec<String>,
}

impl ObjectDecoder for ItemDecoder<'_> {
    type Error = Error;
    fn decode<T: Object>(&mut self) -> Result<T, Error> {
        if !T::OF_KARPENTER {
            return self.item.decode();
        }
        let (value, unknown) = self.item.decode_noting_unknown()?;
        self.unknown = unknown;
        Ok(value)
    }
}

/// Decodes a text and keeps the value, whose type is not known here.
type Make<'m> = dyn FnMut(&str) -> serde_json::Result<()> + 'm;

impl Failure {
    fn of_the_whole(message: &str) -> Self {
        Self { path: JsonPath::default(), line: 0, column: 0, message: message.to_owned() }
    }
}

/// The same JSON without its nulls; none where there are none.
fn without_nulls(json: &str) -> Option<String> {
    let mut tree = serde_json::from_str(json).ok()?;
    drop_nulls(&mut tree).then(|| tree.to_string())
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
