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
        report.groups.sort_by(|a, b| self.first(a).cmp(&self.first(b)));
    }

    /// All pods of these groups in order, where groups do not matter.
    pub(crate) fn flat<'r>(self, groups: impl Iterator<Item = &'r Group>) -> Vec<&'r PodName> {
        let mut pods: Vec<&PodName> = groups.flat_map(|group| &group.pods).collect();
        if self != SortBy::Pods {
            pods.sort_by(|a, b| self.key(a).cmp(&self.key(b)));
        }
        pods
    }

    /// The key of a group's first pod.
    fn first(self, group: &Group) -> Option<Key<'_>> {
        group.pods.first().map(|pod| self.key(pod))
    }

    fn key(self, pod: &PodName) -> Key<'_> {
        match self {
            SortBy::Name => (Reverse(None), &pod.name, &pod.namespace),
            SortBy::Namespace | SortBy::Pods => (Reverse(None), &pod.namespace, &pod.name),
            SortBy::Age => (Reverse(pod.age_seconds), &pod.namespace, &pod.name),
        }
    }
}
