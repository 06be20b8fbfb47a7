//! The kubelet settings of an EC2NodeClass that change what a node offers.
//!
//! AWS provider: pkg/apis/v1/kubeletconfiguration.go. Since 1.15 the field is an open object; values that are
//! expressions (gate `NodeClassCEL`) are not evaluated here and read as unset, which
//! [`KubeletSettings::has_expressions`] tells.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde_json::Value;

use crate::model::{Quantity, ResourceList};

/// Kubelet settings.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct KubeletSettings {
    pub(super) max_pods: Option<i64>,
    pub(super) pods_per_core: Option<i64>,
    pub(super) kube_reserved: ResourceList,
    pub(super) system_reserved: ResourceList,
    /// Signal → quantity or percentage.
    pub(super) eviction_hard: BTreeMap<CompactString, CompactString>,
    /// Whether some value is an expression.
    pub(super) has_expressions: bool,
}

impl KubeletSettings {
    pub(super) fn read(kubelet: Option<&Value>) -> Self {
        let Some(kubelet) = kubelet else {
            return Self::default();
        };
        let mut settings = Self {
            max_pods: kubelet.get("maxPods").and_then(Value::as_i64),
            pods_per_core: kubelet.get("podsPerCore").and_then(Value::as_i64),
            has_expressions: kubelet.get("maxPods").is_some_and(Value::is_string),
            ..Self::default()
        };
        settings.kube_reserved = settings.quantities(kubelet.get("kubeReserved"));
        settings.system_reserved = settings.quantities(kubelet.get("systemReserved"));
        for (signal, value) in kubelet.get("evictionHard").and_then(Value::as_object).into_iter().flatten() {
            settings.eviction_hard.insert(signal.into(), text(value));
        }
        settings
    }

    fn quantities(&mut self, map: Option<&Value>) -> ResourceList {
        let mut list = ResourceList::new();
        for (resource, value) in map.and_then(Value::as_object).into_iter().flatten() {
            match text(value).parse::<Quantity>() {
                Ok(quantity) => list.set(resource.as_str(), quantity),
                Err(_) => self.has_expressions = true,
            }
        }
        list
    }
}

fn text(value: &Value) -> CompactString {
    value.as_str().map_or_else(|| CompactString::from(value.to_string()), CompactString::from)
}
