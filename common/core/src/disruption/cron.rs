//! Cron schedules of disruption budgets, exactly as the controller reads them.
//!
//! Mirrors robfig/cron v3.0.1 (parser.go `ParseStandard`, spec.go `Next`, constantdelay.go), which Karpenter calls
//! with `TZ=UTC ` put in front (karpenter: pkg/apis/v1/nodepool.go). So times are UTC, and a zone inside the
//! schedule (`TZ=Europe/Berlin 0 9 * * *`) is one field too many: an error. Day of month and day of week are
//! alternatives unless one of them contains a plain `*`; `*/2` is no plain star.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::model::{GoDuration, ParseGoDurationError};

/// When something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At the minutes that the five fields allow.
    Fields(Fields),
    /// `@every`: a delay counted from whatever moment one asks about, in seconds.
    Every(i64),
}

/// Bit masks of the five fields; bit 63 says that a plain star was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 1 to 31.
    pub day_of_month: u64,
    /// 1 to 12.
    pub month: u64,
    /// 0 (Sunday) to 6.
    pub day_of_week: u64,
}

/// A schedule the controller cannot read, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Other than five fields.
    #[error("expected exactly 5 fields, found {count}: [{fields}]")]
    FieldCount {
        /// How many there are.
        count: usize,
        /// The fields.
        fields: String,
    },
    /// Neither a number nor a name of that field.
    #[error("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: {problem}")]
    Number {
        /// The text.
        text: String,
        /// What Go says of it.
        problem: &'static str,
    },
    /// `1-2-3`.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// `1/2/3`.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// Below the field's first value.
    #[error("beginning of range ({start}) below minimum ({minimum}): {text}")]
    BelowMinimum {
        /// Start of the range.
        start: u64,
        /// First value of the field.
        minimum: u64,
        /// The text.
        text: String,
    },
    /// Above the field's last value.
    #[error("end of range ({end}) above maximum ({maximum}): {text}")]
    AboveMaximum {
        /// End of the range.
        end: u64,
        /// Last value of the field.
        maximum: u64,
        /// The text.
        text: String,
    },
    /// `5-1`.
    #[error("beginning of range ({start}) beyond end of range ({end}): {text}")]
    Reversed {
        /// Start of the range.
        start: u64,
        /// End of the range.
        end: u64,
        /// The text.
        text: String,
    },
    /// `*/0`.
    #[error("step of range should be a positive number: {0}")]
    ZeroStep(String),
    /// An unknown word after `@`.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// `@every` without a duration.
    #[error("failed to parse duration {descriptor}: {cause}")]
    Every {
        /// The whole text.
        descriptor: String,
        /// What is wrong with the duration.
        cause: ParseGoDurationError,
    },
}

const STAR: u64 = 1 << 63;

struct Bounds {
    minimum: u64,
    maximum: u64,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { minimum: 0, maximum: 59, names: &[] };
const HOURS: Bounds = Bounds { minimum: 0, maximum: 23, names: &[] };
const DAYS_OF_MONTH: Bounds = Bounds { minimum: 1, maximum: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    minimum: 1,
    maximum: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAYS_OF_WEEK: Bounds =
    Bounds { minimum: 0, maximum: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Bounds {
    fn all(&self) -> u64 {
        span(self.minimum, self.maximum, 1) | STAR
    }

    fn first(&self) -> u64 {
        1 << self.minimum
    }

    fn number(&self, text: &str) -> Result<u64, CronError> {
        let name = text.to_ascii_lowercase();
        match self.names.iter().position(|known| *known == name) {
            Some(position) => Ok(self.minimum + position as u64),
            None => number(text),
        }
    }
}

impl Schedule {
    /// Reads a schedule as it stands in a budget.
    ///
    /// # Errors
    /// In the controller's words; the budget then allows nothing.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        if text.starts_with('@') {
            return descriptor(text);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            return Err(CronError::FieldCount { count: fields.len(), fields: fields.join(" ") });
        };
        Ok(Schedule::Fields(Fields {
            minute: field(minute, &MINUTES)?,
            hour: field(hour, &HOURS)?,
            day_of_month: field(day_of_month, &DAYS_OF_MONTH)?,
            month: field(month, &MONTHS)?,
            day_of_week: field(day_of_week, &DAYS_OF_WEEK)?,
        }))
    }

    /// The first moment strictly later than `moment`; none where there is none within five years.
    pub fn next(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Schedule::Every(seconds) => {
                let whole = Timestamp::from_second(moment.as_second()).ok()?;
                // Go subtracts the fraction of the second, also before 1970.
                let whole = if moment.subsec_nanosecond() < 0 {
                    GoDuration::from_seconds(1).before(whole)
                } else {
                    whole
                };
                Some(GoDuration::from_seconds(*seconds).after(whole))
            }
            Schedule::Fields(fields) => fields.next(moment),
        }
    }
}

fn descriptor(text: &str) -> Result<Schedule, CronError> {
    let fields = |hour, day_of_month, month, day_of_week| {
        Ok(Schedule::Fields(Fields { minute: MINUTES.first(), hour, day_of_month, month, day_of_week }))
    };
    let (any_day, any_month, any_weekday) = (DAYS_OF_MONTH.all(), MONTHS.all(), DAYS_OF_WEEK.all());
    match text {
        "@yearly" | "@annually" => fields(HOURS.first(), DAYS_OF_MONTH.first(), MONTHS.first(), any_weekday),
        "@monthly" => fields(HOURS.first(), DAYS_OF_MONTH.first(), any_month, any_weekday),
        "@weekly" => fields(HOURS.first(), any_day, any_month, DAYS_OF_WEEK.first()),
        "@daily" | "@midnight" => fields(HOURS.first(), any_day, any_month, any_weekday),
        "@hourly" => fields(HOURS.all(), any_day, any_month, any_weekday),
        _ => {
            let Some(delay) = text.strip_prefix("@every ") else {
                return Err(CronError::Descriptor(text.to_owned()));
            };
            let delay: GoDuration =
                delay.parse().map_err(|cause| CronError::Every { descriptor: text.to_owned(), cause })?;
            Ok(Schedule::Every((delay.nanos() / 1_000_000_000).max(1)))
        }
    }
}

fn number(text: &str) -> Result<u64, CronError> {
    let problem = |problem| CronError::Number { text: text.to_owned(), problem };
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problem("invalid syntax"));
    }
    digits.parse::<i64>().map(|value| value as u64).map_err(|_| problem("value out of range"))
}

/// A list of ranges; empty elements are passed over, so `,` alone allows nothing.
fn field(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    text.split(',')
        .filter(|element| !element.is_empty())
        .try_fold(0, |mask, element| Ok(mask | range(element, bounds)?))
}

/// `n`, `n-m`, `n/step`, `n-m/step`, with `*` or `?` for the whole field.
fn range(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let (start, mut end, mut star) = if matches!(ends[0], "*" | "?") {
        (bounds.minimum, bounds.maximum, STAR)
    } else {
        let start = bounds.number(ends[0])?;
        match ends[..] {
            [_] => (start, start, 0),
            [_, end] => (start, bounds.number(end)?, 0),
            _ => return Err(CronError::Hyphens(text.to_owned())),
        }
    };
    let step = match parts[..] {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            if ends.len() == 1 {
                end = bounds.maximum;
            }
            if step > 1 {
                star = 0;
            }
            step
        }
        _ => return Err(CronError::Slashes(text.to_owned())),
    };
    let text = || text.to_owned();
    if start < bounds.minimum {
        return Err(CronError::BelowMinimum { start, minimum: bounds.minimum, text: text() });
    }
    if end > bounds.maximum {
        return Err(CronError::AboveMaximum { end, maximum: bounds.maximum, text: text() });
    }
    if start > end {
        return Err(CronError::Reversed { start, end, text: text() });
    }
    if step == 0 {
        return Err(CronError::ZeroStep(text()));
    }
    Ok(span(start, end, step) | star)
}

fn span(start: u64, end: u64, step: u64) -> u64 {
    let mut mask = 0;
    let mut at = start;
    while at <= end {
        mask |= 1 << at;
        at = at.saturating_add(step);
    }
    mask
}

fn allows(mask: u64, value: i8) -> bool {
    mask & (1 << value) != 0
}

/// The smallest allowed value from `from` on.
fn first_allowed(mask: u64, from: i8) -> Option<i8> {
    let left = (mask & !STAR) >> from;
    (left != 0).then(|| from + left.trailing_zeros() as i8)
}

impl Fields {
    /// Day by day from the next full minute on, at most to the end of the fifth year.
    fn next(&self, moment: Timestamp) -> Option<Timestamp> {
        let second = moment.as_nanosecond().div_euclid(1_000_000_000) + 1;
        let start = Offset::UTC.to_datetime(Timestamp::from_second(i64::try_from(second).ok()?).ok()?);
        let last_year = start.year() + 5;
        let minute = (second + 59).div_euclid(60) * 60;
        let start = Offset::UTC.to_datetime(Timestamp::from_second(i64::try_from(minute).ok()?).ok()?);
        let (mut date, mut hour, mut minute) = (start.date(), start.hour(), start.minute());
        while date.year() <= last_year {
            if !allows(self.month, date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                (hour, minute) = (0, 0);
                continue;
            }
            let weekday = date.weekday().to_sunday_zero_offset();
            if self.allows_day(date.day(), weekday)
                && let Some((hour, minute)) = self.first_minute(hour, minute)
            {
                let found: DateTime = date.at(hour, minute, 0, 0);
                return Offset::UTC.to_timestamp(found).ok();
            }
            date = date.tomorrow().ok()?;
            (hour, minute) = (0, 0);
        }
        None
    }

    fn allows_day(&self, day: i8, weekday: i8) -> bool {
        let (by_date, by_weekday) = (allows(self.day_of_month, day), allows(self.day_of_week, weekday));
        if (self.day_of_month | self.day_of_week) & STAR != 0 {
            by_date && by_weekday
        } else {
            by_date || by_weekday
        }
    }

    /// The first allowed hour and minute of a day from there on.
    fn first_minute(&self, hour: i8, minute: i8) -> Option<(i8, i8)> {
        if allows(self.hour, hour)
            && let Some(minute) = first_allowed(self.minute, minute)
        {
            return Some((hour, minute));
        }
        Some((first_allowed(self.hour, hour + 1)?, first_allowed(self.minute, 0)?))
    }

    /// The one hour and minute of the day, where there is just one.
    pub fn time_of_day(&self) -> Option<(i8, i8)> {
        let single =
            |mask: u64| (mask & !STAR).is_power_of_two().then(|| (mask & !STAR).trailing_zeros() as i8);
        Some((single(self.hour)?, single(self.minute)?))
    }

    /// Days of the week for people, where only they decide the day: `daily`, `Mon-Fri`, `Sat,Sun`.
    pub fn weekdays(&self) -> Option<String> {
        let any_date = self.day_of_month & STAR != 0 && self.month & !STAR == MONTHS.all() & !STAR;
        let mask = self.day_of_week & !STAR;
        if !any_date || mask == 0 {
            return None;
        }
        if mask == DAYS_OF_WEEK.all() & !STAR {
            return Some("daily".into());
        }
        const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        // Monday first: weeks of operators end on Sunday.
        let days: Vec<usize> = (1..=7).map(|day| day % 7).filter(|day| mask & (1 << day) != 0).collect();
        let order = |day: usize| (day + 6) % 7;
        let mut parts: Vec<String> = Vec::new();
        let mut at = 0;
        while at < days.len() {
            let mut end = at;
            while end + 1 < days.len() && order(days[end + 1]) == order(days[end]) + 1 {
                end += 1;
            }
            match end - at {
                0 => parts.push(NAMES[days[at]].into()),
                1 => parts.extend([NAMES[days[at]].into(), NAMES[days[end]].into()]),
                _ => parts.push(format!("{}-{}", NAMES[days[at]], NAMES[days[end]])),
            }
            at = end + 1;
        }
        Some(parts.join(","))
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.weekdays(), self.time_of_day()) {
            (Some(days), Some((hour, minute))) => write!(out, "{days} {hour:02}:{minute:02}"),
            _ => out.write_str("at times of its own"),
        }
    }
}

#[cfg(test)]
mod tests;
