//! The controller's texts for what the loop found.
//!
//! Mirrors the `Error` methods of karpenter: pkg/controllers/provisioning/scheduling and pkg/scheduling.

use super::batch::Class;
use super::errors::{AttemptError, ClaimError, TopologyError, TypesError};
use super::packed::{HOSTNAME, SetId};
use super::scheduler::Scheduler;
use super::solution::TopologyKind;
use super::topology::Side;
use crate::model::{
    AllowUndefined, Quantity, Requirement, Requirements, ResourceList, resource_name, untolerated,
};

impl Scheduler<'_> {
    /// Text of a failed attempt of a pod of this class. Topology counts are those of this moment.
    pub(super) fn attempt_text(&self, class: &Class, error: &AttemptError) -> String {
        match error {
            AttemptError::Devices => {
                "pod has Dynamic Resource Allocation requirements that are not yet supported by Karpenter"
                    .to_owned()
            }
            AttemptError::Volumes(text) | AttemptError::Truncated(text) => text.clone(),
            AttemptError::NoTemplates => {
                "nodepool requirements filtered out all available instance types".to_owned()
            }
            AttemptError::Templates { view, errors } => {
                let parts: Vec<String> = errors
                    .iter()
                    .map(|(template, error)| self.claim_text(class, *view, *template, error))
                    .collect();
                parts.join("; ")
            }
        }
    }

    fn claim_text(&self, class: &Class, view: usize, template: usize, error: &ClaimError) -> String {
        let of = &self.templates[template];
        let name = of.node_pool.name();
        let of_view = &self.views[view];
        match error {
            ClaimError::NodesExhausted => {
                format!("node limits have been exhausted for nodepool (NodePool={name})")
            }
            ClaimError::TypesExceedLimits => {
                format!("all available instance types exceed limits for nodepool (NodePool={name})")
            }
            ClaimError::Taints => {
                let taints = untolerated(of.taints, &of_view.constraints.tolerations);
                let parts: Vec<String> =
                    taints.map(|taint| format!("did not tolerate taint (taint={taint})")).collect();
                parts.join("; ")
            }
            ClaimError::VolumeLimit(to_blame) => {
                let text = "would exceed volume limit for all instance type options";
                match to_blame {
                    None => text.to_owned(),
                    Some((driver, count, limit)) => {
                        format!("{text} (provisioner={driver}, volume-count={count}, volume-limit={limit})")
                    }
                }
            }
            ClaimError::Requirements(side) => {
                format!("incompatible requirements, {}", self.clash(*side, of_view.demand.full))
            }
            ClaimError::Volumes(side, alternative) => {
                let wanted = class.alternatives[*alternative].full;
                format!("incompatible volume requirements, {}", self.clash(*side, wanted))
            }
            ClaimError::Topology(error) => self.topology_text(error),
            ClaimError::TopologyClash(side, wanted) => self.clash(*side, *wanted),
            ClaimError::Types(error) => self.types_text(class, template, error),
            ClaimError::Full(_) => "no instance type is left of the open claim".to_owned(),
            ClaimError::Reserved(reserved) => reserved.text().to_owned(),
            ClaimError::OnlyFullReservations => {
                "the only compatible reserved offering is full; falling through to other NodePools".to_owned()
            }
        }
    }

    /// What a claim is, in names, its host name included.
    fn side_requirements(&self, side: Side) -> Requirements {
        let mut requirements = self.interner.unpack_set(side.set);
        if let Some(host) = side.host {
            requirements.add(self.host_requirement(host));
        }
        requirements
    }

    fn host_requirement(&self, host: super::packed::Value) -> Requirement {
        let name = self.interner.value_name(HOSTNAME, host).clone();
        Requirement::allow(self.interner.key_name(HOSTNAME).clone(), [name])
    }

    fn clash(&self, side: Side, wanted: SetId) -> String {
        let allowed = AllowUndefined::WellKnown(self.interner.profile());
        let result = self.side_requirements(side).compatible(&self.interner.unpack_set(wanted), allowed);
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn topology_text(&self, error: &TopologyError) -> String {
        const SHOWN: usize = 25;
        let group = &self.topology.groups[error.group];
        let kind = match group.identity.kind {
            TopologyKind::Spread => "topology spread",
            TopologyKind::Affinity => "pod affinity",
            TopologyKind::AntiAffinity => "pod anti-affinity",
        };
        let key = group.key();
        let mut domains: Vec<(&str, i32)> = group
            .domains()
            .map(|(domain, count)| (self.interner.value_name(key, domain).as_str(), count))
            .collect();
        domains.sort_unstable();
        let shown: Vec<String> =
            domains.iter().take(SHOWN).map(|(domain, count)| format!("{domain}: {count}")).collect();
        let others = match domains.len().saturating_sub(SHOWN) {
            0 => String::new(),
            others => format!(" and {others} other(s)"),
        };
        let name = self.interner.key_name(key);
        let text = |requirement: Option<super::packed::ReqId>| {
            requirement.map_or_else(
                || Requirement::exists(self.interner.profile().normalize(name)),
                |requirement| self.interner.unpack(requirement),
            )
        };
        let node = match error.host {
            Some(host) => self.host_requirement(host),
            None => text(error.node),
        };
        format!(
            "unsatisfiable topology constraint for {kind}, key={name} (counts = {}{others}, podDomains = {}, nodeDomains = {node}",
            shown.join(", "),
            text(error.pod),
        )
    }

    fn types_text(&self, class: &Class, template: usize, error: &TypesError) -> String {
        let requirements = self.interner.unpack_set(error.set).text(self.interner.profile());
        let resources = self.resources_text(class, template, error);
        if !error.unmet.is_empty() {
            return format!(
                "{}, requirements={requirements}, resources={resources}",
                min_values_text(&error.unmet)
            );
        }
        let typo = error.headline() == "no instance type has enough resources"
            && class.requests.amount(resource_name::CPU) >= Quantity::from_units(1_000_000);
        let hint = if typo { " (CPU request >= 1 Million, m vs M typo?)" } else { "" };
        format!("{}, requirements={requirements}, resources={resources}{hint}", error.headline())
    }

    /// The pod's requests with the least and the most that DaemonSets add.
    fn resources_text(&self, class: &Class, template: usize, error: &TypesError) -> String {
        let groups = &self.templates[template].groups;
        let mut bounds: Option<(ResourceList, ResourceList)> = None;
        for overhead in error.groups.iter().map(|group| &groups[*group].overhead) {
            if overhead.is_empty() {
                continue;
            }
            match &mut bounds {
                Some((least, most)) => {
                    least.min(overhead);
                    most.max(overhead);
                }
                None => bounds = Some((overhead.clone(), overhead.clone())),
            }
        }
        let Some((mut least, mut most)) = bounds.filter(|(least, _)| !least.is_empty()) else {
            return class.requests.json_text();
        };
        least.add(&class.requests);
        most.add(&class.requests);
        let (least, most) = (least.json_text(), most.json_text());
        if least == most { least } else { format!("min={least}, max={most}") }
    }
}

/// Text for minValues that are not met.
pub(super) fn min_values_text(keys: &[String]) -> String {
    format!("minValues requirement is not met for label(s) (label(s)=[{}])", keys.join(" "))
}
