//! The order in which open claims are tried: fewest pods first, equal ones as Go's sort leaves them.
//!
//! The controller sorts the whole list before every pod. Between two sorts at most one claim changes, it grows by
//! one pod or is new, so nearly always the sort amounts to moving one element past its equals; this does only
//! that. Whether it is so is decided by the same nine samples that the sort itself takes ([`go_sort`]), and where
//! it is not, the sort is run.

use super::go_sort;

/// Open claims with their numbers of pods.
#[derive(Debug, Default)]
pub(super) struct OpenOrder {
    /// (pods, claim), in the order of the last sort but for `changed`.
    entries: Vec<(u32, u32)>,
    /// Per claim: pods, then its turn among claims with equally many. Orders claims as `entries` does.
    keys: Vec<(u32, i64)>,
    /// Turns before and behind all that were given.
    turns: (i64, i64),
    changed: Option<usize>,
}

const LESS: fn(&(u32, u32), &(u32, u32)) -> bool = |a, b| a.0 < b.0;

impl OpenOrder {
    /// How many claims are open.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The claim at a position.
    pub(super) fn claim(&self, position: usize) -> usize {
        self.entries[position].1 as usize
    }

    /// What orders a claim among the others: the less, the earlier.
    pub(super) fn key(&self, claim: usize) -> (u32, i64) {
        self.keys[claim]
    }

    /// Where a claim is. Nothing may have changed since the order was settled.
    pub(super) fn position(&self, claim: usize) -> usize {
        let key = self.keys[claim];
        self.entries.partition_point(|(_, other)| self.keys[*other as usize] < key)
    }

    /// A new claim with its first pod; claims are numbered as they come.
    pub(super) fn opened(&mut self, claim: usize) {
        self.settle();
        self.entries.push((1, claim as u32));
        self.turns.1 += 1;
        self.keys.push((1, self.turns.1));
        self.changed = Some(self.entries.len() - 1);
    }

    /// One pod more on the claim at a position.
    pub(super) fn grew(&mut self, position: usize) {
        self.settle();
        let (pods, claim) = &mut self.entries[position];
        *pods += 1;
        self.turns.0 -= 1;
        self.keys[*claim as usize] = (*pods, self.turns.0);
        self.changed = Some(position);
    }

    /// Sorts. Cost: one move within a run of equals, as a rule.
    pub(super) fn settle(&mut self) {
        let Some(position) = self.changed.take() else { return };
        if !self.move_one(position) {
            go_sort::sort_slice(&mut self.entries, &LESS);
            for (position, (pods, claim)) in self.entries.iter().enumerate() {
                self.keys[*claim as usize] = (*pods, position as i64);
            }
            self.turns = (-1, self.entries.len() as i64);
        }
    }

    /// Moves the one changed element to its place, if that is what the sort would do: a claim that grew goes before
    /// all that have as many pods, a new one behind them.
    fn move_one(&mut self, position: usize) -> bool {
        let entries = &mut self.entries;
        if !go_sort::would_only_shift(entries, &LESS) {
            return false;
        }
        let pods = entries[position].0;
        let right = entries[position + 1..].partition_point(|entry| entry.0 < pods);
        if right > 0 {
            entries[position..=position + right].rotate_left(1);
            return true;
        }
        let left = entries[..position].partition_point(|entry| entry.0 <= pods);
        if left < position {
            entries[left..=position].rotate_right(1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The slow twin sorts after every change.
        #[test]
        fn moves_as_the_sort_does(steps in proptest::collection::vec(0usize..1000, 1..900)) {
            let (mut fast, mut slow) = (OpenOrder::default(), Vec::<(u32, u32)>::new());
            for step in steps {
                if slow.is_empty() || step % 3 == 0 {
                    slow.push((1, slow.len() as u32));
                    fast.opened(slow.len() - 1);
                } else {
                    let position = if step % 2 == 0 { step % slow.len().min(4) } else { step % slow.len() };
                    slow[position].0 += 1;
                    fast.grew(position);
                }
                go_sort::sort_slice(&mut slow, &LESS);
                fast.settle();
                prop_assert_eq!(&fast.entries, &slow);
                for (position, (_, claim)) in slow.iter().enumerate() {
                    prop_assert_eq!(fast.position(*claim as usize), position);
                }
            }
        }
    }
}
