//! The instance types of a NodePool in the shape the loop reads: bit sets of types per requirement, and of rows
//! per amount of a resource.
//!
//! A *row* is one group of offerings of one type with the same allocatable resources; nearly every type has
//! exactly one. Offerings differ in a handful of ways (zone × capacity type), so they are sorted into *kinds* of
//! equal requirements: a set of requirements is compared with every kind, not with every offering. What a set
//! leaves is worked out once per set and remembered ([`Facts`]); what fits is an AND over the resources asked
//! for. Mirrors karpenter: pkg/controllers/provisioning/scheduling/nodeclaim.go
//! (`filterInstanceTypesByRequirements`).

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::amounts::{Amounts, Columns};
use super::bits::Bits;
use super::offering_kinds::{Kinds, OfferingKind};
use super::packed::{Interner, Key, Open, ReqId, SetId, Value};
use crate::model::{InstanceType, LabelProfile, Offering, RuleSet, label_key};

/// A list of instance types, packed.
#[derive(Clone)]
pub(super) struct TypeList {
    /// As the provider gave them.
    pub types: Arc<[InstanceType]>,
    /// Requirements of each type.
    pub requirements: Vec<SetId>,
    /// Capacity of each type.
    pub capacity: Vec<Amounts>,
    /// Offerings of each type.
    pub offerings: Vec<Vec<PackedOffering>>,
    /// The kinds of offerings.
    kinds: Vec<OfferingKind>,
    rows: Vec<Row>,
    /// Rows are types: no type has offerings of different size.
    plain: bool,
    /// Rows none of whose resources is negative.
    sound: Bits,
    /// Per column: amounts in ascending order, and the rows that have at least that much.
    fitting: Vec<Vec<(i128, Bits)>>,
    facts: FxHashMap<SetId, Rc<Facts>>,
    overlaps: FxHashMap<ReqId, Rc<Bits>>,
    launch_orders: FxHashMap<SetId, Rc<Vec<(usize, f64)>>>,
    /// Per column: types by descending capacity.
    largest: Vec<Vec<usize>>,
    /// Types in byte order of their names.
    pub by_name: Vec<usize>,
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Row {
    type_index: usize,
    offerings: Vec<usize>,
}

/// One offering, packed.
#[derive(Clone)]
pub(super) struct PackedOffering {
    /// Position among the kinds of the list.
    pub kind: usize,
    pub price: f64,
    pub available: bool,
    pub launchable: bool,
    pub reserved: bool,
    /// Position of its reservation id among those of the run.
    pub reservation: Option<usize>,
    pub reservation_capacity: i64,
}

/// What a set of requirements leaves of a list.
pub(super) struct Facts {
    /// Types whose labels agree.
    pub compatible: Bits,
    /// Rows with an available offering that agrees.
    pub offered_rows: Bits,
    /// The types of those rows.
    pub offered: Bits,
    /// Kinds of offerings that agree.
    pub kinds: Bits,
}

impl TypeList {
    /// Packs a list. Cost: types × (labels + offerings).
    pub(super) fn new(
        types: Arc<[InstanceType]>,
        interner: &mut Interner,
        columns: &Columns,
        profile: &LabelProfile,
        rules: RuleSet,
        reservations: &mut Vec<String>,
    ) -> Self {
        let requirements: Vec<SetId> =
            types.iter().map(|of_type| interner.pack_set(&of_type.requirements)).collect();
        let mut keys: Vec<Key> = requirements
            .iter()
            .flat_map(|set| interner.members(*set).iter().map(|id| interner.get(*id).key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let capacity_type_key = interner.key(label_key::CAPACITY_TYPE);
        let reserved_value = interner.value(capacity_type_key, "reserved");
        let listed = Arc::clone(&types);
        let mut kinds = Kinds::new(capacity_type_key);
        let mut pack = |kind: usize, reserved: bool, offering: &Offering| {
            let reservation = reserved.then(|| {
                let id = offering.reservation_id(profile).unwrap_or_default();
                reservations.iter().position(|known| known == id).unwrap_or_else(|| {
                    reservations.push(id.to_owned());
                    reservations.len() - 1
                })
            });
            let is_full = reserved && offering.reservation_capacity <= 0;
            PackedOffering {
                kind,
                price: offering.price,
                available: offering.available,
                launchable: offering.available && !(is_full && rules.full_reservations_stay_available()),
                reserved,
                reservation,
                reservation_capacity: offering.reservation_capacity,
            }
        };
        let mut offerings: Vec<Vec<PackedOffering>> = Vec::with_capacity(listed.len());
        for of_type in listed.iter() {
            let mut packed = Vec::with_capacity(of_type.offerings.len());
            for offering in &of_type.offerings {
                let kind = kinds.of(&offering.requirements, interner);
                let reserved = kinds.kinds[kind].capacity_type == Some(reserved_value);
                packed.push(pack(kind, reserved, offering));
            }
            offerings.push(packed);
        }
        let mut list = Self {
            capacity: types.iter().map(|of_type| columns.row(&of_type.capacity)).collect(),
            requirements,
            offerings,
            kinds: kinds.kinds,
            rows: Vec::new(),
            plain: true,
            sound: Bits::none(0),
            fitting: Vec::new(),
            facts: FxHashMap::default(),
            overlaps: FxHashMap::default(),
            launch_orders: FxHashMap::default(),
            largest: Vec::new(),
            by_name: Vec::new(),
            keys,
            types,
        };
        list.build_rows(columns, rules);
        list.by_name = (0..list.len()).collect();
        list.by_name.sort_by(|a, b| list.types[*a].name.cmp(&list.types[*b].name));
        list.largest = (0..columns.len())
            .map(|column| {
                let mut order: Vec<usize> = (0..list.len()).collect();
                order.sort_by_key(|at| std::cmp::Reverse(list.capacity[*at][column]));
                order
            })
            .collect();
        list
    }

    fn build_rows(&mut self, columns: &Columns, rules: RuleSet) {
        let mut allocatable = Vec::new();
        let mut sound = Vec::new();
        for (type_index, of_type) in self.types.iter().enumerate() {
            for group in of_type.allocatable_groups(rules.overrides_replace()) {
                sound.push(!group.allocatable.iter().any(|(_, quantity)| quantity.is_negative()));
                allocatable.push(columns.row(&group.allocatable));
                self.rows.push(Row { type_index, offerings: group.offerings });
            }
        }
        self.plain = self.rows.len() == self.types.len();
        self.kinds.iter_mut().for_each(|kind| kind.rows = Bits::none(self.rows.len()));
        for (position, row) in self.rows.iter().enumerate() {
            for offering in &row.offerings {
                let kind = self.offerings[row.type_index][*offering].kind;
                self.kinds[kind].rows.insert(position);
            }
        }
        self.sound = Bits::none(self.rows.len());
        sound.iter().enumerate().filter(|(_, sound)| **sound).for_each(|(row, _)| self.sound.insert(row));
        self.fitting = (0..columns.len())
            .map(|column| {
                let mut order: Vec<(i128, usize)> =
                    allocatable.iter().enumerate().map(|(row, amounts)| (amounts[column], row)).collect();
                order.sort_unstable();
                // From the largest amount down: each step has the rows of the one above and its own.
                let mut steps: Vec<(i128, Bits)> = Vec::new();
                let mut so_far = Bits::none(self.rows.len());
                for same in order.chunk_by(|a, b| a.0 == b.0).rev() {
                    same.iter().for_each(|(_, row)| so_far.insert(*row));
                    steps.push((same[0].0, so_far.clone()));
                }
                steps.reverse();
                steps
            })
            .collect();
    }

    /// The largest capacity of a column among some types; zero without any.
    pub(super) fn largest_capacity(&self, column: usize, types: &Bits) -> i128 {
        let largest = self.largest[column].iter().find(|at| types.contains(**at));
        largest.map_or(0, |at| self.capacity[*at][column])
    }

    pub(super) fn len(&self) -> usize {
        self.types.len()
    }

    /// The type of a name.
    pub(super) fn named(&self, name: &str) -> Option<&InstanceType> {
        let at = self.by_name.binary_search_by(|at| self.types[*at].name.as_str().cmp(name)).ok()?;
        Some(&self.types[self.by_name[at]])
    }

    /// What a set of requirements leaves; worked out once per set.
    pub(super) fn facts(&mut self, set: SetId, interner: &Interner) -> Rc<Facts> {
        if let Some(facts) = self.facts.get(&set) {
            return Rc::clone(facts);
        }
        let mut compatible = Bits::all(self.len());
        for member in interner.members(set) {
            if self.keys.binary_search(&interner.get(*member).key).is_ok() {
                compatible.keep(&self.overlapping(*member, interner));
            }
        }
        let mut kinds = Bits::none(self.kinds.len());
        let mut offered_rows = Bits::none(self.rows.len());
        for (position, kind) in self.kinds.iter().enumerate() {
            if interner.compatible(set, kind.set, Open::WellKnown) {
                kinds.insert(position);
                offered_rows.extend(&kind.rows);
            }
        }
        let offered = self.types_of(offered_rows.clone());
        let facts = Rc::new(Facts { compatible, offered_rows, offered, kinds });
        self.facts.insert(set, Rc::clone(&facts));
        facts
    }

    /// Types whose label of this key agrees, or that do not have it.
    fn overlapping(&mut self, requirement: ReqId, interner: &Interner) -> Rc<Bits> {
        if let Some(bits) = self.overlaps.get(&requirement) {
            return Rc::clone(bits);
        }
        let key = interner.get(requirement).key;
        let mut bits = Bits::none(self.len());
        for (index, set) in self.requirements.iter().enumerate() {
            if interner.lookup(*set, key).is_none_or(|mine| interner.agree(mine, requirement)) {
                bits.insert(index);
            }
        }
        let bits = Rc::new(bits);
        self.overlaps.insert(requirement, Rc::clone(&bits));
        bits
    }

    /// Types with a row that has an offering and room for three rows of amounts together.
    pub(super) fn fitting(&self, total: [&[i128]; 3], facts: &Facts) -> Bits {
        let mut rows = self.sound.clone();
        rows.keep(&facts.offered_rows);
        for (column, steps) in self.fitting.iter().enumerate() {
            let asked = total[0][column].saturating_add(total[1][column]).saturating_add(total[2][column]);
            if asked <= 0 {
                continue;
            }
            match steps.get(steps.partition_point(|(amount, _)| *amount < asked)) {
                Some((_, bits)) => rows.keep(bits),
                None => return Bits::none(self.len()),
            }
        }
        self.types_of(rows)
    }

    /// The types of some rows.
    fn types_of(&self, rows: Bits) -> Bits {
        if self.plain {
            return rows;
        }
        let mut types = Bits::none(self.len());
        rows.iter().for_each(|row| types.insert(self.rows[row].type_index));
        types
    }

    /// Types with their prices under a set of requirements, cheapest first, equal prices by name; worked out once
    /// per set.
    pub(super) fn launch_order(&mut self, set: SetId, interner: &Interner) -> Rc<Vec<(usize, f64)>> {
        if let Some(order) = self.launch_orders.get(&set) {
            return Rc::clone(order);
        }
        let kinds = &self.facts(set, interner).kinds;
        let mut order: Vec<(usize, f64)> = (0..self.len()).map(|at| (at, self.price(at, kinds))).collect();
        order.sort_by(|a, b| {
            a.1.total_cmp(&b.1).then_with(|| self.types[a.0].name.cmp(&self.types[b.0].name))
        });
        let order = Rc::new(order);
        self.launch_orders.insert(set, Rc::clone(&order));
        order
    }

    /// Price a type sorts by where these kinds of offerings agree; infinite where nothing can be launched.
    fn price(&self, type_index: usize, kinds: &Bits) -> f64 {
        self.offerings[type_index]
            .iter()
            .filter(|offering| offering.launchable && kinds.contains(offering.kind))
            .map(|offering| offering.price)
            .fold(f64::INFINITY, f64::min)
    }

    /// Capacity types in which one of the given types can be launched; an offering without one counts as none.
    /// Cost: offerings of the types, less as soon as every kind was met.
    pub(super) fn capacity_types(
        &mut self,
        types: impl Iterator<Item = usize>,
        set: SetId,
        interner: &Interner,
    ) -> Vec<Option<Value>> {
        let facts = self.facts(set, interner);
        let mut missing = facts.kinds.clone();
        let mut met: Vec<Option<Value>> = Vec::new();
        for of_type in types {
            for offering in self.offerings[of_type].iter().filter(|offering| offering.launchable) {
                if missing.contains(offering.kind) {
                    missing.remove(offering.kind);
                    met.push(self.kinds[offering.kind].capacity_type);
                }
            }
            if missing.is_empty() {
                break;
            }
        }
        met.sort_unstable();
        met.dedup();
        met
    }

    /// Keys with minValues that `types` cannot meet, by name, with the number of values there are.
    pub(super) fn unmet_min_values(
        &self,
        types: &Bits,
        set: SetId,
        interner: &Interner,
        rules: RuleSet,
    ) -> Vec<(Key, i64)> {
        let mut unmet: Vec<(Key, i64)> = Vec::new();
        if types.is_empty() {
            return unmet;
        }
        for member in interner.members(set) {
            let wanted = interner.get(*member);
            let Some(least) = wanted.min_values else { continue };
            let mut values = std::collections::BTreeSet::new();
            for of_type in types.iter() {
                let Some(mine) = interner.lookup(self.requirements[of_type], wanted.key) else { continue };
                let counted = interner.get(mine).values.iter().copied();
                values.extend(
                    counted.filter(|value| {
                        !rules.min_values_count_allowed_only() || interner.has(*member, *value)
                    }),
                );
            }
            if (values.len() as i64) < least {
                unmet.push((wanted.key, values.len() as i64));
            }
        }
        unmet.sort_by(|a, b| interner.key_name(a.0).cmp(interner.key_name(b.0)));
        unmet
    }
}
