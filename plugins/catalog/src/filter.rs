//! `--filter`: conditions on instance types, `family=m7g,arch=arm64,vcpu>=4`.
//!
//! A field is a short name (below) or a label key; `=` and `!=` take several values joined by `|`, the others
//! compare numbers. Memory takes quantities (`memory>=16Gi`).

use compact_str::CompactString;
use karp_core::model::{Quantity, label_key};
use karp_core::provider::aws::label_key as aws_key;
use karp_core::report::Error;

use crate::show::Row;

/// Conditions, all of which must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter(Vec<Condition>);

#[derive(Debug, Clone)]
struct Condition {
    field: Field,
    operator: Operator,
    values: Vec<CompactString>,
}

#[derive(Debug, Clone)]
enum Field {
    Name,
    Memory,
    ListPrice,
    SpotPrice,
    Label(CompactString),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// Short names of labels.
const SHORT: [(&str, &str); 14] = [
    ("arch", label_key::ARCH),
    ("vcpu", aws_key::CPU),
    ("cpu", aws_key::CPU),
    ("family", aws_key::FAMILY),
    ("category", aws_key::CATEGORY),
    ("generation", aws_key::GENERATION),
    ("size", aws_key::SIZE),
    ("manufacturer", aws_key::CPU_MANUFACTURER),
    ("hypervisor", aws_key::HYPERVISOR),
    ("gpu", aws_key::GPU_NAME),
    ("gpus", aws_key::GPU_COUNT),
    ("nvme", aws_key::LOCAL_NVME),
    ("network", aws_key::NETWORK_BANDWIDTH),
    ("ebs", aws_key::EBS_BANDWIDTH),
];

impl Filter {
    /// Reads conditions.
    ///
    /// # Errors
    /// The condition that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(condition).collect()
    }

    /// Whether a type meets all conditions.
    pub fn holds(&self, row: &Row) -> bool {
        self.0.iter().all(|condition| condition.holds(row))
    }
}

impl FromIterator<Condition> for Filter {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        Self(conditions.into_iter().collect())
    }
}

fn condition(text: &str) -> Result<Condition, Error> {
    let fields = || {
        let short: Vec<&str> = SHORT.iter().map(|(short, _)| *short).collect();
        format!("fields: name, memory, list-price, spot-price, {}, or a label key", short.join(", "))
    };
    let operators = [
        (">=", Operator::AtLeast),
        ("<=", Operator::AtMost),
        ("!=", Operator::NotEqual),
        ("=", Operator::Equal),
        (">", Operator::Above),
        ("<", Operator::Below),
    ];
    // The leftmost operator splits; of two at the same place the longer one, which stands first in the list.
    let found = operators.iter().filter_map(|(sign, operator)| Some((text.find(sign)?, *sign, *operator)));
    let Some((at, sign, operator)) = found.min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())))
    else {
        return Err(Error::usage(format!("condition {text:?} has no operator"))
            .hint("operators: = != >= <= > <")
            .hint("example: --filter 'family=m7g,arch=arm64,vcpu>=4'"));
    };
    let (name, value) = (text[..at].trim(), text[at + sign.len()..].trim());
    let field = match name {
        "name" => Field::Name,
        "memory" => Field::Memory,
        "list-price" | "price" => Field::ListPrice,
        "spot-price" => Field::SpotPrice,
        name if name.contains('/') => Field::Label(name.into()),
        name => match SHORT.iter().find(|(short, _)| *short == name) {
            Some((_, key)) => Field::Label((*key).into()),
            None => {
                return Err(Error::usage(format!("condition {text:?}: no field {name:?}")).hint(fields()));
            }
        },
    };
    let values: Vec<CompactString> = value.split('|').map(|value| value.trim().into()).collect();
    if !matches!(operator, Operator::Equal | Operator::NotEqual) {
        let number = |value: &CompactString| match field {
            Field::Memory => value.parse::<Quantity>().is_ok(),
            _ => value.parse::<f64>().is_ok(),
        };
        if values.len() != 1 || !values.iter().all(number) {
            return Err(Error::usage(format!(
                "condition {text:?} compares with {value:?}, which is no number"
            )));
        }
    }
    Ok(Condition { field, operator, values })
}

impl Condition {
    fn holds(&self, row: &Row) -> bool {
        let label;
        let (text, number): (Option<&str>, Option<f64>) = match &self.field {
            Field::Name => (Some(row.name.as_str()), None),
            Field::Memory => (None, Some((row.memory_mib * 1024 * 1024) as f64)),
            Field::ListPrice => (None, row.on_demand_price),
            Field::SpotPrice => (None, row.spot_price),
            Field::Label(key) => {
                label = row.labels.get(key);
                (label, label.and_then(|value| value.parse().ok()))
            }
        };
        let wanted = |value: &CompactString| match self.field {
            Field::Memory => value.parse::<Quantity>().ok().map(Quantity::as_f64),
            _ => value.parse().ok(),
        };
        let equals = |value: &CompactString| {
            text == Some(value.as_str()) || (number.is_some() && number == wanted(value))
        };
        let first = self.values.first().and_then(wanted);
        let compare =
            |holds: fn(f64, f64) -> bool| matches!((number, first), (Some(a), Some(b)) if holds(a, b));
        match self.operator {
            Operator::Equal => self.values.iter().any(equals),
            Operator::NotEqual => !self.values.iter().any(equals),
            Operator::AtLeast => compare(|a, b| a >= b),
            Operator::AtMost => compare(|a, b| a <= b),
            Operator::Above => compare(|a, b| a > b),
            Operator::Below => compare(|a, b| a < b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let labels = [(aws_key::CPU, "4"), (aws_key::FAMILY, "m7g"), (label_key::ARCH, "arm64")];
        Row {
            name: "m7g.xlarge".into(),
            memory_mib: 16 * 1024,
            on_demand_price: Some(0.1632),
            labels: labels.into_iter().collect(),
            ..Row::default()
        }
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, holds) in [
            ("family=m7g,arch=arm64,vcpu>=4", true),
            ("family=m6g|m7g", true),
            ("family!=m6g|m7g", false),
            ("vcpu>4", false),
            ("vcpu < 5", true),
            ("memory>=16Gi,memory<=16Gi", true),
            ("memory>16Gi", false),
            ("price<=0.2", true),
            ("spot-price<1", false),
            ("gpu=t4", false),
            ("gpu!=t4", true),
            ("name=m7g.xlarge", true),
            ("karpenter.k8s.aws/instance-family=m7g", true),
            ("", true),
        ] {
            assert_eq!(Filter::parse(text).unwrap().holds(&row()), holds, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        for (text, message) in [
            ("m7g", "condition \"m7g\" has no operator"),
            ("colour=red", "condition \"colour=red\": no field \"colour\""),
            ("vcpu>=many", "condition \"vcpu>=many\" compares with \"many\", which is no number"),
        ] {
            assert_eq!(Filter::parse(text).unwrap_err().message, message);
        }
    }
}
