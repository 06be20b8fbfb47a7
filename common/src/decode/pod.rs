//! One pod out of a text that goes on behind it: no byte is looked at twice, and a spec that was read before is not
//! taken apart again. What is decoded here is what [`super::item`] makes of the same text; where anything is unusual,
//! nothing is.

use karp_core::model::{ObjectMeta, Pod, PodSpec, PodStatus};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::known_specs::{KnownSpecs, SpecAt};

/// A pod and where it ends.
#[derive(Debug, PartialEq)]
pub(super) struct PodAt {
    /// Behind its last byte.
    pub end: usize,
    pub pod: Pod,
    /// Whether it says that it is a pod; items of a PodList do not.
    pub says_kind: bool,
}

/// The pod that begins at `at`. None where something else begins there, where it does not end in the text, or where it
/// has to be read in the way of all other objects. `untold` are taken for pods, too: objects that do not say what they
/// are.
pub(super) fn pod_at(text: &str, at: usize, specs: &mut KnownSpecs, untold: bool) -> Option<PodAt> {
    let mut cursor = Cursor { text, at };
    let (mut api_version, mut kind) = (None, None);
    let (mut metadata, mut spec, mut status): (Option<ObjectMeta>, Option<SpecAt>, Option<PodStatus>) =
        (None, None, None);
    cursor.take(b'{')?;
    loop {
        match cursor.key()? {
            "apiVersion" if api_version.is_none() => api_version = Some(cursor.value::<&str>()?),
            "kind" if kind.is_none() => kind = Some(cursor.value::<&str>()?),
            _ if !is_pod(api_version, kind, untold) => return None,
            "metadata" if metadata.is_none() => metadata = Some(cursor.value()?),
            "spec" if spec.is_none() => spec = Some(cursor.spec(metadata.as_mut(), specs)?),
            "status" if status.is_none() => status = Some(cursor.value()?),
            // Twice.
            "apiVersion" | "kind" | "metadata" | "spec" | "status" => return None,
            _ => drop(cursor.value::<IgnoredAny>()?),
        }
        match cursor.token()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    if !is_pod(api_version, kind, untold) {
        return None;
    }
    let SpecAt { spec, node_name, .. } = spec?;
    let pod = Pod::new(metadata?, node_name, spec, status.unwrap_or_default());
    Some(PodAt { end: cursor.at, pod, says_kind: kind.is_some() })
}

fn is_pod(api_version: Option<&str>, kind: Option<&str>, untold: bool) -> bool {
    match (api_version, kind) {
        (Some(api_version), Some(kind)) => (api_version, kind) == ("v1", "Pod"),
        (None, None) => untold,
        _ => false,
    }
}

/// A place in the text of an object.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    /// The next byte that is no white space, used up.
    fn token(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.at += blanks + 1;
        rest.get(blanks).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.token()? == wanted).then_some(())
    }

    /// A key without escapes, and the colon behind it.
    fn key(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        let start = self.at;
        let length = memchr::memchr2(b'"', b'\\', &self.text.as_bytes()[start..])?;
        self.at += length;
        self.take(b'"')?;
        self.take(b':')?;
        Some(&self.text[start..start + length])
    }

    fn value<T: Deserialize<'t>>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }

    fn spec(&mut self, metadata: Option<&mut ObjectMeta>, specs: &mut KnownSpecs) -> Option<SpecAt> {
        let metadata = metadata?;
        // To the first byte of the value.
        self.token()?;
        self.at -= 1;
        if let Some(known) = specs.find(metadata, self.text, self.at) {
            self.at = known.end;
            return Some(known);
        }
        let text = self.value::<&RawValue>()?.get();
        let spec: PodSpec = serde_json::from_str(text).ok()?;
        Some(specs.learn(metadata, text, spec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"name":"web-0","ownerReferences":[{"name":"web"}]}"#;

    #[test]
    fn a_pod_is_what_its_text_decodes_to() {
        let mut known = KnownSpecs::default();
        for text in [
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M,"spec":{"nodeName":"n-1","priority":3},"status":{"phase":"Running"}}"#,
            r#"{ "kind" : "Pod" ,"apiVersion":"v1", "metadata":M,"spec" : {"nodeName":"n-2","priority":3} , "x":[1,{}]}"#,
            r#"{"kind":"Pod","apiVersion":"v1","metadata":M,"spec":{}}"#,
            r#"{"metadata":M,"spec":{"nodeName":"","priority":3},"status":{"phase":"Pending"}}"#,
        ] {
            let text = text.replace('M', METADATA);
            let says_kind = text.contains("kind");
            let behind = format!("[{text}, {{");
            let decoded: Pod = serde_json::from_str(&text).unwrap();
            // The second time the spec is known.
            for _ in 0..2 {
                let expected = PodAt { end: 1 + text.len(), pod: decoded.clone(), says_kind };
                assert_eq!(pod_at(&behind, 1, &mut known, true), Some(expected), "{text}");
            }
            assert_eq!(pod_at(&behind, 1, &mut known, false).is_some(), says_kind, "{text}");
            for cut in 1..text.len() {
                let cut = text.floor_char_boundary(cut);
                assert_eq!(pod_at(&text[..cut], 0, &mut known, true), None, "{}", &text[..cut]);
            }
        }
    }

    #[test]
    fn the_unusual_is_left_to_the_way_of_all_objects() {
        for text in [
            r#"{"apiVersion":"v1","kind":"Node","metadata":M,"spec":{}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","spec":{},"metadata":M}"#,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M}"#,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M,"spec":{},"spec":{}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M,"spec":null}"#,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M,"spec":{"containers":null}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M,"\u0073pec":{}}"#,
            r#"{"metadata":M,"spec":{},"kind":"Node"}"#,
            r#"{"kind":"Pod","metadata":M,"spec":{}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":M,"spec":{},}"#,
            "{}",
            "7",
            "",
        ] {
            let text = text.replace('M', METADATA);
            assert_eq!(pod_at(&text, 0, &mut KnownSpecs::default(), true), None, "{text}");
        }
    }
}
