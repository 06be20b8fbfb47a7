//! Counts of agreement, by group and in total.

use std::collections::BTreeMap;
use std::fmt;

use super::Verdict;

/// How many scenarios (times rule sets) agree, disagree, or need something missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Equal answers.
    pub agree: usize,
    /// Different answers.
    pub disagree: usize,
    /// No answer.
    pub not_modelled: usize,
}

impl Count {
    /// Counts one verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Agree => self.agree += 1,
            Verdict::Disagree(_) => self.disagree += 1,
            Verdict::NotModelled(_) => self.not_modelled += 1,
        }
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.agree + self.disagree + self.not_modelled
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "agree {}  disagree {}  not modelled {}", self.agree, self.disagree, self.not_modelled)
    }
}

/// Counts of every group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Score {
    /// By group.
    pub groups: BTreeMap<String, Count>,
    /// Of all groups.
    pub total: Count,
}

impl Score {
    /// Counts one verdict.
    pub fn add(&mut self, group: &str, verdict: &Verdict) {
        self.groups.entry(group.to_owned()).or_default().add(verdict);
        self.total.add(verdict);
    }
}

impl fmt::Display for Score {
    /// One line a group, the total last.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.groups.keys().map(String::len).max().unwrap_or_default();
        for (group, count) in &self.groups {
            writeln!(out, "{group:width$}  {count}")?;
        }
        write!(out, "{}", self.total)
    }
}
