//! Figures for people: durations, ages, money, amounts of resources.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use karp_core::model::{Format, Quantity};

/// Hours that a month is counted with.
const HOURS_PER_MONTH: f64 = 730.0;

/// An age as kubectl prints it in its AGE column: `40s`, `2m10s`, `14m`, `6h10m`, `21d`.
pub fn age(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs();
    if seconds < 0 {
        return "0s".to_owned();
    }
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{small_unit}") }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => two(days, "d", hours % 24, "h"),
        () if hours < 24 * 365 * 2 => format!("{days}d"),
        () if hours < 24 * 365 * 8 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

/// A length of time by its two largest units: `40s`, `5m02s`, `1h25m`, `2d3h`.
pub fn duration(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |large: i64, unit: &str, small: i64, small_unit: &str, digits: usize| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small:0digits$}{small_unit}"),
    };
    match () {
        () if days > 0 => two(days, "d", hours, "h", 1),
        () if hours > 0 => two(hours, "h", minutes, "m", 2),
        () if minutes > 0 => two(minutes, "m", seconds % 60, "s", 2),
        () => format!("{seconds}s"),
    }
}

/// A clock time with its zone: `14:30 CET`; with the date where it is another day than `now`.
pub fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = if at.date() == now.date() { "%H:%M %Z" } else { "%Y-%m-%d %H:%M %Z" };
    at.strftime(format).to_string()
}

/// A price by the hour: `$0.5440/h`.
pub fn dollars_per_hour(dollars: f64) -> String {
    format!("${dollars:.4}/h")
}

/// A price by the hour as a month of 730 h: `$397/mo`.
pub fn dollars_per_month(dollars_per_hour: f64) -> String {
    format!("${:.0}/mo", dollars_per_hour * HOURS_PER_MONTH)
}

/// An amount of a resource: `9130m` cpu, `14.2Gi`. Bytes round to three digits at least, which is what a figure
/// must have to be found again; all else is exact.
pub fn amount(quantity: Quantity) -> String {
    const UNITS: [(&str, u32); 5] = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10), ("", 0)];
    if quantity.format() != Format::BinarySi || quantity.is_zero() {
        return quantity.to_string();
    }
    let bytes = quantity.as_f64();
    let (suffix, power) =
        UNITS.into_iter().find(|(_, power)| bytes.abs() >= f64::from(*power).exp2()).unwrap_or(("", 0));
    let number = bytes / f64::from(power).exp2();
    let decimals = match number.abs() {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_as_kubectl() {
        let from = Timestamp::UNIX_EPOCH;
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (130, "2m10s"),
            (840, "14m"),
            (22_200, "6h10m"),
            (86_400, "24h"),
            (3 * 86_400, "3d"),
            (21 * 86_400, "21d"),
            (800 * 86_400, "2y70d"),
        ] {
            assert_eq!(age(from, Timestamp::from_second(seconds).unwrap()), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in
            [(40, "40s"), (302, "5m02s"), (120, "2m"), (5100, "1h25m"), (7500, "2h05m"), (183_600, "2d3h")]
        {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn amounts_round_bytes_only() {
        for (written, text) in [
            ("9130m", "9130m"),
            ("20Gi", "20Gi"),
            ("29317Mi", "28.6Gi"),
            ("1280Mi", "1.25Gi"),
            ("240Mi", "240Mi"),
            ("1023Mi", "1023Mi"),
            ("1G", "1G"),
            ("0", "0"),
        ] {
            assert_eq!(amount(written.parse().unwrap()), text, "{written}");
        }
    }

    #[test]
    fn money() {
        assert_eq!(
            (dollars_per_hour(0.544), dollars_per_month(0.544)),
            ("$0.5440/h".into(), "$397/mo".into())
        );
    }
}
