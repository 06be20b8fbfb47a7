//! A snapshot without its names: every name replaced, every answer kept.
//!
//! Karpenter breaks ties by the order of names (NodePools), uids (the queue) and domains (spread), so replacing names
//! must keep their order, also against the words that stay: well-known keys, zones, instance types. Each replaced
//! name therefore begins with as many letters of the old one as that order needs, usually one or two. uids say
//! nothing and stay.

mod names;
mod objects;

use std::collections::BTreeSet;

use crate::model::{LabelProfile, Snapshot};

use names::Collected;
pub use names::Names;

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
    let mut snapshot = snapshot.clone();
    let mut writer = names::Renamer { names, profile };
    objects::walk(&mut snapshot, &mut writer);
    snapshot
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
