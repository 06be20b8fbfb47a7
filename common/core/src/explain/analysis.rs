//! Analysis: one pod's answer with all its evidence.

use compact_str::CompactString;

use super::demand::{Demand, required_terms, soft_taints_are_tolerated};
use super::funnel::{PoolFunnel, PoolIndex, Rules};
use super::index::ObjectIndex;
use super::nodes::{NodeFacts, node_reasons};
use super::owners::owner_of;
use super::phrases::{
    causes_of, evidence, first_cause, headline, label_words, launch_fails, limit_in, note_higher_pools,
};
use super::place;
use super::report::{
    Asks, Group, Next, OutcomeWord, OwnerCount, Place, PodName, PoolReport, StageReport, Verdict,
};
use super::situations::{self, Situation};
use super::standstill;
use super::topology_report::topology_reports;
use super::why::{Why, WhyContext, whys};
use super::words;
use super::{capacity, coming_up, controller_said::controller_said, gaps, launch};
use crate::model::{LabelProfile, Pod, Snapshot};
use crate::sim::{EventText, Outcome, PodDecision, Solution};

/// Everything that analyses of pods share, shaped once.
#[derive(Debug)]
pub struct Analyst<'a> {
    /// The cluster.
    pub snapshot: &'a Snapshot,
    /// What the scheduler did with it.
    pub solution: &'a Solution,
    /// Objects by name.
    pub index: ObjectIndex<'a>,
    /// Label tables.
    pub profile: &'a LabelProfile,
    pools: Vec<PoolIndex<'a>>,
    soft_taints_tolerated: bool,
    stopped: Option<Situation>,
}

/// How deep to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Pods that schedule need no funnel.
    Grouped,
    /// Everything.
    Full,
}

impl<'a> Analyst<'a> {
    /// Shapes the data of a solved snapshot.
    pub fn new(snapshot: &'a Snapshot, solution: &'a Solution, profile: &'a LabelProfile) -> Self {
        let index = ObjectIndex::new(snapshot);
        let rules = Rules {
            profile,
            rules: snapshot.rules,
            min_values_policy: snapshot.controller.min_values_policy,
        };
        let pools = solution.node_pools.iter().map(|state| PoolIndex::new(state, &index, rules)).collect();
        let stopped =
            standstill::controller_situation(snapshot, solution, WhyContext { index: &index, profile });
        let soft_taints_tolerated = soft_taints_are_tolerated(snapshot, solution);
        Self { snapshot, solution, index, profile, pools, soft_taints_tolerated, stopped }
    }

    /// What stops the controller for all pods, if anything does.
    pub fn stopped(&self) -> Option<&Situation> {
        self.stopped.as_ref()
    }

    /// Whether soft taints count as tolerated.
    pub fn soft_taints_tolerated(&self) -> bool {
        self.soft_taints_tolerated
    }

    /// NodePools in the controller's order.
    pub fn pools(&self) -> &[PoolIndex<'a>] {
        &self.pools
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            profile: self.profile,
            rules: self.snapshot.rules,
            min_values_policy: self.snapshot.controller.min_values_policy,
        }
    }

    fn why_context(&self) -> WhyContext<'_> {
        WhyContext { index: &self.index, profile: self.profile }
    }

    /// The snapshot's own copy of a pod.
    pub fn pod(&self, pod: &Pod) -> Option<&'a Pod> {
        if let Some(index) = self.decision(pod).and_then(|decision| decision.pod_index) {
            return self.snapshot.objects.pods.get(index);
        }
        let same = |known: &&Pod| {
            known.metadata.name == pod.metadata.name && known.metadata.namespace == pod.metadata.namespace
        };
        self.snapshot.objects.pods.iter().find(same)
    }

    /// The decision about a pod; none while the controller stands still, and for pods that are bound.
    pub fn decision(&self, pod: &Pod) -> Option<&'a PodDecision> {
        let key = (&pod.metadata.namespace, &pod.metadata.name);
        let at =
            self.solution.pods.binary_search_by(|decision| (&decision.namespace, &decision.name).cmp(&key));
        at.ok().and_then(|at| self.solution.pods.get(at))
    }

    /// What a pod asks for, with the funnels of all NodePools, under the required node affinity term that comes
    /// nearest.
    pub fn demand_and_funnels(&self, pod: &'a Pod) -> (Demand<'a>, Vec<PoolFunnel>) {
        let terms = required_terms(&pod.spec).len().max(1);
        let mut best: Option<(usize, Demand<'a>, Vec<PoolFunnel>)> = None;
        for term in 0..terms {
            let demand = Demand::new(pod, term, &self.index, self.solution, self.profile);
            let funnels: Vec<PoolFunnel> =
                self.pools.iter().map(|pool| pool.funnel(&demand, self.rules())).collect();
            let distance = funnels.iter().map(PoolFunnel::distance).min().unwrap_or(0);
            if best.as_ref().is_none_or(|(known, _, _)| distance < *known) {
                best = Some((distance, demand, funnels));
            }
        }
        match best {
            Some((_, demand, funnels)) => (demand, funnels),
            None => (Demand::new(pod, 0, &self.index, self.solution, self.profile), Vec::new()),
        }
    }

    /// The whole answer for one pod.
    pub fn analyse(&self, pod: &'a Pod, depth: Depth) -> Group {
        let mut group = self.blank(pod);
        if let Some(node) = &pod.node_name {
            running(&mut group, pod, node, self.snapshot);
            return group;
        }
        if pod.is_terminal() {
            group.headline = format!("has finished ({})", pod.status.phase);
            return group;
        }
        let decision = self.decision(pod);
        if let Some(Outcome::NotConsidered(why)) = decision.map(|decision| &decision.outcome) {
            self.take_situation(&mut group, situations::not_considered(pod, *why, self.snapshot));
            self.daemon_set_room(&mut group, pod);
            return group;
        }
        if let Some(stopped) = &self.stopped {
            match not_provisionable(pod) {
                Some(why) => {
                    self.take_situation(&mut group, situations::not_considered(pod, why, self.snapshot));
                }
                None => self.take_situation(&mut group, stopped.clone()),
            }
            return group;
        }
        let Some(decision) = decision else {
            group.verdict = Verdict::Unknown;
            group.outcome = OutcomeWord::Unknown;
            group.headline = "the simulation says nothing of it".to_owned();
            return group;
        };
        self.take_decision(&mut group, pod, decision, depth);
        gaps::weaken(&mut group, !self.index.claims(pod).is_empty(), self.snapshot);
        group
    }

    fn blank(&self, pod: &Pod) -> Group {
        let owner = owner_of(pod, &self.index).name;
        let age = pod.metadata.creation_timestamp;
        let age = age.map(|since| (self.snapshot.taken_at.as_second() - since.as_second()).max(0));
        let name = PodName {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            age_seconds: age,
        };
        Group {
            verdict: Verdict::Yes,
            outcome: OutcomeWord::Running,
            code: String::new(),
            cause: Vec::new(),
            headline: String::new(),
            evidence: Vec::new(),
            owners: vec![OwnerCount { owner: owner.clone(), pod_count: 1 }],
            owner,
            pods: vec![name],
            asks: Asks { requests: crate::model::pod_requests(pod), labels: Vec::new() },
            place: None,
            node_pools: Vec::new(),
            nodes: Vec::new(),
            topology: Vec::new(),
            notes: Vec::new(),
            changes: Vec::new(),
            changes_note: None,
            next: Vec::new(),
            error: None,
            event: "none".to_owned(),
            controller: None,
        }
    }

    fn take_situation(&self, group: &mut Group, situation: Situation) {
        group.verdict = situation.verdict;
        group.outcome = situation.outcome;
        group.code = situation.code.to_owned();
        group.cause = situation.causes;
        group.headline = situation.headline;
        group.evidence = situation.evidence;
        group.next = situation.next;
    }

    fn take_decision(&self, group: &mut Group, pod: &'a Pod, decision: &PodDecision, depth: Depth) {
        let nominated = matches!(decision.outcome, Outcome::Existing { .. } | Outcome::New { .. });
        group.controller = controller_said(pod, self.snapshot, &decision.event, nominated);
        if let EventText::FailedScheduling(text) = &decision.event {
            group.event = text.clone();
        }
        match &decision.outcome {
            Outcome::Existing { node } => self.take_existing(group, pod, node),
            Outcome::New { node_claim } => self.take_new(group, pod, *node_claim, depth),
            Outcome::Error { error } if error.starts_with("pod has Dynamic Resource Allocation") => {
                group.error = Some(error.clone());
                self.take_situation(group, situations::device_claims());
            }
            Outcome::Error { error } => {
                group.error = Some(error.clone());
                self.take_error(group, pod);
            }
            Outcome::Deferred { error } => {
                group.error = Some(error.clone());
                group.verdict = Verdict::Wait;
                group.outcome = OutcomeWord::Deferred;
                group.code = "KARP129".to_owned();
                group.cause = vec!["reserved-capacity".to_owned()];
                group.headline = "reserved capacity would fit but is taken; Karpenter tries again".to_owned();
            }
            Outcome::Ignored { error } => {
                group.error = Some(error.strip_prefix("ignoring pod, ").unwrap_or(error).to_owned());
                let situation = situations::ignored(pod, error, self.why_context(), self.snapshot);
                self.take_situation(group, situation);
            }
            Outcome::NotModelled(what) => {
                group.verdict = Verdict::Unknown;
                group.outcome = OutcomeWord::Unknown;
                group.code = "KARP199".to_owned();
                group.headline = format!("it uses {}, which is not modelled", what.feature);
            }
            Outcome::NotConsidered(why) => {
                self.take_situation(group, situations::not_considered(pod, *why, self.snapshot));
            }
        }
    }

    fn node_facts(&self) -> NodeFacts<'_> {
        NodeFacts {
            soft_taints_tolerated: self.soft_taints_tolerated,
            index: &self.index,
            snapshot: self.snapshot,
            profile: self.profile,
        }
    }

    fn take_existing(&self, group: &mut Group, pod: &'a Pod, node: &CompactString) {
        group.outcome = OutcomeWord::Existing;
        group.headline = coming_up::headline(node, &self.index);
        let existing = self.solution.existing_nodes.iter().find(|existing| existing.name == *node);
        let mut free = existing.map(|existing| existing.remaining.clone()).unwrap_or_default();
        free.add(&group.asks.requests);
        let demand = Demand::new(pod, 0, &self.index, self.solution, self.profile);
        let (_, fitting) = node_reasons(&demand, self.solution, &self.node_facts());
        group.place = Some(Place {
            node: Some(node.clone()),
            node_pool: existing.and_then(|existing| existing.node_pool.clone()),
            new_nodes: 0,
            instance_types: Vec::new(),
            instance_type_count: 0,
            zones: Vec::new(),
            capacity_types: Vec::new(),
            price_per_hour: None,
            free,
            alternatives: fitting.saturating_sub(1),
        });
        if let Some(existing) = existing.filter(|existing| !existing.initialized) {
            coming_up::tell(group, existing, &self.index, self.snapshot);
        }
    }

    fn take_new(&self, group: &mut Group, pod: &'a Pod, claim: usize, depth: Depth) {
        let Some(claim) = self.solution.node_claims.get(claim) else { return };
        group.outcome = OutcomeWord::New;
        group.headline = format!("on a new node of NodePool {}", claim.node_pool);
        group.place = Some(place::of_claim(claim, self.solution, &self.index, self.profile));
        if let Some(error) = &claim.create_error {
            group.verdict = Verdict::No;
            group.outcome = OutcomeWord::LaunchFails;
            group.code = "KARP131".to_owned();
            group.cause = vec![limit_in(error)];
            group.headline =
                format!("NodePool {} takes it, but the NodeClaim is refused: {error}", claim.node_pool);
            return;
        }
        if let Some(missing) = launch::no_image(claim, self.solution, &self.index, self.profile) {
            launch_fails(group, &claim.node_pool, &missing);
        }
        capacity::note_shortage(group, pod, &claim.node_pool, self.snapshot);
        if depth == Depth::Full {
            let (demand, funnels) = self.demand_and_funnels(pod);
            let (nodes, _) = node_reasons(&demand, self.solution, &self.node_facts());
            group.nodes = nodes;
            group.asks.labels = label_words(&demand);
            let before =
                self.pools.iter().zip(&funnels).take_while(|(pool, _)| pool.state.name != claim.node_pool);
            group.node_pools = before
                .filter(|(_, funnel)| !funnel.fits())
                .map(|(pool, funnel)| self.pool_report(pool, funnel, &demand))
                .collect();
            note_higher_pools(group);
        }
    }

    fn take_error(&self, group: &mut Group, pod: &'a Pod) {
        group.verdict = Verdict::No;
        group.outcome = OutcomeWord::Error;
        let (demand, funnels) = self.demand_and_funnels(pod);
        group.asks.labels = label_words(&demand);
        group.node_pools = self
            .pools
            .iter()
            .zip(&funnels)
            .map(|(pool, funnel)| self.pool_report(pool, funnel, &demand))
            .collect();
        let (nodes, _) = node_reasons(&demand, self.solution, &self.node_facts());
        group.nodes = nodes;
        group.topology = topology_reports(self, &demand, &funnels);
        group.next = super::advice::advice(&demand, &funnels, self.why_context());
        group.cause = causes_of(&funnels);
        group.code = first_cause(&funnels).map_or("KARP199", |cause| cause.finding()).to_owned();
        group.headline = headline(&group.node_pools, &funnels, group.error.as_deref());
        group.evidence = evidence(&group.node_pools);
        if let Some((term, of)) = demand.term {
            group.notes.push(format!("node affinity term {} of {of} comes nearest and is shown", term + 1));
        }
    }

    /// One row of the matrix with its evidence.
    pub fn pool_report(&self, pool: &PoolIndex<'_>, funnel: &PoolFunnel, demand: &Demand<'_>) -> PoolReport {
        let whys: Vec<Why> = whys(pool, funnel, demand, self.why_context());
        let stages = funnel
            .stages
            .iter()
            .map(|count| StageReport { name: count.stage, left: count.left, without: count.without })
            .collect();
        let overhead = funnel
            .nearest
            .values()
            .chain(funnel.fitting.first())
            .next()
            .and_then(|position| pool.row(*position))
            .map_or("", |(instance_type, _)| instance_type.name.as_str());
        let daemon_sets = super::stage_view::daemon_sets_on(pool, overhead);
        let stage_by = super::stage_view::stage_by(pool, demand, &daemon_sets);
        PoolReport {
            name: funnel.name.clone(),
            weight: funnel.weight,
            types: funnel.types,
            stages,
            stopped_by: funnel.stopped_by.clone(),
            stopped_by_text: funnel.stopped_by_text(),
            nearest: whys.iter().find_map(|why| why.nearest.clone()),
            why: whys.first().cloned(),
            whys,
            daemon_sets,
            stage_by,
        }
    }

    /// Says how much room the node of a DaemonSet pod has.
    fn daemon_set_room(&self, group: &mut Group, pod: &Pod) {
        if group.cause.first().map(String::as_str) != Some("daemonset-pod") {
            return;
        }
        let terms = required_terms(&pod.spec);
        let node = terms
            .iter()
            .flat_map(|term| &term.match_fields)
            .find_map(|field| (field.key == "metadata.name").then(|| field.values.first()).flatten());
        let Some(node) = node else { return };
        let requests = &group.asks.requests;
        let allocatable = self.index.nodes.get(node.as_str()).map(|node| node.status.allocatable.clone());
        let Some(mut free) = allocatable else { return };
        let bound = self.index.pods_by_node.get(node.as_str()).into_iter().flatten();
        for other in bound.filter(|other| !other.is_terminal()) {
            free.subtract(&crate::model::pod_requests(other));
        }
        let short = requests.first_short(&free);
        let Some((name, asked, left)) = short else { return };
        let (name, asked, left) = (name.to_owned(), words::quantity(asked), words::quantity(left));
        let object = words::object("DaemonSet", &pod.metadata.namespace, &group.owner.name);
        group.evidence.push(format!("node/{node} has {left} {name} free, the pod asks {asked}."));
        group.next.push(Next {
            text: format!("ask for {left} {name} or less, or give it a higher priorityClass"),
            command: format!("kubectl edit {object}"),
        });
    }
}

/// While the controller stands still nothing is decided; what it would not look at anyway is still told.
fn not_provisionable(pod: &Pod) -> Option<crate::sim::NotConsidered> {
    use crate::sim::{NotConsidered, pods};
    if pods::is_owned_by_daemon_set(pod) {
        Some(NotConsidered::DaemonSetPod)
    } else if pods::is_owned_by_node(pod) {
        Some(NotConsidered::StaticPod)
    } else if pod.status.nominated_node_name.as_deref().is_some_and(|name| !name.is_empty()) {
        Some(NotConsidered::Nominated)
    } else if !pod.is_marked_unschedulable() {
        Some(NotConsidered::NotMarkedUnschedulable)
    } else {
        None
    }
}

fn running(group: &mut Group, pod: &Pod, node: &str, snapshot: &Snapshot) {
    let scheduled = crate::model::condition(&pod.status.conditions, "PodScheduled");
    let since = pod.status.start_time.or_else(|| scheduled.and_then(|at| at.last_transition_time));
    let since = since.map(|since| format!(" since {}", words::age(since, snapshot.taken_at)));
    group.headline = if pod.is_terminal() {
        format!("has finished ({}) on node/{node}", pod.status.phase)
    } else {
        format!("runs{} on node/{node}", since.unwrap_or_default())
    };
}
