//! A part of a stream of JSON, with the pods that were decoded of it ahead.
//!
//! Where an item begins is only guessed ahead, from how the first one is written; whoever cuts the stream knows, and
//! takes a pod where it begins as guessed.

use std::collections::VecDeque;
use std::io;

use memchr::memmem;

use super::known_specs::KnownSpecs;
use super::pod::{PodAt, pod_at};

/// Parts of a stream in order.
pub(super) trait Chunks {
    /// The next one; none at the end. `used` is the one before, whose room may be used again.
    fn next(&mut self, used: Chunk) -> io::Result<Option<Chunk>>;
}

/// A part of a stream.
#[derive(Default)]
pub(super) struct Chunk {
    content: Content,
    pods: VecDeque<(usize, PodAt)>,
}

enum Content {
    Text(String),
    /// No UTF-8.
    Bytes(Vec<u8>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Chunk {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let content =
            String::from_utf8(bytes).map_or_else(|error| Content::Bytes(error.into_bytes()), Content::Text);
        Self { content, pods: VecDeque::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }

    /// The text, where it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Bytes(_) => None,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self.content {
            Content::Text(text) => text.into_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }

    /// Decodes the pods that begin as guessed.
    pub(super) fn decode_pods(&mut self, guess: &ItemStart, specs: &mut KnownSpecs) {
        let Content::Text(text) = &self.content else { return };
        let mut from = 0;
        while let Some(at) = guess.first(text.as_bytes(), from) {
            from = at + 1;
            if let Some(pod) = pod_at(text, at, specs, guess.untold_pods) {
                from = pod.end;
                self.pods.push_back((at, pod));
            }
        }
    }

    /// The pod that begins at `at`, decoded ahead or now. `untold` as in [`pod_at`].
    pub(super) fn pod_at(&mut self, at: usize, specs: &mut KnownSpecs, untold: bool) -> Option<PodAt> {
        while self.pods.front().is_some_and(|(start, _)| *start < at) {
            self.pods.pop_front();
        }
        if let Some((_, pod)) = self.pods.pop_front_if(|(start, _)| *start == at) {
            return Some(pod).filter(|pod| pod.says_kind || untold);
        }
        pod_at(self.text()?, at, specs, untold)
    }
}

/// How an item of the stream's list begins, by its first one.
#[derive(Debug, PartialEq)]
pub(super) struct ItemStart {
    /// White space in front of its bracket, the bracket, and its first key. The white space of what is written in
    /// lines tells items of the list from all that is nested in them.
    text: Vec<u8>,
    /// Where in it the bracket is.
    bracket_at: usize,
    /// Whether items that do not say what they are are pods.
    untold_pods: bool,
}

impl ItemStart {
    /// From the beginning of a stream; none where it has no list.
    pub(super) fn guess(beginning: &[u8]) -> Option<Self> {
        const ITEMS: &[u8] = b"\"items\"";
        let at = match beginning.trim_ascii_start() {
            [b'[', ..] => 0,
            _ => memmem::find(beginning, ITEMS)? + ITEMS.len(),
        };
        let list_at = at + memchr::memchr(b'[', &beginning[at..])? + 1;
        let text = &beginning[list_at..];
        let blanks = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let bracket_at = blanks(0);
        let key_at = bracket_at
            + 1
            + text.get(bracket_at).filter(|byte| **byte == b'{').map(|_| blanks(bracket_at + 1))?;
        let key = text.get(key_at..)?.strip_prefix(b"\"")?;
        let end = key_at + 1 + memchr::memchr(b'"', key)? + 1;
        let untold_pods = memmem::find(&beginning[..list_at], b"\"PodList\"").is_some();
        Some(Self { text: text[..end].to_vec(), bracket_at, untold_pods })
    }

    /// Where the first item from `from` on begins.
    fn first(&self, bytes: &[u8], from: usize) -> Option<usize> {
        // A chunk begins at the bracket of an item.
        if from == 0 && bytes.starts_with(&self.text[self.bracket_at..]) {
            return Some(0);
        }
        let found = memmem::find_iter(&bytes[from..], &self.text).map(|at| from + at);
        found.filter(|at| follows_comma(bytes, *at)).map(|at| at + self.bracket_at).next()
    }

    /// Where the last one begins.
    pub(super) fn last(&self, bytes: &[u8]) -> Option<usize> {
        let mut found = memmem::rfind_iter(bytes, &self.text);
        found.find(|at| follows_comma(bytes, *at)).map(|at| at + self.bracket_at)
    }
}

/// Whether what begins at `at` is not the first of its list.
fn follows_comma(bytes: &[u8], at: usize) -> bool {
    bytes[..at].trim_ascii_end().ends_with(b",")
}
