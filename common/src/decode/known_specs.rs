//! Specs of pods by their text. Pods of one owner say the same but for the node they are bound to, and a spec is most
//! of a pod's text: where the text is known it is compared, which is far quicker than taking it apart, and its value
//! is shared.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use compact_str::CompactString;
use karp_core::model::{List, ObjectMeta, OwnerReference, PodSpec};
use rustc_hash::{FxHashMap, FxHasher};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Texts that are kept at most: with more owners than that all are forgotten, and decoded again.
const MOST: usize = 4096;
/// Texts that are kept of one owner: bound and not, before and after a change.
const OF_ONE_OWNER: usize = 4;

/// In front of the letters that the API server puts at the end of the name of a token's volume: other ones for each
/// pod, and no rule reads such a volume.
const TOKEN_VOLUME: &str = "\"kube-api-access-";
const TOKEN_LETTERS: usize = 5;

/// What a spec's text says.
#[derive(Debug, PartialEq)]
pub(super) struct SpecAt {
    /// Behind its last byte.
    pub end: usize,
    pub node_name: Option<CompactString>,
    pub spec: Arc<PodSpec>,
}

/// Texts of specs, by owner of the pod.
#[derive(Default)]
pub(super) struct KnownSpecs {
    by_owner: FxHashMap<u64, OfOwner>,
    count: usize,
}

/// What pods of one owner have in common.
struct OfOwner {
    references: List<OwnerReference>,
    specs: Vec<Known>,
}

impl KnownSpecs {
    /// The spec whose text begins at `at`, if its text is known for the owner of a pod. The pod shares what it says of
    /// its owner, too.
    pub(super) fn find(&self, metadata: &mut ObjectMeta, text: &str, at: usize) -> Option<SpecAt> {
        let of_owner = self.by_owner.get(&owner_of(metadata))?;
        if of_owner.references == metadata.owner_references {
            metadata.owner_references = of_owner.references.clone();
        }
        of_owner.specs.iter().rev().find_map(|known| known.at(text, at))
    }

    /// Remembers a text, whose spec still says its node; the spec without it.
    pub(super) fn learn(&mut self, metadata: &ObjectMeta, text: &str, mut spec: PodSpec) -> SpecAt {
        let node_name = spec.take_node_name();
        let spec = Arc::new(spec);
        if let Some(parts) = parts(text) {
            if self.count == MOST {
                *self = Self::default();
            }
            let of_owner = self.by_owner.entry(owner_of(metadata)).or_insert_with(|| OfOwner {
                references: metadata.owner_references.clone(),
                specs: Vec::new(),
            });
            if of_owner.specs.len() == OF_ONE_OWNER {
                of_owner.specs.remove(0);
                self.count -= 1;
            }
            of_owner.specs.push(Known { parts, spec: Arc::clone(&spec) });
            self.count += 1;
        }
        SpecAt { end: text.len(), node_name, spec }
    }
}

/// Hash of the owner, whose pods say the same. That two owners are taken for one only costs time.
fn owner_of(metadata: &ObjectMeta) -> u64 {
    let mut hasher = FxHasher::default();
    metadata.namespace.hash(&mut hasher);
    metadata.owner_references.first().map(|owner| &owner.name).hash(&mut hasher);
    hasher.finish()
}

struct Known {
    parts: Vec<Part>,
    spec: Arc<PodSpec>,
}

/// Text that is the same in all pods, and what follows it.
struct Part {
    text: Box<str>,
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    TokenLetters,
    NodeName,
    End,
}

impl Known {
    fn at(&self, text: &str, at: usize) -> Option<SpecAt> {
        let mut rest = &text[at..];
        let mut node_name = None;
        for part in &self.parts {
            rest = rest.strip_prefix(&*part.text)?;
            match part.then {
                Then::TokenLetters => rest = &rest[token_letters(rest)?..],
                Then::NodeName => {
                    let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
                    // With a backslash the next part does not fit.
                    node_name = Some(&rest[..end]);
                    rest = &rest[end..];
                }
                Then::End => {}
            }
        }
        let node_name = node_name.filter(|name| !name.is_empty()).map(CompactString::from);
        Some(SpecAt { end: text.len() - rest.len(), node_name, spec: Arc::clone(&self.spec) })
    }
}

/// How many letters of a token's volume stand here.
fn token_letters(text: &str) -> Option<usize> {
    let letters = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    (letters == TOKEN_LETTERS && text[letters..].starts_with('"')).then_some(letters)
}

/// Where a spec says its node.
#[derive(Deserialize)]
struct NodeName<'t> {
    #[serde(borrow, rename = "nodeName")]
    node_name: Option<&'t RawValue>,
}

/// The text of a spec in parts; none where the node is written in an unusual way.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut holes = vec![];
    for at in memchr::memmem::find_iter(text.as_bytes(), TOKEN_VOLUME) {
        let at = at + TOKEN_VOLUME.len();
        if let Some(letters) = token_letters(&text[at..]) {
            holes.push((at, at + letters, Then::TokenLetters));
        }
    }
    if let Some(name) = serde_json::from_str::<NodeName<'_>>(text).ok()?.node_name {
        let name = name.get().strip_prefix('"')?.strip_suffix('"').filter(|name| !name.contains('\\'))?;
        let at = name.as_ptr() as usize - text.as_ptr() as usize;
        holes.push((at, at + name.len(), Then::NodeName));
    }
    holes.sort_unstable_by_key(|hole| hole.0);
    let mut parts = Vec::with_capacity(holes.len() + 1);
    let mut from = 0;
    for (start, end, then) in holes {
        parts.push(Part { text: text[from..start].into(), then });
        from = end;
    }
    parts.push(Part { text: text[from..].into(), then: Then::End });
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_owner(name: &str) -> ObjectMeta {
        let owner = OwnerReference { name: name.into(), ..OwnerReference::default() };
        ObjectMeta { owner_references: vec![owner].into(), ..ObjectMeta::default() }
    }

    fn text(node: &str, letters: &str, cpu: &str) -> String {
        format!(
            r#"{{"containers":[{{"name":"app","env":[{{"name":"x","value":"a \"nodeName\": \"b\""}}],
            "resources":{{"requests":{{"cpu":"{cpu}"}}}},"volumeMounts":[{{"name":"kube-api-access-{letters}"}}]}}],
            {node}"volumes":[{{"name":"kube-api-access-{letters}","projected":{{}}}},{{"name":"kube-api-access-mine"}}]}}"#
        )
    }

    fn spec(text: &str) -> PodSpec {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_known_text_is_its_spec_whatever_node_and_letters_it_says() {
        let mut known = KnownSpecs::default();
        let bound = |name: &str| format!("\"nodeName\": \"{name}\",");
        let first = text(&bound("n-1"), "ab12x", "1");
        let learned = known.learn(&of_owner("web"), &first, spec(&first));
        assert_eq!(learned.node_name.as_deref(), Some("n-1"));
        for (text, node) in [
            (text(&bound("n-1"), "ab12x", "1"), Some(Some("n-1"))),
            (text(&bound("another"), "zzzz9", "1"), Some(Some("another"))),
            (text(&bound(""), "zzzz9", "1"), Some(None)),
            (text(&bound("n\\u0031"), "zzzz9", "1"), None),
            (text(&bound("n-1"), "ab12", "1"), None),
            (text(&bound("n-1"), "ab12x", "2"), None),
            (text("", "ab12x", "1"), None),
            (text("\"nodeName\": null,", "ab12x", "1"), None),
            (first[..first.len() - 1].to_owned(), None),
        ] {
            let behind = format!("[{text},{{}}");
            let found = known.find(&mut of_owner("web"), &behind, 1);
            let expected = node.map(|node| SpecAt {
                end: 1 + text.len(),
                node_name: node.map(CompactString::from),
                spec: Arc::clone(&learned.spec),
            });
            assert_eq!(found, expected, "{text}");
            if found.is_some() {
                let mut decoded = spec(&text);
                decoded.take_node_name();
                assert_eq!(*learned.spec, decoded);
            }
        }
        assert_eq!(known.find(&mut of_owner("other"), &first, 0), None);
    }

    #[test]
    fn a_node_in_unusual_writing_is_not_remembered() {
        for (text, is_known) in [
            (r#"{"nodeName":"a\u0031"}"#, false),
            (r#"{"nodeName":null}"#, true),
            (r#"{"node\u004eame":"a","nodeSelector":{"nodeName":"a"}}"#, true),
            (r#"{"nodeSelector":{"nodeName":"a"}}"#, true),
        ] {
            let mut known = KnownSpecs::default();
            known.learn(&of_owner("web"), text, spec(text));
            assert_eq!(known.find(&mut of_owner("web"), text, 0).is_some(), is_known, "{text}");
        }
    }

    #[test]
    fn the_last_texts_of_an_owner_are_kept() {
        let mut known = KnownSpecs::default();
        let texts: Vec<String> = (0..=OF_ONE_OWNER).map(|cpu| text("", "ab12x", &cpu.to_string())).collect();
        for text in &texts {
            known.learn(&of_owner("web"), text, spec(text));
        }
        let found: Vec<bool> =
            texts.iter().map(|text| known.find(&mut of_owner("web"), text, 0).is_some()).collect();
        assert_eq!(found, [false, true, true, true, true]);
        assert_eq!(known.count, OF_ONE_OWNER);
    }
}
