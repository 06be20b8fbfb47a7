//! Words of reports: quantities, lists, requirements, ages, money, in the one way every screen writes them.

use compact_str::CompactString;
use jiff::Timestamp;

use super::cause::short_key;
use crate::model::{Operator, PriceKind, Quantity, Requirement, ResourceList, resource_name};

/// A quantity as people read it: exact where that is short, else rounded to three digits or more.
pub fn quantity(quantity: Quantity) -> String {
    let exact = quantity.to_string();
    if exact.len() <= 9 {
        return exact;
    }
    let amount = quantity.as_f64();
    let magnitude = amount.abs();
    for (suffix, unit) in
        [("Ti", 1024f64.powi(4)), ("Gi", 1024f64.powi(3)), ("Mi", 1024f64.powi(2)), ("Ki", 1024f64)]
    {
        if magnitude >= unit {
            return format!("{}{suffix}", three_digits(amount / unit));
        }
    }
    exact
}

fn three_digits(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.digits$}")
}

/// What a pod asks: `9 cpu, 20Gi memory`. `pods` is left out; cpu and memory come first.
pub fn requests(list: &ResourceList) -> String {
    let mut parts: Vec<(usize, String)> = list
        .iter()
        .filter(|(name, amount)| *name != resource_name::PODS && !amount.is_zero())
        .map(|(name, amount)| {
            let rank = match name {
                resource_name::CPU => 0,
                resource_name::MEMORY => 1,
                _ => 2,
            };
            (rank, format!("{} {name}", quantity(amount)))
        })
        .collect();
    parts.sort_by_key(|(rank, _)| *rank);
    parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(", ")
}

/// A requirement with its key: `arch=amd64`, `zone in [a b]`, `instance-cpu > 4`.
pub fn wish(requirement: &Requirement) -> String {
    let key = short_key(&requirement.key);
    key_and(key, requirement)
}

/// The same with the full key: `kubernetes.io/arch=amd64`.
pub fn full_wish(requirement: &Requirement) -> String {
    key_and(&requirement.key, requirement)
}

fn key_and(key: &str, requirement: &Requirement) -> String {
    let mut text = match (requirement.operator(), requirement.values.len()) {
        (Operator::In, 1) => format!("{key}={}", requirement.values.iter().next().map_or("", |v| v)),
        (Operator::In, _) => format!("{key} in {}", values(requirement.values.iter())),
        (Operator::NotIn, _) => format!("{key} not in {}", values(requirement.values.iter())),
        (Operator::DoesNotExist, _) => format!("no {key}"),
        _ if requirement.gte.is_some() || requirement.lte.is_some() => key.to_owned(),
        _ => format!("{key} exists"),
    };
    for (sign, bound) in [(">=", requirement.gte), ("<=", requirement.lte)] {
        if let Some(bound) = bound {
            text.push_str(&format!(" {sign} {bound}"));
        }
    }
    text
}

/// Operator and values as the API writes them: `In [on-demand]`, `Exists >=2`.
pub fn operator_and_values(requirement: &Requirement) -> String {
    let text = requirement.to_string();
    text.strip_prefix(requirement.key.as_str()).map_or(text.clone(), |rest| rest.trim().to_owned())
}

/// `[a b c]`, cut at six with the number left out.
pub fn values<'a>(values: impl Iterator<Item = &'a CompactString>) -> String {
    const SHOWN: usize = 6;
    let all: Vec<&str> = values.map(CompactString::as_str).collect();
    let mut shown: Vec<String> = all.iter().take(SHOWN).map(|value| (*value).to_owned()).collect();
    if all.len() > SHOWN {
        shown.push(format!("... {} more", all.len() - SHOWN));
    }
    format!("[{}]", shown.join(" "))
}

/// Zones of one region, written short: `us-east-1a, b or c`.
pub fn zones(zones: &[CompactString], last: &str) -> String {
    let Some(first) = zones.first() else { return "no zone".to_owned() };
    let stem = first.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let short =
        |zone: &str| zone.strip_prefix(stem).filter(|rest| rest.len() == 1).unwrap_or(zone).to_owned();
    let mut words = vec![first.to_string()];
    words.extend(zones[1..].iter().map(|zone| short(zone)));
    list(&words, last)
}

/// `a`, `a or b`, `a, b or c`.
pub fn list(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// `6 NodePools (a, b, c, d, e, f)`; beyond eight the rest is counted.
pub fn node_pools(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let rest = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", ... {more} more"),
    };
    format!("{} NodePools ({shown}{rest})", names.len())
}

/// `1 pod`, `3 pods`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Time between two moments: `45s`, `2m`, `6h10m`, `21d`.
pub fn age(from: Timestamp, to: Timestamp) -> String {
    seconds(to.as_second().saturating_sub(from.as_second()).max(0))
}

/// A length of time: `45s`, `2m`, `6h10m`, `21d`.
pub fn seconds(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (2.., _, _) => format!("{days}d"),
        (_, 10.., _) => format!("{hours}h"),
        (_, 1.., _) if minutes % 60 == 0 => format!("{hours}h"),
        (_, 1.., _) => format!("{hours}h{}m", minutes % 60),
        (_, _, 1..) => format!("{minutes}m"),
        _ => format!("{seconds}s"),
    }
}

/// `$0.5440/h`, `<=$1.0880/h`, `<unknown>`.
pub fn price(usd: f64, kind: PriceKind) -> String {
    match kind {
        PriceKind::Unknown => "price <unknown>".to_owned(),
        _ if !usd.is_finite() => "price <unknown>".to_owned(),
        PriceKind::Ceiling => format!("<=${usd:.4}/h"),
        _ => format!("${usd:.4}/h"),
    }
}

/// `kind/name -n namespace`, to paste behind a kubectl verb.
pub fn object(kind: &str, namespace: &str, name: &str) -> String {
    let kind = short_kind(kind);
    if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{name} -n {namespace}") }
}

/// The short name kubectl has for a kind.
pub fn short_kind(kind: &str) -> String {
    match kind {
        "Deployment" => "deploy".to_owned(),
        "StatefulSet" => "sts".to_owned(),
        "DaemonSet" => "daemonset".to_owned(),
        "ReplicaSet" => "rs".to_owned(),
        "ReplicationController" => "rc".to_owned(),
        "PersistentVolumeClaim" => "pvc".to_owned(),
        other => other.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact_where_short() {
        for (text, shown) in [
            ("9130m", "9130m"),
            ("29447Mi", "29447Mi"),
            ("100G", "100G"),
            ("15243876Ki", "14.5Gi"),
            ("511961Mi", "511961Mi"),
            ("17Gi", "17Gi"),
        ] {
            assert_eq!(quantity(text.parse().unwrap()), shown);
        }
    }

    #[test]
    fn zones_share_their_stem() {
        let zones_of =
            |all: &[&str]| -> Vec<CompactString> { all.iter().map(|zone| (*zone).into()).collect() };
        assert_eq!(zones(&zones_of(&["us-east-1a", "us-east-1b", "us-east-1c"]), "or"), "us-east-1a, b or c");
        assert_eq!(zones(&zones_of(&["us-east-1a"]), "or"), "us-east-1a");
        assert_eq!(zones(&zones_of(&["test-zone-1", "test-zone-2"]), "or"), "test-zone-1 or test-zone-2");
    }

    #[test]
    fn ages_have_one_or_two_units() {
        for (given, shown) in
            [(45, "45s"), (150, "2m"), (3600, "1h"), (22_200, "6h10m"), (90_000, "25h"), (1_814_400, "21d")]
        {
            assert_eq!(seconds(given), shown);
        }
    }
}
