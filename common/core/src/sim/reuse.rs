//! What runs over variants of one cluster share: instance types packed once, with what the NodePools' own
//! requirements leave of them. The search for changes simulates one edit after the other; packing would be most of it.
//!
//! A run uses what is kept only where it would have packed the very same: the same lists in the same order, the same
//! resources, the same rules. Otherwise it packs for itself.

use std::cell::OnceCell;
use std::sync::Arc;

use super::amounts::Columns;
use super::packed::Interner;
use super::pools::{Pool, pack_lists};
use super::prepare::World;
use super::solution::PoolEligibility;
use super::type_list::TypeList;
use crate::model::{InstanceType, RuleSet};

/// Kept between runs with one provider.
#[derive(Default)]
pub struct Reuse {
    kept: OnceCell<Kept>,
}

struct Kept {
    sources: Vec<Arc<[InstanceType]>>,
    columns: Columns,
    rules: RuleSet,
    packed: PackedTypes,
}

/// Instance types packed, and the vocabulary they are packed in.
#[derive(Clone)]
pub(super) struct PackedTypes {
    pub interner: Interner,
    pub lists: Vec<TypeList>,
    pub reservation_ids: Vec<String>,
}

impl std::fmt::Debug for Reuse {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reuse").field("kept", &self.kept.get().is_some()).finish()
    }
}

/// Packs the lists of the NodePools, or takes what an earlier run packed; tells each NodePool its list.
pub(super) fn packed_types(world: &World<'_, '_>, pools: &mut [Pool<'_>], columns: &Columns) -> PackedTypes {
    let Some(reuse) = world.reuse else { return pack(world, pools, columns) };
    let sources = distinct_lists(pools);
    if let Some(kept) = reuse.kept.get() {
        let is_same = kept.rules == world.snapshot.rules
            && kept.columns == *columns
            && kept.sources.len() == sources.len()
            && kept.sources.iter().zip(&sources).all(|(mine, theirs)| Arc::ptr_eq(mine, theirs));
        if !is_same {
            return pack(world, pools, columns);
        }
        for pool in pools.iter_mut().filter(|pool| pool.eligibility == PoolEligibility::Eligible) {
            pool.list = sources.iter().position(|source| Arc::ptr_eq(source, &pool.types));
        }
        return kept.packed.clone();
    }
    let mut packed = pack(world, pools, columns);
    // What most variants ask again.
    for pool in pools.iter() {
        let Some(list) = pool.list else { continue };
        let set = packed.interner.pack_set(&pool.requirements);
        packed.lists[list].facts(set, &packed.interner);
    }
    let kept =
        Kept { sources, columns: columns.clone(), rules: world.snapshot.rules, packed: packed.clone() };
    // Another run of the same thread cannot have come in between.
    let _ = reuse.kept.set(kept);
    packed
}

fn pack(world: &World<'_, '_>, pools: &mut [Pool<'_>], columns: &Columns) -> PackedTypes {
    let mut interner = Interner::new(world.provider.labels());
    let mut reservation_ids = Vec::new();
    let lists = pack_lists(world, pools, &mut interner, columns, &mut reservation_ids);
    PackedTypes { interner, lists, reservation_ids }
}

/// The lists in the order in which they are packed.
fn distinct_lists(pools: &[Pool<'_>]) -> Vec<Arc<[InstanceType]>> {
    let mut lists: Vec<Arc<[InstanceType]>> = Vec::new();
    for pool in pools.iter().filter(|pool| pool.eligibility == PoolEligibility::Eligible) {
        if !lists.iter().any(|known| Arc::ptr_eq(known, &pool.types)) {
            lists.push(Arc::clone(&pool.types));
        }
    }
    lists
}
