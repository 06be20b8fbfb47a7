//! Demand: everything one pod asks of a node, each wish with its source.
//!
//! The pod is taken as the scheduler sees it at the end of its attempts: soft terms dropped, one of the required
//! node affinity terms in force. Karpenter: pkg/controllers/provisioning/scheduling (`preferences.go`,
//! `volumetopology.go`).

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::cause::Cause;
use super::index::{ClaimSource, ObjectIndex};
use super::topology::{TopologyWish, wishes_of};
use crate::model::{
    LabelProfile, NodeSelectorTerm, Pod, PodSpec, Requirement, RequirementSpec, ResourceList,
    SelectorExpression, Snapshot, Toleration,
};
use crate::sim::Solution;

/// What a pod asks for.
#[derive(Debug, Clone)]
pub struct Demand<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Effective requests, with `pods: 1`.
    pub requests: ResourceList,
    /// Labels asked for, each with who asks.
    pub wishes: Vec<Wish>,
    /// Topology constraints that hold, forward and inverse.
    pub topology: Vec<TopologyWish>,
    /// Host ports it takes.
    pub host_ports: Vec<HostPort>,
    /// Volumes it attaches, per CSI driver.
    pub volumes: BTreeMap<CompactString, i64>,
    /// Which required node affinity term is in force: (position, how many there are).
    pub term: Option<(usize, usize)>,
}

/// One label requirement and who asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// What is asked.
    pub requirement: Requirement,
    /// Who asks.
    pub source: Source,
}

impl Wish {
    /// The cause this wish is when it cannot be met.
    pub fn cause(&self) -> Cause {
        let key = self.requirement.key.clone();
        match self.source {
            Source::Volume(_) => Cause::Volume(key),
            Source::NodeSelector | Source::NodeAffinity | Source::NodePool => Cause::Label(key),
        }
    }
}

/// Who asks for a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// `spec.nodeSelector` of the pod.
    NodeSelector,
    /// Required node affinity of the pod.
    NodeAffinity,
    /// A PersistentVolumeClaim of the pod, by name.
    Volume(CompactString),
    /// The NodePool itself (where its own requirements leave no type).
    NodePool,
}

impl Source {
    /// In sentences: `pod nodeSelector`, `pvc/data-0`.
    pub fn words(&self) -> String {
        match self {
            Source::NodeSelector => "pod nodeSelector".to_owned(),
            Source::NodeAffinity => "pod nodeAffinity".to_owned(),
            Source::Volume(claim) => format!("pvc/{claim}"),
            Source::NodePool => "NodePool".to_owned(),
        }
    }

    /// In JSON: the path of the field, or the object.
    pub fn path(&self) -> String {
        match self {
            Source::NodeSelector => "pod.spec.nodeSelector".to_owned(),
            Source::NodeAffinity => {
                "pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution".to_owned()
            }
            Source::Volume(claim) => format!("pvc/{claim}"),
            Source::NodePool => "nodepool.spec.template.spec.requirements".to_owned(),
        }
    }
}

/// A port taken on the node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Number.
    pub port: i32,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: CompactString,
    /// Address.
    pub ip: CompactString,
    /// Container that takes it.
    pub container: CompactString,
}

impl HostPort {
    /// Whether both cannot be on one node. Karpenter: pkg/scheduling/hostportusage.go.
    pub fn conflicts(&self, other: &HostPort) -> bool {
        let any = |ip: &str| matches!(ip, "0.0.0.0" | "::");
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || any(&self.ip) || any(&other.ip))
    }
}

/// Host ports of the containers (init containers do not count).
pub fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let ports = spec.containers.iter().flat_map(|container| {
        container.ports.iter().filter_map(|port| {
            let number = port.host_port.filter(|number| *number != 0)?;
            let given =
                |text: &Option<CompactString>, default: &str| match text.as_deref().unwrap_or_default() {
                    "" => default.into(),
                    text => CompactString::from(text),
                };
            Some(HostPort {
                port: number,
                protocol: given(&port.protocol, "TCP"),
                ip: given(&port.host_ip, "0.0.0.0"),
                container: container.name.clone(),
            })
        })
    });
    ports.collect()
}

impl<'a> Demand<'a> {
    /// What a pod asks for under its required node affinity term `term` (0 where there are none).
    pub fn new(
        pod: &'a Pod,
        term: usize,
        index: &ObjectIndex<'a>,
        solution: &Solution,
        profile: &LabelProfile,
    ) -> Self {
        let terms = required_terms(&pod.spec);
        let mut wishes: Vec<Wish> = pod
            .spec
            .node_selector
            .iter()
            .map(|(key, value)| {
                let key = profile.normalize(key);
                Wish {
                    requirement: Requirement::allow(key, [profile.normalize_value(key, value)]),
                    source: Source::NodeSelector,
                }
            })
            .collect();
        if let Some(term) = terms.get(term) {
            wishes.extend(term.match_expressions.iter().map(|expression| Wish {
                requirement: requirement_of(expression, profile),
                source: Source::NodeAffinity,
            }));
        }
        for (claim, source) in index.claims(pod) {
            let asked = volume_requirements(&source, profile);
            wishes.extend(
                asked
                    .into_iter()
                    .map(|requirement| Wish { requirement, source: Source::Volume(claim.clone()) }),
            );
        }
        let topology = wishes_of(pod, &wishes, solution);
        Demand {
            pod,
            requests: crate::model::pod_requests(pod),
            wishes,
            topology,
            host_ports: host_ports(&pod.spec),
            volumes: volumes_by_driver(pod, index),
            term: (terms.len() > 1).then_some((term, terms.len())),
        }
    }

    /// Tolerations, soft taints aside.
    pub fn tolerations(&self) -> &[Toleration] {
        &self.pod.spec.tolerations
    }

    /// Wishes about one key.
    pub fn wishes_about<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'b Wish> {
        self.wishes.iter().filter(move |wish| wish.requirement.key == key)
    }
}

/// How many different claims a pod attaches through each driver.
fn volumes_by_driver(pod: &Pod, index: &ObjectIndex<'_>) -> BTreeMap<CompactString, i64> {
    let mut claims: BTreeMap<CompactString, BTreeSet<CompactString>> = BTreeMap::new();
    for (claim, source) in index.claims(pod) {
        if let Some(driver) = super::nodes::driver_of(source) {
            claims.entry(driver).or_default().insert(claim);
        }
    }
    claims.into_iter().map(|(driver, claims)| (driver, claims.len() as i64)).collect()
}

/// Alternatives of required node affinity, in order.
pub fn required_terms(spec: &PodSpec) -> &[NodeSelectorTerm] {
    spec.affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| affinity.required.as_ref())
        .map_or(&[], |required| &required.node_selector_terms)
}

/// One expression as a requirement, key and values normalised.
pub(super) fn requirement_of(expression: &SelectorExpression, profile: &LabelProfile) -> Requirement {
    let spec = RequirementSpec {
        key: expression.key.clone(),
        operator: expression.operator.clone(),
        values: expression.values.clone(),
        min_values: None,
    };
    Requirement::from_spec(&spec, profile)
}

/// Requirements a volume puts on its node. Several alternatives become, per key that all of them name, the union
/// of their values: exact for the zones that volumes have in practice.
fn volume_requirements(source: &ClaimSource<'_>, profile: &LabelProfile) -> Vec<Requirement> {
    let alternatives: Vec<Vec<Requirement>> = match source {
        ClaimSource::Volume(volume) => {
            let per_node = volume.spec.local.is_some() || volume.spec.host_path.is_some();
            let terms = volume.spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
            let terms = terms.map_or(&[][..], |required| &required.node_selector_terms);
            terms
                .iter()
                .filter(|term| !term.match_expressions.is_empty())
                .map(|term| {
                    let kept = term.match_expressions.iter().filter(|expression| {
                        !(per_node && expression.key == crate::model::label_key::HOSTNAME)
                    });
                    kept.map(|expression| requirement_of(expression, profile)).collect()
                })
                .collect()
        }
        ClaimSource::Class(class) => class
            .allowed_topologies
            .iter()
            .map(|term| {
                let each = term.match_label_expressions.iter();
                each.map(|expression| {
                    let key = profile.normalize(&expression.key);
                    let values = expression.values.iter().map(|value| profile.normalize_value(key, value));
                    Requirement::allow(key, values)
                })
                .collect()
            })
            .collect(),
        ClaimSource::Unknown => Vec::new(),
    };
    let mut alternatives = alternatives.into_iter();
    let Some(mut union) = alternatives.next() else { return Vec::new() };
    for other in alternatives {
        union.retain(|mine| other.iter().any(|theirs| theirs.key == mine.key));
        for mine in &mut union {
            let theirs = other.iter().filter(|theirs| theirs.key == mine.key && !theirs.complement);
            theirs.for_each(|theirs| mine.values.extend(theirs.values.iter().cloned()));
        }
    }
    union
}

/// Whether soft taints count as tolerated at the end of relaxation: some NodePool that was used has one.
/// Karpenter: pkg/controllers/provisioning/scheduling/preferences.go (`toleratePreferNoScheduleTaints`).
pub(super) fn soft_taints_are_tolerated(snapshot: &Snapshot, solution: &Solution) -> bool {
    solution.node_pools.iter().any(|pool| {
        Cause::of_eligibility(&pool.eligibility).is_none()
            && snapshot.objects.node_pools.iter().any(|object| {
                object.name() == pool.name
                    && object
                        .spec
                        .template
                        .spec
                        .taints
                        .iter()
                        .any(|taint| taint.effect == crate::model::PREFER_NO_SCHEDULE)
            })
    })
}
