//! Candidates at one NodePool: what could lift each cause that it names.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::candidate::{ObjectEdit, Subject};
use super::node_pool_edit::NodePoolEdit;
use super::pod_edit::PodEdit;
use crate::explain::analysis::Analyst;
use crate::explain::cause::Cause;
use crate::explain::demand::{Demand, Source, host_ports};
use crate::explain::funnel::{PoolFunnel, PoolIndex};
use crate::explain::report::ObjectName;
use crate::explain::topology::domain_rows;
use crate::model::{
    Format, InstanceType, Operator, Pod, Quantity, Requirement, RequirementSpec, label_key, resource_name,
};
use crate::sim::{PoolEligibility, TopologyKind};

/// One pod against one NodePool.
pub(super) struct PoolContext<'c, 'a> {
    pub(super) analyst: &'c Analyst<'a>,
    pub(super) subject: &'c Subject<'c>,
    pub(super) pool: &'c PoolIndex<'a>,
    pub(super) funnel: &'c PoolFunnel,
    pub(super) demand: &'c Demand<'c>,
}

impl PoolContext<'_, '_> {
    fn name(&self) -> ObjectName {
        ObjectName {
            kind: "NodePool".into(),
            namespace: CompactString::default(),
            name: self.pool.state.name.clone(),
        }
    }

    pub(super) fn pool_edit(&self, edit: NodePoolEdit) -> ObjectEdit {
        ObjectEdit::NodePool(self.name(), edit)
    }

    /// Edits that may lift a cause at this NodePool.
    pub(super) fn edits_for(&self, cause: &Cause) -> Vec<ObjectEdit> {
        match cause {
            Cause::Taint => self.taints(),
            Cause::Label(key) => self.label(key),
            Cause::Volume(key) => {
                self.wished_values(key).map(|values| self.allow(key, values)).into_iter().flatten().collect()
            }
            Cause::Topology(kind, key) => self.topology(*kind, key),
            Cause::Resource(name) => self.resource(cause, name),
            Cause::HostPort => self.host_port(),
            Cause::Limit(name) => self.limit(cause, name).into_iter().collect(),
            Cause::MinValues(key) => self.min_values(key),
            Cause::VolumeLimit
            | Cause::PoolNotReady
            | Cause::PoolStatic
            | Cause::PoolDeleting
            | Cause::PoolForeign
            | Cause::PoolWithoutTypes => Vec::new(),
        }
    }

    fn taints(&self) -> Vec<ObjectEdit> {
        match self.funnel.taints.as_slice() {
            [taint] => vec![
                ObjectEdit::Pod(PodEdit::Tolerate(taint.clone())),
                self.pool_edit(NodePoolEdit::DropTaint(taint.clone())),
            ],
            _ => Vec::new(),
        }
    }

    /// The concrete values that the pod asks of a key; none where it asks in another way.
    fn wished_values(&self, key: &str) -> Option<Vec<CompactString>> {
        let mut joined: Option<Requirement> = None;
        for wish in self.demand.wishes_about(key) {
            joined = Some(match joined {
                Some(joined) => joined.intersection(&wish.requirement),
                None => wish.requirement.clone(),
            });
        }
        let joined = joined?;
        (joined.operator() == Operator::In).then(|| joined.values.into_iter().collect())
    }

    fn requirement_spec(&self, key: &str) -> Option<&RequirementSpec> {
        let profile = self.analyst.profile;
        let specs = &self.pool.object?.spec.template.spec.requirements;
        specs.iter().find(|spec| profile.normalize(&spec.key) == key)
    }

    /// Lets the NodePool have some of these values, the first that any type carries; with a bound, drops it.
    fn allow(&self, key: &str, values: Vec<CompactString>) -> Option<ObjectEdit> {
        let spec = self.requirement_spec(key)?;
        let carried = |value: &CompactString| {
            self.pool.state.instance_types.iter().any(|instance_type| {
                let of_type = instance_type.requirements.get(key).is_some_and(|has| has.has(value));
                of_type || !self.analyst.profile.is_well_known(key)
            })
        };
        let useful: Vec<CompactString> = values.into_iter().filter(carried).take(1).collect();
        if useful.is_empty()
            || spec.operator == "In" && useful.iter().all(|value| spec.values.contains(value))
        {
            return None;
        }
        Some(self.pool_edit(NodePoolEdit::Allow { key: key.into(), values: useful }))
    }

    /// Values of a key that types have and the NodePool leaves out.
    fn left_out(&self, key: &str) -> Vec<CompactString> {
        let Some(allowed) = self.pool.state.requirements.get(key) else { return Vec::new() };
        let types = self.pool.state.instance_types.iter();
        let carried = types.filter_map(|known| known.requirements.get(key)).filter(|has| !has.complement);
        let values: BTreeSet<&CompactString> = carried.flat_map(|has| &has.values).collect();
        values.into_iter().filter(|value| !allowed.has(value)).cloned().collect()
    }

    fn label(&self, key: &str) -> Vec<ObjectEdit> {
        if matches!(self.pool.state.eligibility, PoolEligibility::FilteredOut { .. }) {
            return Vec::new();
        }
        let mut edits = Vec::new();
        let values = self.wished_values(key).unwrap_or_default();
        let template = self.pool.state.requirements.get(key);
        let undefined = template.is_none() && !self.analyst.profile.is_well_known(key);
        if undefined {
            if let [value] = values.as_slice() {
                edits.push(self.pool_edit(NodePoolEdit::Label { key: key.into(), value: value.clone() }));
            }
        } else {
            edits.extend(self.allow(key, values.clone()));
        }
        edits.extend(self.own_wishes(key, &values));
        edits
    }

    /// Edits of the pod's own selector and affinity about a key.
    fn own_wishes(&self, key: &str, values: &[CompactString]) -> Vec<ObjectEdit> {
        let mut edits = Vec::new();
        let sources: BTreeSet<&Source> = self.demand.wishes_about(key).map(|wish| &wish.source).collect();
        if sources.contains(&Source::NodeSelector) {
            let pools = &self.analyst.snapshot.objects.node_pools;
            let meant = values.iter().find(|value| pools.iter().any(|pool| pool.name() == value.as_str()));
            if let Some(value) = meant.filter(|_| key != label_key::NODE_POOL) {
                edits.push(ObjectEdit::Pod(PodEdit::ReplaceSelector {
                    key: key.into(),
                    new_key: label_key::NODE_POOL.into(),
                    value: value.clone(),
                }));
            }
            let offered = self.pool.state.requirements.get(key).filter(|has| has.operator() == Operator::In);
            let other = offered.and_then(|has| has.values.iter().find(|value| !values.contains(value)));
            if let Some(value) = other {
                edits.push(ObjectEdit::Pod(PodEdit::ReplaceSelector {
                    key: key.into(),
                    new_key: key.into(),
                    value: value.clone(),
                }));
            }
            edits.push(ObjectEdit::Pod(PodEdit::DropSelector(key.into())));
        }
        if sources.contains(&Source::NodeAffinity) {
            edits.push(ObjectEdit::Pod(PodEdit::DropAffinity(key.into())));
        }
        edits
    }

    fn topology(&self, kind: TopologyKind, key: &str) -> Vec<ObjectEdit> {
        let mut edits = Vec::new();
        let found = self.demand.topology.iter().find(|wish| wish.kind == kind && wish.key == key);
        let Some(wish) = found else { return edits };
        let allowed = wish.allowed.iter().map(|(_, domain)| domain.clone()).collect();
        edits.extend(self.allow(key, allowed));
        if kind != TopologyKind::Affinity {
            // A domain that no NodePool has yet is empty.
            edits.extend(self.allow(key, self.left_out(key)).filter(|edit| !edits.contains(edit)));
        }
        if wish.inverse {
            return edits;
        }
        match kind {
            TopologyKind::Affinity | TopologyKind::AntiAffinity => {
                let anti = kind == TopologyKind::AntiAffinity;
                edits.push(ObjectEdit::Pod(PodEdit::DropPodAffinity { key: key.into(), anti }));
            }
            TopologyKind::Spread => {
                edits.push(ObjectEdit::Pod(PodEdit::SoftSpread(key.into())));
                edits.push(ObjectEdit::Pod(PodEdit::HonorTaints(key.into())));
                let spreads = &self.demand.pod.spec.topology_spread_constraints;
                let from =
                    spreads.iter().find(|spread| spread.topology_key == key).map(|spread| spread.max_skew);
                let rows = domain_rows(self.demand.pod, wish, self.analyst.solution, &self.demand.wishes);
                let template = self.pool.state.requirements.get(key);
                let needed = rows
                    .iter()
                    .filter(|row| template.is_none_or(|template| template.has(&row.domain)))
                    .filter_map(|row| row.skew_if_placed)
                    .min();
                let needed = needed.and_then(|skew| i32::try_from(skew).ok());
                if let (Some(from), Some(to)) =
                    (from, needed.filter(|to| from.is_some_and(|from| *to > from)))
                {
                    edits.push(ObjectEdit::Pod(PodEdit::RaiseSkew { key: key.into(), from, to }));
                }
            }
        }
        edits
    }

    fn resource(&self, cause: &Cause, name: &str) -> Vec<ObjectEdit> {
        let mut edits: Vec<ObjectEdit> = self.other_types(name);
        edits.extend(self.disk(cause, name));
        let nearest = self.funnel.nearest.get(cause).and_then(|position| self.pool.row(*position));
        let Some((instance_type, overhead)) = nearest else { return edits };
        let has = instance_type.allocatable().amount(name);
        let short = self.demand.requests.amount(name) + overhead.amount(name) - has;
        edits.extend(lower_request(self.demand.pod, name, short).map(ObjectEdit::Pod));
        edits.extend(self.daemon_sets(instance_type, name, short));
        edits
    }

    /// Lower requests of the DaemonSets that weigh most on an instance type.
    fn daemon_sets(&self, instance_type: &InstanceType, name: &str, short: Quantity) -> Vec<ObjectEdit> {
        const TRIED: usize = 2;
        let mut heaviest = crate::explain::stage_view::daemon_sets_on(self.pool, &instance_type.name);
        heaviest.retain(|(_, requests)| requests.amount(name) > short);
        heaviest.sort_by_key(|(_, requests)| std::cmp::Reverse(requests.amount(name)));
        let mut edits = Vec::new();
        for (key, _) in heaviest.into_iter().take(TRIED) {
            let (namespace, daemon_set) = key.split_once('/').unwrap_or(("", &key));
            let Some(object) = self.analyst.index.daemon_sets.get(&(namespace, daemon_set)) else { continue };
            let spec = &object.spec.template.spec;
            if let Some(edit) = lower_request_of(&spec.containers, name, short) {
                let name = ObjectName {
                    kind: "DaemonSet".into(),
                    namespace: namespace.into(),
                    name: daemon_set.into(),
                };
                edits.push(ObjectEdit::DaemonSet(name, edit));
            }
        }
        edits
    }

    fn limit(&self, cause: &Cause, name: &str) -> Vec<ObjectEdit> {
        let Some(object) = self.pool.object else { return Vec::new() };
        let limit = object.spec.limits.amount(name);
        let left = self.pool.state.limits_after.amount(name);
        let nearest = self.funnel.nearest.get(cause).and_then(|position| self.pool.row(*position));
        let needs = if name == resource_name::NODES {
            Quantity::from_units(1)
        } else {
            nearest.map(|(instance_type, _)| instance_type.capacity.amount(name)).unwrap_or_default()
        };
        // Every pod may need a node of its own: the smallest step first, then as far as that.
        let pods = self.subject.pods.len().max(1);
        let mut steps: Vec<usize> = vec![1];
        if pods > 1 {
            steps.extend([pods.div_ceil(4), pods.div_ceil(2), pods]);
        }
        steps.sort_unstable();
        steps.dedup();
        steps
            .into_iter()
            .map(|nodes| {
                let more = Quantity::from_nanos(needs.nanos().saturating_mul(nodes as i128), needs.format());
                let to = (limit - left + more).with_format(limit.format());
                self.pool_edit(NodePoolEdit::RaiseLimit { resource: name.into(), from: limit, to })
            })
            .collect()
    }

    fn min_values(&self, key: &str) -> Vec<ObjectEdit> {
        let left = self.funnel.values_left.get(key).copied().unwrap_or(0) as i64;
        let wanted = self.pool.state.requirements.get(key).and_then(|requirement| requirement.min_values);
        let Some(from) = wanted else { return Vec::new() };
        let mut edits = Vec::new();
        if left > 0 && left < from {
            let edit = NodePoolEdit::MinValues { key: key.into(), from, to: Some(left) };
            edits.push(self.pool_edit(edit));
        }
        edits.push(self.pool_edit(NodePoolEdit::MinValues { key: key.into(), from, to: None }));
        edits
    }

    fn host_port(&self) -> Vec<ObjectEdit> {
        let mut edits = Vec::new();
        for (key, taken) in self.pool.port_conflicts(self.demand) {
            let mine = self.demand.host_ports.iter().find(|port| port.conflicts(&taken));
            if let Some(port) = mine {
                let free = self.free_port(port.port);
                let edit = |to| {
                    let container = port.container.clone();
                    ObjectEdit::Pod(PodEdit::HostPort { container, port: port.port, to })
                };
                edits.push(edit(Some(free)));
                // A port on the node's network is the node's, whatever is written.
                if self.demand.pod.spec.host_network != Some(true) {
                    edits.push(edit(None));
                }
            }
            let (namespace, name) = key.split_once('/').unwrap_or(("", &key));
            let object =
                ObjectName { kind: "DaemonSet".into(), namespace: namespace.into(), name: name.into() };
            let to = Some(self.free_port(taken.port));
            let edit = PodEdit::HostPort { container: taken.container.clone(), port: taken.port, to };
            edits.push(ObjectEdit::DaemonSet(object, edit));
        }
        edits
    }

    /// The next port that no DaemonSet and no pod of the snapshot takes on the node.
    fn free_port(&self, port: i32) -> i32 {
        let objects = &self.analyst.snapshot.objects;
        let templates = objects.daemon_sets.iter().map(|daemon_set| &daemon_set.spec.template.spec);
        let specs = templates.chain(objects.pods.iter().map(|pod| &*pod.spec));
        let taken: BTreeSet<i32> = specs.flat_map(host_ports).map(|port| port.port).collect();
        (port.saturating_add(1)..=65_535).find(|next| !taken.contains(next)).unwrap_or(port)
    }
}

/// The container whose request of a resource is lowered: the one that asks most.
pub(super) fn lower_request(pod: &Pod, name: &str, short: Quantity) -> Option<PodEdit> {
    lower_request_of(&pod.spec.containers, name, short)
}

fn lower_request_of(containers: &[crate::model::Container], name: &str, short: Quantity) -> Option<PodEdit> {
    let largest = containers.iter().max_by_key(|container| container.resources.requests.amount(name))?;
    let from = largest.resources.requests.amount(name);
    let to = round_down(name, from - short);
    if to.is_zero() || to.is_negative() {
        return None;
    }
    Some(PodEdit::LowerRequest { container: largest.name.clone(), resource: name.into(), from, to })
}

/// A round amount not above the exact one: millicores, MiB, whole devices.
fn round_down(name: &str, exact: Quantity) -> Quantity {
    let step: i128 = match name {
        resource_name::CPU => 1_000_000,
        resource_name::MEMORY | resource_name::EPHEMERAL_STORAGE => (1 << 20) * 1_000_000_000,
        name if name.starts_with(resource_name::HUGEPAGES_PREFIX) => (1 << 20) * 1_000_000_000,
        _ => 1_000_000_000,
    };
    let format = if step > 1_000_000_000 { Format::BinarySi } else { Format::DecimalSi };
    Quantity::from_nanos(exact.nanos().div_euclid(step) * step, format)
}
