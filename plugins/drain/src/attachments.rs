//! Volumes that are still attached to a node: what the controller waits for before it ends an instance.
//!
//! Karpenter: pkg/controllers/node/termination/controller.go (VolumeAttachments of the node, but for those of pods
//! that stay).

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;
use karp_common::cluster::Writer;
use karp_core::report::Error;
use serde::Deserialize;

/// Seconds between two lists: they hold the attachments of the whole cluster.
const LIST_EVERY_SECONDS: i64 = 3;

/// What is known of attachments.
#[derive(Default)]
pub(crate) struct Attachments {
    by_node: BTreeMap<CompactString, BTreeSet<CompactString>>,
    listed: Option<Timestamp>,
    forbidden: bool,
}

#[derive(Deserialize)]
struct VolumeAttachment {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: CompactString,
    source: Source,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(default)]
    persistent_volume_name: Option<CompactString>,
}

impl Attachments {
    /// PersistentVolumes attached to a node, without those of pods that stay; none where they may not be read.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(crate) fn of(
        &mut self,
        writer: &Writer,
        node: &str,
        staying: &BTreeSet<CompactString>,
        now: Timestamp,
    ) -> Result<Vec<CompactString>, Error> {
        let due = self.listed.is_none_or(|at| now.as_second() - at.as_second() >= LIST_EVERY_SECONDS);
        if due && !self.forbidden {
            match writer.list_if_allowed("/apis/storage.k8s.io/v1/volumeattachments")? {
                Some(all) => self.take(all),
                None => self.forbidden = true,
            }
            self.listed = Some(now);
        }
        let attached = self.by_node.get(node).into_iter().flatten();
        Ok(attached.filter(|volume| !staying.contains(*volume)).cloned().collect())
    }

    /// Whether the list was refused.
    pub(crate) fn are_forbidden(&self) -> bool {
        self.forbidden
    }

    fn take(&mut self, all: Vec<VolumeAttachment>) {
        self.by_node.clear();
        for found in all {
            if let Some(volume) = found.spec.source.persistent_volume_name {
                self.by_node.entry(found.spec.node_name).or_default().insert(volume);
            }
        }
    }
}
