//! A snapshot without its names: every name replaced, every answer kept.
//!
//! Karpenter breaks ties by the order of names (NodePools), uids (the queue) and domains (spread), texts list keys in
//! order, and names are made of names (`data-postgres-0`). So not names but their words are replaced, each word
//! everywhere by the same one ([`Names`]), in the order of the old ones and between the words that stay. What cannot
//! be kept is counted in [`Replaced`].
//!
//! Objects are walked as JSON ([`fields`]): a text of which nothing is known is a name, so a field that is added to
//! the model is replaced until somebody says that it holds no name.

mod collect;
mod fields;
mod fixed;
mod names;
mod texts;
mod words;

#[cfg(test)]
mod tests;

use compact_str::CompactString;
use serde_json::Value;

use crate::model::{LabelProfile, ListVisitor, Object, ObjectMeta, Snapshot, label_key, node_pool_hash};
use crate::provider::aws::{NodeClassHashVersion, node_class_hash};

pub use names::Names;

use collect::Collected;
use fields::{Renamer, walk};

/// Annotation with the hash of an EC2NodeClass.
const NODE_CLASS_HASH: &str = "karpenter.k8s.aws/ec2nodeclass-hash";

/// What was done beside replacing names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// How many names were replaced.
    pub names: usize,
    /// Names that consist of words that stay (`default`, `spot`), sorted.
    pub kept: Vec<CompactString>,
    /// What was taken out because it cannot be renamed.
    pub left_out: Vec<&'static str>,
    /// What is not as it was, and may change an answer; empty as a rule.
    pub not_kept: Vec<String>,
}

/// The snapshot with replaced names. `profile` holds the labels whose keys and values are the provider's own words.
pub fn anonymize(snapshot: &Snapshot, profile: &LabelProfile) -> (Snapshot, Replaced) {
    let names = names_of(snapshot, profile);
    let replaced = Replaced {
        names: names.count(),
        kept: names.kept().cloned().collect(),
        left_out: vec![
            "user data",
            "cluster CA",
            "managedFields",
            "other tools' annotations, events and NodeClass fields",
        ],
        not_kept: names.not_kept(),
    };
    (renamed(snapshot, &names, profile), replaced)
}

/// How the names of a snapshot are replaced.
pub fn names_of(snapshot: &Snapshot, profile: &LabelProfile) -> Names {
    let mut collected = Collected::new(profile);
    // A copy is read, since one walk serves for reading and for writing.
    rewrite(&mut snapshot.clone(), &mut collected);
    collected.into_names()
}

/// The snapshot with every name replaced.
fn renamed(old: &Snapshot, names: &Names, profile: &LabelProfile) -> Snapshot {
    let mut snapshot = old.clone();
    rewrite(&mut snapshot, &mut Renamer::new(names, profile));
    rehash(old, &mut snapshot);
    snapshot
}

/// Shows every name in a snapshot to `renamer`, which may replace it.
fn rewrite(snapshot: &mut Snapshot, renamer: &mut impl fields::Rename) {
    for class in &mut snapshot.objects.other_node_classes {
        class.rest.clear();
    }
    for event in &mut snapshot.objects.events {
        // Only Karpenter's texts are compared with ours; others may hold anything.
        if !event.reporter().starts_with("karpenter") {
            event.message = String::new();
        }
    }
    snapshot.objects.visit_lists(&mut Lists { renamer: &mut *renamer });
    snapshot.controller.cluster_ca_bundle = None;
    if let Some(new) = through_json(&snapshot.controller, |value| walk("controllersettings", value, renamer))
    {
        snapshot.controller = new;
    }
    for field in &mut snapshot.unknown_fields {
        renamer.text(field);
    }
    for gap in &mut snapshot.gaps {
        // `forbidden for user ci-bot` names somebody.
        if let Some((reason, _)) = gap.reason.split_once(" for user ") {
            gap.reason = reason.to_owned();
        }
    }
}

/// Walks over every object.
struct Lists<'r, R> {
    renamer: &'r mut R,
}

impl<R: fields::Rename> ListVisitor for Lists<'_, R> {
    fn list<T: Object>(&mut self, plural: &'static str, list: &mut Vec<T>) {
        for object in list {
            if let Some(new) = through_json(object, |value| walk(plural, value, self.renamer)) {
                *object = new;
            }
        }
    }
}

/// A value changed in its JSON form. The model's own types are written and read back without loss.
fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(
    old: &T,
    change: impl FnOnce(&mut Value),
) -> Option<T> {
    let mut value = serde_json::to_value(old).ok()?;
    change(&mut value);
    serde_json::from_value(value).ok()
}

/// Hashes are of names, too: where the old one was right for its object, the new one is, and NodeClaims made from that
/// very object still are.
fn rehash(old: &Snapshot, new: &mut Snapshot) {
    let mut changes: Vec<(&str, String, String)> = Vec::new();
    for (old, new) in old.objects.node_pools.iter().zip(&mut new.objects.node_pools) {
        let (was, is) = (node_pool_hash(old).to_string(), node_pool_hash(new).to_string());
        replace_hash(&mut new.metadata, label_key::NODE_POOL_HASH, &was, &is);
        changes.push((label_key::NODE_POOL_HASH, was, is));
    }
    let bundle = old.controller.cluster_ca_bundle.clone().unwrap_or_default();
    for (old, new) in old.objects.ec2_node_classes.iter().zip(&mut new.objects.ec2_node_classes) {
        for version in NodeClassHashVersion::ALL {
            let was = node_class_hash(&old.spec, &bundle, version).to_string();
            let is = node_class_hash(&new.spec, "", version).to_string();
            replace_hash(&mut new.metadata, NODE_CLASS_HASH, &was, &is);
            changes.push((NODE_CLASS_HASH, was, is));
        }
    }
    for claim in &mut new.objects.node_claims {
        for (key, was, is) in &changes {
            replace_hash(claim.metadata_mut(), key, was, is);
        }
    }
}

/// Replaces a hash that was right; whether it was.
fn replace_hash(metadata: &mut ObjectMeta, key: &str, was: &str, is: &str) -> bool {
    let right = metadata.annotations.get(key) == Some(was);
    if right {
        metadata.annotations.insert(key, is);
    }
    right
}
