//! Durations as Go writes them: `30m`, `1h30m`, `500ms`, and Karpenter's `Never`.
//!
//! Format and error texts: <https://pkg.go.dev/time#ParseDuration>, <https://pkg.go.dev/time#Duration.String>.
//! Karpenter prints both in events, so they are reproduced exactly.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// A signed length of time in nanoseconds, as Go's `time.Duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GoDuration(i64);

/// Text that is no duration, in Go's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseGoDurationError {
    /// Not of the form at all, or out of range.
    #[error("time: invalid duration {}", quoted(.text))]
    Invalid {
        /// The text as it was given.
        text: String,
    },
    /// A number without a unit.
    #[error("time: missing unit in duration {}", quoted(.text))]
    MissingUnit {
        /// The text as it was given.
        text: String,
    },
    /// A unit that Go does not know, such as `d`.
    #[error("time: unknown unit {} in duration {}", quoted(.unit), quoted(.text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The text as it was given.
        text: String,
    },
}

/// Quoted as Go's `time` package quotes: `"` and `\` escaped, control and non-ASCII bytes as `\xNN`.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        if character == '"' || character == '\\' {
            out.push('\\');
            out.push(character);
        } else if character.is_ascii() && character >= ' ' {
            out.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                out.push_str(&format!("\\x{byte:02x}"));
            }
        }
    }
    out.push('"');
    out
}

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5
    ("μs", 1_000), // U+03BC
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl GoDuration {
    /// No time at all.
    pub const ZERO: GoDuration = GoDuration(0);

    /// Whole seconds; saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds, with fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time between two moments; negative where `from` is later. Saturates as Go does.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        let nanos = to.as_nanosecond() - from.as_nanosecond();
        Self(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// The moment this much later; the ends of time where that does not exist.
    pub fn after(self, moment: Timestamp) -> Timestamp {
        let nanos = moment.as_nanosecond() + i128::from(self.0);
        Timestamp::from_nanosecond(nanos).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// The moment this much earlier.
    pub fn before(self, moment: Timestamp) -> Timestamp {
        GoDuration(self.0.saturating_neg()).after(moment)
    }
}

impl FromStr for GoDuration {
    type Err = ParseGoDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseGoDurationError::Invalid { text: text.to_owned() };
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        // The magnitude of the most negative value is allowed.
        const LIMIT: u64 = 1 << 63;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            if !rest.starts_with(|first: char| first == '.' || first.is_ascii_digit()) {
                return Err(invalid());
            }
            let (whole_text, after) = split_digits(rest);
            let whole = leading_integer(whole_text).ok_or_else(invalid)?;
            let (fraction_text, after) = match after.strip_prefix('.') {
                Some(after) => split_digits(after),
                None => ("", after),
            };
            if whole_text.is_empty() && fraction_text.is_empty() {
                return Err(invalid());
            }
            let unit_end = after
                .find(|character: char| character == '.' || character.is_ascii_digit())
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            if unit.is_empty() {
                return Err(ParseGoDurationError::MissingUnit { text: text.to_owned() });
            }
            let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
            let Some(scale) = scale else {
                return Err(ParseGoDurationError::UnknownUnit {
                    unit: unit.to_owned(),
                    text: text.to_owned(),
                });
            };
            let mut value = whole.checked_mul(scale).filter(|value| *value <= LIMIT).ok_or_else(invalid)?;
            value += fraction_nanos(fraction_text, scale);
            total = total.checked_add(value).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
            rest = after;
        }
        match (negative, i64::try_from(total)) {
            (true, Ok(total)) => Ok(Self(-total)),
            (true, Err(_)) => Ok(Self(i64::MIN)),
            (false, Ok(total)) => Ok(Self(total)),
            (false, Err(_)) => Err(invalid()),
        }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Digits as a number up to 2^63; none where they are more.
fn leading_integer(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0u64, |value, digit| {
        value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .filter(|value| *value <= 1 << 63)
    })
}

/// The fraction of a unit, truncated to nanoseconds; digits beyond what fits are dropped.
fn fraction_nanos(digits: &str, scale: u64) -> u64 {
    let mut value: u64 = 0;
    let mut divisor = 1.0f64;
    for digit in digits.bytes() {
        let Some(next) = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .filter(|next| *next <= i64::MAX as u64)
        else {
            break;
        };
        value = next;
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u64
}

impl fmt::Display for GoDuration {
    /// `1h30m0s`, `1.5s`, `250ms`, `0s`: as Go prints it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            out.write_str("-")?;
        }
        match nanos {
            0 => out.write_str("0s"),
            1..1_000 => write!(out, "{nanos}ns"),
            1_000..1_000_000 => write!(out, "{}µs", decimal(nanos, 1_000)),
            1_000_000..1_000_000_000 => write!(out, "{}ms", decimal(nanos, 1_000_000)),
            _ => {
                let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
                if minutes >= 60 {
                    write!(out, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(out, "{}m", minutes % 60)?;
                }
                write!(out, "{}s", decimal(rest, 1_000_000_000))
            }
        }
    }
}

/// `value / unit` without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{fraction:0width$}").trim_end_matches('0').to_owned()
}

/// Nanoseconds of a Go duration; none where it is no duration (`Never`, `30d`) or does not fit.
pub fn parse_go_duration(text: &str) -> Option<i64> {
    text.parse::<GoDuration>().ok().map(GoDuration::nanos)
}

/// A duration that may be switched off: none = `Never`. Karpenter: pkg/apis/v1/duration.go (`NillableDuration`).
///
/// # Errors
/// In Go's words, when the text is neither `Never` nor a duration.
pub fn parse_nillable(text: &str) -> Result<Option<GoDuration>, ParseGoDurationError> {
    if text == "Never" { Ok(None) } else { text.parse().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints_as_go_does() {
        for (text, nanos, printed) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("5s", 5_000_000_000, "5s"),
            ("1478s", 1_478_000_000_000, "24m38s"),
            ("-5s", -5_000_000_000, "-5s"),
            ("+5.5s", 5_500_000_000, "5.5s"),
            (".5s", 500_000_000, "500ms"),
            ("5.s", 5_000_000_000, "5s"),
            ("1.004s", 1_004_000_000, "1.004s"),
            ("10ns", 10, "10ns"),
            ("12us", 12_000, "12µs"),
            ("12µs", 12_000, "12µs"),
            ("12.5ms", 12_500_000, "12.5ms"),
            ("3h30m", 12_600_000_000_000, "3h30m0s"),
            ("720h", 2_592_000_000_000_000, "720h0m0s"),
            ("1h1s", 3_601_000_000_000, "1h0m1s"),
            ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
            ("9223372036854775807ns", i64::MAX, "2562047h47m16.854775807s"),
        ] {
            let duration: GoDuration = text.parse().unwrap();
            assert_eq!((duration.nanos(), duration.to_string().as_str()), (nanos, printed), "{text}");
        }
    }

    #[test]
    fn refuses_in_gos_words() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("3", r#"time: missing unit in duration "3""#),
            ("-", r#"time: invalid duration "-""#),
            ("s", r#"time: invalid duration "s""#),
            (".", r#"time: invalid duration ".""#),
            (".s", r#"time: invalid duration ".s""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1h30", r#"time: missing unit in duration "1h30""#),
            ("false", r#"time: invalid duration "false""#),
            ("1 h", r#"time: unknown unit " h" in duration "1 h""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("\u{85}1", r#"time: invalid duration "\xc2\x851""#),
        ] {
            assert_eq!(text.parse::<GoDuration>().unwrap_err().to_string(), message, "{text:?}");
        }
    }

    #[test]
    fn never_is_none() {
        assert_eq!(parse_nillable("Never"), Ok(None));
        assert_eq!(parse_nillable("30m"), Ok(Some(GoDuration::from_seconds(1800))));
        assert!(parse_nillable("never").is_err());
    }
}
