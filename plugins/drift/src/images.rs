//! Images of AMIDrift: names short enough for a screen, Kubernetes version and day from a name.

use compact_str::CompactString;
use jiff::Timestamp;
use karp_core::model::{AwsFacts, Snapshot};

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ImageFacts {
    /// Name.
    pub(crate) name: Option<CompactString>,
    /// Kubernetes minor version in its name.
    pub(crate) kubernetes: Option<String>,
    /// When it was made: as EC2 says, else the day in its name.
    pub(crate) created: Option<Timestamp>,
}

/// From EC2 where it was read, else from whatever EC2NodeClass lists the image.
pub(crate) fn image_facts(id: &str, snapshot: &Snapshot, facts: Option<&AwsFacts>) -> ImageFacts {
    let read = facts.and_then(|facts| facts.images.get(id));
    let listed = snapshot
        .objects
        .ec2_node_classes
        .iter()
        .flat_map(|class| &class.status.amis)
        .find(|ami| ami.id == id)
        .and_then(|ami| ami.name.clone());
    let name = read.map(|image| image.name.clone()).filter(|name| !name.is_empty()).or(listed);
    let created = read.and_then(|image| image.created_at).or_else(|| day(name.as_deref()?));
    ImageFacts { kubernetes: name.as_deref().and_then(kubernetes), created, name }
}

/// The part of a name between dashes that reads as a Kubernetes minor version: `1.33`.
pub(crate) fn kubernetes(name: &str) -> Option<String> {
    let parts = name.split(['-', '_']);
    parts.filter(|part| part.starts_with("1.")).find(|part| is_minor(part)).map(str::to_owned)
}

fn is_minor(text: &str) -> bool {
    text.strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The day in names such as `...-v20261021`.
fn day(name: &str) -> Option<Timestamp> {
    let digits = name.rsplit(['-', '_']).find_map(|part| {
        let digits = part.strip_prefix('v').unwrap_or(part);
        (digits.len() == 8 && digits.starts_with("20") && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then_some(digits)
    })?;
    format!("{}-{}-{}T00:00:00Z", &digits[..4], &digits[4..6], &digits[6..]).parse().ok()
}

/// `amazon-eks-node-al2023-arm64-standard-1.33-v20261021` → `al2023 arm64 v20261021`; other names as they are, cut
/// in the middle never.
pub(crate) fn short_name(name: &str) -> String {
    let known = name.strip_prefix("amazon-eks-node-").or_else(|| name.strip_prefix("bottlerocket-aws-k8s-"));
    let Some(rest) = known else { return name.to_owned() };
    let family = if name.starts_with("bottlerocket") { Some("bottlerocket") } else { None };
    let parts = rest.split('-').filter(|part| !is_minor(part) && *part != "standard");
    family.into_iter().chain(parts).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_eks_images() {
        for (name, short, version, made) in [
            (
                "amazon-eks-node-al2023-arm64-standard-1.33-v20261021",
                "al2023 arm64 v20261021",
                Some("1.33"),
                Some("2026-10-21"),
            ),
            (
                "bottlerocket-aws-k8s-1.36-nvidia-x86_64-v1.46.0-ab12cd34",
                "bottlerocket nvidia x86_64 v1.46.0 ab12cd34",
                Some("1.36"),
                None,
            ),
            ("my-image-7", "my-image-7", None, None),
        ] {
            assert_eq!(short_name(name), short);
            assert_eq!(kubernetes(name).as_deref(), version);
            assert_eq!(day(name).map(|day| day.to_string()[..10].to_owned()).as_deref(), made);
        }
    }
}
