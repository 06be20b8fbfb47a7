//! Amounts of resources as rows of integers: one column per resource name of the run, in 1e-9 units.
//!
//! A missing resource is zero, which is how the scheduler reads it. Texts need the formats of the quantities and
//! are made from [`ResourceList`]s; these rows only decide.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::model::{Quantity, ResourceList};

/// The columns: every resource name that occurs in the run, in byte order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Columns {
    names: Vec<CompactString>,
}

/// One row.
pub(super) type Amounts = Box<[i128]>;

impl Columns {
    /// Columns for the given names.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        Self { names: names.into_iter().map(CompactString::from).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Column of a name, where there is one.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|mine| mine.as_str().cmp(name)).ok()
    }

    /// The row of a list. Names without a column are left out: nothing of the run asks for them.
    pub(super) fn row(&self, list: &ResourceList) -> Amounts {
        let mut row = vec![0i128; self.len()].into_boxed_slice();
        for (name, quantity) in list.iter() {
            if let Some(column) = self.position(name) {
                row[column] = quantity.nanos();
            }
        }
        row
    }

    /// The list of a row, with the names and formats of `like`.
    pub(super) fn list(&self, row: &[i128], like: &ResourceList) -> ResourceList {
        like.iter()
            .map(|(name, quantity)| {
                let nanos = self.position(name).map_or(quantity.nanos(), |column| row[column]);
                (name, Quantity::from_nanos(nanos, quantity.format()))
            })
            .collect()
    }
}

/// Adds in place.
pub(super) fn add(total: &mut [i128], more: &[i128]) {
    total.iter_mut().zip(more).for_each(|(a, b)| *a = a.saturating_add(*b));
}

/// Subtracts in place.
pub(super) fn subtract(total: &mut [i128], less: &[i128]) {
    total.iter_mut().zip(less).for_each(|(a, b)| *a = a.saturating_sub(*b));
}

/// Whether `asked` fits into `room`, of which no entry may be negative.
pub(super) fn fits(asked: &[i128], room: &[i128]) -> bool {
    asked.iter().zip(room).all(|(asked, room)| *room >= 0 && asked <= room)
}
