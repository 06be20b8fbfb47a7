//! Ties between topology domains: the controller takes whichever its map iteration meets first.
//!
//! The canonical order takes the smallest name. Another order of the same run shows another answer that the
//! controller may give just as well.

use super::options::TieBreak;
use super::packed::{Key, Value};

/// A tie: the key, and the domains that were equally good.
pub(super) type Tie = (Key, Vec<Value>);

/// Ties that a pod was turned away after are remembered up to this many.
const REMEMBERED: usize = 4;

/// Ties of the candidate that is being tried, and how they are settled.
pub(super) struct Ties {
    met: Vec<Tie>,
    /// Those of candidates that did not take the pod.
    turned_away: Vec<Tie>,
    order: TieBreak,
    drawn: u64,
}

impl Ties {
    pub(super) fn new(order: TieBreak) -> Self {
        Self { met: Vec::new(), turned_away: Vec::new(), order, drawn: 0 }
    }

    /// Another candidate is tried: the one before did not take the pod.
    pub(super) fn begin(&mut self) {
        for tie in self.met.drain(..) {
            if self.turned_away.len() < REMEMBERED && !self.turned_away.contains(&tie) {
                self.turned_away.push(tie);
            }
        }
    }

    /// The one that is taken of domains that are equally good, in byte order. More than one is a tie.
    pub(super) fn settle(&mut self, key: Key, domains: &[Value]) -> Option<Value> {
        if domains.len() > 1 {
            self.met.push((key, domains.to_vec()));
        }
        self.pick(domains)
    }

    /// The same without calling it a tie.
    pub(super) fn pick(&mut self, domains: &[Value]) -> Option<Value> {
        let at = match self.order {
            TieBreak::Smallest => 0,
            TieBreak::Seeded(_) if domains.len() < 2 => 0,
            TieBreak::Seeded(seed) => {
                self.drawn += 1;
                usize::try_from(mixed(seed, self.drawn) % domains.len() as u64).unwrap_or(0)
            }
        };
        domains.get(at).copied()
    }

    /// The ties of the candidate that took the pod.
    pub(super) fn take(&mut self) -> Vec<Tie> {
        std::mem::take(&mut self.met)
    }

    /// The ties of candidates that did not, where another domain might have done.
    pub(super) fn take_turned_away(&mut self) -> Vec<Tie> {
        self.begin();
        std::mem::take(&mut self.turned_away)
    }
}

/// SplitMix64.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut value = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
