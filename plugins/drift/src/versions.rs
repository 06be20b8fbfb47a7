//! Kubernetes versions: of the control plane, and of kubelets behind it.

use std::collections::BTreeMap;

use karp_core::model::Snapshot;

use crate::report::Skew;

/// `v1.33.4-eks-1234` → `1.33`; nothing for what is no version of Kubernetes, such as KWOK's `kwok-0.8`.
pub(crate) fn minor(version: &str) -> Option<String> {
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    let is_version = !digits.is_empty() && major.parse::<u32>().is_ok();
    is_version.then(|| format!("{major}.{digits}"))
}

/// Kubelets behind the control plane, furthest behind first.
pub(crate) fn skew(snapshot: &Snapshot) -> Vec<Skew> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_kubernetes_and_others() {
        for (version, expected) in [
            ("v1.33.4-eks-1234", Some("1.33")),
            ("1.36", Some("1.36")),
            ("v1.36+", Some("1.36")),
            ("kwok-0.8", None),
            ("fake", None),
            ("", None),
        ] {
            assert_eq!(minor(version).as_deref(), expected, "{version}");
        }
    }
}
