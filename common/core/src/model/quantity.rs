//! Kubernetes quantities: exact decimal amounts with the text form the API server would print.
//!
//! A [`Quantity`] is a count of 1e-9 units (so `100m` cpu is 100,000,000 nanos, `1Gi` is 1,073,741,824e9) and
//! the [`Format`] it was written in, which addition carries along as the Go type does. Finer amounts round up
//! to one nano, as the API machinery does.
//! Semantics: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_UNIT: i128 = 1_000_000_000;

/// How a quantity prints: `1500m` and `2k`, `1Gi`, or `1e3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Powers of ten with suffixes `n u m "" k M G T P E`.
    #[default]
    DecimalSi,
    /// Powers of 1024 with suffixes `Ki Mi Gi Ti Pi Ei`.
    BinarySi,
    /// Powers of ten written `1e3`.
    DecimalExponent,
}

/// An exact amount of a resource. Equality, order and hash look at the amount only, never at the format.
#[derive(Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a quantity (examples: 500m, 2, 1.5Gi)")]
pub struct ParseQuantityError {
    /// The text as it was given.
    pub text: String,
}

impl Quantity {
    /// Nothing, in decimal format.
    pub const ZERO: Quantity = Quantity { nanos: 0, format: Format::DecimalSi };

    /// `nanos` × 1e-9 units.
    pub const fn from_nanos(nanos: i128, format: Format) -> Self {
        Self { nanos, format }
    }

    /// Whole units in decimal format: cpus, counts.
    pub const fn from_units(units: i64) -> Self {
        Self { nanos: units as i128 * NANOS_PER_UNIT, format: Format::DecimalSi }
    }

    /// Thousandths in decimal format: millicores.
    pub const fn from_milli(milli: i64) -> Self {
        Self { nanos: milli as i128 * (NANOS_PER_UNIT / 1000), format: Format::DecimalSi }
    }

    /// Bytes in binary format.
    pub const fn from_bytes(bytes: i64) -> Self {
        Self { nanos: bytes as i128 * NANOS_PER_UNIT, format: Format::BinarySi }
    }

    /// The amount in 1e-9 units.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// The format it prints in.
    pub const fn format(self) -> Format {
        self.format
    }

    /// The same amount in another format.
    pub const fn with_format(self, format: Format) -> Self {
        Self { nanos: self.nanos, format }
    }

    /// The amount in whole units, rounded up (Go `Quantity.Value`); saturates at the ends of `i64`.
    pub fn value(self) -> i64 {
        clamp_i64(div_ceil(self.nanos, NANOS_PER_UNIT))
    }

    /// The amount in thousandths, rounded up (Go `Quantity.MilliValue`); saturates at the ends of `i64`.
    pub fn milli_value(self) -> i64 {
        clamp_i64(div_ceil(self.nanos, NANOS_PER_UNIT / 1000))
    }

    /// The amount as a float, for shares and bars, never for decisions.
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANOS_PER_UNIT as f64
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The amount without any suffix, as `Quantity.AsDec` prints it (`1.5`, `2000`): used in limit errors.
    pub fn plain_decimal(self) -> String {
        let magnitude = self.nanos.unsigned_abs();
        let (units, fraction) = (magnitude / NANOS_PER_UNIT as u128, magnitude % NANOS_PER_UNIT as u128);
        let sign = if self.nanos < 0 { "-" } else { "" };
        if fraction == 0 {
            return format!("{sign}{units}");
        }
        let digits = format!("{fraction:09}");
        format!("{sign}{units}.{}", digits.trim_end_matches('0'))
    }
}

fn clamp_i64(value: i128) -> i64 {
    value.clamp(i64::MIN as i128, i64::MAX as i128) as i64
}

fn div_ceil(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0)
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}
impl Eq for Quantity {}
impl std::hash::Hash for Quantity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// The left operand's format stays, unless it is zero: then the right's is taken.
fn joined_format(left: Quantity, right: Quantity) -> Format {
    if left.is_zero() { right.format } else { left.format }
}

impl Add for Quantity {
    type Output = Quantity;
    fn add(self, right: Quantity) -> Quantity {
        Quantity { nanos: self.nanos.saturating_add(right.nanos), format: joined_format(self, right) }
    }
}
impl Sub for Quantity {
    type Output = Quantity;
    fn sub(self, right: Quantity) -> Quantity {
        Quantity { nanos: self.nanos.saturating_sub(right.nanos), format: joined_format(self, right) }
    }
}
impl Neg for Quantity {
    type Output = Quantity;
    fn neg(self) -> Quantity {
        Quantity { nanos: self.nanos.saturating_neg(), format: self.format }
    }
}
impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Quantity>>(quantities: I) -> Quantity {
        quantities.fold(Quantity::ZERO, |total, quantity| total + quantity)
    }
}

/// Largest suffix first: power of 1024, power of ten, text.
const BINARY_SUFFIXES: [(u32, &str); 6] = [(6, "Ei"), (5, "Pi"), (4, "Ti"), (3, "Gi"), (2, "Mi"), (1, "Ki")];
const DECIMAL_SUFFIXES: [(i32, &str); 10] =
    [(18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k"), (0, ""), (-3, "m"), (-6, "u"), (-9, "n")];

impl fmt::Display for Quantity {
    /// The canonical text: the largest suffix that keeps an integer mantissa.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return out.write_str("0");
        }
        let binary = self.format == Format::BinarySi
            && self.nanos.unsigned_abs() >= 1024 * NANOS_PER_UNIT as u128
            && self.nanos % NANOS_PER_UNIT == 0;
        if binary {
            let units = self.nanos / NANOS_PER_UNIT;
            for (power, suffix) in BINARY_SUFFIXES {
                let base = 1i128 << (10 * power);
                if units % base == 0 {
                    return write!(out, "{}{suffix}", units / base);
                }
            }
            return write!(out, "{units}");
        }
        for (power, suffix) in DECIMAL_SUFFIXES {
            let base = 10i128.pow((power + 9) as u32);
            if self.nanos % base == 0 {
                let mantissa = self.nanos / base;
                return match self.format {
                    Format::DecimalExponent if power == 0 => write!(out, "{mantissa}"),
                    Format::DecimalExponent => write!(out, "{mantissa}e{power}"),
                    _ => write!(out, "{mantissa}{suffix}"),
                };
            }
        }
        write!(out, "{}n", self.nanos)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseQuantityError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Quantity> {
    let bytes = text.as_bytes();
    let (negative, start) = match bytes.first()? {
        b'-' => (true, 1),
        b'+' => (false, 1),
        _ => (false, 0),
    };
    let mut end = start;
    let mut mantissa: i128 = 0;
    let mut fraction_digits: i32 = 0;
    let mut seen_digit = false;
    let mut seen_point = false;
    let mut dropped_nonzero = false;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                // Beyond 27 digits nothing more can be held; remember only that the rest was not zero.
                if mantissa < 10i128.pow(27) {
                    mantissa = mantissa * 10 + i128::from(byte - b'0');
                    fraction_digits += i32::from(seen_point);
                } else if seen_point {
                    dropped_nonzero |= byte != b'0';
                } else {
                    return None;
                }
            }
            b'.' if !seen_point => seen_point = true,
            _ => break,
        }
        end += 1;
    }
    if !seen_digit {
        return None;
    }
    let (power_of_two, power_of_ten, format) = suffix(text.get(end..)?)?;
    let exponent = power_of_ten - fraction_digits + 9;
    let scaled = mantissa.checked_mul(1i128 << power_of_two)?;
    let mut nanos = if exponent >= 0 {
        scaled.checked_mul(10i128.checked_pow(exponent as u32)?)?
    } else if exponent < -38 {
        i128::from(scaled != 0)
    } else {
        div_ceil(scaled, 10i128.pow((-exponent) as u32))
    };
    nanos += i128::from(dropped_nonzero);
    // The API machinery caps at 2^63-1 units.
    nanos = nanos.min(i128::from(i64::MAX) * NANOS_PER_UNIT);
    Some(Quantity { nanos: if negative { -nanos } else { nanos }, format })
}

/// (power of two, power of ten, format) of a suffix.
fn suffix(text: &str) -> Option<(u32, i32, Format)> {
    if let Some((power, _)) = BINARY_SUFFIXES.iter().find(|(_, suffix)| *suffix == text) {
        return Some((10 * power, 0, Format::BinarySi));
    }
    if let Some((power, _)) = DECIMAL_SUFFIXES.iter().find(|(_, suffix)| *suffix == text) {
        return Some((0, *power, Format::DecimalSi));
    }
    let exponent = text.strip_prefix(['e', 'E'])?;
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    (-30..=30).contains(&exponent).then_some((0, exponent, Format::DecimalExponent))
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// Accepts what the API server accepts: text, or a bare number (`cpu: 1`, `cpu: 0.5`).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Quantity;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a quantity such as \"500m\" or \"2Gi\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, units: u64) -> Result<Quantity, E> {
                Ok(Quantity { nanos: i128::from(units) * NANOS_PER_UNIT, format: Format::DecimalSi })
            }
            fn visit_i64<E: serde::de::Error>(self, units: i64) -> Result<Quantity, E> {
                Ok(Quantity::from_units(units))
            }
            fn visit_f64<E: serde::de::Error>(self, units: f64) -> Result<Quantity, E> {
                units.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: &str, nanos: i128) {
        let quantity: Quantity = text.parse().unwrap();
        assert_eq!((quantity.to_string().as_str(), quantity.nanos()), (canonical, nanos), "{text}");
    }

    #[test]
    fn parses_and_prints_canonically() {
        check("0", "0", 0);
        check("1", "1", NANOS_PER_UNIT);
        check("1500m", "1500m", 1_500_000_000);
        check("1.5", "1500m", 1_500_000_000);
        check("2000m", "2", 2 * NANOS_PER_UNIT);
        check("1000", "1k", 1000 * NANOS_PER_UNIT);
        check("1M", "1M", 1_000_000 * NANOS_PER_UNIT);
        check("1024Mi", "1Gi", (1 << 30) * NANOS_PER_UNIT);
        check("1.5Gi", "1536Mi", 3 * (1 << 29) * NANOS_PER_UNIT);
        check("512", "512", 512 * NANOS_PER_UNIT);
        check("0.5Ki", "512", 512 * NANOS_PER_UNIT);
        check("1e3", "1e3", 1000 * NANOS_PER_UNIT);
        check("5e0", "5", 5 * NANOS_PER_UNIT);
        check("100n", "100n", 100);
        check("0.1n", "1n", 1);
        check("-2", "-2", -2 * NANOS_PER_UNIT);
        check("1800M", "1800M", 1_800_000_000 * NANOS_PER_UNIT);
    }

    #[test]
    fn refuses_what_the_api_server_refuses() {
        for text in ["", "Gi", "1gi", "1 Gi", "--1", "1..2", "e3", "1e", "0x10", "١"] {
            assert!(text.parse::<Quantity>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn addition_keeps_the_left_format_unless_zero() {
        let binary: Quantity = "1Gi".parse().unwrap();
        let decimal: Quantity = "1k".parse().unwrap();
        assert_eq!((binary + decimal).format(), Format::BinarySi);
        assert_eq!((Quantity::ZERO + binary).format(), Format::BinarySi);
        assert_eq!((decimal - binary).format(), Format::DecimalSi);
    }

    #[test]
    fn rounds_up_where_go_does() {
        assert_eq!("1500m".parse::<Quantity>().unwrap().value(), 2);
        assert_eq!("-1500m".parse::<Quantity>().unwrap().value(), -1);
        assert_eq!("100u".parse::<Quantity>().unwrap().milli_value(), 1);
        assert_eq!("1500m".parse::<Quantity>().unwrap().plain_decimal(), "1.5");
    }
}
