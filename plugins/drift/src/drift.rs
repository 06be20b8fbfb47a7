//! The verb: a snapshot, a provider and what AWS said in, the report out. No clock, no network.

use karp_core::disruption::drift::DriftReason;
use karp_core::disruption::{ClusterState, ControllerMemory};
use karp_core::model::{AwsFacts, Ec2NodeClass, GoDuration, Snapshot, VersionFit};
use karp_core::provider::CloudProvider;

use crate::advice::{self, Step};
use crate::changes::proven;
use crate::found::{Found, by_pool, find};
use crate::groups::{groups, names};
use crate::moved::moved_images;
use crate::older::unknown_classes;
use crate::pool::pool_report;
use crate::preview::ami_preview;
use crate::report::{AwsAsked, ClaimReport, DriftReport, Karpenter, NotRead, Summary};
use crate::target::Target;
use crate::versions::skew;

/// How far ahead budgets are looked at.
pub(crate) const HORIZON: GoDuration = GoDuration::from_seconds(7 * 24 * 3600);

/// Kinds that the answer rests on.
const READ: [&str; 6] =
    ["pods", "nodes", "poddisruptionbudgets", "nodepools", "nodeclaims", "ec2nodeclasses"];

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct DriftOptions {
    /// One object, or everything.
    pub target: Option<Target>,
    /// Kubernetes version of `--ami-preview`.
    pub ami_preview: Option<String>,
    /// EC2NodeClasses as they were before, of `--against`.
    pub older_classes: Vec<Ec2NodeClass>,
}

/// What AWS said: facts, and what could not be asked.
#[derive(Debug, Clone, Default)]
pub struct AwsAnswer {
    /// The facts; none = AWS was not asked.
    pub facts: Option<AwsFacts>,
    /// What could not be read, for people.
    pub not_read: Vec<NotRead>,
}

/// The answer, with edits that help and were tried.
pub fn drift(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    aws: &AwsAnswer,
    options: &DriftOptions,
) -> DriftReport {
    let (mut report, steps) = look(snapshot, provider, aws, options);
    report.changes = proven(snapshot, &report, &steps, |edited| look(edited, provider, aws, options).0);
    report.next = steps.into_iter().map(|step| step.command).collect();
    report
}

/// One look at a cluster, and what to do about what it finds.
fn look(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    aws: &AwsAnswer,
    options: &DriftOptions,
) -> (DriftReport, Vec<Step>) {
    let cluster = ClusterState::new(snapshot, provider, ControllerMemory::guessed(snapshot));
    let facts = aws.facts.as_ref();
    let all: Vec<Found<'_>> = snapshot
        .objects
        .node_claims
        .iter()
        .map(|claim| find(&cluster, claim, facts, &options.older_classes))
        .collect();
    let pool_nodes = cluster.pool_nodes();
    let mut pools = Vec::new();
    let mut claims: Vec<ClaimReport> = Vec::new();
    for (name, members) in by_pool(&all, options.target.as_ref()) {
        let nodes = pool_nodes.get(name).cloned().unwrap_or_default();
        let (pool, mut reports) = pool_report(&cluster, name, &members, &nodes);
        pools.extend(pool);
        claims.append(&mut reports);
    }
    let wanted = |claim: &ClaimReport| match &options.target {
        None => true,
        Some(target) => {
            let object = snapshot.objects.node_claims.iter().find(|one| one.metadata.name == claim.name);
            object.is_some_and(|object| target.holds(object))
        }
    };
    claims.retain(wanted);
    let groups = groups(&cluster, &claims, facts);
    let summary = Summary {
        claims: claims.len(),
        drifted: claims.iter().filter(|claim| !claim.reasons.is_empty()).count(),
        never: claims.iter().filter(|claim| claim.never).count(),
        reasons: DriftReason::ALL.len(),
    };
    let fit = VersionFit::of(snapshot.controller.version.as_deref());
    let mut report = DriftReport {
        taken_at: snapshot.taken_at,
        karpenter: Karpenter {
            modelled: snapshot.rules.name().to_owned(),
            running: snapshot.controller.version.clone(),
        },
        target: options.target.as_ref().map(Target::text),
        summary,
        node_pools: pools,
        node_claims: claims,
        skew: skew(snapshot),
        moved: facts.map(|facts| moved_images(&cluster, facts)).unwrap_or_default(),
        ami_preview: options.ami_preview.as_deref().map(|version| ami_preview(&cluster, facts, version)),
        changes: Vec::new(),
        next: Vec::new(),
        names: facts.map(|facts| names(&groups, facts)).unwrap_or_default(),
        aws: facts.map(|facts| AwsAsked {
            account: facts.account.clone(),
            region: facts.region.clone(),
            read_at: facts.read_at,
        }),
        gaps: snapshot.gaps.iter().filter(|gap| READ.contains(&gap.kind.as_str())).cloned().collect(),
        not_read: aws.not_read.clone(),
        groups,
        not_modelled: [fit.note].into_iter().filter(|note| !note.is_empty()).collect(),
        uncertain: Vec::new(),
    };
    report.uncertain = uncertain(&cluster, &report);
    report.uncertain.extend(unknown_classes(&cluster, &all, &options.older_classes));
    let steps = advice::next(&cluster, &report);
    (report, steps)
}

fn uncertain(cluster: &ClusterState<'_>, report: &DriftReport) -> Vec<String> {
    let mut all = Vec::new();
    if report.node_pools.iter().any(|pool| pool.rounds > 0) {
        all.push(
            "times are estimates: replacements ready as fast as earlier nodes, pods stop within their grace"
                .into(),
        );
    }
    let not_ready =
        report.node_pools.iter().flat_map(|pool| &pool.in_use_by).any(|one| one.why == "NotReady");
    if not_ready && cluster.snapshot.controller.gate("NodeRepair") {
        all.push(
            "node repair is on: it replaces NotReady nodes after its toleration, by budgets for Unhealthy"
                .into(),
        );
    }
    if !cluster.unlaunched().is_empty() {
        let names: Vec<String> =
            cluster.unlaunched().iter().map(|claim| format!("nodeclaim/{}", claim.metadata.name)).collect();
        all.push(format!("nothing rolls while {} has not launched", names.join(", ")));
    }
    all
}
