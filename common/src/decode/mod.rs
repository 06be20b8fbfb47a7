//! From raw bytes to [`Objects`]: `kubectl get -o json|yaml` lists, single objects, JSON Lines, multi-document
//! YAML, our own snapshot form, must-gather style folders; plain, gzip or zstd.
//!
//! Streams: one object is held as text at a time, equal pod specs are shared, so memory follows what is kept and
//! not what is read. Any bytes give objects or an [`Error`] naming file, line, object and field; never a panic.
//! Kinds that no rule reads, Secrets among them, are counted and forgotten before anything of them is decoded.
//!
//! This module knows no cluster and no simulation. What a [`Decoded`] means as a moment of a cluster is decided
//! in [`crate::snapshot`].

mod check;
mod chunk;
mod collect;
mod controller;
mod item;
mod json;
mod known_specs;
mod locate;
mod pod;
mod read_ahead;
mod source;
#[cfg(test)]
mod tests;
mod yaml;
mod yaml_json;

use std::io::Read;

use karp_core::model::{ControllerSettings, Gap, Objects};
use karp_core::report::Error;

pub use collect::Counts;
pub use controller::{ControllerDeployment, parse_settings};
pub use source::STDIN;
pub use yaml_json::{BrokenYaml, yaml_to_json};

/// Largest single object: etcd holds 1.5 MiB, so anything near this is no object.
const MAX_OBJECT_BYTES: usize = 64 << 20;

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The objects; of objects read twice the last.
    pub objects: Objects,
    /// What our own form says beside its objects.
    pub recorded: Option<Recorded>,
    /// Deployments that look like Karpenter's controller, best match first.
    pub controllers: Vec<ControllerDeployment>,
    /// CA certificate of the cluster (PEM), from ConfigMap kube-root-ca.crt.
    pub cluster_ca: Option<String>,
    /// Kinds that were there but cannot be used.
    pub gaps: Vec<Gap>,
    /// Plurals of kinds of which an empty list was read: known to have none.
    pub known_empty: Vec<String>,
    /// Unknown fields of Karpenter objects, each once: `nodepool/spot spec.foo`.
    pub unknown_fields: Vec<String>,
    /// Objects of kinds that no rule reads.
    pub ignored: usize,
    /// What a user should know, each a sentence without full stop.
    pub warnings: Vec<String>,
    /// Names of what was read, as the user wrote them.
    pub sources: Vec<String>,
}

/// What our own form says beside its objects.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorded {
    /// When the snapshot was taken.
    pub taken_at: Option<jiff::Timestamp>,
    /// Version of the API server.
    pub server_version: Option<String>,
    /// Settings of the controller.
    pub controller: Option<ControllerSettings>,
}

/// Reads sources one after the other into one [`Decoded`].
pub struct Decoder<'p> {
    collector: collect::Collector<'p>,
    stdin: Box<dyn FnMut() -> Box<dyn Read + Send> + 'p>,
}

impl<'p> Decoder<'p> {
    /// A decoder that reads the process's stdin for `-`, and reports what it has read so far to `progress`.
    pub fn new(progress: &'p mut dyn FnMut(&Counts)) -> Self {
        Self { collector: collect::Collector::new(progress), stdin: Box::new(|| Box::new(std::io::stdin())) }
    }

    /// The same with another stdin.
    #[must_use]
    pub fn with_stdin(mut self, stdin: impl FnMut() -> Box<dyn Read + Send> + 'p) -> Self {
        self.stdin = Box::new(stdin);
        self
    }

    /// Reads a file, a folder, `-` or `example:NAME`.
    ///
    /// # Errors
    /// Unreadable, malformed or misspelt input, naming file, line, object and field.
    pub fn read(&mut self, name: &str) -> Result<(), Error> {
        self.collector.decoded.sources.push(name.to_owned());
        match source::open(name, &mut *self.stdin)? {
            source::Source::One(shown, reader) => self.stream(&shown, reader, false),
            source::Source::Folder(files) => files
                .iter()
                .try_for_each(|path| self.stream(&source::shown(path), source::open_file(path)?, true)),
        }
    }

    /// Reads one stream.
    ///
    /// # Errors
    /// As [`Decoder::read`].
    pub fn read_stream(&mut self, name: &str, reader: Box<dyn Read + Send>) -> Result<(), Error> {
        self.collector.decoded.sources.push(name.to_owned());
        self.stream(name, reader, false)
    }

    fn stream(&mut self, name: &str, reader: Box<dyn Read + Send>, in_folder: bool) -> Result<(), Error> {
        let reader = source::unpack(name, reader)?;
        self.collector.stream(name, reader, in_folder)
    }

    /// Group and kind of every NodeClass that NodePools read so far refer to, EC2NodeClass apart; sorted.
    pub fn node_class_kinds(&self) -> Vec<(String, String)> {
        let pools = &self.collector.decoded.objects.node_pools;
        let kinds: std::collections::BTreeSet<(String, String)> = pools
            .iter()
            .map(|pool| &pool.spec.template.spec.node_class_ref)
            .filter(|reference| !reference.group.is_empty() && reference.kind != "EC2NodeClass")
            .map(|reference| (reference.group.to_string(), reference.kind.to_string()))
            .collect();
        kinds.into_iter().collect()
    }

    /// Everything that was read.
    pub fn finish(self) -> Decoded {
        self.collector.finish()
    }
}

/// The error of a failing read.
fn cannot_read(name: &str, error: &std::io::Error) -> Error {
    Error::usage(format!("{name}: cannot be read")).cause(error)
}
