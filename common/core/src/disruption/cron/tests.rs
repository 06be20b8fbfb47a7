//! Cron schedules as the controller reads them.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check(schedule: &str, from: &str, next: &str) {
    let schedule = Schedule::parse(schedule).unwrap();
    let found = schedule.next(at(from)).map(|found| found.to_string()).unwrap_or_default();
    assert_eq!(found, next, "{schedule:?} after {from}");
}

#[test]
fn next_is_strictly_later_and_skips_what_the_fields_forbid() {
    // 2026-08-20 is a Thursday.
    check("0 9 * * 1-5", "2026-08-20T08:59:59Z", "2026-08-20T09:00:00Z");
    check("0 9 * * 1-5", "2026-08-20T09:00:00Z", "2026-08-21T09:00:00Z");
    check("0 9 * * 1-5", "2026-08-21T09:00:00.5Z", "2026-08-24T09:00:00Z");
    check("0 9 * * mon-FRI", "2026-08-22T00:00:00Z", "2026-08-24T09:00:00Z");
    check("* * * * *", "2026-08-20T12:00:00Z", "2026-08-20T12:01:00Z");
    check("5/15 * * * *", "2026-08-20T12:06:00Z", "2026-08-20T12:20:00Z");
    check("*/20 */6 * * *", "2026-08-20T12:40:00Z", "2026-08-20T18:00:00Z");
    check("0 0 29 2 *", "2026-08-20T12:00:00Z", "2028-02-29T00:00:00Z");
    check("0 0 1 jan ?", "2026-08-20T12:00:00Z", "2027-01-01T00:00:00Z");
    check("59 23 31 12 *", "2026-12-31T23:59:30Z", "2027-12-31T23:59:00Z");
    check("@daily", "2026-08-20T12:00:00Z", "2026-08-21T00:00:00Z");
    check("@midnight", "2026-08-20T12:00:00Z", "2026-08-21T00:00:00Z");
    check("@hourly", "2026-08-20T12:00:00Z", "2026-08-20T13:00:00Z");
    check("@weekly", "2026-08-20T12:00:00Z", "2026-08-23T00:00:00Z");
    check("@monthly", "2026-08-20T12:00:00Z", "2026-09-01T00:00:00Z");
    check("@annually", "2026-08-20T12:00:00Z", "2027-01-01T00:00:00Z");
    check("@every 1h", "2026-08-20T12:00:00.7Z", "2026-08-20T13:00:00Z");
    check("@every 10ms", "2026-08-20T12:00:00Z", "2026-08-20T12:00:01Z");
}

#[test]
fn day_of_month_or_day_of_week_unless_one_is_a_plain_star() {
    check("0 0 13 * 5", "2026-08-20T12:00:00Z", "2026-08-21T00:00:00Z");
    check("0 0 13 * *", "2026-08-20T12:00:00Z", "2026-09-13T00:00:00Z");
    check("0 0 */31 * 6", "2026-08-20T12:00:00Z", "2026-08-22T00:00:00Z");
    check("0 0 */1 * 6", "2026-08-20T12:00:00Z", "2026-08-22T00:00:00Z");
}

#[test]
fn what_can_never_happen_has_no_next() {
    check("0 0 31 2 *", "2026-08-20T12:00:00Z", "");
    check(", 0 * * *", "2026-08-20T12:00:00Z", "");
}

#[test]
fn the_search_ends_with_the_fifth_year() {
    // 1900 was no leap year: from 1896-03 the next 29 February is in 1904.
    check("0 0 29 2 *", "1896-03-01T00:00:00Z", "");
    check("0 0 29 2 *", "1899-03-01T00:00:00Z", "1904-02-29T00:00:00Z");
}

#[test]
fn refuses_in_the_controllers_words() {
    for (text, message) in [
        ("", "expected exactly 5 fields, found 0: []"),
        ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
        ("0 0 0 9 * *", "expected exactly 5 fields, found 6: [0 0 0 9 * *]"),
        ("TZ=UTC 0 9 * * *", "expected exactly 5 fields, found 6: [TZ=UTC 0 9 * * *]"),
        (
            "CRON_TZ=Asia/Tokyo 0 9 * * *",
            "expected exactly 5 fields, found 6: [CRON_TZ=Asia/Tokyo 0 9 * * *]",
        ),
        ("0 0 * * 7", "end of range (7) above maximum (6): 7"),
        ("0 24 * * *", "end of range (24) above maximum (23): 24"),
        ("0 0 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/2/3 * * * *", "too many slashes: */2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("0 0 L * *", "failed to parse int from L: strconv.Atoi: parsing \"L\": invalid syntax"),
        ("0 0 * * 1#2", "failed to parse int from 1#2: strconv.Atoi: parsing \"1#2\": invalid syntax"),
        ("-5 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"),
        ("@fortnightly", "unrecognized descriptor: @fortnightly"),
        ("@every 1d", "failed to parse duration @every 1d: time: unknown unit \"d\" in duration \"1d\""),
    ] {
        assert_eq!(Schedule::parse(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn days_and_times_for_people() {
    for (text, printed) in [
        ("0 6 * * 1-5", "Mon-Fri 06:00"),
        ("30 22 * * *", "daily 22:30"),
        ("0 0 * * 0,6", "Sat,Sun 00:00"),
        ("0 0 * * sun,tue-thu", "Tue-Thu,Sun 00:00"),
        ("0 0 1 * *", "at times of its own"),
        ("*/5 0 * * *", "at times of its own"),
    ] {
        let Schedule::Fields(fields) = Schedule::parse(text).unwrap() else { panic!("{text}") };
        assert_eq!(fields.to_string(), printed, "{text}");
    }
}

/// The obvious slow version: every second minute by minute.
fn slow_next(fields: &Fields, from: Timestamp, minutes: i64) -> Option<Timestamp> {
    let first = (from.as_second().div_euclid(60) + 1) * 60;
    (0..minutes).map(|step| Timestamp::from_second(first + step * 60).unwrap()).find(|moment| {
        let at = Offset::UTC.to_datetime(*moment);
        let weekday = at.date().weekday().to_sunday_zero_offset();
        allows(fields.minute, at.minute())
            && allows(fields.hour, at.hour())
            && allows(fields.month, at.month())
            && fields.allows_day(at.day(), weekday)
    })
}

proptest::proptest! {
    #[test]
    fn jumps_agree_with_walking(
        minute in "(\\*|\\*/[1-9]|[0-9]|[1-5][0-9]|[0-9]-[1-5][0-9])",
        hour in "(\\*|\\*/[1-9]|[0-9]|1[0-9]|[0-9]-1[0-9])",
        day in "(\\*|\\*/[1-9]|[1-9]|1[0-9]|2[0-8])",
        weekday in "(\\*|[0-6]|[0-2]-[3-6])",
        start in 1_700_000_000i64..1_900_000_000,
    ) {
        let text = format!("{minute} {hour} {day} * {weekday}");
        let Schedule::Fields(fields) = Schedule::parse(&text).unwrap() else { unreachable!() };
        let start = Timestamp::from_second(start).unwrap();
        let fast = fields.next(start);
        let slow = slow_next(&fields, start, 100 * 24 * 60);
        proptest::prop_assert_eq!(slow.or(fast), fast, "{}", text);
        proptest::prop_assert!(slow.is_some() || fast.unwrap() > start, "{}", text);
    }
}
