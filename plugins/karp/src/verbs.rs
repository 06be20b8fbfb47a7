//! The built-in verbs.

use std::ffi::OsString;

use karp_common::term::Out;
use karp_core::report::{Error, ExitCode};

use crate::{Program, completion, version};

/// Where a verb stands in the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// Answers questions.
    Ask,
    /// Changes the cluster.
    Act,
    /// Keeps things for later.
    Keep,
}

/// Who we are, arguments behind the verb and output in, exit code out.
type Run = fn(&Program, Vec<OsString>, &mut Out<'_>) -> Result<ExitCode, Error>;

/// A built-in verb.
#[derive(Debug)]
pub(crate) struct Verb {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where it stands in the overview.
    pub(crate) section: Section,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// Its command line.
    pub(crate) command: fn() -> clap::Command,
    /// Its own code.
    run: Run,
}

/// All of them, in the order of the overview.
pub(crate) const VERBS: &[Verb] = &[
    Verb {
        name: "explain",
        section: Section::Ask,
        about: "Why a pod does or does not schedule, and what would change it",
        command: kubectl_karp_explain::command,
        run: |_, words, out| kubectl_karp_explain::run(words, out),
    },
    Verb {
        name: "preview",
        section: Section::Ask,
        about: "The nodes Karpenter would launch, or what an edit would do",
        command: kubectl_karp_preview::command,
        run: |_, words, out| kubectl_karp_preview::run(words, out),
    },
    Verb {
        name: "drift",
        section: Section::Ask,
        about: "What is drifted, by which field, and when it will roll",
        command: kubectl_karp_drift::command,
        run: |_, words, out| kubectl_karp_drift::run(words, out),
    },
    Verb {
        name: "cordon",
        section: Section::Act,
        about: "Stop pods from coming to nodes, or pause a NodePool",
        command: kubectl_karp_cordon::command,
        run: |_, words, out| kubectl_karp_cordon::run(words, out),
    },
    Verb {
        name: "uncordon",
        section: Section::Act,
        about: "Let pods come back, or let a NodePool go on",
        command: kubectl_karp_uncordon::command,
        run: |_, words, out| kubectl_karp_uncordon::run(words, out),
    },
    Verb {
        name: "drain",
        section: Section::Act,
        about: "Empty nodes without breaking a PodDisruptionBudget",
        command: kubectl_karp_drain::command,
        run: |_, words, out| kubectl_karp_drain::run(words, out),
    },
    Verb {
        name: "snapshot",
        section: Section::Keep,
        about: "Save what the commands read, to replay with --from",
        command: kubectl_karp_snapshot::command,
        run: |_, words, out| kubectl_karp_snapshot::run(words, out),
    },
    #[cfg(feature = "aws")]
    Verb {
        name: "catalog",
        section: Section::Keep,
        about: "Instance types and prices: refresh, show",
        command: kubectl_karp_catalog::command,
        run: |_, words, out| kubectl_karp_catalog::run(words, out),
    },
    Verb {
        name: "completion",
        section: Section::Keep,
        about: "Completion by your shell, through kubectl's own: install, uninstall",
        command: completion::command,
        run: completion::run,
    },
    Verb {
        name: "version",
        section: Section::Keep,
        about: "Versions, modelled Karpenter, age of data",
        command: version::command,
        run: version::run,
    },
];

/// The verb of this name.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

impl Verb {
    /// Runs it.
    pub(crate) fn run(
        &self,
        program: &Program,
        arguments: Vec<OsString>,
        out: &mut Out<'_>,
    ) -> Result<ExitCode, Error> {
        (self.run)(program, arguments, out)
    }
}
