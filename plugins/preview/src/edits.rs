//! What the run adds to the cluster: files that are not applied, another number of replicas, a node less.

use karp_common::cli::PodSelector;
use karp_common::snapshot;
use karp_common::term::Out;
use karp_core::apply::{RemoveError, ScaleError, apply, scale, without_node};
use karp_core::model::{Objects, Snapshot};
use karp_core::preview::{Edited, apply_edits};
use karp_core::report::Error;

use crate::cli::Cli;

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    /// Whether anything was.
    pub(crate) any: bool,
    /// NodePools, NodeClasses and NodeOverlays.
    pub(crate) karpenter: Edited,
    /// What a reader must know.
    pub(crate) notes: Vec<String>,
    /// Pending pods that `-l` and `--field-selector` do not select.
    pub(crate) left_out: usize,
}

/// Reads the cluster as it is.
pub(crate) fn read_live(cli: &Cli, out: &mut Out<'_>) -> Result<Snapshot, Error> {
    snapshot::read(&cli.source.input(&cli.cluster, cli.scope.namespace.as_deref()), out)
}

/// Makes all changes that the flags ask for.
pub(crate) fn apply_all(cli: &Cli, snapshot: &mut Snapshot, out: &mut Out<'_>) -> Result<Edits, Error> {
    let namespace = cli.source.namespace(&cli.cluster, cli.scope.namespace.as_deref())?;
    let mut edits = Edits::default();
    if !cli.source.filename.is_empty() {
        let mut files = snapshot::read_files(&cli.source.filename, out)?;
        edits.karpenter = apply_edits(snapshot, take_karpenter(&mut files));
        edits.notes = apply(snapshot, files, &namespace).notes;
        edits.any = true;
    }
    if !cli.nodepool.is_empty() {
        let mut files = snapshot::read_files(&cli.nodepool, out)?;
        let more = apply_edits(snapshot, take_karpenter(&mut files));
        if more.names().next().is_none() {
            return Err(Error::usage("--nodepool: no NodePool, NodeClass or NodeOverlay in it")
                .hint("other objects go into -f"));
        }
        edits.karpenter.replaced.extend(more.replaced);
        edits.karpenter.added.extend(more.added);
        edits.karpenter.unresolved.extend(more.unresolved);
        edits.any = true;
    }
    if cli.diff && edits.karpenter.names().next().is_none() {
        return Err(Error::usage(
            "--diff needs a NodePool, NodeClass or NodeOverlay to compare with the live one",
        )
        .hint("kubectl karp preview --diff -f nodepool.yaml"));
    }
    for words in &cli.scale {
        let applied = scale_one(words, &namespace, snapshot)?;
        edits.notes.extend(applied);
        edits.any = true;
    }
    for name in &cli.without {
        take_out(name, snapshot)?;
        edits.any = true;
    }
    Ok(edits)
}

/// Takes out the pending pods that are not selected; says how many.
pub(crate) fn keep_selected(selector: &PodSelector, snapshot: &mut Snapshot) -> usize {
    let pods = &mut snapshot.objects.pods;
    let before = pods.len();
    pods.retain(|pod| pod.node_name.is_some() || pod.is_terminal() || selector.matches(pod));
    before - pods.len()
}

/// Moves what Karpenter owns out of a set of objects.
fn take_karpenter(files: &mut Objects) -> Objects {
    Objects {
        node_pools: std::mem::take(&mut files.node_pools),
        ec2_node_classes: std::mem::take(&mut files.ec2_node_classes),
        other_node_classes: std::mem::take(&mut files.other_node_classes),
        node_overlays: std::mem::take(&mut files.node_overlays),
        ..Objects::default()
    }
}

/// The kinds that scale, by every name kubectl has for them.
const SCALABLE: [(&str, &[&str]); 5] = [
    ("Deployment", &["deploy", "deployment", "deployments", "deployment.apps", "deployments.apps"]),
    ("StatefulSet", &["sts", "statefulset", "statefulsets", "statefulset.apps", "statefulsets.apps"]),
    ("ReplicaSet", &["rs", "replicaset", "replicasets", "replicaset.apps", "replicasets.apps"]),
    ("ReplicationController", &["rc", "replicationcontroller", "replicationcontrollers"]),
    ("Job", &["job", "jobs", "job.batch", "jobs.batch"]),
];

fn scale_one(words: &str, namespace: &str, snapshot: &mut Snapshot) -> Result<Vec<String>, Error> {
    let wrong = |what: &str| {
        Error::usage(format!("--scale {words}: {what}")).hint("for example --scale deploy/inflate=20")
    };
    let (object, number) =
        words.rsplit_once('=').ok_or_else(|| wrong("the number of replicas is missing"))?;
    let replicas: u32 = number.parse().map_err(|_| wrong(&format!("{number:?} is no number of replicas")))?;
    let (kind_word, name) = object.split_once('/').ok_or_else(|| wrong("KIND/NAME is missing"))?;
    let kind = SCALABLE
        .iter()
        .find(|(_, words)| words.contains(&kind_word.to_lowercase().as_str()))
        .map(|(kind, _)| *kind)
        .ok_or_else(|| {
            let kinds: Vec<&str> = SCALABLE.iter().map(|(_, words)| words[0]).collect();
            wrong(&format!("{kind_word} has no replicas")).hint(format!("kinds: {}", kinds.join(", ")))
        })?;
    match scale(snapshot, kind, namespace, name, replicas) {
        Ok(applied) => Ok(applied.notes),
        Err(error @ ScaleError::NotFound { .. }) => {
            Err(not_found_workload(error.to_string(), kind, name, namespace, snapshot))
        }
        Err(error) => Err(Error::usage(error.to_string())),
    }
}

/// A name in another namespace wins; else the nearest names.
fn not_found_workload(
    message: String,
    kind: &str,
    name: &str,
    namespace: &str,
    snapshot: &Snapshot,
) -> Error {
    let same_kind = || snapshot.objects.workloads.iter().filter(|workload| workload.kind == kind);
    let elsewhere = same_kind().find(|workload| workload.metadata.name == name);
    let error = Error::not_found(message);
    if let Some(found) = elsewhere {
        let there = &found.metadata.namespace;
        return error.hint(format!("it is in namespace {there}: add -n {there}"));
    }
    let names: Vec<&str> = same_kind()
        .filter(|workload| workload.metadata.namespace == namespace)
        .map(|workload| workload.metadata.name.as_str())
        .collect();
    with_nearest(error, name, names)
}

fn take_out(words: &str, snapshot: &mut Snapshot) -> Result<(), Error> {
    let name = match words.split_once('/') {
        Some(("node" | "nodes" | "no", name)) => name,
        None => words,
        Some(_) => {
            return Err(Error::usage(format!("--without {words}: only nodes can be left out"))
                .hint("for example --without node/ip-10-0-1-137.ec2.internal"));
        }
    };
    without_node(snapshot, name).map(|_| ()).map_err(|error| {
        let RemoveError::NotFound { .. } = &error;
        let names = snapshot.objects.nodes.iter().map(|node| node.metadata.name.as_str()).collect();
        with_nearest(Error::not_found(error.to_string()), name, names)
    })
}

/// Adds the nearest three names as a hint.
fn with_nearest(error: Error, name: &str, mut names: Vec<&str>) -> Error {
    const SHOWN: usize = 3;
    names.sort_by_key(|known| (strsim::levenshtein(known, name), *known));
    names.truncate(SHOWN);
    if names.is_empty() { error } else { error.hint(format!("did you mean {}?", names.join(", "))) }
}
