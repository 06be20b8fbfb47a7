//! Label selectors and node selector terms.
//!
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::Labels;

/// A label selector. An absent selector is `None` around it and selects nothing; an empty one selects all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Pairs that must be present.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub match_labels: Labels,
    /// Expressions that must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<SelectorExpression>,
}

/// One expression of a label selector, or of a node selector term.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectorExpression {
    /// Label key.
    pub key: CompactString,
    /// Operator text.
    pub operator: CompactString,
    /// Values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<CompactString>,
}

impl LabelSelector {
    /// Whether the API machinery could build this selector; an invalid one counts nothing.
    pub fn is_valid(&self) -> bool {
        self.match_expressions.iter().all(|expression| match expression.operator.as_str() {
            "In" | "NotIn" => !expression.values.is_empty(),
            "Exists" | "DoesNotExist" => expression.values.is_empty(),
            _ => false,
        })
    }

    /// Whether the labels satisfy every pair and every expression. An invalid expression matches nothing.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|expression| {
                let value = labels.get(&expression.key);
                let listed = value.is_some_and(|value| expression.values.iter().any(|mine| mine == value));
                match expression.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
    }
}

/// Reads a selector as kubectl's `-l` does: `app=web,tier!=cache,zone in (a,b),env notin (x),gpu,!legacy`.
///
/// # Errors
/// What part of the text is no selector.
pub fn parse_selector(text: &str) -> Result<LabelSelector, String> {
    let mut selector = LabelSelector::default();
    let (mut depth, mut start) = (0_usize, 0);
    let mut parts = Vec::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    for part in parts.into_iter().map(str::trim) {
        if part.is_empty() {
            return Err(format!("{text:?} has an empty part"));
        }
        selector.match_expressions.push(parse_expression(part)?);
    }
    Ok(selector)
}

fn parse_expression(part: &str) -> Result<SelectorExpression, String> {
    let wrong = || format!("{part:?} is no part of a label selector");
    let checked = |key: &str, operator: &str, values: Vec<CompactString>| {
        let is_word =
            |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
        if key.is_empty() || !is_word(key) || !values.iter().all(|value| is_word(value)) {
            return Err(wrong());
        }
        Ok(SelectorExpression { key: key.into(), operator: operator.into(), values })
    };
    if let Some(head) = part.strip_suffix(')') {
        let (head, values) = head.split_once('(').ok_or_else(wrong)?;
        let mut words = head.split_whitespace();
        let (key, operator) = (words.next().ok_or_else(wrong)?, words.next().ok_or_else(wrong)?);
        let operator = match operator {
            "in" => "In",
            "notin" => "NotIn",
            _ => return Err(wrong()),
        };
        return checked(key, operator, values.split(',').map(|value| value.trim().into()).collect());
    }
    if let Some(key) = part.strip_prefix('!') {
        return checked(key.trim(), "DoesNotExist", Vec::new());
    }
    for (sign, operator) in [("!=", "NotIn"), ("==", "In"), ("=", "In")] {
        if let Some((key, value)) = part.split_once(sign) {
            return checked(key.trim(), operator, vec![value.trim().into()]);
        }
    }
    checked(part, "Exists", Vec::new())
}

/// Whether an optional selector selects these labels.
pub fn selects(selector: Option<&LabelSelector>, labels: &Labels) -> bool {
    selector.is_some_and(|selector| selector.matches(labels))
}

/// One alternative of a node selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorTerm {
    /// Expressions over node labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<SelectorExpression>,
    /// Expressions over node fields, which Karpenter refuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<SelectorExpression>,
}
