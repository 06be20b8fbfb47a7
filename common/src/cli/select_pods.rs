//! `-l` and `--field-selector`: which pods are meant.

use clap::Args;
use karp_core::model::{FieldSelector, LabelSelector, Pod, parse_selector};
use karp_core::report::Error;

/// Which pods.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "As kubectl")]
pub struct SelectorFlags {
    /// Labels to select by: app=web,tier!=cache
    #[arg(short = 'l', long, global = true, value_name = "LABELS")]
    pub selector: Option<String>,
    /// Fields to select by: metadata.namespace!=kube-system
    #[arg(long, global = true, value_name = "FIELDS")]
    pub field_selector: Option<String>,
}

/// Pods that both selectors select; without flags all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodSelector {
    labels: Option<LabelSelector>,
    fields: Option<FieldSelector>,
}

impl SelectorFlags {
    /// Reads both.
    ///
    /// # Errors
    /// Wrong usage: a text that is no selector.
    pub fn pods(&self) -> Result<PodSelector, Error> {
        let labels = self.selector.as_deref().map(|text| {
            parse_selector(text).map_err(|cause| {
                Error::usage(format!("-l {text}: {cause}"))
                    .hint("app=web, tier!=cache, 'env in (a, b)', 'env notin (a)', key, '!key'")
            })
        });
        let fields = self.field_selector.as_deref().map(|text| {
            FieldSelector::parse(text).map_err(|cause| {
                let known: Vec<&str> = FieldSelector::fields().collect();
                Error::usage(format!("--field-selector {text}: {cause}"))
                    .hint(format!("=, == or != with {}", known.join(", ")))
            })
        });
        Ok(PodSelector { labels: labels.transpose()?, fields: fields.transpose()? })
    }
}

impl PodSelector {
    /// Whether it selects all pods because nothing was asked.
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_none()
    }

    /// Whether it selects this pod.
    pub fn matches(&self, pod: &Pod) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.matches(&pod.metadata.labels))
            && self.fields.as_ref().is_none_or(|fields| fields.matches(pod))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(labels: &str) -> SelectorFlags {
        SelectorFlags { selector: Some(labels.to_owned()), field_selector: None }
    }

    #[test]
    fn labels_read_as_kubectl_reads_them() {
        let mut pod = Pod::default();
        pod.metadata_mut().labels = [("app", "web"), ("env", "a")].into_iter().collect();
        for (text, matches) in [
            ("app=web", true),
            ("app==web,env!=b", true),
            ("env in (a, b)", true),
            ("env notin (a)", false),
            ("app", true),
            ("!app", false),
            ("tier", false),
        ] {
            assert_eq!(flags(text).pods().unwrap().matches(&pod), matches, "{text}");
        }
        for text in ["app in web", "a b", "x of (a)", "x in (a"] {
            assert!(flags(text).pods().is_err(), "{text}");
        }
    }

    #[test]
    fn both_must_select() {
        let mut pod = Pod::default();
        pod.metadata_mut().labels = [("app", "web")].into_iter().collect();
        pod.metadata_mut().name = "web-0".into();
        let both =
            |fields: &str| SelectorFlags { field_selector: Some(fields.to_owned()), ..flags("app=web") };
        assert!(both("metadata.name=web-0").pods().unwrap().matches(&pod));
        assert!(!both("metadata.name!=web-0").pods().unwrap().matches(&pod));
        insta::assert_snapshot!(both("status.podIP=10.0.0.1").pods().unwrap_err(), @r#"
        error: --field-selector status.podIP=10.0.0.1: pods are not selected by "status.podIP"
        hint: =, == or != with metadata.name, metadata.namespace, spec.nodeName, spec.restartPolicy, spec.schedulerName, spec.hostNetwork, status.phase, status.nominatedNodeName
        "#);
    }
}
