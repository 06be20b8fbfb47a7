//! Kinds and their short names, as kubectl knows them.

/// Kind, its other spellings.
const KINDS: &[(&str, &[&str])] = &[
    ("pod", &["pods", "po"]),
    ("node", &["nodes", "no"]),
    ("namespace", &["namespaces", "ns"]),
    ("service", &["services", "svc"]),
    ("serviceaccount", &["serviceaccounts", "sa"]),
    ("configmap", &["configmaps", "cm"]),
    ("secret", &["secrets"]),
    ("event", &["events", "ev"]),
    ("persistentvolumeclaim", &["persistentvolumeclaims", "pvc", "pvcs"]),
    ("persistentvolume", &["persistentvolumes", "pv", "pvs"]),
    ("podtemplate", &["podtemplates"]),
    ("replicationcontroller", &["replicationcontrollers", "rc"]),
    ("deployment", &["deployments", "deploy"]),
    ("replicaset", &["replicasets", "rs"]),
    ("statefulset", &["statefulsets", "sts"]),
    ("daemonset", &["daemonsets", "ds"]),
    ("job", &["jobs"]),
    ("cronjob", &["cronjobs", "cj"]),
    ("horizontalpodautoscaler", &["horizontalpodautoscalers", "hpa"]),
    ("poddisruptionbudget", &["poddisruptionbudgets", "pdb", "pdbs"]),
    ("priorityclass", &["priorityclasses", "pc"]),
    ("storageclass", &["storageclasses", "sc"]),
    ("csinode", &["csinodes"]),
    ("csidriver", &["csidrivers"]),
    ("volumeattachment", &["volumeattachments"]),
    ("ingress", &["ingresses", "ing"]),
    ("limitrange", &["limitranges", "limits"]),
    ("resourcequota", &["resourcequotas", "quota"]),
    ("nodepool", &["nodepools"]),
    ("nodeclaim", &["nodeclaims"]),
    ("nodeoverlay", &["nodeoverlays"]),
    ("capacitybuffer", &["capacitybuffers"]),
    ("ec2nodeclass", &["ec2nodeclasses", "ec2nc", "ec2ncs"]),
    ("kwoknodeclass", &["kwoknodeclasses"]),
];

/// The full kind in lower case of any spelling; none where it is no kind.
pub(super) fn normal(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    KINDS
        .iter()
        .find(|(kind, others)| *kind == word || others.contains(&word.as_str()))
        .map(|(kind, _)| *kind)
}

/// All spellings of a kind.
pub(super) fn spellings(kind: &str) -> impl Iterator<Item = &'static str> {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    known.into_iter().flat_map(|(kind, others)| std::iter::once(*kind).chain(others.iter().copied()))
}

/// An object by normal kind, namespace (empty where not said) and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Normal kind.
    pub kind: String,
    /// Namespace; empty = not said, or none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// From parts.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Option<Self> {
        let kind = normal(kind)?.to_owned();
        Some(Self { kind, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// `kind/name`, with a namespace said elsewhere.
    pub fn parse(text: &str, namespace: Option<&str>) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        if name.is_empty() || name.contains(['/', '=', ' ']) {
            return None;
        }
        Self::new(kind, namespace.unwrap_or_default(), name)
    }

    /// `kind/name -n namespace`.
    pub fn parse_target(text: &str) -> Option<Self> {
        let (object, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Self::parse(object, rest.trim().strip_prefix("-n ").map(str::trim))
    }

    /// Whether both may be the same: a namespace that is not said does not count, `*` is any name, a node may
    /// lack its DNS suffix.
    pub fn same(&self, other: &ObjectRef) -> bool {
        let names = self.name == other.name
            || self.name == "*"
            || other.name == "*"
            || (self.kind == "node"
                && host(&self.name) == host(&other.name)
                && is_short(&self.name, &other.name));
        let namespaces =
            self.namespace.is_empty() || other.namespace.is_empty() || self.namespace == other.namespace;
        self.kind == other.kind && names && namespaces
    }
}

fn is_short(one: &str, other: &str) -> bool {
    !one.contains('.') || !other.contains('.')
}

/// A node's name without its DNS suffix.
pub(super) fn host(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectls_short_names_are_equal() {
        for (short, full) in [
            ("deploy", "deployment"),
            ("STS", "statefulset"),
            ("ds", "daemonset"),
            ("pdb", "poddisruptionbudget"),
            ("PVC", "persistentvolumeclaim"),
            ("NodePools", "nodepool"),
            ("EC2NodeClass", "ec2nodeclass"),
        ] {
            assert_eq!(normal(short), Some(full), "{short}");
        }
        assert_eq!(normal("nvidia.com"), None);
    }

    #[test]
    fn targets_compare_by_kind_name_and_said_namespace() {
        let same = |one: &str, other: &str| {
            ObjectRef::parse_target(one).unwrap().same(&ObjectRef::parse_target(other).unwrap())
        };
        assert!(same("deployment/replay -n market", "deploy/replay -n market"));
        assert!(same("deployment/replay -n market", "deploy/replay"));
        assert!(!same("deployment/replay -n market", "deploy/replay -n shop"));
        assert!(!same("deployment/replay", "sts/replay"));
        assert!(same("daemonset/*", "ds/nvidia -n kube-system"));
        assert!(same("node/ip-10-0-1-14.ec2.internal", "node/ip-10-0-1-14"));
        assert!(!same("node/ip-10-0-1-14.ec2.internal", "node/ip-10-0-1-14.other"));
        assert!(ObjectRef::parse("10/10", None).is_none());
    }
}
