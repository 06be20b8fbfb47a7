//! A list that remembers whether it was there at all.
//!
//! Hashes of NodePools and NodeClasses tell `taints: []` from no `taints`; every other rule reads the slice.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Elements in the order written; absent and empty are equal but can be told apart. Copies share the elements:
/// thousands of NodeClaims are made from one template.
#[derive(Debug, Clone)]
pub struct List<T>(Option<Arc<[T]>>);

impl<T> List<T> {
    /// Whether the list was not there at all, as opposed to `[]`.
    pub fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// Whether there is no element, said or not.
    pub fn is_empty(&self) -> bool {
        self.iter().len() == 0
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl<T: Eq> Eq for List<T> {}

impl<T> From<Vec<T>> for List<T> {
    /// An empty vector reads as absent: rules that make lists have no `[]` to say.
    fn from(elements: Vec<T>) -> Self {
        Self(Some(elements).filter(|elements| !elements.is_empty()).map(Arc::from))
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        elements.into_iter().collect::<Vec<T>>().into()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<Vec<T>>::deserialize(deserializer).map(|elements| Self(elements.map(Arc::from)))
    }
}
