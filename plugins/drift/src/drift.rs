//! The verb: a snapshot, a provider and what AWS said in, the report out. No clock, no network.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use karp_core::disruption::blockers::{Blocker, DisruptionClass, blockers, overrides_pods};
use karp_core::disruption::budgets::{
    Allowance, Decider, DisruptionReason, InUse, PoolNodes, UNLIMITED, allowance, applies, arithmetic,
    budgets, hours, is_active, timeline,
};
use karp_core::disruption::claim_drift::{ClaimDrift, ControllerView, Skipped, claim_drift, node_class};
use karp_core::disruption::drift::DriftReason;
use karp_core::disruption::roll::{InUseNow, Roll, drain_seconds, ready_seconds, roll};
use karp_core::disruption::{ClusterState, ControllerMemory};
use karp_core::model::{
    AwsFacts, AwsQuestions, Budget, GoDuration, NodeClaim, NodePool, Snapshot, StateNode, VersionFit,
    condition, instance_id, label_key, resource_name,
};
use karp_core::provider::CloudProvider;
use karp_core::sim::pods::is_reschedulable;

use crate::images::image_facts;
use crate::preview::{ami_preview, wanted_parameters};
use crate::report::{
    BlockedBy, ClaimReport, DriftGroup, DriftReport, ImageReport, InUseBy, Karpenter, NotRead, Opening,
    PoolDrift, ReasonReport, Skew, Summary, Unchecked,
};
use crate::target::Target;
use crate::{advice, words};

/// How far ahead budgets are looked at.
const HORIZON: GoDuration = GoDuration::from_seconds(7 * 24 * 3600);

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
}

/// What AWS said: facts, and what could not be asked.
#[derive(Debug, Clone, Default)]
pub struct AwsAnswer {
    /// The facts; none = AWS was not asked.
    pub facts: Option<AwsFacts>,
    /// What could not be read, for people.
    pub not_read: Vec<NotRead>,
}

/// One NodeClaim with everything found about it.
struct Found<'a> {
    drift: ClaimDrift<'a>,
    node: Option<StateNode<'a>>,
    blockers: Vec<Blocker>,
    overridden: bool,
}

impl Found<'_> {
    fn pool(&self) -> &str {
        self.drift.claim.metadata.labels.get(label_key::NODE_POOL).unwrap_or_default()
    }

    /// Blockers that count: those of pods do not where a terminationGracePeriod passes them.
    fn counting(&self) -> impl Iterator<Item = &Blocker> {
        self.blockers.iter().filter(|blocker| !(self.overridden && blocker.is_about_pods()))
    }

    fn never(&self) -> bool {
        self.drift.is_drifted() && self.counting().any(Blocker::is_permanent)
    }
}

/// The answer.
pub fn drift(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    aws: &AwsAnswer,
    options: &DriftOptions,
) -> DriftReport {
    let cluster = ClusterState::new(snapshot, provider, ControllerMemory::guessed(snapshot));
    let facts = aws.facts.as_ref();
    let all: Vec<Found<'_>> =
        snapshot.objects.node_claims.iter().map(|claim| find(&cluster, claim, facts)).collect();
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
        groups,
        skew: skew(snapshot),
        ami_preview: options.ami_preview.as_deref().map(|version| ami_preview(&cluster, facts, version)),
        next: Vec::new(),
        gaps: snapshot.gaps.iter().filter(|gap| READ.contains(&gap.kind.as_str())).cloned().collect(),
        not_read: aws.not_read.clone(),
        not_modelled: [fit.note].into_iter().filter(|note| !note.is_empty()).collect(),
        uncertain: Vec::new(),
    };
    report.uncertain = uncertain(&cluster, &report);
    report.next = advice::next(&cluster, &report);
    report
}

/// What AWS must be asked for the whole answer.
pub fn questions(snapshot: &Snapshot, options: &DriftOptions) -> AwsQuestions {
    let objects = &snapshot.objects;
    let claims: Vec<&NodeClaim> = objects
        .node_claims
        .iter()
        .filter(|claim| options.target.as_ref().is_none_or(|target| target.holds(claim)))
        .collect();
    let instances = claims.iter().filter_map(|claim| instance_id(&claim.status.provider_id));
    let classes = &objects.ec2_node_classes;
    let listed = classes.iter().flat_map(|class| class.status.amis.iter().map(|ami| ami.id.clone()));
    let running =
        claims.iter().map(|claim| claim.status.image_id.clone()).filter(|id| id.starts_with("ami-"));
    let version = options.ami_preview.as_deref();
    let parameters = version.map(|version| wanted_parameters(classes, version)).unwrap_or_default();
    let sorted = |ids: &mut dyn Iterator<Item = CompactString>| {
        let mut ids: Vec<CompactString> = ids.collect();
        ids.sort();
        ids.dedup();
        ids
    };
    AwsQuestions {
        instances: sorted(&mut instances.map(CompactString::from)),
        images: sorted(&mut listed.chain(running)),
        parameters: sorted(&mut parameters.into_iter().map(CompactString::from)),
        subnets: sorted(
            &mut classes.iter().flat_map(|class| class.status.subnets.iter().map(|subnet| subnet.id.clone())),
        ),
        security_groups: sorted(
            &mut classes
                .iter()
                .flat_map(|class| class.status.security_groups.iter().map(|group| group.id.clone())),
        ),
    }
}

fn find<'a>(
    cluster: &ClusterState<'a>,
    claim: &'a karp_core::model::NodeClaim,
    facts: Option<&AwsFacts>,
) -> Found<'a> {
    let drift = claim_drift(cluster, claim, facts);
    let id = claim.status.provider_id.as_str();
    let node = cluster.nodes.iter().find(|node| !id.is_empty() && node.provider_id == id).copied();
    let blockers = match &node {
        Some(node) if drift.is_drifted() => blockers(cluster, node),
        None if drift.is_drifted() => vec![Blocker::NoNode],
        _ => Vec::new(),
    };
    let overridden = node.is_some_and(|node| overrides_pods(&node, DisruptionClass::Eventual));
    Found { drift, node, blockers, overridden }
}

/// NodeClaims by NodePool; only the NodePools that the target touches.
fn by_pool<'a, 'f>(all: &'f [Found<'a>], target: Option<&Target>) -> BTreeMap<&'f str, Vec<&'f Found<'a>>> {
    let mut pools: BTreeMap<&str, Vec<&Found<'a>>> = BTreeMap::new();
    for found in all {
        pools.entry(found.pool()).or_default().push(found);
    }
    pools.retain(|_, members| {
        target.is_none_or(|target| members.iter().any(|found| target.holds(found.drift.claim)))
    });
    pools
}

/// A NodePool and its NodeClaims, drifted ones first in the order in which they roll.
fn pool_report(
    cluster: &ClusterState<'_>,
    name: &str,
    members: &[&Found<'_>],
    nodes: &PoolNodes,
) -> (Option<PoolDrift>, Vec<ClaimReport>) {
    let now = cluster.now();
    let pool = cluster.snapshot.objects.node_pools.iter().find(|pool| pool.name() == name);
    let mut drifted: Vec<&Found<'_>> =
        members.iter().copied().filter(|found| found.drift.is_drifted()).collect();
    drifted.sort_by_key(|found| roll_order(cluster, found));
    let (open, held): (Vec<&Found<'_>>, Vec<&Found<'_>>) =
        drifted.into_iter().partition(|found| found.counting().next().is_none());
    let Some(pool) = pool else {
        let reports = held.iter().chain(&open).map(|found| claim_report(cluster, found, None, None));
        let rest = members.iter().filter(|found| !found.drift.is_drifted());
        return (None, reports.chain(rest.map(|found| claim_report(cluster, found, None, None))).collect());
    };
    // Whatever is held back for a while rolls after the others; whatever is held for good never does.
    let (later, never): (Vec<&Found<'_>>, Vec<&Found<'_>>) =
        held.into_iter().partition(|found| !found.never());
    let rolling: Vec<&Found<'_>> = open.iter().chain(&later).copied().collect();
    let round = round_seconds(cluster, name, &rolling);
    let until = HORIZON.after(now);
    let steps = timeline(pool, DisruptionReason::Drifted, nodes.total, now, until);
    let rolled = roll(&steps, in_use_now(nodes), rolling.len(), GoDuration::from_seconds(round), until);
    let mut reports: Vec<ClaimReport> = Vec::new();
    for (position, found) in rolling.iter().enumerate() {
        let ends = found.counting().map(ends_at).try_fold(now, |latest, end| end.map(|end| latest.max(end)));
        let rolls = rolled.starts.get(position).zip(ends).map(|(start, end)| (*start).max(end));
        reports.push(claim_report(cluster, found, Some(position + 1), rolls));
    }
    reports.extend(never.iter().map(|found| claim_report(cluster, found, None, None)));
    let rest = members.iter().filter(|found| !found.drift.is_drifted());
    reports.extend(rest.map(|found| claim_report(cluster, found, None, None)));
    let summary = pool_summary(pool, nodes, members, &rolled, round, &steps);
    let mut summary = PoolDrift { never: never.len(), oldest: oldest(members), ..summary };
    if let Some(limit) = full_static_pool(cluster, pool, members.len()) {
        summary.arithmetic = format!("static, limits.nodes {limit} is reached: no room for a replacement");
        (summary.opens, summary.done_by, summary.rounds) = (None, None, 0);
        reports.iter_mut().for_each(|claim| claim.rolls = None);
    }
    (Some(summary), reports)
}

/// The node limit of a static NodePool that is reached: nothing can be staged, unless a gate lets nodes go first.
fn full_static_pool(cluster: &ClusterState<'_>, pool: &NodePool, nodes: usize) -> Option<i64> {
    let limit = pool.spec.limits.get(resource_name::NODES).filter(|_| pool.is_static())?.value();
    let terminates_first = cluster.snapshot.rules.tells_static_node_limit()
        && cluster.snapshot.controller.gate("TerminateFirstDrift");
    (nodes as i64 >= limit && !terminates_first).then_some(limit)
}

/// When a blocker ends by itself; none = that cannot be known.
fn ends_at(blocker: &Blocker) -> Option<Timestamp> {
    match blocker {
        Blocker::PodDoNotDisrupt { until, .. } => *until,
        _ => None,
    }
}

/// Without pods first, then by the time the controller called it drifted; those it has not called so yet last.
fn roll_order(
    cluster: &ClusterState<'_>,
    found: &Found<'_>,
) -> (bool, bool, Option<Timestamp>, CompactString) {
    let pods = found.node.map(|node| cluster.pods(&node).iter().any(|pod| is_reschedulable(pod)));
    let since = drifted_since(found);
    (pods.unwrap_or_default(), since.is_none(), since, found.drift.claim.metadata.name.clone())
}

fn drifted_since(found: &Found<'_>) -> Option<Timestamp> {
    let drifted = condition(&found.drift.claim.status.conditions, "Drifted")?;
    drifted.last_transition_time.filter(|_| drifted.status == "True")
}

fn oldest(members: &[&Found<'_>]) -> Option<Timestamp> {
    members.iter().filter(|found| found.drift.is_drifted()).filter_map(|found| drifted_since(found)).min()
}

fn round_seconds(cluster: &ClusterState<'_>, pool: &str, rolling: &[&Found<'_>]) -> i64 {
    let drains = rolling.iter().filter_map(|found| found.node).map(|node| drain_seconds(cluster, &node));
    ready_seconds(cluster, pool) + drains.max().unwrap_or_default()
}

fn in_use_now(nodes: &PoolNodes) -> InUseNow {
    let staying = nodes.in_use.iter().filter(|(_, why)| *why == InUse::NotReady).count() as i64;
    InUseNow { staying, leaving: nodes.in_use.len() as i64 - staying }
}

fn pool_summary(
    pool: &NodePool,
    nodes: &PoolNodes,
    members: &[&Found<'_>],
    rolled: &Roll,
    round: i64,
    steps: &[(Timestamp, Allowance)],
) -> PoolDrift {
    let now = steps.first().map(|(from, _)| *from).unwrap_or_default();
    let current = allowance(pool, DisruptionReason::Drifted, nodes.total, now);
    let finite = |allowed: i64| (allowed < UNLIMITED).then_some(allowed);
    let all = budgets(pool);
    let decider = match current.decided_by {
        Decider::Budget(position) | Decider::Invalid(position, _) => all.get(position),
        Decider::Nothing => None,
    };
    let reason = match (&current.decided_by, decider.and_then(hours)) {
        (Decider::Nothing, _) => "none",
        (Decider::Invalid(..), _) => "invalid",
        (Decider::Budget(_), Some(_)) => "schedule",
        (Decider::Budget(_), None) => "budget",
    };
    let later = rolled.opens.filter(|opens| *opens > now);
    let then = later.map(|opens| allowance(pool, DisruptionReason::Drifted, nodes.total, opens));
    PoolDrift {
        name: pool.metadata.name.clone(),
        claims: members.len(),
        drifted: members.iter().filter(|found| found.drift.is_drifted()).count(),
        never: 0,
        allowed: finite(nodes.left(&current, DisruptionReason::Drifted)).filter(|_| !current.is_unlimited()),
        limit: finite(current.allowed),
        in_use: nodes.in_use.len(),
        in_use_by: nodes
            .in_use
            .iter()
            .map(|(node, why)| InUseBy { node: node.clone(), why: words::in_use(*why) })
            .collect(),
        nodes: nodes.total,
        reason,
        arithmetic: sum(&all, &current, nodes.total),
        then: then.filter(|then| *then != current).map(|then| sum(&all, &then, nodes.total)),
        other_budgets: other_budgets(&all, now),
        opens: rolled.opens,
        done_by: rolled.done_by.filter(|_| !rolled.starts.is_empty()),
        rounds: rolled.rounds,
        round_seconds: round,
        openings: steps
            .iter()
            .map(|(from, step)| Opening { from: *from, allowed: finite(step.allowed) })
            .collect(),
        oldest: None,
        is_static: pool.is_static(),
    }
}

/// What an allowance comes from: `10% of 12 = 2`, `budget "0" Mon-Fri 06:00-22:00 UTC`.
fn sum(all: &[Budget], allowance: &Allowance, nodes: usize) -> String {
    match &allowance.decided_by {
        Decider::Nothing => "unlimited: no budget covers Drifted".to_owned(),
        Decider::Invalid(position, problem) => {
            let written = all.get(*position).map(|budget| budget.nodes.as_str()).unwrap_or_default();
            format!("budget {written:?} cannot be read, so 0 for every reason: {problem}")
        }
        Decider::Budget(position) => {
            let Some(budget) = all.get(*position) else { return allowance.allowed.to_string() };
            match hours(budget) {
                None => arithmetic(budget, nodes),
                Some(hours) if budget.nodes.ends_with('%') => {
                    format!("budget {:?} {hours} ({})", budget.nodes, arithmetic(budget, nodes))
                }
                Some(hours) => format!("budget {:?} {hours}", budget.nodes),
            }
        }
    }
}

/// Budgets that do not count for Drifted at this moment: those of other reasons, and those outside their hours.
fn other_budgets(all: &[Budget], now: Timestamp) -> Vec<String> {
    let mut texts = Vec::new();
    for budget in all {
        if !applies(budget, DisruptionReason::Drifted) {
            let reasons = budget.reasons.as_deref().unwrap_or_default();
            let reasons = if reasons.is_empty() { "no reason".to_owned() } else { reasons.join(", ") };
            texts.push(format!("{:?} only for {reasons}", budget.nodes));
        } else if is_active(budget, now) == Ok(false)
            && let Some(hours) = hours(budget)
        {
            texts.push(format!("{:?} only {hours}", budget.nodes));
        }
    }
    texts
}

fn claim_report(
    cluster: &ClusterState<'_>,
    found: &Found<'_>,
    position: Option<usize>,
    rolls: Option<Timestamp>,
) -> ClaimReport {
    let claim = found.drift.claim;
    let node = found.node.and_then(|node| node.node);
    let (controller, controller_reason) = match &found.drift.controller {
        ControllerView::Agrees => ("agrees", None),
        ControllerView::NotYet => ("not-yet", None),
        ControllerView::Differs(reason) => ("differs", reason.clone()),
        ControllerView::Told(reason) => ("told", Some(reason.clone())),
        ControllerView::NotEvaluated => ("not-evaluated", None),
    };
    let expires = claim
        .spec
        .expire_after
        .as_deref()
        .and_then(|after| after.parse::<GoDuration>().ok())
        .zip(claim.metadata.creation_timestamp)
        .map(|(after, created)| after.after(created));
    ClaimReport {
        name: claim.metadata.name.clone(),
        node_pool: claim.metadata.labels.get(label_key::NODE_POOL).map(Into::into),
        node: node
            .map(|node| node.metadata.name.clone())
            .or_else(|| Some(claim.status.node_name.clone()).filter(|name| !name.is_empty())),
        reasons: reasons(&found.drift),
        unchecked: found
            .drift
            .unchecked
            .iter()
            .map(|(reason, why)| Unchecked { reason: reason.name(), why: why.clone() })
            .collect(),
        controller,
        controller_reason,
        skipped: found.drift.skipped.map(skipped),
        blocked_by: found.blockers.iter().map(|blocker| blocked_by(cluster, found, blocker)).collect(),
        overridden: found.overridden && found.blockers.iter().any(Blocker::is_about_pods),
        never: found.never(),
        position,
        rolls,
        expires: expires
            .filter(|_| found.drift.is_drifted())
            .filter(|expires| *expires < rolls.unwrap_or_else(|| HORIZON.after(cluster.now()))),
        drifted_since: drifted_since(found),
        created: claim.metadata.creation_timestamp,
        image: Some(claim.status.image_id.clone()).filter(|image| !image.is_empty()),
        kubelet: node
            .and_then(|node| node.status.node_info.as_ref())
            .map(|info| info.kubelet_version.clone())
            .filter(|version| !version.is_empty()),
    }
}

fn skipped(skipped: Skipped) -> &'static str {
    match skipped {
        Skipped::Deleting => "deleting",
        Skipped::NotLaunched => "not launched",
        Skipped::NodePoolGone => "NodePool gone",
        Skipped::ForeignNodeClass => "NodeClass of another provider",
    }
}

fn reasons(drift: &ClaimDrift<'_>) -> Vec<ReasonReport> {
    let mut all = Vec::new();
    for drift in &drift.drifts {
        let name = drift.reason.name();
        let entry = |field: Option<String>| ReasonReport {
            reason: name,
            cause: name,
            field,
            has: None,
            wants: None,
            possibly: false,
        };
        if drift.fields.is_empty() {
            all.push(entry(None));
        }
        all.extend(drift.fields.iter().map(|field| ReasonReport {
            has: field.has.clone(),
            wants: field.wants.clone(),
            possibly: field.possibly,
            ..entry(Some(field.field.clone()))
        }));
    }
    all
}

fn blocked_by(cluster: &ClusterState<'_>, found: &Found<'_>, blocker: &Blocker) -> BlockedBy {
    let (object, namespace, pdbs) = match blocker {
        Blocker::PodDoNotDisrupt { namespace, name, .. } => {
            (format!("pod/{name}"), Some(namespace), Vec::new())
        }
        Blocker::Pdb { namespace, pod, pdb, .. } => {
            (format!("pod/{pod}"), Some(namespace), vec![pdb.clone()])
        }
        Blocker::SeveralPdbs { namespace, pod, pdbs } => {
            (format!("pod/{pod}"), Some(namespace), pdbs.clone())
        }
        Blocker::NodePoolNotFound { node_pool } => (format!("nodepool/{node_pool}"), None, Vec::new()),
        _ => match found.node.and_then(|node| node.node) {
            Some(node) => (format!("node/{}", node.metadata.name), None, Vec::new()),
            None => (format!("nodeclaim/{}", found.drift.claim.metadata.name), None, Vec::new()),
        },
    };
    BlockedBy {
        code: blocker.code(),
        cause: blocker.cause(),
        object,
        namespace: namespace.cloned(),
        pdbs,
        text: words::blocker(cluster, blocker),
        message: blocker.message(),
        permanent: blocker.is_permanent(),
        until: ends_at(blocker),
    }
}

/// NodeClaims of one NodePool with the same reason and fields. Images are compared apart: their fields differ by
/// architecture but are one story.
fn groups(cluster: &ClusterState<'_>, claims: &[ClaimReport], facts: Option<&AwsFacts>) -> Vec<DriftGroup> {
    type Key<'a> = (&'static str, &'a str, Vec<&'a ReasonReport>);
    let mut found: Vec<(Key<'_>, Vec<&ClaimReport>)> = Vec::new();
    for claim in claims {
        let mut names: Vec<&'static str> = claim.reasons.iter().map(|reason| reason.reason).collect();
        names.dedup();
        for name in names {
            let fields: Vec<&ReasonReport> = claim
                .reasons
                .iter()
                .filter(|reason| reason.reason == name && reason.field.is_some())
                .filter(|_| name != DriftReason::AmiDrift.name())
                .collect();
            let key = (name, claim.node_pool.as_deref().unwrap_or_default(), fields);
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, members)) => members.push(claim),
                None => found.push((key, vec![claim])),
            }
        }
    }
    found.sort_by_key(|((reason, pool, _), members)| {
        (std::cmp::Reverse(members.len()), DriftReason::parse(reason), pool.to_string())
    });
    found
        .into_iter()
        .map(|((reason, pool, fields), members)| {
            let of_class = DriftReason::parse(reason) >= Some(DriftReason::NodeClassDrift);
            let object = members.first().and_then(|member| {
                cluster.snapshot.objects.node_claims.iter().find(|claim| claim.metadata.name == member.name)
            });
            let class = object.filter(|_| of_class).and_then(|claim| node_class(cluster, claim));
            let alias = class
                .filter(|_| reason == DriftReason::AmiDrift.name())
                .and_then(|class| class.spec.ami_selector_terms.iter().find_map(|term| term.alias.clone()));
            let is_image = reason == DriftReason::AmiDrift.name();
            DriftGroup {
                reason,
                node_pool: pool.into(),
                node_class: class.map(|class| format!("ec2nodeclass/{}", class.metadata.name)),
                alias,
                claims: members.iter().map(|member| member.name.clone()).collect(),
                fields: fields.into_iter().cloned().collect(),
                images: if is_image { images(cluster, &members, facts) } else { Vec::new() },
            }
        })
        .collect()
}

/// Images that NodeClaims of AMIDrift have and want, most frequent first.
fn images(
    cluster: &ClusterState<'_>,
    members: &[&ClaimReport],
    facts: Option<&AwsFacts>,
) -> Vec<ImageReport> {
    let mut rows = Vec::new();
    for side in ["has", "wants"] {
        let mut counts: BTreeMap<Option<CompactString>, Vec<&ClaimReport>> = BTreeMap::new();
        for member in members {
            let of_image = |reason: &&ReasonReport| reason.reason == DriftReason::AmiDrift.name();
            for reason in member.reasons.iter().filter(of_image).filter(|reason| reason.field.is_some()) {
                let value = if side == "has" { &reason.has } else { &reason.wants };
                counts.entry(value.as_deref().map(Into::into)).or_default().push(member);
            }
        }
        let mut sorted: Vec<(Option<CompactString>, Vec<&ClaimReport>)> = counts.into_iter().collect();
        sorted.sort_by_key(|(_, claims)| std::cmp::Reverse(claims.len()));
        for (id, claims) in sorted {
            let known = id.as_deref().map(|id| image_facts(id, cluster.snapshot, facts)).unwrap_or_default();
            let kubelet = claims.iter().find_map(|claim| claim.kubelet.as_deref()).and_then(minor);
            rows.push(ImageReport {
                side,
                id,
                name: known.name,
                kubernetes: known.kubernetes.or(kubelet.filter(|_| side == "has")),
                created: known.created,
                claims: claims.len(),
            });
        }
    }
    rows
}

/// `v1.33.4-eks-1234` → `1.33`.
pub(crate) fn minor(version: &str) -> Option<String> {
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("{major}.{digits}"))
}

/// Kubelets behind the control plane, furthest behind first.
fn skew(snapshot: &Snapshot) -> Vec<Skew> {
    let Some(server) = snapshot.server_version.as_deref().and_then(minor) else { return Vec::new() };
    let number = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<i64>().ok());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for node in &snapshot.objects.nodes {
        let version = node.status.node_info.as_ref().and_then(|info| minor(&info.kubelet_version));
        if let Some(version) = version.filter(|version| *version != server) {
            *counts.entry(version).or_default() += 1;
        }
    }
    let mut skew: Vec<Skew> = counts
        .into_iter()
        .map(|(kubelet, nodes)| Skew {
            behind: number(&server).unwrap_or_default() - number(&kubelet).unwrap_or_default(),
            kubelet,
            control_plane: server.clone(),
            nodes,
        })
        .collect();
    skew.sort_by_key(|skew| std::cmp::Reverse(skew.behind));
    skew
}

fn uncertain(cluster: &ClusterState<'_>, report: &DriftReport) -> Vec<String> {
    let mut all = Vec::new();
    if report.node_pools.iter().any(|pool| pool.drifted > pool.never) {
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
