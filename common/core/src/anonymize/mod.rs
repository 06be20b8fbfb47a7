//! A snapshot without its names: every name replaced, every answer kept.
//!
//! Karpenter breaks ties by the order of names (NodePools), uids (the queue) and domains (spread), so replacing names
//! must keep their order, also against the words that stay: well-known keys, zones, instance types. Each replaced
//! name therefore begins with as many letters of the old one as that order needs, usually one or two. uids say
//! nothing and stay.

mod names;
mod objects;

use std::collections::BTreeSet;

use crate::model::{LabelProfile, ObjectMeta, Snapshot, label_key, node_pool_hash};
use crate::provider::aws::{NodeClassHashVersion, node_class_hash};

use names::Collected;
pub use names::Names;

/// Annotation with the hash of an EC2NodeClass.
const NODE_CLASS_HASH: &str = "karpenter.k8s.aws/ec2nodeclass-hash";

/// Annotation with the version of that hash.
const NODE_CLASS_HASH_VERSION: &str = "karpenter.k8s.aws/ec2nodeclass-hash-version";

/// What was done beside replacing names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// How many names were replaced.
    pub names: usize,
    /// What was taken out because it cannot be renamed.
    pub left_out: Vec<&'static str>,
}

/// The snapshot with replaced names. `profile` holds the labels whose keys and values are the provider's own words.
pub fn anonymize(snapshot: &Snapshot, profile: &LabelProfile) -> (Snapshot, Replaced) {
    let names = names_of(snapshot, profile);
    let replaced = Replaced {
        names: names.count(),
        left_out: vec!["user data", "annotations of others", "event texts of others"],
    };
    (renamed(snapshot, &names, profile), replaced)
}

/// How the names of a snapshot are replaced.
pub fn names_of(snapshot: &Snapshot, profile: &LabelProfile) -> Names {
    let mut collected = Collected::new(profile);
    objects::walk(&mut snapshot.clone(), &mut collected);
    collected.into_names()
}

/// The snapshot with every name replaced.
fn renamed(snapshot: &Snapshot, names: &Names, profile: &LabelProfile) -> Snapshot {
    let old = snapshot;
    let mut snapshot = snapshot.clone();
    let mut writer = names::Renamer { names, profile };
    objects::walk(&mut snapshot, &mut writer);
    rehash(old, &mut snapshot);
    snapshot
}

/// Hashes are of names, too: where the old one was right for its object, the new one is, and NodeClaims made from that
/// very object still are.
fn rehash(old: &Snapshot, new: &mut Snapshot) {
    let mut claims: Vec<(&str, String, String)> = Vec::new();
    for (old, new) in old.objects.node_pools.iter().zip(&mut new.objects.node_pools) {
        let (was, is) = (node_pool_hash(old).to_string(), node_pool_hash(new).to_string());
        claims.extend(replace_hash(&mut new.metadata, label_key::NODE_POOL_HASH, was, is));
    }
    let bundle = old.controller.cluster_ca_bundle.clone().unwrap_or_default();
    for (old, new) in old.objects.ec2_node_classes.iter().zip(&mut new.objects.ec2_node_classes) {
        let version = old.metadata.annotations.get(NODE_CLASS_HASH_VERSION);
        let Some(version) = version.and_then(NodeClassHashVersion::parse) else { continue };
        let was = node_class_hash(&old.spec, &bundle, version).to_string();
        let is = node_class_hash(&new.spec, "", version).to_string();
        claims.extend(replace_hash(&mut new.metadata, NODE_CLASS_HASH, was, is));
    }
    for claim in &mut new.objects.node_claims {
        for (key, was, is) in &claims {
            if claim.metadata.annotations.get(key) == Some(was.as_str()) {
                claim.metadata.annotations.insert(*key, is.as_str());
            }
        }
    }
}

/// Replaces a hash that was right; yields what to replace in NodeClaims.
fn replace_hash(
    metadata: &mut ObjectMeta,
    key: &'static str,
    was: String,
    is: String,
) -> Option<(&'static str, String, String)> {
    if metadata.annotations.get(key) != Some(was.as_str()) {
        return None;
    }
    metadata.annotations.insert(key, is.as_str());
    Some((key, was, is))
}

/// Words that stay as they are: systems' own namespaces and classes, values of the API, and the words that the
/// controller's texts are made of, so that a name in a text can be told from prose.
fn fixed_words() -> BTreeSet<&'static str> {
    const SYSTEM: &str = "default kube-system kube-public kube-node-lease default-scheduler system-cluster-critical \
        system-node-critical true false spot on-demand reserved amd64 arm64 linux windows cpu memory pods nodes \
        ephemeral-storage In NotIn Exists DoesNotExist Gt Lt Gte Lte NoSchedule NoExecute PreferNoSchedule";
    const PROSE: &str = "a all allowed an and any are available be because but by capacity claim claims compatible \
        could counts daemonset did do does domain domains each empty enough error exceed exceeds existing failed fit \
        fits for found from group had has have host hostname hostnames if ignoring in incompatible instance \
        instanceTypes is it its key known label labels launch limits many match max met min minValues more name \
        new no node nodeclaim nodepool nodepools none not of offering offerings on only or overhead pending pod \
        port possible provisioner required requirement requirements requirementset reservation resource resources \
        satisfied satisfy schedule scheduled scheduler scheduling skew spread still taint taints template than that \
        the this to tolerate topology type types undefined unbound unknown unsatisfiable value values volume was \
        which with within would zone zones";
    SYSTEM.split_whitespace().chain(PROSE.split_whitespace()).collect()
}
