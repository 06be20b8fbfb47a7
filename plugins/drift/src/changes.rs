//! Edits that help, tried on a copy of the cluster before they are proposed.

use compact_str::CompactString;
use karp_core::disruption::budgets::{DisruptionReason, applies};
use karp_core::model::{Budget, ObjectMeta, Snapshot};
use serde_json::{Value, json};

use crate::advice::Step;
use crate::report::{DriftChange, DriftProof, DriftReport};

/// At most so many are tried: each is a whole look at the cluster.
const MOST: usize = 4;

const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";

/// One edit of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// A PDB goes.
    DeletePdb {
        /// Its namespace.
        namespace: CompactString,
        /// Its name.
        name: CompactString,
    },
    /// A pod may be disrupted.
    ReleasePod {
        /// Its namespace.
        namespace: CompactString,
        /// Its name.
        name: CompactString,
    },
    /// A node may be disrupted.
    ReleaseNode {
        /// Its name.
        name: CompactString,
    },
    /// One node at a time for reason Drifted.
    AddBudget {
        /// NodePool.
        node_pool: CompactString,
    },
    /// Every budget for Drifted allows so many.
    RaiseBudgets {
        /// NodePool.
        node_pool: CompactString,
        /// How many.
        nodes: usize,
    },
}

impl Edit {
    fn target(&self) -> String {
        match self {
            Edit::DeletePdb { namespace, name } => format!("pdb/{name} -n {namespace}"),
            Edit::ReleasePod { namespace, name } => format!("pod/{name} -n {namespace}"),
            Edit::ReleaseNode { name } => format!("node/{name}"),
            Edit::AddBudget { node_pool } | Edit::RaiseBudgets { node_pool, .. } => {
                format!("nodepool/{node_pool}")
            }
        }
    }

    fn title(&self) -> String {
        match self {
            Edit::DeletePdb { .. } => "delete it: a pod with two PDBs is never evicted".to_owned(),
            Edit::ReleasePod { .. } | Edit::ReleaseNode { .. } => "remove do-not-disrupt".to_owned(),
            Edit::AddBudget { .. } => "add a budget of 1 for Drifted".to_owned(),
            Edit::RaiseBudgets { nodes, .. } => format!("raise its budgets for Drifted to {nodes}"),
        }
    }

    /// JSON patch of the object, where it does not depend on what the object holds.
    pub(crate) fn patch(&self) -> Option<Value> {
        match self {
            Edit::DeletePdb { .. } | Edit::RaiseBudgets { .. } => None,
            Edit::ReleasePod { .. } | Edit::ReleaseNode { .. } => {
                let path = format!("/metadata/annotations/{}", DO_NOT_DISRUPT.replace('/', "~1"));
                Some(json!([{"op": "remove", "path": path}]))
            }
            Edit::AddBudget { .. } => Some(json!([{
                "op": "add",
                "path": "/spec/disruption/budgets/-",
                "value": {"nodes": "1", "reasons": ["Drifted"]},
            }])),
        }
    }

    /// Edits a copy of the cluster; the JSON patch that this was, where it is one.
    fn apply(&self, snapshot: &mut Snapshot) -> Option<Value> {
        let objects = &mut snapshot.objects;
        let is =
            |meta: &ObjectMeta, namespace: &str, name: &str| meta.namespace == namespace && meta.name == name;
        match self {
            Edit::DeletePdb { namespace, name } => {
                objects.pod_disruption_budgets.retain(|pdb| !is(&pdb.metadata, namespace, name));
            }
            Edit::ReleasePod { namespace, name } => {
                for pod in objects.pods.iter_mut().filter(|pod| is(&pod.metadata, namespace, name)) {
                    pod.metadata_mut().annotations.remove(DO_NOT_DISRUPT);
                }
            }
            Edit::ReleaseNode { name } => {
                for node in objects.nodes.iter_mut().filter(|node| node.metadata.name == *name) {
                    node.metadata_mut().annotations.remove(DO_NOT_DISRUPT);
                }
            }
            Edit::AddBudget { node_pool } => {
                let pool = objects.node_pools.iter_mut().find(|pool| pool.metadata.name == *node_pool)?;
                let drifted = Some(vec![DisruptionReason::Drifted.name().into()]);
                let budget = Budget { nodes: "1".into(), reasons: drifted, ..Budget::default() };
                pool.spec.disruption.budgets.get_or_insert_default().push(budget);
            }
            Edit::RaiseBudgets { node_pool, nodes } => {
                let pool = objects.node_pools.iter_mut().find(|pool| pool.metadata.name == *node_pool)?;
                let budgets = pool.spec.disruption.budgets.get_or_insert_default();
                let mut patch = Vec::new();
                for (position, budget) in budgets.iter_mut().enumerate() {
                    if applies(budget, DisruptionReason::Drifted) {
                        budget.nodes = nodes.to_string().into();
                        let path = format!("/spec/disruption/budgets/{position}/nodes");
                        patch.push(json!({"op": "replace", "path": path, "value": budget.nodes}));
                    }
                }
                return Some(Value::Array(patch));
            }
        }
        self.patch()
    }
}

/// The steps that can be tried, each with what `look` says of the edited cluster.
pub(crate) fn proven(
    snapshot: &Snapshot,
    now: &DriftReport,
    steps: &[Step],
    look: impl Fn(&Snapshot) -> DriftReport,
) -> Vec<DriftChange> {
    let edits = steps.iter().filter_map(|step| Some((step, step.edit.as_ref()?)));
    let tried = edits.take(MOST).map(|(step, edit)| {
        let mut edited = snapshot.clone();
        let patch = edit.apply(&mut edited);
        DriftChange {
            target: edit.target(),
            title: edit.title(),
            patch,
            command: step.command.clone(),
            proof: proof(now, &look(&edited)),
        }
    });
    tried.collect()
}

fn proof(before: &DriftReport, then: &DriftReport) -> DriftProof {
    // Of several NodePools the one that changes tells; without a change, the first.
    let pairs = before
        .node_pools
        .iter()
        .filter_map(|pool| Some((pool, then.node_pools.iter().find(|other| other.name == pool.name)?)));
    let pairs: Vec<_> = pairs.filter(|(pool, _)| pool.drifted > 0).collect();
    let changed = pairs.iter().find(|(before, then)| {
        (before.never, before.allowed, before.done_by) != (then.never, then.allowed, then.done_by)
    });
    let of = changed.or(pairs.first());
    let (before_pool, then_pool) = (of.map(|pair| pair.0), of.map(|pair| pair.1));
    let mut proof = DriftProof {
        verdict: "no",
        never_before: before.summary.never,
        never: then.summary.never,
        allowed_before: before_pool.and_then(|pool| pool.allowed),
        allowed: then_pool.and_then(|pool| pool.allowed),
        done_by_before: before_pool.and_then(|pool| pool.done_by),
        done_by: then_pool.and_then(|pool| pool.done_by),
    };
    let is_bounded = proof.allowed_before.is_none() && proof.allowed.is_some();
    let lets_more_go = proof.allowed_before.zip(proof.allowed).is_some_and(|(before, then)| then > before);
    let is_sooner = match (proof.done_by_before, proof.done_by) {
        (None, Some(_)) => true,
        (Some(before), Some(then)) => then < before,
        _ => false,
    };
    if proof.never < proof.never_before || is_bounded || lets_more_go || is_sooner {
        proof.verdict = "yes";
    }
    proof
}
