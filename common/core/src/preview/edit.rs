//! Edits of Karpenter's own objects for one run: NodePools, NodeClasses and NodeOverlays replaced or added.
//!
//! What is written by hand has no status. An object that replaces a live one keeps the live one's identity and
//! status; a new NodePool is taken for Ready where its NodeClass is there, since that is what it would become.
//! Status that the edit makes stale (a NodeClass with other selectors) is named, so that the answer can say so.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::model::{
    Budget, Condition, Ec2NodeClass, NodeOverlay, NodePool, Object, ObjectMeta, Objects, Snapshot, condition,
};

/// What an edit did, and what it leaves open.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edited {
    /// `kind/name` of objects that replaced a live one.
    pub replaced: Vec<String>,
    /// `kind/name` of objects that are new.
    pub added: Vec<String>,
    /// What the new status would be cannot be known here, for people.
    pub unresolved: Vec<String>,
}

impl Edited {
    /// `kind/name` of every object, replaced ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.replaced.iter().chain(&self.added).map(String::as_str)
    }
}

/// Puts the NodePools, NodeClasses and NodeOverlays of `objects` into a snapshot; other kinds are left alone.
pub fn apply_edits(snapshot: &mut Snapshot, objects: Objects) -> Edited {
    let mut edited = Edited::default();
    for class in objects.ec2_node_classes {
        let class = with_live_status(class, snapshot, &mut edited);
        put(&mut snapshot.objects.ec2_node_classes, class, "ec2nodeclass", &mut edited);
    }
    for mut class in objects.other_node_classes {
        if let Some(live) = same_name(&snapshot.objects.other_node_classes, class.metadata()) {
            class.status = live.status.clone();
        }
        let kind = class.kind.to_lowercase();
        put(&mut snapshot.objects.other_node_classes, class, &kind, &mut edited);
    }
    for overlay in objects.node_overlays {
        let overlay = with_validation(overlay, &snapshot.objects.node_overlays);
        put(&mut snapshot.objects.node_overlays, overlay, "nodeoverlay", &mut edited);
    }
    for pool in objects.node_pools {
        let pool = with_readiness(pool, snapshot, &mut edited);
        put(&mut snapshot.objects.node_pools, pool, "nodepool", &mut edited);
    }
    edited
}

fn same_name<'a, T: Object>(list: &'a [T], metadata: &ObjectMeta) -> Option<&'a T> {
    list.iter().find(|object| object.metadata().name == metadata.name)
}

/// Replaces the object of that name, keeping what the API server keeps of it, or adds a new one.
fn put<T: Object>(list: &mut Vec<T>, mut object: T, kind: &str, edited: &mut Edited) {
    let name = format!("{kind}/{}", object.metadata().name);
    match list.iter_mut().find(|live| live.metadata().name == object.metadata().name) {
        Some(live) => {
            keep_identity(live.metadata(), object.metadata_mut());
            *live = object;
            edited.replaced.push(name);
        }
        None => {
            let metadata = object.metadata_mut();
            if metadata.uid.is_empty() {
                metadata.uid = CompactString::from(name.as_str());
            }
            list.push(object);
            edited.added.push(name);
        }
    }
}

/// Identity and everything controllers wrote; annotations are merged as `kubectl apply` merges them.
fn keep_identity(live: &ObjectMeta, edited: &mut ObjectMeta) {
    edited.uid = live.uid.clone();
    edited.creation_timestamp = live.creation_timestamp;
    edited.deletion_timestamp = live.deletion_timestamp;
    edited.finalizers = live.finalizers.clone();
    edited.owner_references = live.owner_references.clone();
    let mut annotations = live.annotations.clone();
    annotations.extend(&edited.annotations);
    edited.annotations = annotations;
}

/// A NodeClass keeps what its selectors resolved to; where the edit asks EC2 another question, that is said. A new
/// one takes the answer from a NodeClass that asks the same.
fn with_live_status(mut class: Ec2NodeClass, snapshot: &Snapshot, edited: &mut Edited) -> Ec2NodeClass {
    let name = class.metadata.name.clone();
    let has_status = !class.status.subnets.is_empty() || !class.status.amis.is_empty();
    match same_name(&snapshot.objects.ec2_node_classes, &class.metadata) {
        Some(live) => {
            for selector in changed_selectors(live, &class) {
                edited.unresolved.push(format!(
                    "ec2nodeclass/{name}: what the new {selector} finds in EC2 is not known here; the old answer is used"
                ));
            }
            class.status = live.status.clone();
        }
        None if has_status => {}
        None => {
            let classes = &snapshot.objects.ec2_node_classes;
            let alike = classes.iter().find(|other| changed_selectors(other, &class).is_empty());
            if let Some(other) = alike {
                class.status = other.status.clone();
            } else {
                edited.unresolved.push(format!(
                    "ec2nodeclass/{name} is not in the cluster: which subnets and images it finds is not known here"
                ));
            }
        }
    }
    class
}

fn changed_selectors(live: &Ec2NodeClass, edited: &Ec2NodeClass) -> Vec<&'static str> {
    let (live, edited) = (&live.spec, &edited.spec);
    let pairs = [
        ("subnetSelectorTerms", live.subnet_selector_terms != edited.subnet_selector_terms),
        (
            "securityGroupSelectorTerms",
            live.security_group_selector_terms != edited.security_group_selector_terms,
        ),
        ("amiSelectorTerms", live.ami_selector_terms != edited.ami_selector_terms),
        (
            "capacityReservationSelectorTerms",
            live.capacity_reservation_selector_terms != edited.capacity_reservation_selector_terms,
        ),
    ];
    pairs.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

/// An overlay counts once the controller has validated it, which it would.
fn with_validation(mut overlay: NodeOverlay, live: &[NodeOverlay]) -> NodeOverlay {
    overlay.status = same_name(live, &overlay.metadata).map(|live| live.status.clone()).unwrap_or_default();
    for kind in ["ValidationSucceeded", "Ready"] {
        if condition(&overlay.status.conditions, kind).is_none() {
            overlay.status.conditions.push(is_true(kind));
        }
    }
    overlay
}

/// A NodePool that replaces a live one is as ready as that is, unless it points to another NodeClass; a new one
/// becomes Ready where its NodeClass is.
fn with_readiness(mut pool: NodePool, snapshot: &Snapshot, edited: &mut Edited) -> NodePool {
    let live = same_name(&snapshot.objects.node_pools, &pool.metadata);
    if let Some(live) = live {
        default_as_live(&mut pool, live);
        pool.status = live.status.clone();
        if live.spec.template.spec.node_class_ref == pool.spec.template.spec.node_class_ref {
            return pool;
        }
    }
    let reference = &pool.spec.template.spec.node_class_ref;
    let ready = match known_readiness(snapshot, reference.kind.as_str(), reference.name.as_str()) {
        Some(ready) => ready,
        None => {
            edited.unresolved.push(format!(
                "nodepool/{}: {}/{} is not in the cluster; the NodePool would not be Ready",
                pool.name(),
                reference.kind.to_lowercase(),
                reference.name
            ));
            false
        }
    };
    let status = if ready { "True" } else { "False" };
    pool.status.conditions = ["ValidationSucceeded", "NodeClassReady", "Ready"]
        .into_iter()
        .map(|kind| {
            let status = if kind == "ValidationSucceeded" { "True" } else { status };
            Condition { status: status.into(), ..is_true(kind) }
        })
        .collect();
    pool
}

/// Fields that a file leaves out and the live object has are what the API server's defaults make of them, not a
/// change. Karpenter: pkg/apis/crds/karpenter.sh_nodepools.yaml.
fn default_as_live(pool: &mut NodePool, live: &NodePool) {
    let default = |edited: &mut Option<CompactString>, live: &Option<CompactString>, value: &str| {
        if edited.is_none() && live.is_some() {
            *edited = Some(value.into());
        }
    };
    default(&mut pool.spec.template.spec.expire_after, &live.spec.template.spec.expire_after, "720h");
    let (edited, live) = (&mut pool.spec.disruption, &live.spec.disruption);
    default(&mut edited.consolidate_after, &live.consolidate_after, "0s");
    default(&mut edited.consolidation_policy, &live.consolidation_policy, "WhenEmptyOrUnderutilized");
    if edited.budgets.is_none() && live.budgets.is_some() {
        edited.budgets = Some(vec![Budget { nodes: "10%".into(), ..Budget::default() }]);
    }
}

/// Whether the NodeClass is there and ready; one that was just written has no conditions yet and counts as ready.
fn known_readiness(snapshot: &Snapshot, kind: &str, name: &str) -> Option<bool> {
    let ready = |conditions: &[Condition]| {
        condition(conditions, "Ready").is_none_or(|condition| condition.status == "True")
    };
    let objects = &snapshot.objects;
    let ec2 = objects
        .ec2_node_classes
        .iter()
        .find(|class| kind == "EC2NodeClass" && class.metadata.name == name)
        .map(|class| ready(&class.status.conditions));
    let other = || {
        objects
            .other_node_classes
            .iter()
            .find(|class| class.kind == kind && class.metadata.name == name)
            .map(|class| ready(&class.status.conditions))
    };
    ec2.or_else(other)
}

fn is_true(kind: &str) -> Condition {
    Condition { kind: kind.into(), status: "True".into(), ..Condition::default() }
}

/// Names of the NodePools that `names` (`kind/name`) concern: those named, and those of a NodeClass named.
pub fn concerned_pools(snapshot: &Snapshot, names: &Edited) -> BTreeSet<CompactString> {
    let names: BTreeSet<&str> = names.names().collect();
    snapshot
        .objects
        .node_pools
        .iter()
        .filter(|pool| {
            let reference = &pool.spec.template.spec.node_class_ref;
            let class = format!("{}/{}", reference.kind.to_lowercase(), reference.name);
            names.contains(format!("nodepool/{}", pool.name()).as_str()) || names.contains(class.as_str())
        })
        .map(|pool| pool.metadata.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeClassReference;
    use jiff::Timestamp;

    fn pool(name: &str, class: &str) -> NodePool {
        let mut pool = NodePool::default();
        pool.metadata.name = name.into();
        pool.spec.template.spec.node_class_ref = NodeClassReference {
            group: "karpenter.k8s.aws".into(),
            kind: "EC2NodeClass".into(),
            name: class.into(),
        };
        pool
    }

    fn class(name: &str) -> Ec2NodeClass {
        let mut class = Ec2NodeClass::default();
        class.metadata.name = name.into();
        class
    }

    #[test]
    fn replaced_keeps_identity_and_added_becomes_ready() {
        let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH);
        let mut live = pool("spot", "default");
        live.metadata.uid = "uid-1".into();
        live.status.conditions = vec![is_true("Ready")];
        live.spec.template.spec.expire_after = Some("336h".into());
        snapshot.objects.node_pools.push(live);
        snapshot.objects.ec2_node_classes.push(class("default"));
        let mut edit = Objects::default();
        let mut heavier = pool("spot", "default");
        heavier.spec.weight = Some(10);
        edit.node_pools = vec![heavier, pool("new", "default"), pool("lost", "nowhere")];

        let edited = apply_edits(&mut snapshot, edit);

        let pools = &snapshot.objects.node_pools;
        assert_eq!((pools[0].metadata.uid.as_str(), pools[0].weight()), ("uid-1", 10));
        assert_eq!(pools[0].status.conditions.len(), 1, "status of the live one");
        let expiry = |pool: &NodePool| pool.spec.template.spec.expire_after.clone();
        assert_eq!((expiry(&pools[0]).as_deref(), expiry(&pools[1])), (Some("720h"), None), "CRD default");
        assert!(pools[1].is_ready() && !pools[2].is_ready());
        assert_eq!(edited.names().collect::<Vec<_>>(), ["nodepool/spot", "nodepool/new", "nodepool/lost"]);
        assert_eq!(
            edited.unresolved,
            ["nodepool/lost: ec2nodeclass/nowhere is not in the cluster; the NodePool would not be Ready"]
        );
    }

    #[test]
    fn a_node_class_says_what_it_cannot_resolve() {
        let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH);
        snapshot.objects.ec2_node_classes.push(class("default"));
        let mut edit = Objects::default();
        let mut other = class("default");
        other.spec.ami_selector_terms.push(Default::default());
        let mut new = class("new");
        new.spec.subnet_selector_terms.push(Default::default());
        edit.ec2_node_classes = vec![other, new];
        let edited = apply_edits(&mut snapshot, edit);
        assert_eq!(edited.unresolved.len(), 2, "{:?}", edited.unresolved);
        assert!(edited.unresolved[0].contains("amiSelectorTerms"));
    }

    #[test]
    fn pools_of_an_edited_class_are_concerned() {
        let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH);
        snapshot.objects.node_pools = vec![pool("a", "x"), pool("b", "y"), pool("c", "y")];
        let edited = Edited { replaced: vec!["ec2nodeclass/y".into()], ..Edited::default() };
        let names: Vec<_> = concerned_pools(&snapshot, &edited).into_iter().collect();
        assert_eq!(names, ["b", "c"]);
    }
}
