//! Host names of nodes that Karpenter only thinks of: one number an attempt, counted as long as the process runs.
//!
//! Error texts hold them; two sides are compared by the order of their numbers.

use std::collections::BTreeSet;

const PREFIX: &str = "hostname-placeholder-";

/// The numbers of one side, in order.
pub(super) struct Placeholders(Vec<u64>);

impl Placeholders {
    /// Those in these texts.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let numbers: BTreeSet<u64> =
            texts.flat_map(|text| text.split(PREFIX).skip(1).filter_map(number)).collect();
        Self(numbers.into_iter().collect())
    }

    /// A text with the rank of every number in its place.
    pub(super) fn ranked(&self, text: &str) -> String {
        let mut parts = text.split(PREFIX);
        let mut ranked = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
            let rank = number(part).and_then(|number| self.0.binary_search(&number).ok());
            ranked.push_str(PREFIX);
            ranked.push_str(&rank.map_or_else(String::new, |rank| rank.to_string()));
            ranked.push_str(rest);
        }
        ranked
    }
}

/// The number a text begins with.
fn number(text: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}
