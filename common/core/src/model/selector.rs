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
