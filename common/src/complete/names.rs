//! What an argument takes: names of objects, bare or behind a kind, names of the kubeconfig, files.

use std::ffi::OsStr;

use clap::builder::ArgExt;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};

use super::source::Source;

/// Something with names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Pods, those that are pending first.
    Pod,
    /// Nodes.
    Node,
    /// NodePools.
    NodePool,
    /// NodeClaims.
    NodeClaim,
    /// Deployments.
    Deployment,
    /// StatefulSets.
    StatefulSet,
    /// Jobs.
    Job,
    /// Namespaces.
    Namespace,
    /// Contexts of the kubeconfig.
    Context,
    /// Clusters of the kubeconfig.
    Cluster,
    /// Users of the kubeconfig.
    User,
}

impl Object {
    /// The kind as it is typed in front of a name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Object::Pod => "pod",
            Object::Node => "node",
            Object::NodePool => "nodepool",
            Object::NodeClaim => "nodeclaim",
            Object::Deployment => "deploy",
            Object::StatefulSet => "sts",
            Object::Job => "job",
            Object::Namespace => "namespace",
            Object::Context => "context",
            Object::Cluster => "cluster",
            Object::User => "user",
        }
    }
}

/// Marks an argument: `#[arg(add = Names::bare(&[Object::Node]))]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Names that stand alone.
    bare: &'static [Object],
    /// Names that stand behind a kind and a slash.
    behind_kind: &'static [Object],
    /// What follows a name within the same word.
    suffix: &'static str,
    /// Whether files are meant too, and the built-in example.
    files: bool,
}

impl ArgExt for Names {}

impl Names {
    /// Names alone.
    pub const fn bare(bare: &'static [Object]) -> Self {
        Names { bare, behind_kind: &[], suffix: "", files: false }
    }

    /// Names behind their kind: `node/X`.
    pub const fn behind_kind(behind_kind: &'static [Object]) -> Self {
        Names { bare: &[], behind_kind, suffix: "", files: false }
    }

    /// Files, standard input and the built-in example.
    pub const fn files() -> Self {
        Names { bare: &[], behind_kind: &[], suffix: "", files: true }
    }

    /// These too, behind their kind.
    #[must_use]
    pub const fn and(self, behind_kind: &'static [Object]) -> Self {
        Names { behind_kind, ..self }
    }

    /// With this behind the name.
    #[must_use]
    pub const fn followed_by(self, suffix: &'static str) -> Self {
        Names { suffix, ..self }
    }

    /// Candidates for what is typed so far.
    pub(super) fn candidates(self, source: &Source, typed: &str) -> Vec<CompletionCandidate> {
        if self.files {
            return files(typed);
        }
        let candidate = |value: String, help: String| {
            CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()))
        };
        if let Some((kind, _)) = typed.split_once('/') {
            let Some(object) = self.behind_kind.iter().find(|object| object.word() == kind) else {
                return Vec::new();
            };
            let found = source.names(*object).into_iter();
            let found = found.map(|(name, help)| (format!("{kind}/{name}{}", self.suffix), help));
            return found
                .filter(|(value, _)| value.starts_with(typed))
                .map(|(value, help)| candidate(value, help))
                .collect();
        }
        let mut found: Vec<(String, String)> = self
            .bare
            .iter()
            .flat_map(|object| source.names(*object))
            .map(|(name, help)| (format!("{name}{}", self.suffix), help))
            .collect();
        // One kind alone: its names at once, not the kind first.
        if let ([object], true) = (self.behind_kind, self.bare.is_empty()) {
            let names = source.names(*object).into_iter();
            found
                .extend(names.map(|(name, help)| (format!("{}/{name}{}", object.word(), self.suffix), help)));
        } else {
            found
                .extend(self.behind_kind.iter().map(|object| (format!("{}/", object.word()), String::new())));
        }
        found
            .into_iter()
            .filter(|(value, _)| value.starts_with(typed))
            .map(|(value, help)| candidate(value, help))
            .collect()
    }
}

fn files(typed: &str) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::file().stdio().complete(OsStr::new(typed));
    const EXAMPLE: &str = "example:workshop";
    if EXAMPLE.starts_with(typed) {
        found.push(CompletionCandidate::new(EXAMPLE).help(Some("no cluster needed".into())));
    }
    found
}
