//! What stays: words of Kubernetes, Karpenter and the clouds, and the keys that are made of them.

use crate::model::{LabelProfile, label_key};

/// Domains whose label keys, annotations and taints are words of Kubernetes, Karpenter, clouds and well-known tools.
const DOMAINS: [&str; 14] = [
    "kubernetes.io",
    "k8s.io",
    "x-k8s.io",
    "karpenter.sh",
    "karpenter.k8s.aws",
    "karpenter.kwok.sh",
    "karpenter.azure.com",
    "k8s.aws",
    "amazonaws.com",
    "aws.com",
    "fluxcd.io",
    "argoproj.io",
    "helm.sh",
    "karp",
];

/// Keys without a domain that Kubernetes and its controllers write, or that every installation knows.
const KEYS: [&str; 8] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "job-name",
    "app",
    "k8s-app",
    "CriticalAddonsOnly",
];

/// Keys of such domains that end in a name.
const NAMES_BEHIND: [&str; 2] = ["kubernetes.io/cluster/", "node-role.kubernetes.io/"];

/// Well-known keys whose values are names all the same.
const NAMED_VALUES: [&str; 5] = [
    label_key::NODE_POOL,
    label_key::HOSTNAME,
    "karpenter.k8s.aws/capacity-reservation-id",
    "karpenter.k8s.aws/ec2nodeclass",
    "karpenter.kwok.sh/kwoknodeclass",
];

/// Domains whose keys say what a machine is like.
const MACHINES: [&str; 3] = ["karpenter.k8s.aws/", "karpenter.kwok.sh/", "karpenter.azure.com/"];

/// Words that stay wherever they stand: systems' own names, values of the API, beginnings of ids that rules read.
const WORDS: &str = "default kube system public node lease scheduler cluster critical true false spot on demand \
    reserved amd64 arm64 linux windows cpu memory pods nodes ephemeral storage In NotIn Exists DoesNotExist Gt Lt Gte \
    Lte NoSchedule NoExecute PreferNoSchedule karpenter control plane master hostname placeholder metadata name \
    ip i ami subnet sg vol cr pvc eni fargate aws kwok azure gce kind arn ec2 eks internal compute local svc com org \
    net io amazon self Helm Fargate";

/// Words of the texts that Karpenter and the commands print. A name that is one of them stays, so that names in texts
/// can be told from prose.
const PROSE: &str = "a all allowed an and any are available as at be because been but by can capacity change claim \
    claims compatible could counts daemonset daemonsets did do does domain domains each empty enough error exceed \
    exceeds existing failed fit fits for found from group had has have here host hostnames if ignoring immediate in \
    incompatible instance instanceTypes is it its key keys known label labels launch less limit limits many match \
    matches max met min minValues missing mode more most namespace new no none nodeclaim nodeclaims nodepool nodepools not \
    of off offering offerings one only or other out overhead pending pod policy pool port possible price prices \
    provisioner pvc pv read ready remove replicas required requirement requirements requirementset reservation \
    resource resources right satisfied satisfy schedule scheduled scheduling set skew small smallest so spec spread \
    state still taint taints template than that the their them there they this to tolerate tolerates toleration \
    topology two type types unavailable undefined unbound unknown unsatisfiable until up validate value values volume waiting \
    was weight were what which while with within without would yes you zone zones";

/// Whether a word stays wherever it stands.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.split_whitespace()
}

/// Whether a text is a word of prose.
pub(super) fn is_prose(text: &str) -> bool {
    PROSE.split_whitespace().any(|word| word == text)
}

/// The part of a key that stays, and the name behind it; none = the whole key is a name.
pub(super) fn key_parts<'k>(key: &'k str, profile: &LabelProfile) -> Option<(&'k str, &'k str)> {
    if let Some(start) = NAMES_BEHIND.iter().find(|start| key.starts_with(**start)) {
        return Some(key.split_at(start.len()));
    }
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let within = |fixed: &&str| {
        domain == *fixed || domain.strip_suffix(*fixed).is_some_and(|rest| rest.ends_with('.'))
    };
    let stays = profile.is_well_known(key)
        || profile.normalized.contains_key(key)
        || profile.is_restricted(key)
        || KEYS.contains(&key)
        || DOMAINS.iter().any(within);
    stays.then_some((key, ""))
}

/// Whether values under a key are words of the provider: zones, instance types.
pub(super) fn has_fixed_values(key: &str, profile: &LabelProfile) -> bool {
    let is_zone = key.ends_with("/zone") || key.ends_with("/region") || key.ends_with("/zone-id");
    let is_machine = MACHINES.iter().any(|domain| key.starts_with(domain));
    (profile.is_well_known(key) || profile.normalized.contains_key(key) || is_zone || is_machine)
        && !NAMED_VALUES.contains(&key)
}

/// The part of a key that a well-known key resembles as Karpenter sees it when it guesses what a misspelt key was
/// meant to be: it stays, so that the guess does.
pub(super) fn misspelt_part<'k>(key: &'k str, profile: &LabelProfile) -> Option<&'k str> {
    let suffix = key.split_once('/').map_or(key, |(_, suffix)| suffix);
    let any = |holds: &dyn Fn(&str) -> bool| profile.well_known.iter().any(|known| holds(known));
    if any(&|known| known.contains(key)) {
        Some(key)
    } else {
        any(&|known| known.ends_with(suffix)).then_some(suffix)
    }
}
