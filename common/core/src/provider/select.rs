//! Which provider a cluster runs on, and in which region, as far as its objects tell.
//!
//! Evidence only, no default: where it contradicts itself the stronger one is taken and the rest is said.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};

use super::aws;
use crate::model::{Snapshot, label_key};

/// A cloud provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProviderKind {
    /// AWS (EC2NodeClass).
    Aws,
    /// KWOK (KWOKNodeClass): simulated nodes.
    Kwok,
    /// EKS Auto Mode (`eks.amazonaws.com` NodeClass): recognised, not modelled.
    EksAutoMode,
    /// Any other.
    Other,
}

impl ProviderKind {
    /// The provider of a NodeClass kind.
    pub fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            (aws::GROUP, aws::KIND) => ProviderKind::Aws,
            ("karpenter.kwok.sh", _) => ProviderKind::Kwok,
            ("eks.amazonaws.com", _) => ProviderKind::EksAutoMode,
            _ => ProviderKind::Other,
        }
    }

    /// Whether its instance types can be computed.
    pub fn is_modelled(self) -> bool {
        matches!(self, ProviderKind::Aws | ProviderKind::Kwok)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            ProviderKind::Aws => "AWS",
            ProviderKind::Kwok => "KWOK",
            ProviderKind::EksAutoMode => "EKS Auto Mode",
            ProviderKind::Other => "another provider",
        }
    }
}

/// What a snapshot tells about its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSelection {
    /// The provider to model; none = no NodePool and no NodeClass tells.
    pub kind: Option<ProviderKind>,
    /// NodeClass kinds that NodePools refer to (`group/kind`) with the number of NodePools, most first.
    pub node_classes: Vec<(CompactString, usize)>,
    /// Region and what told it.
    pub region: Option<RegionFinding>,
    /// What is worth saying: kinds that are left out, evidence that contradicts.
    pub notes: Vec<String>,
}

/// A region and what told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionFinding {
    /// Region, `us-west-2`.
    pub region: CompactString,
    /// What told it.
    pub evidence: RegionEvidence,
}

/// What told a region, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RegionEvidence {
    /// Labels of nodes or NodeClaims.
    Nodes,
    /// Subnets of NodeClasses.
    Subnets,
    /// The controller's environment.
    Controller,
    /// Requirements of NodePools.
    NodePools,
}

impl RegionEvidence {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            RegionEvidence::Nodes => "labels of nodes",
            RegionEvidence::Subnets => "subnets of EC2NodeClasses",
            RegionEvidence::Controller => "AWS_REGION of the controller",
            RegionEvidence::NodePools => "requirements of NodePools",
        }
    }
}

/// Reads a snapshot for its provider and region.
pub fn select_provider(snapshot: &Snapshot) -> ProviderSelection {
    let mut notes = Vec::new();
    let node_classes = node_class_kinds(snapshot);
    let kind = provider_kind(&node_classes, &mut notes);
    let region = region(snapshot, &mut notes);
    ProviderSelection { kind, node_classes, region, notes }
}

fn node_class_kinds(snapshot: &Snapshot) -> Vec<(CompactString, usize)> {
    let mut kinds: BTreeMap<CompactString, usize> = BTreeMap::new();
    let objects = &snapshot.objects;
    for pool in &objects.node_pools {
        let class = &pool.spec.template.spec.node_class_ref;
        if !class.kind.is_empty() {
            *kinds.entry(format_compact!("{}/{}", class.group, class.kind)).or_default() += 1;
        }
    }
    // NodeClasses that no NodePool uses only count where there is nothing else.
    if kinds.is_empty() {
        if !objects.ec2_node_classes.is_empty() {
            kinds.insert(format_compact!("{}/{}", aws::GROUP, aws::KIND), 0);
        }
        for class in &objects.other_node_classes {
            let group = class.api_version.split('/').next().unwrap_or_default();
            kinds.insert(format_compact!("{group}/{}", class.kind), 0);
        }
    }
    let mut kinds: Vec<(CompactString, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds
}

fn provider_kind(kinds: &[(CompactString, usize)], notes: &mut Vec<String>) -> Option<ProviderKind> {
    let of = |name: &CompactString| {
        let (group, kind) = name.split_once('/').unwrap_or((name, ""));
        ProviderKind::of(group, kind)
    };
    let chosen = kinds.iter().find(|(name, _)| of(name).is_modelled()).or(kinds.first())?;
    for (name, count) in kinds.iter().filter(|(name, _)| **name != chosen.0) {
        let pools = if *count == 1 { "1 NodePool".to_owned() } else { format!("{count} NodePools") };
        let provider = of(name).name();
        notes.push(format!(
            "{pools} with NodeClass {name} ({provider}) left out: not modelled beside {}",
            chosen.0
        ));
    }
    let kind = of(&chosen.0);
    if !kind.is_modelled() {
        notes.push(format!(
            "NodeClass {} ({}) is not modelled: no instance types are known",
            chosen.0,
            kind.name()
        ));
    }
    Some(kind)
}

fn region(snapshot: &Snapshot, notes: &mut Vec<String>) -> Option<RegionFinding> {
    let mut found: Vec<(RegionEvidence, BTreeMap<CompactString, usize>)> = Vec::new();
    let objects = &snapshot.objects;
    let labels = objects.nodes.iter().map(|node| &node.metadata.labels);
    let labels = labels.chain(objects.node_claims.iter().map(|claim| &claim.metadata.labels));
    found.push((
        RegionEvidence::Nodes,
        count(labels.filter_map(|labels| labels.get(label_key::REGION)).map(CompactString::from)),
    ));
    let subnets = objects.ec2_node_classes.iter().flat_map(|class| &class.status.subnets);
    found.push((RegionEvidence::Subnets, count(subnets.filter_map(|subnet| region_of_zone(&subnet.zone)))));
    found.push((RegionEvidence::Controller, count(snapshot.controller.aws_region.clone())));
    let requirements = objects.node_pools.iter().flat_map(|pool| &pool.spec.template.spec.requirements);
    let allowed = requirements.filter(|requirement| requirement.operator == "In");
    found.push((
        RegionEvidence::NodePools,
        count(allowed.flat_map(|requirement| match requirement.key.as_str() {
            label_key::REGION => requirement.values.clone(),
            label_key::ZONE => requirement.values.iter().filter_map(|zone| region_of_zone(zone)).collect(),
            _ => Vec::new(),
        })),
    ));
    let chosen = found.iter().find_map(|(evidence, regions)| {
        let (region, _) = regions.iter().max_by_key(|(_, count)| **count)?;
        Some(RegionFinding { region: region.clone(), evidence: *evidence })
    })?;
    for (evidence, regions) in &found {
        let others: Vec<&str> =
            regions.keys().filter(|region| **region != chosen.region).map(CompactString::as_str).collect();
        if !others.is_empty() {
            let (others, by) = (others.join(", "), chosen.evidence.name());
            notes.push(format!("{} name {others}; {} was taken ({by})", evidence.name(), chosen.region));
        }
    }
    Some(chosen)
}

fn count(regions: impl IntoIterator<Item = CompactString>) -> BTreeMap<CompactString, usize> {
    let mut counts = BTreeMap::new();
    for region in regions {
        *counts.entry(region).or_default() += 1;
    }
    counts
}

/// Region of a zone name: `us-west-2` of `us-west-2a` and of the local zone `us-west-2-lax-1a`.
pub fn region_of_zone(zone: &str) -> Option<CompactString> {
    let mut end = 0;
    for part in zone.split('-') {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            let after = part.get(digits..)?;
            let is_zone = after.is_empty() || after.bytes().all(|byte| byte.is_ascii_lowercase());
            return (end > 0 && is_zone).then(|| zone[..end + digits].into());
        }
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        end += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Node, NodePool, RequirementSpec};

    fn pool(group: &str, kind: &str) -> NodePool {
        let mut pool = NodePool::default();
        let class = &mut pool.spec.template.spec.node_class_ref;
        (class.group, class.kind) = (group.into(), kind.into());
        pool
    }

    fn snapshot() -> Snapshot {
        Snapshot::empty(jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn zones_tell_their_region() {
        for (zone, region) in [
            ("us-west-2a", Some("us-west-2")),
            ("us-west-2-lax-1a", Some("us-west-2")),
            ("us-gov-east-1b", Some("us-gov-east-1")),
            ("ap-southeast-4c", Some("ap-southeast-4")),
            ("us-east-1-wl1-bos-wlz-1", Some("us-east-1")),
            ("usw2-az1", None),
            ("zone-a", None),
            ("2a", None),
            ("", None),
            ("é-1a", None),
        ] {
            assert_eq!(region_of_zone(zone).as_deref(), region, "{zone}");
        }
    }

    #[test]
    fn the_modelled_provider_is_taken_and_the_rest_said() {
        let mut snapshot = snapshot();
        snapshot.objects.node_pools = vec![
            pool("eks.amazonaws.com", "NodeClass"),
            pool("eks.amazonaws.com", "NodeClass"),
            pool("karpenter.k8s.aws", "EC2NodeClass"),
        ];
        let selection = select_provider(&snapshot);
        assert_eq!(selection.kind, Some(ProviderKind::Aws));
        insta::assert_snapshot!(selection.notes.join("\n"), @"2 NodePools with NodeClass eks.amazonaws.com/NodeClass (EKS Auto Mode) left out: not modelled beside karpenter.k8s.aws/EC2NodeClass");
    }

    #[test]
    fn auto_mode_alone_is_recognised() {
        let mut snapshot = snapshot();
        snapshot.objects.node_pools = vec![pool("eks.amazonaws.com", "NodeClass")];
        let selection = select_provider(&snapshot);
        assert_eq!(selection.kind, Some(ProviderKind::EksAutoMode));
        insta::assert_snapshot!(selection.notes.join("\n"), @"NodeClass eks.amazonaws.com/NodeClass (EKS Auto Mode) is not modelled: no instance types are known");
    }

    #[test]
    fn nodes_tell_the_region_before_the_controller_does() {
        let mut snapshot = snapshot();
        let mut node = Node::default();
        node.metadata_mut().labels.insert(label_key::REGION, "eu-west-1");
        snapshot.objects.nodes = vec![node.clone(), node];
        snapshot.controller.aws_region = Some("us-east-1".into());
        let selection = select_provider(&snapshot);
        let region = RegionFinding { region: "eu-west-1".into(), evidence: RegionEvidence::Nodes };
        assert_eq!((selection.kind, selection.region), (None, Some(region)));
        insta::assert_snapshot!(selection.notes.join("\n"), @"AWS_REGION of the controller name us-east-1; eu-west-1 was taken (labels of nodes)");
    }

    #[test]
    fn a_node_pool_tells_the_region_where_nothing_else_does() {
        let mut snapshot = snapshot();
        let mut pool = pool("karpenter.k8s.aws", "EC2NodeClass");
        pool.spec.template.spec.requirements = vec![RequirementSpec {
            key: label_key::ZONE.into(),
            operator: "In".into(),
            values: vec!["ap-south-1a".into(), "ap-south-1b".into()],
            min_values: None,
        }]
        .into();
        snapshot.objects.node_pools = vec![pool];
        let region = select_provider(&snapshot).region.unwrap();
        assert_eq!((region.region.as_str(), region.evidence), ("ap-south-1", RegionEvidence::NodePools));
        assert_eq!(select_provider(&Snapshot::empty(jiff::Timestamp::UNIX_EPOCH)).region, None);
    }
}
