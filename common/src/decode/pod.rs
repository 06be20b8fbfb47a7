//! Pods whose spec was read before: pods of one owner say the same, and a spec is most of a pod's text.
//!
//! What the text of a spec says beside the node is compared; where it is known, its value is shared and nothing of it
//! is decoded. What is decoded here is what [`super::item`] makes of the same text; where anything is unusual, none.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use compact_str::CompactString;
use karp_core::model::{ObjectMeta, Pod, PodSpec, PodStatus};
use rustc_hash::{FxHashMap, FxHasher};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Specs that are kept at most: with more owners than that, the oldest are forgotten and decoded again.
const MOST: usize = 4096;

/// In front of the letters that the API server puts at the end of the name of a token's volume: other ones for each
/// pod, and no rule reads such a volume.
const TOKEN_VOLUME: &str = "\"kube-api-access-";
const TOKEN_LETTERS: usize = 5;

/// Specs by their text.
#[derive(Default)]
pub(super) struct KnownSpecs {
    known: FxHashMap<u64, (Box<str>, Arc<PodSpec>)>,
    /// The spec at hand without its node; kept for its room.
    text: String,
}

impl KnownSpecs {
    /// The pod that JSON says; none where it has to be read in the way of all other objects.
    pub(super) fn pod(&mut self, text: &str) -> Option<Pod> {
        let mut parts = Parts::default();
        self.text.clear();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.deserialize_map(PodVisitor { parts: &mut parts, spec: &mut self.text }).ok()?;
        deserializer.end().ok()?;
        let spec = self.spec()?;
        let node_name = parts.node_name.filter(|name| !name.is_empty());
        Some(Pod::new(parts.metadata, node_name, spec, parts.status))
    }

    fn spec(&mut self) -> Option<Arc<PodSpec>> {
        if self.text.is_empty() {
            return None;
        }
        let mut hasher = FxHasher::default();
        self.text.hash(&mut hasher);
        let hash = hasher.finish();
        if let Some((text, spec)) = self.known.get(&hash)
            && **text == *self.text
        {
            return Some(Arc::clone(spec));
        }
        let spec: Arc<PodSpec> = Arc::new(serde_json::from_str(&self.text).ok()?);
        if self.known.len() == MOST {
            self.known.clear();
        }
        self.known.insert(hash, (self.text.as_str().into(), Arc::clone(&spec)));
        Some(spec)
    }
}

#[derive(Default)]
struct Parts {
    metadata: ObjectMeta,
    node_name: Option<CompactString>,
    status: PodStatus,
}

/// Reads metadata and status, and copies what the spec says beside the node.
struct PodVisitor<'p> {
    parts: &'p mut Parts,
    spec: &'p mut String,
}

impl<'de> Visitor<'de> for PodVisitor<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a pod")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "metadata" => self.parts.metadata = map.next_value()?,
                "status" => self.parts.status = map.next_value()?,
                "spec" if self.spec.is_empty() => {
                    map.next_value_seed(SpecSeed { node_name: &mut self.parts.node_name, text: self.spec })?;
                }
                "spec" => return Err(A::Error::duplicate_field("spec")),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct SpecSeed<'p> {
    node_name: &'p mut Option<CompactString>,
    text: &'p mut String,
}

impl<'de> DeserializeSeed<'de> for SpecSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SpecSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the spec of a pod")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "nodeName" {
                *self.node_name = map.next_value()?;
                continue;
            }
            // Such a key would have to be written with escapes again.
            if key.contains(['"', '\\']) || key.contains(char::is_control) {
                return Err(A::Error::custom("no plain key"));
            }
            let value: &'de RawValue = map.next_value()?;
            self.text.push(if self.text.is_empty() { '{' } else { ',' });
            self.text.push('"');
            self.text.push_str(&key);
            self.text.push_str("\":");
            push_without_letters(self.text, value.get());
        }
        self.text.push_str(if self.text.is_empty() { "{}" } else { "}" });
        Ok(())
    }
}

/// Appends a value without the letters behind [`TOKEN_VOLUME`].
fn push_without_letters(text: &mut String, mut value: &str) {
    while let Some(at) = memchr::memmem::find(value.as_bytes(), TOKEN_VOLUME.as_bytes()) {
        let letters_at = at + TOKEN_VOLUME.len();
        text.push_str(&value[..letters_at]);
        value = &value[letters_at..];
        let letters = value.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if letters == TOKEN_LETTERS && value[letters..].starts_with('"') {
            value = &value[letters..];
        }
    }
    text.push_str(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(node: &str, letters: &str, cpu: &str) -> String {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"web-0","labels":{{"app":"web"}}}},
            "spec":{{"containers":[{{"name":"app","env":[{{"name":"nodeName","value":"a \"nodeName\":"}}],
            "resources":{{"requests":{{"cpu":"{cpu}"}}}},"volumeMounts":[{{"name":"kube-api-access-{letters}"}}]}}],
            "nodeName":{node},"volumes":[{{"name":"kube-api-access-{letters}","projected":{{}}}},
            {{"name":"data","persistentVolumeClaim":{{"claimName":"data-web-0"}}}}]}},
            "status":{{"phase":"Running","conditions":[{{"type":"Ready","status":"True"}}]}}}}"#
        )
    }

    #[test]
    fn what_is_shared_is_what_would_be_decoded() {
        let mut known = KnownSpecs::default();
        let texts = [
            pod("\"node-1\"", "x7k2p", "1"),
            pod("\"node-2\"", "abcde", "1"),
            pod("null", "fghij", "1"),
            pod("\"\"", "fghij", "1"),
            pod("\"node-1\"", "x7k2p", "2"),
        ];
        let pods: Vec<Pod> = texts.iter().map(|text| known.pod(text).unwrap()).collect();
        for (text, pod) in texts.iter().zip(&pods) {
            assert_eq!(*pod, serde_json::from_str(text).unwrap(), "{text}");
        }
        assert!(pods[1..4].iter().all(|pod| Arc::ptr_eq(&pod.spec, &pods[0].spec)));
        assert!(!Arc::ptr_eq(&pods[4].spec, &pods[0].spec));
    }

    #[test]
    fn anything_unusual_is_left_to_others() {
        for text in [
            "7",
            r#"{"metadata":{}}"#,
            r#"{"metadata":{},"spec":null}"#,
            r#"{"metadata":{},"spec":{"containers":7}}"#,
            r#"{"metadata":{},"spec":{},"spec":{}}"#,
            r#"{"metadata":{},"spec":{"a\"b":1}}"#,
            r#"{"metadata":{"name":7},"spec":{}}"#,
            r#"{"metadata":{},"spec":{}} {}"#,
        ] {
            assert_eq!(KnownSpecs::default().pod(text), None, "{text}");
        }
        assert_eq!(KnownSpecs::default().pod(r#"{"spec":{}}"#), Some(Pod::default()));
    }
}
