//! First pass: which names there are, and which words stay.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::fields::Rename;
use super::fixed;
use super::names::Names;
use super::words::{is_number, words};
use crate::model::LabelProfile;

/// What was found.
pub(super) struct Collected<'p> {
    profile: &'p LabelProfile,
    /// Everything that is a name.
    names: BTreeSet<CompactString>,
    /// Everything that stays as a whole.
    fixed: BTreeSet<CompactString>,
    /// Whole numbers that are compared as numbers.
    bounds: BTreeSet<CompactString>,
    /// Keys among the names.
    keys: BTreeSet<CompactString>,
}

impl<'p> Collected<'p> {
    pub(super) fn new(profile: &'p LabelProfile) -> Self {
        let mut fixed: BTreeSet<CompactString> = fixed::words().map(CompactString::from).collect();
        fixed.extend(profile.well_known.iter().cloned());
        fixed.extend(profile.normalized.keys().cloned());
        fixed.extend(profile.restricted_domains.iter().cloned());
        let (names, bounds, keys) = Default::default();
        Collected { profile, names, fixed, bounds, keys }
    }

    /// New words for the old ones.
    pub(super) fn into_names(mut self) -> Names {
        let keys = std::mem::take(&mut self.keys);
        self.into_ordered_names().with_keys(keys)
    }

    fn into_ordered_names(mut self) -> Names {
        let prose: Vec<CompactString> =
            self.names.iter().filter(|name| fixed::is_prose(name)).cloned().collect();
        self.fixed.extend(prose);
        let whole = Names::new(self.names.clone(), self.dictionary(true), self.fixed.clone(), true);
        if whole.keeps_order() {
            return whole;
        }
        // An address as one word has dashes in it, which may sort elsewhere than the dashes between words.
        let parts = Names::new(self.names.clone(), self.dictionary(false), self.fixed, false);
        if parts.keeps_order() { parts } else { whole }
    }

    /// New words in the order of the old ones, between the words that stay.
    fn dictionary(&self, whole_addresses: bool) -> BTreeMap<CompactString, CompactString> {
        let mut stay: BTreeSet<&str> =
            self.fixed.iter().chain(&self.bounds).flat_map(|text| words(text, false)).collect();
        let mut old: BTreeSet<&str> = BTreeSet::new();
        for word in self.names.iter().flat_map(|name| words(name, whole_addresses)) {
            if is_number(word) {
                stay.insert(word);
            } else {
                old.insert(word);
            }
        }
        old.retain(|word| !stay.contains(word));
        let mut width = old.len().to_string().len();
        loop {
            let new = numbered(&old, &stay, width);
            if width > 12 || new.values().all(|word| !old.contains(word.as_str())) {
                return new;
            }
            width += 1;
        }
    }
}

/// A new word for each old one: what sorts into the same gap between words that stay, then a number.
fn numbered(
    old: &BTreeSet<&str>,
    stay: &BTreeSet<&str>,
    width: usize,
) -> BTreeMap<CompactString, CompactString> {
    let mut new = BTreeMap::new();
    let mut gap = (None, None);
    let (mut stem, mut number) = (CompactString::default(), 0);
    for word in old {
        let here = (stay.range(..*word).next_back().copied(), stay.range(*word..).next().copied());
        if stem.is_empty() || here != gap {
            gap = here;
            stem = stem_between(gap.0.unwrap_or_default(), gap.1, word);
            number = 0;
        }
        new.insert(CompactString::from(*word), format_compact!("{stem}{number:0width$}"));
        number += 1;
    }
    new
}

/// The shortest text that sorts behind `low` and, whatever follows it, before `high`; made of letters as far as
/// possible. `word` is one that lies between them.
fn stem_between(low: &str, high: Option<&str>, word: &str) -> CompactString {
    const LETTERS: &str = "nmopqrstuvwxyzlkjihgfedcbaNMOPQRSTUVWXYZLKJIHGFEDCBA_5467382910";
    // Of words only addresses have dashes and dots in them; elsewhere a dash would end the word.
    let dash = if word.contains(['-', '.']) { "-" } else { "" };
    let fits = |stem: &str| stem > low && high.is_none_or(|high| stem < high && !high.starts_with(stem));
    let longest = low.len().max(high.map_or(0, str::len)).max(word.len());
    for length in 0..=longest {
        let starts =
            [Some(low), high, Some(word)].into_iter().flatten().filter_map(|text| text.get(..length));
        for start in starts {
            let stem = LETTERS.chars().chain(dash.chars()).map(|letter| format_compact!("{start}{letter}"));
            // A number alone would be taken for one.
            let mut fitting =
                stem.filter(|stem| fits(stem) && !stem.bytes().all(|byte| byte.is_ascii_digit()));
            if let Some(stem) = fitting.next() {
                return stem;
            }
        }
    }
    word.into()
}

impl Rename for Collected<'_> {
    fn name(&mut self, name: &mut String) {
        self.names.insert(name.as_str().into());
    }

    fn key(&mut self, key: &mut String) {
        let text = CompactString::from(key.as_str());
        match fixed::key_parts(key, self.profile) {
            Some((stays, name)) => {
                self.fixed.insert(stays.into());
                if !name.is_empty() {
                    self.names.insert(text);
                }
            }
            None => {
                if let Some(part) = fixed::misspelt_part(key, self.profile) {
                    self.fixed.insert(part.into());
                }
                self.keys.insert(text.clone());
                self.names.insert(text);
            }
        }
    }

    fn value(&mut self, key: &str, value: &mut String) {
        if fixed::has_fixed_values(key, self.profile) {
            self.fixed.insert(value.as_str().into());
        } else {
            self.names.insert(value.as_str().into());
        }
    }

    fn bound(&mut self, value: &mut String) {
        self.bounds.insert(value.as_str().into());
    }

    fn stays(&mut self, text: &str) {
        self.fixed.insert(text.into());
    }

    fn text(&mut self, _: &mut String) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_lie_in_their_gap() {
        for (low, high, word) in [
            ("", Some("10"), "0a"),
            ("10", Some("100"), "10-0-12-34"),
            ("10", Some("11"), "10a"),
            ("capacity", Some("cluster"), "checkout"),
            ("e", Some("ephemeral"), "eph"),
            ("zone", None, "zz"),
            ("node", Some("nodes"), "nodeb"),
            ("7", Some("710"), "70a"),
        ] {
            let stem = stem_between(low, high, word);
            let follows = format!("{stem}0");
            assert!(word.contains('-') || !stem.contains('-'), "{stem} is no word");
            assert!(low < stem.as_str() && high.is_none_or(|high| follows.as_str() < high), "{low} {stem}");
        }
    }
}
