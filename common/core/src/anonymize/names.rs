//! Old names and new ones.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::words::{Piece, pieces, words};

/// Longest value of a label.
const LONGEST: usize = 63;

/// How the names of one snapshot are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// New words by old ones; words that are not here stay.
    words: BTreeMap<CompactString, CompactString>,
    /// Old names.
    known: BTreeSet<CompactString>,
    /// Words and names that stay.
    fixed: BTreeSet<CompactString>,
    /// Own keys of labels.
    keys: BTreeSet<CompactString>,
    /// Whether an address is one word.
    whole_addresses: bool,
}

impl Names {
    pub(super) fn new(
        known: BTreeSet<CompactString>,
        new: BTreeMap<CompactString, CompactString>,
        fixed: BTreeSet<CompactString>,
        whole_addresses: bool,
    ) -> Self {
        let fixed = fixed.iter().flat_map(|text| words(text, false)).map(CompactString::from).collect();
        Self { words: new, known, fixed, keys: BTreeSet::new(), whole_addresses }
    }

    /// The same with the keys of labels that are names.
    pub(super) fn with_keys(self, keys: BTreeSet<CompactString>) -> Self {
        Self { keys, ..self }
    }

    /// How many names change.
    pub fn count(&self) -> usize {
        self.known.iter().filter(|name| self.name(name) != **name).count()
    }

    /// Names that stay though they could have been replaced; numbers are not listed.
    pub fn kept(&self) -> impl Iterator<Item = &CompactString> {
        let has_letters = |name: &CompactString| name.bytes().any(|byte| byte.is_ascii_alphabetic());
        self.known.iter().filter(move |name| has_letters(name) && self.name(name) == **name)
    }

    /// Every name of the snapshot, old form, sorted.
    pub fn known(&self) -> impl Iterator<Item = &CompactString> {
        self.known.iter()
    }

    /// Whether this is a name of the snapshot.
    pub(super) fn is_known(&self, text: &str) -> bool {
        self.known.contains(text)
    }

    /// Whether a word stays wherever it stands.
    pub(super) fn is_fixed(&self, word: &str) -> bool {
        self.fixed.contains(word)
    }

    /// The new form of a name; words that stay are returned as they are.
    pub fn name(&self, old: &str) -> CompactString {
        let mut new = CompactString::default();
        for piece in pieces(old, self.whole_addresses) {
            match piece {
                Piece::Word(word) => new.push_str(self.words.get(word).map_or(word, CompactString::as_str)),
                Piece::Between(text) => new.push_str(text),
            }
        }
        new
    }

    /// Whether all names are in the order they were in.
    pub(super) fn keeps_order(&self) -> bool {
        self.out_of_order() == 0
    }

    fn out_of_order(&self) -> usize {
        let new: Vec<CompactString> = self.known.iter().map(|name| self.name(name)).collect();
        new.windows(2).filter(|pair| pair[0] >= pair[1]).count()
    }

    /// What is not as it was, for people.
    pub(super) fn not_kept(&self) -> Vec<String> {
        let out_of_order = self.out_of_order();
        let too_long =
            self.known.iter().filter(|name| name.len() <= LONGEST && self.name(name).len() > LONGEST).count();
        let hints = self.keys.iter().map(|key| self.hints_lost(key)).sum::<usize>();
        let mut said = Vec::new();
        if hints > 0 {
            said.push(format!(
                "{hints} guesses of Karpenter at what a misspelt label of yours was meant to be"
            ));
        }
        if out_of_order > 0 {
            said.push(format!("order of {out_of_order} names: ties between them may fall otherwise"));
        }
        if too_long > 0 {
            said.push(format!("length of {too_long} names: as labels they would not be valid any more"));
        }
        said
    }

    /// How many other keys Karpenter would no longer take a key for a misspelling of, or would take it for only now.
    fn hints_lost(&self, key: &str) -> usize {
        let resembles = |known: &str, wrong: &str| {
            let suffix = wrong.split_once('/').map_or(wrong, |(_, suffix)| suffix);
            known.contains(wrong) || known.ends_with(suffix)
        };
        let new = self.name(key);
        let changes = |known: &&CompactString| {
            known.as_str() != key && resembles(known, key) != resembles(&self.name(known), &new)
        };
        self.keys.iter().filter(changes).count()
    }
}
