//! Where in a file a field stands, and the excerpt that shows it.

use karp_core::model::{JsonPath, Step};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::item::Item;
use super::yaml_json::yaml_options;

/// Longest part of a line that an excerpt shows, in characters.
const EXCERPT_WIDTH: usize = 72;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column, from 1.
    pub(super) column: usize,
    /// Characters to point at.
    pub(super) width: usize,
}

impl Place {
    /// The line of the place between a gutter and carets, with a note behind them. A long line is cut around
    /// the place.
    pub(super) fn excerpt(self, line: &str, note: &str) -> String {
        let chars: Vec<char> = line.chars().map(|char| if char == '\t' { ' ' } else { char }).collect();
        let at = self.column.saturating_sub(1).min(chars.len());
        let from = if chars.len() > EXCERPT_WIDTH { at.saturating_sub(EXCERPT_WIDTH / 2) } else { 0 };
        let shown: String = chars.iter().skip(from).take(EXCERPT_WIDTH).collect();
        let gutter = " ".repeat(self.line.to_string().len());
        let carets = "^".repeat(self.width.clamp(1, EXCERPT_WIDTH));
        let note = if note.is_empty() { String::new() } else { format!(" {note}") };
        format!(
            "{gutter} |\n{} | {}\n{gutter} | {}{carets}{note}",
            self.line,
            shown.trim_end(),
            " ".repeat(at - from)
        )
    }
}

/// The steps of a printed path, `spec.taints[0].effect`.
pub(super) fn path(printed: &str) -> JsonPath {
    let mut steps = Vec::new();
    for part in printed.split('.') {
        let mut pieces = part.split('[');
        if let Some(field) = pieces.next().filter(|field| !field.is_empty()) {
            steps.push(Step::Field(field.to_owned()));
        }
        steps.extend(pieces.filter_map(|piece| piece.trim_end_matches(']').parse().ok()).map(Step::Index));
    }
    JsonPath(steps)
}

/// Where the value at a path stands in the file of the item; JSON is read as the YAML it is.
pub(super) fn locate(item: &Item<'_>, path: &JsonPath) -> Option<Place> {
    let found =
        serde_saphyr::with_deserializer_from_str_with_options(item.text, yaml_options(), |deserializer| {
            Descend { steps: &path.0 }.deserialize(deserializer)
        })
        .ok()
        .flatten()?;
    Some(Place { line: item.line + found.line - 1, ..found })
}

/// Walks down the steps and yields the place of the scalar at their end.
struct Descend<'a> {
    steps: &'a [Step],
}

impl<'de> DeserializeSeed<'de> for Descend<'_> {
    type Value = Option<Place>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Place>, D::Error> {
        match self.steps {
            [] => {
                use serde::Deserialize;
                let spanned = serde_saphyr::Spanned::<String>::deserialize(deserializer)?;
                let place = spanned.referenced;
                Ok(Some(Place {
                    line: (place.line() as usize).max(1),
                    column: (place.column() as usize).max(1),
                    width: spanned.value.chars().count().max(1),
                }))
            }
            [Step::Field(_), ..] => deserializer.deserialize_map(self),
            [Step::Index(_), ..] => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Descend<'_> {
    type Value = Option<Place>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a map or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Place>, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.steps {
                [Step::Field(field), rest @ ..] if *field == key && found.is_none() => {
                    found = map.next_value_seed(Descend { steps: rest })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Place>, A::Error> {
        let [Step::Index(wanted), rest @ ..] = self.steps else { return Ok(None) };
        let mut found = None;
        let mut index = 0;
        loop {
            if index == *wanted {
                match seq.next_element_seed(Descend { steps: rest })? {
                    Some(place) => found = place,
                    None => return Ok(found),
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            index += 1;
        }
    }
}
