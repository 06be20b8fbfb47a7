//! How many nodes may be disrupted now, per NodePool and reason; when that changes; and the sum a person can check.
//!
//! Mirrors karpenter: pkg/apis/v1/nodepool.go (`GetAllowedDisruptionsByReason`, `Budget.IsActive`) and
//! pkg/controllers/disruption/helpers.go (`BuildDisruptionBudgetMapping`). Fails closed: one budget that cannot
//! be read allows nothing, for every reason.

use std::fmt;

use compact_str::CompactString;
use jiff::Timestamp;

use super::cron::Schedule;
use crate::model::{Budget, GoDuration, NodePool};

/// Why Karpenter takes a node out of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisruptionReason {
    /// Node repair (1.15).
    Unhealthy,
    /// No pod on it counts.
    Empty,
    /// It differs from what would be made today.
    Drifted,
    /// Its pods fit elsewhere or on something cheaper.
    Underutilized,
}

impl DisruptionReason {
    /// As budgets, conditions and events spell it.
    pub const fn name(self) -> &'static str {
        match self {
            DisruptionReason::Unhealthy => "Unhealthy",
            DisruptionReason::Empty => "Empty",
            DisruptionReason::Drifted => "Drifted",
            DisruptionReason::Underutilized => "Underutilized",
        }
    }
}

impl fmt::Display for DisruptionReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// What "no budget applies" is as a number, in the controller too.
pub const UNLIMITED: i64 = i32::MAX as i64;

/// How many nodes one NodePool may lose at once, for one reason, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Nodes; [`UNLIMITED`] where no budget applies. Nodes already gone are not taken off.
    pub allowed: i64,
    /// What decides.
    pub decided_by: Decider,
}

/// What decides an allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decider {
    /// No budget is active for this reason.
    Nothing,
    /// The smallest of the active budgets that name the reason, or none; its position.
    Budget(usize),
    /// A budget that cannot be read; its position and what is wrong, in the controller's words.
    Invalid(usize, String),
}

impl Allowance {
    /// Whether no budget applies.
    pub fn is_unlimited(&self) -> bool {
        self.decided_by == Decider::Nothing
    }
}

/// The budgets of a NodePool; the API server's default where none are written: 10% of the nodes.
pub fn budgets(node_pool: &NodePool) -> Vec<Budget> {
    let default = || vec![Budget { nodes: "10%".into(), ..Default::default() }];
    node_pool.spec.disruption.budgets.clone().unwrap_or_else(default)
}

/// The allowance of a NodePool with so many nodes.
pub fn allowance(node_pool: &NodePool, reason: DisruptionReason, nodes: usize, at: Timestamp) -> Allowance {
    let mut result = Allowance { allowed: UNLIMITED, decided_by: Decider::Nothing };
    for (position, budget) in budgets(node_pool).iter().enumerate() {
        let value = match is_active(budget, at)
            .and_then(|active| if active { node_count(&budget.nodes, nodes).map(Some) } else { Ok(None) })
        {
            Err(problem) => return Allowance { allowed: 0, decided_by: Decider::Invalid(position, problem) },
            Ok(None) => continue,
            Ok(Some(value)) => value,
        };
        if applies(budget, reason) && (result.is_unlimited() || value < result.allowed) && value < UNLIMITED {
            result = Allowance { allowed: value, decided_by: Decider::Budget(position) };
        }
    }
    result
}

/// Whether a budget is about a reason: it names it, or names none at all. An empty list is about nothing.
pub fn applies(budget: &Budget, reason: DisruptionReason) -> bool {
    budget.reasons.as_ref().is_none_or(|reasons| reasons.iter().any(|listed| listed == reason.name()))
}

/// A number, or a percentage of `nodes` rounded up.
///
/// # Errors
/// In Kubernetes' words, when it is neither.
pub fn node_count(text: &str, nodes: usize) -> Result<i64, String> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(number);
    }
    let invalid = |problem: String| format!("invalid value for IntOrString: {problem}");
    let Some(percent) = text.strip_suffix('%') else {
        return Err(invalid("invalid type: string is not a percentage".into()));
    };
    match percent.parse::<i64>() {
        Ok(percent) => Ok((percent as f64 * nodes as f64 / 100.0).ceil() as i64),
        Err(_) => {
            Err(invalid(format!("invalid value {text:?}: strconv.Atoi: parsing {percent:?}: invalid syntax")))
        }
    }
}

/// The schedule and duration of a budget; none = always active.
fn window_rule(budget: &Budget) -> Result<Option<(Schedule, GoDuration)>, String> {
    if budget.schedule.is_none() && budget.duration.is_none() {
        return Ok(None);
    }
    let text = budget.schedule.as_deref().unwrap_or_default();
    let schedule =
        Schedule::parse(text).map_err(|error| format!("invariant violated, invalid cron, {error}"))?;
    let duration = match budget.duration.as_deref() {
        None => GoDuration::ZERO,
        Some(text) => text.parse::<GoDuration>().map_err(|error| error.to_string())?,
    };
    Ok(Some((schedule, duration)))
}

/// Whether a budget is in force: its schedule has a hit within the last `duration`, the far end excluded. A
/// schedule that never comes is always in force: the controller reads "no next hit" as a moment long past.
///
/// # Errors
/// In the controller's words, when the schedule cannot be read.
pub fn is_active(budget: &Budget, at: Timestamp) -> Result<bool, String> {
    Ok(window_rule(budget)?.is_none_or(|(schedule, duration)| rule_is_active(&schedule, duration, at)))
}

fn rule_is_active(schedule: &Schedule, duration: GoDuration, at: Timestamp) -> bool {
    schedule.next(duration.before(at)).is_none_or(|hit| hit <= at)
}

/// Half-open stretches of time `[start, end)` between `from` and `until` in which a budget is in force, merged
/// and in order.
///
/// # Errors
/// As [`is_active`].
pub fn windows(
    budget: &Budget,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, String> {
    let Some((schedule, duration)) = window_rule(budget)? else { return Ok(vec![(from, until)]) };
    let active = rule_is_active(&schedule, duration, from);
    let never_comes = schedule.next(duration.before(from)).is_none();
    if never_comes || matches!(schedule, Schedule::Every(_)) {
        return Ok(if active { vec![(from, until)] } else { Vec::new() });
    }
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    let mut hit =
        if active { latest_hit(&schedule, duration.before(from), from) } else { schedule.next(from) };
    while let Some(start) = hit.filter(|hit| *hit < until && duration > GoDuration::ZERO) {
        let end = duration.after(start).min(until);
        match merged.last_mut() {
            Some(last) if last.1 >= start => last.1 = last.1.max(end),
            _ => merged.push((start.max(from), end)),
        }
        hit = schedule.next(start);
    }
    Ok(merged)
}

/// The latest hit in `(early, late]`, given that there is one: the last second from which the next hit is not
/// later than `late`, found by halving.
fn latest_hit(schedule: &Schedule, early: Timestamp, late: Timestamp) -> Option<Timestamp> {
    let (mut low, mut high) = (early.as_second(), late.as_second() + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let next = schedule.next(Timestamp::from_second(middle).ok()?);
        if next.is_some_and(|next| next <= late) { low = middle } else { high = middle }
    }
    schedule.next(Timestamp::from_second(low).ok()?)
}

/// The allowance from `from` to `until` as steps: the moment from which each holds. At least one step.
pub fn timeline(
    node_pool: &NodePool,
    reason: DisruptionReason,
    nodes: usize,
    from: Timestamp,
    until: Timestamp,
) -> Vec<(Timestamp, Allowance)> {
    let mut moments = vec![from];
    for budget in budgets(node_pool).iter().filter(|budget| applies(budget, reason)) {
        let windows = windows(budget, from, until).unwrap_or_default();
        moments.extend(windows.iter().flat_map(|(start, end)| [*start, *end]));
    }
    moments.retain(|moment| (from..until).contains(moment));
    moments.sort_unstable();
    moments.dedup();
    let mut steps: Vec<(Timestamp, Allowance)> = Vec::new();
    for moment in moments {
        let step = allowance(node_pool, reason, nodes, moment);
        if steps.last().is_none_or(|(_, last)| *last != step) {
            steps.push((moment, step));
        }
    }
    steps
}

/// The value of a budget as a sum to check: `2`, or `10% of 12 = 2`.
pub fn arithmetic(budget: &Budget, nodes: usize) -> String {
    match node_count(&budget.nodes, nodes) {
        Ok(value) if budget.nodes.ends_with('%') => format!("{} of {nodes} = {value}", budget.nodes),
        Ok(value) => value.to_string(),
        Err(_) => format!("{:?} is no number", budget.nodes),
    }
}

/// A budget's hours for people: `Mon-Fri 06:00-22:00 UTC`, or its schedule and duration as written; none where it
/// is always in force.
pub fn hours(budget: &Budget) -> Option<String> {
    let (schedule, duration) = window_rule(budget).ok()??;
    let written = || {
        let schedule = budget.schedule.as_deref().unwrap_or_default();
        format!("at {schedule:?} UTC for {}", budget.duration.as_deref().unwrap_or("0s"))
    };
    let Schedule::Fields(fields) = schedule else { return Some(written()) };
    let (Some(days), Some((hour, minute))) = (fields.weekdays(), fields.time_of_day()) else {
        return Some(written());
    };
    let minutes = duration.nanos() / 60_000_000_000;
    if !(1..24 * 60).contains(&minutes) {
        return Some(format!("{days} from {hour:02}:{minute:02} UTC for {}", short(duration)));
    }
    let end = (i64::from(hour) * 60 + i64::from(minute) + minutes) % (24 * 60);
    Some(format!("{days} {hour:02}:{minute:02}-{:02}:{:02} UTC", end / 60, end % 60))
}

/// `24h` rather than Go's `24h0m0s`.
fn short(duration: GoDuration) -> String {
    let text = duration.to_string();
    let text = text.strip_suffix("0s").filter(|rest| rest.ends_with('m')).unwrap_or(&text);
    text.strip_suffix("0m").filter(|rest| rest.ends_with('h')).unwrap_or(text).to_owned()
}

/// A node that uses up budget, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InUse {
    /// Its deletion has begun, for whatever cause, or a disruption command holds it.
    Deleting,
    /// It is being rebooted (1.15).
    Rebooting,
    /// Its Ready condition is not `True`.
    NotReady,
}

/// The nodes of one NodePool as budgets count them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolNodes {
    /// Managed, initialized (or rebooting), and not yet with the instance terminating.
    pub total: usize,
    /// Those that use up budget.
    pub in_use: Vec<(CompactString, InUse)>,
}

impl PoolNodes {
    /// How many use up budget for a reason: repair does not count NotReady nodes.
    pub fn used(&self, reason: DisruptionReason) -> i64 {
        let counts = |why: InUse| why != InUse::NotReady || reason != DisruptionReason::Unhealthy;
        self.in_use.iter().filter(|(_, why)| counts(*why)).count() as i64
    }

    /// What an allowance leaves.
    pub fn left(&self, allowance: &Allowance, reason: DisruptionReason) -> i64 {
        (allowance.allowed - self.used(reason)).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DisruptionReason::{Drifted, Empty, Underutilized};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A NodePool from `(nodes, reasons, schedule, duration)`.
    fn pool(budgets: &[(&str, Option<&[&str]>, Option<&str>, Option<&str>)]) -> NodePool {
        let mut pool = NodePool::default();
        pool.spec.disruption.budgets = Some(
            budgets
                .iter()
                .map(|(nodes, reasons, schedule, duration)| Budget {
                    nodes: (*nodes).into(),
                    reasons: reasons.map(|reasons| reasons.iter().map(|reason| (*reason).into()).collect()),
                    schedule: schedule.map(Into::into),
                    duration: duration.map(Into::into),
                })
                .collect(),
        );
        pool
    }

    const NOON: &str = "2026-08-20T12:00:00Z";

    #[track_caller]
    fn check(pool: &NodePool, reason: DisruptionReason, nodes: usize, allowed: i64) {
        assert_eq!(allowance(pool, reason, nodes, at(NOON)).allowed, allowed);
    }

    #[test]
    fn b01_numbers_and_percentages() {
        check(&pool(&[("3", None, None, None)]), Empty, 10, 3);
        check(&pool(&[("0", None, None, None)]), Empty, 10, 0);
        check(&pool(&[("100%", None, None, None)]), Empty, 10, 10);
    }

    #[test]
    fn b02_percentages_round_up_and_ten_is_the_default() {
        check(&pool(&[("10%", None, None, None)]), Empty, 4, 1);
        check(&pool(&[("10%", None, None, None)]), Empty, 1, 1);
        check(&pool(&[("10%", None, None, None)]), Empty, 0, 0);
        check(&pool(&[("0%", None, None, None)]), Empty, 9, 0);
        check(&NodePool::default(), Drifted, 15, 2);
        check(&pool(&[]), Drifted, 15, UNLIMITED);
    }

    #[test]
    fn b03_the_smallest_that_names_the_reason_or_none() {
        let drifted: &[&str] = &["Drifted"];
        let pool =
            pool(&[("5", None, None, None), ("2", Some(drifted), None, None), ("0", Some(&[]), None, None)]);
        check(&pool, Drifted, 10, 2);
        check(&pool, Empty, 10, 5);
        let only = self::pool(&[("0", Some(drifted), None, None)]);
        check(&only, Underutilized, 10, UNLIMITED);
        assert_eq!(allowance(&only, Drifted, 10, at(NOON)).decided_by, Decider::Budget(0));
    }

    #[test]
    fn b04_windows_are_half_open_and_utc() {
        let budget = |schedule, duration| Budget {
            nodes: "0".into(),
            reasons: None,
            schedule: Some(CompactString::from(schedule)),
            duration: Some(CompactString::from(duration)),
        };
        for (schedule, duration, active) in [
            ("0 12 * * *", "1h", true),
            ("0 10 * * *", "2h", false),
            ("0 10 * * *", "2h1s", true),
            ("1 12 * * *", "1h", false),
            ("0 0 31 2 *", "1h", true), // never comes = always in force
            ("@every 1h", "1h", true),
            ("@every 2h", "1h", false),
        ] {
            assert_eq!(is_active(&budget(schedule, duration), at(NOON)), Ok(active), "{schedule} {duration}");
        }
        let no_schedule = Budget { nodes: "0".into(), duration: Some("1h".into()), ..Default::default() };
        assert!(is_active(&no_schedule, at(NOON)).is_err());
        let no_duration =
            Budget { nodes: "0".into(), schedule: Some("0 12 * * *".into()), ..Default::default() };
        assert_eq!(is_active(&no_duration, at(NOON)), Ok(false));
    }

    #[test]
    fn b05_what_cannot_be_read_allows_nothing_for_any_reason() {
        let drifted: &[&str] = &["Drifted"];
        check(&pool(&[("2", Some(drifted), Some("* * *"), Some("1h"))]), Empty, 10, 0);
        check(&pool(&[("many", None, None, None)]), Empty, 10, 0);
        // A budget outside its hours is not looked at further.
        check(&pool(&[("many", None, Some("0 1 * * *"), Some("1h"))]), Empty, 10, UNLIMITED);
        check(&pool(&[("2", None, Some("TZ=Asia/Tokyo 0 9 * * *"), Some("1h"))]), Drifted, 10, 0);
    }

    #[test]
    fn windows_merge_and_stay_within_the_stretch_asked_for() {
        let from = at(NOON);
        let until = at("2026-08-23T12:00:00Z");
        let show = |schedule: &str, duration: &str| {
            let budget = Budget {
                nodes: "0".into(),
                reasons: None,
                schedule: Some(schedule.into()),
                duration: Some(duration.into()),
            };
            let windows = windows(&budget, from, until).unwrap();
            windows.iter().map(|(start, end)| format!("{start}/{end}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            show("0 6 * * 1-5", "16h"),
            "2026-08-20T12:00:00Z/2026-08-20T22:00:00Z 2026-08-21T06:00:00Z/2026-08-21T22:00:00Z"
        );
        assert_eq!(show("0 * * * *", "1h"), "2026-08-20T12:00:00Z/2026-08-23T12:00:00Z");
        assert_eq!(show("* * * * *", "8760h"), "2026-08-20T12:00:00Z/2026-08-23T12:00:00Z");
        assert_eq!(show("0 0 31 2 *", "1h"), "2026-08-20T12:00:00Z/2026-08-23T12:00:00Z");
        assert_eq!(show("0 13 20 8 *", "5m"), "2026-08-20T13:00:00Z/2026-08-20T13:05:00Z");
        assert_eq!(show("0 13 1 1 *", "5m"), "");
    }

    #[test]
    fn timeline_tells_when_the_allowance_changes() {
        let pool = pool(&[("10%", None, None, None), ("0", None, Some("0 6 * * 1-5"), Some("16h"))]);
        let steps = timeline(&pool, Drifted, 17, at("2026-08-20T13:20:00Z"), at("2026-08-22T00:00:00Z"));
        let text: Vec<_> = steps.iter().map(|(from, step)| format!("{from} {}", step.allowed)).collect();
        assert_eq!(
            text,
            [
                "2026-08-20T13:20:00Z 0",
                "2026-08-20T22:00:00Z 2",
                "2026-08-21T06:00:00Z 0",
                "2026-08-21T22:00:00Z 2"
            ]
        );
        let budgets = budgets(&pool);
        assert_eq!(arithmetic(&budgets[0], 17), "10% of 17 = 2");
        assert_eq!(hours(&budgets[0]), None);
        assert_eq!(hours(&budgets[1]).unwrap(), "Mon-Fri 06:00-22:00 UTC");
    }

    #[test]
    fn b06_what_uses_up_budget() {
        let nodes = PoolNodes {
            total: 10,
            in_use: vec![
                ("a".into(), InUse::NotReady),
                ("b".into(), InUse::Deleting),
                ("c".into(), InUse::Rebooting),
            ],
        };
        assert_eq!((nodes.used(Drifted), nodes.used(DisruptionReason::Unhealthy)), (3, 2));
        let allowance = allowance(&pool(&[("2", None, None, None)]), Drifted, 10, at(NOON));
        assert_eq!(nodes.left(&allowance, Drifted), 0);
    }

    proptest::proptest! {
        #[test]
        fn windows_agree_with_asking_at_each_minute(
            minute in 0u8..60, hour in 0u8..24, weekday in "(\\*|[0-6]|1-5)",
            duration_minutes in 1i64..3000, offset in 0i64..2880,
        ) {
            let budget = Budget {
                nodes: "0".into(),
                reasons: None,
                schedule: Some(format!("{minute} {hour} * * {weekday}").into()),
                duration: Some(format!("{duration_minutes}m").into()),
            };
            let from = at(NOON);
            let until = GoDuration::from_seconds(3 * 86_400).after(from);
            let windows = windows(&budget, from, until).unwrap();
            let moment = GoDuration::from_seconds(offset * 60).after(from);
            let inside = windows.iter().any(|(start, end)| (*start..*end).contains(&moment));
            proptest::prop_assert_eq!(inside, is_active(&budget, moment).unwrap(), "{:?} {}", windows, moment);
        }
    }
}
