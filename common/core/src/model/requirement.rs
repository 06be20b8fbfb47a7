//! One requirement: the set of values that a label key may have.
//!
//! A requirement is a set of values or the complement of one, narrowed by integer bounds, plus the number of
//! different values a NodeClaim must keep (`minValues`). Mirrors karpenter: pkg/scheduling/requirement.go.

use std::collections::BTreeSet;
use std::fmt;

use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Serialize};

use super::LabelProfile;

/// Operators as the API spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of the values (also satisfied where the label is absent).
    NotIn,
    /// Any value.
    Exists,
    /// No label.
    DoesNotExist,
    /// An integer above the value.
    Gt,
    /// An integer below the value.
    Lt,
    /// An integer not below the value.
    Gte,
    /// An integer not above the value.
    Lte,
}

impl Operator {
    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operator::In => "In",
            Operator::NotIn => "NotIn",
            Operator::Exists => "Exists",
            Operator::DoesNotExist => "DoesNotExist",
            Operator::Gt => "Gt",
            Operator::Lt => "Lt",
            Operator::Gte => "Gte",
            Operator::Lte => "Lte",
        }
    }

    /// Reads the API's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Operator::In,
            Operator::NotIn,
            Operator::Exists,
            Operator::DoesNotExist,
            Operator::Gt,
            Operator::Lt,
            Operator::Gte,
            Operator::Lte,
        ]
        .into_iter()
        .find(|operator| operator.as_str() == text)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A requirement as objects write it: NodePool and NodeClaim requirements, node selector terms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequirementSpec {
    /// Label key, not yet normalised.
    pub key: CompactString,
    /// Operator text; validation names the unknown ones.
    pub operator: CompactString,
    /// Values, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<CompactString>,
    /// How many different values a NodeClaim must keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_values: Option<i64>,
}

/// The values that a label key may have. `values` are the allowed ones, or with `complement` the excluded ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// Normalised label key.
    pub key: CompactString,
    /// Whether `values` are excluded rather than allowed.
    pub complement: bool,
    /// Allowed or excluded values.
    pub values: BTreeSet<CompactString>,
    /// Smallest allowed integer.
    pub gte: Option<i64>,
    /// Largest allowed integer.
    pub lte: Option<i64>,
    /// How many different values a NodeClaim must keep.
    pub min_values: Option<i64>,
}

impl Requirement {
    /// From an operator and values, both normalised already. Bounds that are no integer count as 0: validation
    /// is assumed to have refused them.
    pub fn new<V: Into<CompactString>>(
        key: impl Into<CompactString>,
        operator: Operator,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let mut values: Vec<CompactString> = values.into_iter().map(Into::into).collect();
        let mut requirement = Self {
            key: key.into(),
            complement: !matches!(operator, Operator::In | Operator::DoesNotExist),
            values: BTreeSet::new(),
            gte: None,
            lte: None,
            min_values: None,
        };
        let bound = values.first().and_then(|text| parse_integer(text)).unwrap_or(0);
        match operator {
            Operator::In | Operator::NotIn => requirement.values = values.drain(..).collect(),
            Operator::Exists | Operator::DoesNotExist => {}
            Operator::Gt => match bound.checked_add(1) {
                Some(above) => requirement.gte = Some(above),
                None => requirement.complement = false,
            },
            Operator::Lt => match bound.checked_sub(1) {
                Some(below) => requirement.lte = Some(below),
                None => requirement.complement = false,
            },
            Operator::Gte => requirement.gte = Some(bound),
            Operator::Lte => requirement.lte = Some(bound),
        }
        requirement
    }

    /// `key In values`.
    pub fn allow<V: Into<CompactString>>(
        key: impl Into<CompactString>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::new(key, Operator::In, values)
    }

    /// `key Exists`: everything but absence.
    pub fn exists(key: impl Into<CompactString>) -> Self {
        Self::new(key, Operator::Exists, std::iter::empty::<CompactString>())
    }

    /// `key DoesNotExist`: nothing but absence.
    pub fn does_not_exist(key: impl Into<CompactString>) -> Self {
        Self::new(key, Operator::DoesNotExist, std::iter::empty::<CompactString>())
    }

    /// From what an object says, with key and values normalised. An unknown operator reads as `DoesNotExist`.
    pub fn from_spec(spec: &RequirementSpec, profile: &LabelProfile) -> Self {
        let key = profile.normalize(&spec.key);
        let operator = Operator::parse(&spec.operator).unwrap_or(Operator::DoesNotExist);
        let values = spec.values.iter().map(|value| profile.normalize_value(key, value));
        let mut requirement = Self::new(key, operator, values);
        let vanished = operator == Operator::Gt && !requirement.complement;
        requirement.min_values = spec.min_values.filter(|_| !vanished);
        requirement
    }

    /// The operator it would be written with.
    pub fn operator(&self) -> Operator {
        match (self.complement, self.values.is_empty()) {
            (true, true) => Operator::Exists,
            (true, false) => Operator::NotIn,
            (false, true) => Operator::DoesNotExist,
            (false, false) => Operator::In,
        }
    }

    /// Whether a label with this value satisfies it.
    pub fn has(&self, value: &str) -> bool {
        self.values.contains(value) != self.complement && within(value, self.gte, self.lte)
    }

    /// Number of allowed values; for a complement the Go code's `MaxInt64 - excluded`.
    pub fn allowed_count(&self) -> i64 {
        let count = self.values.len() as i64;
        if self.complement { i64::MAX - count } else { count }
    }

    /// What both allow.
    pub fn intersection(&self, other: &Requirement) -> Requirement {
        let (gte, lte) = (larger(self.gte, other.gte), smaller(self.lte, other.lte));
        let min_values = larger(self.min_values, other.min_values);
        if bounds_empty(gte, lte) {
            return Requirement { min_values, ..Requirement::does_not_exist(self.key.clone()) };
        }
        let complement = self.complement && other.complement;
        let mut values: BTreeSet<CompactString> = match (self.complement, other.complement) {
            (true, true) => self.values.union(&other.values).cloned().collect(),
            (true, false) => other.values.difference(&self.values).cloned().collect(),
            (false, true) => self.values.difference(&other.values).cloned().collect(),
            (false, false) => self.values.intersection(&other.values).cloned().collect(),
        };
        values.retain(|value| within(value, gte, lte));
        let (gte, lte) = if complement { (gte, lte) } else { (None, None) };
        Requirement { key: self.key.clone(), complement, values, gte, lte, min_values }
    }

    /// Whether both allow some value. Two complements always do while their bounds leave an integer, even if
    /// every integer in range is excluded.
    pub fn has_intersection(&self, other: &Requirement) -> bool {
        let (gte, lte) = (larger(self.gte, other.gte), smaller(self.lte, other.lte));
        if bounds_empty(gte, lte) {
            return false;
        }
        match (self.complement, other.complement) {
            (true, true) => true,
            (true, false) => other.values.iter().any(|v| !self.values.contains(v) && within(v, gte, lte)),
            (false, true) => self.values.iter().any(|v| !other.values.contains(v) && within(v, gte, lte)),
            (false, false) => self.values.iter().any(|v| other.values.contains(v) && within(v, gte, lte)),
        }
    }

    /// The list of entries it is written back as: both bounds need two. A bounded complement loses its
    /// exclusions, as in Karpenter (quirk Q18).
    pub fn to_specs(&self) -> Vec<RequirementSpec> {
        let entry = |operator: Operator, values: Vec<CompactString>| RequirementSpec {
            key: self.key.clone(),
            operator: operator.as_str().into(),
            values,
            min_values: self.min_values,
        };
        let bound = |operator, bound: i64| entry(operator, vec![format_compact!("{bound}")]);
        match (self.gte, self.lte) {
            (Some(gte), Some(lte)) => vec![bound(Operator::Gte, gte), bound(Operator::Lte, lte)],
            (Some(gte), None) => vec![bound(Operator::Gte, gte)],
            (None, Some(lte)) => vec![bound(Operator::Lte, lte)],
            (None, None) => vec![entry(self.operator(), self.values.iter().cloned().collect())],
        }
    }
}

/// Base-10 integers as Go's `strconv.Atoi` reads them: `+5` and `-1` are fine.
pub fn parse_integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn within(value: &str, gte: Option<i64>, lte: Option<i64>) -> bool {
    if gte.is_none() && lte.is_none() {
        return true;
    }
    parse_integer(value).is_some_and(|number| {
        gte.is_none_or(|least| number >= least) && lte.is_none_or(|most| number <= most)
    })
}

fn bounds_empty(gte: Option<i64>, lte: Option<i64>) -> bool {
    matches!((gte, lte), (Some(least), Some(most)) if least > most)
}

fn larger(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.max(b)
}

fn smaller(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

impl fmt::Display for Requirement {
    /// Karpenter's text: `key In [a b c d e and 2 others] minValues 3`, `key Exists >=2 <=8`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        write!(out, "{} {}", self.key, self.operator())?;
        if !self.values.is_empty() {
            let mut shown: Vec<&str> = self.values.iter().take(SHOWN).map(CompactString::as_str).collect();
            let others = format!("and {} others", self.values.len().saturating_sub(SHOWN));
            if self.values.len() > SHOWN {
                shown.push(&others);
            }
            write!(out, " [{}]", shown.join(" "))?;
        }
        for (text, bound) in [(" >=", self.gte), (" <=", self.lte), (" minValues ", self.min_values)] {
            if let Some(bound) = bound {
                write!(out, "{text}{bound}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operator::*;

    fn req(operator: Operator, values: &[&str]) -> Requirement {
        Requirement::new("k", operator, values.iter().copied())
    }

    #[test]
    fn rq_02_to_rq_07_intersections_and_texts() {
        for (name, left, right, text) in [
            ("RQ-02", req(In, &["A", "B"]), req(NotIn, &["A"]), "k In [B]"),
            ("RQ-02", req(In, &["A"]), req(In, &["B"]), "k DoesNotExist"),
            ("RQ-02", req(Exists, &[]), req(In, &["A"]), "k In [A]"),
            ("RQ-03", req(Gt, &["1"]), req(Lt, &["5"]), "k Exists >=2 <=4"),
            ("RQ-05", req(In, &["1", "9"]), req(Gt, &["5"]), "k In [9]"),
            ("RQ-05", req(In, &["a"]), req(Gte, &["0"]), "k DoesNotExist"),
            ("RQ-04", req(Gte, &["5"]), req(Lte, &["4"]), "k DoesNotExist"),
            ("RQ-06", req(NotIn, &["3"]), req(Gte, &["2"]), "k NotIn [3] >=2"),
            ("2.2.4", req(NotIn, &["x"]), req(Gte, &["2"]), "k Exists >=2"),
        ] {
            assert_eq!(left.intersection(&right).to_string(), text, "{name}: {left} and {right}");
            assert_eq!(right.intersection(&left).to_string(), text, "{name}: {right} and {left}");
        }
        assert_eq!(
            req(In, &["a", "b", "c", "d", "e", "f", "g"]).to_string(),
            "k In [a b c d e and 2 others]",
            "RQ-07"
        );
    }

    #[test]
    fn rq_04_min_values_survive_an_empty_range() {
        let narrow = Requirement { min_values: Some(3), ..req(Gte, &["5"]) };
        assert_eq!(narrow.intersection(&req(Lte, &["4"])).to_string(), "k DoesNotExist minValues 3");
        let (one, three) = (
            Requirement { min_values: Some(1), ..req(Exists, &[]) },
            Requirement { min_values: Some(3), ..req(Exists, &[]) },
        );
        assert_eq!(one.intersection(&three).min_values, Some(3));
    }

    #[test]
    fn rq_06_exclusions_and_bounds() {
        let requirement = req(NotIn, &["3"]).intersection(&req(Gte, &["2"]));
        assert!(!requirement.has("3") && requirement.has("4") && !requirement.has("x"));
        assert_eq!(requirement.to_specs().len(), 1, "Q18: the exclusion is lost");
        let excluded = req(NotIn, &["2"]).intersection(&req(Gte, &["2"]));
        assert!(excluded.has_intersection(&req(Lte, &["2"])));
    }

    #[test]
    fn gt_of_the_largest_integer_allows_nothing() {
        assert_eq!(req(Gt, &["9223372036854775807"]).operator(), DoesNotExist);
    }
}
