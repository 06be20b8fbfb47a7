//! The old and the new names, and what may not change.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::fixed_words;
use super::objects::Rename;
use crate::model::{LabelProfile, label_key};

/// Domains whose label keys, annotations and taints are words of Kubernetes, Karpenter and its providers.
const FIXED_DOMAINS: [&str; 8] = [
    "kubernetes.io",
    "k8s.io",
    "karpenter.sh",
    "karpenter.k8s.aws",
    "karpenter.kwok.sh",
    "karpenter.azure.com",
    "k8s.aws",
    "amazonaws.com",
];

/// Well-known keys whose values are names all the same.
const NAMED_VALUES: [&str; 2] = [label_key::NODE_POOL, label_key::HOSTNAME];

/// Old names and new ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    new: BTreeMap<CompactString, CompactString>,
}

impl Names {
    /// How many names have changed.
    pub fn count(&self) -> usize {
        self.new.len()
    }

    /// The new form of a name; words that stay are returned as they are.
    pub fn name(&self, old: &str) -> CompactString {
        self.new.get(old).cloned().unwrap_or_else(|| old.into())
    }

    /// A text with every name in it replaced.
    pub fn text(&self, text: &str) -> String {
        let is_word = |char: char| char.is_ascii_alphanumeric() || "._-/".contains(char);
        let mut new = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_word) {
            new.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
            new.push_str(&self.word(&rest[..end]));
            rest = &rest[end..];
        }
        new.push_str(rest);
        new
    }

    /// A word of a text: a name, a path of names, or a name at the end of a sentence.
    fn word(&self, word: &str) -> String {
        if let Some(new) = self.new.get(word) {
            return new.to_string();
        }
        if let Some((left, right)) = word.split_once('/') {
            return format!("{}/{}", self.word(left), self.word(right));
        }
        match word.strip_suffix('.') {
            Some(sentence) => format!("{}.", self.word(sentence)),
            None => word.to_owned(),
        }
    }
}

/// Whether a key is a word of Kubernetes, Karpenter or a provider.
fn is_fixed_key(key: &str, profile: &LabelProfile) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let within =
        |fixed: &str| domain == fixed || domain.strip_suffix(fixed).is_some_and(|rest| rest.ends_with('.'));
    profile.is_well_known(key)
        || profile.normalized.contains_key(key)
        || profile.is_restricted(key)
        || FIXED_DOMAINS.iter().any(|fixed| within(fixed))
}

/// Whether values under a key are words of the provider: zones, instance types.
fn has_fixed_values(key: &str, profile: &LabelProfile) -> bool {
    let is_zone = key.ends_with("/zone") || key.ends_with("/region") || key.ends_with("/zone-id");
    (profile.is_well_known(key) || profile.normalized.contains_key(key) || is_zone)
        && !NAMED_VALUES.contains(&key)
}

/// First pass: gathers what there is.
pub(super) struct Collected<'p> {
    profile: &'p LabelProfile,
    names: BTreeSet<CompactString>,
    fixed: BTreeSet<CompactString>,
    /// Names made of others: claims of ephemeral volumes are `pod-volume`.
    composed: BTreeMap<CompactString, (CompactString, CompactString)>,
}

impl<'p> Collected<'p> {
    pub(super) fn new(profile: &'p LabelProfile) -> Self {
        let mut fixed: BTreeSet<CompactString> = fixed_words().into_iter().map(CompactString::from).collect();
        fixed.extend(profile.well_known.iter().cloned());
        fixed.extend(profile.normalized.keys().cloned());
        fixed.insert(label_key::HOSTNAME.into());
        Collected { profile, names: BTreeSet::new(), fixed, composed: BTreeMap::new() }
    }

    /// New names in the order of the old ones, between the words that stay.
    pub(super) fn into_names(mut self) -> Names {
        for composed in self.composed.keys() {
            self.names.remove(composed);
        }
        self.names.retain(|name| !self.fixed.contains(name) && !name.is_empty());
        let width = self.names.len().to_string().len();
        let mut new = BTreeMap::new();
        for (at, name) in self.names.iter().enumerate() {
            let before = self.fixed.range::<CompactString, _>(..name.clone()).next_back();
            let after = self.fixed.range::<CompactString, _>(name.clone()..).next();
            let start = distinguishing_prefix(name, before, after);
            new.insert(name.clone(), format_compact!("{start}{at:0width$}"));
        }
        let names = Names { new };
        let composed: Vec<(CompactString, CompactString)> = self
            .composed
            .into_iter()
            .map(|(old, (pod, volume))| {
                (old, format_compact!("{}-{}", names.name(&pod), names.name(&volume)))
            })
            .collect();
        let mut names = names;
        names.new.extend(composed);
        names
    }
}

/// The shortest beginning of a name that sorts behind `before` and, whatever follows it, before `after`. Beginnings
/// of one gap are never beginnings of each other, so numbers behind them keep the order within it.
fn distinguishing_prefix<'n>(
    name: &'n str,
    before: Option<&CompactString>,
    after: Option<&CompactString>,
) -> &'n str {
    let fits = |start: &&str| {
        before.is_none_or(|before| *start > before.as_str())
            && after.is_none_or(|after| !after.starts_with(*start))
            && start.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    name.char_indices().map(|(at, char)| &name[..at + char.len_utf8()]).find(fits).unwrap_or(name)
}

/// Numbers are compared as numbers somewhere: they stay.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Rename for Collected<'_> {
    fn name(&mut self, name: &mut CompactString) {
        if is_number(name) {
            self.fixed.insert(name.clone());
        } else {
            self.names.insert(name.clone());
        }
    }

    fn key(&mut self, key: &mut CompactString) {
        if is_fixed_key(key, self.profile) {
            self.fixed.insert(key.clone());
        } else {
            self.names.insert(key.clone());
        }
    }

    fn value(&mut self, key: &str, value: &mut CompactString) {
        if has_fixed_values(key, self.profile) {
            self.fixed.insert(value.clone());
        } else {
            self.name(value);
        }
    }

    fn composed(&mut self, pod: &str, volume: &str) {
        let name = format_compact!("{pod}-{volume}");
        self.composed.insert(name, (pod.into(), volume.into()));
    }

    fn text(&mut self, _: &mut String) {}
}

/// Second pass: writes the new names.
pub(super) struct Renamer<'n> {
    pub(super) names: &'n Names,
    pub(super) profile: &'n LabelProfile,
}

impl Rename for Renamer<'_> {
    fn name(&mut self, name: &mut CompactString) {
        *name = self.names.name(name);
    }

    fn key(&mut self, key: &mut CompactString) {
        *key = self.names.name(key);
    }

    fn value(&mut self, key: &str, value: &mut CompactString) {
        if !has_fixed_values(key, self.profile) {
            *value = self.names.name(value);
        }
    }

    fn composed(&mut self, _: &str, _: &str) {}

    fn text(&mut self, text: &mut String) {
        *text = self.names.text(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(old: &[&str]) -> Names {
        let profile = LabelProfile::core();
        let mut collected = Collected::new(&profile);
        for name in old {
            collected.key(&mut CompactString::from(*name));
        }
        collected.into_names()
    }

    #[test]
    fn order_is_kept_also_against_words_that_stay() {
        let old = [
            "acme.com/team",
            "team",
            "tea",
            "topologyz",
            "kubernetes.iox",
            "zone",
            "a",
            "nodz",
            "karpenter.shy/x",
        ];
        let names = names(&old);
        let profile = LabelProfile::core();
        let mut all: Vec<String> = old.map(String::from).to_vec();
        all.extend(profile.well_known.iter().map(ToString::to_string));
        all.sort();
        let renamed: Vec<String> = all.iter().map(|name| names.name(name).to_string()).collect();
        assert!(renamed.is_sorted(), "{renamed:?}");
        assert_eq!(names.count(), old.len());
        assert!(!renamed.iter().any(|name| name.contains("acme") || name.contains("team")), "{renamed:?}");
    }

    #[test]
    fn texts_are_renamed_word_by_word() {
        let names = names(&["web", "team"]);
        let (web, team) = (names.name("web"), names.name("team"));
        assert_eq!(
            names.text("pod \"web\" of default/web, team=web. cpu web-1"),
            format!("pod \"{web}\" of default/{web}, {team}={web}. cpu web-1")
        );
    }

    proptest::proptest! {
        #[test]
        fn order_is_kept(old in proptest::collection::btree_set("[a-z][a-z0-9./-]{0,6}", 1..40)) {
            let old: Vec<&str> = old.iter().map(String::as_str).collect();
            let names = names(&old);
            let mut all: Vec<CompactString> = LabelProfile::core().well_known.into_iter().collect();
            all.extend(old.iter().map(|name| CompactString::from(*name)));
            all.sort();
            all.dedup();
            let renamed: Vec<CompactString> = all.iter().map(|name| names.name(name)).collect();
            for pair in renamed.windows(2) {
                proptest::prop_assert!(pair[0] < pair[1], "{:?} of {:?}", pair, all);
            }
        }
    }
}
