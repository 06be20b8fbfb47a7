//! One provisioning loop from a snapshot to decisions.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/provisioner.go (`Reconcile`, `Schedule`, `Create`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use compact_str::CompactString;

use super::buffers;
use super::errors::AttemptError;
use super::existing::{pods_by_node, tracked_nodes};
use super::options::SolveOptions;
use super::pdb::PdbLimits;
use super::pods::{is_owned_by_daemon_set, is_owned_by_node, is_provisionable};
use super::pools::{self, Pool};
use super::prepare::{self, Candidate, World};
use super::reuse::Reuse;
use super::scheduler::{Placed, Scheduler};
use super::solution::{
    Choice, DaemonGroup, EventText, ExistingNode, NodePoolState, NotConsidered, NotModelled, Outcome,
    PodDecision, Solution, Synced, TopologyConstraint, Unsynced,
};
use super::ties::Tie;
use super::validation::Validator;
use super::volumes::Storage;
use crate::model::{Pod, Snapshot, StateNode};
use crate::provider::CloudProvider;

/// Runs one loop: where every pending pod would go, and why not.
///
/// Cost: pods × (nodes + open claims) at worst; equal pods share what is worked out for one of them.
pub fn solve(snapshot: &Snapshot, provider: &dyn CloudProvider, options: &SolveOptions) -> Solution {
    run(snapshot, provider, options, None)
}

/// The same for one of many variants of a cluster, with what runs before it left.
pub fn solve_reusing(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    options: &SolveOptions,
    reuse: &Reuse,
) -> Solution {
    run(snapshot, provider, options, Some(reuse))
}

fn run(
    snapshot: &Snapshot,
    provider: &dyn CloudProvider,
    options: &SolveOptions,
    reuse: Option<&Reuse>,
) -> Solution {
    let waiting = unlaunched(snapshot, provider);
    let mut pools = pools::node_pools(snapshot, provider);
    if !waiting.is_empty() {
        return Solution { synced: Synced::Waiting(waiting), ..nothing(&pools) };
    }
    let storage = Storage::new(&snapshot.objects);
    let states = tracked_nodes(snapshot, provider, &storage);
    let by_node = pods_by_node(snapshot);
    let world =
        World { snapshot, provider, options, storage: &storage, states: &states, by_node: &by_node, reuse };
    let virtual_pods = buffers::virtual_pods(snapshot);

    let (mut decisions, batch) = gather(&world, &virtual_pods);
    if batch.is_empty() || !pools.iter().any(|pool| pools::is_considered(&pool.eligibility)) {
        for candidate in &batch {
            decisions[candidate.decision].outcome =
                Outcome::Error { error: "no dynamic nodepools found".to_owned() };
        }
        // The loop ends before it looks at pods that are only about to become pending.
        let pods = &snapshot.objects.pods;
        decisions.retain(|decision| decision.pod_index.is_some_and(|at| pods[at].node_name.is_none()));
        return Solution { pods: sorted(decisions).0, ..nothing(&pools) };
    }
    let mut scheduler = prepare::scheduler(&world, &mut pools, &batch);
    let results = scheduler.run();
    finish(&mut scheduler, &pools, decisions, results)
}

/// NodeClaims that keep cluster state from syncing.
fn unlaunched(snapshot: &Snapshot, provider: &dyn CloudProvider) -> Vec<Unsynced> {
    let claims = snapshot.objects.node_claims.iter();
    let mut names: Vec<CompactString> = claims
        .filter(|claim| provider.supports_node_class(&claim.spec.node_class_ref))
        .filter(|claim| claim.status.provider_id.is_empty())
        .map(|claim| claim.metadata.name.clone())
        .collect();
    names.sort();
    names.into_iter().map(|node_claim| Unsynced::NodeClaimNotLaunched { node_claim }).collect()
}

fn nothing(pools: &[Pool<'_>]) -> Solution {
    Solution {
        synced: Synced::Yes,
        pods: Vec::new(),
        node_claims: Vec::new(),
        existing_nodes: Vec::new(),
        node_pools: pools.iter().map(|pool| pool_state(pool, None)).collect(),
        topology: Vec::new(),
        choices: Vec::new(),
    }
}

/// Decisions for pods that do not take part, and those that do: pending ones by (namespace, name), virtual ones,
/// then those of deleting nodes.
fn gather<'a>(world: &World<'a, 'a>, virtual_pods: &'a [Pod]) -> (Vec<PodDecision>, Vec<Candidate<'a>>) {
    let pods = &world.snapshot.objects.pods;
    let by_name = |a: &usize, b: &usize| {
        let key = |at: &usize| (&pods[*at].metadata.namespace, &pods[*at].metadata.name);
        key(a).cmp(&key(b))
    };
    let mut unbound: Vec<usize> = (0..pods.len()).filter(|at| pods[*at].node_name.is_none()).collect();
    unbound.sort_by(by_name);
    let (mut decisions, mut batch) = (Vec::new(), Vec::new());
    let mut validator = Validator::new(world.provider, world.storage);
    for at in unbound {
        let pod = &pods[at];
        let mut decision = undecided(pod, Some(at));
        if let Some((outcome, event)) = refused(world, &mut validator, pod) {
            decision.outcome = outcome;
            decision.event = event;
        } else {
            batch.push(Candidate { pod, decision: decisions.len() });
        }
        decisions.push(decision);
    }
    for pod in virtual_pods {
        batch.push(Candidate { pod, decision: decisions.len() });
        decisions.push(undecided(pod, None));
    }
    let limits = PdbLimits::new(world.snapshot);
    let now = world.snapshot.taken_at;
    let mut positions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let leaving: Vec<&StateNode<'_>> =
        world.states.iter().filter(|state| state.node.is_some() && world.is_marked(state)).collect();
    if !leaving.is_empty() {
        for (at, pod) in pods.iter().enumerate() {
            if let Some(node) = pod.node_name.as_deref() {
                positions.entry(node).or_default().push(at);
            }
        }
    }
    for node in leaving.iter().filter_map(|state| state.node) {
        let mut bound = positions.remove(node.metadata.name.as_str()).unwrap_or_default();
        bound.sort_by(by_name);
        for at in bound.into_iter().filter(|at| limits.is_currently_reschedulable(&pods[*at], now)) {
            batch.push(Candidate { pod: &pods[at], decision: decisions.len() });
            decisions.push(undecided(&pods[at], Some(at)));
        }
    }
    (decisions, batch)
}

fn undecided(pod: &Pod, pod_index: Option<usize>) -> PodDecision {
    PodDecision {
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        pod_index,
        outcome: Outcome::NotConsidered(NotConsidered::NotMarkedUnschedulable),
        event: EventText::None,
    }
}

/// Why an unbound pod does not take part.
fn refused(world: &World<'_, '_>, validator: &mut Validator<'_>, pod: &Pod) -> Option<(Outcome, EventText)> {
    if !is_provisionable(pod) {
        let why = if is_owned_by_daemon_set(pod) {
            NotConsidered::DaemonSetPod
        } else if is_owned_by_node(pod) {
            NotConsidered::StaticPod
        } else if pod.is_marked_unschedulable() {
            NotConsidered::Nominated
        } else {
            NotConsidered::NotMarkedUnschedulable
        };
        return Some((Outcome::NotConsidered(why), EventText::None));
    }
    if let Err(refusal) = validator.validate(pod) {
        let event = if refusal.silent { EventText::None } else { failed(&refusal.text) };
        return Some((Outcome::Ignored { error: format!("ignoring pod, {}", refusal.text) }, event));
    }
    if !world.snapshot.controller.ignore_dra_requests && super::batch::claims_devices(&pod.spec) {
        let feature = "resource claims".to_owned();
        return Some((Outcome::NotModelled(NotModelled { feature }), EventText::None));
    }
    None
}

fn failed(error: &str) -> EventText {
    EventText::FailedScheduling(format!("Failed to schedule pod, {error}"))
}

/// Decisions by (namespace, name), and where each went.
fn sorted(decisions: Vec<PodDecision>) -> (Vec<PodDecision>, Vec<usize>) {
    let mut order: Vec<usize> = (0..decisions.len()).collect();
    order.sort_by(|a, b| {
        let key = |at: usize| (&decisions[at].namespace, &decisions[at].name);
        key(*a).cmp(&key(*b))
    });
    let mut moved = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| moved[*old] = new);
    let mut slots: Vec<Option<PodDecision>> = decisions.into_iter().map(Some).collect();
    let decisions = order.iter().filter_map(|old| slots[*old].take()).collect();
    (decisions, moved)
}

fn finish(
    scheduler: &mut Scheduler<'_>,
    pools: &[Pool<'_>],
    mut decisions: Vec<PodDecision>,
    mut results: Vec<Result<Placed, AttemptError>>,
) -> Solution {
    let finished: Vec<_> = (0..scheduler.claims.len())
        .map(|claim| {
            let pool = scheduler.templates[scheduler.claims[claim].template].pool;
            scheduler.shape(claim, &pools[pool].labels)
        })
        .collect();
    let mut positions: Vec<Option<usize>> = Vec::new();
    let mut kept = 0;
    for (claim, of) in finished.iter().enumerate() {
        positions.push(of.refusal.is_none().then_some(kept));
        kept += usize::from(of.refusal.is_none());
        if let Some(refusal) = &of.refusal {
            for pod in &scheduler.claims[claim].pods {
                results[*pod] = Err(AttemptError::Truncated(refusal.clone()));
            }
        }
    }
    for (pod, result) in results.iter().enumerate() {
        let at = &scheduler.pods[pod];
        let decision = &mut decisions[at.decision];
        match result {
            Ok(Placed::Node(node)) => {
                decision.outcome = Outcome::Existing { node: scheduler.nodes[*node].state.name().into() };
            }
            Ok(Placed::Claim(claim)) => {
                decision.outcome = Outcome::New { node_claim: positions[*claim].unwrap_or_default() };
            }
            Err(error) => {
                let text = scheduler.attempt_text(&scheduler.classes[at.class], error);
                if error.is_deferral() {
                    decision.outcome = Outcome::Deferred { error: text };
                } else {
                    decision.event = failed(&text);
                    decision.outcome = Outcome::Error { error: text };
                }
            }
        }
    }
    let (pods, moved) = sorted(decisions);
    let moved_pods = |batch: &[usize]| -> Vec<usize> {
        batch.iter().map(|pod| moved[scheduler.pods[*pod].decision]).collect()
    };
    let node_claims = finished
        .iter()
        .enumerate()
        .filter(|(_, of)| of.refusal.is_none())
        .map(|(claim, of)| {
            let pool = &pools[scheduler.templates[scheduler.claims[claim].template].pool];
            let members = moved_pods(&scheduler.claims[claim].pods);
            scheduler.node_claim(claim, of, members, exceeded(pool))
        })
        .collect();
    Solution {
        synced: Synced::Yes,
        node_claims,
        existing_nodes: existing_nodes(scheduler, &moved_pods),
        node_pools: pools.iter().map(|pool| pool_state(pool, Some(scheduler))).collect(),
        topology: topology(scheduler),
        choices: choices(scheduler, &moved),
        pods,
    }
}

/// Why the API object would not be created: its NodePool holds more than its limits allow already.
fn exceeded(pool: &Pool<'_>) -> Option<String> {
    let limits = &pool.node_pool.spec.limits;
    pool.usage.iter().find_map(|(name, usage)| {
        let limit = limits.get(name).filter(|limit| usage > *limit)?;
        Some(format!(
            "resource usage exceeds limit (limit={}, resource-name={name}, usage={})",
            limit.plain_decimal(),
            usage.plain_decimal()
        ))
    })
}

fn existing_nodes(scheduler: &Scheduler<'_>, moved: &dyn Fn(&[usize]) -> Vec<usize>) -> Vec<ExistingNode> {
    let nodes = scheduler.nodes.iter();
    nodes
        .map(|node| ExistingNode {
            name: node.state.name().into(),
            node_claim: node.state.node_claim.map(|claim| claim.metadata.name.clone()),
            node_pool: node.state.node_pool().map(CompactString::from),
            initialized: node.state.is_initialized(),
            taints: node.taints.clone(),
            metadata: node.state.metadata().cloned().unwrap_or_default(),
            requirements: if node.pods.is_empty() {
                OnceLock::new()
            } else {
                OnceLock::from(scheduler.interner.unpack_set(node.set))
            },
            remaining: scheduler.columns.list(&node.remaining, &node.room),
            pods: moved(&node.pods),
        })
        .collect()
}

fn pool_state(pool: &Pool<'_>, scheduler: Option<&Scheduler<'_>>) -> NodePoolState {
    let template =
        pool.template.and_then(|at| scheduler.map(|scheduler| (&scheduler.templates[at], scheduler)));
    let limits_after = template.map(|(template, scheduler)| {
        let mut left = pool.limits_before.clone();
        for (name, quantity) in pool.limits_before.iter() {
            let column = scheduler.columns.position(name);
            let now = scheduler.limits[template.pool].iter().find(|(at, _)| Some(*at) == column);
            if let Some((_, now)) = now {
                left.set(name, crate::model::Quantity::from_nanos(*now, quantity.format()));
            }
        }
        left
    });
    let groups = template.map(|(template, scheduler)| {
        let groups = template.groups.iter();
        groups
            .map(|group| DaemonGroup {
                types: group.types.clone(),
                overhead: group.overhead.clone(),
                daemon_sets: group
                    .daemons
                    .iter()
                    .map(|at| {
                        let daemon = &scheduler.daemons[*at];
                        (daemon.daemon_set.clone(), daemon.requests.clone())
                    })
                    .collect(),
            })
            .collect()
    });
    NodePoolState {
        name: pool.node_pool.metadata.name.clone(),
        weight: pool.node_pool.weight(),
        eligibility: pool.eligibility.clone(),
        requirements: pool.requirements.clone(),
        labels: pool.labels.clone(),
        taints: pool.node_pool.spec.template.spec.taints.to_vec(),
        instance_types: std::sync::Arc::clone(&pool.types),
        template_types: template.map(|(template, _)| template.types.iter().collect()).unwrap_or_default(),
        daemon_groups: groups.unwrap_or_default(),
        limits_before: pool.limits_before.clone(),
        limits_after: limits_after.unwrap_or_else(|| pool.limits_before.clone()),
    }
}

/// Constraints with their final counts, forward ones first.
fn topology(scheduler: &Scheduler<'_>) -> Vec<TopologyConstraint> {
    let mut owners: Vec<Vec<CompactString>> = vec![Vec::new(); scheduler.topology.groups.len()];
    for (group, uid) in &scheduler.topology.bound_owners {
        owners[*group].push(uid.clone());
    }
    for pod in &scheduler.pods {
        let class = &scheduler.classes[pod.class];
        let forward = class.views.first().and_then(|view| scheduler.views[*view].groups.as_ref());
        for group in forward.into_iter().flatten().chain(&class.inverse_owned) {
            owners[*group].push(pod.uid.clone());
        }
    }
    let interner = &scheduler.interner;
    let mut constraints: Vec<TopologyConstraint> = scheduler
        .topology
        .groups
        .iter()
        .zip(owners)
        .map(|(group, owners)| {
            let key = group.key();
            TopologyConstraint {
                kind: group.identity.kind,
                inverse: group.inverse,
                key: interner.key_name(key).clone(),
                namespaces: group.identity.namespaces.clone(),
                selector: group.selector.clone(),
                max_skew: group.identity.max_skew,
                min_domains: group.min_domains,
                domains: group
                    .domains()
                    .map(|(domain, count)| (interner.value_name(key, domain).clone(), i64::from(count)))
                    .collect(),
                owners,
            }
        })
        .collect();
    constraints.sort_by_key(|constraint| constraint.inverse);
    constraints
}

fn choices(scheduler: &Scheduler<'_>, moved: &[usize]) -> Vec<Choice> {
    let choice = |decision: usize, (key, values): &Tie, turned_away: bool| Choice {
        pod: moved[decision],
        key: scheduler.interner.key_name(*key).clone(),
        values: values.iter().map(|value| scheduler.interner.value_name(*key, *value).clone()).collect(),
        turned_away,
    };
    let mut choices: Vec<Choice> =
        scheduler.choices.iter().map(|(decision, tie)| choice(*decision, tie, false)).collect();
    let mut others: Vec<Choice> = scheduler
        .turned_away
        .iter()
        .flat_map(|(decision, ties)| ties.iter().map(move |tie| choice(*decision, tie, true)))
        .collect();
    others.sort_by(|a, b| (a.pod, &a.key, &a.values).cmp(&(b.pod, &b.key, &b.values)));
    choices.extend(others);
    choices
}
