//! The pods of one loop, sorted into classes: pods that scheduling cannot tell apart are looked at once.
//!
//! A class has *views*: the pod as written, then as relaxed step by step. What a view demands is packed once and
//! shared by every pod of the class.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHasher};

use super::amounts::Amounts;
use super::bits::GrowingBits;
use super::host_ports::HostPort;
use super::packed::{HOSTNAME, Interner, ReqId, SetId};
use super::preferences::Constraints;
use super::topology::{Checks, LabelClass};
use super::volumes::{LookupError, Volumes};
use crate::model::{
    LabelSelector, Labels, Pod, PodSpec, Requirements, ResourceList, pod_requests, resource_name,
};

/// A pod of the loop.
pub(super) struct BatchPod {
    /// Position in [`super::Solution::pods`].
    pub decision: usize,
    /// Its class.
    pub class: usize,
    pub created: Option<Timestamp>,
    pub uid: CompactString,
}

/// What a set of requirements means to nodes (with its host name) and to open claims (host name apart).
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    pub full: SetId,
    pub rest: SetId,
    pub host: Option<ReqId>,
}

impl Demand {
    pub(super) fn new(requirements: &Requirements, interner: &mut Interner) -> Self {
        let full = interner.pack_set(requirements);
        Self { full, rest: interner.without(full, HOSTNAME), host: interner.lookup(full, HOSTNAME) }
    }
}

/// Pods that scheduling cannot tell apart.
pub(super) struct Class {
    pub namespace: CompactString,
    pub labels: Labels,
    pub label_class: LabelClass,
    pub requests: ResourceList,
    pub amounts: Amounts,
    /// cpu and memory, by which the queue is ordered.
    pub rank: (i128, i128),
    pub ports: Vec<HostPort>,
    pub volumes: Result<Volumes, LookupError>,
    pub alternatives: Vec<Demand>,
    pub claims_devices: bool,
    /// Whether topology knows it from the start; not so where its volumes could not be looked up.
    pub registered: bool,
    pub inverse_owned: Vec<usize>,
    /// Positions of its views, the unrelaxed one first.
    pub views: Vec<usize>,
    /// Whether its last view cannot be relaxed.
    pub exhausted: bool,
}

/// A class at one step of relaxation.
pub(super) struct View {
    pub constraints: Constraints,
    /// With the heaviest preference.
    pub demand: Demand,
    /// Without preferences: what topology takes as the pod's own domains.
    pub strict: SetId,
    /// Forward constraints it states; none until topology was told.
    pub groups: Option<Vec<usize>>,
    /// All constraints it has to pass.
    pub checks: Checks,
    /// Nodes and open claims that do not take it.
    pub refused_nodes: Refusals,
    pub refused_claims: Refusals,
}

/// Places that do not take a view of a pod, as long as their labels stay what they are: room, ports, taints and hosts
/// only get worse, so they need not be looked at again. Labels may get better: a pod that lands with `NotIn` defines a
/// key that was undefined, and then `In` passes too. So a place that was relabelled is looked at again.
#[derive(Default)]
pub(super) struct Refusals {
    /// By number of the place.
    pub places: GrowingBits,
    /// How much of the log of relabelled places was read.
    seen: usize,
    /// Places that may still take it, where only few are left; `listed` of all were considered.
    pub open: Vec<u32>,
    pub listed: usize,
}

impl Refusals {
    /// Forgets what was found out of places that were relabelled since. `log` only grows.
    pub(super) fn catch_up(&mut self, log: &[u32]) {
        for place in &log[self.seen..] {
            let place = *place as usize;
            if self.places.contains(place) {
                self.places.remove(place);
                if place < self.listed {
                    self.open.push(place as u32);
                }
            }
        }
        self.seen = log.len();
    }

    /// Brings the list of open places up to date, of so many places in all.
    pub(super) fn list_open(&mut self, all: usize) {
        let places = &self.places;
        self.open.retain(|place| !places.contains(*place as usize));
        self.open
            .extend((self.listed..all).filter(|place| !places.contains(*place)).map(|place| place as u32));
        self.listed = all;
        // One that was relabelled may have been listed twice.
        self.open.sort_unstable();
        self.open.dedup();
    }
}

/// What decides the class of a pod.
#[derive(PartialEq, Eq)]
pub(super) struct ClassKey {
    pub namespace: CompactString,
    pub labels: Labels,
    /// Number of the spec in its pool.
    pub spec: usize,
    /// Address of the requests: one list per spec, unless a pod's status has a say.
    pub requests: usize,
    /// Selector of default spread constraints, where they apply.
    pub default_selector: Option<LabelSelector>,
    /// Name of a pod whose claims make it one of a kind.
    pub unique: Option<CompactString>,
}

impl Hash for ClassKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.spec, self.requests).hash(state);
        self.namespace.hash(state);
        self.labels.hash(state);
        self.unique.hash(state);
    }
}

/// Effective requests, remembered per spec where the status has no say.
#[derive(Default)]
pub(super) struct RequestCache(FxHashMap<*const PodSpec, Arc<ResourceList>>);

impl RequestCache {
    /// Requests of a pod whose spec equals `spec`.
    pub(super) fn requests_of(&mut self, pod: &Pod, spec: &Arc<PodSpec>) -> Arc<ResourceList> {
        let plain = pod.status.container_statuses.iter().all(|status| status.resources.is_none())
            && pod.status.init_container_statuses.iter().all(|status| status.resources.is_none());
        if !plain {
            return Arc::new(pod_requests(pod));
        }
        let entry = self.0.entry(Arc::as_ptr(spec));
        Arc::clone(entry.or_insert_with(|| Arc::new(pod_requests(pod))))
    }

    /// Requests of a pod with `pods: 1`.
    pub(super) fn requests(&mut self, pod: &Pod) -> Arc<ResourceList> {
        self.requests_of(pod, &pod.spec)
    }
}

/// Equal specs behind different pointers become one.
#[derive(Default)]
pub(super) struct SpecPool {
    specs: Vec<Arc<PodSpec>>,
    by_pointer: FxHashMap<*const PodSpec, usize>,
    by_content: FxHashMap<u64, Vec<usize>>,
}

impl SpecPool {
    /// The one copy of a spec, with its number.
    pub(super) fn canonical(&mut self, spec: &Arc<PodSpec>) -> (usize, Arc<PodSpec>) {
        let number = match self.by_pointer.get(&Arc::as_ptr(spec)) {
            Some(number) => *number,
            None => {
                let mut hasher = FxHasher::default();
                spec.hash(&mut hasher);
                let same = self.by_content.entry(hasher.finish()).or_default();
                let number = match same.iter().find(|known| self.specs[**known] == *spec) {
                    Some(known) => *known,
                    None => {
                        self.specs.push(Arc::clone(spec));
                        same.push(self.specs.len() - 1);
                        self.specs.len() - 1
                    }
                };
                self.by_pointer.insert(Arc::as_ptr(spec), number);
                number
            }
        };
        (number, Arc::clone(&self.specs[number]))
    }
}

/// Whether a pod, any of its containers, asks for devices.
pub(super) fn claims_devices(spec: &PodSpec) -> bool {
    !spec.resource_claims.is_empty()
        || spec
            .init_containers
            .iter()
            .chain(&spec.containers)
            .any(|container| !container.resources.claims.is_empty())
}

/// Rank of a pod in the queue.
pub(super) fn rank(requests: &ResourceList) -> (i128, i128) {
    (requests.amount(resource_name::CPU).nanos(), requests.amount(resource_name::MEMORY).nanos())
}
