//! Fixed-size sets of small numbers, one bit each.

/// A set of numbers below a bound fixed at creation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// No number below `bound`.
    pub(super) fn none(bound: usize) -> Self {
        Bits(vec![0; bound.div_ceil(64)].into_boxed_slice())
    }

    /// Every number below `bound`.
    pub(super) fn all(bound: usize) -> Self {
        let mut bits = Self::none(bound);
        (0..bound).for_each(|number| bits.insert(number));
        bits
    }

    pub(super) fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(super) fn remove(&mut self, number: usize) {
        self.0[number / 64] &= !(1 << (number % 64));
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Keeps what is also in `other`.
    pub(super) fn keep(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine &= theirs);
    }

    /// Takes in all of `other`.
    pub(super) fn extend(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// Drops what is in `other`.
    pub(super) fn remove_all(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine &= !theirs);
    }

    /// Whether the two share a number.
    pub(super) fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// Numbers in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    at * 64 + bit as usize
                })
            })
        })
    }
}

/// A set of small numbers without a bound.
#[derive(Debug, Clone, Default)]
pub(super) struct GrowingBits {
    words: Vec<u64>,
    count: usize,
}

impl GrowingBits {
    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, number: usize) {
        if self.words.len() <= number / 64 {
            self.words.resize(number / 64 + 1, 0);
        }
        let word = &mut self.words[number / 64];
        self.count += usize::from(*word >> (number % 64) & 1 == 0);
        *word |= 1 << (number % 64);
    }

    pub(super) fn remove(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            self.count -= usize::from(*word >> (number % 64) & 1 == 1);
            *word &= !(1 << (number % 64));
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// The first number from `start` on that is not in it. Cost: a step per 64 numbers that are.
    pub(super) fn next_absent(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(word) = self.words.get(at / 64) {
            let rest = !word >> (at % 64);
            if rest != 0 {
                return at + rest.trailing_zeros() as usize;
            }
            at = (at / 64 + 1) * 64;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The slow twin is an ordered set.
        #[test]
        fn growing_bits_are_a_set(steps in proptest::collection::vec((0usize..300, any::<bool>()), 0..400), start in 0usize..400) {
            let (mut fast, mut slow) = (GrowingBits::default(), BTreeSet::new());
            for (number, more) in steps {
                if more {
                    fast.insert(number);
                    slow.insert(number);
                } else {
                    fast.remove(number);
                    slow.remove(&number);
                }
            }
            prop_assert_eq!(fast.len(), slow.len());
            prop_assert!((0..400).all(|number| fast.contains(number) == slow.contains(&number)));
            prop_assert_eq!(fast.next_absent(start), (start..).find(|number| !slow.contains(number)).unwrap());
        }
    }
}
