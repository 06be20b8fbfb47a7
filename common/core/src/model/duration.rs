//! Durations as Go writes them: `720h`, `1h30m`, `1m30.5s`.
//!
//! Semantics: <https://pkg.go.dev/time#ParseDuration>.

/// Nanoseconds of a Go duration; none where it is no duration (`Never`, `30d`) or does not fit.
pub fn parse_go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(rest);
        let (whole_text, after) = rest.split_at(whole);
        let (fraction_text, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        if whole_text.is_empty() && fraction_text.is_empty() {
            return None;
        }
        let unit_length = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let amount: i128 = if whole_text.is_empty() { 0 } else { whole_text.parse().ok()? };
        nanos = nanos.checked_add(amount.checked_mul(scale)?)?;
        // Digits beyond the fifteenth are below a nanosecond for every unit.
        let fraction_text = fraction_text.get(..15).unwrap_or(fraction_text);
        if !fraction_text.is_empty() {
            let fraction: i128 = fraction_text.parse().ok()?;
            nanos += fraction * scale / 10i128.pow(fraction_text.len() as u32);
        }
        rest = after;
    }
    i64::try_from(if negative { -nanos } else { nanos }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        const SECOND: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("720h", Some(720 * 3600 * SECOND)),
            ("1h30m", Some(5400 * SECOND)),
            ("1m30.5s", Some(90 * SECOND + SECOND / 2)),
            (".5s", Some(SECOND / 2)),
            ("-2m", Some(-120 * SECOND)),
            ("5µs", Some(5000)),
            ("2540400h10m10s", Some((2_540_400 * 3600 + 610) * SECOND)),
            ("2562048h", None),
            ("", None),
            ("-", None),
            ("5", None),
            ("30d", None),
            ("Never", None),
            ("1h ", None),
        ] {
            assert_eq!(parse_go_duration(text), nanos, "{text:?}");
        }
    }
}
