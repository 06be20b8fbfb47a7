//! One NodeClaim against everything: all reasons with their fields, what could not be looked at, and whether the
//! controller says the same.

use super::cluster_state::ClusterState;
use super::drift::{
    Drift, DriftReason, HashComparison, compare_hashes, instance_type_drift, node_pool_drift,
    requirements_drift,
};
use super::drift_aws::{RESERVED_LABELS, aws_drift};
use crate::model::{AwsFacts, Ec2NodeClass, NodeClaim, condition, condition_is_true, label_key};
use crate::provider::ProviderKind;

/// What is known of one NodeClaim.
#[derive(Debug, Clone)]
pub struct ClaimDrift<'a> {
    /// The NodeClaim.
    pub claim: &'a NodeClaim,
    /// Reasons in the controller's order.
    pub drifts: Vec<Drift>,
    /// Reasons that could not be looked at, and why.
    pub unchecked: Vec<(DriftReason, String)>,
    /// Why the controller does not look at it at all.
    pub skipped: Option<Skipped>,
    /// How the controller's own condition compares.
    pub controller: ControllerView,
}

/// Why the controller passes a NodeClaim over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// It is being deleted.
    Deleting,
    /// It has not launched: the condition is taken away.
    NotLaunched,
    /// Its NodePool is gone: the condition stays as it is.
    NodePoolGone,
    /// Its NodeClass is of another provider.
    ForeignNodeClass,
}

/// The controller's `Drifted` condition beside our own finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControllerView {
    /// Both say drifted, or both say not.
    Agrees,
    /// We find a reason, the controller has not said so yet: it looks every 5 minutes.
    NotYet,
    /// It says something else; its reason, or none where it does not call it drifted.
    Differs(Option<String>),
    /// It says a reason that cannot be looked at from here; taken over.
    Told(String),
    /// It does not look at this NodeClaim.
    NotEvaluated,
}

impl ClaimDrift<'_> {
    /// Whether it is drifted, by our finding or by what the controller tells.
    pub fn is_drifted(&self) -> bool {
        !self.drifts.is_empty()
    }

    /// The reason at which the controller stops.
    pub fn first(&self) -> Option<DriftReason> {
        self.drifts.first().map(|drift| drift.reason)
    }
}

/// Looks at one NodeClaim by every reason.
pub fn claim_drift<'a>(
    cluster: &ClusterState<'a>,
    claim: &'a NodeClaim,
    facts: Option<&AwsFacts>,
) -> ClaimDrift<'a> {
    let mut found = ClaimDrift {
        claim,
        drifts: Vec::new(),
        unchecked: Vec::new(),
        skipped: None,
        controller: ControllerView::NotEvaluated,
    };
    let objects = &cluster.snapshot.objects;
    let name = claim.metadata.labels.get(label_key::NODE_POOL);
    let pool = name.and_then(|name| objects.node_pools.iter().find(|pool| pool.name() == name));
    let managed = cluster.provider.supports_node_class(&claim.spec.node_class_ref);
    let (false, true, Some(pool)) = (claim.metadata.is_deleting(), managed, pool) else {
        found.skipped = Some(match () {
            () if claim.metadata.is_deleting() => Skipped::Deleting,
            () if !managed => Skipped::ForeignNodeClass,
            () => Skipped::NodePoolGone,
        });
        return found;
    };
    if !condition_is_true(&claim.status.conditions, "Launched") {
        found.skipped = Some(Skipped::NotLaunched);
        return found;
    }
    let profile = cluster.provider.labels();
    if let HashComparison::OtherVersion { claim: mine, owner } =
        compare_hashes(&claim.metadata.annotations, &pool.metadata.annotations, label_key::NODE_POOL_HASH)
    {
        let why = format!("hash version {mine} on the NodeClaim, {owner} on the NodePool");
        found.unchecked.push((DriftReason::NodePoolDrifted, why));
    }
    found.drifts.extend(node_pool_drift(claim, pool, profile));
    found.drifts.extend(requirements_drift(claim, pool, profile));
    let is_aws = ProviderKind::of(&claim.spec.node_class_ref.group, &claim.spec.node_class_ref.kind)
        == ProviderKind::Aws;
    let reserved: &[&str] = if is_aws { &RESERVED_LABELS } else { &[] };
    match cluster.node_pools.get(pool.name()) {
        Some(managed) => match &managed.instance_types {
            Some(types) => {
                found.drifts.extend(instance_type_drift(claim, types, profile, reserved, cluster.now()));
            }
            None => found.unchecked.push((
                DriftReason::InstanceTypeNotFound,
                managed.problem.clone().unwrap_or_else(|| "no instance types known".into()),
            )),
        },
        None => found.unchecked.push((DriftReason::InstanceTypeNotFound, "no instance types known".into())),
    }
    if is_aws {
        add_aws(&mut found, node_class(cluster, claim), facts, cluster);
    }
    found.drifts.sort_by_key(|drift| drift.reason);
    compare_with_controller(&mut found);
    found
}

/// The EC2NodeClass a NodeClaim refers to.
pub fn node_class<'a>(cluster: &ClusterState<'a>, claim: &NodeClaim) -> Option<&'a Ec2NodeClass> {
    let name = &claim.spec.node_class_ref.name;
    cluster.snapshot.objects.ec2_node_classes.iter().find(|class| class.metadata.name == *name)
}

fn add_aws(
    found: &mut ClaimDrift<'_>,
    class: Option<&Ec2NodeClass>,
    facts: Option<&AwsFacts>,
    cluster: &ClusterState<'_>,
) {
    let Some(class) = class else {
        let why = format!("ec2nodeclass/{} was not found", found.claim.spec.node_class_ref.name);
        let of_class = DriftReason::ALL.into_iter().filter(|reason| *reason >= DriftReason::NodeClassDrift);
        return found.unchecked.extend(of_class.map(|reason| (reason, why.clone())));
    };
    let aws = aws_drift(found.claim, class, facts, cluster.provider.labels());
    found.drifts.extend(aws.drifts);
    found.unchecked.extend(aws.unchecked);
}

/// Takes over a reason that only the controller can see, and says how both compare.
fn compare_with_controller(found: &mut ClaimDrift<'_>) {
    let said = condition(&found.claim.status.conditions, "Drifted")
        .filter(|drifted| drifted.status == "True")
        .map(|drifted| drifted.reason.as_deref().unwrap_or_default().to_owned());
    let ours = |reason: &str| found.drifts.iter().any(|drift| drift.reason.name() == reason);
    found.controller = match said {
        None if found.drifts.is_empty() => ControllerView::Agrees,
        None => ControllerView::NotYet,
        Some(reason) if ours(&reason) => ControllerView::Agrees,
        Some(reason) => {
            let unseen = found.unchecked.iter().find(|(unseen, _)| unseen.name() == reason);
            match unseen.map(|(unseen, _)| *unseen) {
                Some(unseen) => {
                    found.drifts.push(Drift { reason: unseen, fields: Vec::new() });
                    found.drifts.sort_by_key(|drift| drift.reason);
                    ControllerView::Told(reason)
                }
                None => {
                    // The controller acts on its own condition, whatever we find.
                    if let Some(reason) = DriftReason::parse(&reason).filter(|_| found.drifts.is_empty()) {
                        found.drifts.push(Drift { reason, fields: Vec::new() });
                    }
                    ControllerView::Differs(Some(reason))
                }
            }
        }
    };
}
