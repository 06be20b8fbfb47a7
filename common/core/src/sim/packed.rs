//! Packed requirements: label keys, values, requirements and whole sets of them as small numbers.
//!
//! Every distinct requirement and every distinct set of requirements is stored once ("hash-consed"), so equality
//! is a comparison of numbers, and the two operations the loop lives on, *are these compatible* and *what is left
//! of both*, are remembered per pair of numbers. A claim that already took ten equal pods answers the eleventh
//! with one look-up.
//!
//! Semantics are those of [`crate::model::Requirement`] and [`crate::model::Requirements`], from which everything
//! here is made and to which everything can be turned back (for texts and reports). Ids are given out in order of
//! arrival; where order can be seen, names are compared.

use std::rc::Rc;

use compact_str::CompactString;
use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

use crate::model::{LabelProfile, Requirement, Requirements, label_key, parse_integer};

/// A label key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(pub u32);

/// A value of one label key; numbers of different keys have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Value(pub u32);

/// A requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ReqId(pub u32);

/// A set of requirements, one per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SetId(pub u32);

/// Which keys the existing side may leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Open {
    /// None.
    Nothing,
    /// The well-known ones.
    WellKnown,
}

/// The key of host names, always the first that is interned.
pub(super) const HOSTNAME: Key = Key(0);

/// One requirement over interned values, sorted by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Packed {
    /// Label key.
    pub key: Key,
    /// Whether `values` are excluded rather than allowed.
    pub complement: bool,
    /// Allowed or excluded values.
    pub values: SmallVec<[Value; 4]>,
    /// Smallest allowed integer.
    pub gte: Option<i64>,
    /// Largest allowed integer.
    pub lte: Option<i64>,
    /// How many different values a claim must keep.
    pub min_values: Option<i64>,
}

impl Packed {
    /// `NotIn` or `DoesNotExist`.
    fn accepts_absence(&self) -> bool {
        self.complement != self.values.is_empty()
    }

    fn contains(&self, value: Value) -> bool {
        if self.values.len() <= 8 {
            self.values.contains(&value)
        } else {
            self.values.binary_search(&value).is_ok()
        }
    }

    /// The one value it allows, where it allows exactly one.
    pub(super) fn single(&self) -> Option<Value> {
        match (self.complement, self.values.as_slice()) {
            (false, [only]) => Some(*only),
            _ => None,
        }
    }
}

/// Distinct things in order of arrival: the position of each is its number.
type Numbered<T> = IndexSet<T, FxBuildHasher>;

#[derive(Debug, Clone, Default)]
struct ValueTable {
    names: Numbered<CompactString>,
    integers: Vec<Option<i64>>,
}

/// Members of a set that is being put together.
type Members = SmallVec<[ReqId; 16]>;

/// All label vocabulary of one run.
#[derive(Debug, Clone)]
pub(super) struct Interner {
    key_names: Numbered<CompactString>,
    well_known: Vec<bool>,
    profile: Rc<LabelProfile>,
    values: Vec<ValueTable>,
    requirements: Numbered<Packed>,
    sets: Numbered<Box<[ReqId]>>,
    intersections: FxHashMap<(ReqId, ReqId), ReqId>,
    combined: [FxHashMap<(SetId, SetId), Option<SetId>>; 2],
}

/// The set without any requirement.
pub(super) const EMPTY: SetId = SetId(0);

impl Interner {
    pub(super) fn new(profile: &LabelProfile) -> Self {
        let mut interner = Self {
            key_names: Numbered::default(),
            well_known: Vec::new(),
            profile: Rc::new(profile.clone()),
            values: Vec::new(),
            requirements: Numbered::default(),
            sets: Numbered::default(),
            intersections: FxHashMap::default(),
            combined: Default::default(),
        };
        interner.key(label_key::HOSTNAME);
        interner.set_of(SmallVec::new());
        interner
    }

    /// Which keys are special.
    pub(super) fn profile(&self) -> &LabelProfile {
        &self.profile
    }

    /// The same, to be held while numbers are given out.
    pub(super) fn shared_profile(&self) -> Rc<LabelProfile> {
        Rc::clone(&self.profile)
    }

    /// Number of a key that is normalised already.
    pub(super) fn key(&mut self, name: &str) -> Key {
        if let Some(position) = self.key_names.get_index_of(name) {
            return Key(position as u32);
        }
        let (position, _) = self.key_names.insert_full(name.into());
        let key = Key(position as u32);
        self.well_known.push(self.profile.is_well_known(name));
        self.values.push(ValueTable::default());
        key
    }

    /// Number of a value of a key.
    pub(super) fn value(&mut self, key: Key, name: &str) -> Value {
        let table = &mut self.values[key.0 as usize];
        if let Some(position) = table.names.get_index_of(name) {
            return Value(position as u32);
        }
        let (position, _) = table.names.insert_full(name.into());
        table.integers.push(parse_integer(name));
        Value(position as u32)
    }

    pub(super) fn key_name(&self, key: Key) -> &CompactString {
        &self.key_names[key.0 as usize]
    }

    pub(super) fn value_name(&self, key: Key, value: Value) -> &CompactString {
        &self.values[key.0 as usize].names[value.0 as usize]
    }

    /// Number of a requirement.
    pub(super) fn requirement(&mut self, packed: Packed) -> ReqId {
        ReqId(self.requirements.insert_full(packed).0 as u32)
    }

    /// `key In values`; nothing listed is `DoesNotExist`.
    pub(super) fn listed(&mut self, key: Key, values: &[Value]) -> ReqId {
        let mut values: SmallVec<[Value; 4]> = values.iter().copied().collect();
        values.sort_unstable();
        values.dedup();
        self.requirement(Packed { key, complement: false, values, gte: None, lte: None, min_values: None })
    }

    /// The same under the current form of an old key.
    pub(super) fn listed_normalized(&mut self, key: Key, values: &[Value]) -> (Key, ReqId) {
        let name = self.key_name(key).clone();
        let current = self.profile.normalize(&name).to_owned();
        if current == name {
            return (key, self.listed(key, values));
        }
        let normalized = self.key(&current);
        let values: Vec<Value> = values
            .iter()
            .map(|value| {
                let value = self.value_name(key, *value).clone();
                let value = self.profile.normalize_value(&current, &value).to_owned();
                self.value(normalized, &value)
            })
            .collect();
        (normalized, self.listed(normalized, &values))
    }

    pub(super) fn get(&self, id: ReqId) -> &Packed {
        &self.requirements[id.0 as usize]
    }

    /// Number of a requirement given in names.
    pub(super) fn pack(&mut self, requirement: &Requirement) -> ReqId {
        let key = self.key(&requirement.key);
        let mut values: SmallVec<[Value; 4]> =
            requirement.values.iter().map(|name| self.value(key, name)).collect();
        values.sort_unstable();
        self.requirement(Packed {
            key,
            complement: requirement.complement,
            values,
            gte: requirement.gte,
            lte: requirement.lte,
            min_values: requirement.min_values,
        })
    }

    /// The requirement in names again.
    pub(super) fn unpack(&self, id: ReqId) -> Requirement {
        let packed = self.get(id);
        Requirement {
            key: self.key_name(packed.key).clone(),
            complement: packed.complement,
            values: packed.values.iter().map(|value| self.value_name(packed.key, *value).clone()).collect(),
            gte: packed.gte,
            lte: packed.lte,
            min_values: packed.min_values,
        }
    }

    /// Number of a set given in names.
    pub(super) fn pack_set(&mut self, requirements: &Requirements) -> SetId {
        let ids = requirements.iter().map(|requirement| self.pack(requirement)).collect();
        self.set_of(ids)
    }

    /// The set in names again.
    pub(super) fn unpack_set(&self, id: SetId) -> Requirements {
        self.members(id).iter().map(|member| self.unpack(*member)).collect()
    }

    /// Number of a set given as requirements of different keys, in any order.
    fn set_of(&mut self, mut members: Members) -> SetId {
        members.sort_unstable_by_key(|id| self.requirements[id.0 as usize].key);
        if let Some(position) = self.sets.get_index_of(&*members) {
            return SetId(position as u32);
        }
        SetId(self.sets.insert_full(members.into_boxed_slice()).0 as u32)
    }

    /// The requirements of a set, by number of key.
    pub(super) fn members(&self, id: SetId) -> &[ReqId] {
        &self.sets[id.0 as usize]
    }

    /// The requirement of a key, where the set has one.
    pub(super) fn lookup(&self, set: SetId, key: Key) -> Option<ReqId> {
        let members = self.members(set);
        members
            .binary_search_by_key(&key, |id| self.requirements[id.0 as usize].key)
            .ok()
            .map(|position| members[position])
    }

    fn within(&self, key: Key, value: Value, gte: Option<i64>, lte: Option<i64>) -> bool {
        if gte.is_none() && lte.is_none() {
            return true;
        }
        self.values[key.0 as usize].integers[value.0 as usize].is_some_and(|number| {
            gte.is_none_or(|least| number >= least) && lte.is_none_or(|most| number <= most)
        })
    }

    /// Whether a label with this value satisfies the requirement.
    pub(super) fn has(&self, id: ReqId, value: Value) -> bool {
        let packed = self.get(id);
        packed.contains(value) != packed.complement && self.within(packed.key, value, packed.gte, packed.lte)
    }

    /// What both allow; both are of one key.
    pub(super) fn intersection(&mut self, a: ReqId, b: ReqId) -> ReqId {
        if let Some(id) = self.intersections.get(&(a, b)) {
            return *id;
        }
        let (left, right) = (self.get(a), self.get(b));
        let key = left.key;
        let (gte, lte) = (left.gte.max(right.gte), smaller(left.lte, right.lte));
        let min_values = left.min_values.max(right.min_values);
        let mut result = Packed {
            key,
            complement: left.complement && right.complement,
            values: SmallVec::new(),
            gte,
            lte,
            min_values,
        };
        if matches!((gte, lte), (Some(least), Some(most)) if least > most) {
            result.complement = false;
        } else {
            let mut values: SmallVec<[Value; 4]> = match (left.complement, right.complement) {
                (true, true) => left.values.iter().chain(&right.values).copied().collect(),
                (true, false) => right.values.iter().filter(|v| !left.contains(**v)).copied().collect(),
                (false, true) => left.values.iter().filter(|v| !right.contains(**v)).copied().collect(),
                (false, false) => left.values.iter().filter(|v| right.contains(**v)).copied().collect(),
            };
            values.retain(|value| self.within(key, *value, gte, lte));
            values.sort_unstable();
            values.dedup();
            result.values = values;
        }
        if !result.complement {
            (result.gte, result.lte) = (None, None);
        }
        let id = self.requirement(result);
        self.intersections.insert((a, b), id);
        id
    }

    /// Whether an existing and an incoming requirement of one key agree: they share a value, or both accept that
    /// the label is absent.
    pub(super) fn agree(&self, existing: ReqId, incoming: ReqId) -> bool {
        let (left, right) = (self.get(existing), self.get(incoming));
        self.overlap(left, right) || left.accepts_absence() && right.accepts_absence()
    }

    fn overlap(&self, left: &Packed, right: &Packed) -> bool {
        let (gte, lte) = (left.gte.max(right.gte), smaller(left.lte, right.lte));
        if matches!((gte, lte), (Some(least), Some(most)) if least > most) {
            return false;
        }
        let key = left.key;
        match (left.complement, right.complement) {
            (true, true) => true,
            (true, false) => {
                right.values.iter().any(|v| !left.contains(*v) && self.within(key, *v, gte, lte))
            }
            (false, true) => {
                left.values.iter().any(|v| !right.contains(*v) && self.within(key, *v, gte, lte))
            }
            (false, false) => {
                left.values.iter().any(|v| right.contains(*v) && self.within(key, *v, gte, lte))
            }
        }
    }

    /// Whether every key present in both sets agrees.
    pub(super) fn intersects(&self, existing: SetId, incoming: SetId) -> bool {
        self.members(incoming).iter().all(|theirs| {
            self.lookup(existing, self.get(*theirs).key).is_none_or(|mine| self.agree(mine, *theirs))
        })
    }

    /// Whether one incoming requirement is compatible with the existing set.
    pub(super) fn admits(&self, existing: SetId, incoming: ReqId, open: Open) -> bool {
        let theirs = self.get(incoming);
        match self.lookup(existing, theirs.key) {
            Some(mine) => self.agree(mine, incoming),
            None => {
                open == Open::WellKnown && self.well_known[theirs.key.0 as usize] || theirs.accepts_absence()
            }
        }
    }

    /// Whether a node of the existing set can serve the incoming one.
    pub(super) fn compatible(&self, existing: SetId, incoming: SetId, open: Open) -> bool {
        self.members(incoming).iter().all(|theirs| self.admits(existing, *theirs, open))
    }

    /// Both sets together, whether or not they agree.
    pub(super) fn union(&mut self, a: SetId, b: SetId) -> SetId {
        if b == EMPTY || a == b {
            return a;
        }
        let incoming = Members::from_slice(self.members(b));
        let mut members = Members::from_slice(self.members(a));
        for theirs in incoming {
            let key = self.get(theirs).key;
            match members.iter().position(|mine| self.get(*mine).key == key) {
                Some(at) => members[at] = self.intersection(members[at], theirs),
                None => members.push(theirs),
            }
        }
        self.set_of(members)
    }

    /// One requirement more.
    pub(super) fn with(&mut self, set: SetId, requirement: ReqId) -> SetId {
        let single = self.set_of(SmallVec::from_slice(&[requirement]));
        self.union(set, single)
    }

    /// The set without one key.
    pub(super) fn without(&mut self, set: SetId, key: Key) -> SetId {
        if self.lookup(set, key).is_none() {
            return set;
        }
        let kept = self.members(set).iter().copied().filter(|id| self.get(*id).key != key).collect();
        self.set_of(kept)
    }

    /// The set with the requirement of one key replaced.
    pub(super) fn replaced(&mut self, set: SetId, requirement: ReqId) -> SetId {
        let key = self.get(requirement).key;
        let mut members: Members =
            self.members(set).iter().copied().filter(|id| self.get(*id).key != key).collect();
        members.push(requirement);
        self.set_of(members)
    }

    /// Both sets together, or nothing where they are not compatible. Remembered per pair.
    pub(super) fn combine(&mut self, existing: SetId, incoming: SetId, open: Open) -> Option<SetId> {
        if incoming == EMPTY {
            return Some(existing);
        }
        let memo = usize::from(open == Open::WellKnown);
        if let Some(known) = self.combined[memo].get(&(existing, incoming)) {
            return *known;
        }
        let result = self.compatible(existing, incoming, open).then(|| self.union(existing, incoming));
        self.combined[memo].insert((existing, incoming), result);
        result
    }
}

fn smaller(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
