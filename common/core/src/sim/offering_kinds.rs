//! Offerings sorted into kinds of equal requirements: zone × capacity type, a handful per list of types.

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::packed::{Interner, Key, SetId, Value};
use crate::model::Requirements;

/// Offerings of equal requirements.
#[derive(Clone)]
pub(super) struct OfferingKind {
    pub set: SetId,
    /// Capacity type, where it has exactly one.
    pub capacity_type: Option<Value>,
    /// Rows with an available offering of this kind.
    pub rows: Bits,
}

/// The kinds met so far.
pub(super) struct Kinds<'t> {
    pub kinds: Vec<OfferingKind>,
    /// Requirements of one offering of each kind.
    examples: Vec<&'t Requirements>,
    by_set: FxHashMap<SetId, usize>,
    last: usize,
    capacity_type_key: Key,
}

impl<'t> Kinds<'t> {
    pub(super) fn new(capacity_type_key: Key) -> Self {
        Self {
            kinds: Vec::new(),
            examples: Vec::new(),
            by_set: FxHashMap::default(),
            last: 0,
            capacity_type_key,
        }
    }

    /// Position of the kind of an offering with these requirements. Types list their offerings in one order, so
    /// the kind is nearly always the one behind the last, and one comparison tells.
    pub(super) fn of(&mut self, requirements: &'t Requirements, interner: &mut Interner) -> usize {
        let next = if self.last + 1 < self.kinds.len() { self.last + 1 } else { 0 };
        let is_next = self.examples.get(next).is_some_and(|example| *example == requirements);
        self.last = if is_next { next } else { self.look_up(requirements, interner) };
        self.last
    }

    fn look_up(&mut self, requirements: &'t Requirements, interner: &mut Interner) -> usize {
        let set = interner.pack_set(requirements);
        if let Some(known) = self.by_set.get(&set) {
            return *known;
        }
        let capacity_type = interner.lookup(set, self.capacity_type_key);
        let capacity_type = capacity_type.and_then(|requirement| interner.get(requirement).single());
        self.kinds.push(OfferingKind { set, capacity_type, rows: Bits::none(0) });
        self.examples.push(requirements);
        self.by_set.insert(set, self.kinds.len() - 1);
        self.kinds.len() - 1
    }
}
