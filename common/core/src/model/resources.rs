//! Resource lists: amounts per resource name, and the arithmetic Karpenter does with them.
//!
//! Mirrors karpenter: pkg/utils/resources/resources.go.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::Quantity;

/// Names of resources that rules treat specially.
pub mod name {
    /// Processor time in cores.
    pub const CPU: &str = "cpu";
    /// Memory in bytes.
    pub const MEMORY: &str = "memory";
    /// Number of pods.
    pub const PODS: &str = "pods";
    /// Local storage in bytes.
    pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
    /// Number of nodes: only in NodePool limits and in the capacity of cluster state.
    pub const NODES: &str = "nodes";
    /// Prefix of huge page resources, which are taken out of memory.
    pub const HUGEPAGES_PREFIX: &str = "hugepages-";
}

/// Amount per resource name, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceList(BTreeMap<CompactString, Quantity>);

impl ResourceList {
    /// No resource at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// The amount, where the resource is listed.
    pub fn get(&self, resource: &str) -> Option<Quantity> {
        self.0.get(resource).copied()
    }

    /// The amount, zero where the resource is not listed.
    pub fn amount(&self, resource: &str) -> Quantity {
        self.get(resource).unwrap_or_default()
    }

    /// Sets one amount.
    pub fn set(&mut self, resource: impl Into<CompactString>, quantity: Quantity) {
        self.0.insert(resource.into(), quantity);
    }

    /// Forgets one resource.
    pub fn remove(&mut self, resource: &str) -> Option<Quantity> {
        self.0.remove(resource)
    }

    /// Resources in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.0.iter().map(|(name, quantity)| (name.as_str(), *quantity))
    }

    /// Names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(CompactString::as_str)
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many resources are listed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds every amount of `other`; new names are listed.
    pub fn add(&mut self, other: &ResourceList) {
        for (name, quantity) in &other.0 {
            let entry = self.0.entry(name.clone()).or_default();
            *entry = *entry + *quantity;
        }
    }

    /// Subtracts `other`, touching only names already listed; may go below zero.
    pub fn subtract(&mut self, other: &ResourceList) {
        for (name, quantity) in &mut self.0 {
            if let Some(less) = other.0.get(name) {
                *quantity = *quantity - *less;
            }
        }
    }

    /// Per name the larger amount; union of the names.
    pub fn max(&mut self, other: &ResourceList) {
        for (name, quantity) in &other.0 {
            match self.0.get_mut(name) {
                Some(mine) if *mine >= *quantity => {}
                Some(mine) => *mine = *quantity,
                None => {
                    self.0.insert(name.clone(), *quantity);
                }
            }
        }
    }

    /// Per name the smaller amount; intersection of the names.
    pub fn min(&mut self, other: &ResourceList) {
        self.0.retain(|name, quantity| match other.0.get(name) {
            Some(theirs) => {
                if *theirs < *quantity {
                    *quantity = *theirs;
                }
                true
            }
            None => false,
        });
    }

    /// Replaces or lists every amount of `other`.
    pub fn overlay(&mut self, other: &ResourceList) {
        for (name, quantity) in &other.0 {
            self.0.insert(name.clone(), *quantity);
        }
    }

    /// Whether these amounts fit into `total`: every amount is covered (a missing total is zero), and no entry
    /// of `total`, asked for or not, is negative. Karpenter: pkg/utils/resources (`Fits`).
    pub fn fits(&self, total: &ResourceList) -> bool {
        total.0.values().all(|quantity| !quantity.is_negative())
            && self.0.iter().all(|(name, quantity)| *quantity <= total.amount(name))
    }

    /// The first resource, in order of name, that does not fit, with what is asked and what there is.
    pub fn first_short(&self, total: &ResourceList) -> Option<(&str, Quantity, Quantity)> {
        self.iter().map(|(name, asked)| (name, asked, total.amount(name))).find(|(_, asked, has)| asked > has)
    }

    /// The JSON text that Karpenter prints in its errors: `{"cpu":"1","pods":"1"}`.
    pub fn json_text(&self) -> String {
        let entries: Vec<String> =
            self.iter().map(|(name, quantity)| format!("\"{name}\":\"{quantity}\"")).collect();
        format!("{{{}}}", entries.join(","))
    }
}

impl<N: Into<CompactString>> FromIterator<(N, Quantity)> for ResourceList {
    fn from_iter<I: IntoIterator<Item = (N, Quantity)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(name, quantity)| (name.into(), quantity)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(&str, &str)]) -> ResourceList {
        entries.iter().map(|(name, text)| (*name, text.parse().unwrap())).collect()
    }

    #[test]
    fn fits_refuses_a_negative_total_even_if_not_asked_for() {
        assert!(!list(&[]).fits(&list(&[("cpu", "-1")])));
        assert!(list(&[("example.com/device", "0")]).fits(&list(&[("cpu", "1")])));
        assert!(!list(&[("cpu", "1001m")]).fits(&list(&[("cpu", "1")])));
    }

    #[test]
    fn subtract_touches_only_listed_names() {
        let mut total = list(&[("cpu", "1")]);
        total.subtract(&list(&[("cpu", "2"), ("memory", "1Gi")]));
        assert_eq!(total, list(&[("cpu", "-1")]));
    }

    #[test]
    fn min_keeps_shared_names_and_max_keeps_all() {
        let mut smaller = list(&[("cpu", "1"), ("memory", "1Gi")]);
        smaller.min(&list(&[("cpu", "500m")]));
        assert_eq!(smaller, list(&[("cpu", "500m")]));
        smaller.max(&list(&[("memory", "2Gi")]));
        assert_eq!(smaller.json_text(), r#"{"cpu":"500m","memory":"2Gi"}"#);
    }
}
