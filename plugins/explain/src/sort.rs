//! `--sort-by`: the order of groups and of the pods in them; without it, the worst and biggest group first.

use std::cmp::Reverse;

use karp_core::explain::report::{Explanation, Group, PodName};
use karp_core::report::Error;

/// What pods are sorted by; groups follow their first pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Name,
    Namespace,
    /// Oldest first, as kubectl sorts by creation time; unknown last.
    Age,
    /// Groups with most pods first.
    Pods,
}

type Key<'p> = (Reverse<Option<i64>>, &'p str, &'p str);

impl SortBy {
    /// Reads a column, in whatever case, or kubectl's path of the field.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let path = text.trim_start_matches('{').trim_end_matches('}').trim_start_matches('.');
        match path.to_lowercase().as_str() {
            "name" | "metadata.name" => Ok(SortBy::Name),
            "namespace" | "metadata.namespace" => Ok(SortBy::Namespace),
            "age" | "metadata.creationtimestamp" => Ok(SortBy::Age),
            "pods" => Ok(SortBy::Pods),
            _ => Err(Error::usage(format!("pods cannot be sorted by {text:?}"))
                .hint("sort by: name, namespace, age, pods")),
        }
    }

    /// Sorts; what is equal keeps its order.
    pub(crate) fn apply(self, report: &mut Explanation) {
        if self == SortBy::Pods {
            report.groups.sort_by_key(|group| Reverse(group.pods.len()));
            return;
        }
        for group in &mut report.groups {
            group.pods.sort_by(|a, b| self.key(a).cmp(&self.key(b)));
        }
        let first = |group: &Group| group.pods.first().cloned();
        report.groups.sort_by(|a, b| match (first(a), first(b)) {
            (Some(a), Some(b)) => self.key(&a).cmp(&self.key(&b)),
            (a, b) => a.is_none().cmp(&b.is_none()),
        });
    }

    /// All pods of these groups in order, where groups do not matter.
    pub(crate) fn flat<'r>(self, groups: impl Iterator<Item = &'r Group>) -> Vec<&'r PodName> {
        let mut pods: Vec<&PodName> = groups.flat_map(|group| &group.pods).collect();
        if self != SortBy::Pods {
            pods.sort_by(|a, b| self.key(a).cmp(&self.key(b)));
        }
        pods
    }

    fn key(self, pod: &PodName) -> Key<'_> {
        let age = Reverse(pod.age_seconds);
        match self {
            SortBy::Name => (Reverse(None), &pod.name, &pod.namespace),
            SortBy::Namespace | SortBy::Pods => (Reverse(None), &pod.namespace, &pod.name),
            SortBy::Age => (age, &pod.namespace, &pod.name),
        }
    }
}
