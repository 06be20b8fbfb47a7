//! Fields behind a NodeClassDrift, from an older snapshot.

use karp_core::disruption::ClusterState;
use karp_core::disruption::claim_drift::{ClaimDrift, node_class};
use karp_core::disruption::drift::{Drift, DriftReason};
use karp_core::disruption::older_class::changed_fields;
use karp_core::model::Ec2NodeClass;

use crate::found::Found;

/// Puts what changed in place of what was seen or is possible, where one of these is the EC2NodeClass that the
/// NodeClaim was launched from.
pub(crate) fn name_fields(cluster: &ClusterState<'_>, drift: &mut ClaimDrift<'_>, older: &[Ec2NodeClass]) {
    let claim = drift.claim;
    let Some(class) = node_class(cluster, claim) else { return };
    let Some(fields) = older.iter().find_map(|older| changed_fields(claim, older, class)) else { return };
    let of_class = |drift: &&mut Drift| drift.reason == DriftReason::NodeClassDrift;
    if let Some(drift) = drift.drifts.iter_mut().find(of_class) {
        drift.fields = fields;
    }
}

/// What is said where an older snapshot was given, and is no help.
pub(crate) fn unknown_classes(
    cluster: &ClusterState<'_>,
    all: &[Found<'_>],
    older: &[Ec2NodeClass],
) -> Vec<String> {
    if older.is_empty() {
        return Vec::new();
    }
    let mut names: Vec<String> = all
        .iter()
        .filter(|found| found.drift.drifts.iter().any(|drift| drift.reason == DriftReason::NodeClassDrift))
        .filter_map(|found| Some((found.drift.claim, node_class(cluster, found.drift.claim)?)))
        .filter(|(claim, class)| older.iter().all(|older| changed_fields(claim, older, class).is_none()))
        .map(|(_, class)| format!("ec2nodeclass/{}", class.metadata.name))
        .collect();
    names.sort();
    names.dedup();
    let text = |name: String| {
        format!("{name} of the older snapshot is not the one that some nodes were launched from, by its hash")
    };
    names.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use karp_common::snapshot::{Input, read};
    use karp_common::term::{Out, Style};
    use karp_core::disruption::drift_aws::NODE_CLASS_HASH;
    use karp_core::model::Labels;
    use karp_core::provider::UnknownProvider;

    use crate::{AwsAnswer, DriftOptions, drift};

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/two-node-pools.yaml");

    fn hashed(annotations: &mut Labels, hash: &str) {
        annotations.insert(NODE_CLASS_HASH, hash);
        annotations.insert("karpenter.k8s.aws/ec2nodeclass-hash-version", "v6");
    }

    /// What is told of NodePool on-demand when the older EC2NodeClass has this hash; its NodeClaims have 1.
    fn told(hash: &str) -> (Vec<String>, bool) {
        let (mut out, _) = Out::captured(Style::plain(80), jiff::Timestamp::UNIX_EPOCH);
        let mut input = Input { from: vec![FIXTURE.to_owned()], ..Input::default() };
        input.options.at = Some("2026-11-25T13:20:00Z".parse().unwrap());
        let mut snapshot = read(&input, &mut out).unwrap();
        for claim in &mut snapshot.objects.node_claims {
            hashed(&mut claim.metadata_mut().annotations, "1");
        }
        let class = &mut snapshot.objects.ec2_node_classes[0];
        let mut older = class.clone();
        hashed(&mut class.metadata.annotations, "2");
        class.spec.user_data = Some("new".into());
        hashed(&mut older.metadata.annotations, hash);
        older.spec.user_data = Some("old".into());
        let options = DriftOptions { older_classes: vec![older], ..DriftOptions::default() };
        let report = drift(&snapshot, &UnknownProvider::new("no catalog"), &AwsAnswer::default(), &options);
        let groups = report.groups.iter().filter(|group| group.reason == "NodeClassDrift");
        let fields = groups.filter(|group| group.node_pool == "on-demand").flat_map(|group| &group.fields);
        let texts = fields.map(|field| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{:?}: {} -> {}", field.field, text(&field.has), text(&field.wants))
        });
        (texts.collect(), report.uncertain.iter().any(|text| text.contains("by its hash")))
    }

    #[test]
    fn the_one_they_were_launched_from_tells_the_fields_another_one_does_not() {
        assert_eq!(told("1"), (vec!["Some(\"spec.userData\"): old -> new".to_owned()], false));
        assert_eq!(told("7"), (Vec::new(), true));
    }
}
