//! Where names come from: the cluster that the words before name, or the files of `--from`.

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::ArgExt;
use clap::{ArgMatches, FromArgMatches};
use jiff::Timestamp;
use karp_core::model::Snapshot;
use karp_core::report::Error;

use super::Object;
use crate::cli::ClusterFlags;
use crate::cluster::{self, ClusterOptions};
use crate::snapshot::{Input, SnapshotOptions};
use crate::term::{Out, Style};

/// How long whoever pressed Tab waits at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// How what `--from` names is read. It comes with the flag: a verb without one links no decoder.
#[derive(Debug, Clone, Copy)]
pub struct FilesReader(pub fn(&Input, &mut Out<'_>) -> Result<Snapshot, Error>);

impl ArgExt for FilesReader {}

/// Where names come from.
pub(super) struct Source {
    cluster: ClusterOptions,
    from: Vec<String>,
    reader: Option<FilesReader>,
    now: Timestamp,
}

impl Source {
    /// What the words before the one being typed say about the cluster; words that cannot be read are left out.
    pub(super) fn of(command: &clap::Command, words: &[OsString], now: Timestamp) -> Self {
        let line = std::iter::once(OsString::from(command.get_name())).chain(words.iter().cloned());
        let matches = command.clone().ignore_errors(true).try_get_matches_from(line).unwrap_or_default();
        let namespace: Option<String> = one(&matches, "namespace");
        let flags = has(&matches, "context").then(|| ClusterFlags::from_arg_matches(&matches).ok()).flatten();
        let mut cluster = flags.unwrap_or_default().options(namespace.as_deref());
        cluster.request_timeout.get_or_insert(Some(PATIENCE));
        let from = matches.try_get_many::<String>("from").ok().flatten();
        let from = from.map(|values| values.cloned().collect()).unwrap_or_default();
        let flag = command.get_arguments().find(|argument| argument.get_id() == "from");
        let reader = flag.and_then(|flag| flag.get::<FilesReader>()).copied();
        Source { cluster, from, reader, now }
    }

    /// Names of an object with what to say about each; none where they cannot be had.
    pub(super) fn names(&self, object: Object) -> Vec<(String, String)> {
        match object {
            Object::Context | Object::Cluster | Object::User => {
                cluster::kubeconfig_names(&self.cluster, object)
            }
            _ if self.from.is_empty() => cluster::names(&self.cluster, object, PATIENCE),
            _ => self
                .snapshot()
                .map(|snapshot| names_in(&snapshot, object, &self.namespace()))
                .unwrap_or_default(),
        }
    }

    fn namespace(&self) -> String {
        self.cluster.namespace.clone().unwrap_or_else(|| "default".to_owned())
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let (mut quiet, _) = Out::captured(Style::PIPE, self.now);
        let input = Input {
            from: self.from.clone(),
            cluster: self.cluster.clone(),
            options: SnapshotOptions::default(),
        };
        let FilesReader(read) = self.reader?;
        read(&input, &mut quiet).ok()
    }
}

fn has(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).is_ok()
}

fn one(matches: &ArgMatches, id: &str) -> Option<String> {
    matches.try_get_one::<String>(id).ok().flatten().cloned()
}

/// Names in a snapshot.
fn names_in(snapshot: &Snapshot, object: Object, namespace: &str) -> Vec<(String, String)> {
    let objects = &snapshot.objects;
    let plain = |names: Vec<&str>| names.into_iter().map(|name| (name.to_owned(), String::new())).collect();
    let workloads = |kind: &str| {
        let of_kind = objects.workloads.iter().filter(|workload| workload.kind == kind);
        let here = of_kind.filter(|workload| workload.metadata.namespace == namespace);
        plain(here.map(|workload| workload.metadata.name.as_str()).collect())
    };
    match object {
        Object::Pod => {
            let here = objects.pods.iter().filter(|pod| pod.metadata.namespace == namespace);
            let is_pending = |pod: &karp_core::model::Pod| pod.node_name.is_none() && !pod.is_terminal();
            let (pending, others): (Vec<_>, Vec<_>) = here.partition(|pod| is_pending(pod));
            let pending =
                pending.into_iter().map(|pod| (pod.metadata.name.to_string(), "Pending".to_owned()));
            pending
                .chain(others.into_iter().map(|pod| (pod.metadata.name.to_string(), String::new())))
                .collect()
        }
        Object::Node => plain(objects.nodes.iter().map(|node| node.metadata.name.as_str()).collect()),
        Object::NodePool => {
            plain(objects.node_pools.iter().map(|pool| pool.metadata.name.as_str()).collect())
        }
        Object::NodeClaim => {
            plain(objects.node_claims.iter().map(|claim| claim.metadata.name.as_str()).collect())
        }
        Object::Deployment => workloads("Deployment"),
        Object::StatefulSet => workloads("StatefulSet"),
        Object::Job => workloads("Job"),
        Object::Namespace => {
            plain(objects.namespaces.iter().map(|namespace| namespace.metadata.name.as_str()).collect())
        }
        Object::Context | Object::Cluster | Object::User => Vec::new(),
    }
}
